"""What a cancelled run leaves: a receipt for every attempt that was made, whoever is killed on the way, and nothing
that must not be published."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from runner import staged
from runner.edges.keys import secrets
from runner.edges.memory import MemoryEvents, MemoryRepository, MemorySpool
from runner.errors import Environment
from runner.formats.receipt import read_receipt
from runner.history import End
from runner.leases import CLOCK_MARGIN
from runner.model import Manifest, Receipt
from runner.model import entry as e
from runner.ports import AttemptResult, Work
from runner.reconcile import reconcile
from runner.rendering.pages import derived
from runner.verify import verify
from tests.paid import BUDGET, PaidExecutor, paid_registry
from tests.ticks import LEASE, SLOTS, WHO, at, crash, entries, fresh, hire, state, types
from tests.worlds import ClockedExecutor, Registry, job_file, runner

NTH = 2
"""The attempt in which somebody changes their mind. One is answered by then."""


class CutShort(PaidExecutor):
    """Attempts that are stopped while they run: the nth does something, and then waits to be told."""

    def __init__(self, registry: Registry, act: Callable[[], object], nth: int = NTH) -> None:
        super().__init__(registry)
        self._act, self._nth = act, nth
        self.capacity = 1
        self.told = False

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """See `PaidExecutor.run`."""
        if len(self.works) + 1 == self._nth:
            self._act()
            self.told = cancel.wait(20)
        result = super().run(work, cancel)
        return stopped(result) if cancel.is_set() else result

    def restart(self) -> None:
        """Another process, with the same journal; nobody interrupts it."""
        self._nth = 99
        self.works.clear()


def stopped(result: AttemptResult) -> AttemptResult:
    """What becomes of an attempt that is cut short before it answers."""
    cells = tuple(
        output._replace(status="missing", output=None, finish=None, ms=None, reason="cancelled: while it ran")
        for output in result.cells
    )
    return result._replace(status="cancelled", reason="cancelled: while it ran", retryable=True, cells=cells)


def cancelled(how: str = "removal", nth: int = NTH) -> Registry:
    """A registry whose paid job is cancelled within its nth attempt."""
    registry = paid_registry()
    registry.executor = CutShort(registry, lambda: change_of_mind(registry, how), nth)
    registry.act()
    return registry


def change_of_mind(registry: Registry, how: str = "removal") -> None:
    if how == "removal":
        registry.remove(WHO)
    else:
        registry.people.request_cancel(next(iter(state(registry).history.open))[:32])


def end(registry: Registry) -> tuple[End, e.Cancelled]:
    """How the only run ended."""
    (found,) = state(registry).history.ended.values()
    assert isinstance(found.end, e.Cancelled)
    return found, found.end


def folder(registry: Registry) -> dict[str, bytes]:
    """The only run's folder, by path below it."""
    paths = [path for path in registry.files("reports/jobs") if "/runs/" in path]
    return {path.partition("/runs/")[2].partition("/")[2]: registry.read(path) for path in paths}


def receipts(registry: Registry) -> dict[str, Receipt]:
    """The only run's receipts, by the attempt's name."""
    return {
        path.rpartition("/")[2].removesuffix(".sigstore.json"): read_receipt(raw)
        for path, raw in folder(registry).items()
        if path.startswith("bundle/receipts/")
    }


