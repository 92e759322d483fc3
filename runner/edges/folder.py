"""A `Snapshot` of a folder as it is on disk, for authors who have not committed yet. Trust rests on commits alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from runner.model import sha256
from runner.ports import Blob

MAX_BYTES = 64 * 2**20


class FolderSnapshot:
    """The files below a folder. `commit` is None: nothing vouches for them."""

    commit: str | None = None

    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self, prefix: str) -> Mapping[str, Blob]:
        """Every file, with the mode that git would give it; links are not followed."""
        top = self._root / prefix
        if top.is_symlink() or not top.is_dir():
            return {}
        return dict(sorted(_walk(str(top), f"{prefix}/" if prefix else "")))

    def read(self, path: str) -> bytes | None:
        """The bytes of a plain file; None where there is none, or something else stands there."""
        file = os.path.join(self._root, path)  # noqa: PTH118 - as text, for the same reason as in `_walk`
        try:
            found = os.lstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
                return None
            with open(file, "rb", buffering=0) as plain:  # noqa: PTH123
                return plain.read()
        except (OSError, ValueError):
            return None

    def read_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """The bytes of those files that are there."""
        return {path: raw for path in paths if (raw := self.read(path)) is not None}

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        """See `Snapshot.digests`."""
        return {path: sha256(raw) for path, raw in self.read_all(paths).items()}

    def exists(self, path: str) -> bool:
        """Whether something stands at the path."""
        return os.path.lexists(self._root / path)


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, Blob]]:
    """The files of a folder, with paths that begin so. As text: a path object for each would take most of the time."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            if not entry.is_dir(follow_symlinks=False):
                yield path, Blob(_mode(entry.stat(follow_symlinks=False)), "")
            elif entry.name not in (".git", "__pycache__"):
                yield from _walk(entry.path, f"{path}/")


def _mode(found: os.stat_result) -> str:
    if stat.S_ISLNK(found.st_mode):
        return "120000"
    return "100755" if found.st_mode & stat.S_IXUSR else "100644"
