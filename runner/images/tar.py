"""The members of a tar archive that is not trusted. The format is tarfile's to read; the bounds are ours.

Python's tarfile believes a header's sizes: it would read a gigabyte of names, or walk backwards for ever. So it reads
through a file that refuses both, and the contents are read here, by offset.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

from runner.images.rootfs import LONGEST_NAME, LONGEST_PATH, refused

MEMBERS = 400_000
CHUNK = 1 << 20
_LONGEST_HEADER = 1 << 20


def members(file: BinaryIO, where: str) -> Iterator[tarfile.TarInfo]:
    """Every member, with its contents inside the file. `where` names the archive in errors. Raises `Invalid`."""
    size = file.seek(0, 2)
    file.seek(0)
    count = 0
    try:
        with tarfile.open(fileobj=cast("BinaryIO", _Bounded(file, size)), mode="r:") as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # tarfile would keep them all
                count += 1
                if count > MEMBERS:
                    raise refused(where, "image-too-big", f"it has more than {MEMBERS:,} entries")
                if (
                    member.size < 0
                    or member.size > size
                    or (member.isreg() and member.offset_data + member.size > size)
                ):
                    raise refused(where, "image-archive", f"{member.name!r} is longer than the archive")
                if member.issparse():
                    raise refused(where, "image-layer", f"{member.name!r} is a sparse file, which is not read here")
                yield member
            file.seek(min(archive.offset, size))
            if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
                raise refused(where, "image-archive", f"it is damaged behind byte {archive.offset}")
    except (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError) as error:
        hint = "is it complete, and not compressed as a whole?"
        raise refused(where, "image-archive", f"it is no tar archive: {_words(error)}", hint) from None


def clean(name: str, where: str) -> str:
    """A member's path as `rootfs.py` has them; empty for the root itself. Raises `Invalid` for one that leads out."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise refused(where, "image-layer", f"the name {name[:200]!r} leads out of the image")
    raw = "/".join(parts).encode("utf-8", "surrogateescape")
    if len(raw) > LONGEST_PATH or any(len(part) > LONGEST_NAME for part in raw.split(b"/")):
        raise refused(where, "image-layer", f"the name {name[:80]!r}… is too long")
    return "/".join(parts)


def slices(file: BinaryIO, offset: int, size: int) -> Iterable[bytes]:
    """A member's contents, by its place in the archive."""
    while size:
        file.seek(offset)
        chunk = file.read(min(size, CHUNK))
        if not chunk:
            raise ValueError("the file became shorter while it was read")
        offset += len(chunk)
        size -= len(chunk)
        yield chunk


class _Bounded:
    """A file of which headers are read, and no more than that."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size + _LONGEST_HEADER

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise ValueError("a header of an impossible size")
        self._left -= size
        if self._left < 0:
            raise ValueError("headers that lead in circles")
        return self._file.read(size)

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()


def _words(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
