"""Git's objects as values: blobs, trees, commits, and what a set of changes makes of them.

Both repositories, `git.py` and `memory.py`, hold such objects and agree on every id. Trees are parsed and printed here,
so that git is only ever asked for full object ids: no path and no other foreign text reaches its command line or its
batch protocol. Where objects are kept, and what the refs say, is left to the repositories.
Formats: gitformat-pack(5), git-mktree(1), git-commit-tree(1); SHA-1 object names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

from runner.errors import Invalid, Problem
from runner.ports import Blob, Changes

Kind: TypeAlias = Literal["blob", "tree", "commit", "tag"]
Entries: TypeAlias = Mapping[str, Blob]
"""One tree: name to mode and oid. Names that are not UTF-8 carry surrogates (PEP 383)."""

MAX_FILES = 2_000_000
MAX_DEPTH = 100
_TREE = "40000"
_PLAIN = frozenset({"100644", "100664", "100755"})


class Object(NamedTuple):
    """One object, without git's header."""

    kind: Kind
    data: bytes

    @property
    def oid(self) -> str:
        """Its name: SHA-1 over header and data, 40 hex digits."""
        return hashlib.sha1(
            b"%s %d\0" % (self.kind.encode(), len(self.data)) + self.data, usedforsecurity=False
        ).hexdigest()


class Objects(Protocol):
    """Where objects are read from."""

    def get(self, oids: Sequence[str]) -> Sequence[Object]:
        """The objects, in that order. Raises `Environment` where one is missing."""


class Author(NamedTuple):
    """Who a commit says made it."""

    name: str
    email: str


class Edit(NamedTuple):
    """A tree after changes, and the objects that have to be stored for it."""

    tree: str
    new: Mapping[str, Object]


class CommitHead(NamedTuple):
    """What a commit points to."""

    tree: str
    parents: tuple[str, ...]


def parse_tree(data: bytes) -> dict[str, Blob]:
    """The entries of a tree object. Of entries with one name, which only a forged tree has, the first counts."""
    entries: dict[str, Blob] = {}
    at = 0
    while at < len(data):
        end = data.index(0, at)
        mode, _, name = data[at:end].partition(b" ")
        entries.setdefault(
            name.decode("utf-8", "surrogateescape"), Blob(mode.decode("ascii"), data[end + 1 : end + 21].hex())
        )
        at = end + 21
    return entries


def print_tree(entries: Entries) -> bytes:
    """The tree object of these entries, in git's order: a folder sorts as if its name ended with a slash."""
    rows = [(name.encode("utf-8", "surrogateescape"), blob) for name, blob in entries.items()]
    rows.sort(key=lambda row: row[0] + b"/" if row[1].mode == _TREE else row[0])
    return b"".join(b"%s %s\0%s" % (blob.mode.encode(), name, bytes.fromhex(blob.oid)) for name, blob in rows)


def edit_tree(objects: Objects, tree: str | None, changes: Changes) -> Edit:
    """The tree that stands after the changes. Folders that become empty go away; a file gives way to a folder of its
    name and the other way round; removing what is not a file changes nothing."""
    for path in changes:
        if any(part in ("", ".", "..", ".git") for part in path.split("/")) or "\0" in path:
            raise ValueError(f"{path!r} is not a path that can be committed")
    new: dict[str, Object] = {}
    root = _edit(objects, tree, changes, new) or _add(new, Object("tree", b""))
    return Edit(root, new)


def _edit(objects: Objects, tree: str | None, changes: Changes, new: dict[str, Object]) -> str | None:
    """The oid of the edited tree, or None where nothing is left in it."""
    entries = parse_tree(objects.get([tree])[0].data) if tree else {}
    below: dict[str, dict[str, bytes | None]] = {}
    for path, data in changes.items():
        name, slash, rest = path.partition("/")
        if slash:
            below.setdefault(name, {})[rest] = data
        elif data is not None:
            entries[name] = Blob("100644", _add(new, Object("blob", data)))
        elif name in entries and entries[name].mode != _TREE:
            del entries[name]
    for name, inner in below.items():
        if changes.get(name) is not None:
            raise ValueError(f"{name!r} cannot be both a file and a folder")
        old = entries.get(name)
        folder = old.oid if old and old.mode == _TREE else None
        if folder is None and not any(data is not None for data in inner.values()):
            continue
        oid = _edit(objects, folder, inner, new)
        if oid is None:
            del entries[name]
        else:
            entries[name] = Blob(_TREE, oid)
    return _add(new, Object("tree", print_tree(entries))) if entries else None


