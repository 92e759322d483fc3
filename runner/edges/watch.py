"""Runs one sandboxed program under watch: feeds it, reads it, and ends it, whatever it does.

Promises: returns within the bounds, or soon after `cancel` is set; keeps the head of each stream, never more; when it
returns, every process of the sandbox is dead and reaped. Linux only (pidfd, /proc).

The program is a bubblewrap that writes its status to the descriptor given with `--json-status-fd`: killing its first
process ends the whole PID namespace, and the kernel waits for all of them. Or it is the client of a container engine,
which keeps the processes elsewhere: then `stop` ends them, the client's exit code is theirs, and what they use is not
seen. What goes into the sandbox is `sandbox.py`'s; what the lines mean is `runner/protocol.py`'s.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from runner.edges.usage import Usage, proportional_kib, usage

TICK = 0.1
LOOK = 0.02
"""Seconds between two looks at `cancel` and the clock, and at memory and CPU time."""

GRACE = 2.0
"""Seconds that a benchmark usually has to leave after its last answer. That it closed its output cannot be seen from
here."""

KEPT = {"stdout": 256 << 10, "stderr": 64 << 10}
"""Bytes of each stream that are kept for the transcript."""

_CHUNK = 64 << 10

Cause = Literal["exited", "lingered", "broken", "start", "run", "total", "memory", "cancelled"]


class Listener(Protocol):
    """Hears the standard output as it comes; `runner.protocol.Reader` is one. `begun`: a first answer came. `answered`:
    nothing more is awaited. `broken`: why reading on is of no use."""

    @property
    def begun(self) -> bool: ...

    @property
    def answered(self) -> bool: ...

    @property
    def broken(self) -> str | None: ...

    def feed(self, chunk: bytes) -> None: ...


class Start(NamedTuple):
    """One start: the command line (its argument is a descriptor for bubblewrap's status), its environment, and what
    ends everything inside; None where that is bubblewrap, which is ended as described above. `folder`: where the
    program itself works, None for here. `grace`: seconds that it has to leave after the last answer."""

    argv: Callable[[int], Sequence[str]]
    environ: Mapping[str, str] = MappingProxyType({})
    stop: Callable[[], None] | None = None
    folder: Path | None = None
    grace: float = GRACE


class Bounds(NamedTuple):
    """Seconds from the start: until the first answer, until the end, and until the run as a whole must be over;
    and the memory of all processes together."""

    start: float
    run: float
    total: float
    memory_kib: int


class Stream(NamedTuple):
    """The head of what was printed, and how many bytes were printed in all."""

    head: bytes
    size: int


class Ended(NamedTuple):
    """How it ended. `exit_code` is None where the program did not leave by itself, `began` is false where the sandbox
    itself failed. `usage` is the most that was seen, None where the end came before the first look: bubblewrap leaves
    without waiting for its child, so the kernel's own sums never reach us."""

    cause: Cause
    began: bool
    exit_code: int | None
    wall_ms: int
    usage: Usage | None
    stdout: Stream
    stderr: Stream


def watch(
    start: Start,
    stdin: bytes,
    listener: Listener,
    bounds: Bounds,
    cpus: frozenset[int],
    cancel: threading.Event,
) -> Ended:
    """Run a sandbox to its end."""
    status, status_writer = os.pipe()
    begun = time.monotonic()
    try:
        with _pinned(cpus):
            process = subprocess.Popen(  # noqa: S603 - running what was asked for, in a sandbox, is the purpose
                start.argv(status_writer),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=start.folder,
                env=start.environ,
                pass_fds=() if start.stop else (status_writer,),
                start_new_session=True,
            )
    except BaseException:
        os.close(status)
        raise
    finally:
        os.close(status_writer)
    with process, io.FileIO(status) as status_reader:
        try:
            watched = _Watched(process, status_reader, stdin, listener, bounds, begun, start)
            try:
                cause = watched.until_end(cancel)
            finally:
                watched.end()
        except BaseException:
            process.kill()
            raise
    return watched.ended(cause)


@contextlib.contextmanager
def _pinned(cpus: frozenset[int]) -> Iterator[None]:
    """What this thread starts may use these CPUs. Honest programs start as many threads as they see CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class _Watched:
    """The state of one watch, on one thread. `first` is the sandbox's first process, as a pidfd."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        status: io.FileIO,
        stdin: bytes,
        listener: Listener,
        bounds: Bounds,
        begun: float,
        start: Start,
    ) -> None:
        self._process = process
        self._stop = start.stop
        self._grace = start.grace
        self._said = b""
        self._stdin = memoryview(stdin)
        self._listener = listener
        self._bounds = bounds
        self._begun = begun
        self._first: int | None = None
        self._linger: float | None = None
        self._usage: Usage | None = None
        self._looked = begun
        self._kept = {"stdout": bytearray(), "stderr": bytearray()}
        self._sizes = {"stdout": 0, "stderr": 0}
        self._selector = selectors.DefaultSelector()
        for stream, events, name in (
            (process.stdin, selectors.EVENT_WRITE, "stdin"),
            (process.stdout, selectors.EVENT_READ, "stdout"),
            (process.stderr, selectors.EVENT_READ, "stderr"),
            (status, selectors.EVENT_READ, "status"),
        ):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream.fileno(), events, name)
        self._selector.register(os.pidfd_open(process.pid), selectors.EVENT_READ, "bubblewrap")

    def until_end(self, cancel: threading.Event) -> Cause:
        """Pump until the sandbox has left and all its streams are read, or it must be ended."""
        while True:
            self._pump(TICK)
            if not self._alive():
                return "exited"
            cause = self._must_end(cancel)
            if cause:
                return cause

    def end(self) -> None:
        """Kill what is left: with the first process the kernel ends all others. Returns when all are gone.

        Bubblewrap has to name that process before it is killed itself: until the sandbox stands, its child would
        survive it."""
        if self._stop and self._alive():
            self._stop()
        patience = time.monotonic() + GRACE
        while self._alive():
            if self._first is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._first, signal.SIGKILL)
            if self._status_says("child-pid") is not None or time.monotonic() > patience:
                self._process.kill()
            self._pump(0.005)
        self._selector.close()

    def ended(self, cause: Cause) -> Ended:
        """The facts, once nothing is left."""
        exit_code = self._process.returncode if self._stop else self._status_says("exit-code")
        return Ended(
            cause=cause,
            began=exit_code is not None or cause != "exited",
            exit_code=exit_code if cause == "exited" else None,
            wall_ms=int((time.monotonic() - self._begun) * 1000),
            usage=self._usage,
            stdout=Stream(bytes(self._kept["stdout"]), self._sizes["stdout"]),
            stderr=Stream(bytes(self._kept["stderr"]), self._sizes["stderr"]),
        )

    def _alive(self) -> bool:
        """Whether a process is left, or something to read."""
        return any(key.data != "stdin" for key in self._selector.get_map().values())

    def _pump(self, timeout: float) -> None:
        """Move what can be moved, and look at what the sandbox uses."""
        for key, _ in self._selector.select(timeout):
            match key.data:
                case "stdin":
                    self._write(key.fd)
                case "first" | "bubblewrap":
                    self._selector.unregister(key.fd)
                    os.close(key.fd)
                    self._first = None if key.data == "first" else self._first
                case name:
                    self._read(key.fd, name)
        now = time.monotonic()
        if now - self._looked >= LOOK:
            self._looked = now
            self._look()

    def _write(self, descriptor: int) -> None:
        try:
            written = os.write(descriptor, self._stdin[:_CHUNK]) if self._stdin else 0
            self._stdin = self._stdin[written:]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._stdin = self._stdin[:0]
        if not self._stdin:
            self._selector.unregister(descriptor)
            assert self._process.stdin is not None
            self._process.stdin.close()

    def _read(self, descriptor: int, name: str) -> None:
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            self._selector.unregister(descriptor)
        elif name == "status":
            self._said += chunk
            self._find_first()
        else:
            kept = self._kept[name]
            kept += chunk[: max(0, KEPT[name] - len(kept))]
            self._sizes[name] += len(chunk)
            if name == "stdout":
                self._listener.feed(chunk)

    def _find_first(self) -> None:
        """Hold the sandbox's first process as soon as bubblewrap names it."""
        pid = self._status_says("child-pid")
        if pid is not None and self._first is None:
            with contextlib.suppress(ProcessLookupError):
                self._first = os.pidfd_open(pid)
                self._selector.register(self._first, selectors.EVENT_READ, "first")

    def _status_says(self, name: str) -> int | None:
        """Bubblewrap's status, one JSON document a line: `child-pid` once the sandbox stands, `exit-code` once its
        program has left."""
        for line in self._said.splitlines():
            with contextlib.suppress(ValueError):
                value = json.loads(line).get(name)
                if value is not None:
                    return int(value)
        return None

    def _must_end(self, cancel: threading.Event) -> Cause | None:
        passed = time.monotonic() - self._begun
        if cancel.is_set():
            return "cancelled"
        if self._listener.broken:
            return "broken"
        if passed >= self._bounds.total:
            return "total"
        if passed >= self._bounds.run:
            return "run"
        if passed >= self._bounds.start and not self._listener.begun:
            return "start"
        if self._linger is None and self._listener.answered:
            self._linger = passed + self._grace
        if self._linger is not None and passed >= self._linger:
            return "lingered"
        if self._usage and self._usage.memory_kib > self._bounds.memory_kib:
            return "memory" if proportional_kib(self._process.pid) > self._bounds.memory_kib else None
        return None

    def _look(self) -> None:
        if self._stop:
            return
        now = usage(self._process.pid)
        if now is not None:
            seen = self._usage or now
            self._usage = Usage(max(seen.cpu_ms, now.cpu_ms), max(seen.memory_kib, now.memory_kib))
