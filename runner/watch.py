"""While a run executes: watch whether it is still wanted. A cancellation reaches the work within one poll."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runner.errors import BeaconError

STOP_SECONDS = 0.2


@contextmanager
def watching(unwanted: Callable[[], bool], stop: threading.Event, poll_seconds: float) -> Iterator[threading.Event]:
    """An event that is set when `stop` is, or when `unwanted()` says so; it is asked every `poll_seconds`, in a thread
    of its own that has ended when the block ends. A failing `unwanted()` counts as "still wanted": the work goes on."""
    cancel, done = threading.Event(), threading.Event()

    def watch() -> None:
        waited = 0.0
        while not done.wait(STOP_SECONDS):
            waited += STOP_SECONDS
            if stop.is_set():
                cancel.set()
            elif waited >= poll_seconds:
                waited = 0.0
                if _asked(unwanted):
                    cancel.set()

    thread = threading.Thread(target=watch, name="beacon-watch", daemon=True)
    thread.start()
    try:
        yield cancel
    finally:
        done.set()
        thread.join()


def _asked(unwanted: Callable[[], bool]) -> bool:
    try:
        return unwanted()
    except BeaconError:
        return False
