"""What the log says, folded into one value: which keys count, which jobs were taken, which runs are still open.

A pure fold over the entries, in their order. It believes the log: that an entry may stand where it stands is judged by
the runner before it signs, and by `runner/verify/` afterwards, from the same rules written separately.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

from runner.model import entry as e
from runner.model.entry import LogEntry, Role, parse_entries

LAST_GENERATION = 3


class Key(NamedTuple):
    """A key's life in the log. `revoked` is the index of its revocation."""

    role: Role
    principal: str
    added: int
    revoked: int | None
    suspect_from: int | None


@dataclass(frozen=True, slots=True)
class Taken:
    """A `start` that has no end yet."""

    index: int
    start: e.Start


@dataclass(frozen=True, slots=True)
class End:
    """How a run is over. `start` is the entry that it ends; `index` is the end's own place in the log."""

    index: int
    start: e.Start
    end: e.RunEnd | e.Cancelled | e.Abandoned


@dataclass(frozen=True, slots=True)
class Settled:
    """What a start was paid. `index` is the settlement's own place in the log."""

    index: int
    start: e.Start
    entry: e.Settlement


@dataclass(frozen=True, slots=True)
class Late:
    """What an abandoned start left. `index` is the `superseded` entry's own place in the log."""

    index: int
    start: e.Start
    entry: e.Superseded


class Revision(NamedTuple):
    """The newest bytes of a job that the log knows. A retired job's `sha256` is empty."""

    number: int
    sha256: str


@dataclass(frozen=True)
class History:
    """The state that `size` entries leave behind."""

    size: int = 0
    genesis: str | None = None
    trust: str | None = None
    serial: int = 0
    threshold: int = 0
    keys: Mapping[str, Key] = field(default_factory=dict)
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    open: Mapping[str, Taken] = field(default_factory=dict)
    ended: Mapping[str, End] = field(default_factory=dict)
    last_due: Mapping[str, str] = field(default_factory=dict)
    committed: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    """Month (YYYY-MM) and owner to what their starts reserved, or, once they are settled, what they were paid."""
    unsettled: Mapping[int, e.Start] = field(default_factory=dict)
    """Log index to start, where money was reserved and its settlement is not in the log yet."""
    settled: Mapping[int, Settled] = field(default_factory=dict)
    """Log index of a start to its settlement."""
    rescored: Mapping[str, tuple[e.Rescore, ...]] = field(default_factory=dict)
    """Run to the times that it was judged again, in their order."""
    abandoned: Mapping[int, e.Start] = field(default_factory=dict)
    """Log index to start, where its runner may still publish what it had made: neither superseded nor settled."""
    superseded: Mapping[int, Late] = field(default_factory=dict)
    """Log index of a start to what its runner published of it although it was abandoned."""

    def counts(self, key: str, role: Role) -> bool:
        """Whether a public key counts for a role now."""
        life = self.keys.get(key)
        return life is not None and life.role == role and life.revoked is None


def fold(entries: Iterable[bytes], start: History | None = None) -> History:
    """The history after these entries' bytes. Raises `Unverified` where one is malformed."""
    state = start or History()
    size, keys, revisions = state.size, dict(state.keys), dict(state.revisions)
    running, ended, due = dict(state.open), dict(state.ended), dict(state.last_due)
    money = _Money(dict(state.committed), dict(state.unsettled), dict(state.settled))
    left = _Left(dict(state.abandoned), dict(state.superseded))
    trust, genesis, rescored = (state.trust, state.serial, state.threshold), state.genesis, dict(state.rescored)
    for entry in parse_entries(entries, size):
        match entry:  # the most frequent first
            case e.Start():
                running[entry.run] = Taken(size, entry)
                revisions[entry.job] = Revision(entry.revision, entry.sha256)
                if entry.due:
                    due[entry.job] = max(entry.due, due.get(entry.job, ""))
            case e.RunEnd() | e.Cancelled() | e.Abandoned() if entry.run in running:
                taken = running.pop(entry.run)
                ended[entry.run] = End(size, taken.start, entry)
                left.end(taken, entry)
            case e.Genesis() | e.Trust():
                trust = (entry.trust, entry.serial, entry.threshold)
                genesis = genesis or entry.trust
            case e.KeyAdd():
                keys[entry.key] = Key(entry.role, entry.principal, size, None, None)
            case e.KeyRevoke() if entry.key in keys:
                keys[entry.key] = keys[entry.key]._replace(revoked=size, suspect_from=entry.suspect_from)
            case e.Retire():
                revisions[entry.job] = Revision(entry.revision, "")
            case e.Rescore():
                rescored[entry.run] = (*rescored.get(entry.run, ()), entry)
            case _:
                left.take(entry, size)
        money.take(entry, size)
        size += 1
    return replace(
        state,
        size=size,
        genesis=genesis,
        trust=trust[0],
        serial=trust[1],
        threshold=trust[2],
        keys=keys,
        revisions=revisions,
        open=running,
        ended=ended,
        last_due=due,
        committed=money.committed,
        unsettled=money.unsettled,
        settled=money.settled,
        rescored=rescored,
        abandoned=left.abandoned,
        superseded=left.superseded,
    )


class _Left(NamedTuple):
    """An abandoned start may leave something, once, until it is settled."""

    abandoned: dict[int, e.Start]
    superseded: dict[int, Late]

    def end(self, taken: Taken, entry: LogEntry) -> None:
        """The end of a start."""
        if isinstance(entry, e.Abandoned):
            self.abandoned[taken.index] = taken.start

    def take(self, entry: LogEntry, index: int) -> None:
        """What may follow."""
        if isinstance(entry, e.Superseded) and entry.start in self.abandoned:
            self.superseded[entry.start] = Late(index, self.abandoned.pop(entry.start), entry)
        elif isinstance(entry, e.Settlement):
            self.abandoned.pop(entry.start, None)


class _Money(NamedTuple):
    """A start reserves, and its settlement puts what was paid in the place of that."""

    committed: dict[tuple[str, str], Decimal]
    unsettled: dict[int, e.Start]
    settled: dict[int, Settled]

    def take(self, entry: LogEntry, index: int) -> None:
        """One more entry."""
        if isinstance(entry, e.Start):
            account = _account(entry)
            self.committed[account] = self.committed.get(account, Decimal(0)) + Decimal(entry.reserved)
            if Decimal(entry.reserved):
                self.unsettled[index] = entry
        elif isinstance(entry, e.Settlement) and entry.start in self.unsettled:
            begun = self.unsettled.pop(entry.start)
            self.committed[_account(begun)] += Decimal(entry.amount) - Decimal(begun.reserved)
            self.settled[entry.start] = Settled(index, begun, entry)


def _account(start: e.Start) -> tuple[str, str]:
    """The month and the owner whose budget a start is held against."""
    return start.at[:7], start.job.split("/")[2]


def is_over(end: End | None) -> bool:
    """Whether a run will never be taken again: published, cancelled, or abandoned for the last time."""
    return end is not None and not (isinstance(end.end, e.Abandoned) and end.start.generation < LAST_GENERATION)
