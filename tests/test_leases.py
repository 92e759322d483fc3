"""Who holds a run, and until when: by the wall clock, by what a runner has watched, and by clocks that disagree."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from runner.edges.memory import MemoryEvents
from runner.history import Taken
from runner.leases import Leases, Watch, expired, seconds_left
from runner.model import entry as e
from runner.reconcile import Outcome, reconcile
from runner.schedules import instant, moment
from tests.ticks import LEASE, TOTAL, Interrupted, at, entries, fresh, hire, starts, state, types
from tests.worlds import EPOCH, Registry


@pytest.fixture
def registry() -> Registry:
    """A registry with one job that nobody has run, and two runners."""
    found = fresh()
    hire(found)
    return found


class Hours:
    """A monotonic clock that a test winds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(index: int = 5, runner: str = "rita", lease: int = 100) -> Taken:
    start = e.Start(
        job="registry/jobs/alice/who.yaml", sha256="a" * 64, revision=1, run="b" * 64, runner=runner,
        at=instant(EPOCH), lease=lease, generation=1, reserved="0",
    )  # fmt: skip
    return Taken(index, start)


@pytest.mark.parametrize(
    ("runner", "seconds", "watched", "over"),
    [
        ("rita", 99, 0.0, False),
        ("rita", 100, 0.0, True),
        ("rita", -3600, 99.9, False),
        ("rita", -3600, 100.0, True),
        ("rolf", 100, 0.0, False),
        ("rolf", 106, 0.0, False),
        ("rolf", 107, 0.0, True),
        ("rolf", 0, 99.9, False),
        ("rolf", -3600, 100.0, True),
    ],
)
def test_when_a_lease_is_over(runner: str, seconds: int, watched: float, over: bool) -> None:
    now = EPOCH + timedelta(seconds=seconds)
    assert expired(taken(), now, runner, Leases(clock=7), {5: watched, 6: 1e9}) is over


def test_a_watch_counts_from_the_first_sight_of_this_very_start() -> None:
    clock = Hours()
    watch = Watch(clock)
    first, again = taken(), replace(taken(), index=9)
    assert watch([first]) == {5: 0}
    clock.now += 60
    assert watch([first, again]) == {5: 60, 9: 0}
    clock.now += 1
    assert watch([again]) == {9: 1}
    assert watch([first, again]) == {5: 0, 9: 1}, "what was gone is seen anew"
    other = Taken(9, again.start.model_copy(update={"generation": 2}))
    assert watch([other]) == {9: 0}, "another start at the same place of a rewritten log"


@pytest.mark.parametrize(("wall", "watched", "left"), [(30, 0, 70), (-3600, 0, 100), (-3600, 40, 60), (90, 40, 10)])
def test_a_clock_that_is_put_back_gives_no_more_time(wall: int, watched: int, left: int) -> None:
    assert seconds_left(taken(lease=400), 100, EPOCH + timedelta(seconds=wall), {5: watched}) == left


def as_daemon(registry: Registry, name: str, watch: Watch, leases: Leases | None = None) -> Outcome:
    world = registry.world(name)._replace(watched=watch)
    return reconcile(world._replace(leases=leases) if leases else world)


def test_a_runner_that_goes_on_takes_over_by_its_own_clock(registry: Registry) -> None:
    registry.act(stop=True)
    clock = Hours()
    watch = Watch(clock)
    assert not as_daemon(registry, "rolf", watch).published
    clock.now += LEASE - 1
    registry.wait(seconds=LEASE - 1)
    assert not as_daemon(registry, "rolf", watch).published
    clock.now += 1
    registry.wait(seconds=1)
    assert len(as_daemon(registry, "rolf", watch).published) == 1, "without the margin for clocks"
    assert starts(registry) == [("rita", 1), ("rolf", 2)]


