"""`beacon pin` in processes that kill themselves: `python -m tests.killed_pin`, one case a line of standard input.

A case is JSON: mode, place, cache, arguments. `before`: the process dies when the place-th call of a target, or record
of one, is about to be made; `after`: as soon as it was made, so that what a target did and nobody wrote down is met
too. Then the verb runs once more, undisturbed. Answers with a line of JSON: how both ended. Importing takes longer than
pinning, so it is done once, and each verb is a fork."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import httpx2  # noqa: F401 - imported before the forks

from runner.cli import main
from runner.commands import pin  # noqa: F401 - the same
from runner.edges.ipfs.folder import Folder
from runner.edges.ipfs.kubo import Kubo
from runner.edges.ipfs.results import Results

_CALLS = (
    *((Kubo, name) for name in ("standings", "put", "pin", "fetch")),
    *((Folder, name) for name in ("standings", "put", "pin", "fetch")),
    (Results, "put"),
)


def doom(mode: str, place: int) -> None:
    """Have this process killed at a place."""
    alone, calls = threading.RLock(), 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            with alone:  # one thing after the other, so that a place means one moment
                calls += 1
                mine = calls
                if mine == place and mode == "before":
                    os.kill(os.getpid(), signal.SIGKILL)
                found = real(*arguments, **options)
                if mine == place:
                    os.kill(os.getpid(), signal.SIGKILL)
                return found

        return call

    for kind, name in _CALLS:
        setattr(kind, name, counted(getattr(kind, name)))


def forked(cache: str, arguments: list[str], fate: tuple[str, int] | None) -> int:
    """The verb in a process of its own; how that ended, negative for a signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 99
    try:
        os.environ["BEACON_CACHE"] = cache
        sys.stdout = sys.stderr
        if fate:
            doom(*fate)
        code = main(["pin", *arguments])
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    for line in sys.stdin:
        mode, place, cache, arguments = json.loads(line)
        first = forked(cache, arguments, (mode, place))
        print(json.dumps([first, forked(cache, arguments, None)]), flush=True)
