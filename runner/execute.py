"""Execute a run: every planned cell, attempt by attempt, over any `Executor`.

Attempts come in passes and rounds. The first pass attempts every slot; each further pass, up to `retries`, attempts
again what is left of the slots that did not answer, on another provider. One round of a pass is one slot number in all
targets and regions: its attempts start together, as far as the executor's capacity allows, so that the regions are
asked at the same time, in an order shuffled by the run's id; the next round begins when the last of them has ended.

What is attempted again: cells that are `missing`, `timeout` or `error`. An answer that is `malformed` or `oversize` is
an answer: asking until it fits would choose answers by their content. Providers of the region's other slots, and those
that failed this one, are avoided.

Each attempt that ends is spooled before anything else happens to it. What the spool holds is not run again, but for
attempts that were cut short: those are begun again, and are kept for the case that nobody wants the run any more.
The run's total limit ends the work: an attempt is handed what is left of it as its own total limit, and none begins
with less than a second left. Attempts never begun have no result; their cells are not observed.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import NamedTuple

from runner.errors import Environment
from runner.events import say
from runner.model import Attempt, Cell, JobSpec, Policy, Run
from runner.model.jobspec import Container, Limits, Region, Spec
from runner.model.run import cells as planned
from runner.model.run import seed
from runner.money import attempt_cost, caps, plain, region_budget
from runner.ports import AttemptResult, Emit, Event, Executor, Spool, Work
from runner.watch import as_they_end

AGAIN = frozenset({"missing", "timeout", "error"})
"""Statuses of cells that a further attempt may still answer."""


class Order(NamedTuple):
    """What is to be executed: a run of a job under a policy. `files` maps a benchmark's name to its folder (path to
    bytes)."""

    run: Run
    job: JobSpec
    files: Mapping[str, Mapping[str, bytes]]
    policy: Policy


def execute(
    order: Order,
    executor: Executor,
    spool: Spool,
    emit: Emit,
    cancel: threading.Event,
    monotonic: Callable[[], float],
    until: float | None = None,
) -> tuple[AttemptResult, ...]:
    """Every result of a run, spooled ones included, in the order of their attempts.

    `until` is the moment of the monotonic clock (seconds) at which the run must be over: the total limit from now on,
    unless an earlier execution has used some of it.
    Ends early, with what there is, once `cancel` is set. `emit` is called from one thread at a time. Raises
    `Environment` where the executor cannot run a target, or itself fails; what had ended before stays spooled."""
    run, spec = order.run, order.job.spec
    _check(spec, executor)
    until = monotonic() + spec.limits.total_seconds if until is None else until
    work = _Execution(order, executor, spool, emit, cancel, monotonic, until)
    say(work.emit, "run-started", run=run.run, job=run.job, attempts=len(work.slots))
    for n in range(1, spec.retries + 2):
        for number, round_ in groupby(work.slots, key=lambda slot: slot.number):
            work.attempt(n, number, tuple(round_))
    say(work.emit, "run-executed", run=run.run, results=len(work.results()))
    return work.results()


def of_this_start(run: Run, job: JobSpec, results: Sequence[AttemptResult]) -> list[AttemptResult]:
    """Those of a run's spooled results that answer this start of it: an earlier start had other seeds."""
    seeds = {cell: seed(run, cell, job.spec.sampling.seeds) for cell in planned(job)}
    return [result for result in results if all(seeds.get(output.cell) == output.seed for output in result.cells)]


def whole(results: Sequence[AttemptResult]) -> list[AttemptResult]:
    """Without those that were cut short by us: their attempts are begun again, and use up no retry."""
    return [result for result in results if result.status != "cancelled"]


def outstanding(job: JobSpec, results: Sequence[AttemptResult]) -> bool:
    """Whether an execution with these results, all of them whole, would attempt anything more, had it the time."""
    made: dict[_Slot, list[AttemptResult]] = {}
    for result in results:
        made.setdefault(slot_of(result.attempt), []).append(result)
    following = (_next(cells, made.get(slot, [])) for slot, cells in _slots(job).items())
    return any(n is not None and n <= job.spec.retries + 1 for n in following)


