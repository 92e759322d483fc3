"""A devnet, used as any requestor would use it: the real daemon, agreements, scripts in the sandbox, invoices."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from runner.edges.devnet.net import Devnet
from runner.wrapped import Wrapped, read
from tests.devnet.requestor import Requestor, call, publish, shell

ECHO = (Path(__file__).parent / "benchmarks" / "echo" / "benchmark.py").read_bytes()
ASKED = {
    "protocol": "beacon/benchmark/v1",
    "target": "m",
    "cells": [{"id": "who.1", "prompt": "Who?", "seed": 1, "parameters": {}}],
}


def wrapped(line: str | None) -> Wrapped:
    assert line is not None
    return read(line, 1 << 20)


def answer(line: str | None) -> str:
    """What the echo benchmark answered to its one cell."""
    return str(json.loads(wrapped(line).stdout)["output"])


async def run_and_pay(net: Devnet, provider: str) -> dict[str, Any]:
    package = publish(net, {"benchmark.py": ECHO})
    async with Requestor(net) as requestor:
        agreement = await requestor.hire(provider, package)
        results = await requestor.run(
            agreement,
            call(["python", "benchmark.py"], json.dumps(ASKED).encode()),
            shell("echo out; echo err >&2; exit 3"),
        )
        await requestor.end(agreement)
        invoice = await requestor.invoice(agreement)
        await invoice.accept(amount=invoice.amount, allocation=requestor.allocation)
        return {"agreement": agreement.id, "results": results, "invoice": invoice}


def test_a_benchmark_is_run_billed_and_paid(devnet: Devnet) -> None:
    done = asyncio.run(run_and_pay(devnet, "us-2"))
    deployed, started, ran, failed = done["results"]
    assert deployed.ok
    assert started == (True, None, None, None)
    assert answer(ran.stdout).startswith("Who? ")
    assert failed == (False, "out\n", "err\n", "ExeScript command exited with code 3")
    (activity,) = [one for one in devnet.activities() if one["agreement"] == done["agreement"]]
    assert activity["state"] == "Terminated"
    duration, cpu = activity["usage"]
    assert 0 < cpu < duration
    (invoice,) = [one for one in devnet.invoices() if one["agreement"] == done["agreement"]]
    assert (invoice["status"], invoice["provider"]) == ("ACCEPTED", "us-2")
    assert float(invoice["amount"]) == pytest.approx(0.00002 * duration + 0.00005 * cpu)
    (agreement,) = [one for one in devnet.agreements() if one["id"] == done["agreement"]]
    assert agreement["state"] == "Terminated"
