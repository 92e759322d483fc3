"""Failing providers: with the policy's five retries, hardly a run is left incomplete. In simulated time."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Sequence

import pytest

from runner.edges.memory import MemorySpool
from runner.execute import Order, execute
from runner.model import Policy, sha256
from runner.model.receipt import Provider
from runner.model.run import cells
from runner.ports import AttemptResult, CellOutput, Event, Work
from tests import make
from tests.fake_executor import FakeExecutor

FAILING = 0.3
START_LIMIT, ANSWERED = 120, (20, 90)
"""Seconds: a failing attempt uses up to the first, an answering one a time between the second."""


TEMPLATE = make.result(make.run(), [CellOutput(next(cells(make.job())), 0, "missing", None, None, None, None)])


class Unreliable(FakeExecutor):
    """Every attempt fails with the same chance, whoever serves it. The clock moves by the longest of each round."""

    def __init__(self, seed: int) -> None:
        super().__init__(capacity=1)
        self.clock = 0.0
        self._seed = seed
        self._round = 0.0

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """One more attempt, on a provider that nobody had before."""
        chance = random.Random(f"{self._seed} {work.attempt.run} {work.attempt.stem}")
        failed = chance.random() < FAILING
        seconds = chance.uniform(0, START_LIMIT) if failed else chance.uniform(*ANSWERED)
        self._round = max(self._round, seconds)
        number = next(number for number in itertools.count() if f"node-{number}" not in work.avoid)
        return TEMPLATE._replace(
            attempt=work.attempt,
            status="failed" if failed else "ok",
            retryable=failed,
            cells=tuple(
                CellOutput(cell, seed, "missing" if failed else "ok", None if failed else b"fine", None, None, None)
                for cell, seed in work.cells
            ),
            provider=Provider(id=f"node-{number}", name="simulated"),
        )

    def emit(self, event: Event) -> None:
        """A round is over when the next one begins."""
        if event.name in ("round-started", "run-executed"):
            self.clock += self._round
            self._round = 0.0


def simulate(number: int, order: Order) -> tuple[Sequence[AttemptResult], float]:
    """One run: its results, and how long it took in simulated seconds."""
    executor = Unreliable(seed=7)
    run = make.run().model_copy(update={"run": sha256(str(number).encode())})
    order = order._replace(run=run)
    done = execute(order, executor, MemorySpool(), executor.emit, threading.Event(), lambda: executor.clock)
    return done, executor.clock


@pytest.mark.parametrize(
    ("runs", "about", "share"), [(100, 0.03, 0.97), pytest.param(1000, 0.01, 0.99, marks=pytest.mark.slow)]
)
def test_hardly_a_run_is_incomplete_when_three_attempts_in_ten_fail(runs: int, about: float, share: float) -> None:
    spec = make.job(sampling={"providers": 3, "replicas": 1, "seeds": "shared"})
    policy: Policy = make.policy()
    assert spec.spec.retries == policy.caps.retries == 5
    order = Order(make.run(), spec, {"echo": {"benchmark.py": b""}}, policy)
    complete = attempts = failed = 0
    for number in range(runs):
        results, seconds = simulate(number, order)
        assert seconds <= spec.spec.limits.total_seconds
        slots: dict[tuple[str, int], list[AttemptResult]] = {}
        for result in results:
            slots.setdefault((result.attempt.region, result.attempt.slot), []).append(result)
        assert len(slots) == 9
        for made in slots.values():
            assert [result.attempt.n for result in made] == list(range(1, len(made) + 1))
            assert len(made) <= 6
            assert len({result.provider.id for result in made}) == len(made), "a retry goes to another provider"
            assert made[-1].status == "ok" or len(made) == 6
        complete += all(made[-1].status == "ok" for made in slots.values())
        attempts += len(results)
        failed += sum(result.status != "ok" for result in results)
    assert abs(failed / attempts - 0.3) < about
    assert complete >= share * runs