@pytest.mark.parametrize("how", ["removal", "ref"])
def test_attempts_of_a_cancelled_run_leave_receipts_in_the_same_tick(how: str) -> None:
    registry = paid_registry()
    registry.executor = executor = CutShort(registry, lambda: change_of_mind(registry, how))
    outcome = registry.act()
    assert executor.told
    over, said = end(registry)
    assert outcome.cancelled == (over.start.run,)
    assert (outcome.published, outcome.remaining, outcome.work_remains) == ((), (), False)
    retired = ["retire"] if how == "removal" else []
    assert types(registry, 6) == ["start", "cancelled", *retired, "settlement"]
    found = receipts(registry)
    assert sorted(receipt.predicate.status for receipt in found.values()) == ["cancelled", "ok"]
    assert {receipt.predicate.cost.observed for receipt in found.values()} == {"0.01"}
    files = folder(registry)
    listed = Manifest.from_bytes(files["manifest.json"], "manifest.json")
    assert (listed.cid, set(listed.files)) == (said.cid, {path for path in files if path.startswith("bundle/")})
    assert set(files) - set(listed.files) == {"README.md", "manifest.json", "proof.tlog"}
    assert "bundle/diff.json" not in files
    assert files["bundle/job.yaml"] == job_file(budget=BUDGET)
    assert sum(path.startswith("bundle/outputs/") for path in files) == 1
    assert len(said.canonical()) <= e.MAX_ENTRY
    report = verify(registry.clone())
    assert report.findings == ()
    assert [step.outcome for step in report.steps] == ["ok"] * 9
    assert report.steps[6].counts["cancelled runs with receipts"] == 1
    assert report.steps[6].counts["settlements"] == 1
    assert not any("cut short" in text for text in report.steps[6].listed), "their receipts are found"
    assert registry.act().head == outcome.head
    assert not registry.spools["rita"].results(over.start.run)


def test_without_a_change_of_mind_it_is_published() -> None:
    registry = paid_registry()
    registry.executor = CutShort(registry, lambda: None, nth=99)
    assert len(registry.act().published) == 1
    assert types(registry)[-2:] == ["run", "settlement"]


def test_page_and_ledger_tell_of_the_attempts() -> None:
    registry = cancelled()
    page = folder(registry)["README.md"].decode()
    assert page.startswith("# Cancelled: no verdict\n")
    assert "They cost 0.02 GLM together." in page
    for name, receipt in receipts(registry).items():
        said = receipt.predicate
        (row,) = [line for line in page.splitlines() if f"bundle/receipts/{name}.sigstore.json" in line]
        assert said.provider.id in row
        assert "0.01" in row
        assert ("**cancelled**" in row) == (said.status == "cancelled")
        assert ("cancelled: while it ran" in row) == (said.status == "cancelled")
    assert "SIMULATED" not in page
    ledger = registry.read("reports/ledger/2026-11.jsonl").decode().splitlines()
    assert [line.count('"status":"cancelled"') for line in ledger if '"type":"attempt"' in line] in ([0, 1], [1, 0])
    now = state(registry)
    for path, raw in derived(now.snapshot, now.history).items():
        assert registry.read(path) == raw


def test_simulated_attempts_say_so_on_the_page() -> None:
    registry = fresh()
    registry.executor = _Local(registry)
    registry.act()
    assert b"- SIMULATED: " in folder(registry)["README.md"]
    assert verify(registry.clone()).findings == ()


class _Local(ClockedExecutor):
    """The job is removed while the second attempt runs."""

    capacity = 1

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """See `FakeExecutor.run`."""
        if len(self.works) == 1:
            self._registry.remove(WHO)
            cancel.wait(20)
        return super().run(work, cancel)


# Crashes


EVENTS = [
    ("attempt-started", 2),
    ("attempt-finished", 1),
    ("attempt-finished", 2),
    ("run-executed", 1),
    ("intent-won", 2),
    ("second-engine", 2),
    ("checkpoint-signed", 2),
    ("committed", 2),
    ("run-cancelled", 1),
]


@pytest.mark.parametrize(("event", "nth"), EVENTS)
@pytest.mark.parametrize("how", ["removal", "ref"])
def test_killed_anywhere_around_it_the_receipts_are_published_once(event: str, nth: int, how: str) -> None:
    registry = paid_registry()
    executor = CutShort(registry, lambda: change_of_mind(registry, how))
    registry.executor = executor
    crash(registry, event, nth)
    kept = registry.spools["rita"].results(entries(registry)[6].run)  # type: ignore[union-attr] - it is the start
    if not any(entry.type == "cancelled" for entry in entries(registry)) and registry.remote.intent is None:
        again_unwanted(registry, how)
    executor.restart()
    registry.act()
    registry.act()
    told = types(registry, 6)
    assert told.count("cancelled") == told.count("settlement") == 1
    assert "run" not in told
    assert not executor.works, "nobody wants it: nothing is begun"
    made = 2 if event == "run-cancelled" else len(kept)
    assert len(receipts(registry)) == made > 0
    assert not executor.journal
    report = verify(registry.clone())
    assert report.findings == ()
    assert registry.read("reports/ledger/2026-11.jsonl").count(b'"type":"attempt"') == made


