"""What goes over the wire between a clone and its remote: what is offered, what is fetched, how a push ended.

Refs are named by the caller and never by a tree or a commit. A push is judged by its porcelain flags (git-push(1),
OUTPUT), not by messages meant for people. Making and cloning repositories stands here too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from runner.edges.git_process import LOCKED, Git, run
from runner.errors import Environment

NETWORK_SECONDS = 300.0
FETCH = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--refmap=")
CANCEL = "refs/beacon/cancel/"
RUN = re.compile(r"[0-9a-f]{32}")
_TRIES = 5
_HELPER = re.compile(r"[A-Za-z0-9]+::")
_RACES = ("cannot lock ref", "failed to update ref", "failed to lock", "incorrect old value")


class Pushed(NamedTuple):
    """How a push ended. `flags` has git's flag for each ref on the remote: space, `+`, `-`, `*` moved it, `=` had
    nothing to move, `!` did not. `refused` means that git or the remote said no, so that nothing moved; a push that is
    neither `ok` nor `refused` was cut off, and only the remote knows."""

    ok: bool
    flags: Mapping[str, str]
    refused: bool
    raced: bool
    reason: str


def push(git: Git, remote: str, leases: Mapping[str, str | None], refspecs: Sequence[str]) -> Pushed:
    """Move refs of the remote, all or none. `leases` compare a ref with an id, None for absent, before it moves."""
    options = [f"--force-with-lease={ref}:{oid or ''}" for ref, oid in leases.items()]
    done = git.run(
        *("push", "--atomic", "--porcelain", "--no-verify", *options, "--", remote, *refspecs), seconds=NETWORK_SECONDS
    )
    rows = [row for line in done.out.splitlines() if len(row := line.split("\t")) == 3]
    flags = {refs.rpartition(":")[2]: flag for flag, refs, _ in rows}
    reasons = [summary for flag, _, summary in rows if flag == "!"]
    return Pushed(
        ok=done.code == 0,
        flags=flags,
        refused=any(reason.startswith(("[rejected]", "[remote rejected]")) for reason in reasons),
        raced=any(race in reason for reason in reasons for race in _RACES),
        reason="; ".join([*dict.fromkeys(reasons), done.complaint()]),
    )


def offered(git: Git, remote: str, *patterns: str) -> dict[str, str]:
    """The remote's refs that match, to their ids. Raises `Environment` where it cannot be reached."""
    done = git.run("ls-remote", "--quiet", "--refs", "--", remote, *patterns, seconds=NETWORK_SECONDS)
    if done.code:
        raise unreachable(done.complaint())
    return {name: oid for oid, _, name in (line.partition("\t") for line in done.out.splitlines())}


def fetch(git: Git, remote: str, wanted: Mapping[str, str], patterns: Sequence[str]) -> dict[str, str]:
    """Make local refs equal to the remote's, gone ones included; `wanted` maps the remote's names to ours. Returns what
    the remote offers of these and of the patterns. Nothing is transferred where nothing is new.

    Between the two connections refs may go away, or move: then all are looked at again, since of a new intent beside an
    old branch it would seem that somebody wound the branch back."""
    reason = "its refs move faster than they can be read"
    for _ in range(_TRIES):
        theirs = offered(git, remote, *wanted, *patterns)
        ours = git.refs(*wanted.values())
        gone = [name for ref, name in wanted.items() if ref not in theirs and name in ours]
        if gone:
            git.demand("update-ref", "--stdin", stdin="".join(f"delete {name}\n" for name in gone).encode())
        new = [f"+{ref}:{name}" for ref, name in wanted.items() if ref in theirs and theirs[ref] != ours.get(name)]
        if not new:
            return theirs
        done = git.run("fetch", *FETCH, "--", remote, *new, seconds=NETWORK_SECONDS)
        if done.locked:
            raise Environment("git-failed", f"git fetch: {done.complaint()}", LOCKED)
        if done.code:
            reason = done.complaint()
            continue
        ours = git.refs(*wanted.values())
        if all(ours.get(name) == theirs.get(ref) for ref, name in wanted.items()):
            return theirs
    raise unreachable(reason)


def to_cancel(refs: Mapping[str, str]) -> frozenset[str]:
    """The runs, by their first 32 hex digits, that these refs ask to cancel."""
    names = (ref.removeprefix(CANCEL) for ref in refs if ref.startswith(CANCEL))
    return frozenset(name for name in names if RUN.fullmatch(name))


def create(path: Path, branch: str = "main", bare: bool = False, environ: Mapping[str, str] | None = None) -> None:
    """An empty repository at a path, without sample hooks. Raises `Environment`."""
    path.mkdir(parents=True, exist_ok=True)
    kind = ["--bare"] if bare else []
    done = run(
        path,
        os.environ if environ is None else environ,
        ["init", "--quiet", "--template=", f"--initial-branch={branch}", *kind],
    )
    if done.code:
        raise Environment("git-failed", f"no repository could be made in {path}: {done.complaint()}")


def clone(url: str, path: Path, environ: Mapping[str, str] | None = None) -> None:
    """A clone with a work tree. Raises `Environment` where the remote cannot be reached, and for addresses that would
    start a program (`ext::`, gitremote-helpers(7))."""
    if _HELPER.match(url):
        raise Environment(
            "remote-unsafe", f"{url!r} names no place, but a program to start", "use a path or an address"
        )
    path.mkdir(parents=True, exist_ok=True)
    arguments = ["clone", "--quiet", "--template=", "--", url, "."]
    done = run(path, os.environ if environ is None else environ, arguments, seconds=NETWORK_SECONDS)
    if done.code:
        raise unreachable(done.complaint())


def unreachable(reason: str) -> Environment:
    """The error for a remote that does not give what it was asked for."""
    return Environment(
        "remote-unreachable", f"the remote does not answer: {reason}", "check the network and the access rights"
    )
