"""The pipeline, on one page: from what `registry/` asks for to what `reports/` holds.

    complete a found intent -> plan -> claim -> execute -> compare, bundle, render -> publish

A tick makes at most two commits. The first *claims*: nothing is executed before the remote has accepted the run's
`start`. The second publishes every run that is finished, or was called off meanwhile; either, what is left here of runs
that another runner took over. A crash anywhere loses work, never leaves half: what was begun is found again in the log,
in the intent or in the spool, by this same code. With nothing to do, nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from runner.claim import claim
from runner.errors import BeaconError, Conflict, Environment
from runner.events import say
from runner.history import Taken
from runner.leavings import Done, call_off, file_away, left_behind
from runner.model import entry as e
from runner.plan import Plan, plan
from runner.publication import Cancellation, Publication, Supersession
from runner.quiet import nothing_until
from runner.schedules import lateness, moment
from runner.share import NO_TIME, within
from runner.stages import (
    carry_out_all,
    forget_cancelled,
    forget_over,
    prepare,
    publish_finished,
    settle,
    write,
)
from runner.state import State, runner_name
from runner.world import World

TRIES = 5
WAITING = ("budget-spent", "key-not-logged", "outside-window", NO_TIME)
"""Reasons for being idle that pass without anybody's doing."""


class Outcome(NamedTuple):
    """What a tick did. `plan` is the one it worked from; `remaining` runs are begun and not finished; of `superseded`
    ones it published what this runner had made before others took them over. Where there was nothing to do,
    `quiet_until` is the moment up to which that stays so while nobody changes anything."""

    head: str | None
    plan: Plan
    started: tuple[str, ...]
    published: tuple[str, ...]
    remaining: tuple[str, ...]
    cancelled: tuple[str, ...] = ()
    quiet_until: datetime | None = None
    superseded: tuple[str, ...] = ()

    @property
    def work_remains(self) -> bool:
        """Whether a later tick has more to do, without anybody asking for more."""
        begun = set(self.started)
        return (
            bool(self.remaining)
            or any(pending.run not in begun for pending in self.plan.pending)
            or any(idle.code in WAITING for idle in self.plan.idle)
        )


class Begun(NamedTuple):
    """The first half of a tick: what is planned, what was claimed, and the runs that are now this runner's to execute.
    `lacking` is what this machine lacks for others; `quiet_until` and `superseded` as in `Outcome`."""

    state: State
    plan: Plan
    runner: str
    started: tuple[str, ...]
    mine: tuple[Taken, ...]
    lacking: Environment | None
    quiet_until: datetime | None = None
    superseded: tuple[str, ...] = ()


T = TypeVar("T")


def insisting(stage: Callable[[World], T], world: World) -> T:
    """A stage, and again where another runner was faster: finished attempts wait in the spool. Raises `Conflict` where
    one always is."""
    for left in reversed(range(TRIES)):
        try:
            return stage(world)
        except Conflict:
            if not left:
                raise
    raise AssertionError("unreachable")


def reconcile(world: World) -> Outcome:
    """Tick until nobody else writes first. Raises `BeaconError`."""
    return insisting(tick, world)


def tick(world: World) -> Outcome:
    """One tick. Raises `Conflict` where somebody else wrote first."""
    begun = begin(world)
    return end(world, begun, *carry_out_all(world, begun.state, begun.mine))


def begin(world: World, taking: bool = True) -> Begun:
    """Complete, plan, claim: the first commit. Without `taking`, no run is begun. Raises `Conflict`."""
    before, now = settle(world), world.now()
    watched = world.watched(before.history.open.values())
    runner = runner_name(before.trust, world.desk.keys)
    todo = plan(
        before.registry,
        before.history,
        now,
        runner,
        world.executor.refuses,
        world.desk.repository.cancellations(),
        world.executor.kind == "golem",
        world.leases,
        watched,
    )
    todo, taking = within(todo, world.share, world.seconds_left), taking and not world.stop.is_set()
    todo, lacking = prepare(world, before, todo) if taking else (todo, None)
    say(world.desk.emit, "planned", pending=len(todo.pending), resumed=len(todo.resumed), idle=len(todo.idle))

    wanted = todo if taking else todo._replace(pending=())
    stopped = [call_off(world, before, taken) for taken in wanted.cancelled if taken.start.runner == runner]
    ends = {done.run.start: done.entry for done in stopped}
    late = left_behind(world, before, runner, wanted.expired)
    claims = claim(wanted, before.history, before.trust, runner, world.now(), ends, world.leases)
    claims += tuple(left.entry for left in late if left.entry is not None)
    leavings: list[Cancellation | Supersession] = [*stopped, *late]
    after = write(world.desk, before, claims, {path: raw for left in leavings for path, raw in left.files.items()})
    for left in leavings:
        file_away(world, left)
    forget_over(world, before)
    open_ones = after.history.open.values()
    world.watched(open_ones)  # a lease is watched from when its start stands
    starts = [entry for entry in claims if isinstance(entry, e.Start)]
    for start in starts:
        if delay := lateness(start.due, moment(start.at)):
            say(world.desk.emit, "run-late", run=start.run, late=delay)
    quiet = nothing_until(todo, before.registry, before.history, now, world.leases, watched) if not claims else None
    return Begun(
        state=after,
        plan=todo,
        runner=runner,
        started=tuple(start.run for start in starts),
        mine=tuple(t for t in open_ones if t.start.runner == runner and world.share.of(t, after.registry)),
        lacking=lacking,
        quiet_until=None if world.executor.remembered() else quiet,
        superseded=tuple(left.entry.run for left in late if left.entry is not None),
    )


def end(world: World, begun: Begun, finished: Sequence[Done], failure: BeaconError | None) -> Outcome:
    """Publish what is finished: the second commit. Raises `Conflict`, or, once all is written, the first failure."""
    after, todo, runner = begun.state, begun.plan, begun.runner
    worth = begun.mine or after.history.unsettled
    over, final = publish_finished(world, after, finished, runner) if worth else ((), after)
    forget_cancelled(world, final)
    if (error := failure or begun.lacking) is not None:
        raise error
    return Outcome(
        head=final.head,
        plan=todo,
        started=begun.started,
        published=tuple(done.run.run for done in over if isinstance(done, Publication)),
        remaining=tuple(taken.start.run for taken in final.history.open.values() if taken.start.runner == runner),
        cancelled=(
            *(taken.start.run for taken in todo.cancelled),
            *(done.run.run for done in over if isinstance(done, Cancellation)),
        ),
        quiet_until=begun.quiet_until,
        superseded=(
            *begun.superseded,
            *(done.run.run for done in over if isinstance(done, Supersession) and done.entry is not None),
        ),
    )
