"""What is derived: each job's history, the index, the pages of runs that ended without a result, and the ledger.

Pure functions of what is published: the log's ends and settlements, the runs' own files and the settlement records. So
they can be derived again at any time, byte for byte, and a lost or forged page is only a page that differs from its
derivation. Pages are written anew, the ledger's files only grow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from runner.formats.receipt import read_receipt
from runner.history import LAST_GENERATION, End, History, Late, Settled, fold
from runner.model import DiffReport, LogEntry, Manifest, Receipt, Run, Settlement
from runner.model import entry as e
from runner.model.run import run_folder
from runner.money.ledger import attempt_lines, month_file, settlement_line
from runner.ports import Changes, Snapshot
from runner.rendering.jobpages import (
    JobSummary,
    LateAttempts,
    RunSummary,
    badge_files,
    ended_page,
    history_page,
    index_page,
    summarise,
)
from runner.rendering.looks import taken
from runner.rendering.rejudged import Again, rejudged

INDEX = "reports/README.md"
INDEX_RUNS = 500
"""The index shows the newest jobs with at most this many runs together,"""
INDEX_JOBS = 20
"""and so many jobs in any case."""


class Overlay(NamedTuple):
    """What a snapshot's files will be once the changes are made. Reads only."""

    below: Snapshot
    changes: Changes

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or None where there is none."""
        return self.changes[path] if path in self.changes else self.below.read(path)


def with_pages(snapshot: Snapshot, history: History, changes: Changes, entries: Iterable[LogEntry]) -> Changes:
    """The changes, and what is derived from them and from the entries about to be logged."""
    after = fold((entry.canonical() for entry in entries), history)
    files = Overlay(snapshot, changes)
    grown = {path: _read(snapshot, path) + new for path, new in ledgers(files, after, history.size).items()}
    new = [end for end in after.ended.values() if end.index >= history.size and _is_last(end)]
    again = (run for run, found in after.rescored.items() if found != history.rescored.get(run) and run in after.ended)
    left = [late.start.job for late in after.superseded.values() if late.index >= history.size]
    told = {end.start.job for end in after.ended.values() if _is_last(end)} if left else set()
    jobs = {end.start.job for end in new} | {after.ended[run].start.job for run in again} | told.intersection(left)
    return {**changes, **grown, **(derived(files, after, jobs) if jobs else {})}


def ledgers(files: Overlay | Snapshot, history: History, since: int = 0) -> dict[str, bytes]:
    """The ledger's files, as far as they follow from log entries from an index on. Reads those runs' receipts."""
    found: dict[str, bytes] = {}
    events: list[End | Late | Settled] = [
        *history.ended.values(),
        *history.superseded.values(),
        *history.settled.values(),
    ]
    for event in sorted((event for event in events if event.index >= since), key=lambda event: event.index):
        if lines := _settlement(files, event) if isinstance(event, Settled) else _attempts(files, event):
            path = month_file(event.start)
            found[path] = found.get(path, b"") + lines
    return found


def _settlement(files: Overlay | Snapshot, settled: Settled) -> bytes:
    path = Settlement.path_of(settled.entry.run, settled.entry.start)
    return settlement_line(settled.start, Settlement.from_bytes(_read(files, path), path))


def _attempts(files: Overlay | Snapshot, end: End | Late) -> bytes:
    receipts = _receipts(files, end)
    index = end.entry.start if isinstance(end, Late) else end.end.start
    return attempt_lines(index, end.start, receipts) if receipts else b""


def _receipts(files: Overlay | Snapshot, end: End | Late) -> dict[str, Receipt]:
    """The receipts that an end published, or that a start left, by path in its folder."""
    if isinstance(end, End) and not e.bundled(end.end):
        return {}
    folder = _run(end)
    listed = Manifest.from_bytes(_read(files, f"{folder}/manifest.json"), f"{folder}/manifest.json").files
    paths = [path for path in listed if path.startswith("bundle/receipts/")]
    return {path: read_receipt(_read(files, f"{folder}/{path}")) for path in paths}


def derived(files: Overlay | Snapshot, history: History, jobs: Collection[str] | None = None) -> dict[str, bytes]:
    """The derived pages and badges of these jobs (all of them where None), and the index. Reads what these jobs and the
    index show, not what there is."""
    ends: dict[str, list[End]] = {}
    for end in history.ended.values():
        if _is_last(end):
            ends.setdefault(end.start.job, []).append(end)
    left: dict[str, list[LateAttempts]] = {}
    for late in history.superseded.values():
        job, start = late.start.job, late.start
        below = _run(late).removeprefix(f"{_folder(job)}/")
        left.setdefault(job, []).append(LateAttempts(below, start.run, start.at, start.runner))
    pages: dict[str, bytes] = {}
    for job in sorted(ends if jobs is None else jobs):
        folder = _folder(job)
        shown = history_page(
            folder, [_summary(files, end, history) for end in _published(ends[job])], left.get(job, ())
        )
        pages |= {f"{folder}/{name}": content for name, content in shown.items()}
        for end in ends[job]:
            if not isinstance(end.end, e.RunEnd):
                how: Literal["cancelled", "abandoned"] = (
                    "cancelled" if isinstance(end.end, e.Cancelled) else "abandoned"
                )
                pages[f"{_run(end)}/README.md"] = ended_page(end.start, how, end.end.at, _receipts(files, end))
    runs = {job: found for job in sorted(ends) if (found := _published(ends[job]))}
    listed = _newest(runs)
    wanted = runs.keys() if jobs is None else runs.keys() & {*jobs}
    summaries = {job: _job(files, job, runs[job], history) for job in runs if job in listed or job in wanted}
    left_out = [_folder(job) for job in runs if job not in listed]
    pages[INDEX] = index_page([summary for job, summary in summaries.items() if job in listed], left_out)
    for job in wanted:
        pages |= badge_files(summaries[job])
    return pages


def _newest(runs: Mapping[str, Sequence[End]]) -> frozenset[str]:
    """The jobs that the index shows: those whose last run was published last, as long as they have few runs together.
    All of them in a small registry; without a bound, one more run would cost as much as there are runs."""
    shown: list[str] = []
    left = INDEX_RUNS
    for job in sorted(runs, key=lambda job: runs[job][-1].index, reverse=True):
        left -= len(runs[job])
        if left < 0 and len(shown) >= INDEX_JOBS:
            break
        shown.append(job)
    return frozenset(shown)


def _is_last(end: End) -> bool:
    """Whether a run ends for good: an abandoned start before the last generation is followed by another."""
    return not isinstance(end.end, e.Abandoned) or end.start.generation >= LAST_GENERATION


def _published(ends: Sequence[End]) -> list[End]:
    return [end for end in ends if isinstance(end.end, e.RunEnd)]


def _job(files: Overlay | Snapshot, job: str, ends: Sequence[End], history: History) -> JobSummary:
    last = max(ends, key=lambda end: (end.start.due or end.start.at, end.start.run))
    diffs = {end.index: _diff(files, end) for end in sorted(ends, key=lambda end: end.index)}
    return JobSummary(
        _folder(job), tuple(map(taken, diffs.values())), _summary(files, last, history, diffs[last.index])
    )


def _summary(files: Overlay | Snapshot, end: End, history: History, known: DiffReport | None = None) -> RunSummary:
    folder = _run(end)
    run = Run.from_bytes(_read(files, f"{folder}/bundle/context.json"), "context.json")
    diff = known or _diff(files, end)
    again = tuple(_again(files, folder, diff, entry) for entry in history.rescored.get(end.start.run, ()))
    return summarise(folder, run, diff, end.start.at, end.index)._replace(again=again)


def _diff(files: Overlay | Snapshot, end: End) -> DiffReport:
    return DiffReport.from_bytes(_read(files, f"{_run(end)}/bundle/diff.json"), "diff.json")


def _again(files: Overlay | Snapshot, folder: str, then: DiffReport, entry: e.Rescore) -> Again:
    path = f"{folder}/{entry.folder}/diff.json"
    return rejudged(entry.folder, then, DiffReport.from_bytes(_read(files, path), path))


def _read(files: Overlay | Snapshot, path: str) -> bytes:
    return files.read(path) or b""


def _folder(job: str) -> str:
    return f"reports/jobs/{job.removeprefix('registry/jobs/').removesuffix('.yaml')}"


def _run(end: End | Late) -> str:
    folder = run_folder(_folder(end.start.job).removeprefix("reports/jobs/"), end.start.run, end.start.due)
    return f"{folder}/{end.entry.folder}" if isinstance(end, Late) else folder
