"""Four runners that race, are killed and meet failing pushes.

`python -m tests.racing_runners FOLDER SEED JOBS AT_ONCE`; no more jobs are merged where AT_ONCE are not over.

    FOLDER/remote.git       the bare remote; its hooks refuse a push, die before it moves refs, or die after, by a seed
    FOLDER/<name>/          a runner's clone; FOLDER/<name>.state its signed state, FOLDER/<name>.spool its spool
    FOLDER/people/          who merges jobs, a few at a time, while the runners work
    FOLDER/told             one JSON line for each attempt that begins, ends or is kept, each kill, each error of a tick

Runners have keys of their own for commits and receipts, and share the log's. Each is a process, forked from this one,
so that it starts at once. Every second one of them, by the seed, is killed with SIGKILL, and starts again. Leases are
three seconds. These are seconds of a quiet machine: on one where a first tick, that nobody disturbs, takes longer than
there, all of them are longer by as much. When all jobs are over the runners end, the hooks go, one more job is merged,
and the runners tick one after the other. Exit status 1 where the jobs are not over in time.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.edges.git import GitRepository
from runner.edges.git_objects import Author
from runner.edges.git_remote import clone, create
from runner.edges.memory import MemoryEvents
from runner.edges.spool import FolderSpool
from runner.edges.state import SignedState
from runner.errors import BeaconError, Conflict
from runner.formats import sshsig
from runner.history import is_over
from runner.ipfs.unixfs import folder_cid
from runner.leases import USUAL, Leases, Watch
from runner.model.receipt import Image, RunnerIdentity, Times
from runner.ports import AttemptResult, Emit, Signer, Work
from runner.publish import Desk
from runner.reconcile import reconcile
from runner.schedules import instant
from runner.state import State, read_state
from runner.world import World
from tests import make
from tests.fake_executor import FakeExecutor
from tests.ticks import fresh, hire
from tests.worlds import BENCHMARK, Registry, job_file, runner

NAMES = ("rita", "rolf", "rosa", "ruth")
LIMITS = {"queueSeconds": 1, "startSeconds": 1, "runSeconds": 1}
LEASE = 3
"""Seconds: each timeout of an attempt, and a run's total limit, which is all of its lease."""
SHORT = Leases(margin=0, clock=1)
KILL_EVERY = 1.0
QUIET = 0.6
"""Seconds: between two kills, and what a tick of three attempts takes on a quiet machine."""
LATEST = 3000.0

_DRAW = """#!/bin/sh
draw() { read s < "$GIT_DIR/chance"; s=$(( (s * 1103515245 + 12345) % 2147483648 )); echo $s > "$GIT_DIR/chance"; }
draw
"""
HOOKS = {
    "pre-receive": 'case $((s / 65536 % 15)) in 0) echo "the disk is full" >&2; exit 1;; 1) kill -9 $PPID;; esac\n',
    "reference-transaction": '[ "$1" = committed ] && [ $((s / 65536 % 15)) -eq 0 ] && kill -9 $PPID\nexit 0\n',
}
"""A push in five fails: a third of them refused, a third cut before it has moved anything, a third after."""


class Told:
    """Lines of a file that several processes write, each whole."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, what: str, **facts: Any) -> None:
        """One line, with the machine's clocks."""
        said = {"what": what, "pid": os.getpid(), "monotonic": time.monotonic(), "wall": time.time(), **facts}
        os.write(self._file, json.dumps(said).encode() + b"\n")


