"""What a reader makes of a log's proofs. Written apart from the generators in `formats/log.py`, from RFC 9162's own
algorithms for verifiers, so that one mistake cannot hide in both.

A proof travels as a C2SP tlog-proof v1 text: index, path, and the signed checkpoint that it leads to. It is checked
offline against nothing but the entry, the log's origin and its keys. Index and size come from there, never from a path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from runner.errors import Unverified
from runner.formats import strictbase64
from runner.formats.note import MAX_NOTE, open_note, parse_checkpoint

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PATH = 63
HASH = 32


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """That a leaf hash stands at an index of the tree of this size and root (RFC 9162 section 2.1.3.2).

    Raises `Unverified`. At most 63 hash operations."""
    _check_hashes("inclusion-wrong", leaf, root, *path)
    if not 0 <= index < size:
        raise Unverified("inclusion-wrong", f"index {index} does not exist in a log of {size} entries")
    number, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise Unverified("inclusion-wrong", f"the inclusion proof for entry {index} of {size} is too long")
        if number & 1 or number == last:
            found = _node(sibling, found)
            number, last = _past_lonely(number, last)
        else:
            found = _node(found, sibling)
        number, last = number >> 1, last >> 1
    if last != 0 or found != root:
        raise Unverified(
            "inclusion-wrong", f"the inclusion proof does not lead from entry {index} to the root of {size}"
        )


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> None:
    """That a tree of size and root `new` extends the one of size and root `old` (RFC 9162 section 2.1.4.2).

    The empty tree, of which the RFC says nothing, is extended by every tree with an empty proof.
    Raises `Unverified`. At most 126 hash operations."""
    _check_hashes("consistency-wrong", old_root, new_root, *path)
    if old > new or old < 0:
        raise Unverified("consistency-wrong", f"a log of {new} entries is older than one of {old}: a rollback")
    if old == new or old == 0:
        expected = old_root if old else hashlib.sha256(b"").digest()
        if path or old_root != expected or (old == new and new_root != expected):
            raise Unverified(
                "consistency-wrong", f"two logs of {old} and {new} entries differ, or their proof is not empty"
            )
        return
    # A complete old tree is itself the first node of the path, and left out of it.
    nodes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    number, last = old - 1, new - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    if not path:
        raise Unverified("consistency-wrong", f"the proof from {old} to {new} entries is empty")
    found_old = found_new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            raise Unverified("consistency-wrong", f"the proof from {old} to {new} entries is too long")
        if number & 1 or number == last:
            found_old, found_new = _node(node, found_old), _node(node, found_new)
            number, last = _past_lonely(number, last)
        else:
            found_new = _node(found_new, node)
        number, last = number >> 1, last >> 1
    if last != 0 or found_old != old_root or found_new != new_root:
        raise Unverified(
            "consistency-wrong", f"the log of {new} entries does not extend the one of {old}: something was rewritten"
        )


def _past_lonely(number: int, last: int) -> tuple[int, int]:
    """Up past the levels at which the last node has no sibling and is carried over unhashed."""
    while number and not number & 1:
        number, last = number >> 1, last >> 1
    return number, last


def write_proof(index: int, path: Sequence[bytes], checkpoint: bytes) -> bytes:
    """The proof as text: index, inclusion path from the leaf up, and the signed checkpoint, verbatim."""
    lines = [HEADER, f"index {index}", *map(strictbase64.encode, path), "", ""]
    return "\n".join(lines).encode() + checkpoint


def open_proof(raw: bytes, entry: bytes, origin: str, vkeys: Iterable[str]) -> int:
    """The index at which the log of this origin holds an entry, as a proof text proves. Raises `Unverified`.

    Only what `write_proof` prints is read: the format's `extra` line, which nothing would authenticate, is refused."""
    index, path, signed = _parse(raw)
    checkpoint = parse_checkpoint(open_note(signed, vkeys).text, origin)
    verify_inclusion(hashlib.sha256(b"\x00" + entry).digest(), index, checkpoint.size, path, checkpoint.root)
    return index


def _parse(raw: bytes) -> tuple[int, list[bytes], bytes]:
    """Index, path and signed checkpoint; printing them gives `raw` again."""
    head, _, signed = raw.partition(b"\n\n")
    try:
        if len(raw) > MAX_NOTE:
            raise ValueError(f"it has {len(raw)} bytes, more than {MAX_NOTE}")
        header, position, *lines = head.decode("ascii").split("\n")
        index = int(position.removeprefix("index ")[:20])
        path = [strictbase64.decode(line) for line in lines]
        if header != HEADER or len(path) > MAX_PATH or write_proof(index, path, signed) != raw:
            raise ValueError(f"it is not {HEADER!r}, an index, a path of at most {MAX_PATH} hashes and a checkpoint")
    except ValueError as error:
        raise Unverified("proof-malformed", f"the log's proof cannot be read: {error}") from None
    return index, path, signed


def _check_hashes(code: str, *hashes: bytes) -> None:
    if any(len(item) != HASH for item in hashes):
        raise Unverified(code, f"a hash in a proof does not have {HASH} bytes")


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