def _check(spec: Spec, executor: Executor) -> None:
    for target in spec.targets:
        refusal = executor.refuses(target) if isinstance(target, Container) else "it is a service, not a container"
        if refusal:
            raise Environment("target-refused", f"target {target.name} cannot run on {executor.kind}: {refusal}")


class _Slot(NamedTuple):
    """One provider's place in one region of one target. Sorted by number first: that is a round."""

    number: int
    target: str
    region: str


def slot_of(attempt: Attempt) -> _Slot:
    """The slot that an attempt is made for: attempts of one slot are numbered from 1."""
    return _Slot(attempt.slot, attempt.target, attempt.region)


def _slots(job: JobSpec) -> dict[_Slot, tuple[Cell, ...]]:
    """Every slot of a job, and the cells that it is to answer, in the order of the document."""
    found: dict[_Slot, list[Cell]] = {}
    for cell in planned(job):
        found.setdefault(_Slot(cell.slot, cell.target, cell.region), []).append(cell)
    return {slot: tuple(cells) for slot, cells in found.items()}


def _left(cells: Sequence[Cell], results: Sequence[AttemptResult]) -> tuple[Cell, ...]:
    """The cells of a slot that no attempt of it has answered."""
    answered = {output.cell.id for result in results for output in result.cells if output.status not in AGAIN}
    return tuple(cell for cell in cells if cell.id not in answered)


def _next(cells: Sequence[Cell], results: Sequence[AttemptResult]) -> int | None:
    """The number of the attempt that a slot needs next, whether or not the job allows so many; None where it is done:
    nothing is left, or the last attempt failed in a way that no other mends."""
    if not results:
        return 1
    last = max(results, key=lambda result: result.attempt.n)
    return last.attempt.n + 1 if last.retryable and _left(cells, results) else None