class RacingExecutor(FakeExecutor):
    """Says when an attempt begins and ends. Takes a few hundredths of a second, and seldom half of one."""

    def __init__(self, name: str, told: Told, chance: random.Random) -> None:
        super().__init__(capacity=3)
        self._name, self._told, self._chance = name, told, chance
        self.starts: dict[tuple[str, str], int] = {}

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """See `FakeExecutor.run`."""
        facts = {"runner": self._name, "run": work.attempt.run, "start": work.start, "stem": work.attempt.stem}
        self.starts[work.attempt.run, work.attempt.stem] = work.start
        began = instant(now())
        self._told("begin", **facts)
        stopped = cancel.wait(self._chance.choice((0.02, 0.05, 0.1, 0.5)))
        done = (
            super()
            .run(work, cancel)
            ._replace(
                image=Image(form="source", digest=folder_cid(BENCHMARK)),
                times=Times(queued=began, started=began, finished=instant(now()), duration_ms=20),
            )
        )
        if stopped:
            lost = tuple(cell._replace(status="missing", output=None, finish=None, ms=None) for cell in done.cells)
            done = done._replace(status="cancelled", reason="told to stop", retryable=True, cells=lost)
        self._told("end", status=done.status, **facts)
        return done


class ToldSpool(FolderSpool):
    """Says of each attempt that it is kept, once it is."""

    def __init__(self, folder: Path, emit: Emit, told: Told, executor: RacingExecutor) -> None:
        super().__init__(folder, emit)
        self._told, self._executor = told, executor

    def put(self, result: AttemptResult) -> None:
        """See `Spool.put`."""
        super().put(result)
        run, stem = result.attempt.run, result.attempt.stem
        times = {"began": result.times.queued, "finished": result.times.finished}
        self._told("kept", run=run, start=self._executor.starts[run, stem], stem=stem, **times)


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def opened(folder: Path, signer: Signer) -> GitRepository:
    """A clone of the remote."""
    author = Author("racer", "racer@example.org")
    return GitRepository(folder, "main", signer, author, "origin", lambda: int(time.time()))


def race(
    folder: Path, name: str, seed: int, pace: float = 1.0, leases: Leases = SHORT, ticks: int | None = None
) -> None:
    """One runner: tick after tick, until there is a file `stop`."""
    told, chance, keys = Told(folder / "told"), random.Random(seed), runner(name).keys
    with opened(folder / name, keys.git) as repository:
        emit = MemoryEvents()
        signed = SignedState(folder / f"{name}.state", make.ORIGIN)
        executor = RacingExecutor(name, told, chance)
        world = World(
            desk=Desk(repository, keys, signed, emit),
            executor=executor,
            spool=ToldSpool(folder / f"{name}.spool", emit, told, executor),
            now=now,
            monotonic=time.monotonic,
            stop=threading.Event(),
            identity=RunnerIdentity(version="0.1.0"),
            poll_seconds=0.6 * pace,
            leases=leases,
            watched=Watch(time.monotonic),
        )
        while ticks is None or ticks:
            ticks = ticks and ticks - 1
            try:
                reconcile(world)
            except BeaconError as error:
                told("error", runner=name, code=error.code, message=error.message)
            except Exception:
                told("raised", runner=name, message=traceback.format_exc())
            if (folder / "stop").exists():
                return
            time.sleep(pace * chance.uniform(0.4, 1.2))


def forked(folder: Path, name: str, seed: int, **how: Any) -> int:
    """The process of a runner."""
    child = os.fork()
    if not child:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            race(folder, name, seed, **how)
        finally:
            os._exit(0)
    return child


