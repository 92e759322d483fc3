"""A root file system as values: folders, files and links, and nothing else.

Kept of a mode is one bit: whether a file may be executed, or whether everybody may write into a folder. Owners, times,
extended attributes, set-uid bits and the identity of hard links are left out, because they differ between machines and
no benchmark needs them.

Paths have no slash at their beginning and no part that is empty, `.` or `..`; bytes that are no UTF-8 stand in them as
surrogates (PEP 383). Each parent of an entry is a `Folder` of the same root file system, never a link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from runner.errors import Invalid, Problem

LONGEST_NAME = 255
LONGEST_PATH = 3000
LINKS = 40
"""Links that are followed on the way to one file, as Linux does."""


class Folder(NamedTuple):
    """A folder; its entries are those whose paths begin with its own. `shared`: everybody may write there, as in /tmp:
    some engines give what they mount over a folder the folder's own mode."""

    shared: bool = False


class File(NamedTuple):
    """A file. `chunks` gives its bytes in pieces, `size` of them in all, each time it is called."""

    size: int
    executable: bool
    chunks: Callable[[], Iterable[bytes]]


class Link(NamedTuple):
    """A symbolic link; an absolute target begins at this root."""

    target: str


Node: TypeAlias = Folder | File | Link
RootFs: TypeAlias = Mapping[str, Node]


def refused(where: str, code: str, message: str, hint: str = "") -> Invalid:
    """An error about a whole file or folder, to be raised."""
    return Invalid([Problem(where, 0, 0, code, message, hint)])


def encoded(path: str) -> bytes:
    """A path, or a link's target, as the bytes that it stands for."""
    return path.encode("utf-8", "surrogateescape")


def mode(node: Node) -> int:
    """The permissions that a node is written with."""
    match node:
        case Link():
            return 0o777
        case File(executable=False):
            return 0o644
        case Folder(shared=True):
            return 0o1777
        case _:
            return 0o755


def ordered(root: RootFs) -> list[tuple[str, Node]]:
    """Every entry, parents first, else by the bytes of the parts: the one order in which images are written."""
    return sorted(root.items(), key=lambda entry: encoded(entry[0]).split(b"/"))


def contents(raw: bytes, executable: bool = False) -> File:
    """A file whose bytes are at hand."""
    return File(len(raw), executable, lambda: (raw,))


def with_entries(root: RootFs, more: Mapping[str, Node]) -> RootFs:
    """The root file system with more entries, whose parents become folders."""
    parents = {path[:at]: Folder() for path in more for at, letter in enumerate(path) if letter == "/"}
    return {**root, **parents, **more}


def resolve(root: RootFs, path: str) -> str | None:
    """Where a path leads once every link is followed, None where it leads nowhere."""
    todo = path.split("/")[::-1]
    here: list[str] = []
    followed = 0
    while todo:
        part = todo.pop()
        if part in ("", "."):
            continue
        if part == "..":
            here = here[:-1]
            continue
        node = root.get("/".join([*here, part]))
        if isinstance(node, Link):
            followed += 1
            if followed > LINKS:
                return None
            here = [] if node.target.startswith("/") else here
            todo += node.target.split("/")[::-1]
        elif node is None or (todo and isinstance(node, File)):
            return None
        else:
            here.append(part)
    return "/".join(here)
