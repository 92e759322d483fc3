"""Attempts of which no verdict comes: of runs that were called off, and of starts that another runner took over from.

They had ended, or were cut short, and are paid for; what the spool holds of them is published with receipts and without
a comparison (`docs/decisions/0019`, `0026`). Nothing of that stands in the way of the log: where receipts cannot be
published, that is said, and the run goes its way without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from runner.errors import BeaconError
from runner.events import say
from runner.execute import of_this_start
from runner.handover import objections
from runner.history import Taken
from runner.model import JobSpec
from runner.model import entry as e
from runner.ports import AttemptResult
from runner.publication import Asked, Cancellation, Publication, Supersession, cancellation, supersession
from runner.registry import documents
from runner.registry.leaks import leaks
from runner.schedules import instant
from runner.state import State, job_of, run_of
from runner.world import World

Done: TypeAlias = Publication | Cancellation
"""A run that is over, and what is to be published of it."""
D = TypeVar("D", Cancellation, Supersession)


def sound(
    world: World, state: State, taken: Taken, spec: JobSpec, results: Sequence[AttemptResult]
) -> list[AttemptResult]:
    """Those of a run's spooled results that answer this start, and of which a receipt can be signed, whoever made them.
    Each of the others is said."""
    run, found = run_of(state, taken), list[AttemptResult]()
    for result in of_this_start(run, spec, results):
        if why := next(objections(result, found, spec, run, taken, state.policy), None):
            say(world.desk.emit, "result-refused", run=run.run, attempt=result.attempt.stem, why=why)
        else:
            found.append(result)
    return found


def call_off(world: World, state: State, taken: Taken) -> Cancellation:
    """The end of a run of ours that is cancelled, with receipts for the attempts of it that are in the spool: also for
    those that a runner made which was killed then. Without them where they cannot be published, which is said."""
    run, at = run_of(state, taken), instant(world.now())

    def made(asked: Asked, results: Sequence[AttemptResult]) -> Cancellation:
        return cancellation(run, asked, results, world.desk.keys.receipt, world.identity, at)

    bare = Cancellation(run, {}, e.Cancelled(run=run.run, start=run.start, at=at))
    return _without_verdict(world, state, taken, made) or bare


def left_behind(world: World, state: State, runner: str, ending: Sequence[Taken] = ()) -> list[Supersession]:
    """What the spool holds of starts of ours that were abandoned, or are by the entries about to be logged (`ending`).
    A run that we hold again is left alone: what the spool has of it is needed."""
    spooled = set(world.spool.runs())
    if not spooled:
        return []
    ours = (one for one in state.history.open.values() if one.start.runner == runner)
    spooled -= {one.start.run for one in ours if one not in ending}
    gone = (*(Taken(index, start) for index, start in state.history.abandoned.items()), *ending)
    return [_left(world, state, one) for one in gone if one.start.runner == runner and one.start.run in spooled]


def _left(world: World, state: State, taken: Taken) -> Supersession:
    run = run_of(state, taken)

    def made(asked: Asked, results: Sequence[AttemptResult]) -> Supersession:
        return supersession(run, asked, results, world.desk.keys.receipt, world.identity)

    return _without_verdict(world, state, taken, made) or Supersession(run, {}, None)


def _without_verdict(
    world: World, state: State, taken: Taken, made: Callable[[Asked, Sequence[AttemptResult]], D]
) -> D | None:
    """What is made of a start's job and of its attempts in the spool; None where there are none, or they cannot be
    published, which is said: nobody goes on with them, and each tick would come here again."""
    desk, run = world.desk, taken.start.run
    try:
        if spooled := world.spool.results(run):
            raw, signature = job_of(desk.repository, state, taken)
            spec, _ = documents.read(JobSpec, raw, taken.start.job)
            results = sound(world, state, taken, spec, spooled)
            done = made(Asked(raw, signature, spec), results) if results else None
            return done if done is not None and holds_no_secret(world, done) else None
    except BeaconError as error:
        say(desk.emit, "receipts-lost", run=run, code=error.code, why=error.message)
    return None


def file_away(world: World, done: Done | Supersession) -> None:
    """The log holds what there is to say of a run or a start of ours: nothing of it need be kept here."""
    world.spool.forget(done.run.run)
    receipts = sum("/bundle/receipts/" in path for path in done.files)
    if isinstance(done, Cancellation):
        say(world.desk.emit, "run-cancelled", run=done.run.run, receipts=receipts)
    elif isinstance(done, Supersession) and done.entry is not None:
        say(world.desk.emit, "run-superseded", run=done.run.run, receipts=receipts)


def holds_no_secret(world: World, done: Done | Supersession) -> bool:
    """The last look before publication, which is for ever. A run with a secret stays open until its lease is over, or
    is cancelled without its receipts."""
    found = leaks(done.files, world.secrets)
    for leak in found:
        say(world.desk.emit, "secret-found", run=done.run.run, path=leak.path, line=leak.line, kind=leak.kind)
    return not found
