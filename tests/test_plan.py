"""What would run, and why the rest would not: revisions, schedules, budgets, suspension, refusals."""

from __future__ import annotations

import pytest

from runner.model import entry as e
from runner.model.jobspec import Container
from tests.paid import allow
from tests.ticks import (
    WHO,
    entries,
    fresh,
    types,
)
from tests.worlds import ClockedExecutor, Registry, job_file


@pytest.fixture
def registry() -> Registry:
    """A registry with one job that nobody has run."""
    return fresh()


def test_a_new_revision_runs(registry: Registry) -> None:
    registry.act()
    registry.submit(job_file(revision=2, retries=2))
    assert len(registry.act().published) == 1


@pytest.mark.parametrize("revision", [1, 2])
def test_other_bytes_without_a_higher_revision_do_not_run(registry: Registry, revision: int) -> None:
    registry.submit(job_file(revision=2))
    registry.act()
    registry.submit(job_file(revision=revision, retries=2))
    done = len(registry.executor.works)
    assert [idle.code for idle in registry.act().plan.idle] == ["revision-replayed"]
    assert len(registry.executor.works) == done


def test_a_retired_file_cannot_be_replayed(registry: Registry) -> None:
    registry.submit(job_file("daily", schedule="0 3 * * *"))
    registry.act()
    registry.remove("registry/jobs/alice/daily.yaml")
    registry.act()
    registry.wait(days=1)
    registry.submit(job_file("daily", schedule="0 3 * * *"))
    assert [idle.code for idle in registry.act().plan.idle if "daily" in idle.path] == ["revision-replayed"]
    registry.submit(job_file("daily", revision=2, schedule="0 3 * * *"))
    assert len(registry.act().published) == 1


def test_a_superseded_open_run_is_cancelled_by_its_runner(registry: Registry) -> None:
    registry.act(stop=True)
    registry.submit(job_file(revision=2, retries=2))
    size = len(entries(registry))
    outcome = registry.act()
    assert types(registry, size) == ["cancelled", "start", "run"]
    assert not outcome.work_remains


def test_a_suspended_job_does_not_run_and_others_do(registry: Registry) -> None:
    registry.submit(job_file("other"))
    registry.commit({"registry/suspended": f"{WHO}\n".encode()})
    outcome = registry.act()
    assert len(outcome.published) == 1
    assert [(idle.path, idle.code) for idle in outcome.plan.idle] == [(WHO, "suspended")]
    registry.commit({"registry/suspended": None})
    assert len(registry.act().published) == 1


def test_a_scheduled_job_runs_once_for_each_due_time() -> None:
    registry = Registry()
    registry.submit(job_file(schedule="0 3 * * *"))
    registry.act()
    assert not registry.act().started
    registry.wait(hours=23, minutes=59)
    assert [idle.code for idle in registry.act().plan.idle] == ["done"]
    registry.wait(minutes=1)
    assert len(registry.act().published) == 1
    dues = [entry.due for entry in entries(registry) if isinstance(entry, e.Start)]
    assert dues == ["2026-11-22T03:00:00Z", "2026-11-23T03:00:00Z"]
    registry.wait(days=8)
    registry.act()
    folders = {path.split("/runs/")[1].split("/")[0] for path in registry.files("reports/jobs") if "/runs/" in path}
    assert folders == {"2026-11", "2026-12"}


class Paid(ClockedExecutor):
    """An executor that costs money."""

    kind = "golem"


BUDGET = {"currency": "GLM", "total": "1", "perRegion": "1"}


@pytest.mark.parametrize("caps", [("2", "9"), ("9", "2")], ids=["of the owner", "of the registry"])
def test_budgets_of_a_month_are_kept(caps: tuple[str, str]) -> None:
    registry = Registry()
    allow(registry, *caps, golem="")
    for name in ("a", "b", "c"):
        registry.submit(job_file(name, budget=BUDGET))
    registry.executor = Paid(registry)
    outcome = registry.act()
    assert len(outcome.started) == 2
    assert [(idle.path[-6:], idle.code) for idle in outcome.plan.idle] == [("c.yaml", "budget-spent")]
    assert outcome.work_remains
    assert [entry.reserved for entry in entries(registry) if isinstance(entry, e.Start)] == ["1", "1"]
    assert registry.act().started == ()
    registry.wait(days=9)
    assert len(registry.act().started) == 1


def test_within_its_budget_everything_runs() -> None:
    registry = Registry()
    allow(registry, "3", "3", golem="")
    for name in ("a", "b", "c"):
        registry.submit(job_file(name, budget=BUDGET))
    registry.executor = Paid(registry)
    assert len(registry.act().published) == 3


def test_what_costs_nothing_reserves_nothing() -> None:
    registry = Registry()
    allow(registry, "2", "2", golem="")
    for name in ("a", "b", "c"):
        registry.submit(job_file(name, budget=BUDGET))
    assert len(registry.act().started) == 3
    assert {entry.reserved for entry in entries(registry) if isinstance(entry, e.Start)} == {"0"}


def test_an_invalid_job_is_idle_with_its_reason_while_others_run(registry: Registry) -> None:
    registry.commit({"registry/jobs/alice/bad.yaml": b"a: 1\na: 2\n"})
    outcome = registry.act()
    assert len(outcome.published) == 1
    assert [(idle.path, idle.code) for idle in outcome.plan.idle] == [("registry/jobs/alice/bad.yaml", "invalid")]


def test_what_the_executor_refuses_is_not_claimed(registry: Registry) -> None:
    class Refusing(ClockedExecutor):
        def refuses(self, target: Container) -> str | None:
            return "no sandbox here"

    registry.executor = Refusing(registry)
    outcome = registry.act()
    assert [(idle.code, idle.why) for idle in outcome.plan.idle] == [("executor-refuses", "echo: no sandbox here")]
    assert "start" not in types(registry)