class _Execution:
    """What has been done of one run, and how to do more of it."""

    def __init__(
        self,
        order: Order,
        executor: Executor,
        spool: Spool,
        emit: Emit,
        cancel: threading.Event,
        monotonic: Callable[[], float],
        until: float,
    ) -> None:
        run, spec = order.run, order.job
        golem = order.policy.golem
        self._run = run
        self._spec = spec.spec
        self._files = order.files
        self._countries = order.policy.regions
        self._budget = plain(region_budget(spec.spec))
        self._reserved = plain(attempt_cost(spec.spec, caps(golem.prices))) if golem else "0"
        self._executor = executor
        self._spool = spool
        self._cancel = cancel
        self._monotonic = monotonic
        self._until = until
        self._failure: BaseException | None = None
        self._targets = {target.name: target for target in spec.spec.targets if isinstance(target, Container)}
        self._regions = {region.name: region for region in spec.spec.regions}
        self._prompts = {prompt.id: prompt for prompt in spec.spec.prompts}
        self._cells = _slots(spec)
        self.slots = sorted(self._cells)
        self._results: dict[_Slot, list[AttemptResult]] = {slot: [] for slot in self._cells}
        for result in whole(of_this_start(run, spec, spool.results(run.run))):
            self._results[slot_of(result.attempt)].append(result)
        self.emit = _one_at_a_time(emit)

    def results(self) -> tuple[AttemptResult, ...]:
        """Every result so far: by attempt, then in the order of the document."""
        found = [result for slot in self._cells for result in self._results[slot]]
        return tuple(sorted(found, key=lambda result: result.attempt.n))

    def attempt(self, n: int, number: int, slots: Sequence[_Slot]) -> None:
        """One round: the n-th attempt of these slots, where it is needed and was not made before."""
        todo = [Attempt(run=self._run.run, target=s.target, region=s.region, slot=s.number, n=n) for s in slots]
        todo = [attempt for attempt in todo if _next(*self._of(attempt)) == n]
        if not todo or self._over():
            return
        todo.sort(key=lambda attempt: hashlib.sha256(f"{self._run.run}\n{attempt.stem}".encode()).digest())
        say(self.emit, "round-started", run=self._run.run, slot=number, n=n, attempts=len(todo))
        together = min(self._executor.capacity, len(todo))
        barrier = threading.Barrier(together)
        works = [self._work(attempt) for attempt in todo]
        with ThreadPoolExecutor(together, thread_name_prefix="attempt") as pool:
            try:
                futures = [
                    pool.submit(self._one, work, barrier if place < together else None)
                    for place, work in enumerate(works)
                ]
                for future in as_they_end(futures):
                    self._failure = self._failure or future.exception()
                    result = None if future.exception() else future.result()
                    if result is not None:
                        self._keep(result)
            finally:
                barrier.abort()  # interrupted between two of them, the first would wait for ever for the second
        if self._failure:
            raise self._failure

    def _of(self, attempt: Attempt) -> tuple[Sequence[Cell], Sequence[AttemptResult]]:
        """The cells of an attempt's slot, and what was made of them so far."""
        slot = slot_of(attempt)
        return self._cells[slot], self._results[slot]

    def _avoid(self, attempt: Attempt) -> Iterator[str]:
        """Providers that failed this slot, or serve another slot of the region."""
        for slot, results in self._results.items():
            if slot == slot_of(attempt) or (slot.region == attempt.region and slot.number != attempt.slot):
                yield from (result.provider.id for result in results)

    def _work(self, attempt: Attempt) -> Work:
        target = self._targets[attempt.target]
        region: Region = self._regions[attempt.region]
        source = target.image.source
        return Work(
            attempt=attempt,
            target=target,
            files=self._files.get(source.benchmark, {}) if source else {},
            region=region,
            countries=region.countries or self._countries[region.name],
            job_path=self._run.job,
            prompts=self._prompts,
            cells=tuple((cell, seed(self._run, cell, self._spec.sampling.seeds)) for cell in _left(*self._of(attempt))),
            limits=self._spec.limits,
            avoid=frozenset(self._avoid(attempt)),
            start=self._run.start,
            min_grade=self._spec.min_grade,
            budget=self._budget,
            reserved=self._reserved,
        )

    def _one(self, work: Work, barrier: threading.Barrier | None) -> AttemptResult | None:
        """Run one attempt, on a thread of the round's. None where it was too late to begin."""
        if barrier is not None:
            barrier.wait()
        if self._over():
            return None
        say(self.emit, "attempt-started", **_facts(work.attempt), cells=len(work.cells))
        return self._executor.run(work._replace(limits=self._limits()), self._cancel)

    def _keep(self, result: AttemptResult) -> None:
        """Where a result cannot be kept, no further attempt begins: it could not be kept either. Those that run are."""
        try:
            self._finished(result)
        except Environment as error:
            self._failure = self._failure or error

    def _finished(self, result: AttemptResult) -> None:
        self._spool.put(result)
        self._results[slot_of(result.attempt)].append(result)
        say(
            self.emit,
            "attempt-finished",
            **_facts(result.attempt),
            status=result.status,
            reason=result.reason,
            provider=result.provider.id,
            answers=sum(output.status == "ok" for output in result.cells),
            cells=len(result.cells),
            ms=result.times.duration_ms,
        )

    def _over(self) -> bool:
        return self._cancel.is_set() or self._failure is not None or self._until - self._monotonic() < 1

    def _limits(self) -> Limits:
        """The job's limits, the total one reduced to what is left of the run's."""
        return self._spec.limits.model_copy(update={"total_seconds": max(1, int(self._until - self._monotonic()))})


def _facts(attempt: Attempt) -> dict[str, str | int | None]:
    return attempt.to_json()


def _one_at_a_time(emit: Emit) -> Emit:
    lock = threading.Lock()

    def locked(event: Event) -> None:
        with lock:
            emit(event)

    return locked