def _add(new: dict[str, Object], item: Object) -> str:
    oid = item.oid
    new[oid] = item
    return oid


def commit_text(tree: str, parents: Sequence[str], author: Author, seconds: int, message: str) -> bytes:
    """An unsigned commit object. `seconds` count from 1970 in UTC."""
    if any(character in part for part in author for character in "<>\n\0") or "\0" in message:
        raise ValueError("an author has no angle brackets, and a commit holds no NUL")
    who = f"{author.name} <{author.email}> {seconds} +0000"
    lines = [f"tree {tree}", *(f"parent {oid}" for oid in parents), f"author {who}", f"committer {who}"]
    return ("\n".join(lines) + "\n\n" + message.rstrip("\n") + "\n").encode()


def parse_commit(raw: bytes) -> CommitHead:
    """The tree and the parents of a commit object."""
    tree, parents = "", []
    for line in raw.partition(b"\n\n")[0].split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"tree":
            tree = value.decode("ascii")
        elif key == b"parent":
            parents.append(value.decode("ascii"))
        else:
            break
    return CommitHead(tree, tuple(parents))


class TreeSnapshot:
    """A `Snapshot` over git's objects. Trees that were read once are kept."""

    def __init__(self, objects: Objects, commit: str | None) -> None:
        self.commit = commit
        self._objects = objects
        self._trees: dict[str, dict[str, Blob]] = {}
        self._root: Blob | None = None
        if commit is not None:
            self._root = Blob(_TREE, parse_commit(objects.get([commit])[0].data).tree)

    def files(self, prefix: str) -> Mapping[str, Blob]:
        """See `Snapshot.files`; the prefix "" means the whole tree. Raises `Invalid` for trees that no person made:
        more than two million files, or folders more than 100 deep."""
        top = self._find(prefix) if prefix else self._root
        found: dict[str, Blob] = {}
        level = [(f"{prefix}/" if prefix else "", top.oid)] if top and top.mode == _TREE else []
        depth = 0
        while level:
            depth += 1
            below = []
            for (path, _), entries in zip(level, self._entries([oid for _, oid in level]), strict=True):
                for name, blob in entries.items():
                    if blob.mode == _TREE:
                        below.append((f"{path}{name}/", blob.oid))
                    else:
                        found[path + name] = blob
                if depth > MAX_DEPTH or len(found) + len(below) > MAX_FILES:
                    raise Invalid([_too_large(prefix)])
            level = below
        return dict(sorted(found.items()))

    def read(self, path: str) -> bytes | None:
        """See `Snapshot.read`. A link or a submodule is not a file."""
        blob = self._find(path)
        return self._objects.get([blob.oid])[0].data if blob and blob.mode in _PLAIN else None

    def read_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """See `Snapshot.read_all`."""
        found = [(path, blob.oid) for path in paths if (blob := self._find(path)) and blob.mode in _PLAIN]
        items = self._objects.get([oid for _, oid in found])
        return {path: item.data for (path, _), item in zip(found, items, strict=True)}

    def exists(self, path: str) -> bool:
        """See `Snapshot.exists`."""
        return self._find(path) is not None

    def _find(self, path: str) -> Blob | None:
        at = self._root
        for name in path.split("/"):
            if at is None or at.mode != _TREE:
                return None
            at = self._entries([at.oid])[0].get(name)
        return at

    def _entries(self, oids: Sequence[str]) -> list[dict[str, Blob]]:
        """The entries of many trees, read in one go where they are not known yet."""
        missing = list(dict.fromkeys(oid for oid in oids if oid not in self._trees))
        for oid, item in zip(missing, self._objects.get(missing), strict=True):
            self._trees[oid] = parse_tree(item.data)
        return [self._trees[oid] for oid in oids]


def reports_tree(objects: Objects, commits: Sequence[CommitHead]) -> list[str | None]:
    """For each commit the oid of its folder `reports/`, or None."""
    roots = objects.get([commit.tree for commit in commits])
    found = [parse_tree(root.data).get("reports") for root in roots]
    return [entry.oid if entry and entry.mode == _TREE else None for entry in found]


def _too_large(prefix: str) -> Problem:
    return Problem(
        prefix or ".",
        0,
        0,
        "tree-too-large",
        f"the folder unfolds to more than {MAX_FILES} files, or is more than {MAX_DEPTH} folders deep",
        "such a tree is made to exhaust its readers; refuse the commit that brought it",
    )
