"""kill -9 on the real demo, with the real model: three times in one story, and the registry verifies in the end."""

from __future__ import annotations

import random
import signal
from functools import partial
from pathlib import Path

import pytest

from runner.commands import demo
from runner.commands.verify import check
from tests.e2e.test_crash import reconcile_until
from tests.preloaded import Preloaded
from tests.scratch import Scratch, demand_sandbox

SEED = 20261122


@pytest.mark.slow
def test_the_demo_killed_three_times(preloaded: Preloaded, tmp_path: Path) -> None:
    demand_sandbox()
    place, origin = Scratch(tmp_path), "demo-crash.invalid/log"
    demo.registry(place.place, place.clone, place.keys, origin, golem=False)
    demo.contribute(place.clone, place.keys, origin, demo.HONEST, demo.SWAPPED)
    reconcile = partial(reconcile_until, preloaded, tmp_path / "cache", place, seconds=600)
    seen: list[str] = []
    for moment in sorted(random.Random(SEED).sample(range(8, 30), 3)):
        killed = reconcile(moment)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        seen += killed.stdout.split()
    done = reconcile(0)
    assert done.returncode == 0, done.stderr
    attempts = (seen + done.stdout.split()).count("attempt-finished")
    assert 18 <= attempts <= 18 + 3 * 3, "what had finished was kept"
    report = check(place.clone, None, tmp_path / "seen")
    assert report.ok, report
    assert reconcile(0).stdout.split() == ["planned"]
