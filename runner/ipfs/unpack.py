"""From blocks back to folders and files: the reading half of `ipfs/unixfs.py`, for graphs that strangers made.

Promises that every block is the one that its CID names, that names are plain and stand once in their folder, that
sizes are those that were said above, and that nodes are those which the profile writes: a symlink, a mode, another
chunking below another hash is refused, never ignored. What a graph can cost is bounded before it is paid: a few shared
blocks can stand for more files than any disk holds, so links that are followed count, and not blocks.

Left to others: where blocks come from (`get`), where files go (`runner/edges/trees.py`), and what they say. The limits
of the profile's layout (the largest plain folder, the fill of a file's nodes) are held by computing the CID of what was
written once more. UnixFS: https://specs.ipfs.tech/unixfs/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runner.errors import Unverified
from runner.ipfs import dagpb
from runner.ipfs.dagpb import RAW, Block, Get, Link
from runner.ipfs.unixfs import DEEPEST, FOLDER_DATA, PROFILE, file_data, name_hash, shard_data

_LONGEST_NAME = 255
_FILE_LEVELS = 6
_FOLDER, _FILE, _SHARD = 1, 2, 5
_OTHERS = {0: "a raw node", 3: "metadata", 4: "a symlink"}


class Bounds(NamedTuple):
    """The most that is unpacked: bytes of all files together, and links followed."""

    size: int = 1 << 30
    links: int = 1 << 20


BOUNDS = Bounds()


class Entry(NamedTuple):
    """A folder (`pieces` is None), before what is in it, or a file, whose pieces have to be read before the next entry.
    The root's path is empty."""

    path: str
    pieces: Iterator[bytes] | None


def unpack(root: bytes, get: Get, bounds: Bounds = BOUNDS) -> Iterator[Entry]:
    """Everything below a root, in the order of the graph. Raises `Unverified`, and what `get` raises; what was given
    before that was good as far as it went, and is to be thrown away."""
    return _Walk(get, bounds).entry("", root, 0)


