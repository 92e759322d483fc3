"""Processes of Beacon that start at once: each is forked from a parent that has imported what verbs need.

A process of its own in all else: its arguments, folder, environment, signals, exit status and standard streams, which
are files here. What is left out is half a second of imports, of which a test that starts ten processes is not about.

`Preloaded` is the test's side; `python -m tests.preloaded` the parent's, which takes requests from the socket that is
its standard input. A keeper between parent and process waits for it, and tells the test its id and how it ended.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Self

ROOT = Path(__file__).parent.parent
BEACON = "runner.cli:main"
_LOADED = "audit daemon describe events operate progress read reconcile report verify"
PATIENCE = 120
"""Seconds for what should take less than one."""
_MOST = 1 << 20
"""Bytes of a request: arguments and an environment."""


class Process:
    """One of them, with what tests use of `subprocess.Popen`."""

    def __init__(self, pid: int, status: int, out: IO[bytes], err: IO[bytes]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._status, self._out, self._err = status, out, err
        self._last: tuple[str, str] | None = None

    def poll(self) -> int | None:
        """How it ended, if it did."""
        return self._await(0)

    def wait(self, timeout: float) -> int:
        """How it ends: an exit code, or the negative of a signal. Raises `TimeoutExpired`."""
        if self._await(timeout) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout, *map(str.encode, self.said()))
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float) -> tuple[str, str]:
        """All that it wrote, once it has ended."""
        self.wait(timeout)
        return self.said()

    def said(self) -> tuple[str, str]:
        """What it has written so far, to its standard output and its standard error."""
        if self._last is None:
            out, err = (os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0) for file in (self._out, self._err))
            return out.decode(), err.decode()
        return self._last

    def tell(self, words: str, timeout: float = PATIENCE) -> None:
        """Wait until these words stand in its standard error."""
        until = time.monotonic() + timeout
        while words not in self.said()[1]:
            assert self.poll() is None, self.said()[1]
            assert time.monotonic() < until, self.said()[1]
            time.sleep(0.01)

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it, and wait until it has."""
        self.send_signal(signal.SIGKILL)
        self.wait(60)

    def _await(self, seconds: float) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], seconds)[0]:
            with os.fdopen(self._status, "rb") as ended:
                self.returncode = int(ended.read())
            with self._out, self._err:
                self._last = self.said()
        return self.returncode


class Preloaded:
    """The parent. It ends with the block, and so do its processes."""

    def __init__(self) -> None:
        self._started: list[Process] = []

    def __enter__(self) -> Self:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environ = {name: value for name, value in os.environ.items() if not name.startswith("BEACON_")}
        with theirs:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", "tests.preloaded"],
                cwd=ROOT,
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                env=environ,
            )
        self._socket = ours
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.kill()
        self._socket.close()
        assert self._parent.wait() == 0

    def start(self, call: str, arguments: list[str], folder: Path, environ: Mapping[str, str]) -> Process:
        """A process that calls a function (`module:function`, with no argument) and ends as the function says."""
        reads, writes = os.pipe()
        out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed at its end
        request = json.dumps([call, arguments, str(folder), dict(environ)]).encode()
        assert len(request) < _MOST
        try:
            socket.send_fds(self._socket, [request], [out.fileno(), err.fileno(), writes])
        finally:
            os.close(writes)
        pid = os.read(reads, 20)
        assert pid, "the parent of all processes has ended"
        self._started.append(Process(int(pid), reads, out, err))
        return self._started[-1]

    def run(
        self, call: str, arguments: list[str], folder: Path, environ: Mapping[str, str], seconds: float = PATIENCE
    ) -> subprocess.CompletedProcess[str]:
        """One to its end."""
        process = self.start(call, arguments, folder, environ)
        out, err = process.communicate(seconds)
        assert process.returncode is not None
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def serve(requests: socket.socket) -> Callable[[], object] | None:
    """Fork for each request. Returns in the processes, with what they are to do, and in the parent at the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the keepers go by themselves
    while True:
        raw, passed, _, _ = socket.recv_fds(requests, _MOST, 3)
        if not raw:
            return None
        if not os.fork():
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            out, err, status = passed
            child = os.fork()
            if not child:
                os.close(status)
                return _become(json.loads(raw), out, err)
            os.write(status, f"{child:<20}".encode())
            os.write(status, str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
            os._exit(0)
        for descriptor in passed:
            os.close(descriptor)


def _become(request: list[Any], out: int, err: int) -> Callable[[], object]:
    call, arguments, folder, environ = request
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for descriptor, place in ((out, 1), (err, 2)):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    module, name = call.split(":")
    sys.argv = [module, *arguments]
    found: Callable[[], object] = getattr(import_module(module), name)
    return found


def _load() -> None:
    """Import what verbs import, and compile what a first tick compiles."""
    from tests.ticks import fresh

    fresh().act()
    for name in _LOADED.split():
        import_module(f"runner.commands.{name}" if name != "audit" else "runner.audit")
    gc.freeze()


if __name__ == "__main__":
    _load()
    act = serve(socket.socket(fileno=os.dup(0)))
    if act is not None:
        sys.exit(act())  # type: ignore[arg-type]  # an exit code, or None
