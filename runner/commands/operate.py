"""Verbs that plan and look: plan, status, cancel; and a runner's desk, at which all others work."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner import __version__
from runner.commands.console import JsonFlag, line, note, put_json
from runner.commands.places import git, opened, remotes, revision, state_folder, top
from runner.edges.keys import load_keys, secrets
from runner.edges.state import SignedState
from runner.errors import Environment, Usage
from runner.plan import Pending
from runner.plan import plan as make_plan
from runner.ports import Emit
from runner.publish import Desk
from runner.registry import load, load_policy
from runner.registry.changes import brought
from runner.registry.fields import Change, changed
from runner.registry.fields import as_json as as_data
from runner.rendering import planview, statusview
from runner.schedules import lateness
from runner.state import demand_registry, read_state

if TYPE_CHECKING:
    from runner.world import World

RepoOption = Annotated[Path, typer.Option("--repo", help="The registry's clone.")]
RemoteOption = Annotated[str, typer.Option(help="The remote whose branch counts; `none` for the local branch alone.")]


MOST_VERDICTS = 1000
"""Jobs up to which `status` reads verdicts: each is a file of its own."""


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def elapsed() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps, where the system has one: a lease
    runs out meanwhile, too."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def plan(
    repo: RepoOption = Path(),
    base: Annotated[
        str | None, typer.Option(help="Trust policy and keys of this commit, and show only jobs that differ from it.")
    ] = None,
    rev: Annotated[str, typer.Option(help="The commit to plan; files that are not committed do not count.")] = "HEAD",
    markdown: Annotated[bool, typer.Option("--markdown", help="For a pull request.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """What would run, where, how many answers, at which cost, signed by whom; and why each other job would not."""
    from runner.commands.executors import refusal

    root = top(repo)
    with opened(root) as repository:
        judge = read_state(repository, repository.resolve(base) if base else repository.head())
        snapshot = revision(repository, rev)
        registry = judge.registry
        if snapshot.commit != judge.head:
            registry = load(snapshot, judge.trust, judge.policy if base else None)
        changes: tuple[Change, ...] = ()
        if base:
            whole = registry
            registry = brought(registry, snapshot, judge.registry)
            changes = changed(registry, whole, judge.registry)
            registry = registry.at_any_time()
        golem = registry.policy.golem is not None
        found = make_plan(registry, judge.history, now(), "nobody", refusal(registry.policy), paid=golem)
        if base:  # jobs that the pull request leaves as they are were left out above: none of them is gone
            found = found._replace(expired=(), cancelled=(), retired=(), resumed=())
    if as_json:
        put_json(planview.as_json(found) | ({"changes": list(map(as_data, changes))} if base else {}), "plan")
    else:
        line(planview.as_markdown(found) if markdown else planview.as_text(found))
    if rev == "HEAD" and (root / ".git").exists() and git(root, "status", "--porcelain", "--", "registry"):
        note("registry/ holds changes that are not committed; they are not in this plan")


def status(repo: RepoOption = Path(), as_json: JsonFlag = False) -> None:
    """Every job, and where it stands: pending, running, published, or why not; and the verdict of its newest run, where
    the registry has at most 1,000 jobs."""
    from runner.chronicle import newest_verdicts
    from runner.commands.executors import refusal

    root = top(repo)
    with opened(root) as repository:
        state = read_state(repository, repository.head())
        golem = state.policy.golem is not None
        at = now()
        found = make_plan(state.registry, state.history, at, "nobody", refusal(state.policy), paid=golem)
        rows = [statusview.Row(job.job.path, "pending", _waiting(job, at)) for job in found.pending]
        rows += [statusview.Row(idle.path, idle.code, idle.why) for idle in found.idle]
        if len(rows) <= MOST_VERDICTS:
            last = newest_verdicts(state, {row.job for row in rows})
            rows = [row._replace(verdict=last.get(row.job)) for row in rows]
    if as_json:
        put_json(statusview.as_json(sorted(rows)), "status")
        return
    for text in statusview.as_lines(sorted(rows), shutil.get_terminal_size().columns if sys.stdout.isatty() else None):
        line(text)
    if not rows:
        note("no jobs")


def _waiting(job: Pending, at: datetime) -> str:
    late = lateness(job.due, at)
    return f"{job.answers} answers" + (f", {late}" if late else "")


def cancel(
    run: Annotated[str, typer.Argument(help="A run, by the first digits of its id.")],
    repo: RepoOption = Path(),
    remote: RemoteOption = "origin",
    as_json: JsonFlag = False,
) -> None:
    """Ask for a run to be stopped; the runner that holds it does so within seconds."""
    root = top(repo)
    with opened(root, remote=remote_of(root, remote)) as repository:
        repository.refresh()
        open_runs = read_state(repository, repository.head()).history.open
        found = [one for one in open_runs if one.startswith(run)]
        if len(found) != 1:
            said = "no open run" if not found else f"{len(found)} open runs"
            raise Usage("run-unknown", f"{said} begins with {run!r}", "`beacon status` lists runs that are running")
        repository.request_cancel(found[0][:32])
    if as_json:
        put_json({"run": found[0]}, "cancel")
    else:
        line(f"asked for {found[0][:32]} to be cancelled")


@contextmanager
def working(
    root: Path,
    keys: Path | None,
    remote: str | None,
    emit: Emit,
    state: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[World]:
    """A runner's world: its clone, keys, executor and spool. One at a time for each clone."""
    with (
        at_desk(root, keys, remote, emit, state, environ) as (desk, folder),
        at_work(desk, folder, state, environ) as world,
    ):
        yield world


