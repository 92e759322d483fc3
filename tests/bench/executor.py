"""What the local executor adds to its sandbox: the rate of attempts against the rate at which the sandbox alone starts.

Both on all CPUs at once, in turn, the best batch of each: what else the machine does must not decide."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from runner.edges import sandbox
from runner.edges.local import LocalExecutor
from runner.protocol import request
from tests.bench.figures import Figure
from tests.test_local import ECHO, work

ROUNDS = 12
BATCH = 16


class Rates(NamedTuple):
    """A second, the best of all batches."""

    sandbox: float
    executor: float

    @property
    def share(self) -> float:
        """What the executor keeps of the sandbox's rate."""
        return self.executor / self.sandbox


def figures(place: Path) -> Iterator[Figure]:
    """One row."""
    found = rates(place)
    yield Figure(
        "attempts in the local sandbox",
        f"{found.executor:.1f} a second",
        f"{found.share:.0%} of {found.sandbox:.1f} sandboxes alone",
        "at least 90 %",
        found.share >= 0.9,
    )


def rates(place: Path) -> Rates:
    """Measure in a folder. Raises `Environment` where no sandbox works."""
    one = work(ECHO)
    executor = LocalExecutor(place, {})
    executor.prepare(one.target, one.files)
    (place / "echo").mkdir(mode=0o755)
    (place / "echo/benchmark.py").write_text(ECHO)
    box = sandbox.Box(place / "echo", None, one.target.command, 256 << 20, 20)
    found = sandbox.find()
    document = request("m", one.cells, one.prompts, one.target.parameters)

    def alone() -> None:
        read, write = os.pipe()
        argv = found.argv(box, write)
        subprocess.run(argv, input=document, capture_output=True, env={}, pass_fds=(write,), check=True)
        os.close(read)
        os.close(write)

    def whole() -> None:
        assert executor.run(one, threading.Event()).status == "ok"

    best: dict[Callable[[], None], float] = {alone: 0.0, whole: 0.0}
    with ThreadPoolExecutor(executor.capacity) as pool:
        for _ in range(ROUNDS):
            for act in best:
                begun = time.perf_counter()
                for future in [pool.submit(act) for _ in range(BATCH)]:
                    future.result()
                best[act] = max(best[act], BATCH / (time.perf_counter() - begun))
    return Rates(best[alone], best[whole])
