"""Settlements through ticks that end anywhere: each start that reserved money is settled once, and nothing is lost."""

from __future__ import annotations

import threading

import pytest

from runner.edges.memory import MemoryEvents
from runner.errors import Environment
from runner.leases import CLOCK_MARGIN
from runner.model import Settlement
from runner.model import entry as e
from runner.ports import AttemptResult, Work
from runner.reconcile import reconcile
from runner.verify import verify
from tests.paid import PaidExecutor, paid_registry
from tests.ticks import LEASE, crash, entries, hire, state
from tests.worlds import Registry


def settlements(registry: Registry) -> list[int]:
    """The starts that are settled, in the order of the log."""
    return [entry.start for entry in entries(registry) if isinstance(entry, e.Settlement)]


@pytest.mark.parametrize(
    ("event", "nth"),
    [
        ("intent-won", 1),
        ("checkpoint-signed", 1),
        ("committed", 1),
        ("attempt-started", 2),
        ("attempt-finished", 1),
        ("attempt-finished", 3),
        ("run-executed", 1),
        ("run-rendered", 1),
        ("intent-won", 2),
        ("checkpoint-signed", 2),
        ("committed", 2),
    ],
)
def test_killed_anywhere_each_start_is_settled_once(event: str, nth: int) -> None:
    registry = paid_registry()
    crash(registry, event, nth)
    registry.act()
    registry.act()
    assert settlements(registry) == [6]
    assert not state(registry).history.unsettled
    assert isinstance(registry.executor, PaidExecutor)
    assert not registry.executor.journal, "what is in the log need not be remembered"
    report = verify(registry.clone())
    assert report.findings == ()
    (path,) = registry.files("reports/settlements")
    record = Settlement.from_bytes(registry.read(path), path)
    assert len(record.agreements) >= 3, "what was begun before the crash is in it"


def test_another_runner_in_between_settles_only_its_own() -> None:
    registry = paid_registry()
    hire(registry)
    ritas = registry.executor
    crash(registry, "attempt-finished", 2)
    registry.wait(seconds=LEASE + CLOCK_MARGIN)
    registry.executor = PaidExecutor(registry)
    registry.act("rolf")
    assert len(settlements(registry)) == 1
    registry.executor = ritas
    registry.act()
    history = state(registry).history
    assert sorted(settlements(registry)) == sorted(history.settled)
    assert len(history.settled) == 2
    assert not history.unsettled
    assert verify(registry.clone()).findings == ()


class Away(PaidExecutor):
    """Its daemon is gone when it comes to paying."""

    gone = True

    def settlement(self, start: int, run: str) -> Settlement | None:
        """See `PaidExecutor.settlement`."""
        if self.gone:
            raise Environment("golem-gone", "the daemon does not answer")
        return super().settlement(start, run)


def test_a_settlement_that_fails_keeps_no_run_from_being_published() -> None:
    registry = paid_registry()
    executor = Away(registry)
    world, events = registry.world(executor=executor), MemoryEvents()
    outcome = reconcile(world._replace(desk=world.desk._replace(emit=events)))
    assert len(outcome.published) == 1
    assert [event.facts["why"] for event in events.events if event.name == "settlement-waits"] == [
        "the daemon does not answer"
    ]
    assert list(state(registry).history.unsettled) == [6]
    executor.gone = False
    registry.executor = executor
    registry.act()
    assert settlements(registry) == [6]


class OneBroken(PaidExecutor):
    """The first job's image cannot be run; remembers which starts it was asked to settle."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self.asked: list[int] = []
        self.broken = True

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """See `PaidExecutor.run`."""
        if self.broken and work.job_path.endswith("/a.yaml"):
            raise Environment("sandbox-broken", "it cannot be run")
        return super().run(work, cancel)

    def settlement(self, start: int, run: str) -> Settlement | None:
        """See `PaidExecutor.settlement`."""
        self.asked.append(start)
        return super().settlement(start, run)


def test_a_run_that_is_still_open_is_not_settled() -> None:
    registry = paid_registry("a", "b")
    executor = OneBroken(registry)
    registry.executor = executor
    with pytest.raises(Environment):
        registry.act()
    assert executor.asked == settlements(registry) == [7]
    executor.broken = False
    registry.act()
    assert settlements(registry) == [7, 6]


def test_a_late_holder_settles_what_it_spent() -> None:
    registry = paid_registry()
    hire(registry)
    ritas = PaidExecutor(registry)
    registry.executor = ritas
    crash(registry, "run-executed")
    ((begun, made),) = ritas.journal.items()
    assert len(made) == 3
    registry.wait(seconds=LEASE + CLOCK_MARGIN)
    registry.executor = PaidExecutor(registry)
    registry.act("rolf")
    registry.executor = ritas
    registry.act()
    spent = {entry.start: entry.amount for entry in entries(registry) if isinstance(entry, e.Settlement)}
    assert spent[begun] == "0.03"
    assert verify(registry.clone()).findings == ()
