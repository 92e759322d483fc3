"""What happened in a registry, in the order of its log: starts, ends with their verdicts, keys, settlements. Pure.

Only what is recorded is told: an entry without a time has none here. Judging is `beacon verify`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from runner.formats import log
from runner.history import History
from runner.model import DiffReport
from runner.model import entry as e
from runner.model.entry import LogEntry, parse_entries
from runner.model.run import run_folder
from runner.ports import Snapshot
from runner.publish import tiles
from runner.state import State


class Happened(NamedTuple):
    """One entry of the log at its index, `number`. `job` and `verdict` are found by its run, where it has one."""

    number: int
    entry: LogEntry
    job: str | None
    verdict: str | None = None


def happened(state: State, last: int, job: str | None = None) -> list[Happened]:
    """The last entries, all for 0, oldest first; those about one job, where it is given."""
    size = state.history.size
    first = 0 if job or not last else max(0, size - last)
    found = [one for one in _read(state, first, size) if job in (None, one.job)]
    return [one._replace(verdict=_verdict(state, one.entry)) for one in found[-last:]]


def as_json(one: Happened) -> dict[str, Any]:
    """One line of `beacon events --json`."""
    return {
        "schema": "beacon/event/v1",
        "index": one.number,
        "entry": one.entry.to_json(),
        "job": one.job,
        "verdict": one.verdict,
    }


def as_text(one: Happened) -> str:
    """One line: index, time where the log holds one, and what happened."""
    at = getattr(one.entry, "at", None) or "-"
    return f"{one.number:>6}  {at:<20}  {_said(one)}"


def _said(one: Happened) -> str:
    match one.entry:
        case e.Genesis(serial=serial):
            return f"the log begins, with trust list {serial}"
        case e.Trust(serial=serial):
            return f"trust list {serial}"
        case e.KeyAdd(role=role, principal=principal, key=key):
            return f"key of {principal}, {role}: {key}"
        case e.KeyRevoke(key=key, suspect_from=since):
            return f"key revoked, doubtful from entry {since}: {key}"
        case e.Start() as start:
            again = f", generation {start.generation}" if start.generation > 1 else ""
            return f"run {start.run[:12]} started by {start.runner}: {start.job}, revision {start.revision}{again}"
        case e.RunEnd(run=run):
            return f"run {run[:12]} published: {one.job}: {one.verdict or 'its verdict is not at hand'}"
        case e.Retire(job=job, revision=revision):
            return f"{job} retired at revision {revision}"
        case e.Rescore(run=run, classifier=classifier):
            return f"run {run[:12]} judged again by {classifier}: {one.job}"
        case e.Settlement(run=run, amount=amount):
            return f"run {run[:12]} settled, {amount} GLM: {one.job}"
        case entry:
            words = {
                "cancelled": "cancelled",
                "abandoned": "abandoned by its runner",
                "superseded": "left attempts of its former runner",
                "withdraw": "had an answer withdrawn",
            }
            return f"run {entry.run[:12]} {words[entry.type]}: {one.job}"


def _read(state: State, first: int, size: int) -> Iterator[Happened]:
    raws = log.entries(tiles(state.snapshot), first, size)
    for index, entry in enumerate(parse_entries(raws, first), first):
        yield Happened(index, entry, _job(state.history, entry))


def _job(history: History, entry: LogEntry) -> str | None:
    if isinstance(entry, e.Start | e.Retire):
        return entry.job
    run = getattr(entry, "run", "")
    known = history.ended.get(run) or history.open.get(run)
    return known.start.job if known else None


def _verdict(state: State, entry: LogEntry) -> str | None:
    """The verdict that a run was published with, where its bundle is still there."""
    end = state.history.ended.get(entry.run) if isinstance(entry, e.RunEnd) else None
    return published_verdict(state.snapshot, end.start) if end else None


def newest_verdicts(state: State, jobs: Collection[str]) -> dict[str, str]:
    """The verdict of the newest published run of each of these jobs that has one."""
    newest: dict[str, e.Start] = {}
    for end in sorted(state.history.ended.values(), key=lambda end: end.index):
        if isinstance(end.end, e.RunEnd) and end.start.job in jobs:
            newest[end.start.job] = end.start
    found = {job: published_verdict(state.snapshot, start) for job, start in newest.items()}
    return {job: verdict for job, verdict in found.items() if verdict}


def published_verdict(snapshot: Snapshot, start: e.Start) -> str | None:
    """`major`, with SIMULATED where it was; None where the bundle is not at hand."""
    folder = run_folder(start.job.removeprefix("registry/jobs/").removesuffix(".yaml"), start.run, start.due)
    raw = snapshot.read(f"{folder}/bundle/diff.json")
    if raw is None:
        return None
    diff = DiffReport.from_bytes(raw, f"{folder}/bundle/diff.json")
    return f"{diff.verdict} SIMULATED" if diff.simulated else diff.verdict
