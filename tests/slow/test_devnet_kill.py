"""kill -9 of the runner at every line of its journal: after restart nothing stays open, and what was used is paid."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.edges.devnet.net import Devnet
from tests.conftest import ROOT
from tests.golem import Bench, run_id

pytestmark = pytest.mark.slow

STEPS = (
    "begun",
    "allocation asked",
    "allocation made",
    "agreement asked",
    "agreement made",
    "agreement confirming",
    "agreement approved",
    "activity asked",
    "activity made",
    "attempt judged",
    "agreement ended",
    "invoice accepting",
    "invoice accepted",
    "allocation released",
    "finished",
)
TOGETHER = 3
"""Children at once: each has a provider of its own."""


def child(net: Devnet, folder: Path, provider: str, mode: str, place: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.killed_runner", str(net.folder), str(folder), provider, mode, str(place)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_steps_are_these(devnet: Devnet, tmp_path: Path) -> None:
    done = child(devnet, tmp_path, "de-1", "after", 99)
    assert done.returncode == 0, done.stderr
    assert [line["step"] for line in Bench(devnet, tmp_path).journal()] == list(STEPS)


def test_a_kill_at_any_step_leaves_nothing_open(devnet: Devnet, tmp_path: Path) -> None:
    cases = [(mode, place) for place in range(1, len(STEPS) + 1) for mode in ("before", "after")]

    def one(number: int) -> list[str]:
        mode, place = cases[number]
        return killed_and_swept(devnet, tmp_path / f"{mode}-{place}", f"de-{number % TOGETHER + 1}", mode, place)

    with ThreadPoolExecutor(TOGETHER) as pool:
        wrong = [found for found in pool.map(one, range(len(cases))) if found]
    assert not wrong


def killed_and_swept(net: Devnet, folder: Path, provider: str, mode: str, place: int) -> list[str]:
    """What is wrong after a kill, a restart and a sweep."""
    said = f"{mode} {STEPS[place - 1]}"
    done = child(net, folder, provider, mode, place)
    if done.returncode != -9:
        return [f"{said}: exit {done.returncode} {done.stderr[-500:]}"]
    bench = Bench(net, folder)
    with bench.executor() as executor:
        executor.sweep()
        wrong = [f"{said}, swept: {one}" for one in bench.left_open()]
        executor.finish(3, run_id("killed"))
        wrong += [f"{said}, finished: {one}" for one in bench.left_open()]
        paid = executor.settlement(3, run_id("killed"))
    if paid is None:
        return [*wrong, f"{said}: not settled"]
    accepted = {one.invoice for one in paid.agreements if one.amount != "0"}
    ours = {one.agreement for one in paid.agreements}
    for invoice in net.invoices():
        if invoice["agreement"] in ours and (invoice["status"] != "ACCEPTED" or invoice["id"] not in accepted):
            wrong.append(f"{said}: invoice {invoice}")
    if place > STEPS.index("activity made") + 1 and not accepted:
        wrong.append(f"{said}: what was used is not paid: {paid}")
    return wrong
