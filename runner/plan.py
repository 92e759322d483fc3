"""The plan: what is asked for and not yet there. Pure: `plan(registry, history, now, …)` reads no clock and no file.

Desired is the registry at a commit, actual is the log at the same commit. No status is stored: that a run is pending,
running, expired or over follows from its `start`, its end and the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from runner.compare.design import level, smallest_p
from runner.errors import Problem
from runner.formats.sshsig import fingerprint, public_line
from runner.history import LAST_GENERATION, End, History, Taken, is_over
from runner.leases import NEVER_SEEN, USUAL, Leases, expired
from runner.model.chance import PValue
from runner.model.jobspec import Container, JobSpec
from runner.model.policy import Policy
from runner.model.run import cells, run_id
from runner.money import attempt_cost, caps, plain, region_budget, worst_case
from runner.money.budgets import Account, Budget
from runner.registry import Job, Registry
from runner.schedules import closed_until, instant, latest_due, moment, runs_in_month

LONGEST_ATTEMPT = 24 * 60
"""Seconds. Stock providers refuse agreements of more than half an hour; 25 minutes are asked for at most."""
_ENDS = {"run": "done", "cancelled": "cancelled", "abandoned": "abandoned"}


class Pending(NamedTuple):
    """A run to be taken now, and what it would mean. Amounts are GLM, each the most that may be spent."""

    job: Job
    run: str
    due: str | None
    generation: int
    answers: int
    attempt_cost: str
    region_budget: str
    worst_case: str
    reserved: str
    smallest_p: PValue
    signer: str

    @property
    def reaches_alpha(self) -> bool:
        """Whether the design can reject at all; else its verdict will be `insufficient by design`."""
        return Fraction(self.smallest_p.count, self.smallest_p.of) <= level(self.job.spec)

    @property
    def monthly_runs(self) -> int:
        """How many runs a schedule asks for in a month from this one on; 1 without a schedule."""
        schedule = self.job.spec.spec.schedule
        return 1 if schedule is None or self.due is None else runs_in_month(schedule, moment(self.due))

    @property
    def monthly_cost(self) -> str:
        """What they may cost together."""
        return plain(self.monthly_runs * Decimal(self.worst_case))


class Idle(NamedTuple):
    """A job that is not pending, and why. `code` is stable."""

    path: str
    code: str
    why: str


class Plan(NamedTuple):
    """What a tick would do, in the order of the log entries that it would write, and the month's budgets."""

    expired: tuple[Taken, ...]
    cancelled: tuple[Taken, ...]
    retired: tuple[tuple[str, int], ...]
    pending: tuple[Pending, ...]
    resumed: tuple[Taken, ...]
    idle: tuple[Idle, ...]
    budgets: tuple[Budget, ...] = ()


