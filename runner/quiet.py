"""Nothing to do, and until when: what a runner need not find out again. Pure.

A tick with nothing to do says so of one state: a head, a runner's keys, what that runner signed last, the runs that
were asked to be cancelled, and this code. While none of these changes, only the clock can bring work: a schedule that
is due, a lease that is over. `nothing_until` tells that moment, and `Quiet` is the note that a runner keeps of it.
Whatever else could change a decision (what this machine lacks, a budget's month, money that is not settled) makes no
note, and so does every doubt: then the next tick is a full one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from runner import __version__
from runner.history import History
from runner.leases import NEVER_SEEN, USUAL, Leases, over_at
from runner.model import Checkpoint
from runner.model.canonical import Count, Document, Instant, Sha256, digest
from runner.plan import Idle, Plan, answered
from runner.ports import Keys
from runner.registry import Registry
from runner.schedules import closed_until, instant, soonest

LONGEST = timedelta(days=1)
"""A full tick looks again after this much time, whatever the note says."""

FROM_HEAD = frozenset(
    {
        *("done", "cancelled", "abandoned", "running", "not-due"),
        *("suspended", "outside-window", "invalid", "revision-replayed", "limits-too-long", "budget-too-small"),
    }
)
"""Reasons for being idle that follow from the head and the clock alone."""

TOLD = 200
"""Jobs that a tick with nothing to do tells of at most; `beacon status` lists all."""
_VERSION = f"{__version__} 4"  # the number rises with every change of what plans, claims or settles


class Quiet(Document):
    """The note: from one moment up to, not with, another there is nothing to do. `key` names the state that it is of,
    `told` are the first of the jobs that a reader may wait for: path, code and why; there are `more` of them."""

    key: Sha256
    since: Instant
    until: Instant
    told: tuple[tuple[str, str, str], ...]
    more: Count

    def holds(self, key: str, now: datetime) -> bool:
        """Whether it says of this state that there is nothing to do now."""
        return self.key == key and self.since <= instant(now) < self.until


def state_key(head: str | None, keys: Keys, highest: Checkpoint | None, cancellations: Collection[str]) -> str:
    """The name of everything but the clock that decides whether there is something to do."""
    signed = [highest.origin, highest.size, highest.root.hex()] if highest else None
    public = [signer.public.hex() for signer in keys]
    return digest([_VERSION, head, public, signed, sorted(cancellations)])


def note_of(key: str, now: datetime, idle: Iterable[Idle], until: datetime) -> Quiet:
    """The note of a tick that found nothing to do."""
    told = tuple((one.path, one.code, one.why) for one in idle if waited_for(one))
    first, more = told[:TOLD], len(told[TOLD:])
    return Quiet(key=key, since=instant(now), until=instant(until), told=first, more=more)


def waited_for(idle: Idle) -> bool:
    """Whether somebody may wait for this job to run, and should be told why it does not."""
    return idle.code not in ("done", "not-due")


def nothing_until(
    plan: Plan,
    registry: Registry,
    history: History,
    now: datetime,
    leases: Leases = USUAL,
    watched: Mapping[int, float] = NEVER_SEEN,
) -> datetime | None:
    """The first moment at which this plan, made at `now` for this registry and history, may be another one although
    nothing else has changed. None where there is something to do, or where more than the clock may change it."""
    if plan.pending or plan.resumed or plan.expired or plan.cancelled or plan.retired or history.unsettled:
        return None
    if any(idle.code not in FROM_HEAD for idle in plan.idle):
        return None
    moments = [now + LONGEST]
    for taken in history.open.values():
        moments.append(over_at(taken) + timedelta(seconds=leases.clock))
        if taken.index in watched:
            moments.append(now + timedelta(seconds=taken.start.lease - watched[taken.index]))
    judged = registry.jobs.judged(answered(registry, history)[1])
    schedules = [one.job.spec.spec.schedule for one in judged if one.job is not None]
    if (due := soonest(filter(None, schedules), now)) is not None:
        moments.append(due)
    if (opens := closed_until(registry.policy.windows, now)) is not None:
        moments.append(opens)
    return min(moments)
