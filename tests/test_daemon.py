"""The daemon's turns over a registry in memory: what makes it tick, how long it waits, what it says, when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from runner.daemon import Clock, Daemon, Health, Pace, Seen, pause_after
from runner.edges.memory import MemoryEvents, MemoryRepository
from runner.errors import Conflict, Environment, Unverified, Usage
from runner.leases import Watch
from runner.model import entry as e
from runner.ports import AttemptResult, Work
from runner.reconcile import Outcome, reconcile
from runner.schedules import instant
from runner.world import World
from tests.ticks import LEASE, SLOTS, WHO, Interrupted, entries, fresh, hire, starts, state, types
from tests.worlds import ClockedExecutor, Registry, job_file, runner

PACE = Pace(poll=30, again=300, most=900)


class Life:
    """A daemon of a runner, and the hours that pass while it sleeps. `hours` are done with, one after another, at the
    moment to which they belong; at `until` it is told to stop."""

    def __init__(self, registry: Registry, name: str = "rita") -> None:
        self.registry = registry
        self.monotonic = 0.0
        self.until = 3600.0
        self.later: list[tuple[float, Callable[[], object]]] = []
        self.events = MemoryEvents()
        self.told: list[Health] = []
        self.looks, self.ticks, self.sleeps = 0, list[float](), list[float]()
        self.fault: Callable[[str], None] = lambda place: None
        self.watch = Watch(lambda: self.monotonic)
        self.world: World = registry.world(name)._replace(watched=self.watch)
        desk = self.world.desk._replace(emit=self.events)
        self.repository = MemoryRepository(registry.remote, runner(name).keys.git)
        self.world = self.world._replace(
            desk=desk._replace(repository=self.repository), monotonic=lambda: self.monotonic
        )
        clock = Clock(lambda: registry.now, lambda: self.monotonic, self.sleep, lambda: 1.0)
        self.daemon = Daemon(self, clock, self.events, self.told.append, PACE)

    def look(self) -> Seen:
        """See `Workshop.look`."""
        self.looks += 1
        self.fault("look")
        self.repository.refresh()
        return Seen(self.repository.head(), self.repository.intent(), self.repository.cancellations())

    def tick(self) -> Outcome:
        """See `Workshop.tick`."""
        self.ticks.append(self.monotonic)
        self.fault("tick")
        return reconcile(self.world._replace(executor=self.registry.executor))

    def sleep(self, seconds: float) -> bool:
        """Let the time pass, and do what was to be done by then."""
        assert 0 <= seconds <= PACE.most
        assert len(self.sleeps) < 3000, "it never waits"
        self.sleeps.append(seconds)
        self.monotonic += seconds
        self.registry.now += timedelta(seconds=seconds)
        while self.later and self.later[0][0] <= self.monotonic:
            self.later.pop(0)[1]()
        return self.monotonic >= self.until or self.world.stop.is_set()

    def at(self, moment: float, act: Callable[[], object]) -> None:
        """Do something when the monotonic clock shows so many seconds."""
        self.later = sorted([*self.later, (moment, act)], key=lambda one: one[0])

    def run(self, seconds: float = 3600) -> None:
        """Let it live for so long."""
        self.until = self.monotonic + seconds
        self.daemon.run()

    def said(self, *names: str) -> list[dict[str, str | int | None]]:
        """The facts of events."""
        return [dict(event.facts) for event in self.events.events if event.name in names]


# What makes it tick


def test_with_nothing_new_it_only_looks() -> None:
    life = Life(fresh())
    life.run()
    assert types(life.registry).count("run") == 1
    assert life.ticks == [0, 0], "the second finds that nothing follows from what the first wrote"
    assert life.looks == 2 + 3600 // 30 - 1
    assert not life.daemon.work_remains


def test_a_merge_is_run_at_the_next_poll() -> None:
    life = Life(fresh())
    life.at(1000, lambda: life.registry.submit(job_file("other")))
    life.run()
    assert life.ticks == [0, 0, 1020, 1020]
    assert types(life.registry).count("run") == 2


def test_a_commit_about_other_things_costs_one_tick() -> None:
    life = Life(fresh())
    life.at(1000, lambda: life.registry.commit({"notes": b"hello"}))
    life.run()
    assert life.ticks == [0, 0, 1020]


def test_it_wakes_for_the_next_due_time_and_not_at_the_next_poll() -> None:
    registry = Registry()
    registry.submit(job_file(schedule="7 * * * *"))
    life = Life(registry)
    registry.wait(seconds=11)
    life.run(3600 + 500)
    dues = [(entry.due, entry.at) for entry in entries(registry) if isinstance(entry, e.Start)]
    assert dues == [
        ("2026-11-22T02:07:00Z", "2026-11-22T03:00:11Z"),
        ("2026-11-22T03:07:00Z", "2026-11-22T03:07:00Z"),
        ("2026-11-22T04:07:00Z", "2026-11-22T04:07:00Z"),
    ]
    assert [fact["late"] for fact in life.said("run-late")] == ["due 2026-11-22T02:07:00Z, 53 min late"]


def test_missed_due_times_are_caught_up_once() -> None:
    registry = Registry()
    registry.submit(job_file(schedule="0 * * * *"))
    life = Life(registry)
    life.run(60)
    life.at(61, lambda: registry.wait(hours=9, minutes=34))  # this machine slept
    life.run(120)
    assert types(registry).count("start") == 2
    assert [fact["late"] for fact in life.said("run-late")] == ["due 2026-11-22T12:00:00Z, 35 min late"]


@pytest.mark.parametrize("hours", [-30, -2, 5])
def test_a_clock_that_is_set_is_noticed_at_the_next_poll(hours: int) -> None:
    registry = Registry()
    registry.submit(job_file(schedule="0 3 * * *"))
    life = Life(registry)
    life.run(60)
    ticks = len(life.ticks)
    life.at(90, lambda: registry.wait(hours=hours))
    life.run(300)
    assert life.ticks[ticks:] == [90]
    assert types(registry).count("start") == 1, "what was due is not taken again"
    life.registry.now += timedelta(days=3)
    life.run(60)
    assert types(registry).count("start") == 2


def test_a_window_opens() -> None:
    registry = fresh()
    policy = registry.read("registry/policy.yaml") + b'windows: ["15-59 3 * * *"]\n'
    registry.entrust({"registry/policy.yaml": policy})
    life = Life(registry)
    life.run()
    (start,) = [entry for entry in entries(registry) if isinstance(entry, e.Start)]
    assert start.at == "2026-11-22T03:15:00Z"
    assert len(life.ticks) == 4, "keys, nothing, the run, nothing more"


def test_priorities_and_suspension_hold_in_each_tick() -> None:
    registry = Registry()
    for name, priority in (("low", -5), ("high", 5), ("held", 9)):
        registry.submit(job_file(name, priority=priority))
    registry.commit({"registry/suspended": b"registry/jobs/alice/held.yaml\n"})
    life = Life(registry)
    life.at(600, lambda: registry.commit({"registry/suspended": None}))
    life.run()
    order = [entry.job[20:-5] for entry in entries(registry) if isinstance(entry, e.Start)]
    assert order == ["high", "low", "held"]


def test_a_policy_of_the_head_counts_in_the_next_tick() -> None:
    registry = Registry()
    life = Life(registry)
    life.run(60)
    policy = registry.read("registry/policy.yaml").replace(b"retries: 5", b"retries: 1")
    registry.entrust({"registry/policy.yaml": policy})
    registry.submit(job_file("greedy", retries=2))
    life.run(60)
    assert [idle.code for idle in reconcile(life.world).plan.idle] == ["invalid"]
    assert "start" not in types(registry)


# Other runners


def test_it_takes_over_what_it_watched_for_a_lease() -> None:
    registry = fresh()
    hire(registry)
    registry.act("rolf", stop=True)
    life = Life(registry)
    life.run(LEASE - 1)
    assert starts(registry) == [("rolf", 1)]
    life.run(60)
    assert starts(registry) == [("rolf", 1), ("rita", 2)]
    assert life.ticks[1:] == [LEASE, LEASE], "at that very second, and not before"


def test_a_runner_whose_clock_is_far_ahead_is_followed_all_the_same() -> None:
    registry = fresh()
    hire(registry)
    registry.wait(days=3)
    registry.act("rolf", stop=True)
    registry.wait(days=-3)
    life = Life(registry)
    life.run(LEASE + 60)
    assert starts(registry) == [("rolf", 1), ("rita", 2)]


# Cancelling what runs


@pytest.mark.parametrize("how", ["verb", "merge"])
def test_cancelling_reaches_a_run_within_the_daemon(how: str) -> None:
    registry = fresh()
    life = Life(registry)

    def cancel() -> None:
        if how == "merge":
            registry.remove(WHO)
        else:
            (run,) = state(registry).history.open
            registry.people.request_cancel(run[:32])

    registry.executor = executor = Interrupted(registry, cancel, nth=2, wait=True)
    life.run(120)
    assert executor.told, "the attempt was told to stop"
    assert len(executor.works) <= SLOTS
    assert types(registry).count("cancelled") == 1
    assert "run" not in types(registry)
    assert not life.daemon.work_remains
    assert not registry.remote.cancelled


# Stopping


def test_it_stops_after_publishing_what_is_finished() -> None:
    registry = fresh()
    registry.submit(job_file("other"))
    life = Life(registry)
    registry.executor = Interrupted(registry, life.world.stop.set, nth=SLOTS + 1, wait=True)
    life.run()
    assert types(registry).count("run") == 1
    assert len(life.ticks) == 1
    assert life.daemon.work_remains
    assert life.told[-1].state == "stopped"
    registry.executor = ClockedExecutor(registry)
    life = Life(registry)
    life.run(60)
    assert types(registry).count("run") == 2
    assert not life.daemon.work_remains


def test_a_deadline_leaves_what_may_last_longer() -> None:
    life = Life(fresh())
    life.world = life.world._replace(deadline=3599.0)
    life.run(3599)
    assert "start" not in types(life.registry)
    assert life.daemon.work_remains


def test_once_is_one_tick_and_raises() -> None:
    life = Life(fresh())
    life.daemon.once()
    assert life.ticks == [0]
    assert not life.daemon.work_remains
    life.fault = failing("tick", Environment("log-behind", "older"))
    with pytest.raises(Environment):
        life.daemon.once()


# Trouble


def failing(place: str, error: Exception, times: int = 10**6) -> Callable[[str], None]:
    left = times

    def fault(now: str) -> None:
        nonlocal left
        if now == place and left:
            left -= 1
            raise error

    return fault


def test_pauses_grow_to_a_bound_and_half_of_them_is_chance() -> None:
    assert [pause_after(n, PACE, 1.0) for n in (1, 2, 3, 4, 5, 6, 5000)] == [60, 120, 240, 480, 900, 900, 900]
    assert [pause_after(n, PACE, 0.0) for n in (1, 5)] == [30, 450]


def test_a_remote_that_is_away_is_waited_for_and_said_once() -> None:
    life = Life(fresh())
    life.fault = failing("look", Environment("remote-unreachable", "the remote does not answer", "network?"), 4)
    life.run()
    assert life.sleeps[:4] == [60, 120, 240, 480]
    assert [fact["code"] for fact in life.said("trouble")] == ["remote-unreachable"]
    assert [fact["times"] for fact in life.said("trouble-over")] == [4]
    assert types(life.registry).count("run") == 1
    troubled = [health.trouble for health in life.told if health.trouble]
    assert [trouble.times for trouble in troubled if trouble][-1] == 4
    assert {trouble.since for trouble in troubled} == {"2026-11-22T03:00:00Z"}
    assert life.told[-1].trouble is None


def test_a_failing_tick_is_tried_ever_less_often_and_a_new_head_at_once() -> None:
    life = Life(fresh())
    life.fault = failing("tick", Environment("sandbox-missing", "no sandbox", "install one"))
    life.at(1000, lambda: life.registry.commit({"notes": b"hello"}))
    life.run(1100)
    assert life.ticks == [0, 60, 180, 420, 900, 1020]
    assert len(life.said("trouble")) == 1
    life.fault = lambda _: None
    life.run()
    assert types(life.registry).count("run") == 1
    assert len(life.said("trouble-over")) == 1


def test_a_failing_run_spends_nothing_by_being_tried_again() -> None:
    registry = fresh()
    attempts: list[float] = []
    life = Life(registry)

    class Broken(Interrupted):
        def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
            attempts.append(life.monotonic)
            raise Environment("yagna-missing", "no daemon", "start it")

    registry.executor = Broken(registry, lambda: None)
    life.run()
    assert len(set(attempts)) <= 8, "an hour of trouble, ever less often"
    registry.executor = Interrupted(registry, lambda: None)
    life.run()
    assert types(registry).count("start") <= 2
    assert types(registry).count("run") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(28, "No space left on device", "/spool"), "system-refused"),
        (ZeroDivisionError("oops"), "internal-error"),
        (Conflict("branch-moved", "somebody else"), "branch-moved"),
        (Unverified("trust-threshold", "one of two"), "trust-threshold"),
        (Usage("no-registry", "none"), "no-registry"),
    ],
)
def test_whatever_fails_later_is_tried_again(error: Exception, code: str) -> None:
    life = Life(fresh())
    life.fault = failing("tick", error, 1)
    life.run(120)
    assert [fact["code"] for fact in life.said("trouble")] == [code]
    assert types(life.registry).count("run") == 1


def test_each_change_of_trouble_is_said() -> None:
    life = Life(fresh())
    faults = iter([Environment("remote-unreachable", "a"), Environment("remote-unreachable", "b")] * 2)

    def fault(place: str) -> None:
        if place == "look" and (error := next(faults, None)):
            raise error

    life.fault = fault
    life.run(1800)
    assert [fact["message"] for fact in life.said("trouble")] == ["a", "b", "a", "b"]


@pytest.mark.parametrize("code", ["log-behind", "runner-unknown"])
def test_what_no_waiting_mends_ends_it(code: str) -> None:
    life = Life(fresh())
    life.run(60)
    life.registry.commit({"notes": b"hello"})
    life.fault = failing("tick", Environment(code, "a person must look"))
    with pytest.raises(Environment, match="a person must look"):
        life.run()
    assert life.told[-1].state == "failed"


@pytest.mark.parametrize("error", [Usage("no-registry", "none"), Environment("key-missing", "no keys")])
def test_who_has_just_begun_it_is_told(error: Exception) -> None:
    life = Life(fresh())
    life.fault = failing("look", error)
    with pytest.raises(type(error)):
        life.run()


def test_a_log_that_was_moved_back_ends_it() -> None:
    registry = fresh()
    life = Life(registry)
    before = registry.remote.branch
    life.run(60)
    registry.remote.branch = before
    with pytest.raises(Environment) as caught:
        life.run()
    assert caught.value.code == "log-behind"


def test_a_policy_that_became_invalid_is_said_and_waited_out() -> None:
    registry = fresh()
    life = Life(registry)
    life.run(60)
    good = registry.read("registry/policy.yaml")
    registry.entrust({"registry/policy.yaml": good + b"windows: [x]\n"})
    registry.submit(job_file("other"))
    life.run(600)
    assert [fact["code"] for fact in life.said("trouble")] == ["value-length"]
    registry.entrust({"registry/policy.yaml": good})
    life.run(60)
    assert types(registry).count("run") == 2
    assert len(life.said("trouble-over")) == 1


def test_an_invalid_registry_does_not_keep_a_daemon_from_beginning() -> None:
    registry = fresh()
    good = registry.read("registry/policy.yaml")
    registry.commit({"registry/policy.yaml": b"a: 1\na: 2\n"})
    life = Life(registry)
    life.at(500, lambda: registry.commit({"registry/policy.yaml": good}))
    life.run()
    assert types(registry).count("run") == 1
    assert [fact["code"] for fact in life.said("trouble")] == ["trust-stale"]


# What it tells


def test_its_health_says_what_it_does() -> None:
    life = Life(fresh())
    life.run(60)
    assert [health.state for health in life.told] == [
        *("looking", "working", "waiting"),
        *("looking", "working", "waiting"),
        *("looking", "waiting", "stopped"),
    ]
    last = life.told[-1]
    assert last.head == life.registry.remote.branch
    assert (last.open_runs, last.trouble) == ((), None)
    assert last.next_due == instant(life.registry.now + timedelta(days=1, seconds=-60))
    assert last.last_success == last.last_look == "2026-11-22T03:00:30Z"
    assert {health.quiet for health in life.told if health.state == "working"} == {None}
