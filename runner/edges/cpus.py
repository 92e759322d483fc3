"""The CPUs of this machine, shared by the attempts that run on it."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

_TICK = 0.1


class Cpus:
    """The CPUs that attempts share: each is one attempt's at a time. Where the process may use them, it starts at
    another one than its neighbours would."""

    def __init__(self, usable: set[int]) -> None:
        order = sorted(usable)
        turn = os.getpid() % len(order)
        self._free = order[turn:] + order[:turn]
        self._change = threading.Condition()
        self.count = len(order)

    @contextlib.contextmanager
    def taken(self, wanted: int, seconds: float, cancel: threading.Event) -> Iterator[frozenset[int]]:
        """As many CPUs as wanted, at most all; none after `seconds`, or once `cancel` is set."""
        count = min(wanted, self.count)
        until = time.monotonic() + seconds
        with self._change:
            while len(self._free) < count and not cancel.is_set() and time.monotonic() < until:
                self._change.wait(_TICK)
            enough = len(self._free) >= count and not cancel.is_set()
            mine = [self._free.pop(0) for _ in range(count)] if enough else []
        try:
            yield frozenset(mine)
        finally:
            with self._change:
                self._free += mine
                self._change.notify_all()
