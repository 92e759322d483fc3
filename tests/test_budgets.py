"""Caps count what was paid, and what unsettled starts hold: over months, takeovers and late settlements."""

from __future__ import annotations

from decimal import Decimal

import pytest

from runner.leases import CLOCK_MARGIN
from runner.model import Settlement
from runner.model import entry as e
from runner.plan import Budget, Plan, plan
from runner.ports import AttemptResult, Work
from runner.registry import load
from runner.rendering.planview import as_json, as_markdown, as_text
from tests.paid import BUDGET, Bill, PaidExecutor, allow, paid_registry
from tests.ticks import LEASE, WHO, entries, hire, starts, state
from tests.worlds import Registry, job_file

MONTH = ("2026-11", "alice")


def committed(registry: Registry) -> dict[tuple[str, str], Decimal]:
    """What months and owners hold now."""
    return dict(state(registry).history.committed)


def paying(registry: Registry, closed: bool = True) -> PaidExecutor:
    """The registry's next executor."""
    executor = PaidExecutor(registry)
    executor.closed = closed
    registry.executor = executor
    return executor


def planned(registry: Registry) -> Plan:
    """What a paying runner would do."""
    now = state(registry)
    return plan(load(now.snapshot, now.trust), now.history, registry.now, "rita", lambda _: None, paid=True)


def test_a_settlement_takes_the_place_of_the_reservation() -> None:
    registry = paid_registry()
    executor = paying(registry, closed=False)
    registry.act()
    assert committed(registry) == {MONTH: Decimal(3)}
    assert list(state(registry).history.unsettled) == [6]
    executor.closed = True
    registry.act()
    assert committed(registry) == {MONTH: Decimal("0.03")}
    assert not state(registry).history.unsettled


def test_unsettled_starts_stop_further_runs_until_they_are_settled() -> None:
    registry = Registry()
    allow(registry, owner_month="7")
    for name in ("a", "b", "c"):
        registry.submit(job_file(name, budget=BUDGET))
    executor = paying(registry, closed=False)
    outcome = registry.act()
    assert len(outcome.published) == 2
    assert [(idle.code, idle.why) for idle in outcome.plan.idle] == [
        ("budget-spent", "alice's budget of this month is 7 GLM, 6 are spent or reserved, this run would reserve 3")
    ]
    assert outcome.work_remains
    assert not registry.act().started
    executor.closed = True
    registry.act()
    outcome = registry.act()
    assert len(outcome.published) == 1
    assert not outcome.work_remains


def test_a_new_month_has_its_own_budget_and_old_debts_stay_where_they_were() -> None:
    registry = Registry()
    allow(registry, owner_month="4", month="5")
    registry.submit(job_file("a", budget=BUDGET))
    registry.submit(job_file("b", budget=BUDGET))
    executor = paying(registry, closed=False)
    assert [idle.code for idle in registry.act().plan.idle] == ["budget-spent"]
    registry.wait(days=9)
    assert len(registry.act().published) == 1
    assert committed(registry) == {MONTH: Decimal(3), ("2026-12", "alice"): Decimal(3)}
    executor.closed = True
    registry.act()
    assert committed(registry) == {MONTH: Decimal("0.03"), ("2026-12", "alice"): Decimal("0.03")}


def test_every_takeover_reserves_anew_until_the_cap_is_reached() -> None:
    registry = Registry()
    hire(registry)
    allow(registry, owner_month="7")
    registry.submit(job_file(budget=BUDGET))
    ritas, rolfs = PaidExecutor(registry), PaidExecutor(registry)
    registry.executor = ritas
    registry.act(stop=True)
    registry.wait(seconds=LEASE + CLOCK_MARGIN)
    registry.executor = rolfs
    registry.act("rolf", stop=True)
    registry.wait(seconds=LEASE + CLOCK_MARGIN)
    assert committed(registry) == {MONTH: Decimal(6)}
    registry.executor = ritas
    outcome = registry.act()
    assert [idle.code for idle in outcome.plan.idle] == ["budget-spent"], "its third start would reserve 9 in all"
    assert committed(registry) == {MONTH: Decimal(3)}, "hers of the first generation is settled: nothing was spent"
    assert len(registry.act().published) == 1
    assert starts(registry) == [("rita", 1), ("rolf", 2), ("rita", 3)]
    assert committed(registry) == {MONTH: Decimal("3.03")}
    registry.executor = rolfs
    registry.act("rolf")
    assert committed(registry) == {MONTH: Decimal("0.03")}
    settled = [(entry.start, entry.amount) for entry in entries(registry) if isinstance(entry, e.Settlement)]
    assert len(settled) == 3
    assert sorted(amount for _, amount in settled) == ["0", "0", "0.03"]


def test_only_the_runner_that_paid_settles() -> None:
    registry = Registry()
    hire(registry)
    allow(registry)
    registry.submit(job_file(budget=BUDGET))
    paying(registry, closed=False)
    registry.act()
    other = paying(registry)
    registry.act("rolf")
    assert list(state(registry).history.unsettled), "rolf's executor knows nothing of rita's start"
    assert other.forgotten == []


def test_a_cancelled_run_is_settled_too() -> None:
    registry = paid_registry()
    registry.act(stop=True)
    registry.remove(WHO)
    registry.act()
    assert committed(registry) == {MONTH: Decimal(0)}
    assert [entry.type for entry in entries(registry)][-3:] == ["cancelled", "retire", "settlement"]


