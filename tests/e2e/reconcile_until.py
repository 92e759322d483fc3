"""Reconciles a clone, and kills itself at the nth event. Processes of `test_crash.py` call `program`; others run it:

python reconcile_until.py CLONE KEYS NTH        NTH 0: never; the events' names go to stdout
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from runner.commands.operate import working
from runner.ports import Event
from runner.reconcile import reconcile


def main(clone: Path, keys: Path, nth: int) -> None:
    seen = 0

    def emit(event: Event) -> None:
        nonlocal seen
        seen += 1
        print(event.name, flush=True)
        if seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    with working(clone, keys, "origin", emit) as world:
        reconcile(world)


def program() -> None:
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))


if __name__ == "__main__":
    program()
