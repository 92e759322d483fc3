"""The pipeline keeps its promises, whoever crashes, races, cheats or changes their mind: nothing runs before its start
is accepted, nothing is written twice, an intent is completed exactly, a run ends once, and what is done is left alone.

Two runners are two `MemoryRepository`s of one remote. Each rule stands beside the same story without the fault.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import pytest
import yaml

from runner.edges.keys import secrets
from runner.edges.memory import MemoryEvents, MemoryRepository
from runner.errors import BeaconError, Conflict, Environment, Unverified
from runner.history import LAST_GENERATION
from runner.leases import CLOCK_MARGIN
from runner.model import Cell
from runner.model import entry as e
from runner.model.jobspec import Container
from runner.ports import AttemptResult, Changes, Work
from runner.reconcile import reconcile
from tests.fake_executor import echo
from tests.ticks import (
    LEASE,
    SLOTS,
    TOTAL,
    WHO,
    Interrupted,
    at,
    commits,
    crash,
    entries,
    fresh,
    hire,
    starts,
    state,
    types,
)
from tests.worlds import ClockedExecutor, Registry, job_file, runner


@pytest.fixture
def registry() -> Registry:
    """A registry with one job that nobody has run."""
    return fresh()


# Nothing to do, and in which order


def test_a_tick_claims_executes_and_publishes(registry: Registry) -> None:
    outcome = registry.act()
    assert len(outcome.started) == len(outcome.published) == 1
    assert not outcome.remaining
    assert not outcome.work_remains
    assert types(registry) == ["genesis", *["key-add"] * 5, "start", "run"]
    assert len(registry.executor.works) == SLOTS


def test_a_second_tick_writes_nothing(registry: Registry) -> None:
    head = registry.act().head
    objects = dict(registry.remote.objects)
    again = registry.act()
    assert (again.head, again.started, again.published) == (head, (), ())
    assert registry.remote.objects == objects
    assert [idle.code for idle in again.plan.idle] == ["done"]
    registry.submit(job_file("other"))
    assert registry.act().head != head


def test_nothing_executes_before_the_remote_has_the_start(registry: Registry) -> None:
    seen: list[tuple[bool, bool]] = []

    def look() -> None:
        now = state(registry)
        run = registry.executor.works[0].attempt.run if registry.executor.works else next(iter(now.history.open))
        seen.append((run in now.history.open, now.checkpoint is not None))

    registry.executor = Interrupted(registry, look)
    registry.act()
    assert seen == [(True, True)]


def test_nothing_executes_where_the_remote_does_not_take_the_start(registry: Registry) -> None:
    world = registry.world()

    def cut() -> None:
        registry.remote.reachable = False

    with pytest.raises(Environment, match="cannot be reached"):
        reconcile(at(world, "planned", 1, cut))
    registry.remote.reachable = True
    assert not registry.executor.works
    assert len(registry.act().published) == 1


def test_a_tick_makes_at_most_two_commits(registry: Registry) -> None:
    registry.submit(job_file("second"))
    before = commits(registry)
    registry.act()
    assert commits(registry) - before == 2
    hire(registry)
    registry.remove("registry/jobs/alice/second.yaml")
    registry.submit(job_file(revision=2, retries=2))
    registry.submit(job_file("third"))
    before, size = commits(registry), len(entries(registry))
    assert len(registry.act().published) == 2
    assert commits(registry) - before == 2
    assert types(registry, size) == ["trust", "key-add", "key-add", "retire", "start", "start", "run", "run"]
    before = commits(registry)
    registry.submit(job_file("fourth"))
    registry.act(stop=True)
    assert commits(registry) - before == 1 + 1


# Two runners


def test_of_two_runners_one_claims_and_the_other_does_not_execute(registry: Registry) -> None:
    hire(registry)
    idle = ClockedExecutor(registry)
    rolf = at(registry.world("rolf", idle), "planned", 1, lambda: registry.act(stop=True))
    outcome = reconcile(rolf)
    assert (outcome.started, outcome.remaining, idle.works) == ((), (), [])
    assert [found.code for found in outcome.plan.idle] == ["running"]
    assert types(registry).count("start") == 1
    assert len(registry.act().published) == 1


def test_a_runner_alone_executes(registry: Registry) -> None:
    hire(registry)
    assert len(registry.act("rolf").published) == 1


def test_who_loses_the_race_for_the_results_tries_again_and_executes_nothing_twice(registry: Registry) -> None:
    class Raced(MemoryRepository):
        proposals = 0

        def propose(self, parent: str | None, changes: Changes, message: str) -> str:
            self.proposals += 1
            if self.proposals == 2:
                registry.submit(job_file("other"))
            return super().propose(parent, changes, message)

    world = registry.world()
    repository = Raced(registry.remote, runner("rita").keys.git)
    outcome = reconcile(world._replace(desk=world.desk._replace(repository=repository)))
    assert repository.proposals == 4  # claim, results refused, claim of the other job, results of both
    assert len(outcome.published) == 2
    assert len(registry.executor.works) == 2 * SLOTS
    assert types(registry)[-4:] == ["start", "start", "run", "run"]


def test_who_always_loses_gives_up(registry: Registry) -> None:
    class Outrun(MemoryRepository):
        def propose(self, parent: str | None, changes: Changes, message: str) -> str:
            registry.commit({"notes": str(commits(registry)).encode()})
            return super().propose(parent, changes, message)

    world = registry.world()
    repository = Outrun(registry.remote, runner("rita").keys.git)
    with pytest.raises(Conflict):
        reconcile(world._replace(desk=world.desk._replace(repository=repository)))
    assert not registry.executor.works


def test_results_go_on_top_of_what_people_merged_meanwhile(registry: Registry) -> None:
    merged: list[str] = []
    registry.executor = Interrupted(registry, lambda: merged.append(registry.commit({"notes": b"hello"})))
    outcome = registry.act()
    assert len(outcome.published) == 1
    assert outcome.head
    assert registry.people.read_commit(outcome.head).parents == (merged[0],)
    assert registry.read("notes") == b"hello"


def test_a_late_holder_publishes_nothing(registry: Registry) -> None:
    hire(registry)

    def taken_over() -> None:
        registry.wait(seconds=LEASE + CLOCK_MARGIN)
        registry.act("rolf", stop=True)

    world = registry.world()
    rita = Interrupted(registry, taken_over, wait=True)
    outcome = reconcile(world._replace(executor=rita))
    assert rita.told, "a run that is another's stops"
    assert (outcome.published, outcome.remaining) == ((), ())
    assert types(registry).count("run") == 0
    assert len(registry.act("rolf").published) == 1
    assert [entry.runner for entry in entries(registry) if isinstance(entry, e.Start)] == ["rita", "rolf"]


@pytest.mark.parametrize("still_open", [True, False])
def test_a_late_holder_that_is_not_told_in_time_publishes_nothing(registry: Registry, still_open: bool) -> None:
    hire(registry)

    def taken_over() -> None:
        registry.wait(seconds=LEASE + CLOCK_MARGIN)
        registry.act("rolf", stop=still_open)

    world = registry.world()
    outcome = reconcile(world._replace(executor=Interrupted(registry, taken_over, nth=SLOTS)))
    assert (outcome.published, outcome.remaining) == ((), ())
    assert types(registry).count("run") == (0 if still_open else 1)
    assert starts(registry) == [("rita", 1), ("rolf", 2)]


# Leases


def test_a_lease_that_is_not_over_is_left_alone(registry: Registry) -> None:
    hire(registry)
    registry.act(stop=True)
    registry.wait(seconds=LEASE + CLOCK_MARGIN - 1)
    head = registry.remote.branch
    outcome = registry.act("rolf")
    assert outcome.head == head
    assert [idle.code for idle in outcome.plan.idle] == ["running"]


def test_its_own_runner_takes_it_again_at_once(registry: Registry) -> None:
    registry.act(stop=True)
    registry.wait(seconds=LEASE)
    size = len(entries(registry))
    assert len(registry.act().published) == 1
    assert types(registry, size) == ["abandoned", "start", "run"]
    assert starts(registry) == [("rita", 1), ("rita", 2)]


def test_another_runner_takes_it_after_the_margin_for_clocks(registry: Registry) -> None:
    hire(registry)
    registry.act(stop=True)
    registry.wait(seconds=LEASE + CLOCK_MARGIN)
    assert len(registry.act("rolf").published) == 1
    assert starts(registry) == [("rita", 1), ("rolf", 2)]


def test_the_third_generation_is_the_last(registry: Registry) -> None:
    for _ in range(LAST_GENERATION):
        registry.act(stop=True)
        registry.wait(seconds=LEASE)
    size = len(entries(registry))
    outcome = registry.act()
    assert types(registry, size) == ["abandoned"]
    assert not outcome.work_remains
    assert starts(registry) == [("rita", 1), ("rita", 2), ("rita", 3)]
    page = next(path for path in registry.files("reports/jobs") if "/runs/" in path)
    assert registry.read(page).startswith(b"# Abandoned: no verdict\n")
    assert registry.act().head == outcome.head
    assert not registry.executor.works


def test_what_was_spooled_for_an_earlier_start_is_not_published(registry: Registry) -> None:
    crash(registry, "run-executed")
    kept = registry.spools["rita"].results(next(iter(state(registry).history.open)))
    registry.wait(seconds=LEASE)
    registry.executor = ClockedExecutor(registry)
    assert len(registry.act().published) == 1
    asked = {seed for work in registry.executor.works for _, seed in work.cells}
    assert len(registry.executor.works) == SLOTS
    assert not asked & {output.seed for result in kept for output in result.cells}


def test_after_its_total_limit_a_run_is_published_with_what_there_is(registry: Registry) -> None:
    registry.act(stop=True)
    registry.wait(seconds=TOTAL)
    outcome = registry.act()
    assert len(outcome.published) == 1
    assert not registry.executor.works
    page = next(path for path in registry.files("reports/jobs") if path.endswith("/README.md") and "/runs/" in path)
    assert b"not observed" in registry.read(page)


# Removing, cancelling, stopping


def test_removing_a_job_cancels_and_retires_it(registry: Registry) -> None:
    registry.act(stop=True)
    registry.remove(WHO)
    size = len(entries(registry))
    outcome = registry.act()
    assert types(registry, size) == ["cancelled", "retire"]
    assert not registry.executor.works
    assert not outcome.work_remains
    pages = [path for path in registry.files("reports/jobs") if "/runs/" in path]
    assert len(pages) == 1
    assert registry.read(pages[0]).startswith(b"# Cancelled: no verdict\n")
    assert registry.act().head == outcome.head


def test_removing_a_published_job_retires_it_only(registry: Registry) -> None:
    registry.act()
    registry.remove(WHO)
    size = len(entries(registry))
    registry.act()
    assert types(registry, size) == ["retire"]


def test_a_wish_to_cancel_ends_the_run_and_is_then_forgotten(registry: Registry) -> None:
    registry.submit(job_file("other"))
    registry.act(stop=True)
    run = next(run for run, taken in state(registry).history.open.items() if taken.start.job == WHO)
    registry.people.request_cancel(run[:32])
    size = len(entries(registry))
    outcome = registry.act()
    assert types(registry, size) == ["cancelled", "run"]
    assert registry.remote.cancelled == set()
    assert "cancelled" in [idle.code for idle in outcome.plan.idle] or registry.act().head == outcome.head
    assert registry.act().head == outcome.head


def test_a_wish_to_cancel_outlives_a_lapsed_lease(registry: Registry) -> None:
    registry.act(stop=True)
    registry.people.request_cancel(next(iter(state(registry).history.open))[:32])
    registry.wait(seconds=LEASE)
    size = len(entries(registry))
    registry.act()
    assert types(registry, size) == ["cancelled"]


def test_a_wish_to_cancel_a_run_that_is_not_over_is_kept(registry: Registry) -> None:
    registry.people.request_cancel("0" * 32)
    registry.act()
    assert registry.remote.cancelled == {"0" * 32}


@pytest.mark.parametrize("how", ["ref", "removal"])
def test_a_cancellation_reaches_running_work(registry: Registry, how: str) -> None:

    def cancel() -> None:
        if how == "ref":
            registry.people.request_cancel(next(iter(state(registry).history.open))[:32])
        else:
            registry.remove(WHO)

    registry.executor = executor = Interrupted(registry, cancel, wait=True)
    outcome = registry.act()
    assert executor.told
    assert (len(outcome.cancelled), outcome.remaining, outcome.work_remains) == (1, (), False)
    assert len(executor.works) == 1
    assert types(registry)[7:] == ["cancelled", *(["retire"] if how == "removal" else [])]
    assert registry.act().head == outcome.head
    assert len(executor.works) == 1


def test_a_merge_that_does_not_concern_a_run_does_not_stop_it(registry: Registry) -> None:

    class Patient(Interrupted):
        def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
            if not self.works:
                registry.submit(job_file("other"))
                self.told = cancel.wait(1)
            return ClockedExecutor.run(self, work, cancel)

    registry.executor = executor = Patient(registry, lambda: None)
    assert len(registry.act().published) == 1
    assert not executor.told


def test_stopped_before_it_begins_a_runner_begins_nothing(registry: Registry) -> None:
    world = registry.world()
    world.stop.set()
    outcome = reconcile(world)
    assert outcome.started == ()
    assert outcome.work_remains
    assert types(registry) == ["genesis", *["key-add"] * 5]
    assert len(registry.act().published) == 1


def test_stopped_amid_its_work_it_publishes_what_is_finished_and_goes_on_later(registry: Registry) -> None:
    registry.submit(job_file("zoe"))
    world = registry.world()
    executor = Interrupted(registry, world.stop.set, nth=SLOTS + 2, wait=True)
    outcome = reconcile(world._replace(executor=executor))
    assert executor.told
    assert (len(outcome.started), len(outcome.published), len(outcome.remaining)) == (2, 1, 1)
    assert outcome.work_remains
    assert len(executor.works) == SLOTS + 2
    registry.executor = ClockedExecutor(registry)
    assert len(registry.act().published) == 1
    assert len(registry.executor.works) == 1, "what was spooled is not run again"


# Executors


class Broken(ClockedExecutor):
    """Cannot prepare, or cannot run, what a job of this name wants."""

    def __init__(self, registry: Registry, prepare: BeaconError | None = None, run: BeaconError | None = None) -> None:
        super().__init__(registry)
        self._prepare, self._run = prepare, run

    def prepare(self, target: Container, files: Mapping[str, bytes]) -> None:
        """Fails where a job asks for it by its parameters."""
        if self._prepare and target.parameters:
            raise self._prepare

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """Fails where a job asks for it by its parameters."""
        if self._run and work.target.parameters:
            raise self._run
        return super().run(work, cancel)


def submit_odd(registry: Registry) -> str:
    """A job that a broken executor knows by its parameters."""
    data = yaml.safe_load(job_file("odd"))
    data["spec"]["targets"][0]["parameters"] = {"odd": "1"}
    return registry.submit(yaml.safe_dump(data, sort_keys=False).encode())


def test_a_benchmark_that_is_not_the_jobs_stops_no_other(registry: Registry) -> None:
    path = submit_odd(registry)
    registry.executor = Broken(registry, prepare=Unverified("benchmark-cid", "other files"))
    outcome = registry.act()
    assert len(outcome.published) == 1
    assert [tuple(idle) for idle in outcome.plan.idle] == [(path, "benchmark-cid", "other files")]
    assert types(registry).count("start") == 1


def test_what_this_machine_lacks_stops_no_other_and_is_told(registry: Registry) -> None:
    submit_odd(registry)
    registry.executor = Broken(registry, prepare=Environment("golem-daemon", "no daemon answers"))
    with pytest.raises(Environment, match="no daemon answers"):
        registry.act()
    assert [types(registry).count(kind) for kind in ("start", "run")] == [1, 1]
    with pytest.raises(Environment, match="no daemon answers"):
        registry.act()


def test_a_run_that_fails_stops_no_other_and_is_told(registry: Registry) -> None:
    submit_odd(registry)
    registry.submit(job_file("zoe"))
    registry.executor = Broken(registry, run=Environment("sandbox-broken", "it is gone"))
    with pytest.raises(Environment, match="it is gone"):
        registry.act()
    now = state(registry)
    assert sorted(end.start.job[-8:-5] for end in now.history.ended.values()) == ["who", "zoe"]
    assert [taken.start.job[-8:-5] for taken in now.history.open.values()] == ["odd"]
    registry.executor = ClockedExecutor(registry)
    assert len(registry.act().published) == 1


# Secrets


def leaking(secret: str) -> Callable[[Work, Cell, int], str]:
    """Answers that hold a secret in one region of alice's first job."""

    def answer(work: Work, cell: Cell, seed: int) -> str:
        return f"well,\n{secret}" if work.job_path == WHO and cell.region == "US" else echo(work, cell, seed)

    return answer


