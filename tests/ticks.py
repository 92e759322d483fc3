"""What tests of the pipeline have in common: what the branch says, a second runner, and ticks that end too early."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NoReturn

import pytest

from runner.formats import log
from runner.leases import LEASE_MARGIN
from runner.model import entry as e
from runner.ports import AttemptResult, Event, Work
from runner.publish import tiles
from runner.reconcile import reconcile
from runner.state import State, read_state
from runner.world import World
from tests import make
from tests.worlds import ClockedExecutor, Registry, job_file, runner

WHO = "registry/jobs/alice/who.yaml"
TOTAL = 3600
LEASE = TOTAL + LEASE_MARGIN
SLOTS = 3
"""A job of tests has one provider in each of three regions."""


class Crash(BaseException):
    """The process is gone."""


def fresh() -> Registry:
    """A registry with one job that nobody has run."""
    registry = Registry()
    registry.submit(job_file())
    return registry


def state(registry: Registry) -> State:
    """What the branch says now."""
    registry.people.refresh()
    return read_state(registry.people, registry.people.head())


def entries(registry: Registry, since: int = 0) -> list[e.LogEntry]:
    """The log's entries."""
    now = state(registry)
    size = now.history.size
    return [e.parse_entry(raw, since + i) for i, raw in enumerate(log.entries(tiles(now.snapshot), since, size))]


def types(registry: Registry, since: int = 0) -> list[str]:
    return [entry.type for entry in entries(registry, since)]


def commits(registry: Registry) -> int:
    registry.people.refresh()
    return len(registry.people.history())


def hire(registry: Registry, name: str = "rolf") -> None:
    """A second runner of the same log."""
    keys = runner(name).keys
    path = "registry/keys/runners"
    first = registry.add_line(path, name, "git", keys.git)[path]
    both = (
        first + registry.add_line(path, name, f"receipt.v1@{make.ORIGIN}", keys.receipt)[path].split(b"\n")[-2] + b"\n"
    )
    registry.entrust({path: both})


def at(world: World, name: str, nth: int, act: Callable[[], object]) -> World:
    """The world, with something that happens at the nth event of a name."""
    seen = 0

    def emit(event: Event) -> None:
        nonlocal seen
        seen += event.name == name
        if event.name == name and seen == nth:
            act()

    return world._replace(desk=world.desk._replace(emit=emit))


def die() -> NoReturn:
    raise Crash


def crash(registry: Registry, name: str, nth: int = 1) -> None:
    """A tick of rita's that ends at an event."""
    with pytest.raises(Crash):
        reconcile(at(registry.world(), name, nth, die))


class Interrupted(ClockedExecutor):
    """Does something within the nth attempt, and then waits until it is told to stop, or answers."""

    def __init__(self, registry: Registry, act: Callable[[], object], nth: int = 1, wait: bool = False) -> None:
        super().__init__(registry)
        self._act, self._nth, self._wait = act, nth, wait
        self.capacity = 1
        self.told = False

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """See `FakeExecutor.run`."""
        if len(self.works) + 1 == self._nth:
            self._act()
            if self._wait:
                self.told = cancel.wait(20)
        return super().run(work, cancel)


def starts(registry: Registry) -> list[tuple[str, int]]:
    return [(entry.runner, entry.generation) for entry in entries(registry) if isinstance(entry, e.Start)]
