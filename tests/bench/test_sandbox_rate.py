"""What the local executor adds to its sandbox: at least 90 % of the rate at which the sandbox alone can be started.

Both on all CPUs at once, in turn, the best batch of each: what else the machine does must not decide."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.edges import sandbox
from runner.edges.local import LocalExecutor
from runner.errors import Environment
from runner.protocol import request
from tests.test_local import ECHO, work

ROUNDS = 12
BATCH = 16


@pytest.mark.slow
def test_executor_keeps_nine_tenths_of_the_sandboxes_rate(tmp_path: Path) -> None:
    one = work(ECHO)
    executor = LocalExecutor(tmp_path, {})
    try:
        executor.prepare(one.target, one.files)
    except Environment as error:
        pytest.skip(str(error))
    (tmp_path / "echo").mkdir(mode=0o755)
    (tmp_path / "echo/benchmark.py").write_text(ECHO)
    box = sandbox.Box(tmp_path / "echo", None, one.target.command, 256 << 20, 20)
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

    rates: dict[Callable[[], None], list[float]] = {alone: [], whole: []}
    with ThreadPoolExecutor(executor.capacity) as pool:
        for _ in range(ROUNDS):
            for act, found_rates in rates.items():
                begun = time.perf_counter()
                for future in [pool.submit(act) for _ in range(BATCH)]:
                    future.result()
                found_rates.append(BATCH / (time.perf_counter() - begun))
    best = {act: max(found_rates) for act, found_rates in rates.items()}
    print(f"a second: {best[alone]:.1f} sandboxes alone, {best[whole]:.1f} attempts (best of {ROUNDS} batches)")
    assert best[whole] / best[alone] >= 0.9