class Race:
    """The race, from its beginning to its end."""

    def __init__(self, folder: Path, seed: int, jobs: int, at_once: int) -> None:
        """No more are merged where `at_once` jobs are not over."""
        self._folder, self._seed, self._at_once = folder, seed, at_once
        self._chance = random.Random(seed)
        self._left = [f"job{number:03}" for number in range(jobs)]
        self._merged: set[str] = set()
        self._told = Told(folder / "told")
        self._processes: dict[str, int] = {}
        self._registry()
        self._people = opened(folder / "people", make.key("alice"))
        began = time.monotonic()
        os.waitpid(forked(folder, NAMES[0], seed, leases=USUAL, ticks=1), 0)
        self._pace = max(1.0, (time.monotonic() - began) / QUIET)
        self._told("pace", pace=self._pace)

    def _registry(self) -> None:
        registry: Registry = fresh()
        for name in NAMES[1:]:
            hire(registry, name)
        registry.act()  # what a first tick imports and compiles is done once, for all
        create(self._folder / "first")
        registry.check_out(self._folder / "first")
        create(self._folder / "remote.git", bare=True)
        # A ref that was packed is deleted by a transaction within one: a hook behind the inner one would kill the push
        # in the midst of the outer, whose locks no git ever removes.
        with (self._folder / "remote.git" / "config").open("a") as config:
            config.write("[receive]\n\tautogc = false\n")
        with GitRepository(self._folder / "first", "main", None, Author("a", "a"), None, lambda: 0) as first:
            first._git.demand("push", "--quiet", str(self._folder / "remote.git"), "main:main")
        for name in (*NAMES, "people"):
            clone(str(self._folder / "remote.git"), self._folder / name)

    def hinder(self) -> None:
        """Let pushes fail from now on."""
        remote = self._folder / "remote.git"
        (remote / "chance").write_text(f"{self._seed * 7919 + 1}\n")
        (remote / "hooks").mkdir(exist_ok=True)
        for name, rule in HOOKS.items():
            (remote / "hooks" / name).write_text(_DRAW + rule)
            (remote / "hooks" / name).chmod(0o755)

    def run(self) -> bool:
        """Whether all jobs were over in time."""
        self.hinder()
        for name in NAMES:
            self._start(name)
        until = time.monotonic() + LATEST
        over = False
        while not over and time.monotonic() < until:
            time.sleep(KILL_EVERY * self._pace)
            self._kill(self._chance.choice(NAMES))
            over = self._go_on()
        (self._folder / "stop").touch()
        for child in self._processes.values():
            os.waitpid(child, 0)
        if over:
            self._calm()
        return over

    def _kill(self, name: str) -> None:
        child = self._processes[name]
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        self._told("kill", runner=name, killed=child)
        self._start(name)

    def _start(self, name: str) -> None:
        self._processes[name] = forked(self._folder, name, self._chance.getrandbits(30), pace=self._pace)

    def _go_on(self) -> bool:
        """Merge jobs where few are left to do. Whether all are over."""
        try:
            state = self._state()
            over = self._over(state)
            if len(self._merged - over) < self._at_once and self._left:
                batch = self._left[: self._chance.randint(1, self._at_once // 2)]
                self._merge(batch)
                self._left = self._left[len(batch) :]
            return not self._left and over >= self._merged
        except BeaconError as error:  # a push that fails, as everybody's may
            self._told("error", runner="people", code=error.code, message=error.message)
            return False

    def _state(self) -> State:
        self._people.refresh()
        return read_state(self._people, self._people.head())

    def _over(self, state: State) -> set[str]:
        paths = {end.start.job for end in state.history.ended.values() if is_over(end)}
        return {path.rpartition("/")[2].removesuffix(".yaml") for path in paths}

    def _merge(self, names: list[str], total: int | None = None) -> None:
        limits = LIMITS | {"totalSeconds": total or round(LEASE * self._pace)}
        changes: dict[str, bytes | None] = {}
        for name in names:
            raw = job_file(name, limits=limits)
            path = f"registry/jobs/alice/{name}.yaml"
            changes |= {path: raw, f"{path}.sig": sshsig.sign(make.key("alice"), raw, f"jobspec.v1@{make.ORIGIN}")}
        try:
            self._people.commit(self._people.head(), changes, "More jobs\n")
        except Conflict:
            self._people.refresh()
            self._people.commit(self._people.head(), changes, "More jobs\n")
        self._merged |= set(names)

    def _calm(self) -> None:
        """Nothing fails any more, and there is time."""
        for name in HOOKS:
            (self._folder / "remote.git" / "hooks" / name).unlink()
        self._people.refresh()
        self._merge(["last"], 3600)
        for name in NAMES:
            os.waitpid(forked(self._folder, name, 0, leases=USUAL, ticks=2), 0)
        self._people.close()


if __name__ == "__main__":
    contest = Race(Path(sys.argv[1]), *map(int, sys.argv[2:]))
    gc.freeze()
    sys.exit(0 if contest.run() else 1)
