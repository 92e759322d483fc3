"""Executing a run: what is attempted, in which order, what is attempted again, and what is never attempted twice."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runner.commands.operate import stoppable
from runner.edges.memory import MemoryEvents, MemorySpool
from runner.errors import Environment
from runner.execute import Order, execute
from runner.model import Cell, JobSpec
from runner.model.jobspec import Container
from runner.model.run import cells, seed
from runner.ports import AttemptResult, Work
from tests import make
from tests.fake_executor import FakeExecutor, echo

REGIONS = {"EU": ["DE", "FR"], "US": ["US"], "APAC": ["SG"]}


class Clock:
    """A monotonic clock that only tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """One run of alice's job over a fake executor."""

    def __init__(self, executor: FakeExecutor, **spec: Any) -> None:
        self.executor = executor
        self.spec: JobSpec = make.job(**spec)
        self.run = make.run()
        self.spool = MemorySpool()
        self.events = MemoryEvents()
        self.cancel = threading.Event()
        self.clock = Clock()
        self.files: Mapping[str, Mapping[str, bytes]] = {"echo": {"benchmark.py": b"pass"}}

    def execute(self) -> tuple[AttemptResult, ...]:
        return execute(
            Order(self.run, self.spec, self.files, make.policy(regions=REGIONS)),
            self.executor,
            self.spool,
            self.events,
            self.cancel,
            self.clock,
        )


def stems(results: tuple[AttemptResult, ...]) -> list[str]:
    return [result.attempt.stem.removeprefix("smollm2.") for result in results]


def test_every_cell_is_answered_once_with_its_seed() -> None:
    bench = Bench(FakeExecutor())
    results = bench.execute()
    outputs = [output for result in results for output in result.cells]
    assert [output.cell for output in outputs] == list(cells(bench.spec))
    assert all(output.seed == seed(bench.run, output.cell, "shared") for output in outputs)
    assert sorted(r.attempt.stem for r in bench.spool.results(bench.run.run)) == sorted(r.attempt.stem for r in results)


def test_work_carries_what_the_executor_needs() -> None:
    bench = Bench(FakeExecutor(), regions=[{"name": "EU", "countries": ["FR"]}, {"name": "US"}], minRegions=2)
    bench.execute()
    by_region = {work.region.name: work for work in bench.executor.works}
    assert by_region["EU"].countries == ("FR",)
    assert by_region["US"].countries == ("US",)
    assert by_region["EU"].files == {"benchmark.py": b"pass"}
    assert by_region["EU"].job_path == bench.run.job


def test_rounds_are_slots_and_regions_stand_together() -> None:
    bench = Bench(FakeExecutor(capacity=3))
    bench.execute()
    works = bench.executor.works
    assert [work.attempt.slot for work in works] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    for start in (0, 3, 6):
        assert {work.region.name for work in works[start : start + 3]} == {"EU", "US", "APAC"}
    assert bench.events.names().count("round-started") == 3


def test_attempts_of_a_round_start_together() -> None:
    """Each attempt waits for the others of its round: this ends only if all three run at once."""
    together = threading.Barrier(3, timeout=20)

    def answer(work: Work, cell: Cell, number: int) -> str:
        if cell.replica == 1:
            together.wait()
        return "met"

    assert len(Bench(FakeExecutor(answer, capacity=3)).execute()) == 9


def test_order_within_a_round_is_the_runs_own() -> None:
    one, two = Bench(FakeExecutor(capacity=1)), Bench(FakeExecutor(capacity=1))
    one.execute()
    two.execute()
    order = [work.attempt.stem for work in one.executor.works]
    assert order == [work.attempt.stem for work in two.executor.works]
    assert order != sorted(order)


def test_what_was_not_answered_is_attempted_again_elsewhere() -> None:
    def answer(work: Work, cell: Cell, number: int) -> str:
        if (cell.region, cell.slot, cell.replica, work.attempt.n) == ("EU", 2, 2, 1):
            return "timeout"
        return echo(work, cell, number)

    bench = Bench(FakeExecutor(answer))
    results = bench.execute()
    assert stems(results)[9:] == ["EU.2.2"]
    last = bench.executor.works[-1]
    assert [cell.id for cell, _ in last.cells] == ["who.2"]
    assert last.avoid == {"fake-eu-1", "fake-eu-2", "fake-eu-3"}
    assert results[-1].provider.id == "fake-eu-2-2"
    assert results[-1].status == "ok"


def test_slots_of_a_region_have_providers_of_their_own() -> None:
    bench = Bench(FakeExecutor())
    bench.execute()
    assert {work.avoid for work in bench.executor.works if work.attempt.slot == 2} == {
        frozenset({f"fake-{region}-1"}) for region in ("eu", "us", "apac")
    }


def test_retries_are_counted_and_end() -> None:
    bench = Bench(FakeExecutor(lambda work, cell, number: "missing" if cell.region == "US" else "fine"), retries=2)
    results = bench.execute()
    assert [result.attempt.n for result in results if result.attempt.region == "US"] == [1] * 3 + [2] * 3 + [3] * 3
    assert len(results) == 6 + 9


