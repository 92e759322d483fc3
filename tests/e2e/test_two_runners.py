"""Four runners on one remote, killed and hindered: nothing runs twice within a lease, nothing is logged twice or lost.

The race itself is `tests/racing_runners.py`: real processes, real git, SIGKILL every second, a push in five failing.
What is asserted holds however fast the machine is; how many runs are published, and not abandoned, depends on it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runner.edges.git import GitRepository
from runner.edges.git_objects import Author
from runner.edges.git_remote import clone
from runner.formats import log
from runner.model import entry as e
from runner.model.run import run_folder
from runner.publish import tiles
from runner.schedules import moment
from runner.state import State, read_state
from runner.verify import Anchor, verify
from tests.conftest import ROOT
from tests.racing_runners import NAMES
from tests.signed import roots

HARMLESS = {
    "branch-moved",
    "intent-late",
    "intent-stands",
    "intent-moved",
    "push-failed",
    "push-refused",
    "push-unknown",
}
"""What a tick may say under these conditions. Whatever else it says is a fault of ours."""


class Race(NamedTuple):
    """What is left of one."""

    folder: Path
    state: State
    entries: list[e.LogEntry]
    told: list[dict[str, Any]]

    def lines(self, what: str) -> list[dict[str, Any]]:
        """What was told of one kind, in the order of the machine's clock."""
        return sorted((line for line in self.told if line["what"] == what), key=lambda line: line["monotonic"])


def race(folder: Path, seed: int, jobs: int, at_once: int) -> Iterator[Race]:
    """Run one, and read it from a fresh clone."""
    program = [sys.executable, "-m", "tests.racing_runners", str(folder), *map(str, (seed, jobs, at_once))]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr
    clone(str(folder / "remote.git"), folder / "fresh")
    with GitRepository(folder / "fresh", "main", None, Author("a", "a"), None, lambda: 0) as repository:
        state = read_state(repository, repository.head())
        raw = log.entries(tiles(state.snapshot), 0, state.history.size)
        entries = [e.parse_entry(line, index) for index, line in enumerate(raw)]
        told = [json.loads(line) for line in (folder / "told").read_text().splitlines()]
        yield Race(folder, state, entries, told)


def check_ticks(found: Race) -> None:
    """No tick ended in an error that tells of damage, or in none of ours."""
    assert found.lines("raised") == []
    wrong = [line for line in found.lines("error") if line["code"] not in HARMLESS]
    assert wrong == []


def check_ends(found: Race, jobs: int) -> None:
    """Each start has one end, and each job is over."""
    starts = {index: entry for index, entry in enumerate(found.entries) if isinstance(entry, e.Start)}
    ends = [entry for entry in found.entries if isinstance(entry, e.RunEnd | e.Cancelled | e.Abandoned)]
    assert Counter(end.start for end in ends) == Counter(list(starts))
    assert [(end.run, starts[end.start].run) for end in ends if end.run != starts[end.start].run] == []
    assert len({start.job for start in starts.values()}) == jobs + 2  # the first and the last one
    published = [end.run for end in ends if isinstance(end, e.RunEnd)]
    assert len(set(published)) == len(published)
    assert {start.run for start in starts.values() if start.job.endswith("/last.yaml")} <= set(published)


def check_leases(found: Race) -> None:
    """Who executes holds the start; and an earlier start of the same run has an end, or its lease is over."""
    order = {index: entry for index, entry in enumerate(found.entries) if isinstance(entry, e.Start)}
    for line in found.lines("begin"):
        start = order[line["start"]]
        assert (start.run, start.runner) == (line["run"], line["runner"])
        for index, earlier in order.items():
            if earlier.run == line["run"] and index < line["start"]:
                assert line["wall"] >= moment(earlier.at).timestamp() + earlier.lease
    by_attempt: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for line in sorted(found.told, key=lambda line: float(line["monotonic"])):
        if line["what"] in ("begin", "end"):
            by_attempt.setdefault((line["start"], line["stem"]), []).append(line)
    killed = [(line["killed"], line["monotonic"]) for line in found.lines("kill")]  # process ids come round
    for lines in by_attempt.values():
        for one, following in pairwise(lines):
            if one["what"] == "begin" and following["what"] == "begin":
                between = [pid for pid, at in killed if one["monotonic"] <= at <= following["monotonic"]]
                assert one["pid"] in between, "an attempt begins while it is under way"


