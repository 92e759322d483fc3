"""Proofs are judged as RFC 9162 says: every vector of transparency-dev/merkle, and no flipped bit, lying size, foreign
entry or second spelling passes."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import Unverified
from runner.formats import note
from runner.formats.proof import open_proof, verify_consistency, verify_inclusion, write_proof
from runner.formats.tiles import EMPTY_ROOT, leaf_hash
from runner.model import Checkpoint
from tests.make import ORIGIN, key
from tests.naive_rfc9162 import mth, path, proof

ENTRIES = [b"entry %d" % number for number in range(40)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
LOG = key("log")
VKEY = note.vkey(ORIGIN, LOG.public)
INDEX = 21
SIGNED = note.sign(note.checkpoint_text(Checkpoint(ORIGIN, 40, mth(LEAVES))), ORIGIN, LOG)
PROOF = write_proof(INDEX, path(INDEX, LEAVES), SIGNED)


def code(action, *arguments) -> str:
    with pytest.raises(Unverified) as raised:
        action(*arguments)
    return raised.value.code


def holds(action, *arguments) -> bool:
    try:
        action(*arguments)
    except Unverified:
        return False
    return True


def cases(folder: Path) -> list[tuple[str, dict]]:
    found = [(str(path.relative_to(folder)), json.loads(path.read_text())) for path in sorted(folder.rglob("*.json"))]
    assert len(found) > 90
    return found


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def test_every_inclusion_vector_is_judged_right(vectors: Path) -> None:
    for name, case in cases(vectors / "merkle/testdata/inclusion"):
        hashes = [decoded(item) for item in case["proof"] or ()]
        arguments = (decoded(case["leafHash"]), case["leafIdx"], case["treeSize"], hashes, decoded(case["root"]))
        assert holds(verify_inclusion, *arguments) == (not case["wantErr"]), name


def test_every_consistency_vector_is_judged_right_but_for_short_roots(vectors: Path) -> None:
    short = []
    for name, case in cases(vectors / "merkle/testdata/consistency"):
        roots = decoded(case["root1"]), decoded(case["root2"])
        hashes = [decoded(item) for item in case["proof"] or ()]
        judged = holds(verify_consistency, case["size1"], roots[0], case["size2"], roots[1], hashes)
        if judged == case["wantErr"]:
            short.append((name, judged, *map(len, roots)))
    assert [(judged, *lengths) for _, judged, *lengths in short] == [(False, 12, 12)], short


def test_exactly_the_right_proof_of_every_small_tree_holds() -> None:
    for size in range(1, 40):
        root = mth(LEAVES[:size])
        for index in range(size):
            found = path(index, LEAVES[:size])
            verify_inclusion(LEAVES[index], index, size, found, root)
            for other in range(-1, size + 1):
                assert holds(verify_inclusion, LEAVES[index], other, size, found, root) == (other == index)
            for wrong in ([*found, root], found[:-1] if found else [root], [root, *found], found[::-1][:-1] or [root]):
                assert not holds(verify_inclusion, LEAVES[index], index, size, wrong, root)
        for old in range(1, size + 1):
            found = proof(old, LEAVES[:size])
            old_root = mth(LEAVES[:old])
            verify_consistency(old, old_root, size, root, found)
            for other in range(-1, size + 2):
                if other != old:
                    assert not holds(verify_consistency, other, old_root, size, root, found)
            for wrong in ([*found, root], found[:-1] if found else [root], [root, *found]):
                assert not holds(verify_consistency, old, old_root, size, root, wrong)


def test_every_log_extends_the_empty_one_and_none_extends_a_longer_one() -> None:
    root = mth(LEAVES)
    verify_consistency(0, EMPTY_ROOT, 40, root, [])
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    assert not holds(verify_consistency, 0, root, 40, root, [])
    assert not holds(verify_consistency, 0, EMPTY_ROOT, 0, root, [])
    assert not holds(verify_consistency, 0, EMPTY_ROOT, 40, root, [root])
    assert not holds(verify_consistency, 40, root, 39, mth(LEAVES[:39]), [])
    assert not holds(verify_consistency, 40, root, 40, mth(LEAVES[:39]), [])


def test_an_interior_node_cannot_pose_as_an_entry() -> None:
    node = LEAVES[0] + LEAVES[1]
    assert not holds(verify_inclusion, leaf_hash(node), 0, 20, path(0, LEAVES)[1:], mth(LEAVES))
    assert leaf_hash(node) != mth(LEAVES[:2])


def test_a_proof_text_proves_one_entry_at_one_index_of_one_log() -> None:
    assert open_proof(PROOF, ENTRIES[INDEX], ORIGIN, [VKEY]) == INDEX
    assert code(open_proof, PROOF, ENTRIES[INDEX + 1], ORIGIN, [VKEY]) == "inclusion-wrong"
    moved = PROOF.replace(b"index 21", b"index 20")
    assert code(open_proof, moved, ENTRIES[INDEX], ORIGIN, [VKEY]) == "inclusion-wrong"
    assert code(open_proof, PROOF, ENTRIES[INDEX], "example.org/other", [VKEY]) == "checkpoint-origin"
    split = PROOF.replace(b"index 21\n", b"index 21\n\n")
    assert code(open_proof, split, ENTRIES[INDEX], ORIGIN, [VKEY]) == "note-signature-wrong"
    other = note.vkey(ORIGIN, key("other").public)
    assert code(open_proof, PROOF, ENTRIES[INDEX], ORIGIN, [other]) == "note-unsigned"
    longer = note.checkpoint_text(Checkpoint(ORIGIN, 65, mth(LEAVES)))
    lying = write_proof(INDEX, path(INDEX, LEAVES), note.sign(longer, ORIGIN, LOG))
    assert code(open_proof, lying, ENTRIES[INDEX], ORIGIN, [VKEY]) == "inclusion-wrong"


def test_a_log_of_one_entry_needs_no_path() -> None:
    signed = note.sign(note.checkpoint_text(Checkpoint(ORIGIN, 1, LEAVES[0])), ORIGIN, LOG)
    text = write_proof(0, [], signed)
    assert text.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\nexample.org/beacon/log\n1\n")
    assert open_proof(text, ENTRIES[0], ORIGIN, [VKEY]) == 0


@pytest.mark.parametrize(
    "mangled",
    [
        b"",
        PROOF.replace(b"@v1", b"@v2"),
        b"\n" + PROOF,
        PROOF.replace(b"\n", b"\r\n"),
        PROOF.replace(b"index 21", b"index 021"),
        PROOF.replace(b"index 21", b"index +21"),
        PROOF.replace(b"index 21", b"index 2_1"),
        PROOF.replace(b"index 21", b"index  21"),
        PROOF.replace(b"index 21", b"index " + b"9" * 5000),
        PROOF.replace(b"index 21", "index \u0662\u0661".encode()),
        PROOF.replace(b"index 21\n", b""),
        PROOF.replace(b"index 21", b"extra AAAA\nindex 21"),
        PROOF.replace(b"index 21\n", b"index 21\nAAA\n"),
        PROOF.replace(b"=\n", b"\n", 1),
        PROOF.replace(b"=\n", b"= \n", 1),
        write_proof(INDEX, [bytes(32)] * 64, SIGNED),
        PROOF + b"\n" * note.MAX_NOTE,
    ],
)
def test_proof_texts_that_are_none(mangled: bytes) -> None:
    assert mangled != PROOF
    assert code(open_proof, mangled, ENTRIES[INDEX], ORIGIN, [VKEY]) in {"proof-malformed", "note-malformed"}


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.integers(0, len(PROOF) - 1), st.integers(1, 255))
def test_no_proof_text_survives_a_changed_byte(at: int, bits: int) -> None:
    with pytest.raises(Unverified):
        open_proof(PROOF[:at] + bytes([PROOF[at] ^ bits]) + PROOF[at + 1 :], ENTRIES[INDEX], ORIGIN, [VKEY])


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.data())
def test_no_path_survives_a_changed_bit(data: st.DataObject) -> None:
    old = data.draw(st.integers(1, 39))
    index = data.draw(st.integers(0, 39))
    for found, verify, before, after in (
        (path(index, LEAVES), verify_inclusion, (LEAVES[index], index, 40), (mth(LEAVES),)),
        (proof(old, LEAVES), verify_consistency, (old, mth(LEAVES[:old]), 40, mth(LEAVES)), ()),
    ):
        where = data.draw(st.integers(0, len(found) - 1))
        bit = data.draw(st.integers(0, 255))
        flipped = (int.from_bytes(found[where], "big") ^ 1 << bit).to_bytes(32, "big")
        mangled = [*found[:where], flipped, *found[where + 1 :]]
        assert holds(verify, *before, found, *after)
        assert not holds(verify, *before, mangled, *after)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.binary(max_size=300))
def test_noise_is_refused_as_what_it_is(noise: bytes) -> None:
    for attempt in (noise, b"c2sp.org/tlog-proof@v1\nindex 1\n" + noise, noise + SIGNED):
        with pytest.raises(Unverified):
            open_proof(attempt, b"", ORIGIN, [VKEY])
