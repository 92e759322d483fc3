"""The content identifier (CID) of a folder or a file, computed with no daemon.

Promises the same CID as `ipfs add` under the import profile `unixfs-v1-2025` (IPIP-499,
https://specs.ipfs.tech/ipips/ipip-0499/): CIDv1, SHA2-256, chunks of 1 MiB, raw leaves, balanced file trees with
1,024 links a node, and folders whose block would exceed 256 KiB as a HAMT with a fanout of 256. Plain files and
folders only: no links, modes or times. Reading and publishing the folder are left to others.

The walk is a generator of blocks, children before parents and the root last; each step returns the link to what it
made. UnixFS: https://specs.ipfs.tech/unixfs/ ; DAG-PB: https://ipld.io/specs/codecs/dag-pb/spec/
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from runner.errors import Unverified

PROFILE = "unixfs-v1-2025"
CHUNK = 1 << 20
WIDTH = 1024
LARGEST_FOLDER = 256 << 10
DEEPEST = 64

_RAW, _DAG_PB = 0x55, 0x70
_DIRECTORY, _FILE, _HAMT_SHARD = 1, 2, 5
_MURMUR3_X64_64 = 0x22
_FANOUT = 256
_WORD = (1 << 64) - 1


class Block(NamedTuple):
    """One node of the graph: its binary CID (36 bytes) and the bytes that it names."""

    cid: bytes
    data: bytes


class Link(NamedTuple):
    """How a node is seen from above. `total` counts the bytes of all its blocks, `size` those of the file itself."""

    cid: bytes
    total: int
    size: int = 0


Walk: TypeAlias = Generator[Block, None, Link]
Folder: TypeAlias = dict[bytes, "bytes | Folder"]


def folder_cid(files: Mapping[str, bytes]) -> str:
    """CIDv1 (base32, `bafybei…`) of a folder, given as relative path to bytes; folders without files do not exist.

    Raises `Unverified` where the paths do not make a folder."""
    return _root(folder_blocks(files))


def file_cid(data: bytes) -> str:
    """CIDv1 of one file: `bafkrei…` (a raw leaf) up to 1 MiB, `bafybei…` above."""
    return _root(_file(data))


def folder_blocks(files: Mapping[str, bytes]) -> Iterator[Block]:
    """Every block of a folder, the root last. Equal files give equal blocks, each time they are met."""
    return _folder(_tree(files))


def _root(blocks: Iterator[Block]) -> str:
    [last] = deque(blocks, maxlen=1)
    return "b" + base64.b32encode(last.cid).decode().lower().rstrip("=")


def _tree(files: Mapping[str, bytes]) -> Folder:
    """Nested folders out of flat paths."""
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


def _file(data: bytes) -> Walk:
    """UnixFS, "File": chunks of a fixed size as raw leaves, then levels of nodes until one is left. A file of one
    chunk is its leaf."""
    level = []
    for start in range(0, len(data) or 1, CHUNK):
        chunk = data[start : start + CHUNK]
        block = _block(_RAW, chunk)
        yield block
        level.append(Link(block.cid, len(chunk), len(chunk)))
    while len(level) > 1:
        above = []
        for start in range(0, len(level), WIDTH):
            above.append((yield from _file_node(level[start : start + WIDTH])))
        level = above
    return level[0]


def _file_node(links: Sequence[Link]) -> Walk:
    size = sum(link.size for link in links)
    sizes = b"".join(_number(4, link.size) for link in links)
    node = _node([(b"", link) for link in links], _number(1, _FILE) + _number(3, size) + sizes)
    return (yield from _inner(node, links, size))


def _folder(folder: Folder) -> Walk:
    """UnixFS, "Directory": links sorted by the bytes of their names; a HAMT where that block would be too large."""
    links: list[tuple[bytes, Link]] = []
    for name, below in sorted(folder.items()):
        link = yield from (_folder(below) if isinstance(below, dict) else _file(below))
        links.append((name, link))
    node = _node(links, _number(1, _DIRECTORY))
    if len(node) > LARGEST_FOLDER:
        return (yield from _shard([(_murmur3(name).to_bytes(8, "big"), name, link) for name, link in links], 0))
    return (yield from _inner(node, [link for _, link in links]))


def _shard(entries: Sequence[tuple[bytes, bytes, Link]], depth: int) -> Walk:
    """UnixFS, "HAMT Directory": one byte of the name's hash chooses the bucket at each depth. Names begin with the
    bucket in hex; a bucket with several entries is a shard of its own; `data` is the bit field of used buckets, big
    endian, without leading zero bytes."""
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
    field = used.to_bytes((used.bit_length() + 7) // 8, "big")
    data = _number(1, _HAMT_SHARD) + _bytes(2, field) + _number(5, _MURMUR3_X64_64) + _number(6, _FANOUT)
    return (yield from _inner(_node(links, data), [link for _, link in links]))


def _inner(node: bytes, links: Sequence[Link], size: int = 0) -> Walk:
    block = _block(_DAG_PB, node)
    yield block
    return Link(block.cid, len(node) + sum(link.total for link in links), size)


def _block(codec: int, data: bytes) -> Block:
    """CIDv1: version, codec, multihash (SHA2-256, 32 bytes), https://github.com/multiformats/cid"""
    return Block(b"\x01" + bytes([codec]) + b"\x12\x20" + hashlib.sha256(data).digest(), data)


def _node(links: Sequence[tuple[bytes, Link]], data: bytes) -> bytes:
    """DAG-PB: the links (field 2: Hash, Name, Tsize) come before the data (field 1)."""
    return b"".join(
        _bytes(2, _bytes(1, link.cid) + _bytes(2, name) + _number(3, link.total)) for name, link in links
    ) + _bytes(1, data)


def _bytes(field: int, value: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return bytes([field << 3]) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


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
