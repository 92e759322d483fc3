"""Git's objects as values: blobs, trees, commits, and what a set of changes makes of them.

Both repositories, `git.py` and `memory.py`, hold such objects and agree on every id. Trees are parsed and printed here,
so that git is only ever asked for full object ids: no path and no other foreign text reaches its command line or its
batch protocol. Where objects are kept, and what the refs say, is left to the repositories; reading trees, to
`git_snapshot.py`. Formats: Pro Git, "Git Objects"; gitformat-pack(5); SHA-1 object names.
"""

from __future__ import annotations

import hashlib
import re
import stat
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

from runner.errors import Environment
from runner.formats import sshsig
from runner.ports import Blob, Changes, Signer

Kind: TypeAlias = Literal["blob", "tree", "commit", "tag"]
Entries: TypeAlias = Mapping[str, Blob]
"""One tree: name to mode and oid. Names that are not UTF-8 carry surrogates (PEP 383)."""

FOLDER = "40000"
_ENTRY = re.compile(rb"([0-7]{1,7}) ([^\0/]+)\0(.{20})", re.DOTALL)
_PACKED = {"commit": 1, "tree": 2, "blob": 3}


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
    """The entries of a tree object, with modes as git understands them. Of entries with one name, which only a forged
    tree has, the first counts, as it does in git. Raises `Environment` for what is no tree."""
    rows = _ENTRY.findall(data)
    if sum(len(mode) + len(name) + 22 for mode, name, _ in rows) != len(data):
        raise Environment("git-object-damaged", "a tree object cannot be read", "see `git fsck`")
    modes = {mode: _canonical_mode(int(mode, 8)) for mode in {mode for mode, _, _ in rows}}
    return {name.decode("utf-8", "surrogateescape"): Blob(modes[mode], oid.hex()) for mode, name, oid in reversed(rows)}


def _canonical_mode(mode: int) -> str:
    """A mode as git reads it (`canon_mode` of its cache.h): forged trees hold others."""
    if stat.S_ISREG(mode):
        return "100755" if mode & 0o100 else "100644"
    if stat.S_ISLNK(mode):
        return "120000"
    return FOLDER if stat.S_ISDIR(mode) else "160000"


def print_tree(entries: Entries) -> bytes:
    """The tree object of these entries, in git's order: a folder sorts as if its name ended with a slash."""
    rows = [(name.encode("utf-8", "surrogateescape"), blob) for name, blob in entries.items()]
    rows.sort(key=lambda row: row[0] + b"/" if row[1].mode == FOLDER else row[0])
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
        elif name in entries and entries[name].mode != FOLDER:
            del entries[name]
    for name, inner in below.items():
        adds = any(data is not None for data in inner.values())
        if adds and changes.get(name) is not None:
            raise ValueError(f"{name!r} cannot be both a file and a folder")
        old = entries.get(name)
        folder = old.oid if old and old.mode == FOLDER else None
        if folder is None and not adds:
            continue
        oid = _edit(objects, folder, inner, new)
        if oid is None:
            del entries[name]
        else:
            entries[name] = Blob(FOLDER, oid)
    return _add(new, Object("tree", print_tree(entries))) if entries else None


def _add(new: dict[str, Object], item: Object) -> str:
    oid = item.oid
    new[oid] = item
    return oid


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


def header(raw: bytes, name: str) -> str | None:
    """The first value of a header in a commit object."""
    for line in raw.partition(b"\n\n")[0].split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == name.encode():
            return value.decode("utf-8", "replace")
    return None


class Maker(NamedTuple):
    """Who makes commits. Without a signer they are unsigned, as people's are."""

    author: Author
    signer: Signer | None

    def commit(
        self,
        objects: Objects,
        parents: Sequence[str],
        changes: Changes,
        message: str,
        seconds: int,
        headers: Mapping[str, str],
    ) -> list[Object]:
        """The objects of a commit with these changes on top of its first parent's tree; the commit comes last.
        `seconds` count from 1970 in UTC."""
        tree = parse_commit(objects.get(parents[:1])[0].data).tree if parents else None
        edit = edit_tree(objects, tree, changes)
        raw = _commit_text(edit.tree, parents, self.author, seconds, message, headers)
        if self.signer is not None:
            raw = sshsig.sign_commit(self.signer, raw)
        return [*edit.new.values(), Object("commit", raw)]


def _commit_text(
    tree: str, parents: Sequence[str], author: Author, seconds: int, message: str, headers: Mapping[str, str]
) -> bytes:
    if any(character in part for part in author for character in "<>\n\0") or "\0" in message:
        raise ValueError("an author has no angle brackets, and a commit holds no NUL")
    who = f"{author.name} <{author.email}> {seconds} +0000"
    lines = [f"tree {tree}", *(f"parent {oid}" for oid in parents), f"author {who}", f"committer {who}"]
    lines += [f"{name} {value}" for name, value in headers.items()]
    return ("\n".join(lines) + "\n\n" + message.rstrip("\n") + "\n").encode()


def pack(items: Iterable[Object]) -> bytes:
    """A pack of whole objects (gitformat-pack(5), version 2)."""
    parts = []
    for item in items:
        size = len(item.data)
        head = bytearray([_PACKED[item.kind] << 4 | size & 15])
        size >>= 4
        while size:
            head[-1] |= 128
            head.append(size & 127)
            size >>= 7
        parts.append(bytes(head) + zlib.compress(item.data))
    body = b"PACK" + struct.pack(">II", 2, len(parts)) + b"".join(parts)
    return body + hashlib.sha1(body, usedforsecurity=False).digest()
