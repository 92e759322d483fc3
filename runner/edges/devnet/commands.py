"""Runs a devnet activity's commands: in the sandbox of the local executor, on CPUs that are free.

All providers of a devnet share one machine. Each command gets CPUs of its own, so that no two disturb each other; who
finds none waits, and pays for the wait as for any other second of its activity.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

from runner.edges import sandbox
from runner.edges.devnet.exeunit import Command, Finished
from runner.edges.devnet.runtimes import CPU_SECONDS, MEMORY_GIB, MakeBox
from runner.edges.watch import Bounds, watch

LONGEST_OUTPUT = 64 << 20
"""Bytes of a command's standard output: whoever prints more is ended."""


class Cpus:
    """The CPUs of this machine, for commands to take. `count` says how many there are."""

    def __init__(self, numbers: set[int]) -> None:
        self.count = len(numbers)
        self._free = sorted(numbers)
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def taken(self, wanted: int) -> AsyncIterator[frozenset[int]]:
        """As many CPUs as are wanted, or all where there are not as many."""
        count = max(1, min(wanted, self.count))
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._free) >= count)
            mine = [self._free.pop(0) for _ in range(count)]
        try:
            yield frozenset(mine)
        finally:
            async with self._changed:
                self._free = sorted([*self._free, *mine])
                self._changed.notify_all()


class _Kept:
    """A listener of `watch` that keeps everything."""

    begun = True
    answered = False

    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def broken(self) -> str | None:
        return "more output than anybody may print" if len(self.data) > LONGEST_OUTPUT else None

    def feed(self, chunk: bytes) -> None:
        self.data += chunk


def in_sandbox(box_of: sandbox.Sandbox, make: MakeBox, cpus: Cpus, wanted: int, out: Path) -> Command:
    """A `Command` of an activity: each start is a sandbox of its own, with the socket `out` as its way out."""

    async def run(argv: tuple[str, ...], cancel: threading.Event) -> Finished:
        async with cpus.taken(wanted) as mine:
            return await asyncio.to_thread(_run, box_of, make(argv, out), mine, cancel)

    return run


def available() -> Cpus:
    """The CPUs that this process may use."""
    return Cpus(os.sched_getaffinity(0))


def _run(box_of: sandbox.Sandbox, box: sandbox.Box, cpus: frozenset[int], cancel: threading.Event) -> Finished:
    kept = _Kept()
    bounds = Bounds(CPU_SECONDS, CPU_SECONDS, CPU_SECONDS, MEMORY_GIB << 20)
    ended = watch(lambda status: box_of.argv(box, status), b"", kept, bounds, cpus, cancel)
    cpu_ms = ended.usage.cpu_ms if ended.usage else 0
    return Finished(ended.exit_code, bytes(kept.data), ended.stderr.head, cpu_ms)