@pytest.mark.parametrize("status", ["malformed", "oversize"])
def test_answers_are_never_asked_again_for_their_content(status: str) -> None:
    assert len(Bench(FakeExecutor(lambda work, cell, number: status), retries=5).execute()) == 9


def test_what_was_spooled_is_not_run_again() -> None:
    first = Bench(FakeExecutor())
    whole = first.execute()
    again = Bench(FakeExecutor())
    for result in whole[:4]:
        again.spool.put(result)
    assert again.execute() == whole
    assert len(again.executor.works) == 5


def test_a_spooled_failure_is_retried_with_the_next_number() -> None:
    broken = Bench(FakeExecutor(lambda work, cell, number: "missing"), retries=0)
    again = Bench(FakeExecutor(), retries=1)
    for result in broken.execute():
        again.spool.put(result)
    assert {result.attempt.n for result in again.execute()} == {1, 2}
    assert {work.attempt.n for work in again.executor.works} == {2}


def test_total_limit_ends_the_work() -> None:
    bench = Bench(FakeExecutor(capacity=1), limits={"totalSeconds": 100}, retries=0)

    def slow(work: Work, cell: Cell, number: int) -> str:
        bench.clock.now += 15
        return "slow"

    bench.executor = FakeExecutor(slow, capacity=1)
    results = bench.execute()
    assert [work.limits.total_seconds for work in bench.executor.works] == [100, 70, 40, 10]
    assert len(results) == 4


def test_cancel_begins_nothing_more() -> None:
    bench = Bench(FakeExecutor(capacity=1))

    def cancelling(work: Work, cell: Cell, number: int) -> str:
        bench.cancel.set()
        return "last"

    bench.executor = FakeExecutor(cancelling, capacity=1)
    assert len(bench.execute()) == 1


def test_a_signal_that_another_thread_received_stops_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    def signalled(work: Work, cell: Cell, number: int) -> str:
        if not heard:
            time.sleep(0.2)  # until the main thread waits
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            heard.append(bench.cancel.wait(10))
        return "late"

    heard: list[bool] = []
    bench = Bench(FakeExecutor(signalled, capacity=1))
    with stoppable() as bench.cancel:
        assert len(bench.execute()) == 1
    assert heard == [True]
    assert "stopping" in capsys.readouterr().err


def test_interrupted_between_two_attempts_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = ThreadPoolExecutor.submit

    def interrupted(pool: ThreadPoolExecutor, *arguments: Any) -> Any:
        if len(asked) == 1:
            raise KeyboardInterrupt
        asked.append(1)
        return begin(pool, *arguments)

    asked: list[int] = []
    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    bench = Bench(FakeExecutor(capacity=2))
    with pytest.raises(KeyboardInterrupt):
        bench.execute()
    assert not bench.executor.works


def test_a_failing_executor_loses_nothing_that_ended() -> None:
    def answer(work: Work, cell: Cell, number: int) -> str:
        if (cell.region, cell.slot) == ("US", 2):
            raise Environment("sandbox-broken", "the machine is gone")
        return "fine"

    bench = Bench(FakeExecutor(answer, capacity=3))
    with pytest.raises(Environment, match="the machine is gone"):
        bench.execute()
    kept = {result.attempt.stem for result in bench.spool.results(bench.run.run)}
    assert {f"smollm2.{region}.1.1" for region in REGIONS} <= kept
    assert len(kept) == sum(work.attempt.slot <= 2 for work in bench.executor.works) - 1


def test_what_cannot_be_kept_ends_the_work_and_what_ran_beside_it_is_kept() -> None:
    class Full(MemorySpool):
        failed = False

        def put(self, result: AttemptResult) -> None:
            if not self.failed:
                self.failed = True
                raise Environment("write-failed", "no space left on device")
            super().put(result)

    spool, together = Full(), threading.Barrier(3)

    def answer(work: Work, cell: Cell, number: int) -> str:
        if not spool.failed and cell.replica == 1:
            together.wait(20)
        return "fine"

    bench = Bench(FakeExecutor(answer, capacity=3))
    bench.spool = spool
    with pytest.raises(Environment, match="no space"):
        bench.execute()
    assert len(bench.executor.works) == 3  # of nine: the second round never began
    assert len(bench.spool.results(bench.run.run)) == 2
    assert len(bench.execute()) == 9
    assert len(bench.executor.works) == 3 + 7


def test_events_tell_the_story() -> None:
    bench = Bench(FakeExecutor(), sampling={"providers": 1}, retries=0)
    bench.execute()
    names = bench.events.names()
    assert (names[0], names[-1]) == ("run-started", "run-executed")
    assert names.count("attempt-started") == names.count("attempt-finished") == 3


def test_target_that_cannot_run_is_refused_before_anything_starts() -> None:
    class Refusing(FakeExecutor):
        def refuses(self, target: Container) -> str | None:
            return "no such machine"

    bench = Bench(Refusing())
    with pytest.raises(Environment) as caught:
        bench.execute()
    assert caught.value.code == "target-refused"
    assert bench.events.names() == []
