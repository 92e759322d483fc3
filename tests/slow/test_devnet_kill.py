"""kill -9 of the runner at every line of its journal: after restart nothing stays open, and what was used is paid."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.edges.devnet.net import Devnet
from runner.model import Settlement
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
PROVIDERS = ("de-1", "de-2", "de-3")
"""Runners that work at once have a provider each."""


def killed(net: Devnet, folder: Path, provider: str, cases: Sequence[str]) -> dict[str, str]:
    """How the runner of each case ended."""
    command = [sys.executable, "-m", "tests.killed_runner", str(net.folder), str(folder), provider, *cases]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


def test_a_kill_at_any_step_leaves_nothing_open(devnet: Devnet, tmp_path: Path) -> None:
    cases = [f"{mode}-{place}" for place in range(1, len(STEPS) + 1) for mode in ("before", "after")]
    shares = [[*cases[number :: len(PROVIDERS)]] for number in range(len(PROVIDERS))]
    shares[0].append("after-99")
    with ThreadPoolExecutor(len(PROVIDERS)) as pool:
        ended = pool.map(lambda one: killed(devnet, tmp_path, *one), zip(PROVIDERS, shares, strict=True))
        assert {case: code for found in ended for case, code in found.items()} == dict.fromkeys(cases, "-9") | {
            "after-99": "0"
        }
        wrong = [said for found in pool.map(lambda case: swept(devnet, tmp_path, case), cases) for said in found]
    assert not wrong
    assert [line["step"] for line in Bench(devnet, tmp_path / "after-99").journal()] == list(STEPS)


def swept(net: Devnet, folder: Path, case: str) -> list[str]:
    """What is wrong after a kill, a restart and a sweep."""
    mode, _, number = case.partition("-")
    place, bench = int(number), Bench(net, folder / case)
    with bench.executor() as executor:
        executor.sweep()
        wrong = [f"swept: {one}" for one in bench.left_open()]
        executor.finish(3, run_id("killed"))
        wrong += [f"finished: {one}" for one in bench.left_open()]
        paid = executor.settlement(3, run_id("killed"))
    if paid is None:
        wrong.append("not settled")
    else:
        wrong += unpaid(net, paid, place)
    return [f"{mode} {STEPS[place - 1]}: {one}" for one in wrong]


def unpaid(net: Devnet, paid: Settlement, place: int) -> list[str]:
    """Invoices of ours that were not accepted, or not settled; and whether time that was used was billed at all."""
    accepted = {one.invoice for one in paid.agreements if one.amount != "0"}
    ours = {one.agreement for one in paid.agreements}
    billed = [invoice for invoice in net.invoices() if invoice["agreement"] in ours]
    wrong = [str(one) for one in billed if one["status"] != "ACCEPTED" or one["id"] not in accepted]
    if place > STEPS.index("activity made") + 1 and not accepted:
        wrong.append(f"what was used is not paid: {paid}")
    return wrong