@contextmanager
def at_work(
    desk: Desk,
    folder: Path,
    state: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    asked: threading.Event | None = None,
) -> Iterator[World]:
    """The same for somebody who is at the desk already; `folder` is the runner's own in the git directory. `asked` is
    set by somebody else to stop it, if not by a signal."""
    from runner.commands.executors import app_keys, executing
    from runner.edges.spool import FolderSpool
    from runner.model.receipt import RunnerIdentity
    from runner.world import World

    head = desk.repository.snapshot(desk.repository.head())
    stopping = stoppable() if asked is None else nullcontext(asked)
    with stopping as stop, executing(head, state or state_folder(), desk.emit, environ) as executor:
        yield World(
            desk=desk,
            executor=executor,
            spool=FolderSpool(folder / "spool", desk.emit),
            now=now,
            monotonic=elapsed,
            stop=stop,
            identity=RunnerIdentity(version=__version__),
            secrets=(*secrets(desk.keys), *app_keys(environ)),
        )


@contextmanager
def at_desk(
    root: Path,
    keys: Path | None,
    remote: str | None,
    emit: Emit,
    state: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[tuple[Desk, Path]]:
    """What a runner writes the log with: its clone and keys, and what it signed before; and the runner's own folder in
    the git directory. One at a time for each clone."""
    held = load_keys(keys, environ)
    with opened(root, held.git, remote, emit) as repository, alone(repository.git_dir):
        repository.refresh()
        head = repository.snapshot(repository.head())
        demand_registry(head, "the branch")
        policy = load_policy(head).log
        if policy.branch != repository.branch:  # the work tree, or HEAD of a bare repository, named another one
            raise Environment(
                "branch-other",
                f"this clone is on the branch {repository.branch!r}, and its policy names {policy.branch!r}",
                f"git switch {policy.branch}; in a bare repository git symbolic-ref HEAD refs/heads/{policy.branch}",
            )
        signed = SignedState(state or state_folder(), policy.origin)
        yield Desk(repository, held, signed, emit), repository.git_dir / "beacon"


@contextmanager
def alone(git_dir: Path) -> Iterator[None]:
    """One runner a clone: the lock is the kernel's, and gone with the process."""
    folder = git_dir / "beacon"
    try:
        folder.mkdir(exist_ok=True)
        held = (folder / "lock").open("w")
    except OSError as error:
        hint = "check the permissions and the free space"
        raise Environment("write-failed", f"{folder} cannot be written: {error.strerror}", hint) from None
    with held as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Environment(
                "clone-busy", "another beacon is working in this clone", "wait, or use a clone of its own"
            ) from None
        yield


@contextmanager
def stoppable(still: str = "finished runs are still published") -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the second ends the process as usual."""
    stop = threading.Event()

    def ask(number: int, _: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        note(f"beacon: stopping; {still} (again: now)")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ending(stop: threading.Event, after: float | None) -> Iterator[None]:
    """Set `stop` after so many seconds, unless the block ends before."""
    timer = threading.Timer(after or 0, stop.set)
    timer.daemon = True
    if after is not None:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def remote_of(root: Path, name: str) -> str | None:
    """The remote to work with. `origin`, the default, may be absent: then the local branch counts."""
    known = remotes(root)
    if name == "none" or (name == "origin" and name not in known):
        return None
    if name not in known:
        hint = "`git remote add` makes one; --remote none works on the local branch alone"
        raise Usage("remote-unknown", f"no remote {name!r}; found {', '.join(known) or 'none'}", hint)
    return name
