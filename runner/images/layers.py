"""An image's layers, laid over each other: its root file system (OCI image-spec 1.1, "Filesystem Changeset").

A layer's whiteouts act on the layers below it, then its entries are added. Parents that are links are followed within
the image, as container engines do. Device nodes below /dev are left out, since every sandbox mounts its own; other
special files are refused, and so is what leads out of the image, is there twice, or is more than the bounds allow.
Nothing is written but the scratch files that the caller gives.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, NamedTuple, TypeAlias

from runner.errors import Unverified
from runner.images.archive import Archive, Descriptor, Image
from runner.images.rootfs import LINKS, LONGEST_PATH, File, Folder, Link, Node, RootFs, encoded, refused
from runner.images.tar import CHUNK, clean, members, slices

LARGEST = 8 << 30
"""Bytes of an image's layers, unpacked."""

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_AUFS = ".wh..wh."

Scratch: TypeAlias = Callable[[], BinaryIO]
"""Gives an empty file that can be written and read, and goes away by itself."""


class _Tree(dict[str, "_Tree | File | Link"]):
    """A folder while layers are laid over it."""

    shared = False


class _Entry(NamedTuple):
    """A member of a layer. `hard` is the path that a hard link names."""

    path: str
    node: Node | None
    hard: str | None = None


def flatten(archive: Archive, image: Image, scratch: Scratch, largest: int = LARGEST) -> RootFs:
    """The root file system of an image. Its files read from the scratch files, so those have to stay. Raises `Invalid`,
    or `Unverified` where a digest does not hold."""
    root = _Tree()
    left = largest
    for layer, unpacked in image.layers:
        where = f"{archive.name}: layer {layer.digest[:19]}…"
        file = scratch()
        left -= _unpack(archive, layer, unpacked, file, left, where)
        entries = _read(file, where)
        for path in (entry.path for entry in entries if _is_whiteout(entry.path)):
            _white_out(root, path, where)
        for entry in entries:
            if not _is_whiteout(entry.path):
                _add(root, entry, where)
    return dict(_flat(root, archive.name))


def _unpack(archive: Archive, layer: Descriptor, unpacked: str, into: BinaryIO, left: int, where: str) -> int:
    """Write a layer's tar to a file, comparing both digests. Returns its size."""
    hashed, size = hashlib.sha256(), 0
    for chunk in _plain(archive, layer, where):
        size += len(chunk)
        if size > left:
            raise refused(where, "image-too-big", "the layers unpack to more bytes than are allowed")
        hashed.update(chunk)
        into.write(chunk)
    into.flush()
    if f"sha256:{hashed.hexdigest()}" != unpacked:
        found = f"it unpacks to sha256:{hashed.hexdigest()}, the configuration says {unpacked}"
        raise Unverified("image-digest", f"{where}: {found}", "save the image again")
    return size


def _plain(archive: Archive, layer: Descriptor, where: str) -> Iterator[bytes]:
    """A layer's tar, uncompressed, and the end of its blob: only that compares the digest."""
    blob = archive.blob(layer)
    if layer.kind.endswith((".tar", "+tar")):
        yield from blob
        return
    if not layer.kind.endswith((".tar.gzip", "+gzip")):
        hint = "save the image with gzip or no compression: skopeo copy --dest-compress-format gzip"
        raise refused(where, "image-compression", f"its media type {layer.kind[:100]!r} is not read here", hint)
    try:
        with gzip.GzipFile(fileobj=_Pieces(blob)) as stream:
            while chunk := stream.read(CHUNK):
                yield chunk
    except (OSError, EOFError, zlib.error) as error:
        raise refused(where, "image-archive", f"it is not gzip: {str(error)[:100]}") from None
    for _ in blob:
        pass


