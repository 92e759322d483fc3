"""The stages of a tick. Each takes the world and a state of the registry, and returns values or a new state.

Whatever fails in one run stays with that run: it stays open, and its lease, or the next tick, ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from runner.errors import BeaconError, Environment, Unverified
from runner.events import say
from runner.execute import Order, execute, outstanding, whole
from runner.handover import in_time
from runner.history import Taken, is_over
from runner.leases import seconds_left
from runner.leavings import Done, call_off, file_away, holds_no_secret, left_behind, sound
from runner.model import LogEntry, Settlement, sha256
from runner.model import entry as e
from runner.model.jobspec import Container
from runner.plan import Idle, Pending, Plan, retired, unwanted
from runner.ports import AttemptResult, Changes, Repository
from runner.publication import Cancellation, Publication, Supersession, publication
from runner.publish import Desk, check_not_behind, complete, draft, publish, read_log
from runner.registry import Job
from runner.rendering.pages import with_pages
from runner.schedules import moment
from runner.state import State, benchmark_files, read_state, run_of
from runner.watch import watching
from runner.world import Bench, World


def settle(world: World) -> State:
    """The state to work from, once the executor knows what was settled before."""
    state = resume(world.desk)
    forget_settled(world, state)
    return state


def resume(desk: Desk) -> State:
    """The state at the branch's head, after completing what a crashed writer left as the intent."""
    repository = desk.repository
    repository.refresh()
    state = read_state(repository, repository.head())
    check_not_behind(desk, state.trust, state.checkpoint)
    if (intent := repository.intent()) is not None:
        say(desk.emit, "intent-found", commit=intent)
        complete(desk, state.trust)
        repository.refresh()
        state = read_state(repository, repository.head())
    return state


def forget_settled(world: World, state: State) -> None:
    """Settlements that are in the log need not be remembered: a runner may have been killed before it was told."""
    for start, run in world.executor.remembered():
        known = state.history.settled.get(start)
        if known is not None and known.entry.run == run:
            world.executor.settled(start, run)


def forget_over(world: World, state: State) -> None:
    """Drop what is spooled of runs that are over: another completed the commit that said so, or this runner was killed
    behind it. What cannot be dropped is in nobody's way."""
    for run in world.spool.runs():
        if is_over(state.history.ended.get(run)):
            try:
                world.spool.forget(run)
            except BeaconError as error:
                say(world.desk.emit, "spool-ignored", run=run, file="its folder", why=error.message)


def prepare(world: World, state: State, todo: Plan) -> tuple[Plan, Environment | None]:
    """The plan without the runs whose benchmarks cannot be made ready here: nothing is claimed that cannot begin. And
    the first thing that this machine lacks for them, to be told once all else is done."""
    ready: list[Pending] = []
    failed: list[Idle] = []
    lacking: Environment | None = None
    for pending in todo.pending:
        spec = pending.job.spec
        files = benchmark_files(state.snapshot, spec)
        try:
            for target in spec.spec.targets:
                if isinstance(target, Container):
                    source = target.image.source
                    world.executor.prepare(target, files[source.benchmark] if source else {})
            ready.append(pending)
        except (Environment, Unverified) as error:
            failed.append(Idle(pending.job.path, error.code, error.message))
            lacking = lacking or (error if isinstance(error, Environment) else None)
    return todo._replace(pending=tuple(ready), idle=(*todo.idle, *failed)), lacking


def write(desk: Desk, state: State, entries: Sequence[LogEntry], files: Changes) -> State:
    """One commit: the files, the entries, and the pages that follow from both. Nothing where there is no entry."""
    if not entries:
        return state
    changes: Changes = {**files, **draft(state.snapshot, state.policy.log.origin, state.history.size, entries)}
    changes = with_pages(state.snapshot, state.history, changes, entries)
    publish(desk, state.trust, state.head, changes, entries)
    desk.repository.refresh()
    return read_state(desk.repository, desk.repository.head(), state)


def carry_out_all(
    world: World, state: State, mine: Sequence[Taken], one: Callable[[World, State, Taken], Done | None] | None = None
) -> tuple[Sequence[Done], BeaconError | None]:
    """Carry out runs, one after another. One that fails stays open and stops no other; the first failure is told once
    the others are published. `one` is how one is carried out, if not by executing it."""
    finished: list[Done] = []
    failure: BeaconError | None = None
    for taken in mine:
        try:
            done = (one or carry_out)(world, state, taken)
        except BeaconError as error:
            failure = failure or error
            continue
        finished += [done] if done is not None and holds_no_secret(world, done) else []
    return finished, failure


def carry_out(world: World, state: State, taken: Taken) -> Done | None:
    """Execute a run that this runner holds. None where it stays open: stopped early, its job's bytes are gone, or this
    machine's clock was put back to before its start, or jumped meanwhile: then the lease ends it."""
    job = job_here(state, taken)
    if job is None or world.stop.is_set():
        return None
    if world.now() < moment(taken.start.at):  # receipts from before their start would be refused by every verifier
        say(world.desk.emit, "clock-behind", run=taken.start.run, at=taken.start.at)
        return None
    results = answers(world.bench, state, taken, job)
    if results is None:  # a stopped run is resumed by the next tick
        return None if world.stop.is_set() else call_off(world, state, taken)
    if len(in_time(results, taken, world.desk.emit)) < len(results):
        return None
    return publication(run_of(state, taken), job, results, world.desk.keys.receipt, world.identity, world.desk.emit)