def plan(
    registry: Registry,
    history: History,
    now: datetime,
    runner: str,
    refuses: Callable[[Container], str | None],
    asked_to_cancel: frozenset[str] = frozenset(),
    paid: bool = True,
    leases: Leases = USUAL,
    watched: Mapping[int, float] = NEVER_SEEN,
) -> Plan:
    """Compare what the registry asks for with what the log holds.

    `runner` is the principal of the runner that plans: its own open runs are resumed, those of others are left alone
    until `leases` say that they are over; `watched` has the seconds that this runner has watched a start, by its index.
    `refuses` tells why a target cannot run here, `paid` whether running costs money, which is then reserved against the
    policy's caps.
    """
    cancelled = tuple(taken for taken in history.open.values() if unwanted(taken, registry, runner, asked_to_cancel))
    stopped = {taken.start.run for taken in cancelled}
    ended = tuple(
        taken
        for taken in history.open.values()
        if taken.start.run not in stopped and expired(taken, now, runner, leases, watched)
    )
    lost = {taken.start.run for taken in ended}
    resumed = tuple(
        taken
        for taken in history.open.values()
        if taken.start.runner == runner and taken.start.run not in lost | stopped
    )
    pending: list[Pending] = []
    idle: list[Idle] = []
    account = Account(registry.policy.budgets, history.committed, instant(now)[:7])
    over, others = answered(registry, history)
    judged = registry.jobs.judged(others)
    jobs = [one.job for one in judged if one.job is not None]
    for job in sorted(jobs, key=lambda job: (-job.spec.spec.priority, job.path)):
        schedule = job.spec.spec.schedule
        due = latest_due(schedule, now) if schedule else None
        decided = _decide(job, due, now, registry, history, lost, refuses, paid)
        owner = job.spec.metadata.owner
        if isinstance(decided, Pending) and (spent := account.refuses(owner, decided.reserved)):
            decided = Idle(job.path, "budget-spent", spent)
        if isinstance(decided, Idle):
            idle.append(decided)
        else:
            account.reserve(owner, decided.reserved)
            pending.append(decided)
    idle = sorted([*over, *idle], key=lambda one: one.path)
    idle += _invalid([*registry.mistakes, *(problem for one in judged for problem in one.problems)])
    budgets = account.budgets() if registry.policy.golem else ()
    return Plan(ended, cancelled, retired(registry, history), tuple(pending), resumed, tuple(idle), budgets)


def answered(registry: Registry, history: History) -> tuple[list[Idle], list[str]]:
    """The jobs whose one run is over, by the bytes that stand in their files now, and the paths of all others.

    What the log took is not judged again: nothing is read of such a job, however many there are."""
    over: list[Idle] = []
    others: list[str] = []
    for path in registry.jobs.files:
        end = history.ended.get(
            registry.digests.get(path, "")
        )  # the id of a run without a due time is its file's digest
        if end and end.start.job == path and end.start.due is None and is_over(end) and path not in registry.misplaced:
            over.append(Idle(path, *_over(end)))
        else:
            others.append(path)
    return over, others


def _decide(
    job: Job,
    due: str | None,
    now: datetime,
    registry: Registry,
    history: History,
    lost: set[str],
    refuses: Callable[[Container], str | None],
    paid: bool,
) -> Pending | Idle:
    """Whether one job's latest run is to be taken now. The first reason against it is told."""
    run = run_id(job.raw, due)
    end, taken = history.ended.get(run), history.open.get(run)
    against = (
        _taken_already(end, taken, run in lost)
        or _not_next(job, history)
        or _not_now(job, due, registry, history, now)
        or _not_here(job.spec, refuses)
        or (_not_on_golem(job.spec, registry.policy) if paid else None)
    )
    if against:
        return Idle(job.path, *against)
    last = taken.start if taken else end.start if end else None
    golem = registry.policy.golem
    most = plain(worst_case(job.spec.spec, golem.prices if golem else None))
    return Pending(
        job=job,
        run=run,
        due=due,
        generation=last.generation + 1 if last else 1,
        answers=sum(1 for _ in cells(job.spec)),
        attempt_cost=plain(attempt_cost(job.spec.spec, caps(golem.prices))) if golem else "0",
        region_budget=plain(region_budget(job.spec.spec)),
        worst_case=most,
        reserved=most if paid else "0",
        smallest_p=smallest_p(job.spec),
        signer=f"{job.spec.metadata.owner} {fingerprint(job.key)}",
    )


def _over(end: End) -> tuple[str, str]:
    return _ENDS[end.end.type], f"run {end.start.run[:12]}, taken at {end.start.at}"


def _taken_already(end: End | None, taken: Taken | None, lost: bool) -> tuple[str, str] | None:
    if end and is_over(end):
        return _over(end)
    if taken and not lost:
        start = taken.start
        return "running", f"run {start.run[:12]}, taken by {start.runner} at {start.at} for {start.lease} s"
    if taken and taken.start.generation >= LAST_GENERATION:
        return "abandoned", f"run {taken.start.run[:12]}: its last lease ran out"
    return None


