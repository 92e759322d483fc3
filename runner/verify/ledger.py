"""The log read once, from its first entry to its last, by the verifier's own rules. Steps 3 and 7.

Written apart from `runner/history.py`, which believes the log. Here a `trust` or `key-*` entry counts only if the
maintainers' files at the commit that logged it carry it; each `start` has at most one end, and each end names the start
that was open; a run is taken again only after an `abandoned`, when its lease was over, at most three times; what such a
start left is published once, before it is settled; a job's revision rises, and what is retired stays away.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta

from runner.errors import BeaconError, Unverified
from runner.formats import note
from runner.model import LogEntry, parse_entry
from runner.model import entry as e
from runner.money import total
from runner.ports import Snapshot
from runner.verify.authority import Known, Listed, judge_listed, read_listed
from runner.verify.events import Began, Ended, Late, Ledger, Rejudged, Revision, Settled, moment
from runner.verify.frontier import Frontier
from runner.verify.keylog import Life
from runner.verify.report import Notebook
from runner.verify.trail import Growth, Trail


def read_ledger(
    entries: Iterable[bytes],
    wanted: Collection[int],
    trail: Trail,
    snapshot: Callable[[str], Snapshot],
    vkey: str,
    book: Notebook,
) -> Ledger:
    """Fold the entries. `wanted` are the sizes whose roots are kept; `snapshot` reads the tree of a commit."""
    fold = _Fold(trail, snapshot, vkey, book)
    frontier = Frontier()
    fold.ledger.roots[0] = frontier.root()
    for index, raw in enumerate(entries):
        frontier.add(raw)
        if frontier.size in wanted:
            fold.ledger.roots[frontier.size] = frontier.root()
        fold.ledger.size = frontier.size
        try:
            entry = parse_entry(raw, index)
        except Unverified as error:
            book.find(7, error.code, f"log entry {index}", error.message)
            continue
        fold.take(index, entry, frontier)
    fold.close_commit()
    fold.doubts_of_the_newest_list()
    book.count(7, "log entries", frontier.size)
    return fold.ledger


class _Fold:
    """The state between two entries."""

    def __init__(self, trail: Trail, snapshot: Callable[[str], Snapshot], vkey: str, book: Notebook) -> None:
        self.ledger = Ledger()
        self._trail = trail
        self._snapshot = snapshot
        self._origin = note.parse_vkey(vkey).name
        self._vkey = vkey
        self._book = book
        self._growth: Growth | None = None
        self._listed: Listed | None = None
        self._newest: Listed | None = None
        self._authority: list[tuple[int, e.Genesis | e.Trust | e.KeyAdd | e.KeyRevoke]] = []

    def take(self, index: int, entry: LogEntry, frontier: Frontier) -> None:
        """One more entry."""
        self._genesis(index, entry)
        if self._growth is None or index >= self._growth.end:
            self.close_commit()
            self._growth = self._trail.growth(index)
        match entry:
            case e.Genesis() | e.Trust() | e.KeyAdd() | e.KeyRevoke():
                self._authority.append((index, entry))
                self._judge_authority(index, entry)
            case e.Start():
                self._start(Began(index, entry, frontier.root()))
            case e.RunEnd() | e.Cancelled() | e.Abandoned():
                self._end(index, entry)
            case e.Superseded():
                self._supersede(index, entry)
            case e.Settlement():
                self._settle(index, entry)
            case e.Retire():
                self._retire(index, entry)
            case e.Rescore():
                self._rescore(index, entry)
            case _:
                self._book.unchecked((7,), f"{entry.type} entries: this version does not know what they ask for")

    def _genesis(self, index: int, entry: LogEntry) -> None:
        if (index == 0) != isinstance(entry, e.Genesis):
            self._find(7, "genesis-misplaced", index, "entry 0, and no other, is the genesis")
        elif isinstance(entry, e.Genesis):
            self.ledger.genesis = entry.trust

    def close_commit(self) -> None:
        """After all entries of one commit: its keys are those of its list."""
        if self._authority and self._listed is not None:
            living = {line: (life.role, life.principal) for line, life in self.ledger.keys.living().items()}
            if living != self._listed.keys:
                odd = sorted(living.items() ^ self._listed.keys.items())
                message = f"the log's keys are not those of the key files: {len(odd)} differ, as {odd[0][0]}"
                self._find(3, "key-entries-incomplete", self._authority[-1][0], message)
        self._authority, self._listed = [], None

    def doubts_of_the_newest_list(self) -> None:
        """A key that had left before it was known to be in other hands has its doubt in the list alone."""
        for line, suspect in (self._newest.revoked if self._newest else {}).items():
            if (life := self.ledger.keys.lives.get(line)) is not None:
                earliest = suspect if life.suspect is None else min(suspect, life.suspect)
                self.ledger.keys.lives[line] = life._replace(suspect=earliest)

    # Trust and keys

    def _judge_authority(self, index: int, entry: e.Genesis | e.Trust | e.KeyAdd | e.KeyRevoke) -> None:
        """Only what the maintainers signed counts. Where the commit is beyond a shallow clone's edge, the log is
        believed and the step says so."""
        growth = self._growth
        if growth is None or not growth.known:
            self._book.unchecked((3,), "shallow clone: trust lists and keys logged before its first commit")
            self._believe(index, entry)
        elif isinstance(entry, e.Genesis | e.Trust):
            self._trust(index, entry, growth)
        elif self._listed is None:
            self._find(3, "key-untrusted", index, "a key entry without a trust list that carries it in the same commit")
        else:
            self._key(index, entry, self._listed, growth)

    def _trust(self, index: int, entry: e.Genesis | e.Trust, growth: Growth) -> None:
        where = f"log entry {index}"
        snapshot = self._snapshot(growth.commit)
        self._book.count(3, "trust lists")
        try:
            listed = read_listed(snapshot, self._origin, self._vkey)
        except BeaconError as error:
            self._book.find(3, error.code, where, f"commit {growth.commit}: {error.message}")
            return
        said = Known(entry.trust, entry.serial, entry.threshold)
        if said != listed.known:
            self._find(3, "trust-differs", index, f"it says {tuple(said)}; the files of commit {growth.commit} are "
                       f"{tuple(listed.known)} (digest, serial, threshold)")  # fmt: skip
        elif judge_listed(snapshot, listed, self.ledger.known, self.ledger.keys, self._origin, where, self._book):
            self._listed = self._newest = listed
            self._believe(index, entry)

    def _key(self, index: int, entry: e.KeyAdd | e.KeyRevoke, listed: Listed, growth: Growth) -> None:
        self._book.count(3, "keys")
        life = self.ledger.keys.lives.get(entry.key)
        if isinstance(entry, e.KeyAdd):
            if listed.keys.get(entry.key) != (entry.role, entry.principal):
                self._find(3, "key-untrusted", index, f"no key file has {entry.key} as {entry.role} key of "
                           f"{entry.principal}")  # fmt: skip
            elif life is not None:
                self._find(3, "key-returned", index, f"{entry.key} entered at {life.added} already; a key has one life")
            else:
                self._believe(index, entry)
        elif life is None or life.revoked is not None or entry.key in listed.keys:
            self._find(3, "key-untrusted", index, f"{entry.key} is not a living key that left the key files")
        elif entry.suspect_from != listed.revoked.get(entry.key, growth.first):
            self._find(3, "key-suspect-from", index, f"suspect from {entry.suspect_from}; the maintainers say "
                       f"{listed.revoked.get(entry.key, growth.first)}")  # fmt: skip
        else:
            self._believe(index, entry)

    def _believe(self, index: int, entry: e.Genesis | e.Trust | e.KeyAdd | e.KeyRevoke) -> None:
        lives = self.ledger.keys.lives
        match entry:
            case e.Genesis() | e.Trust():
                self.ledger.known = Known(entry.trust, entry.serial, entry.threshold)
            case e.KeyAdd():
                since = self._growth.first if self._growth else index
                lives[entry.key] = Life(entry.role, entry.principal, index, since)
            case e.KeyRevoke() if entry.key in lives:
                lives[entry.key] = lives[entry.key]._replace(revoked=index, suspect=entry.suspect_from)
            case _:
                pass

    # Starts and their ends

    def _start(self, began: Began) -> None:
        start, index, book = began.start, began.entry, self.ledger
        book.began.append(began)
        last = book.last.get(start.run)
        if start.run in book.open:
            self._find(
                7, "start-twice", index, f"the run {start.run[:32]} is open since entry {book.open[start.run].entry}"
            )
        elif last is not None and last.final:
            self._find(
                7, "run-repeated", index, f"the run {start.run[:32]} was over at entry {last.entry} ({last.end.type})"
            )
        expected = last.began.start.generation + 1 if last else 1
        if start.generation != expected:
            self._find(7, "generation-wrong", index, f"generation {start.generation}, expected {expected}")
        if last is not None and (last.began.start.job, last.began.start.sha256) != (start.job, start.sha256):
            self._find(7, "run-differs", index, f"the run {start.run[:32]} was one of {last.began.start.job}")
        book.open.setdefault(start.run, began)
        self._revision(began)

    def _revision(self, began: Began) -> None:
        start, known = began.start, self.ledger.revisions.get(began.start.job)
        if known is not None and known.sha256 == start.sha256 and not known.retired:
            if known.number != start.revision:
                self._find(
                    3, "revision-replayed", began.entry, f"revision {start.revision} of bytes that had {known.number}"
                )
            return
        if known is not None and start.revision <= known.number:
            state = "retired" if known.retired else "taken"
            self._find(3, "revision-replayed", began.entry, f"revision {start.revision} of {start.job} after revision "
                       f"{known.number} was {state}")  # fmt: skip
        self.ledger.revisions[start.job] = Revision(start.revision, start.sha256, False, began.entry)

    def _end(self, index: int, end: e.RunEnd | e.Cancelled | e.Abandoned) -> None:
        began = self.ledger.open.get(end.run)
        if began is None or began.entry != end.start:
            last = self.ledger.last.get(end.run)
            if last is not None and last.began.entry == end.start:
                self._find(7, "end-twice", index, f"the start at entry {end.start} ended at entry {last.entry} already")
            else:
                self._find(
                    7, "end-without-start", index, f"entry {end.start} is no open start of the run {end.run[:32]}"
                )
            return
        self._book.count(7, "starts with one end")
        if isinstance(end, e.Abandoned):
            self._end_time(index, began.start, end)
            self.ledger.abandoned[began.entry] = began
        self.ledger.open.pop(end.run)
        self.ledger.last[end.run] = Ended(index, began, end)
        self.ledger.ended.append(self.ledger.last[end.run])

    def _end_time(self, index: int, start: e.Start, end: e.Abandoned) -> None:
        try:
            over = moment(start.at) + timedelta(seconds=start.lease)
            early = moment(end.at) < over
        except (ValueError, OverflowError):
            self._find(7, "time-impossible", index, f"{start.at} + {start.lease} s, or {end.at}, is in no calendar")
            return
        if early:
            message = f"abandoned at {end.at}; the start at {start.at} has a lease of {start.lease} s"
            self._find(7, "end-too-early", index, message)

    def _supersede(self, index: int, entry: e.Superseded) -> None:
        """What an abandoned start left: once, and before its settlement, which is held against its receipts."""
        book, began = self.ledger, self.ledger.abandoned.get(entry.start)
        if began is None or began.start.run != entry.run:
            message = f"entry {entry.start} is no start of the run {entry.run[:32]} that was abandoned before"
            self._find(7, "superseded-without-end", index, message)
        elif entry.start in book.superseded:
            known = book.superseded[entry.start].entry
            self._find(7, "superseded-twice", index, f"what entry {entry.start} left was published at entry {known}")
        else:
            if entry.start in book.settled:
                settled = book.settled[entry.start].entry
                message = f"the start at entry {entry.start} was settled at entry {settled} already"
                self._find(7, "superseded-too-late", index, message)
            book.superseded[entry.start] = Late(index, began, entry)

    def _settle(self, index: int, entry: e.Settlement) -> None:
        book = self.ledger
        place = bisect_left(book.began, entry.start, key=lambda began: began.entry)
        began = book.began[place] if place < len(book.began) else None
        if began is None or (began.entry, began.start.run) != (entry.start, entry.run):
            self._find(7, "settlement-without-start", index, f"entry {entry.start} is no start of {entry.run[:32]}")
        elif not total([began.start.reserved]):
            self._find(7, "settlement-without-start", index, f"the start at entry {entry.start} reserved nothing")
        elif entry.start in book.settled:
            known = book.settled[entry.start].entry
            self._find(7, "settlement-twice", index, f"the start at entry {entry.start} was settled at entry {known}")
        else:
            if book.open.get(entry.run) == began:
                self._find(7, "settlement-too-early", index, f"the start at entry {entry.start} is still open")
            book.settled[entry.start] = Settled(index, began, entry)

    def _retire(self, index: int, entry: e.Retire) -> None:
        known = self.ledger.revisions.get(entry.job)
        if known is None or known.retired or known.number != entry.revision:
            found = f"revision {known.number}" if known else "no revision"
            self._find(
                3, "retire-wrong", index, f"revision {entry.revision} of {entry.job}; the log has {found} standing"
            )
        self.ledger.retired.append((index, entry))
        if known is not None:
            self.ledger.revisions[entry.job] = known._replace(retired=True, number=max(known.number, entry.revision))

    def _rescore(self, index: int, entry: e.Rescore) -> None:
        """A published run, once for each classifier. That which judged it first stands in its manifest, and is held
        against this entry where that is read."""
        ended = self.ledger.last.get(entry.run)
        known = self.ledger.rescored.get((entry.run, entry.classifier))
        if ended is None or not isinstance(ended.end, e.RunEnd):
            self._find(7, "rescore-without-run", index, f"no run {entry.run[:32]} was published before this entry")
        elif known is not None:
            self._find(7, "rescore-twice", index, f"{entry.classifier} judged that run at entry {known.entry} already")
        else:
            self.ledger.rescored[entry.run, entry.classifier] = Rejudged(index, ended, entry)

    def _find(self, step: int, code: str, index: int, message: str) -> None:
        self._book.find(step, code, f"log entry {index}", message)
