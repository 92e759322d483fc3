"""The pipeline, on one page: from what `registry/` asks for to what `reports/` holds.

    complete a found intent -> plan -> claim -> execute -> compare, bundle, render -> publish

A tick makes at most two commits. The first *claims*: nothing is executed before the remote has accepted the run's
`start`. The second publishes every run that is finished, or was called off meanwhile. A crash anywhere loses work,
never leaves half: what was begun is found again in the log, in the intent or in the spool, by this same code. With
nothing to do, nothing is written.
"""

from __future__ import annotations

from typing import NamedTuple

from runner.claim import claim
from runner.errors import Conflict
from runner.events import say
from runner.model import entry as e
from runner.plan import Plan, plan
from runner.publication import Cancellation, Publication
from runner.stages import (
    World,
    call_off,
    carry_out_all,
    file_away,
    forget_cancelled,
    prepare,
    publish_finished,
    settle,
    write,
)
from runner.state import runner_name

TRIES = 5
WAITING = ("budget-spent", "key-not-logged")
"""Reasons for being idle that pass without anybody's doing."""


class Outcome(NamedTuple):
    """What a tick did. `plan` is the one it worked from; `remaining` runs are begun and not finished."""

    head: str | None
    plan: Plan
    started: tuple[str, ...]
    published: tuple[str, ...]
    remaining: tuple[str, ...]
    cancelled: tuple[str, ...] = ()

    @property
    def work_remains(self) -> bool:
        """Whether a later tick has more to do, without anybody asking for more."""
        begun = set(self.started)
        return (
            bool(self.remaining)
            or any(pending.run not in begun for pending in self.plan.pending)
            or any(idle.code in WAITING for idle in self.plan.idle)
        )


def reconcile(world: World) -> Outcome:
    """Tick, and again where another runner was faster: finished attempts wait in the spool. Raises `BeaconError`."""
    for left in reversed(range(TRIES)):
        try:
            return tick(world)
        except Conflict:
            if not left:
                raise
    raise AssertionError("unreachable")


def tick(world: World) -> Outcome:
    """One tick. Raises `Conflict` where somebody else wrote first."""
    before = settle(world)
    runner = runner_name(before.trust, world.desk.keys)
    cancellations = world.desk.repository.cancellations()
    paid = world.executor.kind == "golem"
    watched = world.watched(before.history.open.values())
    todo = plan(
        before.registry,
        before.history,
        world.now(),
        runner,
        world.executor.refuses,
        cancellations,
        paid,
        world.leases,
        watched,
    )
    todo, lacking = prepare(world, before, todo)
    say(world.desk.emit, "planned", pending=len(todo.pending), resumed=len(todo.resumed), idle=len(todo.idle))

    wanted = todo._replace(pending=()) if world.stop.is_set() else todo
    stopped = [call_off(world, before, taken) for taken in wanted.cancelled if taken.start.runner == runner]
    ends = {done.run.start: done.entry for done in stopped}
    claims = claim(wanted, before.history, before.trust, runner, world.now(), ends, world.leases)
    after = write(world.desk, before, claims, {path: raw for done in stopped for path, raw in done.files.items()})
    for done in stopped:
        file_away(world, done)

    mine = [taken for taken in after.history.open.values() if taken.start.runner == runner]
    finished, failure = carry_out_all(world, after, mine)
    begun = mine or after.history.unsettled
    over, final = publish_finished(world, after, finished, runner) if begun else ((), after)
    forget_cancelled(world, final)
    if (error := failure or lacking) is not None:
        raise error
    return Outcome(
        head=final.head,
        plan=todo,
        started=tuple(entry.run for entry in claims if isinstance(entry, e.Start)),
        published=tuple(done.run.run for done in over if isinstance(done, Publication)),
        remaining=tuple(taken.start.run for taken in final.history.open.values() if taken.start.runner == runner),
        cancelled=(
            *(taken.start.run for taken in todo.cancelled),
            *(done.run.run for done in over if isinstance(done, Cancellation)),
        ),
    )
