"""Bring bundles to the targets that are to hold them, by the steps of `ipfs/pinning.py`, and prove they are there.

Promises that a bundle is `held` only where the target gave back every one of its blocks, byte for byte; that each
step's outcome is recorded before the next one begins, so that a killed process loses no more than one step; and that no
target holds up another: each has threads and patience of its own. Never raises for what a target does.

Time and chance are arguments; what a step at a target is, is `ports.Pinner`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple

from runner.errors import Unverified
from runner.ipfs import car, pinning
from runner.ipfs.pinning import DAY, Account, Backoff, Bundle, Record, Stage
from runner.ipfs.unixfs import Graph
from runner.ports import PinFailed, Pinner
from runner.watch import as_they_end

_RANK: Mapping[Stage, int] = {
    "unknown": 0,
    "absent": 1,
    "lied": 1,
    "lost": 1,
    "put": 2,
    "pending": 3,
    "pinned": 4,
    "held": 5,
}


class Setting(NamedTuple):
    """How hard to try. `fresh`: seconds for which a bundle that was fetched back is left alone. `patience`: failures in
    a row after which a target is left alone this time; 3 where nobody answers at all. `wait` sleeps, and says whether
    to stop."""

    now: Callable[[], int]
    wait: Callable[[float], bool]
    chance: Callable[[], float]
    backoff: Backoff = Backoff()
    fresh: int = 30 * DAY
    workers: int = 4
    patience: int = 24


class Work(NamedTuple):
    """What is common to all targets. `graph` gives a bundle's blocks and raises `Unverified` where this clone cannot
    make them; `record` keeps a record, durably enough that a restart finds it."""

    graph: Callable[[Bundle], Graph]
    record: Callable[[Record], None]
    setting: Setting


def keep(accounts: Sequence[Account], targets: Mapping[str, Pinner], work: Work) -> Sequence[Account]:
    """Bring every bundle to every target, as far as it goes now. The accounts as they are afterwards."""

    def one(name: str) -> Mapping[str, Record]:
        return _Line(targets[name], work).bring([(one.bundle, one.records[name]) for one in accounts])

    with ThreadPoolExecutor(len(targets) or 1) as pool:
        lines = {name: pool.submit(one, name) for name in targets}
        for _ in as_they_end(lines.values()):
            pass
    found = {name: line.result() for name, line in lines.items()}
    return [
        one._replace(
            records={name: found[name][one.bundle.cid] if name in found else old for name, old in one.records.items()}
        )
        for one in accounts
    ]


def wrong(graph: Graph, chunks: Iterator[bytes]) -> str | None:
    """What is wrong with a CAR that should be a bundle's, or None: it holds all its blocks, and nothing else. Reads no
    more than twice the bundle's size; raises what the iterator raises."""
    sizes = sum(len(graph.get(cid)) + 64 for cid in graph.made)
    limit = car.Limit(2 * sizes + 4096, 2 * len(graph.made) + 16)
    missing = set(graph.made)
    try:
        roots, blocks = car.read(chunks, limit)
        if roots != (graph.root,):
            return "what came back has another root"
        for block in blocks:
            if block.cid not in graph.made or graph.get(block.cid) != block.data:
                return "what came back holds a block of something else"
            missing.discard(block.cid)
    except Unverified as error:
        return f"what came back is no copy: {error.message}"
    return f"{len(missing)} of {len(graph.made)} blocks did not come back" if missing else None


class _Line:
    """The way to one target."""

    def __init__(self, pinner: Pinner, work: Work) -> None:
        self._pinner = pinner
        self._work = work
        self._setting = work.setting
        self._failures = 0
        self._over = ""

    def bring(self, wanted: Sequence[tuple[Bundle, Record]]) -> Mapping[str, Record]:
        """Every bundle that is not there; the records by CID."""
        listed = self._listed([bundle.cid for bundle, _ in wanted])
        found = {bundle.cid: listed(record) for bundle, record in wanted}
        todo = [bundle for bundle, _ in wanted if self._step(found[bundle.cid]) is not None]
        with ThreadPoolExecutor(self._setting.workers) as pool:
            done = pool.map(lambda bundle: self._one(bundle, found[bundle.cid]), todo)
            found |= {record.cid: record for record in done}
        return found

    def _listed(self, cids: Sequence[str]) -> Callable[[Record], Record]:
        """One question for all: what the target no longer lists is looked at again."""
        for failures in range(1, self._setting.backoff.tries + 1):
            try:
                standings = self._pinner.standings(cids) if cids else {}
                return lambda record: pinning.seen(record, standings.get(record.cid))
            except PinFailed as error:
                if self._count(error) or not error.retryable or self._pause(failures):
                    break
        return lambda record: record

    def _one(self, bundle: Bundle, record: Record) -> Record:
        """One bundle, as far as it goes."""
        failures = 0
        try:
            graph = self._work.graph(bundle)
        except Unverified as error:
            return record._replace(why=f"this clone cannot give it: {error.message}")
        while not (self._over or self._setting.wait(0)) and self._step(record) is not None:
            before = record
            try:
                record = self._take(bundle, graph, record)
                self._failures = 0
                hopeless = False
            except PinFailed as error:
                hopeless = self._count(error) or not error.retryable
                stage: Stage = "absent" if error.missing else record.stage
                record = record._replace(stage=stage, why=error.why)
            if record != before:
                self._work.record(record)
            if _RANK[record.stage] <= _RANK[before.stage] and record.stage != "held":
                failures += 1
                if hopeless or failures >= self._setting.backoff.tries or self._pause(failures):
                    break
        return record._replace(why=record.why or self._over) if record.stage != "held" else record

    def _take(self, bundle: Bundle, graph: Graph, record: Record) -> Record:
        """One step, and what is known after it."""
        now, pinner, cid = self._setting.now, self._pinner, bundle.cid
        match self._step(record):
            case "ask":
                return pinning.said(record, pinner.standings([cid]).get(cid, "absent"), now())
            case "put":
                pinner.put(cid, graph.car)
                return pinning.put(record, now())
            case "pin":
                return pinning.said(record, pinner.pin(cid, f"beacon {bundle.run[:12]}"), now())
            case _:
                return self._verify(cid, graph, record)

    def _verify(self, cid: str, graph: Graph, record: Record) -> Record:
        now = self._setting.now
        if (standing := self._pinner.standings([cid]).get(cid, "absent")) == "pending":
            return pinning.said(record, standing, now())
        if standing == "absent":
            return pinning.judged(record, "it agreed to keep it, and now knows nothing of it", now())
        try:
            with closing(_generator(self._pinner.fetch(cid))) as chunks:
                return pinning.judged(record, wrong(graph, chunks), now())
        except PinFailed as error:
            if not error.missing:
                raise
            return pinning.judged(record, f"it says that it keeps it, and does not give it back: {error.why}", now())

    def _step(self, record: Record) -> pinning.Step | None:
        return pinning.step(record, self._setting.now(), self._setting.fresh)

    def _count(self, error: PinFailed) -> bool:
        """Whether the target has used up its patience."""
        self._failures += 1
        if self._failures >= (3 if error.away else self._setting.patience):
            self._over = error.why
        return bool(self._over)

    def _pause(self, failures: int) -> bool:
        """Wait for the next try; whether to stop instead."""
        return self._setting.wait(self._setting.backoff.delay(failures, self._setting.chance()))


def _generator(chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
    """What can be closed. Closing it closes what it delegates to."""
    yield from chunks
