"""Writes a squashfs 4.0 (kernel: Documentation/filesystems/squashfs.rst), the same bytes everywhere.

mksquashfs cannot be used for that: what it writes changes with its version and with zlib's. Here nothing is compressed,
there are no fragments, no extended attributes and no export table, all times and owners are 0, and everything stands in
one order. So every place is known before the first byte is written, and the image is a stream.

    superblock | files' blocks | inodes | folders | id table | zeros up to 4 KiB

Inodes and folders stand in metadata blocks of 8 KiB behind two bytes of length. A folder's inode comes after those of
its entries, so that it can name their places; the root is the last one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from itertools import takewhile
from typing import NamedTuple

from runner.images.rootfs import File, Folder, Link, Node, RootFs, encoded, mode, ordered, refused

BLOCK_LOG = 17
BLOCK = 1 << BLOCK_LOG
PAD = 4096
_META = 8192
_PLAIN_META = 0x8000
_PLAIN_DATA = 1 << 24
_FLAGS = 0x1 | 0x2 | 0x8 | 0x10 | 0x200 | 0x800
"""Inodes, data, fragments and ids uncompressed; no fragments; no extended attributes."""

_GZIP, _NOTHING, _NO_FRAGMENT = 1, (1 << 64) - 1, (1 << 32) - 1
_SUPERBLOCK = struct.Struct("<4sIIIIHHHHHHQQQQQQQQ")
_MOST_IN_RUN = 256
_FOLDER, _FILE, _LINK, _LONG_FOLDER, _LONG_FILE = 1, 2, 3, 8, 9


class _Placed(NamedTuple):
    """Where an inode stands: its metadata block, the offset in it, its number, its short type."""

    block: int
    offset: int
    number: int
    kind: int


def squashfs(root: RootFs) -> Iterator[bytes]:
    """The image, in pieces. Raises `Invalid` where a file gives other bytes than its size."""
    entries = ordered(root)
    starts, end = _data(entries)
    inodes, folders, top = _tables(entries, starts)
    inode_table = end
    folder_table = inode_table + len(inodes)
    ids = _metadata(struct.pack("<I", 0))
    id_block = folder_table + len(folders)
    id_index = id_block + len(ids)
    used = id_index + 8
    yield _SUPERBLOCK.pack(
        *(b"hsqs", top.number, 0, BLOCK, 0, _GZIP, BLOCK_LOG, _FLAGS, 1, 4, 0),
        *(top.block << 16 | top.offset, used, id_index, _NOTHING, inode_table, folder_table, _NOTHING, _NOTHING),
    )
    for path, node in entries:
        if isinstance(node, File):
            yield from _exactly(path, node)
    yield from (inodes, folders, ids, struct.pack("<Q", id_block), bytes(-used % PAD))


def _data(entries: list[tuple[str, Node]]) -> tuple[dict[str, int], int]:
    """Where each file's blocks begin, and where they all end."""
    starts, at = {}, _SUPERBLOCK.size
    for path, node in entries:
        if isinstance(node, File):
            starts[path] = at
            at += node.size
    return starts, at


def _exactly(path: str, file: File) -> Iterator[bytes]:
    size = 0
    for chunk in file.chunks():
        size += len(chunk)
        yield chunk
    if size != file.size:
        raise refused(path, "image-changed", f"it gave {size:,} bytes instead of {file.size:,}", "build it once more")


