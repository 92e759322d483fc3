"""A plan for people and programs: text for a terminal, Markdown for a pull request, JSON. Pure.

Model text does not occur in a plan, but titles, problems and names come from pull requests: all are neutralised.
"""

from __future__ import annotations

from typing import Any

from runner.model.chance import PValue
from runner.plan import Pending, Plan
from runner.rendering.neutral import inline, terminal
from runner.rendering.sentences import count


def as_text(plan: Plan) -> str:
    """A few lines for each job, pending ones first."""
    lines = [f"{len(plan.pending)} to start, {len(plan.resumed)} to resume, {len(plan.idle)} with nothing to do"]
    for pending in plan.pending:
        lines += ["", f"+ {pending.job.path}", *(f"    {name:<11} {value}" for name, value in _facts(pending))]
    for title, taken in (("resume", plan.resumed), ("expired", plan.expired), ("cancel", plan.cancelled)):
        lines += [f"~ {title}: {one.start.job} (run {one.start.run[:12]})" for one in taken]
    lines += [f"- retire: {path} (revision {revision})" for path, revision in plan.retired]
    lines += [""] if plan.idle else []
    lines += [f"= {row(*idle)}" for idle in plan.idle]
    lines += ["", "this month, in GLM:"] if plan.budgets else []
    lines += [
        f"    {budget.name}: {budget.left} left of {budget.cap}; {budget.committed} spent or reserved, "
        f"{budget.planned} by this plan"
        for budget in plan.budgets
    ]
    return "\n".join(lines)


def as_markdown(plan: Plan) -> str:
    """Tables: what would run, why the rest would not, and what is left of the month's budgets."""
    lines = ["### Beacon plan", ""]
    if plan.pending:
        lines += ["| job | regions | answers | costs at most | smallest p | signer |", "|---|---|---|---|---|---|"]
        for pending in plan.pending:
            facts = dict(_facts(pending))
            cells = (facts[name] for name in ("regions", "answers", "costs", "smallest p", "signer"))
            lines.append(f"| `{pending.job.path}` | {' | '.join(inline(cell, 200) for cell in cells)} |")
    else:
        lines.append("Nothing would run.")
    if plan.idle:
        lines += ["", "| job | not pending, because |", "|---|---|"]
        lines += [f"| {inline(idle.path, 200)} | `{idle.code}` {inline(idle.why, 300)} |" for idle in plan.idle]
    if plan.budgets:
        lines += ["", "| GLM this month | cap | spent or reserved | this plan | left |", "|---|---|---|---|---|"]
        lines += [
            f"| {inline(one.name, 100)} | {one.cap} | {one.committed} | {one.planned} | {one.left} |"
            for one in plan.budgets
        ]
    return "\n".join([*lines, ""])


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON data."""
    return {
        "pending": [
            {
                "job": pending.job.path,
                "run": pending.run,
                "due": pending.due,
                "generation": pending.generation,
                "regions": {region.name: list(region.countries) for region in pending.job.spec.spec.regions},
                "answers": pending.answers,
                "attemptCost": {"GLM": pending.attempt_cost},
                "regionBudget": {"GLM": pending.region_budget},
                "worstCase": {"GLM": pending.worst_case},
                "monthlyRuns": pending.monthly_runs,
                "monthlyCost": {"GLM": pending.monthly_cost},
                "smallestP": pending.smallest_p.to_json(),
                "reachesAlpha": pending.reaches_alpha,
                "signer": pending.signer,
            }
            for pending in plan.pending
        ],
        "resumed": [taken.start.run for taken in plan.resumed],
        "expired": [taken.start.run for taken in plan.expired],
        "cancelled": [taken.start.run for taken in plan.cancelled],
        "retired": [{"job": path, "revision": revision} for path, revision in plan.retired],
        "idle": [idle._asdict() for idle in plan.idle],
        "budgets": [{**budget._asdict(), "left": budget.left} for budget in plan.budgets],
    }


def row(path: str, code: str, why: str) -> str:
    """One job on one line."""
    return f"{terminal(path)}: {code}: {terminal(why)}"


def _facts(pending: Pending) -> list[tuple[str, str]]:
    spec = pending.job.spec.spec
    where = ", ".join(
        region.name + (f" ({' '.join(region.countries)})" if region.countries else "") for region in spec.regions
    )
    sampling = spec.sampling
    factors = (
        (len(spec.regions), "region"),
        (sampling.providers, "provider"),
        (len(spec.prompts), "prompt"),
        (sampling.replicas, "answer"),
        (len(spec.targets), "target"),
    )
    facts = [
        ("regions", where),
        ("answers", f"{pending.answers} ({' x '.join(count(*factor) for factor in factors)})"),
        ("costs", _costs(pending)),
        ("smallest p", _p(pending.smallest_p, pending.reaches_alpha, spec.compare.alpha)),
        ("signer", pending.signer),
        ("run", pending.run[:32]),
    ]
    return facts + ([("due", pending.due)] if pending.due else [])


def _costs(pending: Pending) -> str:
    """The most that a run may cost, and what that follows from."""
    said = f"{pending.worst_case} GLM at most"
    if pending.attempt_cost != "0":
        said += f" ({pending.attempt_cost} an attempt, {pending.region_budget} a region)"
    if pending.due and pending.worst_case != "0":
        said += f"; {pending.monthly_cost} GLM a month for {pending.monthly_runs} runs"
    return said


def _p(p: PValue, reaches: bool, alpha: str) -> str:
    """A fraction as a decimal, rounded up in integers, so that a bound is never understated."""
    thousandths = -(-p.count * 10_000 // p.of)
    verdict = "" if reaches else f": insufficient by design, alpha is {alpha}"
    return f"{p.count}/{p.of} = 0.{thousandths:04d}{verdict}" if thousandths < 10_000 else f"1{verdict}"
