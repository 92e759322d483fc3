"""Ticks in which one operation goes wrong: `python -m tests.disturbed_runner`, a `Case` a line of standard input as
JSON, a `Told` a line of standard output.

Clock, randomness and executor are the test's, so that two undisturbed ticks do the same operations in the same order;
git, files and keys are real. An operation is a git command, a read of git's objects, a call on a file of the runner
(clone, state, spool), or an attempt of the executor. For each case the registry is copied, a tick is disturbed at the
n-th operation, and ticks follow that nobody disturbs. Each tick is a fork, so that it can be killed and starts at once.
An attempt waits until the one before it is spooled, so that the order never depends on threads.

How it goes wrong: `fail`: it fails as git or the system would, and has done nothing (a write: half of it); `lost`: a
git command does its work, and fails then; `before` and `after`: the runner is killed there, amid a write or behind it.
"""

from __future__ import annotations

import errno
import gc
import io
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from runner.commands.operate import at_desk
from runner.commands.places import git
from runner.edges import git_process, git_remote
from runner.edges.spool import FolderSpool
from runner.errors import BeaconError, Environment
from runner.model.receipt import Image, RunnerIdentity, Times
from runner.ports import AttemptResult, Emit, Work
from runner.reconcile import reconcile
from runner.schedules import instant
from runner.world import World
from tests.fake_executor import FakeExecutor, echo
from tests.scratch import Scratch, quick_job
from tests.ticks import fresh

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
Mode: TypeAlias = Literal["calm", "fail", "lost", "before", "after"]
T = TypeVar("T")

_READING = frozenset({"rev-parse", "for-each-ref", "ls-remote", "rev-list", "merge-base", "symbolic-ref", "cat-file"})
_FILES = {"mkdir": True, "replace": True, "unlink": True, "rmdir": True, "listdir": False, "scandir": False}


class Case(NamedTuple):
    """`template` is copied to `place`, unless it is that place. Operations count from 1. `remote` is None for a lone
    repository. `network` and `locks` are how many seconds these are waited for, None as long as usual."""

    template: str
    place: str
    mode: Mode = "calm"
    nth: int = 0
    remote: str | None = "origin"
    calm_ticks: int = 1
    network: float | None = None
    locks: int | None = None


class Operation(NamedTuple):
    """What a tick did. `writes` where it may change something on a disk; `where` ends with a file's name."""

    name: str
    writes: bool


class Tick(NamedTuple):
    """How a tick went. `ended` is 0, or the negative signal. `error` is a code, and `raised` what is no error of
    ours. `attempts` is how many the executor was asked for."""

    ended: int
    operations: list[Operation]
    attempts: int = 0
    error: str | None = None
    hint: str = ""
    message: str = ""
    raised: str | None = None
    remains: bool = False


class Told(NamedTuple):
    """The ticks of a case: the disturbed one, and those after it."""

    case: Case
    ticks: list[Tick]


class Operations:
    """Counts, and does wrong what the case says."""

    def __init__(self, mode: Mode, nth: int) -> None:
        self.seen: list[Operation] = []
        self._mode, self._nth = mode, nth

    def step(
        self,
        name: str,
        writes: bool,
        act: Callable[[], T],
        fail: Callable[[], T],
        half: Callable[[], object] | None = None,
    ) -> T:
        """One operation. `half` does a part of it, where it has parts."""
        self.seen.append(Operation(name, writes))
        mode = self._mode if len(self.seen) == self._nth else "calm"
        if mode in ("fail", "before") and half is not None:
            half()
        if mode == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if mode == "fail":
            return fail()
        try:
            done = act()
        finally:
            if mode == "after":
                os.kill(os.getpid(), signal.SIGKILL)
        return fail() if mode == "lost" else done