def again_unwanted(registry: Registry, how: str) -> None:
    """Where the runner was killed before the change of mind, it comes while nobody works."""
    if how == "ref":
        change_of_mind(registry, how)
    elif WHO in registry.files("registry/jobs"):
        registry.remove(WHO)


def test_killed_while_the_next_tick_publishes_them() -> None:
    for event in ("intent-won", "checkpoint-signed", "committed", "run-cancelled"):
        registry = paid_registry()
        executor = CutShort(registry, lambda: None, nth=99)
        registry.executor = executor
        crash(registry, "attempt-finished", 2)
        registry.remove(WHO)
        crash(registry, event)
        registry.act()
        assert types(registry, 6)[:4] == ["start", "cancelled", "retire", "settlement"]
        assert [one.predicate.status for one in receipts(registry).values()] == ["ok", "ok"]
        assert verify(registry.clone()).findings == ()


# The job's bytes, other runners, other starts


def test_the_jobs_bytes_come_from_the_commit_that_took_it_however_the_branch_went_on() -> None:
    registry = paid_registry()
    raw, signature = registry.read(WHO), registry.read(f"{WHO}.sig")
    registry.executor = CutShort(registry, lambda: None, nth=99)
    crash(registry, "attempt-finished", 1)
    registry.commit({"notes": b"1"})
    registry.submit(job_file(revision=2, budget=BUDGET))
    registry.commit({"notes": b"2"})
    registry.remove(WHO)
    registry.submit(job_file(revision=3, budget=BUDGET))
    outcome = registry.act()
    assert (len(outcome.cancelled), len(outcome.published)) == (1, 1)
    bundles = {registry.read(path) for path in registry.files("reports") if path.endswith("/bundle/job.yaml")}
    assert bundles == {raw, job_file(revision=3, budget=BUDGET)}
    assert signature in {registry.read(path) for path in registry.files("reports") if path.endswith("/job.yaml.sig")}
    assert verify(registry.clone()).findings == ()


def test_where_the_jobs_bytes_are_not_here_it_ends_without_receipts_and_says_so() -> None:
    registry = paid_registry()
    registry.executor = CutShort(registry, lambda: None, nth=99)
    crash(registry, "attempt-finished", 1)
    registry.remove(WHO)

    class Shallow(MemoryRepository):
        def snapshot(self, commit: str | None) -> Any:
            found = super().snapshot(commit)
            return found if commit == self.head() or commit == self.intent() else _Absent()

    class _Absent:
        def read(self, path: str) -> bytes | None:
            raise Environment("git-object-missing", "a shallow clone")

    events = MemoryEvents()
    world = registry.world()
    desk = world.desk._replace(repository=Shallow(registry.remote, runner("rita").keys.git), emit=events)
    reconcile(world._replace(desk=desk))
    assert end(registry)[1].cid is None
    assert set(folder(registry)) == {"README.md"}
    (lost,) = [event.facts for event in events.events if event.name == "receipts-lost"]
    assert lost["code"] == "git-object-missing"
    assert verify(registry.clone()).findings == ()


def test_what_cannot_be_said_ends_without_receipts() -> None:
    registry = paid_registry()
    registry.executor = CutShort(registry, lambda: None, nth=99)
    crash(registry, "attempt-finished", 1)
    run = next(iter(state(registry).history.open))
    (kept,) = registry.spools["rita"].results(run)
    registry.spools["rita"].put(kept._replace(cells=(kept.cells[0]._replace(output=None),)))
    registry.remove(WHO)
    registry.act()
    assert end(registry)[1].cid is None
    assert not registry.spools["rita"].results(run)


def test_another_runner_cancels_without_receipts() -> None:
    registry = paid_registry()
    hire(registry)
    registry.executor = CutShort(registry, lambda: None, nth=99)
    crash(registry, "attempt-finished", 1)
    registry.remove(WHO)
    ritas, registry.executor = registry.executor, PaidExecutor(registry)
    registry.act("rolf")
    assert end(registry)[1].cid is None
    registry.executor = ritas
    registry.act()
    report = verify(registry.clone())
    assert report.findings == ()
    assert report.steps[6].counts["settlements"] == 1
    assert any("no receipt has the agreement" in text for text in report.steps[6].listed)


