"""Money from end to end: the real pipeline and the Golem executor, on the real yagna daemon. What the settlement, the
receipts and the ledger say of it fits together, and the verifier agrees."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.dossier import as_json, dossier, find_run
from runner.edges.devnet.net import Devnet
from runner.ipfs.unixfs import folder_cid
from runner.model.ledger import LedgerAttempt, LedgerSettlement
from runner.rendering.pages import ledgers
from runner.verify import Production, verify
from tests.golem import ECHO, Bench
from tests.paid import allow
from tests.test_ledger import lines
from tests.ticks import state
from tests.worlds import Registry, job_file

pytestmark = pytest.mark.slow

PRICES = 'golem:\n  network: devnet\n  prices: {start: "0", hour: "1", cpuHour: "1"}\n'
LIMITS = {"queueSeconds": 30, "startSeconds": 30, "runSeconds": 20, "totalSeconds": 300, "memoryMiB": 256}


def job(name: str) -> bytes:
    """A job of alice's with a benchmark that answers, on two providers in each region."""
    data: dict[str, Any] = yaml.safe_load(
        job_file(name, budget={"currency": "GLM", "total": "1.5", "perRegion": "0.5"}, limits=LIMITS)
    )
    data["spec"]["targets"][0]["image"] = {"source": {"benchmark": "answers", "cid": folder_cid(ECHO)}}
    data["spec"]["sampling"]["providers"] = 2
    return yaml.safe_dump(data, sort_keys=False).encode()


@pytest.fixture
def registry(devnet: Devnet, tmp_path: Path) -> Iterator[Registry]:
    """A registry whose runner hires on the devnet, by the wall clock."""
    registry = Registry()
    registry.now = datetime.now(UTC).replace(microsecond=0)
    allow(registry, golem=PRICES)
    registry.commit({f"registry/benchmarks/answers/{name}": content for name, content in ECHO.items()})
    with Bench(devnet, tmp_path).executor() as executor:
        registry.executor = executor  # type: ignore[assignment] - the fake one is a stand-in for it
        yield registry


def month(registry: Registry) -> str:
    """This month's ledger."""
    return f"reports/ledger/{registry.now:%Y-%m}.jsonl"


def test_what_is_paid_for_fits_receipts_ledger_and_log(devnet: Devnet, registry: Registry) -> None:
    devnet.fault("de-1", "wrong-country", times=1, country="US")
    devnet.fault("us-1", "die-mid-batch", times=1)
    devnet.fault("sg-1", "activity-fail", times=1)
    registry.submit(job("money"))
    outcome = registry.act()
    assert len(outcome.published) == 1

    now = state(registry)
    assert not now.history.unsettled
    ((account, amount),) = now.history.committed.items()
    assert account[1] == "alice"
    assert 0 < amount < Decimal("0.05")

    found = lines(registry, month(registry))
    attempts = [line for line in found if isinstance(line, LedgerAttempt)]
    (settlement,) = (line for line in found if isinstance(line, LedgerSettlement))
    assert Decimal(settlement.amount) == amount == sum(Decimal(paid.amount) for paid in settlement.agreements)
    assert all(Decimal(paid.amount) <= Decimal(paid.owed) for paid in settlement.agreements)
    assert {line.network for line in found} == {"devnet"}
    answered = [line for line in attempts if line.status == "ok"]
    assert sorted((line.region, line.slot) for line in answered) == [
        (region, slot) for region in ("APAC", "EU", "US") for slot in (1, 2)
    ]
    settled = {paid.agreement: paid for paid in settlement.agreements}
    for line in answered:
        assert settled[line.agreement or ""].invoice == line.invoice
        assert settled[line.agreement or ""].amount == line.cost
    assert {line.code for line in attempts if line.status != "ok"} <= {"region", "provider", "activity"}
    assert {path: registry.read(path) for path in registry.files("reports/ledger")} == ledgers(
        now.snapshot, now.history
    )

    report = verify(registry.clone())
    assert report.findings == ()
    assert report.steps[6].counts["settlements"] == 1
    refused = verify(registry.clone(), production=Production())
    assert {finding.code for finding in refused.findings} == {"run-simulated"}

    told = as_json(dossier(now, find_run(now, "money")))
    assert told["starts"][0]["settlement"]["accepted"] == settlement.amount
    assert all(one["settled"]["invoice"] for one in told["attempts"] if one["status"] == "ok")
    accepted = {one["id"] for one in devnet.invoices() if one["status"] == "ACCEPTED"}
    assert {paid.invoice for paid in settlement.agreements if paid.amount != "0"} <= accepted


def test_what_is_disputed_keeps_the_reservation(devnet: Devnet, registry: Registry) -> None:
    devnet.fault("us-2", "overcharge", factor=1000.0)
    devnet.fault("us-1", "overcharge", factor=1000.0)
    devnet.fault("us-3", "overcharge", factor=1000.0)
    registry.submit(job("disputed"))
    assert len(registry.act().published) == 1
    (start,) = state(registry).history.unsettled.values()
    assert state(registry).history.committed == {(start.at[:7], "alice"): Decimal(start.reserved)}
    report = verify(registry.clone())
    assert report.findings == ()
    assert any("unsettled" in text for text in report.steps[6].listed)
