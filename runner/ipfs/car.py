"""CARv1: many blocks in one file or stream, checked one by one while it is read.

    header   length · DAG-CBOR {"roots": [CID…], "version": 1}
    section  length · CID · bytes        for each block; lengths are varints

Written deterministically: one root, and its blocks depth first, each once and before what it links to. Those are the
bytes that Kubo's `ipfs dag export` gives. Read in any order: gateways may send blocks as they find them. Every block is
hashed; nothing is held but the section that is not yet whole, so memory stays below 3 MiB whatever comes.

Not promised: that a stream holds all blocks of its roots, or only those; that shows when the graph is walked
(`preorder`, `ipfs/unpack.py`). CARv2 is refused. https://ipld.io/specs/transport/car/carv1/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from runner.errors import Unverified
from runner.ipfs import dagpb
from runner.ipfs.dagpb import CID_LENGTH, LARGEST_BLOCK, Block, Get

_HEAD, _TAIL = b"\xa2\x65roots", b"\x67version\x01"
_CID_HEAD = b"\xd8\x2a\x58\x25\x00"  # tag 42, a byte string of 37: the identity multibase and the CID
_MOST_ROOTS = 16
_LARGEST_HEADER = len(_HEAD) + 1 + _MOST_ROOTS * (len(_CID_HEAD) + CID_LENGTH) + len(_TAIL)
_VERSION_2 = b"\xa1\x67version\x02"


class Limit(NamedTuple):
    """The most that is read: bytes of the whole stream, and blocks, which cost memory to remember."""

    size: int = 1 << 30
    blocks: int = 1 << 18


LIMIT = Limit()


def write(root: bytes, blocks: Iterable[Block]) -> Iterator[bytes]:
    """A CAR as pieces: the header, then the blocks in the given order. `preorder` gives the one of `dag export`."""
    head = _header([root])
    yield dagpb.varint(len(head)) + head
    for cid, data in blocks:
        yield dagpb.varint(CID_LENGTH + len(data)) + cid + data


def export(root: bytes, get: Get) -> Iterator[bytes]:
    """The CAR of everything below a root, byte for byte that of `ipfs dag export`."""
    return write(root, preorder(root, get))


def preorder(root: bytes, get: Get) -> Iterator[Block]:
    """Every block below a root, depth first, each once, links in their order. Each is checked. Memory: the CIDs."""
    seen: set[bytes] = set()
    left = [root]
    while left:
        cid = left.pop()
        if cid not in seen:
            seen.add(cid)
            found = dagpb.check_block(cid, get(cid))
            yield found
            left += reversed(dagpb.links(found))


def read(chunks: Iterable[bytes], limit: Limit = LIMIT) -> tuple[tuple[bytes, ...], Iterator[Block]]:
    """The roots, and the blocks as they come, each checked. Reads on only as far as it is asked for. Raises
    `Unverified` for everything that is no whole CARv1 within the limit; what came before that was good."""
    decoder, coming = Decoder(limit), iter(chunks)
    first: list[Block] = []
    while decoder.roots is None:
        chunk = next(coming, None)
        if chunk is None:
            break
        first += decoder.feed(chunk)
    roots = decoder.roots if decoder.roots is not None else decoder.close()

    def blocks() -> Iterator[Block]:
        yield from first
        first.clear()
        for chunk in coming:
            yield from decoder.feed(chunk)
        decoder.close()

    return roots, blocks()


class Decoder:
    """A CAR that arrives in pieces of any size. `roots` is None until the header is whole."""

    def __init__(self, limit: Limit = LIMIT) -> None:
        self.roots: tuple[bytes, ...] | None = None
        self._limit = limit
        self._kept = bytearray()
        self._before = 0
        self._blocks = 0

    def feed(self, chunk: bytes) -> Iterator[Block]:
        """The blocks that are whole now. Has to be read to its end before the next piece."""
        for start in range(0, len(chunk), LARGEST_BLOCK):
            self._kept += chunk[start : start + LARGEST_BLOCK]
            if self._before + len(self._kept) > self._limit.size:
                raise self._error("car-too-big", f"it is longer than {self._limit.size} bytes", "raise the limit")
            at = 0
            while (section := self._section(at)) is not None:
                begins, at = section
                if self.roots is None:
                    self.roots = self._read_header(bytes(self._kept[begins:at]))
                else:
                    yield self._block(begins, at)
            del self._kept[:at]
            self._before += at

    def close(self) -> tuple[bytes, ...]:
        """The stream has ended. The roots; raises `Unverified` where it ended within something."""
        if self.roots is None or self._kept:
            what = "its header" if self.roots is None else "a block"
            message = f"it ends within {what}, after {self._before + len(self._kept)} bytes and {self._blocks} blocks"
            raise self._error("car-truncated", message, "get it again, or from somewhere else")
        return self.roots

    def _section(self, at: int) -> tuple[int, int] | None:
        """Where the section at an offset begins (behind its length) and ends; None while it is not whole."""
        head = self._kept[at : at + 9]
        if len(head) < 9 and all(byte > 0x7F for byte in head):
            return None
        try:
            length, begins = dagpb.read_varint(self._kept, at)
        except Unverified:
            raise self._error("car-malformed", f"no length stands at byte {self._before + at}") from None
        largest = _LARGEST_HEADER if self.roots is None else CID_LENGTH + LARGEST_BLOCK
        if not 0 < length <= largest:
            what = "header" if self.roots is None else "section"
            message = f"the {what} at byte {self._before + at} claims {length} bytes; 1 to {largest} are allowed"
            raise self._error("car-malformed", message)
        return (begins, begins + length) if begins + length <= len(self._kept) else None

    def _read_header(self, raw: bytes) -> tuple[bytes, ...]:
        if raw == _VERSION_2:
            raise self._error("car-version", "found CARv2; expected CARv1", "ipfs dag export writes version 1")
        step = len(_CID_HEAD) + CID_LENGTH
        body = raw[len(_HEAD) + 1 : -len(_TAIL)]
        roots = tuple(body[start + len(_CID_HEAD) : start + step] for start in range(0, len(body), step))
        if len(roots) > _MOST_ROOTS or raw != _header(roots):
            expected = '{"roots": [CID…], "version": 1} in canonical DAG-CBOR, with CIDv1 in 36 bytes'
            raise self._error("car-malformed", f"its header of {len(raw)} bytes is not {expected}")
        return tuple(dagpb.check_cid(root) for root in roots)

    def _block(self, begins: int, ends: int) -> Block:
        self._blocks += 1
        if self._blocks > self._limit.blocks:
            raise self._error("car-too-big", f"it has more than {self._limit.blocks} blocks", "raise the limit")
        cid = dagpb.check_cid(bytes(self._kept[begins : min(ends, begins + CID_LENGTH)]))
        return dagpb.check_block(cid, bytes(self._kept[begins + CID_LENGTH : ends]))

    def _error(self, code: str, message: str, hint: str = "take it from somewhere else") -> Unverified:
        return Unverified(code, f"the CAR is not usable: {message}", hint)


def _header(roots: Iterable[bytes]) -> bytes:
    """DAG-CBOR: a map of two in canonical order; roots are CIDs under tag 42."""
    cids = [_CID_HEAD + root for root in roots]
    return _HEAD + bytes([0x80 + len(cids)]) + b"".join(cids) + _TAIL
