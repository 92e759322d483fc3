"""Leases: how long a start holds its run, and when another runner may take it. Pure, but for what a `Watch` remembers.

A start holds its run from its `at` on for its `lease`. Its own runner begins nothing that cannot end within that, and
may take the run again at once when it is over. Another runner takes over when it has watched this very start for one
full lease on its own monotonic clock, so that no two wall clocks need agree. A runner without such a memory waits until
the committed time, the lease and a margin for clocks are past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from runner.history import Taken
from runner.schedules import moment

LEASE_MARGIN = 300
CLOCK_MARGIN = 600


class Leases(NamedTuple):
    """Seconds. `margin` is what a lease has beyond its job's total limit, for comparing and publishing; `clock` is how
    far the clocks of two runners may be apart."""

    margin: int = LEASE_MARGIN
    clock: int = CLOCK_MARGIN


USUAL = Leases()
NEVER_SEEN: Mapping[int, float] = MappingProxyType({})
Watched: TypeAlias = Callable[[Iterable[Taken]], Mapping[int, float]]
"""From the starts that are open now: log index of a start to the seconds that this runner has watched it unchanged."""


def no_memory(taken: Iterable[Taken]) -> Mapping[int, float]:
    """What a runner that has just begun has watched."""
    return NEVER_SEEN


class Watch:
    """The memory of a runner that goes on: since when it has seen each open start. A start that is gone is forgotten,
    so that this is no larger than what is open."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._since: dict[Taken, float] = {}

    def __call__(self, taken: Iterable[Taken]) -> Mapping[int, float]:
        """See `Watched`."""
        now = self._monotonic()
        self._since = {one: self._since.get(one, now) for one in taken}
        return {one.index: now - since for one, since in self._since.items()}


def over_at(taken: Taken) -> datetime:
    """When a lease is over by the clock that wrote its start."""
    return moment(taken.start.at) + timedelta(seconds=taken.start.lease)


def expired(
    taken: Taken, now: datetime, runner: str, leases: Leases = USUAL, watched: Mapping[int, float] = NEVER_SEEN
) -> bool:
    """Whether `runner` may end a start because its lease is over: at once if it is its own."""
    if watched.get(taken.index, 0.0) >= taken.start.lease:
        return True
    margin = 0 if taken.start.runner == runner else leases.clock
    return now >= over_at(taken) + timedelta(seconds=margin)


def seconds_left(taken: Taken, total: int, now: datetime, watched: Mapping[int, float] = NEVER_SEEN) -> float:
    """How long its own runner may still work for a start whose job's total limit is `total` seconds. A wall clock that
    was put back gives no more time than the limit, less what passed on the monotonic clock."""
    by_wall = (moment(taken.start.at) + timedelta(seconds=total) - now).total_seconds()
    return min(by_wall, total - watched.get(taken.index, 0.0))
