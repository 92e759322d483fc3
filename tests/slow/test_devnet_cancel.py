"""A job's file is removed while its attempts run: a real reconcile process on a clone, a push by somebody else, and the
real yagna daemon. The activity ends, what was attempted has receipts, what was used is paid, and nothing stays open."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runner.commands.places import git, opened
from runner.commands.start import write_trust
from runner.commands.verify import check
from runner.dossier import as_json, dossier, find_run
from runner.edges.devnet.net import Devnet
from runner.edges.keys import load_signer
from runner.model import entry as e
from runner.state import State, read_state
from tests.conftest import ROOT
from tests.golem import Bench
from tests.scratch import JOB, Scratch, scratch

pytestmark = pytest.mark.slow

GOLEM = 'golem:\n  network: devnet\n  prices: {start: "0", hour: "1", cpuHour: "1"}\n'
LIMITS = {"queueSeconds": 30, "startSeconds": 30, "runSeconds": 60, "totalSeconds": 300, "memoryMiB": 256}
WITHIN = 5.0
"""Seconds from the push until the activity is gone. A runner looks every 2 s whether its work is still wanted."""


def paid(place: Scratch) -> None:
    """Money to spend on the devnet, and a job that spends it."""
    policy = place.clone / "registry" / "policy.yaml"
    text = policy.read_text()
    for name in ("job", "ownerMonth", "month"):
        text = text.replace(f'  {name}:\n    GLM: "0"\n', f'  {name}:\n    GLM: "9"\n')
    policy.write_text(text + GOLEM)
    write_trust(place.clone, "maintainer", load_signer(place.keys / "maintainer"), keep=False)
    place.write_job(
        revision=2,
        sampling={"providers": 1, "replicas": 1, "seeds": "shared"},
        minRegions=3,
        limits=LIMITS,
        budget={"currency": "GLM", "total": "1.5", "perRegion": "0.5"},
    )
    place.push("Ask on the devnet")


def reconcile(place: Scratch, net: Devnet, cache: Path) -> subprocess.Popen[str]:
    """A runner, in a process of its own. Its events' names go to stdout."""
    known = {"BEACON_STATE": place.state, "BEACON_CACHE": cache, "BEACON_DEVNET": net.folder, "PYTHONPATH": ROOT}
    program = [sys.executable, str(ROOT / "tests" / "e2e" / "reconcile_until.py"), str(place.clone)]
    return subprocess.Popen(
        [*program, str(place.keys / "runner"), "0"],
        env={**os.environ, **{name: str(path) for name, path in known.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def remove(place: Scratch, people: Path) -> None:
    """Somebody else removes the job, and pushes that."""
    git(place.place, "clone", "--quiet", "registry.git", people.name)
    git(people, "rm", "--quiet", JOB, f"{JOB}.sig")
    who = ("-c", "user.name=Alice", "-c", "user.email=alice@example.org", "-c", "commit.gpgsign=false")
    git(people, *who, "commit", "--quiet", "--message", "Nobody wants to know any more")
    git(people, "push", "--quiet", "origin", "main")


def recorded(place: Scratch) -> tuple[State, dict[str, Any]]:
    """What the branch says now, and all that is recorded of the job's run."""
    with opened(place.clone, remote="origin") as repository:
        repository.refresh()
        state = read_state(repository, repository.head())
        return state, as_json(dossier(state, find_run(state, "who")))


def test_a_job_removed_while_it_runs(devnet: Devnet, tmp_path: Path) -> None:
    for name in ("us-1", "us-2", "us-3"):
        devnet.fault(name, "slow", seconds=60.0)
    place = scratch(tmp_path / "registry")
    paid(place)
    before = {one["id"] for one in devnet.activities()}
    runner = reconcile(place, devnet, tmp_path / "cache")
    said: list[str] = []
    assert runner.stdout is not None
    try:
        while said.count("attempt-finished") < 2:  # the two regions that are not slow
            line = runner.stdout.readline()
            assert line, said
            said.append(line.strip())
        slow = [one for one in devnet.activities() if one["id"] not in before and one["state"] != "Terminated"]
        assert len(slow) == 1, "one region still works"
        remove(place, place.place / "people")
        pushed = time.monotonic()
        while any(one["id"] == slow[0]["id"] and one["state"] != "Terminated" for one in devnet.activities()):
            assert time.monotonic() - pushed < 60
            time.sleep(0.05)
        took = time.monotonic() - pushed
        rest, _ = runner.communicate(timeout=60)
        done = time.monotonic() - pushed
    finally:
        if runner.poll() is None:
            runner.kill()
            runner.wait()
    said += rest.split()
    print(f"activity destroyed {took:.2f} s after the push, receipts published after {done:.2f} s")
    assert runner.returncode == 0, said
    assert took < WITHIN
    assert said.count("run-cancelled") == 1

    now, told = recorded(place)
    (over,) = now.history.ended.values()
    assert isinstance(over.end, e.Cancelled)
    assert over.end.manifest
    assert not now.history.open
    assert not now.history.unsettled, "what was used is settled in the same tick"
    attempts = {one["attempt"]["region"]: one for one in told["attempts"]}
    assert {region: one["status"] for region, one in attempts.items()} == {"EU": "ok", "APAC": "ok", "US": "cancelled"}
    assert attempts["US"]["reason"] == "cancelled: while it ran"
    assert all(one["settled"]["agreement"] == one["provider"]["agreement"] for one in attempts.values())
    assert told["cutShort"] == []
    assert told["starts"][0]["settlement"]["disputed"] == "0"
    report = check(place.clone, None, tmp_path / "seen")
    assert report.findings == ()
    agreements = {one["provider"]["agreement"] for one in attempts.values()}
    assert not [one for one in devnet.activities() if one["agreement"] in agreements and one["state"] != "Terminated"]
    assert not [one for one in devnet.agreements() if one["id"] in agreements and one["state"] == "Approved"]
    bench = Bench(devnet, tmp_path / "registry")
    assert not bench.left_open(agreements)
