"""What a clone holds that it could do without: sizes, what is left over, and packing anew.

Only what no later tick can miss counts as left over: attempts and requests to cancel of runs that are over, an intent
that is spent, and files that a killed process was writing. Caches are told, and stay: they are made again at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from runner.edges import durable
from runner.edges.git import INTENT, GitRepository
from runner.edges.git_process import Git
from runner.edges.git_remote import push
from runner.edges.spool import FolderSpool
from runner.errors import Environment


class Sizes(NamedTuple):
    """A git directory. Bytes; `caches` are those of ours, which may be deleted at any time."""

    bytes: int
    packs: int
    pack_bytes: int
    loose: int
    loose_bytes: int
    caches: int
    kind: tuple[str, ...]


class Leftover(NamedTuple):
    """Something that nobody will miss. `kind`: attempts, request, intent or temporary."""

    kind: str
    name: str
    bytes: int
    remove: Callable[[], object]


def sizes(git: Git) -> Sizes:
    """What a clone weighs. Walks the git directory."""
    rows = dict(line.split(": ") for line in git.demand("count-objects", "-v").splitlines())
    kinds = {"bare": git.top is None, "partial": git.partial(), "shallow": git.shallow()}
    ours, objects = git.dir / "beacon", git.dir / "objects"
    packed = weight(objects / "pack")
    return Sizes(
        bytes=weight(git.dir),
        packs=int(rows["packs"]),
        pack_bytes=packed,
        loose=int(rows["count"]),
        loose_bytes=weight(objects) - packed - weight(objects / "info"),
        caches=weight(ours) - weight(ours / "spool"),
        kind=tuple(name for name, so in kinds.items() if so),
    )


def leftovers(repository: GitRepository, git: Git, remote: str | None, over: Collection[str]) -> list[Leftover]:
    """What is left over in a refreshed clone, and at its remote; `over` are runs, by all 64 digits, that have ended."""
    ours = git.dir / "beacon"
    spool = FolderSpool(ours / "spool", lambda _: None)
    found = [
        Leftover("attempts", run, weight(ours / "spool" / run), lambda run=run: spool.forget(run))  # type: ignore[misc]
        for run in spool.runs()
        if run in over
    ]
    for run in sorted({one[:32] for one in over} & repository.cancellations()):
        found.append(Leftover("request", run, 0, lambda run=run: repository.forget_cancel([run])))  # type: ignore[misc]
    standing = git.refs(INTENT).get(INTENT)
    if standing is not None and repository.intent() is None:
        found.append(Leftover("intent", standing, 0, lambda: _drop(git, remote, standing)))
    for file in sorted(ours.rglob(f"{durable.TEMPORARY}*")):
        if file.is_file() and not file.is_symlink():
            found.append(Leftover("temporary", file.relative_to(git.dir).as_posix(), file.stat().st_size, file.unlink))
    return found


def pack(git: Git) -> None:
    """Let git pack what is loose and drop what no ref has needed for two weeks. Raises `Environment`."""
    git.demand("gc", "--quiet")


def weight(folder: Path) -> int:
    """The bytes of all files below a folder, which need not be there; what goes away meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - a hundred thousand of them
            except FileNotFoundError:
                continue
    return total


def _drop(git: Git, remote: str | None, intent: str) -> None:
    if remote is not None:
        pushed = push(git, remote, {INTENT: intent}, [f":{INTENT}"])
        if not pushed.ok:
            raise Environment("push-refused", f"the remote keeps {INTENT}: {pushed.reason}", "check the access rights")
    git.demand("update-ref", "-d", INTENT, intent)
