"""The log is RFC 9162's tree in C2SP's files: every root, proof and file of every small size is what a naive reading of
the RFC says, a log that others wrote is read in full, and no altered, missing or stray file passes `fsck`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import Unverified
from runner.formats import log, note
from runner.formats.proof import verify_consistency, verify_inclusion
from runner.formats.tiles import EMPTY_ROOT, leaf_hash, tile_path, tile_paths
from runner.model import Checkpoint
from tests import naive_rfc9162 as rfc
from tests.logs import TESSERA, Store, grown, made
from tests.naive_rfc9162 import mth

SIZES = 300


def code(action, *arguments, **named) -> str:
    with pytest.raises(Unverified) as raised:
        action(*arguments, **named)
    return raised.value.code


def test_every_small_tree_has_the_roots_files_and_proofs_of_the_rfc() -> None:
    entries = made(SIZES)
    leaves = [leaf_hash(entry) for entry in entries]
    store = Store()
    for size in range(SIZES + 1):
        if size:
            appended = store.grow(size - 1, entries[size - 1 : size])
            assert (appended.size, appended.root) == (size, mth(leaves[:size]))
        assert set(store) == set(tile_paths(size))
        assert log.root(store.get, size) == mth(leaves[:size])
        if size < 70 or size in {127, 128, 129, 255, 256, 257, 300}:
            for index in range(size):
                found = log.inclusion(store.get, index, size)
                assert list(found) == rfc.path(index, leaves[:size])
                verify_inclusion(leaves[index], index, size, found, mth(leaves[:size]))
            for old in range(size + 1):
                found = log.consistency(store.get, old, size)
                assert list(found) == (rfc.proof(old, leaves[:size]) if old else [])
                verify_consistency(old, mth(leaves[:old]), size, mth(leaves[:size]), found)
                assert log.root(store.get, old, size) == mth(leaves[:old])


@pytest.mark.parametrize("total", [65_535, 65_536, 70_000])
def test_however_it_grows_it_is_the_same_log(total: int) -> None:
    entries = made(total)
    draw = random.Random(total)
    store, size, roots = Store(), 0, {0: EMPTY_ROOT}
    while size < total:
        step = min(draw.choice([1, 2, 255, 256, 257, 5_000, 30_000]), total - size)
        roots[size + step] = store.grow(size, entries[size : size + step]).root
        size += step
    at_once, checkpoint = grown(total)
    assert store == at_once
    assert roots[total] == checkpoint.root == mth([leaf_hash(entry) for entry in entries])
    assert set(store) == set(tile_paths(total))
    log.fsck(store.get, checkpoint, paths=store.paths())
    for old, old_root in roots.items():
        assert log.root(store.get, old, total) == old_root
        verify_consistency(old, old_root, total, checkpoint.root, log.consistency(store.get, old, total))
    for index in draw.sample(range(total), 50):
        verify_inclusion(
            leaf_hash(entries[index]), index, total, log.inclusion(store.get, index, total), checkpoint.root
        )


def test_the_files_of_70000_entries_are_those_of_the_specification() -> None:
    paths = list(tile_paths(70_000))
    hashes = [found for found in paths if "entries" not in found]
    assert len([found for found in hashes if found.startswith("tile/0/") and ".p/" not in found]) == 273
    assert {found for found in hashes if not found.startswith("tile/0/")} == {
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    }
    assert "tile/0/273.p/112" in hashes
    assert set(tile_paths(256)) == {"tile/entries/000", "tile/0/000", "tile/1/000.p/1"}
    assert list(tile_paths(0)) == []
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 1000, 3) == "tile/entries/x001/000.p/3"


def test_entries_come_back_from_any_range() -> None:
    entries = made(600)
    store, _ = grown(600)
    for start, end in [(0, 600), (0, 0), (255, 257), (256, 512), (1, 2), (599, 600), (300, 600)]:
        assert list(log.entries(store.get, start, end, 600)) == entries[start:end]


def test_appending_nothing_changes_nothing() -> None:
    store, checkpoint = grown(300)
    assert log.append(store.get, 300, []) == log.Appended({}, 300, checkpoint.root)
    assert log.append(Store().get, 0, []) == log.Appended({}, 0, EMPTY_ROOT)


def test_an_entry_has_at_most_65535_bytes() -> None:
    store = Store()
    root = store.grow(0, [b"", b"x" * 65_535]).root
    log.fsck(store.get, Checkpoint("o", 2, root))
    with pytest.raises(ValueError, match="65535"):
        log.append(store.get, 2, [b"x" * 65_536])


def test_a_proof_at_a_million_reads_few_files() -> None:
    """At 10^6 entries two tiles a level are enough; the tree is made of equal tiles, so that the test is quick."""
    size, reads = 10**6, []

    def read(path: str) -> bytes:
        reads.append(path)
        return bytes(32 * (int(path.rpartition(".p/")[2]) if ".p/" in path else 256))

    log.inclusion(read, 333_333, size)
    assert len(reads) == len(set(reads)) <= 6
    reads.clear()
    log.consistency(read, 333_333, size)
    assert len(reads) == len(set(reads)) <= 6


def test_the_tessera_log_is_read_in_full(vectors: Path) -> None:
    folder = vectors / "tessera/testdata/log"

    def read(path: str) -> bytes | None:
        return (folder / path).read_bytes() if (folder / path).is_file() else None

    checkpoints = []
    for size in range(16):
        text = note.open_note((folder / f"checkpoint.{size}").read_bytes(), [TESSERA]).text
        checkpoints.append(note.parse_checkpoint(text, "example.com/log/testdata"))
    whole = list(log.entries(read, 0, 15))
    for new in checkpoints:
        log.fsck(read, new)
        assert log.root(read, new.size) == log.root(read, new.size, 15) == new.root
        for index in range(new.size):
            found = log.inclusion(read, index, new.size)
            verify_inclusion(leaf_hash(whole[index]), index, new.size, found, new.root)
        for old in checkpoints[: new.size + 1]:
            found = log.consistency(read, old.size, new.size)
            verify_consistency(old.size, old.root, new.size, new.root, found)
    store = Store()
    assert store.grow(0, whole).root == checkpoints[-1].root
    assert all(read(path) == content for path, content in store.items())


def test_a_partial_tile_may_have_gone_once_the_full_one_exists() -> None:
    store, _ = grown(300)
    assert log.root(store.get, 250) == mth([leaf_hash(entry) for entry in made(250)])
    assert list(log.entries(store.get, 0, 250)) == made(250)


@pytest.mark.parametrize("count", [1, 3, 256, 300, 65_540])
def test_fsck_sees_every_flipped_bit(count: int) -> None:
    store, checkpoint = grown(count)
    draw = random.Random(count)
    low = draw.sample(sorted(store), min(len(store), 6))
    for path in {*low, *(path for path in store if not path.startswith(("tile/0", "tile/entries")))}:
        content = store[path]
        at = draw.randrange(len(content))
        store[path] = content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]
        assert code(log.fsck, store.get, checkpoint) in {"log-tile-wrong", "log-tile-malformed"}
        store[path] = content
    log.fsck(store.get, checkpoint)


def test_fsck_sees_missing_cut_and_stray_files() -> None:
    store, checkpoint = grown(300)
    for path, content in list(store.items()):
        del store[path]
        assert code(log.fsck, store.get, checkpoint) == "log-tile-missing"
        for mangled in (content[:-1], content + b"\0", b"", content[:-32]):
            store[path] = mangled
            assert code(log.fsck, store.get, checkpoint) in {"log-tile-malformed", "log-tile-wrong"}
        store[path] = content
    assert code(log.fsck, store.get, checkpoint, paths=store) == "log-file-missing"
    for stray in ("tile/0/000.p/3", "tile/entries/002", "notes.txt", "tile/0/x000/000"):
        assert code(log.fsck, store.get, checkpoint, paths=store.paths() | {stray}) == "log-file-extra"


def test_fsck_sees_another_root_and_another_size() -> None:
    store, checkpoint = grown(300)
    assert code(log.fsck, store.get, checkpoint._replace(root=bytes(32))) == "log-root-wrong"
    assert code(log.fsck, store.get, checkpoint._replace(size=299)) == "log-tile-missing"
    assert code(log.fsck, store.get, checkpoint._replace(size=2**62)) == "log-tile-missing"
    log.fsck(Store().get, Checkpoint("o", 0, EMPTY_ROOT), paths={"checkpoint"})
    assert code(log.fsck, Store().get, Checkpoint("o", 0, bytes(32))) == "log-root-wrong"


@pytest.mark.parametrize(("since", "count"), [(0, 600), (100, 600), (256, 600), (599, 600), (600, 600), (512, 66_000)])
def test_fsck_of_what_is_new_sees_every_new_bit(since: int, count: int) -> None:
    store, checkpoint = grown(count)
    log.fsck(store.get, checkpoint, since=since)
    old, _ = grown(since)
    for path in sorted(set(store) - set(old))[:12]:
        content = store[path]
        store[path] = content[:-1] + bytes([content[-1] ^ 1])
        assert code(log.fsck, store.get, checkpoint, since=since).startswith("log-")
        store[path] = content


def test_fsck_of_what_is_new_reads_only_the_edge_of_what_is_old() -> None:
    store, checkpoint = grown(66_000)
    reads: list[str] = []

    def read(path: str) -> bytes | None:
        reads.append(path)
        return store.get(path)

    log.fsck(read, checkpoint, since=65_990)
    assert sorted(reads) == ["tile/0/257.p/208", "tile/1/001.p/1", "tile/2/000.p/1", "tile/entries/257.p/208"]


def test_sizes_and_indices_that_do_not_exist_are_the_callers_mistake() -> None:
    store, _ = grown(5)
    for action, arguments in (
        (log.inclusion, (5, 5)),
        (log.inclusion, (-1, 5)),
        (log.consistency, (6, 5)),
        (log.root, (6, 5)),
    ):
        with pytest.raises(ValueError, match="a log of 5 entries has no"):
            action(store.get, *arguments)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.lists(st.binary(max_size=40), max_size=300), max_size=5))
def test_any_entries_in_any_portions_come_back(portions: list[list[bytes]]) -> None:
    store, whole, root = Store(), [], EMPTY_ROOT
    for portion in portions:
        root = store.grow(len(whole), portion).root
        whole += portion
    assert list(log.entries(store.get, 0, len(whole))) == whole
    log.fsck(store.get, Checkpoint("o", len(whole), root), paths=store.paths())
    assert root == mth([leaf_hash(entry) for entry in whole])


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_a_bundle_of_noise_is_refused_or_prints_the_same(noise: bytes, count: int) -> None:
    try:
        found = list(log.entries({tile_path("entries", 0, count): noise}.get, 0, count))
    except Unverified as error:
        assert error.code == "log-tile-malformed"  # noqa: PT017 - most noise is refused; what is read must print again
    else:
        assert b"".join(len(entry).to_bytes(2, "big") + entry for entry in found) == noise
