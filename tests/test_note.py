"""Notes and checkpoints are C2SP's: a log that others wrote is read in full, and no second spelling, altered text,
stray key or failing signature of a known key is accepted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import Unverified
from runner.formats import note, strictbase64
from runner.formats.tiles import EMPTY_ROOT
from runner.model import Checkpoint
from tests.logs import TESSERA
from tests.make import ORIGIN, key

# Published in the documentation of golang.org/x/mod/sumdb/note.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
LOG = key("log")
VKEY = note.vkey(ORIGIN, LOG.public)
CHECKPOINT = Checkpoint(ORIGIN, 7, hashlib.sha256(b"root").digest())
TEXT = note.checkpoint_text(CHECKPOINT)
SIGNED = note.sign(TEXT, ORIGIN, LOG)


def code(action, *arguments) -> str:
    with pytest.raises(Unverified) as raised:
        action(*arguments)
    return raised.value.code


def line_of(name: str, kind: int, public: bytes, signature: bytes) -> bytes:
    """A signature line of any type."""
    identity = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]
    return f"\u2014 {name} {strictbase64.encode(identity + signature)}\n".encode()


def test_every_checkpoint_of_the_tessera_log_is_read(vectors: Path) -> None:
    folder = vectors / "tessera/testdata/log"
    checkpoints = sorted(folder.glob("checkpoint.*"))
    assert len(checkpoints) == 16
    for path in checkpoints:
        opened = note.open_note(path.read_bytes(), [TESSERA])
        checkpoint = note.parse_checkpoint(opened.text, "example.com/log/testdata")
        assert checkpoint.size == int(path.suffix[1:])
        assert note.checkpoint_text(checkpoint) == opened.text
        assert opened.signers == (note.parse_vkey(TESSERA),)


def test_the_note_in_golang_documentation_opens() -> None:
    assert note.open_note(NEUMANN_NOTE.encode(), [VKEY, NEUMANN]).text == NEUMANN_NOTE.partition("\n\n")[0] + "\n"


def test_what_we_sign_opens_and_says_the_same() -> None:
    opened = note.open_note(SIGNED, [VKEY])
    assert note.parse_checkpoint(opened.text, ORIGIN) == CHECKPOINT
    assert [signer.public for signer in opened.signers] == [LOG.public]
    assert note.parse_vkey(VKEY + "\n") == note.VerifierKey(ORIGIN, LOG.public)


def test_lines_of_other_keys_and_types_are_read_past() -> None:
    others = line_of("witness.example", 4, LOG.public, bytes(72)) + line_of(ORIGIN, 4, LOG.public, b"x" * 72)
    others += line_of(ORIGIN, 1, key("another").public, bytes(64)) + line_of("pq.example", 6, b"k", bytes(2420))
    assert note.open_note(SIGNED + others, [VKEY]).text == TEXT
    assert [line.name for line in note.split_note(SIGNED + others)[1]][1:] == [
        "witness.example",
        ORIGIN,
        ORIGIN,
        "pq.example",
    ]


def test_a_failing_signature_of_a_known_key_rejects_the_note_whoever_else_signed() -> None:
    witness = key("witness")
    bad = line_of("witness.example", 1, witness.public, bytes(64))
    assert note.open_note(SIGNED + bad, [VKEY]).text == TEXT
    known = note.vkey("witness.example", witness.public)
    assert code(note.open_note, SIGNED + bad, [VKEY, known]) == "note-signature-wrong"
    good = line_of("witness.example", 1, witness.public, witness.sign(TEXT.encode()))
    assert len(note.open_note(SIGNED + good, [VKEY, known]).signers) == 2
    assert code(note.open_note, SIGNED + good + good, [VKEY, known]) == "note-malformed"


def test_a_colliding_id_proves_nothing() -> None:
    forger = key("forger")
    signature = strictbase64.encode(note.parse_vkey(VKEY).id + forger.sign(TEXT.encode()))
    forged = f"{TEXT}\n\u2014 {ORIGIN} {signature}\n".encode()
    assert code(note.open_note, forged, [VKEY]) == "note-signature-wrong"
    assert code(note.open_note, note.sign(TEXT, ORIGIN, forger), [VKEY]) == "note-unsigned"
    assert code(note.open_note, note.sign(TEXT, "other.example", LOG), [VKEY]) == "note-unsigned"
    assert code(note.open_note, SIGNED, []) == "note-unsigned"


@pytest.mark.parametrize(
    "mangled",
    [
        b"",
        TEXT.encode(),
        TEXT.encode() + b"\n",
        SIGNED[:-1],
        SIGNED + b"\n",
        SIGNED.replace(b"\n", b"\r\n"),
        SIGNED.replace("\u2014".encode(), b"-"),
        SIGNED.replace("\u2014 ".encode(), "\u2014  ".encode()),
        SIGNED.replace(b"7", b"7\0"),
        SIGNED.replace(b"7", b"\xff"),
        SIGNED[:-2] + b"\n",
        SIGNED[:-1] + b" \n",
        SIGNED + b"\xe2\x80\x94 name AAAA\n",
        SIGNED + b"\xe2\x80\x94 na+me AAAAAAAA\n",
        SIGNED + "\u2014 na\u3000me AAAAAAAA\n".encode(),
        SIGNED + "\u2014  AAAAAAAA\n".encode(),
        SIGNED + "\u2014 name AAAAAAB=\n".encode(),
        SIGNED + "\u2014 name AAAAAAAA\n".encode() * note.MAX_SIGNATURES,
        b"\n" * note.MAX_NOTE + SIGNED,
    ],
)
def test_notes_that_are_none(mangled: bytes) -> None:
    assert code(note.open_note, mangled, [VKEY]) == "note-malformed"


def test_sixteen_signatures_and_more_are_read() -> None:
    assert note.open_note(SIGNED + "\u2014 name AAAAAAAA\n".encode() * (note.MAX_SIGNATURES - 1), [VKEY]).text == TEXT


@pytest.mark.parametrize(
    "mangled",
    [
        "",
        ORIGIN,
        VKEY + "\n\n",
        " " + VKEY,
        VKEY.replace("/", "//"),
        VKEY.removeprefix(ORIGIN),
        VKEY.replace("example.org", "exa mple.org"),
        VKEY.replace("+", "+00", 1),
        VKEY.replace("+", "+0", 1)[: len(VKEY)],
        VKEY[:-1],
        VKEY + "=",
        note.vkey(ORIGIN, b"\x01" + bytes(31)),
        f"{ORIGIN}+{'0' * 8}+{strictbase64.encode(bytes([4]) + LOG.public)}",
    ],
)
def test_verifier_keys_that_are_none(mangled: str) -> None:
    assert code(note.parse_vkey, mangled) == "vkey-malformed"


def test_an_id_in_capitals_is_a_second_spelling() -> None:
    name, identity, rest = NEUMANN.split("+", 2)
    assert note.parse_vkey(NEUMANN).name == "PeterNeumann"
    assert code(note.parse_vkey, f"{name}+{identity.upper()}+{rest}") == "vkey-malformed"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n7\n", "\n07\n"),
        ("\n7\n", "\n+7\n"),
        ("\n7\n", "\n 7\n"),
        ("\n7\n", "\n7_0\n"),
        ("\n7\n", "\n\u0667\n"),
        ("\n7\n", "\n-7\n"),
        ("\n7\n", "\n7.0\n"),
        ("\n7\n", "\n\n"),
        ("\n7\n", f"\n{2**63}\n"),
        ("\n7\n", f"\n{'9' * 5000}\n"),
        ("\n7\n", "\n0\n"),
        ("=\n", "\n"),
        ("=\n", "==\n"),
        ("=\n", "=\nextension\n"),
        ("=\n", "="),
        ("=\n", "=\n\n"),
    ],
)
def test_checkpoints_that_are_none(old: str, new: str) -> None:
    mangled = TEXT.replace(old, new)
    assert mangled != TEXT
    assert code(note.parse_checkpoint, mangled, ORIGIN) == "checkpoint-malformed"


def test_a_checkpoint_of_18_bytes_of_root_or_of_another_log_is_refused() -> None:
    short = note.checkpoint_text(Checkpoint(ORIGIN, 7, bytes(18)))
    assert code(note.parse_checkpoint, short, ORIGIN) == "checkpoint-malformed"
    assert code(note.parse_checkpoint, TEXT, "example.org/other") == "checkpoint-origin"
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert note.parse_checkpoint(note.checkpoint_text(empty), ORIGIN) == empty


def test_only_what_can_be_opened_is_signed() -> None:
    for text, name in (("no line end", ORIGIN), ("a\tb\n", ORIGIN), (TEXT, "two words"), (TEXT, ""), (TEXT, "a+b")):
        with pytest.raises(ValueError, match=r"."):
            note.sign(text, name, LOG)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_no_note_survives_a_changed_byte(at: int, bits: int) -> None:
    with pytest.raises(Unverified):
        note.open_note(SIGNED[:at] + bytes([SIGNED[at] ^ bits]) + SIGNED[at + 1 :], [VKEY])


@settings(derandomize=True, deadline=None)
@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=("Cs",)), max_size=80),
    st.integers(0, note.MAX_SIZE),
    st.binary(min_size=32, max_size=32),
)
def test_notes_and_checkpoints_print_what_they_parse(line: str, size: int, root: bytes) -> None:
    text = f"{line}\n\n{line}\n"
    assert note.open_note(note.sign(text, ORIGIN, LOG), [VKEY]).text == text
    checkpoint = Checkpoint(line, size or 1, root)
    assert note.parse_checkpoint(note.checkpoint_text(checkpoint), line) == checkpoint


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=200), st.text(max_size=60))
def test_noise_is_refused_as_what_it_is(noise: bytes, text: str) -> None:
    with pytest.raises(Unverified):
        note.open_note(noise, [VKEY])
    with pytest.raises(Unverified):
        note.parse_checkpoint(ORIGIN + "\n" + text, ORIGIN)
    with pytest.raises(Unverified):
        note.parse_vkey(text)