class _Writer(io.BufferedWriter):
    """A file that is being written."""

    def __init__(self, descriptor: int, operations: Operations) -> None:
        super().__init__(io.FileIO(descriptor, "wb"))
        self._operations = operations

    def writelines(self, lines: Iterable[Any]) -> None:
        """One operation, all pieces together."""
        data = b"".join(lines)

        def act(part: bytes = data) -> None:
            self.write(part)
            self.flush()

        self._operations.step("write", True, act, _full, lambda: act(data[: len(data) // 2]))


def _full(path: object = "a file") -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _broken(path: object) -> Any:
    raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))


def disturb_git(operations: Operations) -> None:
    """Lead this process's git commands, and its reads of objects, through these."""
    real_run, real_get = git_process.run, git_process.Git.get

    def run(folder: Path, environ: Any, arguments: Any, stdin: bytes = b"", seconds: float | None = None) -> Any:
        name = f"git {arguments[0]}"
        broken = git_process.Done(128, "", f"fatal: {name}: Input/output error\n")
        writes = arguments[0] not in _READING
        return operations.step(
            name, writes, lambda: real_run(folder, environ, arguments, stdin, seconds), lambda: broken
        )

    def get(git: Any, oids: Any) -> Any:
        def fail() -> Any:
            git.close()
            raise Environment("git-failed", "git cat-file ended early", "see `git fsck`")

        return operations.step("git cat-file", False, lambda: real_get(git, oids), fail)

    git_process.run = run
    git_process.Git.get = get  # type: ignore[method-assign, assignment]


def disturb_files(operations: Operations, place: Path) -> None:
    """Lead this process's calls on files below a place through these."""
    real_open, real_io, real_fdopen, real_fsync = os.open, io.open, os.fdopen, os.fsync

    def ours(path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(str(place))

    def call(name: str, writes: bool, real: Callable[..., Any], arguments: Any, named: Any) -> Any:
        if not (arguments and ours(arguments[0])):
            return real(*arguments, **named)
        fail = _full if writes else _broken
        return operations.step(name, writes, lambda: real(*arguments, **named), lambda: fail(arguments[0]))

    def open_(*arguments: Any, **named: Any) -> Any:
        creates = bool(arguments[1] & os.O_CREAT)
        return call("create" if creates else "open", creates, real_open, arguments, named)

    def read(path: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        return call(f"open {mode}", "w" in mode, real_io, (path, mode, *more), named)

    def fsync(descriptor: int) -> None:
        operations.step("fsync", True, lambda: real_fsync(descriptor), lambda: _broken(descriptor))

    def fdopen(descriptor: int, mode: str = "r", *more: Any, **named: Any) -> Any:
        return _Writer(descriptor, operations) if mode == "wb" else real_fdopen(descriptor, mode, *more, **named)

    def wrapped(name: str, writes: bool) -> Callable[..., Any]:
        real = getattr(os, name)
        return lambda *arguments, **named: call(name, writes, real, arguments, named)

    for name, writes in _FILES.items():
        setattr(os, name, wrapped(name, writes))
    os.open, io.open, os.fdopen, os.fsync = open_, read, fdopen, fsync  # type: ignore[assignment]


class SteadySpool(FolderSpool):
    """Lets the next attempt begin when it has kept, or failed to keep, the last one."""

    def __init__(self, folder: Path, emit: Emit) -> None:
        super().__init__(folder, emit)
        self.turn = threading.Semaphore()

    def put(self, result: AttemptResult) -> None:
        """See `Spool.put`."""
        try:
            super().put(result)
        finally:
            self.turn.release()


class SteadyExecutor(FakeExecutor):
    """Answers the same, at the same moment, by the same provider, whenever it is asked. An attempt is an operation."""

    def __init__(self, operations: Operations, turn: threading.Semaphore) -> None:
        super().__init__(echo, capacity=1)
        self._operations, self._turn = operations, turn
        source = quick_job()["spec"]["targets"][0]["image"]["source"]
        self._image = Image(form="source", digest=source["cid"])

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """See `FakeExecutor.run`."""
        self._turn.acquire()
        real, at = super().run, instant(NOW)
        times = Times(queued=at, started=at, finished=at, duration_ms=12)

        def act() -> AttemptResult:
            return real(work, cancel)._replace(times=times, image=self._image)

        def fail() -> AttemptResult:
            done = act()
            lost = tuple(
                cell._replace(status="missing", output=None, finish=None, ms=None, reason="the provider went away")
                for cell in done.cells
            )
            return done._replace(status="failed", reason="the provider went away", retryable=True, cells=lost)

        return self._operations.step("attempt", False, act, fail)


def tick(case: Case, operations: Operations, number: int) -> Tick:
    """One reconcile in this process, which is of no use for anything else afterwards."""
    place = Scratch(Path(case.place))
    chance = random.Random(number)
    secrets.token_hex = lambda nbytes=None: chance.randbytes(nbytes or 32).hex()
    time.time = NOW.timestamp
    disturb_git(operations)
    disturb_files(operations, place.place)
    if case.network is not None:
        git_remote.NETWORK_SECONDS = case.network
    if case.locks is not None:
        git_process._OPTIONS = tuple(option.replace("=5000", f"={case.locks}000") for option in git_process._OPTIONS)
    error, hint, message, raised, attempts, remains = None, "", "", None, 0, False
    try:
        with at_desk(place.clone, place.keys / "runner", case.remote, lambda _: None, place.state) as (desk, folder):
            spool = SteadySpool(folder / "spool", desk.emit)
            executor = SteadyExecutor(operations, spool.turn)
            world = World(
                desk=desk,
                executor=executor,
                spool=spool,
                now=lambda: NOW,
                monotonic=lambda: 0.0,
                stop=threading.Event(),
                identity=RunnerIdentity(version="0.1.0"),
                poll_seconds=3600.0,
            )
            try:
                remains = reconcile(world).work_remains
            finally:
                attempts = len(executor.works)
    except BeaconError as found:
        error, hint, message = found.code, found.hint, found.message
    except Exception:
        raised = traceback.format_exc()
    return Tick(0, operations.seen, attempts, error, hint, message, raised, remains)


def forked(case: Case, mode: Mode, number: int) -> Tick:
    """The tick of a child."""
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.close(reads)
        told = tick(case, Operations(mode, case.nth), number)
        with io.FileIO(writes, "wb") as out:
            out.write(json.dumps(told).encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as source:
        said = source.read()
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not said:
        return Tick(ended, [])
    _, *rest = json.loads(said)
    return read_tick(ended, *rest)


def read_told(line: str) -> Told:
    """What `main` printed of a case."""
    case, ticks = json.loads(line)
    return Told(Case(*case), [read_tick(*fields) for fields in ticks])


def read_tick(ended: int, operations: list[Any], *rest: Any) -> Tick:
    """A tick, as JSON has it."""
    return Tick(ended, [Operation(*operation) for operation in operations], *rest)


class Runners:
    """Processes that carry out cases, each started when it is first needed: one for a few cases, all for many."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[str]] = []

    def told(self, cases: Sequence[Case]) -> list[Told]:
        """What came of the cases."""
        wanted = min(os.cpu_count() or 1, 1 + len(cases) // 10)
        while len(self._processes) < wanted:
            program = [sys.executable, "-m", "tests.disturbed_runner"]
            pipe = subprocess.PIPE
            self._processes.append(
                subprocess.Popen(program, cwd=Path(__file__).parent.parent, stdin=pipe, stdout=pipe, text=True)
            )
        with ThreadPoolExecutor(wanted) as pool:
            shares = pool.map(self._share, self._processes, [cases[n::wanted] for n in range(wanted)])
            return [one for share in shares for one in share]

    def _share(self, process: subprocess.Popen[str], cases: Sequence[Case]) -> list[Told]:
        assert process.stdin is not None
        assert process.stdout is not None
        found = []
        for case in cases:
            process.stdin.write(json.dumps(case) + "\n")
            process.stdin.flush()
            found.append(read_told(process.stdout.readline()))
        return found

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.communicate()


def tree(place: Scratch, remote: str | None) -> dict[str, str]:
    """Path to blob, of the branch that counts."""
    listed = git(place.remote if remote else place.clone, "ls-tree", "-r", "main")
    return {path: what for what, _, path in (line.partition("\t") for line in listed.splitlines())}


def main() -> None:
    """Case after case. What a first tick imports and compiles is done once, for all."""
    fresh().act()
    gc.freeze()
    for line in sys.stdin:
        case = Case(*json.loads(line))
        if case.template != case.place:
            Scratch(Path(case.template)).copy(Path(case.place))
        ticks = [forked(case, case.mode, 0)]
        ticks += [forked(case, "calm", number) for number in range(1, case.calm_ticks + 1)]
        print(json.dumps(Told(case, ticks)), flush=True)


if __name__ == "__main__":
    main()