def take_in(world: World, state: State, taken: Taken) -> Done | None:
    """A run that another job of a workflow executed, from what it left in the spool; none of that is believed. None
    where the run stays open: something is still to be attempted, and there is time for it."""
    job = job_here(state, taken)
    if job is None:
        return None
    run, watched = run_of(state, taken), world.watched(state.history.open.values())
    results = sound(world, state, taken, job.spec, whole(world.spool.results(run.run)))
    left = seconds_left(taken, job.spec.spec.limits.total_seconds, world.now(), watched)
    if outstanding(job.spec, results) and left >= 1:
        return None
    return publication(run, job, results, world.desk.keys.receipt, world.identity, world.desk.emit)


def job_here(state: State, taken: Taken) -> Job | None:
    """The job that a start took, if these very bytes still stand at the head."""
    job = state.registry.jobs.get(taken.start.job)
    return job if job is not None and job.sha256 == taken.start.sha256 else None


def answers(bench: Bench, state: State, taken: Taken, job: Job) -> Sequence[AttemptResult] | None:
    """Every result of a run that is executed to its end; None where it was stopped, or nobody wants it any more. What
    had ended by then is in the spool."""
    run = run_of(state, taken)
    watched = bench.watched(state.history.open.values())
    order = Order(run, job.spec, benchmark_files(state.snapshot, job.spec), state.policy)

    def in_vain() -> bool:
        bench.repository.refresh()
        return run.short in bench.repository.cancellations() or not stands(bench.repository, state, taken)

    until = bench.monotonic() + seconds_left(taken, job.spec.spec.limits.total_seconds, bench.now(), watched)
    with watching(in_vain, bench.stop, bench.poll_seconds) as cancel:
        try:
            results = execute(order, bench.executor, bench.spool, bench.emit, cancel, bench.monotonic, until)
        finally:
            bench.executor.finish(run.start, run.run)
    return None if cancel.is_set() else results


def stands(repository: Repository, state: State, taken: Taken) -> bool:
    """Whether the branch, as it is now, still holds a run's job, and the run is open by this very start."""
    if repository.head() == state.head:
        return True
    snapshot = repository.snapshot(repository.head())
    _, history = read_log(snapshot, state.trust.log_vkey, state.history)
    return snapshot.exists(taken.start.job) and history.open.get(taken.start.run) == taken


def publish_finished(
    world: World, after: State, finished: Sequence[Done], runner: str
) -> tuple[Sequence[Done | Supersession], State]:
    """Publish, in one commit, every run that is over and still ours to end, what is left here of those that others took
    over, and every settlement of ours; those runs, and the state then."""
    repository = world.desk.repository
    repository.refresh()
    state = after if repository.head() == after.head else read_state(repository, repository.head(), after)
    asked = repository.cancellations()

    def still(done: Done) -> bool:
        taken = state.history.open.get(done.run.run)
        if taken is None or taken.index != done.run.start:
            return False
        return isinstance(done, Publication) or unwanted(taken, state.registry, runner, asked)

    ours = [done for done in finished if still(done)]
    off = any(isinstance(done, Cancellation) for done in ours)
    gone = [e.Retire(job=path, revision=number) for path, number in retired(state.registry, state.history) if off]
    left: list[Done | Supersession] = [*ours, *left_behind(world, state, runner)]
    paid = settlements(world, state, runner, {done.run.start for done in ours})
    files = {path: content for done in left for path, content in done.files.items()}
    files |= {settlement.path: settlement.canonical() for settlement in paid}
    ends = [done.entry for done in left if done.entry is not None]
    final = write(world.desk, state, [*ends, *gone, *map(settlement_entry, paid)], files)
    for done in left:
        file_away(world, done)
    for settlement in paid:
        world.executor.settled(settlement.start, settlement.run)
    return left, final


def settlements(world: World, state: State, runner: str, ending: Collection[int]) -> list[Settlement]:
    """What was paid for our starts that are over, or end now, as far as nothing of them is open any more."""
    running = {taken.index for taken in state.history.open.values()}
    found: list[Settlement] = []
    for index, start in state.history.unsettled.items():
        if start.runner != runner or (index in running and index not in ending):
            continue
        try:
            world.executor.finish(index, start.run)
            done = world.executor.settlement(index, start.run)
            found += [done] if done is not None else []
        except BeaconError as error:  # results are published without it; the reservation stays until it can be made
            say(world.desk.emit, "settlement-waits", run=start.run, code=error.code, why=error.message)
    return found


def settlement_entry(settlement: Settlement) -> e.Settlement:
    """The log's word for a settlement."""
    digest = sha256(settlement.canonical())
    return e.Settlement(run=settlement.run, start=settlement.start, amount=settlement.amount, record=digest)


def forget_cancelled(world: World, state: State) -> None:
    """Requests to cancel have done their work when their run is over."""
    asked = world.desk.repository.cancellations()
    over = {run[:32] for run, end in state.history.ended.items() if is_over(end)} if asked else set()
    if done := over & asked:
        world.desk.repository.forget_cancel(done)
