"""The content identifier (CID) of a folder or a file, and the blocks behind it, computed with no daemon.

Promises the same CID as `ipfs add` under the import profile `unixfs-v1-2025` (IPIP-499,
https://specs.ipfs.tech/ipips/ipip-0499/): CIDv1, SHA2-256, chunks of 1 MiB, raw leaves, balanced file trees with
1,024 links a node, and folders whose block would exceed 256 KiB as a HAMT with a fanout of 256. Plain files and
folders only: no links, modes or times. Reading and publishing the folder are left to others.

The walk is a generator of blocks, children before parents and the root last; each step returns the link to what it
made. It holds one chunk at a time, and a `Graph` the nodes above the leaves: memory grows with the number of files
and chunks, not with their bytes. UnixFS: https://specs.ipfs.tech/unixfs/ ; DAG-PB and CIDs: `ipfs/dagpb.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from runner.errors import Unverified
from runner.ipfs import car, dagpb
from runner.ipfs.dagpb import DAG_PB, RAW, Block, Link

PROFILE = "unixfs-v1-2025"
CHUNK = 1 << 20
WIDTH = 1024
LARGEST_FOLDER = 256 << 10
DEEPEST = 64

_DIRECTORY, _FILE, _HAMT_SHARD = 1, 2, 5
_MURMUR3_X64_64 = 0x22
_FANOUT = 256
FOLDER_DATA = dagpb.numbered(1, _DIRECTORY)
"""What the node of a plain folder says of itself."""
_WORD = (1 << 64) - 1

Source: TypeAlias = bytes | Callable[[int], bytes]
"""A file: its bytes, or what gives its n-th chunk of `CHUNK` bytes, shorter at the end, empty behind it."""
Folder: TypeAlias = "dict[bytes, Source | Folder]"


class Made(NamedTuple):
    """A block of the walk. `again` reads a leaf's bytes once more; a node above leaves is to be kept, and has the CIDs
    that it links to `below` it."""

    block: Block
    again: Callable[[], bytes] | None
    below: tuple[bytes, ...] = ()


class Graph(NamedTuple):
    """All that a root names. Small folders are kept; else leaves are read again when they are asked for."""

    root: bytes
    made: Mapping[bytes, bytes | Callable[[], bytes]]
    below: Mapping[bytes, tuple[bytes, ...]]

    @property
    def cid(self) -> str:
        """The root as text."""
        return dagpb.cid_text(self.root)

    def get(self, cid: bytes) -> bytes:
        """The bytes of one of its blocks; not checked, since a file may have changed."""
        found = self.made[cid]
        return found if isinstance(found, bytes) else found()

    def car(self) -> Iterator[bytes]:
        """It as CARv1, in pieces: the same for the same files everywhere. Raises `Unverified` where a file changed."""
        return car.write(self.root, self._preorder())

    def _preorder(self) -> Iterator[Block]:
        """As `car.preorder`, without reading the nodes that were just made, or hashing what was kept."""
        seen: set[bytes] = set()
        left = [self.root]
        while left:
            cid = left.pop()
            if cid not in seen:
                seen.add(cid)
                found = self.made[cid]
                yield Block(cid, found) if isinstance(found, bytes) else dagpb.check_block(cid, found())
                left += reversed(self.below.get(cid, ()))


KEPT = 8 << 20
"""Bytes."""

Walk: TypeAlias = Generator[Made, None, Link]


def folder_cid(files: Mapping[str, Source]) -> str:
    """CIDv1 (base32, `bafybei…`) of a folder, given as relative path to bytes; folders without files do not exist.

    Raises `Unverified` where the paths do not make a folder."""
    return tree_cid(tree(files))


def file_cid(data: Source) -> str:
    """CIDv1 of one file: `bafkrei…` (a raw leaf) up to 1 MiB, `bafybei…` above."""
    return _root(_file(data))


def tree_cid(folder: Folder) -> str:
    """CIDv1 of nested folders, of which some may be empty."""
    return _root(_folder(folder))


def folder_blocks(files: Mapping[str, Source]) -> Iterator[Block]:
    """Every block of a folder, the root last. Equal files give equal blocks, each time they are met."""
    return (made.block for made in _folder(tree(files)))


def folder_graph(files: Mapping[str, Source]) -> Graph:
    """All blocks of a folder, given as `folder_cid` takes it."""
    return graph(tree(files))


def graph(found: Source | Folder) -> Graph:
    """All blocks of nested folders, or of one file. The first `KEPT` bytes are kept, so that small folders are read
    once; the leaves of others are read again when they are asked for."""
    made: dict[bytes, bytes | Callable[[], bytes]] = {}
    links: dict[bytes, tuple[bytes, ...]] = {}
    last, room = b"", KEPT
    for (last, data), again, below in _folder(found) if isinstance(found, dict) else _file(found):
        room -= len(data)
        made[last] = again if again is not None and room < 0 else data
        if below:
            links[last] = below
    return Graph(last, made, links)


def _root(walk: Walk) -> str:
    [last] = deque(walk, maxlen=1)
    return dagpb.cid_text(last.block.cid)


def tree(files: Mapping[str, Source]) -> Folder:
    """Nested folders out of flat paths. Raises `Unverified` where the paths do not make a folder."""
    root: Folder = {}
    for path, data in files.items():
        *folders, name = _names(path)
        folder = root
        for part in folders:
            below = folder.setdefault(part, {})
            if not isinstance(below, dict):
                raise _unsafe(path, "one of its folders is also a file")
            folder = below
        if name in folder:
            raise _unsafe(path, "it is both a file and a folder")
        folder[name] = data
    return root


def _names(path: str) -> Sequence[bytes]:
    """The UTF-8 names of a path: DAG-PB names are UTF-8, and nothing may lead out of the folder."""
    try:
        names = path.encode().split(b"/")
    except UnicodeEncodeError:
        raise _unsafe(path, "it is not UTF-8") from None
    if any(name in (b"", b".", b"..") or b"\0" in name for name in names):
        raise _unsafe(path, "it is not a plain relative path")
    if len(names) > DEEPEST:
        raise _unsafe(path, f"it is more than {DEEPEST} levels deep")
    return names


def _unsafe(path: str, why: str) -> Unverified:
    return Unverified("path-unsafe", f"{path!r} cannot be part of a folder: {why}", "rename or remove the file")


def _file(source: Source) -> Walk:
    """UnixFS, "File": chunks of a fixed size as raw leaves, then levels of nodes until one is left. A file of one
    chunk is its leaf."""
    level: list[Link] = []
    size = CHUNK
    while size == CHUNK:
        chunk = _chunk(source, len(level))
        if level and not chunk:
            break
        leaf, size = dagpb.block(RAW, chunk), len(chunk)
        yield Made(leaf, partial(_chunk, source, len(level)))
        level.append(Link(leaf.cid, size, size))
    while len(level) > 1:
        above = []
        for start in range(0, len(level), WIDTH):
            above.append((yield from _file_node(level[start : start + WIDTH])))
        level = above
    return level[0]


def _chunk(source: Source, number: int) -> bytes:
    return source[number * CHUNK : (number + 1) * CHUNK] if isinstance(source, bytes) else source(number)


def _file_node(links: Sequence[Link]) -> Walk:
    size = sum(link.size for link in links)
    node = dagpb.node([(b"", link) for link in links], file_data([link.size for link in links]))
    return (yield from _inner(node, links, size))


def _folder(folder: Folder) -> Walk:
    """UnixFS, "Directory": links sorted by the bytes of their names; a HAMT where that block would be too large."""
    links: list[tuple[bytes, Link]] = []
    for name, below in sorted(folder.items()):
        link = yield from (_folder(below) if isinstance(below, dict) else _file(below))
        links.append((name, link))
    node = dagpb.node(links, FOLDER_DATA)
    if len(node) > LARGEST_FOLDER:
        return (yield from _shard([(name_hash(name), name, link) for name, link in links], 0))
    return (yield from _inner(node, [link for _, link in links]))


def _shard(entries: Sequence[tuple[bytes, bytes, Link]], depth: int) -> Walk:
    """UnixFS, "HAMT Directory": one byte of the name's hash chooses the bucket at each depth. Names begin with the
    bucket in hex; a bucket with several entries is a shard of its own."""
    if depth == 8:
        raise _unsafe(entries[0][1].decode(), "its name has the same 64-bit hash as another one")
    buckets: dict[int, list[tuple[bytes, bytes, Link]]] = {}
    for entry in entries:
        buckets.setdefault(entry[0][depth], []).append(entry)
    links: list[tuple[bytes, Link]] = []
    used = 0
    for bucket in sorted(buckets):
        used |= 1 << bucket
        prefix = b"%02X" % bucket
        (_, name, link), *others = buckets[bucket]
        if others:
            name, link = b"", (yield from _shard(buckets[bucket], depth + 1))
        links.append((prefix + name, link))
    return (yield from _inner(dagpb.node(links, shard_data(used)), [link for _, link in links]))


def file_data(sizes: Sequence[int]) -> bytes:
    """What the node of a file says of itself: the bytes below each of its links, and their sum."""
    below = b"".join(dagpb.numbered(4, size) for size in sizes)
    return dagpb.numbered(1, _FILE) + dagpb.numbered(3, sum(sizes)) + below


def shard_data(used: int) -> bytes:
    """What a shard of a folder says of itself: which of its 256 buckets are used, as a bit field, big endian, without
    leading zero bytes; the hash; the fanout."""
    field = used.to_bytes((used.bit_length() + 7) // 8, "big")
    hashed = dagpb.numbered(5, _MURMUR3_X64_64) + dagpb.numbered(6, _FANOUT)
    return dagpb.numbered(1, _HAMT_SHARD) + dagpb.tagged(2, field) + hashed


def name_hash(name: bytes) -> bytes:
    """The 8 bytes that lead to a name in a sharded folder, one a level."""
    return _murmur3(name).to_bytes(8, "big")


def _inner(node: bytes, links: Sequence[Link], size: int = 0) -> Walk:
    block = dagpb.block(DAG_PB, node)
    yield Made(block, None, tuple(link.cid for link in links))
    return Link(block.cid, len(node) + sum(link.total for link in links), size)


def _murmur3(key: bytes) -> int:
    """The first 64 bits of MurmurHash3 x64 128, seed 0 (multicodec 0x22)."""
    first, second = 0x87C37B91114253D5, 0x4CF5AD432745937F
    h1 = h2 = 0
    body = len(key) - len(key) % 16
    for start in range(0, body, 16):
        k1 = int.from_bytes(key[start : start + 8], "little")
        k2 = int.from_bytes(key[start + 8 : start + 16], "little")
        h1 ^= _rotate(k1 * first & _WORD, 31) * second & _WORD
        h1 = ((_rotate(h1, 27) + h2) * 5 + 0x52DCE729) & _WORD
        h2 ^= _rotate(k2 * second & _WORD, 33) * first & _WORD
        h2 = ((_rotate(h2, 31) + h1) * 5 + 0x38495AB5) & _WORD
    k1 = int.from_bytes(key[body : body + 8], "little")
    k2 = int.from_bytes(key[body + 8 :], "little")
    h1 ^= _rotate(k1 * first & _WORD, 31) * second & _WORD
    h2 ^= _rotate(k2 * second & _WORD, 33) * first & _WORD
    h1 ^= len(key)
    h2 ^= len(key)
    h1 = (h1 + h2) & _WORD
    h2 = (h2 + h1) & _WORD
    return (_avalanche(h1) + _avalanche(h2)) & _WORD


def _rotate(word: int, bits: int) -> int:
    return (word << bits | word >> 64 - bits) & _WORD


def _avalanche(word: int) -> int:
    word = (word ^ word >> 33) * 0xFF51AFD7ED558CCD & _WORD
    word = (word ^ word >> 33) * 0xC4CEB9FE1A85EC53 & _WORD
    return word ^ word >> 33
