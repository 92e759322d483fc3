"""A runner that kills itself at one line of its journal: `python -m tests.killed_runner DEVNET FOLDER PROVIDER MODE K`.

MODE `after`: as soon as the K-th line is on the disk, so its step has not begun. `before`: when the K-th line is about
to be written, so the step before it has been taken. Without a K-th line it ends by itself."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.edges.devnet.net import Devnet
from runner.edges.golem.journal import Journal, Line
from tests.golem import Bench, run_id, work


def main(devnet: str, folder: str, provider: str, mode: str, place: str) -> None:
    """One attempt and its settlement, or as much of it as the kill allows."""
    net = Devnet.running(Path(devnet))
    assert net is not None
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
    bench, run = Bench(net, Path(folder)), run_id("killed")
    with bench.executor() as executor:
        executor.run(work(run, avoid=bench.others(provider)), threading.Event())
        executor.finish(3, run)


if __name__ == "__main__":
    main(*sys.argv[1:])