def _tables(entries: list[tuple[str, Node]], starts: dict[str, int]) -> tuple[bytes, bytes, _Placed]:
    """The inode table, the folder table, and the root's inode."""
    below: dict[str, list[tuple[bytes, str]]] = {"": []}
    for path, node in entries:
        above, _, name = path.rpartition("/")
        below[above].append((encoded(name), path))
        if isinstance(node, Folder):
            below[path] = []
    nodes: dict[str, Node] = {"": Folder(), **dict(entries)}
    order = _children_first(nodes, below)
    numbers = {path: number for number, path in enumerate(order, 1)}
    inodes, folders, placed = bytearray(), bytearray(), dict[str, _Placed]()
    for path in order:
        node, number = nodes[path], numbers[path]
        block, offset = _place(len(inodes))
        if isinstance(node, Folder):
            where = _place(len(folders))
            listing = _listing([(name, placed[child]) for name, child in below[path]])
            folders += listing
            parent = numbers[path.rpartition("/")[0]] if path else number + 1
            kind, body = _folder(len(listing), where, parent, [nodes[child] for _, child in below[path]])
        elif isinstance(node, File):
            kind, body = _file(node.size, starts[path])
        else:
            target = encoded(node.target)
            kind, body = _LINK, struct.pack("<II", 1, len(target)) + target
        inodes += struct.pack("<HHHHII", kind, mode(node), 0, 0, 0, number) + body
        placed[path] = _Placed(block, offset, number, {Folder: _FOLDER, File: _FILE, Link: _LINK}[type(node)])
    return _metadata(bytes(inodes)), _metadata(bytes(folders)), placed[""]


def _children_first(nodes: dict[str, Node], below: dict[str, list[tuple[bytes, str]]]) -> list[str]:
    """Every path, a folder's after those of its entries."""
    backwards, todo = [], [""]
    while todo:
        path = todo.pop()
        backwards.append(path)
        if isinstance(nodes[path], Folder):
            todo += [child for _, child in below[path]]
    return backwards[::-1]


def _folder(size: int, where: tuple[int, int], parent: int, children: list[Node]) -> tuple[int, bytes]:
    """A folder's inode. The size has three bytes more, for `.` and `..`, which stand nowhere."""
    links = 2 + sum(isinstance(child, Folder) for child in children)
    if size + 3 <= 0xFFFF:
        return _FOLDER, struct.pack("<IIHHI", where[0], links, size + 3, where[1], parent)
    return _LONG_FOLDER, struct.pack("<IIIIHHI", links, size + 3, where[0], parent, 0, where[1], _NO_FRAGMENT)


def _file(size: int, start: int) -> tuple[int, bytes]:
    """A file's inode, with the sizes of its blocks: all full but the last."""
    sizes = [BLOCK] * (size // BLOCK) + ([size % BLOCK] if size % BLOCK else [])
    blocks = b"".join(struct.pack("<I", one | _PLAIN_DATA) for one in sizes)
    if max(size, start) < 1 << 32:
        return _FILE, struct.pack("<IIII", start, _NO_FRAGMENT, 0, size) + blocks
    return _LONG_FILE, struct.pack("<QQQIIII", start, size, 0, 1, _NO_FRAGMENT, 0, _NO_FRAGMENT) + blocks


def _listing(children: list[tuple[bytes, _Placed]]) -> bytes:
    """A folder's entries by name, in runs that share a metadata block and lie near each other by number."""
    found = bytearray()
    at = 0
    while at < len(children):
        first = children[at][1]
        run = list(takewhile(partial(_are_near, first), children[at : at + _MOST_IN_RUN]))
        found += struct.pack("<III", len(run) - 1, first.block, first.number)
        for name, child in run:
            found += struct.pack("<HhHH", child.offset, child.number - first.number, child.kind, len(name) - 1) + name
        at += len(run)
    return bytes(found)


def _are_near(first: _Placed, entry: tuple[bytes, _Placed]) -> bool:
    """Whether an entry fits into a run that begins with `first`: the difference of their numbers has 16 bits."""
    return entry[1].block == first.block and abs(entry[1].number - first.number) < 1 << 15


def _place(position: int) -> tuple[int, int]:
    """Where a byte of a table stands: the block's offset, with the lengths before it, and the offset in the block."""
    return position // _META * (_META + 2), position % _META


def _metadata(raw: bytes) -> bytes:
    pieces = [raw[at : at + _META] for at in range(0, len(raw), _META)]
    return b"".join(struct.pack("<H", len(piece) | _PLAIN_META) + piece for piece in pieces)
