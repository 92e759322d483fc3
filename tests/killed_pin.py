"""`beacon pin` in a process that kills itself: `python -m tests.killed_pin MODE PLACE ARGUMENT…`.

`before PLACE`: when the PLACE-th call of a target, or record of one, is about to be made; `after PLACE`: as soon as it
was made. So what a target did and nobody wrote down is met too. Prints what is called, one a line."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from runner.cli import main
from runner.edges.ipfs.folder import Folder
from runner.edges.ipfs.kubo import Kubo
from runner.edges.ipfs.results import Results


def run(mode: str, place: int, arguments: list[str]) -> int:
    """The verb, until it is killed."""
    alone, calls = threading.Lock(), 0

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            with alone:  # one thing after the other, so that a place means one moment
                calls += 1
                print(name, flush=True)
                if calls == place and mode == "before":
                    os.kill(os.getpid(), signal.SIGKILL)
                found = real(*arguments, **options)
                if calls == place:
                    os.kill(os.getpid(), signal.SIGKILL)
                return found

        return call

    for kind in (Kubo, Folder):
        for name in ("standings", "put", "pin", "fetch"):
            setattr(kind, name, counted(f"{kind.__name__}.{name}", getattr(kind, name)))
    Results.put = counted("record", Results.put)  # type: ignore[method-assign]
    return main(["pin", *arguments])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
