"""Signed notes and checkpoints: the text by which a log commits to its size and root.

Formats: C2SP signed-note with Ed25519 keys (type 0x01), C2SP tlog-checkpoint without extension lines.
Parse, print, compare: a text is accepted only if printing what it says gives the same text back, so that each value
has one spelling. Signature lines of keys that are not asked for, of whatever type (a witness's 0x04 among them), must
be well formed and are otherwise ignored, as the specification demands. Whether a key is trusted is the caller's matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from runner.errors import Unverified
from runner.formats import ed25519, strictbase64
from runner.formats.tiles import EMPTY_ROOT
from runner.model.entry import Checkpoint
from runner.ports import Signer

MAX_NOTE = 1_000_000
MAX_SIGNATURES = 100
MAX_SIZE = 2**63 - 1

_ED25519 = b"\x01"
_DASH = "\u2014"


# Keys


class VerifierKey(NamedTuple):
    """Who signs: a name, and a public key of 32 bytes. `id` is a hint of 4 bytes, never a proof."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """SHA-256(name, LF, type, public key), its first four bytes."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]


def vkey(name: str, public: bytes) -> str:
    """`NAME+ID+KEY`: the verifier key as one line of text, without a line end."""
    if not _is_name(name):
        raise ValueError("a key's name has neither spaces nor plus signs, and is not empty")
    return f"{name}+{VerifierKey(name, public).id.hex()}+{strictbase64.encode(_ED25519 + public)}"


def parse_vkey(text: str) -> VerifierKey:
    """The key that a line says; one line end may follow. Raises `Unverified`, also for keys of small order."""
    line = text.removesuffix("\n")
    try:
        if line.count("+") < 2:
            raise ValueError("it has not three parts")
        name, _, encoded = line.split("+", 2)
        raw = strictbase64.decode(encoded)
        if raw[:1] != _ED25519 or not ed25519.sound(raw[1:]) or vkey(name, raw[1:]) != line:
            raise ValueError(
                "its type is not 0x01 (Ed25519), its key is not sound, or its ID does not fit name and key"
            )
    except ValueError as error:
        raise Unverified(
            "vkey-malformed",
            f"the verifier key cannot be read: {error}",
            "it is one line, `<name>+<8 hex digits>+<base64>`, as `registry/keys/log.vkey` holds it",
        ) from None
    return VerifierKey(name, raw[1:])


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(map(str.isspace, name)) and _is_clean(name)


# Notes


class SignatureLine(NamedTuple):
    """One line under a note. `signature` is what the type of the key makes of it."""

    name: str
    id: bytes
    signature: bytes


class Note(NamedTuple):
    """A note whose signatures hold. `signers` are the given keys that signed it, at least one."""

    text: str
    signers: tuple[VerifierKey, ...]


def sign(text: str, name: str, signer: Signer) -> bytes:
    """The note: the text, which ends in LF, an empty line, and one signature. The same text gives the same bytes."""
    key = VerifierKey(name, signer.public)
    if not text.endswith("\n") or not _is_clean(text) or not _is_name(name):
        raise ValueError("a note's text ends in LF and has no other control characters; its signer has a name")
    signature = strictbase64.encode(key.id + signer.sign(text.encode()))
    return f"{text}\n{_DASH} {name} {signature}\n".encode()


def open_note(raw: bytes, vkeys: Iterable[str]) -> Note:
    """The text of a note that at least one of the given keys signed. Raises `Unverified`; a signature that names one of
    the keys and does not hold rejects the note, whoever else signed it."""
    text, lines = split_note(raw)
    known = {(key.name, key.id): key for key in map(parse_vkey, vkeys)}
    signers: list[VerifierKey] = []
    for line in lines:
        key = known.get((line.name, line.id))
        if key is None:
            continue
        if not ed25519.holds(key.public, text.encode(), line.signature):
            raise Unverified("note-signature-wrong", f"the signature of {key.name} does not fit the note's text")
        if key in signers:
            raise Unverified("note-malformed", f"{key.name} signed the note twice")
        signers.append(key)
    if not signers:
        names = ", ".join(sorted({line.name for line in lines}))
        raise Unverified("note-unsigned", f"no known key signed the note; the keys it names: {names[:300]}")
    return Note(text, tuple(signers))


def split_note(raw: bytes) -> tuple[str, tuple[SignatureLine, ...]]:
    """The text of a note and its signature lines, none of them verified yet. Raises `Unverified`."""
    try:
        if len(raw) > MAX_NOTE:
            raise ValueError(f"it has {len(raw)} bytes, more than {MAX_NOTE}")
        whole = raw.decode()
        text, blank, block = whole.rpartition("\n\n")
        if not blank or not block.endswith("\n") or not _is_clean(whole):
            raise ValueError("it is not a text, an empty line and signature lines, without control characters")
        lines = block.removesuffix("\n").split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise ValueError(f"it has {len(lines)} signatures, more than {MAX_SIGNATURES}")
        return text + "\n", tuple(map(_signature_line, lines))
    except ValueError as error:
        raise Unverified("note-malformed", f"the signed note cannot be read: {error}") from None


def _signature_line(line: str) -> SignatureLine:
    words = line.split(" ")
    if len(words) != 3 or words[0] != _DASH or not _is_name(words[1]):
        raise ValueError("a signature line is not `\u2014 <name> <base64>`")
    signature = strictbase64.decode(words[2])
    if len(signature) < 5:
        raise ValueError("a signature is shorter than its key's ID")
    return SignatureLine(words[1], signature[:4], signature[4:])


def _is_clean(text: str) -> bool:
    """No ASCII control character but LF."""
    return not any(character < " " and character != "\n" for character in text)


# Checkpoints


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """Three lines: origin, size, root. This is the text that a log signs under its origin as name."""
    return f"{checkpoint.origin}\n{checkpoint.size}\n{strictbase64.encode(checkpoint.root)}\n"


def parse_checkpoint(text: str, origin: str) -> Checkpoint:
    """The checkpoint that the text of a note says, which must be of this origin. Raises `Unverified`."""
    found, _, rest = text.partition("\n")
    if found != origin:
        raise Unverified("checkpoint-origin", f"the checkpoint is of the log {found[:120]!r}, not of {origin!r}")
    try:
        size, root, _ = rest.split("\n")
        checkpoint = Checkpoint(origin, int(size[:20]), strictbase64.decode(root))
        if checkpoint_text(checkpoint) != text or not 0 <= checkpoint.size <= MAX_SIZE or len(checkpoint.root) != 32:
            raise ValueError("size or root are not printed as they must be")
        if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
            raise ValueError("an empty log has the SHA-256 of nothing as its root")
    except ValueError as error:
        raise Unverified("checkpoint-malformed", f"the checkpoint is not origin, size and root: {error}") from None
    return checkpoint
