"""The images folder: OCI archives by the digest of their manifest, each checked before it was kept.

    IMAGES/<64 hex>.tar    one image, with nothing else of the archive that it came from

Also what stands between files and `runner/images`: a folder read as a root file system, one written to a folder.
"""

from __future__ import annotations

import contextlib
import os
import platform
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from runner.edges.environment import once
from runner.errors import Environment, Invalid
from runner.images.archive import Archive, Image
from runner.images.benchmark import MOUNTED
from runner.images.layers import flatten
from runner.images.oci import repacked
from runner.images.rootfs import File, Folder, Link, Node, RootFs, encoded, ordered, refused
from runner.images.tar import CHUNK

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """This machine's processor as Go, and so OCI, names it."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


class ImageStore:
    """The images of one folder, which need not be there. `cache` is where they are unpacked."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self._roots = cache / "roots"

    def add(self, archive: Path) -> str:
        """Keep the image of an archive, once all of it was read and every digest held. Returns the manifest's digest.
        Raises `Invalid` or `Unverified`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with opened(archive) as source, scratch(self.folder) as files:
            image = source.image(architecture())
            flatten(source, image, files)
            name = f"localhost/beacon:{image.digest[7:39]}"
            write(self.path(image.digest), repacked(source, image, name, architecture()))
        return image.digest

    def path(self, digest: str) -> Path:
        """Where the archive of a digest is, or would be."""
        return self.folder / f"{digest.removeprefix('sha256:')}.tar"

    def find(self, digest: str) -> Path:
        """The archive of a digest. Raises `Environment` where it is not here."""
        path = self.path(digest)
        if not path.is_file():
            hint = "beacon image add ARCHIVE, with the OCI archive of the image that the job pins"
            raise Environment("image-missing", f"the image {digest[:19]}… is not in {self.folder}", hint)
        return path

    def image(self, digest: str) -> Image:
        """What a kept archive says of its image. Raises `Environment`, also where somebody changed the file."""
        with _kept(self.find(digest)) as archive:
            return archive.image(architecture(), digest)

    def root(self, digest: str) -> Path:
        """An image's root file system as a folder, unpacked once. Raises `Environment`."""
        path = self.find(digest)

        def fill(into: Path) -> None:
            with _kept(path) as archive, scratch(into.parent) as files:
                unpack(flatten(archive, archive.image(architecture(), digest), files), into)

        return once(self._roots, digest.removeprefix("sha256:"), fill)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """An archive on disk. Raises `Invalid` where it is none."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise refused(str(path), "image-archive", f"it cannot be read: {error.strerror}") from None
    with file:
        yield Archive(file, str(path))


@contextlib.contextmanager
def _kept(path: Path) -> Iterator[Archive]:
    """An archive that was good when it was added."""
    try:
        with opened(path) as archive:
            yield archive
    except Invalid as error:
        raise Environment(error.code, error.message, "remove the file and add the image again") from None


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Callable[[], BinaryIO]]:
    """Gives nameless files on the disk of `folder`; they go away at the end."""
    with contextlib.ExitStack() as files:
        yield lambda: files.enter_context(tempfile.TemporaryFile(dir=folder))


def write(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".unfinished-")
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - of a descriptor
            for piece in pieces:
                file.write(piece)
            os.fchmod(file.fileno(), 0o644)
        Path(unfinished).rename(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise


def unpack(root: RootFs, into: Path) -> None:
    """Write a root file system into an empty folder. Parents are folders of its own, so no link is ever followed."""
    for path, node in ordered(root):
        target = into / os.fsdecode(encoded(path))
        match node:
            case Folder():
                target.mkdir()
            case Link(leads):
                target.symlink_to(os.fsdecode(encoded(leads)))
            case File(executable=executable):
                with target.open("xb") as file:
                    for chunk in node.chunks():
                        file.write(chunk)
                target.chmod(0o755 if executable else 0o644)


def read_folder(top: Path) -> RootFs:
    """A folder as a root file system; its files are read when they are asked for. What is in /dev, /proc, /sys and /tmp
    is left out. Raises `Invalid` for what is no folder, file or link."""
    found: dict[str, Node] = {}
    todo = [""]
    while todo:
        above = todo.pop()
        with os.scandir(top / above) as entries:
            for entry in entries:
                name = f"{above}{os.fsencode(entry.name).decode('utf-8', 'surrogateescape')}"
                found[name] = _node(entry, name, top)
                if isinstance(found[name], Folder) and name not in MOUNTED:
                    todo.append(f"{name}/")
    return found


def _node(entry: os.DirEntry[str], name: str, top: Path) -> Node:
    if entry.is_symlink():
        return Link(os.fsencode(Path(entry.path).readlink()).decode("utf-8", "surrogateescape"))
    facts = entry.stat(follow_symlinks=False)
    if stat.S_ISDIR(facts.st_mode):
        return Folder(shared=bool(facts.st_mode & 0o002))
    if stat.S_ISREG(facts.st_mode):
        return File(facts.st_size, bool(facts.st_mode & 0o100), partial(_chunks, Path(entry.path)))
    raise refused(str(top), "image-file", f"/{name} is a device, a socket or a pipe", "remove it from the folder")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
