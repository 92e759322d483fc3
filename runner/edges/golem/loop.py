"""One asyncio loop on a thread of its own, for callers that are not asynchronous.

Coroutines run there only; whoever waits may watch an event of its own and pass it on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future, wait
from typing import Any, TypeVar

T = TypeVar("T")

_TICK = 0.1


class Loop:
    """A loop that runs until `close`. Usable from any thread but its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="golem", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end, and return or raise what it does."""
        return self._wait(asyncio.run_coroutine_threadsafe(work, self._loop), None, None)

    def call_until(self, work: Callable[[asyncio.Event], Awaitable[T]], cancel: threading.Event) -> T:
        """Run to the end. The coroutine gets an event that is set within a tenth of a second of `cancel`."""
        stop = asyncio.Event()

        async def started() -> T:
            return await work(stop)

        return self._wait(asyncio.run_coroutine_threadsafe(started(), self._loop), cancel, stop)

    def end(self) -> None:
        """End what still runs, letting it clean up."""
        self.call(_end_all())

    def close(self) -> None:
        """End what still runs, and the thread."""
        self.end()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, future: Future[T], cancel: threading.Event | None, stop: asyncio.Event | None) -> T:
        told = False
        while not wait((future,), _TICK).done:
            if cancel is not None and stop is not None and cancel.is_set() and not told:
                self._loop.call_soon_threadsafe(stop.set)
                told = True
        return future.result()


async def _end_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
