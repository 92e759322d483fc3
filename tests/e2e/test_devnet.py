"""Every way in which a provider fails, on the real yagna daemon: the attempt says why, another provider answers,
nothing stays open, and nothing is paid above what was used. Independent faults strike at once, each on a provider of
its own.

What each test looks at: the attempt's result, the settlement, the daemon's lists, and what the providers see."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from runner.edges.devnet.net import Devnet
from runner.edges.golem.connection import find
from runner.edges.golem.daemon import Daemon
from runner.edges.golem.executor import GolemExecutor
from runner.errors import Environment
from runner.model.policy import Golem
from runner.ports import AttemptResult
from tests.golem import OF_COUNTRY, Bench, in_parallel, run_id, settled, work

pytestmark = pytest.mark.slow

NEVER = threading.Event()


class Fault(NamedTuple):
    """A row of the table: who has it, what it is, what the attempt says, and what becomes of the invoice.

    `paid`: accepted, refused, never (none comes), or none (nothing was used). `ok`: it answers nevertheless."""

    provider: str
    kind: str
    reason: str
    paid: str = "accepted"
    ok: bool = False
    options: Mapping[str, Any] = MappingProxyType({})
    limits: Mapping[str, int] = MappingProxyType({})


SHORT = {"queueSeconds": 10}
TABLE = (
    (
        Fault("de-1", "reject-proposal", r"queue: .* 1 did not accept", "none", limits=SHORT),
        Fault("de-2", "activity-fail", r"activity: the provider started none", "none"),
        Fault("de-3", "overcharge", r"", "refused", ok=True, options={"factor": 1000.0}),
        Fault("us-1", "reject-agreement", r"queue: .* 1 did not accept", "none", limits=SHORT),
        Fault("us-2", "deploy-fail", r"deploy: the image did not deploy"),
        Fault("us-3", "flood", r"output: the wrapper's line breaks the format"),
        Fault("sg-1", "silent-agreement", r"queue: .* 1 did not accept", "none", limits=SHORT),
        Fault("sg-2", "die-mid-batch", r"provider: it ended the activity"),
        Fault("sg-3", "binary", r"output: the wrapper's line breaks the format"),
    ),
    (
        Fault("de-1", "slow", r"run: no end within 1 s", options={"seconds": 60.0}, limits={"runSeconds": 1}),
        Fault("de-2", "wrong-country", r"region: it says DE, but its traffic left from US", options={"country": "US"}),
        Fault("us-1", "no-invoice", r"", "never", ok=True),
        Fault("us-2", "clock", r"", ok=True),
        Fault("sg-1", "crash", r"provider: out of reach"),
        Fault("sg-2", "swap", r"", ok=True, options={"parameters": {"model": "another"}}),
    ),
)


@pytest.fixture
def bench(devnet: Devnet, tmp_path: Path) -> Bench:
    return Bench(devnet, tmp_path)


@pytest.fixture
def executor(bench: Bench) -> Iterator[GolemExecutor]:
    with bench.executor() as executor:
        yield executor


@pytest.mark.parametrize("faults", TABLE, ids=["first", "second"])
def test_faults_at_once(bench: Bench, executor: GolemExecutor, faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        bench.net.fault(fault.provider, fault.kind, **fault.options)
    calls = [partial(first_attempt, bench, executor, fault) for fault in faults]
    found = in_parallel(calls)
    for fault, result in zip(faults, found, strict=True):
        judge(bench, fault, result)
    bench.net.clear_faults()
    retried = [(fault, result) for fault, result in zip(faults, found, strict=True) if not fault.ok]
    again = in_parallel([partial(second_attempt, bench, executor, fault) for fault, _ in retried])
    for (fault, before), result in zip(retried, again, strict=True):
        assert (result.status, result.reason) == ("ok", None), fault
        assert result.provider.id != before.provider.id, fault
    for fault, result in zip(faults, found, strict=True):
        settle(bench, executor, fault, result)
    assert not bench.left_open()


def first_attempt(bench: Bench, executor: GolemExecutor, fault: Fault) -> AttemptResult:
    """On the faulty provider alone."""
    asked = work(
        run_id(fault.kind),
        OF_COUNTRY[fault.provider[:2].upper()],
        avoid=bench.others(fault.provider),
        limits=dict(fault.limits),
    )
    return executor.run(asked, NEVER)


def second_attempt(bench: Bench, executor: GolemExecutor, fault: Fault) -> AttemptResult:
    """On anybody else of the region."""
    region = OF_COUNTRY[fault.provider[:2].upper()]
    return executor.run(work(run_id(fault.kind), region, avoid={bench.provider(fault.provider)}, n=2), NEVER)


def judge(bench: Bench, fault: Fault, result: AttemptResult) -> None:
    """The result says what happened, and no more."""
    assert result.times.queued <= result.times.finished
    if fault.ok:
        assert (result.status, result.reason) == ("ok", None), fault
        assert all(cell.output for cell in result.cells)
        return
    assert result.reason, fault
    assert re.match(fault.reason, result.reason), (fault, result.reason)
    assert result.retryable
    timeout = result.reason.startswith(("queue:", "run:"))
    assert result.status == ("timeout" if timeout else "failed")
    assert {cell.status for cell in result.cells} == {"timeout" if timeout else "missing"}
    hired = fault.provider if not result.reason.startswith("queue:") else None
    assert result.provider.id == (bench.provider(hired) if hired else "none")


def settle(bench: Bench, executor: GolemExecutor, fault: Fault, result: AttemptResult) -> None:
    """The settlement holds what was used, and the provider sees what we decided."""
    run = run_id(fault.kind)
    executor.finish(3, run)
    seen = {one["agreement"]: one for one in bench.net.invoices()}
    invoice = seen.get(result.provider.agreement or "")
    if fault.paid == "refused":
        assert executor.settlement(3, run) is None
        assert invoice
        assert invoice["status"] == "RECEIVED"
        executor.decide(invoice["id"], pay=False)
    paid = settled(executor, run)
    ours = [one for one in paid.agreements if one.agreement == result.provider.agreement]
    assert all(Decimal(one.amount) <= Decimal(one.owed) for one in paid.agreements), fault
    if fault.paid == "none":
        assert [one.why for one in ours] in ([], ["no activity was started"]), fault
    elif fault.paid == "never":
        assert [one.why for one in ours] == ["no invoice came"], fault
    elif fault.paid == "refused":
        assert [one.amount for one in ours] == ["0"]
    else:
        assert invoice, fault
        assert invoice["status"] == "ACCEPTED", fault
        assert Decimal(ours[0].amount) == Decimal(invoice["amount"]) > 0, fault


def test_no_provider_in_a_country(bench: Bench, executor: GolemExecutor) -> None:
    run = run_id("nobody")
    begun = time.monotonic()
    result = executor.run(work(run, countries=("FR",), limits={"queueSeconds": 3}), NEVER)
    assert time.monotonic() - begun < 20
    assert result.status == "timeout"
    assert result.reason
    assert result.reason.startswith("queue: no provider in EU within 3 s: ")
    assert "for country" in result.reason
    assert settled(executor, run).agreements == ()
    assert not bench.left_open()


def test_every_provider_of_a_region_bad(bench: Bench, executor: GolemExecutor) -> None:
    run = run_id("all bad")
    for name in ("sg-1", "sg-2", "sg-3"):
        bench.net.fault(name, "deploy-fail")
    avoid: set[str] = set()
    for n in (1, 2, 3):
        result = executor.run(work(run, "APAC", n=n, avoid=avoid), NEVER)
        assert result.reason == "deploy: the image did not deploy"
        assert result.provider.id not in avoid
        avoid.add(result.provider.id)
    result = executor.run(work(run, "APAC", n=4, limits={"queueSeconds": 2}), NEVER)
    assert result.reason
    assert result.reason.startswith("queue: no provider in APAC within 2 s: ")
    assert re.search(r"[3-9] for banned", result.reason), "a provider that came back has a stale offer besides its own"
    assert len(settled(executor, run).agreements) == 3
    assert not bench.left_open()


def test_money_ends_the_work(bench: Bench, executor: GolemExecutor) -> None:
    broke = executor.run(work(run_id("broke"), budget="0"), NEVER)
    assert broke.reason == "budget: the region's 0 GLM are spent"
    assert not broke.retryable
    poor = executor.run(work(run_id("poor"), budget="0.00001"), NEVER)
    assert poor.reason
    assert poor.reason.startswith("budget: no provider in EU costs as little as the 0.00001 GLM")
    assert not poor.retryable
    for name in ("broke", "poor"):
        assert settled(executor, run_id(name)).amount == "0"
    assert not bench.left_open()


def test_failed_attempts_may_take_half(bench: Bench, executor: GolemExecutor) -> None:
    run = run_id("half")
    for name in ("us-1", "us-2", "us-3"):
        bench.net.fault(name, "deploy-fail")
        bench.net.fault(name, "no-invoice")
    limits = {"startSeconds": 1, "runSeconds": 1}
    found = [executor.run(work(run, "US", n=n, budget="0.00015", limits=limits), NEVER) for n in (1, 2)]
    assert found[0].reason == "deploy: the image did not deploy"
    assert found[1].reason
    assert found[1].reason.startswith("budget: ")
    assert not found[1].retryable
    settled(executor, run)
    assert not bench.left_open()


def test_the_daemon_stops_in_the_middle(bench: Bench, executor: GolemExecutor) -> None:
    bench.net.fault("de-1", "slow", times=1, seconds=3.0)
    run = run_id("daemon stops")

    def stop_it() -> None:
        while "activity-started" not in bench.names():
            time.sleep(0.05)
        time.sleep(1.5)
        bench.net.stop_daemon()

    stopper = threading.Thread(target=stop_it)
    stopper.start()
    try:
        result = executor.run(work(run, avoid=bench.others("de-1")), NEVER)
        stopper.join()
        assert result.status == "failed"
        assert result.reason
        assert result.reason.startswith("daemon: ")
        assert result.retryable
        executor.finish(3, run)
        assert executor.settlement(3, run) is None
        restart = threading.Timer(2.0, bench.net.start_daemon)
        restart.start()
        again = executor.run(work(run, avoid={bench.provider("de-1")}, n=2, limits={"queueSeconds": 60}), NEVER)
        restart.join()
        assert again.status == "ok", again.reason
    finally:
        stopper.join()
        bench.net.start_daemon()
    assert settled(executor, run).agreements
    assert not bench.left_open()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"apiUrl": "http://127.0.0.1:9"}, "golem-daemon"),
        ({"appKey": "wrong"}, "golem-key"),
        ({"paymentDriver": "zksync"}, "golem-funds"),
    ],
    ids=["not there", "wrong key", "no funds"],
)
def test_this_machines_faults_are_said_before_money_is_spent(
    bench: Bench, tmp_path: Path, change: dict[str, str], code: str
) -> None:
    elsewhere = tmp_path / "net"
    elsewhere.mkdir()
    (elsewhere / "devnet.json").write_text(json.dumps({**bench.net.facts, **change}))
    bench.environ["BEACON_DEVNET"] = str(elsewhere)
    with bench.executor() as executor, pytest.raises(Environment) as error:
        executor.run(work(run_id("machine")), NEVER)
    assert error.value.code == code


def test_a_daemon_that_went_away_leaves_a_run_open_not_lost(bench: Bench, executor: GolemExecutor) -> None:
    executor.finish(3, run_id("empty"))
    assert executor.settlement(3, run_id("empty")) is not None


def test_two_of_one_identity_exclude_each_other(bench: Bench, executor: GolemExecutor) -> None:
    executor.finish(3, run_id("first"))
    with bench.executor() as second, pytest.raises(Environment) as error:
        second.sweep()
    assert error.value.code == "golem-busy"


def test_too_dear_for_the_policy(devnet: Devnet, tmp_path: Path) -> None:
    policy = Golem.from_json({"network": "devnet", "prices": {"start": "0", "hour": "0.001", "cpuHour": "1"}})
    bench = Bench(devnet, tmp_path, policy)
    with bench.executor() as executor:
        result = executor.run(work(run_id("dear"), limits={"queueSeconds": 2}), NEVER)
        assert result.reason
        assert "for price" in result.reason
        settled(executor, run_id("dear"))
    assert not bench.left_open()


def test_a_sweep_leaves_alone_what_is_not_ours(bench: Bench, executor: GolemExecutor) -> None:
    async def allocated() -> str:
        daemon = Daemon(find(bench.policy, bench.setting().environ, bench.folder))
        try:
            return await daemon.allocate(Decimal("0.123"))
        finally:
            await daemon.close()

    async def released(name: str) -> bool:
        daemon = Daemon(find(bench.policy, bench.setting().environ, bench.folder))
        try:
            there = name in {one.id for one in await daemon.allocations()}
            await daemon.release(name)
            return not there
        finally:
            await daemon.close()

    other = asyncio.run(allocated())
    result = executor.run(work(run_id("ours")), NEVER)
    assert result.status == "ok"
    swept = executor.sweep()
    assert [(one.did, one.what) for one in swept] == [("released", "allocation")]
    assert not asyncio.run(released(other))
    settled(executor, run_id("ours"))
    assert not bench.left_open()
