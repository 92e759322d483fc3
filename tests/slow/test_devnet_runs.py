"""Whole runs on the devnet: a job of three regions by the real `execute`, and twenty of them where nearly every third
attempt fails, at random: all complete within the policy's five retries."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.edges.devnet.net import Devnet, default_providers
from runner.edges.golem.executor import GolemExecutor
from runner.edges.memory import MemorySpool
from runner.execute import Order, execute
from runner.model import JobSpec, Policy, Run
from tests import make
from tests.devnet.fixture import cache
from tests.golem import ECHO, LIMITS, POLICY, REGIONS, Bench, run_id, settled, target

pytestmark = pytest.mark.slow

RUNS = 20
CHANCE = 0.3
EACH = 8
"""Providers a country: a failed one is banned from its run's region, and five retries need five more."""


@pytest.fixture(scope="module")
def wide() -> Iterator[Devnet]:
    """A network with more providers, each of which fails now and then."""
    folder = Path(tempfile.mkdtemp(prefix="beacon-wide-"))
    try:
        with Devnet.started(folder, cache(), default_providers(each=EACH)) as net:
            for number, one in enumerate(net.facts["providers"]):
                kind = ("die-mid-batch", "deploy-fail", "activity-fail")[number % 3]
                net.fault(one["name"], kind, chance=CHANCE, seed=number)
            yield net
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def order(name: str, providers: int) -> Order:
    """A run of the echo job in three regions."""
    spec = make.job_data(
        targets=[target().to_json()],
        sampling={"providers": providers, "replicas": 1, "seeds": "shared"},
        limits=LIMITS | {"totalSeconds": 600},
        budget={"currency": "GLM", "total": "3", "perRegion": "1"},
    )["spec"]
    job = JobSpec.from_json(make.job_data(**spec))
    run = make.run(start=3).model_copy(update={"run": run_id(name)})
    regions = {name: list(countries) for name, countries in REGIONS.items()}
    policy: Policy = make.policy(regions=regions, golem=POLICY.to_json())
    return Order(Run.from_json(run.to_json()), job, {"echo": ECHO}, policy)


def complete(executor: GolemExecutor, asked: Order) -> list[str]:
    """What is missing of a run, and how it was paid."""
    results = execute(asked, executor, MemorySpool(), lambda _: None, threading.Event(), time.monotonic)
    paid = settled(executor, asked.run.run)
    answered = {
        (result.attempt.region, result.attempt.slot) for result in results for cell in result.cells if cell.output
    }
    slots = {(region, slot) for region in REGIONS for slot in range(1, asked.job.spec.sampling.providers + 1)}
    missing = [f"{asked.run.run[:8]} {slot}: not answered" for slot in sorted(slots - answered)]
    hired = {result.provider.agreement for result in results if result.provider.agreement}
    if {one.agreement for one in paid.agreements} != hired:
        missing.append(f"{asked.run.run[:8]}: {len(paid.agreements)} agreements settled, {len(hired)} in the receipts")
    return missing


def test_a_whole_run_of_three_regions_by_three_providers(devnet: Devnet, tmp_path: Path) -> None:
    bench = Bench(devnet, tmp_path)
    with bench.executor() as executor:
        assert not complete(executor, order("whole", 3))
        assert not bench.left_open()
    hired = [str(event.facts["provider"]) for event in bench.events if event.name == "agreement-made"]
    assert len(set(hired)) == len(hired) == 9


def test_twenty_of_twenty_runs_complete_where_attempts_fail_at_random(wide: Devnet, tmp_path: Path) -> None:
    bench = Bench(wide, tmp_path)
    with bench.executor() as executor:  # one after the other: then who is asked when, and fails, is the same each time
        missing = [complete(executor, order(f"run {number}", 1)) for number in range(RUNS)]
        assert not [said for found in missing for said in found]
        assert not bench.left_open()
    made = sum(name == "agreement-made" for name in bench.names())
    assert made > 3 * RUNS * 1.2, "faults struck"
