"""Reading what a pull request brings, from a clone: its commits, and the paths that it changes.

Everything between two commits may come from a stranger. Ids alone are given to git as arguments; the number of commits
that are read is bounded, and a checkpoint that cannot be read counts as a log of no entries.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from runner.edges.git_process import Done, run
from runner.errors import Environment, Unverified
from runner.formats.note import parse_checkpoint, split_note
from runner.ports import Repository
from runner.publish import CHECKPOINT
from runner.registry.proposal import MOST_COMMITS, Ancestor, Commit, Proposal


def proposed(
    folder: Path, repository: Repository, base: str, rev: str, origin: str, environ: Mapping[str, str] = os.environ
) -> Proposal:
    """What commit `rev` brings to `base`. `origin` is the log's. Raises `Environment` in a clone that lacks history."""

    def git(*arguments: str) -> Done:
        return run(folder, {**environ, "GIT_ALLOW_PROTOCOL": "none"}, arguments)

    listed = git("rev-list", "--topo-order", f"--max-count={MOST_COMMITS + 1}", rev, f"^{base}", "--")
    if listed.code:
        raise _lacking(listed)
    oids = listed.out.split()
    ancestor = _ancestors(repository, origin)
    commits = []
    for oid in oids[:MOST_COMMITS]:
        info = repository.read_commit(oid)
        commits.append(Commit(oid, info.reports, tuple(ancestor(parent) for parent in info.parents)))
    began = git("merge-base", base, rev)
    differ = git("diff-tree", "-r", "-z", "--name-only", "--no-renames", began.out.strip() or base, rev, "--")
    if differ.code:
        raise _lacking(differ)
    return Proposal(commits, len(oids) > MOST_COMMITS, [path for path in differ.out.split("\0") if path])


def _ancestors(repository: Repository, origin: str) -> Callable[[str], Ancestor]:
    known: dict[str, Ancestor] = {}

    def look(oid: str) -> Ancestor:
        if oid not in known:
            raw = repository.snapshot(oid).read(CHECKPOINT)
            known[oid] = Ancestor(repository.read_commit(oid).reports, 0 if raw is None else _size(raw, origin))
        return known[oid]

    return look


def _size(checkpoint: bytes, origin: str) -> int:
    try:
        return parse_checkpoint(split_note(checkpoint)[0], origin).size
    except Unverified:
        return 0


def _lacking(done: Done) -> Environment:
    return Environment(
        "history-missing",
        f"git cannot tell what this pull request brings: {done.complaint()}",
        "fetch both commits with their whole history; in Actions: `fetch-depth: 0`",
    )
