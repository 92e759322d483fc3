"""The Golem executor on the devnet: one honest attempt, one that overbills and is refused, one that is cancelled."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from runner.edges.devnet.net import Devnet
from runner.edges.golem.executor import GolemExecutor
from tests.golem import Bench, run_id, settled, work

NO_CANCEL = threading.Event()


def answer(seed: int) -> bytes:
    """What tests/benchmarks/echo says."""
    about = json.dumps(["Who are you?", seed, {}], sort_keys=True)
    return f"Who are you? {hashlib.sha256(about.encode()).hexdigest()[:8]}".encode()


def test_an_honest_provider_answers_and_is_paid(devnet: Devnet, tmp_path: Path) -> None:
    bench, run = Bench(devnet, tmp_path), run_id("honest")
    with bench.executor() as executor:
        found = executor.run(work(run, "US", min_grade="egress+rtt"), NO_CANCEL)
        assert (found.status, found.reason) == ("ok", None)
        assert [cell.output for cell in found.cells] == [answer(7), answer(8)]
        assert found.executor.kind == "golem"
        assert found.executor.network == "devnet"
        assert found.executor.simulated
        assert found.region.country == "US"
        assert found.region.observed == "US"
        assert found.region.grade == "egress+rtt"
        assert found.provider.agreement
        assert found.provider.activity
        assert found.invoice
        assert found.times.agreed
        assert found.usage.keys() >= {"wall-ms", "cpu-ms", "memory-kib", "output-bytes"}
        assert json.loads(found.transcript)["stdout"]["cut"] is False
        paid = settled(executor, run)
        (agreement,) = paid.agreements
        assert agreement.invoice == found.invoice
        assert agreement.amount == agreement.asked == paid.amount == found.observed
        assert 0 < float(agreement.amount) <= float(agreement.owed) < 0.01
        assert not bench.left_open()
        executor.settled(3, run)
        assert not bench.journal()
    assert [one["status"] for one in devnet.invoices() if one["id"] == found.invoice] == ["ACCEPTED"]
    expected = ["offers-ranked", "agreement-made", "activity-started", "activity-destroyed", "agreement-ended"]
    assert bench.names() == [*expected, "invoice-accepted"]


def test_an_invoice_above_what_was_used_waits_for_a_person(devnet: Devnet, tmp_path: Path) -> None:
    devnet.fault("de-1", "overcharge", times=1, factor=1000.0)
    bench, run = Bench(devnet, tmp_path), run_id("overcharge")
    with bench.executor() as executor:
        found = executor.run(work(run, avoid=bench.others("de-1")), NO_CANCEL)
        assert found.status == "ok"
        assert found.invoice is None
        assert bench.names()[-1] == "invoice-refused"
        executor.finish(3, run)
        assert executor.settlement(3, run) is None, "it is disputed"
        (invoice,) = [one for one in devnet.invoices() if one["agreement"] == found.provider.agreement]
        (left,) = executor.sweep(dry_run=True)
        assert (left.did, left.id) == ("left", invoice["id"])
        assert executor.decide(invoice["id"], pay=False).did == "dismissed"
        paid = settled(executor, run)
        (agreement,) = paid.agreements
        assert (agreement.amount, paid.amount) == ("0", "0")
        assert float(agreement.asked) > float(agreement.owed)
        assert agreement.why
        assert agreement.why.startswith("refused: ")
        assert not bench.left_open()
    assert [one["status"] for one in devnet.invoices() if one["id"] == invoice["id"]] == ["RECEIVED"]


@pytest.mark.slow
def test_cancel_reaches_the_provider_within_seconds(devnet: Devnet, tmp_path: Path) -> None:
    devnet.fault("sg-2", "slow", times=1, seconds=60.0)
    bench, run, cancel = Bench(devnet, tmp_path), run_id("cancel"), threading.Event()
    asked: list[float] = []

    def when_it_runs() -> None:
        while "activity-started" not in bench.names():
            time.sleep(0.05)
        time.sleep(0.5)
        asked.append(time.monotonic())
        cancel.set()

    watcher = threading.Thread(target=when_it_runs)
    watcher.start()
    with bench.executor() as executor:
        found = executor.run(work(run, "APAC", avoid=bench.others("sg-2")), cancel)
        took = time.monotonic() - asked[0]
        watcher.join()
        assert took < 5
        assert (found.status, found.reason) == ("cancelled", "cancelled: while it ran")
        assert {cell.status for cell in found.cells} == {"missing"}
        assert bench.names()[-2:] == ["activity-destroyed", "agreement-ended"]
        assert not [one for one in bench.left_open() if not one.startswith("allocation")]
        paid = settled(executor, run)
        assert [agreement.why for agreement in paid.agreements] == [None], "what was used is paid"
        assert not bench.left_open()


@pytest.mark.slow
def test_an_executor_that_is_closed_ends_what_it_had_begun(devnet: Devnet, tmp_path: Path) -> None:
    devnet.fault("de-2", "slow", times=1, seconds=60.0)
    bench, run = Bench(devnet, tmp_path), run_id("closed")
    executor = GolemExecutor(bench.setting(), bench.events.append)

    def attempt() -> None:
        with contextlib.suppress(CancelledError):
            executor.run(work(run, avoid=bench.others("de-2")), NO_CANCEL)

    runner = threading.Thread(target=attempt)
    runner.start()
    while "activity-started" not in bench.names():
        time.sleep(0.05)
    executor.close()  # as after a second Ctrl-C
    runner.join(10)
    assert not runner.is_alive()
    assert not [one for one in bench.left_open() if not one.startswith("allocation")]
    with bench.executor() as after:
        assert len(settled(after, run).agreements) == 1
    assert not bench.left_open()
