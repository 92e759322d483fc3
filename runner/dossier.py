"""All that is recorded of one run, in one value: its starts and their ends, its attempts, and what was paid. Pure.

It repeats what the log, the receipts and the settlements say, and judges nothing: signatures and hashes are checked by
`beacon verify`. Of a run that is still open there is only what the log says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from runner.diagnostics import did_you_mean
from runner.errors import Unverified, Usage
from runner.formats import log
from runner.formats.receipt import read_receipt
from runner.model import DiffReport, Manifest, Receipt, Settlement, parse_entry
from runner.model import entry as e
from runner.model.run import run_folder
from runner.model.settlement import Paid
from runner.money import plain, total
from runner.ports import Snapshot
from runner.publish import tiles
from runner.state import State


class Chapter(NamedTuple):
    """One start of the run and what became of it so far. `entry`, `ended`, `left_at` and `settled` are places in the
    log; `left` is what its runner published of it after another took over, with these `receipts`."""

    entry: int
    start: e.Start
    ended: int | None = None
    end: e.RunEnd | e.Cancelled | e.Abandoned | None = None
    settled: int | None = None
    record: Settlement | None = None
    left_at: int | None = None
    left: e.Superseded | None = None
    receipts: Mapping[str, Receipt] = MappingProxyType({})

    @property
    def unsettled(self) -> bool:
        """Whether money was reserved and nobody said yet what was paid."""
        return self.record is None and bool(total([self.start.reserved]))


class Dossier(NamedTuple):
    """A run. `receipts` and `diff` are those of its bundle, empty and None where it was not published. A run that was
    called off may have receipts, and never a `diff`."""

    run: str
    folder: str
    chapters: tuple[Chapter, ...]
    receipts: Mapping[str, Receipt]
    diff: DiffReport | None

    @property
    def start(self) -> e.Start:
        """The last one."""
        return self.chapters[-1].start

    def paid(self, agreement: str | None) -> Paid | None:
        """What was settled for an agreement."""
        return next((paid for paid in self._settled() if paid.agreement == agreement), None)

    def cut_short(self) -> Sequence[Paid]:
        """What was settled for agreements that no receipt names."""
        every = (self.receipts, *(one.receipts for one in self.chapters))
        known = {receipt.predicate.provider.agreement for found in every for receipt in found.values()}
        return [paid for paid in self._settled() if paid.agreement not in known]

    def _settled(self) -> Iterator[Paid]:
        return (paid for one in self.chapters if one.record for paid in one.record.agreements)


def find_run(state: State, which: str) -> str:
    """The run that a prefix of its id names, or the newest run of a job, named by path or name. Raises `Usage`."""
    begun = {run: (taken.index, taken.start) for run, taken in state.history.open.items()}
    begun |= {run: (end.index, end.start) for run, end in state.history.ended.items() if run not in begun}
    found = [run for run in begun if run.startswith(which)]
    if not found:
        of_job = [(index, run) for run, (index, start) in begun.items() if _is_called(start.job, which)]
        found = [max(of_job)[1]] if of_job else []
    if len(found) == 1:
        return found[0]
    hint = "`beacon report` lists published runs, `beacon status` all jobs"
    if found:
        raise Usage("run-unknown", f"{len(found)} runs begin with {which!r}", hint)
    jobs = {start.job.removeprefix("registry/jobs/").removesuffix(".yaml") for _, start in begun.values()}
    meant = did_you_mean(which, jobs | {job.rpartition("/")[2] for job in jobs})
    raise Usage("run-unknown", f"no run or job is called {which!r}{meant}", hint)


def dossier(state: State, run: str) -> Dossier:
    """What is recorded of a run. Raises `Unverified` where a file is missing or malformed."""
    chapters = _chapters(state, run)
    folder = _folder(chapters[-1].start)
    end = chapters[-1].end
    receipts = _receipts(state.snapshot, folder) if end is not None and e.bundled(end) else {}
    path = f"{folder}/bundle/diff.json"
    diff = DiffReport.from_bytes(_read(state.snapshot, path), path) if isinstance(end, e.RunEnd) else None
    return Dossier(run, folder, chapters, receipts, diff)


def as_json(found: Dossier) -> dict[str, Any]:
    """The run as JSON data."""
    return {
        "run": found.run,
        "job": found.start.job,
        "due": found.start.due,
        "verdict": found.diff.verdict if found.diff else None,
        "folder": found.folder if found.diff or found.receipts else None,
        "starts": [_chapter(one, found) for one in found.chapters],
        "attempts": _attempts(found.receipts, found),
        "cutShort": [_paid(paid) for paid in found.cut_short()],
    }


def _attempts(receipts: Mapping[str, Receipt], found: Dossier) -> list[dict[str, Any]]:
    return [
        {
            name: value
            for name, value in receipt.predicate.to_json().items()
            if name not in ("job", "runner", "cells", "image")
        }
        | {"cells": _cells(receipt), "settled": _paid(found.paid(receipt.predicate.provider.agreement))}
        for _, receipt in sorted(receipts.items())
    ]


def _chapter(one: Chapter, found: Dossier) -> dict[str, Any]:
    start = one.start.to_json()
    said: dict[str, Any] = {name: start[name] for name in ("runner", "at", "lease", "generation", "reserved")}
    end = {"entry": one.ended, **one.end.to_json()} if one.end else None
    settlement = None
    if one.record is not None:
        record = one.record
        settlement = {"entry": one.settled, "record": record.path, "network": record.network, **sums(record)}
    left = None
    if one.left is not None:
        said_of_it = {"entry": one.left_at, "folder": f"{found.folder}/{one.left.folder}", "cid": one.left.cid}
        left = said_of_it | {"attempts": _attempts(one.receipts, found)}
    money = {"settlement": settlement, "unsettled": one.unsettled}
    return {"entry": one.entry, **said, "end": end, "superseded": left, **money}


def sums(record: Settlement) -> dict[str, str]:
    """What was asked for, accepted, and refused, in GLM."""
    asked = total(paid.asked for paid in record.agreements)
    return {"asked": plain(asked), "accepted": record.amount, "disputed": plain(asked - total([record.amount]))}


def _cells(receipt: Receipt) -> dict[str, int]:
    cells = receipt.predicate.cells
    return {"asked": len(cells), "answered": sum(cell.status == "ok" for cell in cells)}


def _paid(paid: Paid | None) -> dict[str, Any] | None:
    return paid.to_json() if paid else None


def _chapters(state: State, run: str) -> tuple[Chapter, ...]:
    """Every start of the run. The log is read once more: the history keeps only the last start of each run."""
    found: dict[int, Chapter] = {}
    named = f'"run":"{run}"'.encode()
    for index, raw in enumerate(log.entries(tiles(state.snapshot), 0, state.history.size)):
        if named not in raw:
            continue
        entry = parse_entry(raw, index)
        if isinstance(entry, e.Start):
            found[index] = Chapter(index, entry)
        elif isinstance(entry, e.RunEnd | e.Cancelled | e.Abandoned) and entry.start in found:
            found[entry.start] = found[entry.start]._replace(ended=index, end=entry)
        elif isinstance(entry, e.Superseded) and entry.start in found:
            receipts = _receipts(state.snapshot, f"{_folder(found[entry.start].start)}/{entry.folder}")
            found[entry.start] = found[entry.start]._replace(left_at=index, left=entry, receipts=receipts)
        elif isinstance(entry, e.Settlement) and entry.start in found:
            path = Settlement.path_of(run, entry.start)
            record = Settlement.from_bytes(_read(state.snapshot, path), path)
            found[entry.start] = found[entry.start]._replace(settled=index, record=record)
    return tuple(found.values())


def _receipts(snapshot: Snapshot, folder: str) -> Mapping[str, Receipt]:
    listed = Manifest.from_bytes(_read(snapshot, f"{folder}/manifest.json"), f"{folder}/manifest.json").files
    paths = [path for path in listed if path.startswith("bundle/receipts/")]
    return {path: read_receipt(_read(snapshot, f"{folder}/{path}")) for path in paths}


def _folder(start: e.Start) -> str:
    return run_folder(start.job.removeprefix("registry/jobs/").removesuffix(".yaml"), start.run, start.due)


def _is_called(job: str, which: str) -> bool:
    name = job.removeprefix("registry/jobs/").removesuffix(".yaml")
    return which in (job, name) or name.endswith(f"/{which}")


def _read(snapshot: Snapshot, path: str) -> bytes:
    raw = snapshot.read(path)
    if raw is None:
        raise Unverified("file-missing", f"{path} is gone", "`beacon verify` tells what else is wrong")
    return raw
