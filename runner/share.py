"""A runner's share of the work: which runs it takes, where several runners divide them, or its own time is short.

What is left out is somebody else's, or a later tick's; it is said, and never refused. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from runner.history import Taken
from runner.plan import Idle, Pending, Plan
from runner.registry import Registry

NO_TIME = "no-time-left"
ELSEWHERE = "left-to-others"


class Share(NamedTuple):
    """Runs of jobs that bear all of `labels`, and of these the `part`-th of `parts` shares, counted from 1. By default
    everything."""

    labels: Mapping[str, str] = {}
    part: int = 1
    parts: int = 1

    def has(self, run: str) -> bool:
        """Whether a run (64 hex) falls into this part. Its id is a hash, so the parts are of one size."""
        return int(run[:16], 16) % self.parts == self.part - 1

    def wants(self, labels: Mapping[str, str]) -> bool:
        """Whether a job bears the labels."""
        return all(labels.get(name) == value for name, value in self.labels.items())

    def of(self, taken: Taken, registry: Registry) -> bool:
        """Whether an open run is of this share. One whose job is gone is everybody's to end."""
        job = registry.jobs.get(taken.start.job)
        return self.has(taken.start.run) and (job is None or self.wants(job.spec.metadata.labels))


def within(plan: Plan, share: Share, seconds_left: float | None) -> Plan:
    """The plan with only those pending runs that are of the share, and may end in the time that is left; None is all
    the time there is."""
    refused = {pending.run: why for pending in plan.pending if (why := _against(pending, share, seconds_left))}
    pending = tuple(one for one in plan.pending if one.run not in refused)
    return plan._replace(pending=pending, idle=(*plan.idle, *_idle(plan, refused)))


def _against(pending: Pending, share: Share, seconds_left: float | None) -> tuple[str, str] | None:
    longest = pending.job.spec.spec.limits.total_seconds
    if not share.has(pending.run) or not share.wants(pending.job.spec.metadata.labels):
        return ELSEWHERE, "it is not of this runner's share"
    if seconds_left is not None and longest > seconds_left:
        return NO_TIME, f"it may take {longest} s, and this runner stops in {max(0, int(seconds_left))} s"
    return None


def _idle(plan: Plan, refused: Mapping[str, tuple[str, str]]) -> Iterator[Idle]:
    for pending in plan.pending:
        if pending.run in refused:
            yield Idle(pending.job.path, *refused[pending.run])
