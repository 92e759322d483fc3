"""Runners that kill themselves: `python -m tests.killed_runner DEVNET FOLDER PROVIDER MODE-K…`.

Each MODE-K is one runner, with the state folder FOLDER/MODE-K. `after-K`: it dies as soon as the K-th line of its
journal is on the disk, so that step has not begun. `before-K`: it dies when the K-th line is about to be written, so
the step before it has been taken. Without a K-th line it ends by itself. Prints, for each, how its process ended.

Importing yapapi takes longer than an attempt, so it is done once, and each runner is a fork."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.edges.devnet.net import Devnet
from runner.edges.golem import library
from runner.edges.golem.journal import Journal, Line
from tests.golem import Bench, run_id, work


def main(devnet: str, folder: str, provider: str, *cases: str) -> None:
    """One runner after the other."""
    net = Devnet.running(Path(devnet))
    assert net is not None
    library.load()
    for case in cases:
        child = os.fork()
        if not child:
            try:
                one(Bench(net, Path(folder, case)), provider, case)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(case, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def one(bench: Bench, provider: str, case: str) -> None:
    """One attempt and its end, or as much of it as the kill allows."""
    mode, _, place = case.partition("-")
    written = 0
    real = Journal.write

    def write(journal: Journal, start: int, run: str, step: str, facts: Mapping[str, Any]) -> Line:
        nonlocal written
        written += 1
        if written == int(place) and mode == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        line = real(journal, start, run, step, facts)
        if written == int(place):
            os.kill(os.getpid(), signal.SIGKILL)
        return line

    Journal.write = write  # type: ignore[method-assign]
    run = run_id("killed")
    with bench.executor() as executor:
        executor.run(work(run, avoid=bench.others(provider)), threading.Event())
        executor.finish(3, run)


if __name__ == "__main__":
    main(*sys.argv[1:])
