"""Folders on disk, read as `ipfs/unixfs.py` takes them and written as `ipfs/unpack.py` gives them.

Read: every file and folder below, hidden and empty ones too, as `ipfs add --recursive --hidden` does; links, devices
and names that are not UTF-8 are refused, all at once. Files are opened when a chunk is asked for, so nothing is held.
Written: whole or not at all, beside the target and then renamed; never over something that is there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from runner.errors import Environment, Invalid, Problem, Unverified, Usage
from runner.ipfs import unixfs
from runner.ipfs.dagpb import Get, cid_text
from runner.ipfs.unixfs import CHUNK, DEEPEST, PROFILE, Folder, Source
from runner.ipfs.unpack import BOUNDS, Bounds, Entry, unpack


def read_tree(path: Path) -> Source | Folder:
    """A folder, or a single file. Raises `Usage` where there is none, `Invalid` with all that cannot be part of one."""
    try:
        found = path.stat()
    except OSError as error:
        raise Usage("file-unreadable", f"{path}: {error.strerror}", "give a folder or a file") from None
    if stat.S_ISREG(found.st_mode):
        return partial(_chunk, os.path.realpath(os.fsencode(path)))
    if not stat.S_ISDIR(found.st_mode):
        raise Usage("file-unreadable", f"{path} is neither a folder nor a file", "give a folder or a file")
    problems: list[Problem] = []
    folder = _folder(os.fsencode(path), 0, problems)
    if problems:
        raise Invalid(sorted(problems))
    return folder


def write_graph(root: bytes, get: Get, target: Path, bounds: Bounds = BOUNDS) -> None:
    """Unpack a folder or file to a path where nothing stands yet. What was written is read again, and has to give the
    root's CID under the profile. Raises like `write_tree`, and `Unverified` for a graph that is not as it must be."""

    def check(written: Path) -> None:
        found = unixfs.graph(read_tree(written)).root
        if found != root:
            message = f"its files give {cid_text(found)} under the profile {PROFILE}; expected {cid_text(root)}"
            raise Unverified("unixfs-foreign", message, f"was it added by ipfs with the profile {PROFILE}?")

    write_tree(unpack(root, get, bounds), target, check)


def write_tree(entries: Iterable[Entry], target: Path, check: Callable[[Path], None] = lambda _: None) -> None:
    """Put what was unpacked at a path where nothing stands yet, once `check` has seen it. Raises what these raise,
    `Usage` where something stands there, and `Environment`: then nothing was written."""
    refuse_taken(target)
    try:
        with _beside(target) as folder:
            root = folder / "root"
            for path, pieces in entries:
                _put(f"{root}/{path}" if path else str(root), pieces)
            check(root)
            refuse_taken(target)
            root.rename(target)
    except FileExistsError as error:
        message = f"two names are one on this disk: {Path(str(error.filename)).name!r}"
        raise Unverified("path-unsafe", message, "unpack it on a disk that tells upper and lower case apart") from None
    except OSError as error:
        hint = "is the folder above it there, and is there room?"
        raise Environment("write-failed", f"{target} cannot be written: {error.strerror}", hint) from None


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder for the owner alone beside the target, which is gone with the block. Not `tempfile`'s: importing that
    takes a twentieth of writing a small CAR."""
    folder = target.absolute().parent / f".beacon-{os.urandom(8).hex()}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        try:
            folder.rmdir()
        except OSError:
            import shutil

            shutil.rmtree(folder, ignore_errors=True)


def write_file(pieces: Iterable[bytes], target: Path) -> int:
    """Put pieces into one file where nothing stands yet; how many bytes it has. Raises like `write_tree`."""
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for piece in pieces:
            size += len(piece)
            yield piece

    write_tree([Entry("", counted())], target)
    return size


MAX_BYTES = 64 << 20
"""The largest file that is judged."""


class TreeFiles(Mapping[str, bytes]):
    """The files below a folder, by relative path; each is read when it is asked for, and none is kept. Raises
    `Unverified` for one that is larger than any file of an honest bundle."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found = sorted(folder.rglob("*"))
        self._paths = {path.relative_to(folder).as_posix(): path for path in found if path.is_file()}

    def __getitem__(self, path: str) -> bytes:
        size = self._paths[path].stat().st_size
        if size > MAX_BYTES:
            message = f"{path} has {size} bytes; {MAX_BYTES} are the most that is judged"
            raise Unverified("bundle-file-large", message, "no executor's limits let a benchmark say so much")
        return self._paths[path].read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def refuse_taken(target: Path) -> None:
    """Raises `Usage` where something stands at a path."""
    if os.path.lexists(target):
        raise Usage("target-taken", f"{target} is there already", "give a path where nothing stands, or move it away")


def _folder(path: bytes, depth: int, problems: list[Problem]) -> Folder:
    found: Folder = {}
    try:
        listed = list(os.scandir(path))
    except OSError as error:
        why = f"it cannot be read: {error.strerror}"
        problems.append(Problem(os.fsdecode(path), 0, 0, "bundle-file-kind", why, "make it readable"))
        return found
    for entry in listed:
        if refusal := _refusal(entry, depth):
            problems.append(Problem(os.fsdecode(entry.path), 0, 0, "bundle-file-kind", refusal, "move it elsewhere"))
        elif entry.is_dir(follow_symlinks=False):
            found[entry.name] = _folder(entry.path, depth + 1, problems)
        else:
            found[entry.name] = partial(_chunk, entry.path)
    return found


def _refusal(entry: os.DirEntry[bytes], depth: int) -> str | None:
    """Why something cannot be part of a bundle, or None."""
    if entry.is_symlink():
        return "found a link; bundles hold files and folders"
    if not entry.is_dir(follow_symlinks=False) and not entry.is_file(follow_symlinks=False):
        return "found a device, a socket or a pipe; bundles hold files and folders"
    if depth >= DEEPEST:
        return f"it is more than {DEEPEST} levels deep"
    try:
        entry.name.decode()
    except UnicodeDecodeError:
        return "its name is not UTF-8"
    return None


def _chunk(path: bytes, number: int) -> bytes:
    """The n-th chunk of a file; a link that has taken its place is not followed."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            left = os.fstat(file).st_size - number * CHUNK  # a buffer of a whole chunk costs more than a small file
            return os.pread(file, min(left, CHUNK), number * CHUNK) if left > 0 else b""
        finally:
            os.close(file)
    except OSError as error:
        raise Usage("file-unreadable", f"{os.fsdecode(path)}: {error.strerror}", "make it readable") from None


def _put(path: str, pieces: Iterable[bytes] | None) -> None:
    if pieces is None:
        os.mkdir(path)  # noqa: PTH102 - thousands of them; a Path costs more than the folder
        return
    with open(path, "xb") as file:  # noqa: PTH123 - as above
        for piece in pieces:
            file.write(piece)
