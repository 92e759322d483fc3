"""Runs a devnet activity's commands: in the sandbox of the local executor, on CPUs that are free.

All providers of a devnet share one machine. Each command gets CPUs of its own, so that no two disturb each other; who
finds none waits, and pays for the wait as for any other second of its activity.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runner.edges import sandbox
from runner.edges.cpus import Cpus
from runner.edges.devnet.exeunit import Command, Finished
from runner.edges.devnet.runtimes import CPU_SECONDS, MEMORY_GIB, MakeBox
from runner.edges.watch import Bounds, Start, watch

LONGEST_OUTPUT = 64 << 20
"""Bytes of a command's standard output: whoever prints more is ended."""

_THREADS = ThreadPoolExecutor(64, "sandbox")
"""One for each command that runs or waits for a CPU."""


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
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_THREADS, _run, box_of, make(argv, out), cpus, wanted, cancel)

    return run


def _run(box_of: sandbox.Sandbox, box: sandbox.Box, cpus: Cpus, wanted: int, cancel: threading.Event) -> Finished:
    with cpus.taken(max(1, wanted), CPU_SECONDS, cancel) as mine:
        if not mine:
            return Finished(None, b"", b"", 0)
        kept = _Kept()
        bounds = Bounds(CPU_SECONDS, CPU_SECONDS, CPU_SECONDS, MEMORY_GIB << 20)
        ended = watch(Start(lambda status: box_of.argv(box, status)), b"", kept, bounds, mine, cancel)
    cpu_ms = ended.usage.cpu_ms if ended.usage else 0
    return Finished(ended.exit_code, bytes(kept.data), ended.stderr.head, cpu_ms)