def test_a_start_of_a_clock_that_is_ahead_is_abandoned_as_of_its_end(registry: Registry) -> None:
    registry.wait(hours=5)
    registry.act(stop=True)
    registry.wait(hours=-5)
    clock = Hours()
    watch = Watch(clock)
    as_daemon(registry, "rolf", watch)
    clock.now += LEASE
    registry.wait(seconds=LEASE)
    assert len(as_daemon(registry, "rolf", watch).published) == 1
    (start,) = [entry for entry in entries(registry) if isinstance(entry, e.Start) and entry.runner == "rita"]
    (end,) = [entry for entry in entries(registry) if isinstance(entry, e.Abandoned)]
    assert moment(end.at) == moment(start.at) + timedelta(seconds=LEASE), "the verifier refuses an earlier end"


def test_the_wall_clock_of_a_watcher_that_stands_still_keeps_nothing_open(registry: Registry) -> None:
    registry.act(stop=True)
    clock = Hours()
    watch = Watch(clock)
    as_daemon(registry, "rolf", watch)
    clock.now += LEASE
    assert len(as_daemon(registry, "rolf", watch).published) == 1


def test_leases_can_be_short(registry: Registry) -> None:
    leases = Leases(margin=3, clock=2)
    registry.executor = Interrupted(registry, lambda: None)
    world = registry.world()._replace(leases=leases)
    reconcile(at(world, "committed", 1, world.stop.set))
    (open_,) = state(registry).history.open.values()
    assert open_.start.lease == TOTAL + 3
    registry.wait(seconds=TOTAL + 4)
    assert not reconcile(registry.world("rolf")._replace(leases=leases)).published
    registry.wait(seconds=1)
    assert len(reconcile(registry.world("rolf")._replace(leases=leases)).published) == 1


def test_a_holder_that_is_late_by_its_own_clock_alone_publishes_nothing(registry: Registry) -> None:
    """Rita's wall clock stands still while she executes; Rolf has watched her start for its lease, and ended it."""
    clock = Hours()
    watch = Watch(clock)

    def taken_over() -> None:
        as_daemon(registry, "rolf", watch)
        clock.now += LEASE
        assert len(as_daemon(registry, "rolf", watch).published) == 1

    world = registry.world()
    outcome = reconcile(world._replace(executor=Interrupted(registry, taken_over, nth=3)))
    assert (outcome.published, outcome.remaining) == ((), ())
    assert starts(registry) == [("rita", 1), ("rolf", 2)]
    assert types(registry).count("run") == 1


@pytest.mark.parametrize(("passed", "left"), [(1000, TOTAL - 1000), (TOTAL - 0.5, None), (LEASE, TOTAL)])
def test_nothing_begins_that_cannot_end_within_the_lease(registry: Registry, passed: float, left: int | None) -> None:
    """A runner goes on after its wall clock was put back: what it has watched itself still counts. After the whole
    lease it begins anew, with another start."""
    clock = Hours()
    watch = Watch(clock)
    world = registry.world()._replace(watched=watch)
    reconcile(at(world, "committed", 1, world.stop.set))
    clock.now += passed
    registry.wait(seconds=60)
    assert len(as_daemon(registry, "rita", watch).published) == 1
    assert {work.limits.total_seconds for work in registry.executor.works} == ({left} if left else set())
    assert starts(registry) == [("rita", 1), *([("rita", 2)] if passed == LEASE else [])]


def test_a_run_waits_while_the_clock_shows_a_time_before_its_start(registry: Registry) -> None:
    """Its receipts would say that it was executed before it was taken."""
    registry.act(stop=True)
    registry.wait(seconds=-10)
    events = MemoryEvents()
    world = registry.world()
    outcome = reconcile(world._replace(desk=world.desk._replace(emit=events)))
    assert (outcome.published, len(outcome.remaining)) == ((), 1)
    assert outcome.work_remains
    assert "clock-behind" in [event.name for event in events.events]
    assert not registry.executor.works
    registry.wait(seconds=10)
    assert len(registry.act().published) == 1
