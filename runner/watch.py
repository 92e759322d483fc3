"""While others work: watch whether the work is still wanted, and hear that it is not.

A cancellation reaches the work within one poll, a signal at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from typing import TypeVar

from runner.errors import BeaconError

STOP_SECONDS = 0.2
_Result = TypeVar("_Result")


def as_they_end(futures: Iterable[Future[_Result]]) -> Iterator[Future[_Result]]:
    """Each future as it ends; where the main thread waits, signals are handled meanwhile.

    Their handlers run on that thread alone, between two of its instructions, and a signal that the system gave to
    another thread, or just before the wait began, does not end a wait for a lock: so none here is long."""
    left = set(futures)
    while left:
        ended, left = wait(left, STOP_SECONDS, FIRST_COMPLETED)
        yield from ended


@contextmanager
def watching(unwanted: Callable[[], bool], stop: threading.Event, poll_seconds: float) -> Iterator[threading.Event]:
    """An event that is set when `stop` is, or when `unwanted()` says so; it is asked every `poll_seconds`. Both are
    watched in threads of their own, since a remote may take minutes to answer; they have ended when the block ends. A
    failing `unwanted()` counts as "still wanted": the work goes on."""
    cancel, done = threading.Event(), threading.Event()

    def look(seconds: float, over: Callable[[], bool]) -> None:
        while not done.wait(seconds):
            if over():
                cancel.set()

    watched = ((STOP_SECONDS, stop.is_set), (poll_seconds, lambda: _asked(unwanted)))
    threads = [threading.Thread(target=look, args=one, name="beacon-watch", daemon=True) for one in watched]
    for thread in threads:
        thread.start()
    try:
        yield cancel
    finally:
        done.set()
        for thread in threads:
            while thread.is_alive():
                thread.join(STOP_SECONDS)


def _asked(unwanted: Callable[[], bool]) -> bool:
    try:
        return unwanted()
    except BeaconError:
        return False
