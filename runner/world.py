"""What the stages of a tick work with, as values: the desk of a writer, what executes, the clocks, and who asks.

Nothing is done here, and nothing is a default but what costs nobody anything: `runner/commands/operate.py` makes them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from runner.leases import USUAL, Leases, Watched, no_memory
from runner.model.receipt import RunnerIdentity
from runner.ports import Emit, Executor, Repository, Spool
from runner.publish import Desk
from runner.share import Share


class Bench(NamedTuple):
    """What executing needs: nothing that signs. `stop` ends it early, `poll_seconds` is how soon work learns that it is
    unwanted, `watched` is what the runner remembers of the starts that it has seen."""

    repository: Repository
    executor: Executor
    spool: Spool
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    stop: threading.Event
    emit: Emit
    poll_seconds: float = 2.0
    watched: Watched = no_memory


class World(NamedTuple):
    """Everything that a tick touches. After `stop`, what is finished is still published. `secrets` are bytes that must
    never be published: the runner's own keys. `deadline` is the moment of the monotonic clock at which this runner
    ends: it takes nothing that may last longer."""

    desk: Desk
    executor: Executor
    spool: Spool
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    stop: threading.Event
    identity: RunnerIdentity
    secrets: tuple[bytes, ...] = ()
    poll_seconds: float = 2.0
    leases: Leases = USUAL
    watched: Watched = no_memory
    share: Share = Share()
    deadline: float | None = None

    @property
    def bench(self) -> Bench:
        """The part of it that executes."""
        return Bench(
            self.desk.repository,
            self.executor,
            self.spool,
            self.now,
            self.monotonic,
            self.stop,
            self.desk.emit,
            self.poll_seconds,
            self.watched,
        )

    @property
    def seconds_left(self) -> float | None:
        """Until the deadline."""
        return None if self.deadline is None else self.deadline - self.monotonic()
