"""Reading trees: the `Snapshot` of a commit, what differs between two, and what a commit says of `reports/`.

Works over any store of git's objects and asks it for whole levels of a tree at once. Trees may come from strangers:
names are never interpreted, links never followed, and a tree that would unfold to more than any reader can hold is
refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.edges.git_digests import DigestTable, hashed
from runner.edges.git_objects import FOLDER, Objects, parse_commit, parse_tree
from runner.errors import Environment, Invalid, Problem
from runner.ports import Blob, Changes, CommitInfo

MAX_FILES = 2_000_000
MAX_DEPTH = 100
_PLAIN = frozenset({"100644", "100755"})


class TreeSnapshot:
    """A `Snapshot` over git's objects. Trees that were read once are kept. `table` remembers digests."""

    def __init__(self, objects: Objects, commit: str | None, table: DigestTable | None = None) -> None:
        self.commit = commit
        self._objects = objects
        self._table = table
        self._trees: dict[str, dict[str, Blob]] = {}
        self._root: Blob | None = None
        if commit is not None:
            self._root = Blob(FOLDER, parse_commit(_commits(objects, [commit])[0]).tree)

    def files(self, prefix: str) -> Mapping[str, Blob]:
        """See `Snapshot.files`; the prefix "" means the whole tree. Raises `Invalid` for trees that no person made:
        more than two million files, or folders more than 100 deep."""
        top = self.find(prefix) if prefix else self._root
        found: dict[str, Blob] = {}
        level = [(f"{prefix}/" if prefix else "", top.oid)] if top and top.mode == FOLDER else []
        depth = 0
        while level:
            depth += 1
            below = []
            for (path, _), entries in zip(level, self._many([oid for _, oid in level]), strict=True):
                for name, blob in entries.items():
                    if blob.mode == FOLDER:
                        below.append((f"{path}{name}/", blob.oid))
                    else:
                        found[path + name] = blob
                if depth > MAX_DEPTH or len(found) + len(below) > MAX_FILES:
                    raise Invalid([_too_large(prefix)])
            level = below
        return dict(sorted(found.items()))

    def read(self, path: str) -> bytes | None:
        """See `Snapshot.read`. A link or a submodule is not a file."""
        blob = self.find(path)
        return self._objects.get([blob.oid])[0].data if blob and blob.mode in _PLAIN else None

    def read_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """See `Snapshot.read_all`."""
        found = [(path, blob.oid) for path in paths if (blob := self.find(path)) and blob.mode in _PLAIN]
        items = self._objects.get([oid for _, oid in found])
        return {path: item.data for (path, _), item in zip(found, items, strict=True)}

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        """See `Snapshot.digests`."""
        found = {path: blob.oid for path in paths if (blob := self.find(path)) and blob.mode in _PLAIN}
        oids = list(dict.fromkeys(found.values()))
        known = self._table.digests(self._objects, oids) if self._table else hashed(self._objects, oids)
        return {path: known[oid] for path, oid in found.items()}

    def exists(self, path: str) -> bool:
        """See `Snapshot.exists`."""
        return self.find(path) is not None

    def find(self, path: str) -> Blob | None:
        """The entry at a path, of any kind."""
        at = self._root
        for name in path.split("/"):
            if at is None or at.mode != FOLDER:
                return None
            at = self.entries(at).get(name)
        return at

    def entries(self, folder: Blob | None) -> dict[str, Blob]:
        """What stands in a folder; nothing where it is none."""
        if folder is None or folder.mode != FOLDER:
            return {}
        known = self._trees.get(folder.oid)
        return self._many([folder.oid])[0] if known is None else known

    def _many(self, oids: Sequence[str]) -> list[dict[str, Blob]]:
        """The entries of many trees, read in one go where they are not known yet."""
        missing = list(dict.fromkeys(oid for oid in oids if oid not in self._trees))
        for oid, item in zip(missing, self._objects.get(missing), strict=True):
            self._trees[oid] = parse_tree(item.data)
        return [self._trees[oid] for oid in oids]


def difference(objects: Objects, old: str | None, new: str, folder: str) -> Changes:
    """See `Repository.difference`. Equal folders are not entered; only plain files are told."""
    before, after = TreeSnapshot(objects, old), TreeSnapshot(objects, new)
    changed: dict[str, str | None] = {}
    open_paths = [(folder, before.find(folder), after.find(folder))]
    while open_paths:
        path, left, right = open_paths.pop()
        if left == right:
            continue
        if right and right.mode in _PLAIN:
            changed[path] = right.oid
        elif left and left.mode in _PLAIN:
            changed[path] = None
        here, there = before.entries(left), after.entries(right)
        open_paths += [(f"{path}/{name}", here.get(name), there.get(name)) for name in {**here, **there}]
    oids = [oid for oid in changed.values() if oid is not None]
    contents = dict(zip(oids, objects.get(oids), strict=True))
    return {path: None if oid is None else contents[oid].data for path, oid in sorted(changed.items())}


def read_commits(objects: Objects, oids: Sequence[str]) -> list[CommitInfo]:
    """Commits as `Repository.history` tells them."""
    raws = _commits(objects, oids)
    heads = [parse_commit(raw) for raw in raws]
    roots = objects.get([head.tree for head in heads])
    found = [parse_tree(root.data) for root in roots]
    return [
        CommitInfo(oid, head.parents, raw, _folder(root, "reports"), _folder(root, "registry"))
        for oid, head, raw, root in zip(oids, heads, raws, found, strict=True)
    ]


def _folder(entries: Mapping[str, Blob], name: str) -> str | None:
    entry = entries.get(name)
    return entry.oid if entry and entry.mode == FOLDER else None


def _commits(objects: Objects, oids: Sequence[str]) -> list[bytes]:
    items = objects.get(oids)
    for oid, item in zip(oids, items, strict=True):
        if item.kind != "commit":
            raise Environment("git-object-damaged", f"{oid} is a {item.kind}, where a commit was expected")
    return [item.data for item in items]


def _too_large(prefix: str) -> Problem:
    return Problem(
        prefix or ".",
        0,
        0,
        "tree-too-large",
        f"the folder unfolds to more than {MAX_FILES} files, or is more than {MAX_DEPTH} folders deep",
        "such a tree is made to exhaust its readers; refuse the commit that brought it",
    )