def test_a_region_that_cannot_pay_for_one_attempt_is_not_begun() -> None:
    registry = Registry()
    allow(registry)
    registry.submit(job_file(budget={"currency": "GLM", "total": "0.5", "perRegion": "0.5"}))
    paying(registry)
    outcome = registry.act()
    assert [(idle.code, idle.why) for idle in outcome.plan.idle] == [
        (
            "budget-too-small",
            "one attempt may cost 0.2 GLM at the policy's prices and the job's limits, a region may spend "
            "0.166666666 GLM: raise spec.budget, or lower spec.limits",
        )
    ]
    assert not outcome.started
    assert not outcome.work_remains, "time alone does not change it"
    registry.submit(job_file(revision=2, budget={"currency": "GLM", "total": "0.6", "perRegion": "0.2"}))
    assert len(registry.act().published) == 1


def test_an_attempt_that_would_outlast_its_agreement_is_not_begun() -> None:
    registry = paid_registry()
    limits = {"queueSeconds": 300, "startSeconds": 120, "totalSeconds": 7200}
    registry.submit(job_file("long", budget=BUDGET, limits={**limits, "runSeconds": 1021}))
    registry.submit(job_file("fits", budget=BUDGET, limits={**limits, "runSeconds": 1020}))
    idle = {idle.path: idle.code for idle in registry.act().plan.idle}
    assert idle == {"registry/jobs/alice/long.yaml": "limits-too-long"}


def test_where_nothing_is_paid_no_budget_is_too_small() -> None:
    registry = Registry()
    allow(registry)
    registry.submit(job_file())
    assert len(registry.act().published) == 1


class OutOfMoney(PaidExecutor):
    """A region's budget ends: its second and later attempts are not made."""

    def run(self, work: Work, cancel: object) -> AttemptResult:
        """See `PaidExecutor.run`."""
        if work.attempt.n == 1:
            return super().run(work, cancel)  # type: ignore[arg-type]
        result = super(PaidExecutor, self).run(work, cancel)  # type: ignore[arg-type]
        reason = f"budget: {work.budget} GLM of {work.region.name} do not cover another attempt"
        return result._replace(
            status="failed",
            reason=reason,
            retryable=False,
            cells=tuple(
                output._replace(status="missing", output=None, finish=None, ms=None) for output in result.cells
            ),
        )


def test_a_run_that_ends_for_money_says_so_and_is_published() -> None:
    registry = paid_registry()
    registry.executor = OutOfMoney(registry, answer=lambda work, *_: "error" if work.region.name == "EU" else "fine")
    outcome = registry.act()
    assert len(outcome.published) == 1
    assert not outcome.work_remains
    folder = next(path for path in registry.files("reports") if path.endswith("manifest.json")).rpartition("/")[0]
    page = registry.read(f"{folder}/README.md").decode()
    assert "budget: 1 GLM of EU do not cover another attempt" in page
    assert committed(registry) == {MONTH: Decimal("0.03")}


def test_a_plan_tells_the_estimate_and_what_is_left() -> None:
    registry = Registry()
    allow(registry, owner_month="9", month="100")
    registry.submit(job_file("daily", schedule="0 3 * * 1,3", budget=BUDGET))
    registry.submit(job_file("once", budget=BUDGET))
    found = planned(registry)
    assert found.budgets == (Budget("alice", "9", "0", "6"), Budget("everybody", "100", "0", "6"))
    assert [budget.left for budget in found.budgets] == ["3", "94"]
    text = as_text(found)
    assert "3 GLM at most (0.2 an attempt, 1 a region); 27 GLM a month for 9 runs" in text
    assert "3 GLM at most (0.2 an attempt, 1 a region)\n" in text
    assert "    alice: 3 left of 9; 0 spent or reserved, 6 by this plan" in text
    markdown = as_markdown(found)
    assert "| `everybody` | 100 | 0 | 6 | 94 |" in markdown
    data = as_json(found)
    daily, once = data["pending"]
    assert (daily["attemptCost"], daily["regionBudget"], daily["worstCase"]) == (
        {"GLM": "0.2"},
        {"GLM": "1"},
        {"GLM": "3"},
    )
    assert (daily["monthlyRuns"], daily["monthlyCost"]) == (9, {"GLM": "27"})
    assert (once["monthlyRuns"], once["monthlyCost"]) == (1, {"GLM": "3"})
    assert data["budgets"][0] == {"name": "alice", "cap": "9", "committed": "0", "planned": "6", "left": "3"}


def test_without_a_paid_network_no_budgets_are_told() -> None:
    registry = Registry()
    allow(registry, golem="")
    registry.submit(job_file(budget=BUDGET))
    assert planned(registry).budgets == ()
    assert "this month" not in as_text(planned(registry))


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ("0 3 * * *", 30),
        ("0 * * * *", 720),
        ("0 3,4 * * *", 60),
        ("0 3 * * 0", 5),
        ("0 3 1 * *", 1),
        ("0 3 L * *", 1),
        ("0 3 * * 1#2", 1),
        ("0 3 22 11 *", 1),
    ],
)
def test_runs_of_a_month_follow_from_the_schedule(schedule: str, runs: int) -> None:
    registry = Registry()
    allow(registry, owner_month="99999", month="99999")
    registry.submit(job_file("often", schedule=schedule, budget=BUDGET))
    assert [pending.monthly_runs for pending in planned(registry).pending] == [runs]


def test_what_is_refused_is_not_paid_and_stays_in_the_record() -> None:
    registry = paid_registry()
    registry.executor = PaidExecutor(registry, bill=lambda _: Bill("9", "0.01", "0", "0.01 were owed at most"))
    registry.act()
    assert committed(registry) == {MONTH: Decimal(0)}
    (path,) = registry.files("reports/settlements")
    record = Settlement.from_bytes(registry.read(path), path)
    assert {(paid.asked, paid.amount, paid.why) for paid in record.agreements} == {("9", "0", "0.01 were owed at most")}
