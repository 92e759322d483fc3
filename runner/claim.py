"""Claims: the log entries with which a tick begins. Pure.

In this order: the trust list where it is new, keys that come and go, ends of starts whose lease is over or whose job is
gone, retired jobs, and one `start` for each run that this runner takes. The start is the claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from runner.formats.sshsig import public_line
from runner.history import History
from runner.leases import USUAL, Leases, over_at
from runner.model import LogEntry
from runner.model import entry as e
from runner.plan import Plan
from runner.registry.trust import Trust
from runner.schedules import instant


def claim(
    plan: Plan,
    history: History,
    trust: Trust,
    runner: str,
    now: datetime,
    called_off: Mapping[int, e.Cancelled] | None = None,
    leases: Leases = USUAL,
) -> tuple[LogEntry, ...]:
    """The entries, in their order. `called_off` are the ends of cancelled starts, by index, that publish receipts.

    A start whose runner's clock is ahead of ours is abandoned as of the end of its lease, not before it."""
    entries: list[LogEntry] = [*_trust(history, trust), *_keys(history, trust)]
    entries += [
        e.Abandoned(run=taken.start.run, start=taken.index, at=instant(max(now, over_at(taken))))
        for taken in plan.expired
    ]
    known = called_off or {}
    entries += [
        known.get(taken.index) or e.Cancelled(run=taken.start.run, start=taken.index, at=instant(now))
        for taken in plan.cancelled
    ]
    entries += [e.Retire(job=path, revision=revision) for path, revision in plan.retired]
    for pending in plan.pending:
        spec = pending.job.spec
        entries.append(
            e.Start(
                job=pending.job.path,
                sha256=pending.job.sha256,
                revision=spec.metadata.revision,
                run=pending.run,
                due=pending.due,
                runner=runner,
                at=instant(now),
                lease=spec.spec.limits.total_seconds + leases.margin,
                generation=pending.generation,
                reserved=pending.reserved,
            )
        )
    return tuple(entries)


def _trust(history: History, trust: Trust) -> Iterator[LogEntry]:
    if history.size == 0:
        yield e.Genesis(serial=trust.serial, trust=trust.digest, threshold=trust.threshold)
    elif history.trust != trust.digest:
        yield e.Trust(serial=trust.serial, trust=trust.digest, threshold=trust.threshold)


def _keys(history: History, trust: Trust) -> Iterator[LogEntry]:
    """A key that left its file without being listed as revoked stops counting too, without suspicion of the past."""
    listed = {public_line(key.public): key for key in trust.keys if key.public not in trust.revoked}
    revoked = {public_line(public): suspect for public, suspect in trust.revoked.items()}
    for line, key in listed.items():
        if line not in history.keys:
            yield e.KeyAdd(role=key.role, principal=key.principal, key=line)
    for line, life in history.keys.items():
        if life.revoked is None and line not in listed:
            yield e.KeyRevoke(key=line, suspect_from=revoked.get(line, history.size))