def check_receipts(found: Race) -> int:
    """Each finished attempt of a published run has its receipt, and each that was kept within the lease of a start that
    ended as abandoned: every holder lives to publish those. Returns how many there are."""
    published = {entry.start: entry for entry in found.entries if isinstance(entry, e.RunEnd)}
    finished = {(line["start"], line["stem"]) for line in found.lines("end") if line["status"] == "ok"}
    count = 0
    for start, stem in finished:
        if start in published:
            begun = found.state.history.ended[published[start].run].start
            job = begun.job.removeprefix("registry/jobs/").removesuffix(".yaml")
            folder = run_folder(job, begun.run, begun.due)
            assert found.state.snapshot.exists(f"{folder}/bundle/receipts/{stem}.sigstore.json"), (folder, stem)
            count += 1
    starts = {index: entry for index, entry in enumerate(found.entries) if isinstance(entry, e.Start)}
    abandoned = {entry.start for entry in found.entries if isinstance(entry, e.Abandoned)}
    for line in found.lines("kept"):
        begun = starts[line["start"]]
        over = moment(begun.at) + timedelta(seconds=begun.lease)
        if (
            line["start"] in abandoned
            and moment(begun.at) <= moment(line["began"])
            and moment(line["finished"]) <= over
        ):
            job = begun.job.removeprefix("registry/jobs/").removesuffix(".yaml")
            folder = f"{run_folder(job, begun.run, begun.due)}/superseded/{line['start']}"
            path = f"{folder}/bundle/receipts/{line['stem']}.sigstore.json"
            assert found.state.snapshot.exists(path), path
            count += 1
    return count


def check_log(found: Race) -> None:
    """One root for each size that anybody ever signed, and a log and a registry in which a stranger finds no fault."""
    vkey = found.state.trust.log_vkey
    places = [found.folder / name for name in ("remote.git", "people", *NAMES)]
    signed = roots(places, vkey)
    for name in NAMES:
        for kept in (found.folder / f"{name}.state").glob("*/signed"):
            data = json.loads(kept.read_bytes())
            signed.setdefault(data["size"], set()).add(bytes.fromhex(data["root"]))
    assert {size: found for size, found in signed.items() if len(found) != 1} == {}
    assert found.state.checkpoint is not None
    assert max(signed) == found.state.checkpoint.size
    log.fsck(tiles(found.state.snapshot), found.state.checkpoint)
    for place in places:
        subprocess.run(["git", "-C", str(place), "fsck", "--strict", "--no-dangling"], check=True, capture_output=True)
    with GitRepository(found.folder / "fresh", "main", None, Author("a", "a"), None, lambda: 0) as repository:
        report = verify(repository, Anchor(str(found.state.history.genesis), vkey))
    assert report.findings == ()
    assert report.ok


def check_nothing_left(found: Race) -> None:
    """No intent stands, and no spool holds a run that is over."""
    refs = ["git", "-C", str(found.folder / "remote.git"), "for-each-ref", "--format=%(refname)"]
    assert subprocess.run(refs, capture_output=True, text=True, check=True).stdout.split() == ["refs/heads/main"]
    assert [path for name in NAMES for path in (found.folder / f"{name}.spool").glob("*/*")] == []


def check(found: Race, jobs: int) -> None:
    """Everything, and what happened in numbers."""
    check_ticks(found)
    check_ends(found, jobs)
    check_leases(found)
    receipts = check_receipts(found)
    check_log(found)
    check_nothing_left(found)
    kinds = Counter(entry.type for entry in found.entries)
    errors = Counter(line["code"] for line in found.lines("error"))
    print(dict(kinds), dict(errors), len(found.lines("kill")), "kills,", receipts, "receipts,", found.lines("pace"))


def test_four_runners(tmp_path: Path) -> None:
    for found in race(tmp_path, seed=1, jobs=20, at_once=12):
        check(found, 20)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 11))
def test_four_runners_for_long(seed: int, tmp_path: Path) -> None:
    for found in race(tmp_path, seed, 200, at_once=6):
        check(found, 200)