class _Walk:
    """What was used up so far, and how to get more."""

    def __init__(self, get: Get, bounds: Bounds) -> None:
        self._get = get
        self._bounds = bounds
        self._links = 0
        self._size = 0

    def entry(self, path: str, cid: bytes, depth: int) -> Iterator[Entry]:
        """A folder with all that is in it, or a file."""
        if depth > DEEPEST:
            raise _unsafe(path, f"it is more than {DEEPEST} levels deep")
        found = self._load(cid)
        if cid[1] == RAW or _kind(found, path) == _FILE:
            yield Entry(path, self._file(found, path, None, 0))
            return
        yield Entry(path, None)
        names: set[bytes] = set()
        for name, link in self._folder(found, path):
            below = f"{path}/{_plain(name, path)}".lstrip("/")
            if name in names:
                raise _unsafe(below, "the name stands twice in its folder")
            names.add(name)
            yield from self.entry(below, link.cid, depth + 1)

    def _load(self, cid: bytes) -> Block:
        self._links += 1
        if self._links > self._bounds.links:
            raise _too_big(f"it has more than {self._bounds.links} files, folders and chunks")
        return dagpb.check_block(cid, self._get(cid))

    def _folder(self, found: Block, path: str) -> Iterator[tuple[bytes, Link]]:
        """UnixFS, "Directory": each name with its link."""
        links, data = dagpb.read_node(found.data)
        if data == FOLDER_DATA:
            yield from links
        else:
            yield from self._shard(links, data, path, b"")

    def _shard(
        self, links: list[tuple[bytes, Link]], data: bytes, path: str, above: bytes
    ) -> Iterator[tuple[bytes, Link]]:
        """UnixFS, "HAMT Directory". `above` are the buckets that led here, a byte each."""
        used = 0
        for prefixed, link in links:
            bucket = _bucket(prefixed[:2])
            if bucket is None or used >> bucket or len(above) == 8:
                raise _foreign(path, f"its shard names {prefixed[:20]!r} where no such bucket can stand")
            used |= 1 << bucket
            trail, name = above + bytes([bucket]), prefixed[2:]
            if name and not name_hash(name).startswith(trail):
                raise _foreign(path, f"{name[:60]!r} stands in another bucket than its hash says")
            if name:
                yield name, link
            else:
                yield from self._shard(*dagpb.read_node(self._node(link.cid, path).data), path, trail)
        if data != shard_data(used):
            raise _foreign(path, "its shard describes itself as the profile does not")

    def _node(self, cid: bytes, path: str) -> Block:
        if cid[1] == RAW:
            raise _foreign(path, "a raw block stands where a part of the folder is expected")
        return self._load(cid)

    def _file(self, found: Block, path: str, size: int | None, level: int) -> Iterator[bytes]:
        """UnixFS, "File": the bytes below a block, which are as many as was said above it."""
        if found.cid[1] == RAW:
            self._take(len(found.data))
            if size not in (None, len(found.data)):
                raise _foreign(path, f"a chunk has {len(found.data)} bytes; {size} were said above it")
            yield found.data
            return
        links, data = dagpb.read_node(found.data)
        sizes = [value for field, value in dagpb.fields(data) if field == 4 and isinstance(value, int)]
        plain = level < _FILE_LEVELS and len(sizes) == len(links) > 0 and not any(name for name, _ in links)
        if not plain or data != file_data(sizes):
            raise _foreign(path, "a node of the file describes itself as the profile does not")
        if size not in (None, sum(sizes)):
            raise _foreign(path, f"a part has {sum(sizes)} bytes; {size} were said above it")
        if self._size + sum(sizes) > self._bounds.size:
            self._take(sum(sizes))
        for (_, link), expected in zip(links, sizes, strict=True):
            yield from self._file(self._load(link.cid), path, expected, level + 1)

    def _take(self, size: int) -> None:
        self._size += size
        if self._size > self._bounds.size:
            raise _too_big(f"its files have more than {self._bounds.size} bytes")


def _kind(found: Block, path: str) -> int:
    """The UnixFS type of a dag-pb node: a folder, a sharded one, or a file. Raises `Unverified` for all others."""
    _, data = dagpb.read_node(found.data)
    kind = next((value for field, value in dagpb.fields(data) if field == 1 and isinstance(value, int)), -1)
    if kind not in (_FOLDER, _FILE, _SHARD):
        raise _foreign(path, f"found {_OTHERS.get(kind, 'nothing known')}; expected a folder or a file")
    if kind == _FOLDER and data != FOLDER_DATA:
        raise _foreign(path, "the folder says more of itself than that it is one")
    return kind


def _bucket(prefix: bytes) -> int | None:
    """The number of a bucket, from two upper-case hex digits."""
    digits = len(prefix) == 2 and all(byte in b"0123456789ABCDEF" for byte in prefix)
    return int(prefix, 16) if digits else None


def _plain(name: bytes, path: str) -> str:
    """A name as text, if it can only mean a file or folder right here."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise _unsafe(f"{path}/{name[:60]!r}", "the name is not UTF-8") from None
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        raise _unsafe(f"{path}/{text[:60]}", "the name is not a plain one")
    if len(name) > _LONGEST_NAME:
        raise _unsafe(f"{path}/{text[:60]}…", f"the name has {len(name)} bytes; {_LONGEST_NAME} are allowed")
    return text


def _unsafe(path: str, why: str) -> Unverified:
    return Unverified("path-unsafe", f"{path!r} is not unpacked: {why}", "nothing was written; do not trust its maker")


def _foreign(path: str, why: str) -> Unverified:
    message = f"{path or 'the root'!r} is not of the profile {PROFILE}: {why}"
    return Unverified("unixfs-foreign", message, f"was it added by ipfs with the profile {PROFILE}?")


def _too_big(why: str) -> Unverified:
    return Unverified("unpacked-too-big", f"not unpacked: {why}", "raise the limit if you expect so much")