def _not_next(job: Job, history: History) -> tuple[str, str] | None:
    """Old files cannot be replayed, and a key and a job that it signed never enter the log in one tick."""
    known, revision = history.revisions.get(job.path), job.spec.metadata.revision
    if known and known.sha256 != job.sha256 and revision <= known.number:
        return "revision-replayed", (
            f"other bytes with revision {revision}, but the log knows {known.number}: "
            "raise metadata.revision and sign again"
        )
    if history.size and not history.counts(public_line(job.key), "contributor"):
        return "key-not-logged", "its signing key enters the log first; the job follows in the next tick"
    return None


def _not_now(job: Job, due: str | None, registry: Registry, history: History, now: datetime) -> tuple[str, str] | None:
    if job.path in registry.suspended:
        return "suspended", "listed in registry/suspended"
    if due is not None and due <= history.last_due.get(job.path, ""):
        return "not-due", f"the run due at {due} was taken"
    if opens := closed_until(registry.policy.windows, now):
        return "outside-window", f"no window of the policy is open; the next opens at {instant(opens)}"
    return None


def _not_here(spec: JobSpec, refuses: Callable[[Container], str | None]) -> tuple[str, str] | None:
    for target in spec.spec.targets:
        why = refuses(target) if isinstance(target, Container) else "no executor calls services"
        if why:
            return "executor-refuses", f"{target.name}: {why}"
    return None


def _not_on_golem(spec: JobSpec, policy: Policy) -> tuple[str, str] | None:
    """A region that cannot pay for one attempt at the policy's prices would never answer; nor would an attempt that
    takes longer than a provider agrees to."""
    if policy.golem is None:
        return None
    limits = spec.spec.limits
    longest = limits.queue_seconds + limits.start_seconds + limits.run_seconds
    if longest > LONGEST_ATTEMPT:
        return "limits-too-long", (
            f"queueSeconds, startSeconds and runSeconds add up to {longest}; "
            f"providers on Golem agree to {LONGEST_ATTEMPT}: lower spec.limits"
        )
    once, budget = attempt_cost(spec.spec, caps(policy.golem.prices)), region_budget(spec.spec)
    if budget >= once:
        return None
    return "budget-too-small", (
        f"one attempt may cost {plain(once)} GLM at the policy's prices and the job's limits, "
        f"a region may spend {plain(budget)} GLM: raise spec.budget, or lower spec.limits"
    )


def retired(registry: Registry, history: History) -> tuple[tuple[str, int], ...]:
    """Jobs that the log knows and whose files are gone, with their last revisions."""
    return tuple(
        (path, revision.number)
        for path, revision in history.revisions.items()
        if revision.sha256 and not registry.holds(path)
    )


def unwanted(taken: Taken, registry: Registry, runner: str, asked_to_cancel: frozenset[str]) -> bool:
    """Whether an open run is to be cancelled: somebody asked, or its job's file is gone; or it is our own, and other
    bytes stand in that file."""
    return (
        taken.start.run[:32] in asked_to_cancel
        or not registry.holds(taken.start.job)
        or (taken.start.runner == runner and _superseded(taken, registry))
    )


def _superseded(taken: Taken, registry: Registry) -> bool:
    """Whether other bytes stand where the run's were: without them nobody can go on with it."""
    if registry.digests.get(taken.start.job) == taken.start.sha256:
        return False
    job = registry.jobs.get(taken.start.job)
    return job is not None and job.sha256 != taken.start.sha256


def _invalid(problems: Iterable[Problem]) -> list[Idle]:
    """Jobs that cannot be judged any further: their first problem, and how many more there are."""
    by_path: dict[str, list[str]] = {}
    for problem in problems:
        by_path.setdefault(problem.path, []).append(f"{problem.code}: {problem.message}")
    return [
        Idle(path, "invalid", found[0] + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""))
        for path, found in sorted(by_path.items())
    ]
