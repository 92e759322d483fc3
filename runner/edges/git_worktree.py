"""The work tree of a branch: where it is checked out, and carrying its files from one commit to another.

Git decides whether a local change would be lost; nothing is ever overwritten. Sparse work trees stay sparse.
"""

from __future__ import annotations

from pathlib import Path

from runner.edges.git_process import Git
from runner.errors import Unverified
from runner.formats.sshsig import commit_signer
from runner.ports import CommitInfo, Signer

_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def checked_out(git: Git, ref: str) -> tuple[str | None, Path | None]:
    """A local branch's commit, and the work tree in which it is checked out, born or not."""
    row = git.demand("for-each-ref", "--format=%(objectname) %(worktreepath)", "--", ref).rstrip("\n")
    if not row:
        unborn = git.run("symbolic-ref", "--quiet", "HEAD").out.rstrip("\n") == ref
        return None, git.top if unborn else None
    oid, _, place = row.partition(" ")
    return oid, Path(place) if place and Path(place) != git.dir else None  # a bare repository names itself


def carried(
    git: Git, place: Path, old: str | None, new: str, last: CommitInfo | None, own: Signer | None, *options: str
) -> bool:
    """Carry index and files of a work tree from one commit to another. False where git refuses, because a change would
    be lost. A runner (`own`) that was killed before they followed its commit `last` left them where that one begins:
    then they are carried from there, if git finds them there."""
    git.run("update-index", "-q", "--refresh", folder=place)
    before = last.parents[:1] if last and own and _made_by(own, last) else ()
    return any(
        git.run("read-tree", "-m", "-u", *options, start, new, folder=place).code == 0
        for start in (old or _EMPTY_TREE, *before)
    )


def _made_by(own: Signer, commit: CommitInfo) -> bool:
    try:
        return commit_signer(commit.raw) == own.public
    except Unverified:
        return False