KNOWN = secrets(runner("rita").keys)


@pytest.mark.parametrize(
    ("secret", "kind"),
    [("AKIA" + "ABCDEFGH23456723", "AWS access key"), (KNOWN[0].hex(), "known secret")],
    ids=["by its shape", "by its bytes"],
)
def test_a_run_that_holds_a_secret_is_never_published(registry: Registry, secret: str, kind: str) -> None:
    registry.submit(job_file("other"))
    registry.executor = ClockedExecutor(registry, leaking(secret))
    events = MemoryEvents()
    world = registry.world()
    outcome = reconcile(world._replace(desk=world.desk._replace(emit=events), secrets=KNOWN))
    assert (len(outcome.published), len(outcome.remaining)) == (1, 1)
    found = [event.facts for event in events.events if event.name == "secret-found"]
    assert {fact["kind"] for fact in found} == {kind}
    assert ("outputs/echo/who/US/1-1.txt", 2) in {
        (str(fact["path"]).partition("/bundle/")[2], fact["line"]) for fact in found
    }
    assert not any(secret in str(event.facts) for event in events.events)
    published = b"".join(item.data for item in registry.remote.objects.values())
    assert secret.encode() not in published
    registry.wait(seconds=LEASE)
    size = len(entries(registry))
    world = registry.world()
    world.stop.set()
    reconcile(world._replace(secrets=KNOWN))
    assert types(registry, size) == ["abandoned"], "nor are its receipts, when its lease is over"
    assert not registry.spools["rita"].runs()


def test_without_the_secret_it_is_published(registry: Registry) -> None:
    registry.executor = ClockedExecutor(registry, leaking("AKIA is a prefix"))
    world = registry.world()._replace(secrets=KNOWN)
    assert len(reconcile(world).published) == 1
