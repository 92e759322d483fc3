"""The work tree of a branch: where it is checked out, and carrying its files from one commit to another.

Git decides whether a local change would be lost; nothing is ever overwritten. Sparse work trees stay sparse.
"""

from __future__ import annotations

from pathlib import Path

from runner.edges.git_process import Done, Git

_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def checked_out(git: Git, ref: str) -> tuple[str | None, Path | None]:
    """A local branch's commit, and the work tree in which it is checked out, born or not."""
    row = git.demand("for-each-ref", "--format=%(objectname) %(worktreepath)", "--", ref).rstrip("\n")
    if not row:
        unborn = git.run("symbolic-ref", "--quiet", "HEAD").out.rstrip("\n") == ref
        return None, git.top if unborn else None
    oid, _, place = row.partition(" ")
    return oid, Path(place) if place and Path(place) != git.dir else None  # a bare repository names itself


def read_tree(git: Git, place: Path, old: str | None, new: str, *options: str) -> Done:
    """Carry index and files of a work tree from one commit to another; git refuses where a change would be lost."""
    git.run("update-index", "-q", "--refresh", folder=place)
    return git.run("read-tree", "-m", "-u", *options, old or _EMPTY_TREE, new, folder=place)