def test_attempts_of_an_earlier_start_are_not_those_of_the_cancelled_one() -> None:
    registry = paid_registry()
    registry.executor = CutShort(registry, lambda: None, nth=99)
    crash(registry, "attempt-finished", 2)
    registry.wait(seconds=LEASE + CLOCK_MARGIN)
    registry.act(stop=True)
    assert types(registry, 6) == ["start", "abandoned", "start", "superseded", "settlement"]
    registry.remove(WHO)
    registry.act()
    assert end(registry)[1].cid is None
    assert verify(registry.clone()).findings == ()


@pytest.mark.parametrize("honest", [True, False])
def test_what_a_keyless_job_of_a_workflow_hands_on_is_checked_before_it_is_signed(honest: bool) -> None:
    registry = fresh()
    handover = staged.start(registry.world())
    handed, world = MemorySpool(), registry.world()
    staged.execute(world.bench._replace(spool=handed), handover, world.share)
    for result in handed.results(handover.runs[0].run) if not honest else ():
        handed.put(result._replace(executor=result.executor.model_copy(update={"kind": "golem"})))
    registry.remove(WHO)
    staged.publish(registry.world()._replace(spool=handed))
    assert (end(registry)[1].cid is not None) == honest
    assert verify(registry.clone()).findings == ()


# Minds that change twice, and runners that are stopped


def test_a_job_that_is_back_in_time_goes_on() -> None:
    registry = paid_registry()
    raw, signature = registry.read(WHO), registry.read(f"{WHO}.sig")
    registry.executor = executor = CutShort(registry, lambda: registry.remove(WHO))
    outcome = reconcile(
        at(registry.world(), "run-executed", 1, lambda: registry.commit({WHO: raw, f"{WHO}.sig": signature}))
    )
    assert executor.told
    assert (len(outcome.remaining), outcome.cancelled) == (1, ())
    executor.restart()
    assert len(registry.act().published) == 1
    assert len(registry.executor.works) == SLOTS - 1, "what was cut short is begun again"
    assert {one.predicate.status for one in receipts(registry).values()} == {"ok"}
    report = verify(registry.clone())
    assert report.findings == ()
    assert sum("its attempt was cut short" in text for text in report.steps[6].listed) == 1


def test_a_stopped_runner_resumes_and_if_nobody_wants_it_then_publishes_what_it_cut_short() -> None:
    for wanted in (True, False):
        registry = paid_registry()
        world = registry.world()
        registry.executor = executor = CutShort(registry, world.stop.set)
        outcome = reconcile(world._replace(executor=executor))
        assert (len(outcome.remaining), outcome.cancelled, outcome.published) == (1, (), ())
        executor.restart()
        if not wanted:
            registry.remove(WHO)
        registry.act()
        statuses = sorted(one.predicate.status for one in receipts(registry).values())
        assert statuses == (["ok"] * SLOTS if wanted else ["cancelled", "ok"])
        assert {one.predicate.attempt.n for one in receipts(registry).values()} == {1}, "it uses up no retry"
        assert verify(registry.clone()).findings == ()


# Secrets


def test_a_secret_is_not_published_with_a_cancelled_run() -> None:
    registry = fresh()
    registry.executor = executor = _Local(registry, lambda *_: "AKIA" + "ABCDEFGH23456723")
    events = MemoryEvents()
    world = registry.world()
    reconcile(world._replace(desk=world.desk._replace(emit=events), secrets=secrets(runner("rita").keys)))
    assert executor.works
    assert end(registry)[1].cid is None
    assert set(folder(registry)) == {"README.md"}
    assert "secret-found" in events.names()
    assert b"AKIA" not in b"".join(item.data for item in registry.remote.objects.values())


def test_a_plain_cancellation_has_no_other_file_than_its_page() -> None:
    registry = fresh()
    registry.act(stop=True)
    registry.remove(WHO)
    registry.act()
    assert end(registry)[1].cid is None
    assert set(folder(registry)) == {"README.md"}
    assert verify(registry.clone()).findings == ()
