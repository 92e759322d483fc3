"""The files of a log: C2SP tlog-tiles of height 8, and any Merkle tree hash read from them.

A tree of `size` entries is stored in levels. Level 0 holds the leaf hashes, level l+1 the roots of the full tiles of
level l; 256 hashes make a full tile of 8,192 bytes. Only the last tile of a level may be partial; then its path says
its width. Entry bundles stand beside level 0, each entry after its length in two bytes. There are no empty tiles.

    tile/0/000            tile/0/x001/x234/067.p/112            tile/entries/000

Hashes are RFC 9162 section 2.1.1 (as RFC 6962). Nothing is trusted but the shape of a file: whether its hashes belong
under a signed root is for `formats/log.py` to judge. Paths are relative to the log's folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeAlias

from runner.errors import Unverified

HASH = 32
WIDTH = 256
MAX_ENTRY = 65_535
EMPTY_ROOT = hashlib.sha256(b"").digest()

Read: TypeAlias = Callable[[str], bytes | None]
"""The bytes of one of the log's files, or None where there is none."""

Level: TypeAlias = int | Literal["entries"]


def leaf_hash(entry: bytes) -> bytes:
    """HASH(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def record(entry: bytes) -> bytes:
    """An entry as a bundle holds it: its length in two bytes, then itself."""
    return len(entry).to_bytes(2, "big") + entry


def node_hash(left: bytes, right: bytes) -> bytes:
    """HASH(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: bytes) -> bytes:
    """The root of a complete subtree: 2^k concatenated hashes, 2^k - 1 hash operations."""
    while len(hashes) > HASH:
        pairs = (hashes[at : at + 2 * HASH] for at in range(0, len(hashes), 2 * HASH))
        hashes = b"".join(hashlib.sha256(b"\x01" + pair).digest() for pair in pairs)
    return hashes


def tile_path(level: Level, index: int, width: int = WIDTH) -> str:
    """Where a tile or a bundle stands; index 1234067 is written `x001/x234/067`."""
    name = f"{index % 1000:03}"
    while index := index // 1000:
        name = f"x{index % 1000:03}/{name}"
    return f"tile/{level}/{name}" + (f".p/{width}" if width < WIDTH else "")


def tile_paths(size: int) -> Iterator[str]:
    """Every tile and bundle of a tree of this size. About size/128 of them."""
    level: Level = "entries"
    count = size
    while count:
        for index in range(-(-count // WIDTH)):
            yield tile_path(level, index, min(WIDTH, count - index * WIDTH))
        count, level = (size, 0) if level == "entries" else (count // WIDTH, level + 1)


class Tiles:
    """The tree of `size` entries over a log's files. Each tile is read once in the life of this object.

    Raises `Unverified` (`log-tile-missing`, `log-tile-malformed`) where a file is absent or of the wrong shape."""

    def __init__(self, read: Read, size: int) -> None:
        self.size = size
        self._read = read
        self._cache: dict[tuple[int, int], bytes] = {}

    def count(self, level: Level) -> int:
        """How many hashes, or entries, a level has: floor(size / 256^level)."""
        return self.size if level == "entries" else self.size >> 8 * level

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a tile, concatenated. One read, then from memory."""
        raw = self._cache.get((level, index))
        if raw is None:
            raw, width, found = self._file(level, index)
            if len(raw) != found * HASH:
                raise _malformed(level, index, f"has {len(raw)} bytes, not {found * HASH}")
            raw = self._cache[level, index] = raw[: width * HASH]
        return raw

    def bundle(self, index: int) -> list[bytes]:
        """The entries of a bundle, in order. One read, not kept."""
        raw, width, found = self._file("entries", index)
        entries, at = [], 0
        for _ in range(found):
            start = at + 2
            at = start + int.from_bytes(raw[at:start], "big")
            if at > len(raw):
                raise _malformed("entries", index, f"ends before its {found} entries")
            entries.append(raw[start:at])
        if at != len(raw):
            raise _malformed("entries", index, f"goes on after its {found} entries")
        return entries[:width]

    def edge(self, level: Level) -> bytes:
        """The content of a level's partial file, which the next items continue; nothing where all are full."""
        index, width = divmod(self.count(level), WIDTH)
        if not width:
            return b""
        return b"".join(map(record, self.bundle(index))) if level == "entries" else self.tile(level, index)

    def _file(self, level: Level, index: int) -> tuple[bytes, int, int]:
        """A file, how many items of it are in the tree, and how many it must hold. A partial one may have gone once the
        full one exists."""
        width = min(WIDTH, self.count(level) - index * WIDTH)
        if (raw := self._read(tile_path(level, index, width))) is not None:
            return raw, width, width
        if width < WIDTH and (raw := self._read(tile_path(level, index))) is not None:
            return raw, width, WIDTH
        raise Unverified(
            "log-tile-missing",
            f"a log of {self.size} entries has no {tile_path(level, index, width)}",
            "fetch the whole log again; a log never loses files",
        )

    def node(self, height: int, index: int) -> bytes:
        """The root of the complete subtree of 2^height entries that has `index` like ones before it.

        One tile, and at most 127 hash operations, because every eighth height is stored."""
        first, within = index << height % 8, height // 8
        at = first % WIDTH * HASH
        return fold(self.tile(within, first // WIDTH)[at : at + (HASH << height % 8)])

    def subtree(self, start: int, end: int) -> bytes:
        """MTH(D[start:end]) of RFC 9162 section 2.1.1, for ranges that the recursion there reaches from D[0:n].

            MTH({}) = HASH()        MTH(D[0:n]) = HASH(0x01 || MTH(D[0:k]) || MTH(D[k:n])), k = 2^i < n <= 2^(i+1)

        Complete subtrees come from the tiles, so at most log2(n) levels are walked: the right edge."""
        if start == end:
            return EMPTY_ROOT
        if (length := end - start) & (length - 1) == 0:
            return self.node(length.bit_length() - 1, start // length)
        middle = start + split(length)
        return node_hash(self.subtree(start, middle), self.subtree(middle, end))


def split(length: int) -> int:
    """k: the largest power of two smaller than `length`, which is at least 2."""
    return 1 << (length - 1).bit_length() - 1


def overlay(read: Read, changes: Mapping[str, bytes | None]) -> Read:
    """The files as they are after the changes."""
    return lambda path: changes[path] if path in changes else read(path)


def _malformed(level: Level, index: int, why: str) -> Unverified:
    return Unverified(
        "log-tile-malformed", f"{tile_path(level, index)} {why}", "its bytes were altered; fetch it again"
    )