class _Pieces(io.RawIOBase):
    """A file made of the pieces of an iterator."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._held = piece
        size = len(self._held) if size < 0 else size
        found, self._held = self._held[:size], self._held[size:]
        return found


def _read(file: BinaryIO, where: str) -> list[_Entry]:
    """A layer's entries, each name once, but for folders."""
    entries: list[_Entry] = []
    seen: dict[str, bool] = {}
    for member in members(file, where):
        path = clean(member.name, where)
        if not path:
            continue
        if seen.get(path, member.isdir()) != member.isdir() or (path in seen and not member.isdir()):
            raise refused(where, "image-layer", f"it holds {path!r} twice")
        seen[path] = member.isdir()
        if member.isreg():
            chunks = partial(slices, file, member.offset_data, member.size)
            entries.append(_Entry(path, File(member.size, bool(member.mode & 0o100), chunks)))
        elif member.isdir():
            entries.append(_Entry(path, Folder(shared=bool(member.mode & 0o002))))
        elif member.issym():
            entries.append(_Entry(path, Link(_target(member.linkname, path, where))))
        elif member.islnk():
            entries.append(_Entry(path, None, clean(member.linkname, where)))
        elif not path.startswith("dev/"):
            raise refused(where, "image-layer", f"{path!r} is a device or another special file")
    return entries


def _target(target: str, path: str, where: str) -> str:
    if not target or "\0" in target or len(target) > 4000:
        raise refused(where, "image-layer", f"the link {path!r} leads nowhere")
    return target


def _is_whiteout(path: str) -> bool:
    return path.rpartition("/")[2].startswith(_WHITEOUT)


def _white_out(root: _Tree, path: str, where: str) -> None:
    parent, _, name = path.rpartition("/")
    gone = name.removeprefix(_WHITEOUT)
    if gone in ("", ".", ".."):
        raise refused(where, "image-layer", f"{path!r} takes away nothing that can be named")
    folder = _folder(root, parent, where, make=False)
    if folder is None or (name.startswith(_AUFS) and name != _OPAQUE):
        return
    if name == _OPAQUE:
        folder.clear()
    else:
        folder.pop(gone, None)


def _add(root: _Tree, entry: _Entry, where: str) -> None:
    parent, _, name = entry.path.rpartition("/")
    folder = _folder(root, parent, where, make=True)
    assert folder is not None
    if entry.hard is not None:
        above, _, last = entry.hard.rpartition("/")
        beside = _folder(root, above, where, make=False)
        found = beside.get(last) if beside is not None else None
        if not isinstance(found, File | Link):
            raise refused(where, "image-layer", f"the hard link {entry.path!r} names no file of the image")
        folder[name] = found
    elif isinstance(entry.node, File | Link):
        folder[name] = entry.node
    elif isinstance(entry.node, Folder):
        below = folder.get(name)
        if not isinstance(below, _Tree):
            below = folder[name] = _Tree()
        below.shared = entry.node.shared


def _folder(root: _Tree, path: str, where: str, make: bool) -> _Tree | None:
    """The folder at a path, links followed inside the root; made where it is missing, or None."""
    todo = path.split("/")[::-1]
    here, followed = [root], 0
    while todo:
        part = todo.pop()
        if part in ("", "."):
            continue
        if part == "..":
            here = here[:-1] or [root]
            continue
        node = here[-1].get(part)
        if isinstance(node, Link):
            followed += 1
            if followed > LINKS:
                raise refused(where, "image-layer", f"the links on the way to {path!r} lead in circles")
            here = [root] if node.target.startswith("/") else here
            todo += node.target.split("/")[::-1]
            continue
        if node is None and make:
            node = here[-1][part] = _Tree()
        if isinstance(node, File) and make:
            raise refused(where, "image-layer", f"{path!r} should be a folder, and {part!r} in it is a file")
        if not isinstance(node, _Tree):
            return None
        here.append(node)
    return here[-1]


def _flat(root: _Tree, where: str) -> Iterator[tuple[str, Node]]:
    """Every entry by its path. Links can lead deeper than any single name does, so the length is looked at again."""
    todo: list[tuple[str, _Tree]] = [("", root)]
    while todo:
        above, folder = todo.pop()
        for name, node in folder.items():
            path = f"{above}{name}"
            if len(encoded(path)) > LONGEST_PATH:
                raise refused(where, "image-layer", f"the path {path[:80]!r}… is too long")
            if isinstance(node, _Tree):
                yield path, Folder(node.shared)
                todo.append((f"{path}/", node))
            else:
                yield path, node
