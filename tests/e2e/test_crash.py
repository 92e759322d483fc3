"""kill -9 at any moment: the next reconcile completes, nothing is half written, no size of the log is signed twice.

The moments are the pipeline's own events, so that every stage is hit; git, the sandbox and the files are the real ones.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from runner.commands.places import opened
from runner.model import entry as e
from runner.state import read_state
from tests.conftest import ROOT
from tests.preloaded import PATIENCE, Preloaded
from tests.scratch import Scratch, demand_sandbox, scratch
from tests.signed import roots

MOMENTS = 20
SEED = 20261122


Reconcile = Callable[[Scratch, int], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def reconcile(preloaded: Preloaded, cache: Path) -> Reconcile:
    """`reconcile_until`, where the cache is this module's."""
    return partial(reconcile_until, preloaded, cache)


def reconcile_until(
    preloaded: Preloaded, cache: Path, place: Scratch, nth: int, seconds: float = PATIENCE
) -> subprocess.CompletedProcess[str]:
    """Reconcile in a process of its own, which kills itself at the nth event."""
    environment = {**os.environ, "BEACON_STATE": str(place.state), "BEACON_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    arguments = [str(place.clone), str(place.keys / "runner"), str(nth)]
    return preloaded.run("tests.e2e.reconcile_until:program", arguments, place.place, environment, seconds)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A registry that nobody has reconciled; tests copy it."""
    demand_sandbox()
    return scratch(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def events(fresh: Scratch, reconcile: Reconcile, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The events of an undisturbed tick, in their order."""
    done = reconcile(fresh.copy(tmp_path_factory.mktemp("calm") / "registry"), 0)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def moments(names: list[str]) -> list[int]:
    """Seeded event numbers, from 1: each kind of event at least once, the rest anywhere."""
    chance = random.Random(SEED)
    by_name: dict[str, list[int]] = {}
    for number, name in enumerate(names, 1):
        by_name.setdefault(name, []).append(number)
    chosen = {chance.choice(numbers) for numbers in by_name.values()}
    rest = sorted(set(range(1, len(names) + 1)) - chosen)
    return sorted(chosen | set(chance.sample(rest, max(0, MOMENTS - len(chosen)))))


def check_whole(place: Scratch) -> None:
    """One published run, each start with one end, one signed root for each size, a repository that git finds sound."""
    with opened(place.clone, remote="origin") as repository:
        repository.refresh()
        assert repository.intent() is None
        state = read_state(repository, repository.head())
        vkey = state.trust.log_vkey
    assert state.checkpoint is not None
    assert not state.history.open
    assert [end.end.type for end in state.history.ended.values()] == ["run"]
    starts = [end for end in state.history.ended.values() if isinstance(end.end, e.RunEnd)]
    assert len(starts) == 1
    signed = roots((place.remote, place.clone), vkey)
    assert state.checkpoint.size in signed
    assert all(len(found) == 1 for found in signed.values()), "a size of the log was signed twice"
    for folder in (place.remote, place.clone):
        subprocess.run(["git", "-C", str(folder), "fsck", "--strict"], check=True, capture_output=True)
    status = subprocess.run(["git", "-C", str(place.clone), "status", "--porcelain"], capture_output=True, text=True)
    assert status.stdout == ""


@pytest.mark.parametrize("share", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_every_stage(
    share: int, fresh: Scratch, reconcile: Reconcile, events: list[str], tmp_path: Path
) -> None:
    chosen = moments(events)
    assert len(chosen) >= MOMENTS
    assert {events[number - 1] for number in chosen} == set(events)
    chosen = chosen[::share]  # the quick tests take every fifth moment

    def kill_and_recover(number: int) -> None:
        place = fresh.copy(tmp_path / str(number))
        killed = reconcile(place, number)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        again = reconcile(place, 0)
        assert again.returncode == 0, f"after {events[number - 1]} ({number}): {again.stderr}"
        check_whole(place)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:  # the work is in the processes
        assert len(list(pool.map(kill_and_recover, chosen))) == len(chosen)


def test_killed_again_while_recovering(fresh: Scratch, reconcile: Reconcile, events: list[str], tmp_path: Path) -> None:
    place = fresh.copy(tmp_path / "registry")
    won = [number for number, name in enumerate(events, 1) if name == "intent-won"]
    assert reconcile(place, won[1]).returncode == -signal.SIGKILL
    for number in (1, 2, 3):  # intent-found, second-engine, checkpoint-signed
        assert reconcile(place, number).returncode == -signal.SIGKILL
    assert reconcile(place, 0).returncode == 0
    check_whole(place)


def test_a_second_tick_writes_nothing(fresh: Scratch, reconcile: Reconcile, tmp_path: Path) -> None:
    place = fresh.copy(tmp_path / "registry")
    assert reconcile(place, 0).returncode == 0
    before = subprocess.run(["git", "-C", str(place.remote), "show-ref"], capture_output=True, text=True).stdout
    assert reconcile(place, 0).stdout.split() == ["planned"]
    after = subprocess.run(["git", "-C", str(place.remote), "show-ref"], capture_output=True, text=True).stdout
    assert before == after
