"""A daemon whose answers cannot be trusted: each call of an attempt is spoiled once, in many ways. The attempt ends in
time and says why, or gets over it; after a sweep at a healthy daemon nothing is open."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.edges.devnet.net import Devnet
from runner.errors import Environment
from tests.faulty_proxy import KINDS, FaultyProxy
from tests.golem import Bench, run_id, settled, work

pytestmark = pytest.mark.slow

CALLS = (
    ("GET", "/me$"),
    ("POST", "/allocations$"),
    ("GET", "/demandDecorations"),
    ("POST", "/demands$"),
    ("GET", "/demands/.*/events"),
    ("POST", "/proposals/"),
    ("POST", "/agreements$"),
    ("POST", "/agreements/.*/confirm"),
    ("POST", "/agreements/.*/wait"),
    ("POST", r"/activity\?"),
    ("POST", "/activity/.*/exec$"),
    ("GET", "/activity/.*/exec/"),
    ("GET", "/activity/.*/usage"),
    ("DELETE", "/activity/"),
    ("POST", "/agreements/.*/terminate"),
    ("GET", "/invoices"),
    ("POST", "/invoices/.*/accept"),
    ("DELETE", "/allocations/"),
    ("DELETE", "/demands/"),
)
CASES = [(call, KINDS[(place + turn) % len(KINDS)]) for turn in (0, 3) for place, call in enumerate(CALLS)]
TOGETHER = 4
LONGEST = 75.0
WORDS = ("queue: ", "start: ", "run: ", "total: ", "agreement: ", "activity: ", "deploy: ", "provider: ", "daemon: ")


def bench_behind(net: Devnet, proxy: FaultyProxy, folder: Path) -> Bench:
    """A bench whose daemon is the proxy."""
    elsewhere = folder / "net"
    elsewhere.mkdir(parents=True)
    (elsewhere / "devnet.json").write_text(json.dumps({**net.facts, "apiUrl": proxy.url}))
    return Bench(net, folder, environ={"BEACON_DEVNET": str(elsewhere)})


def test_every_call_may_fail(devnet: Devnet, tmp_path: Path) -> None:
    def one(number: int) -> list[str]:
        (method, path), kind = CASES[number]
        with FaultyProxy(devnet.facts["apiUrl"]) as proxy:
            bench = bench_behind(devnet, proxy, tmp_path / str(number))
            proxy.spoil(method, path, kind)
            return [f"{method} {path} {kind}: {wrong}" for wrong in spoiled(bench, proxy)]

    with ThreadPoolExecutor(TOGETHER) as pool:
        wrong = [said for found in pool.map(one, range(len(CASES))) for said in found]
    assert not wrong


def spoiled(bench: Bench, proxy: FaultyProxy) -> list[str]:
    """What is wrong with one attempt and its end."""
    run, wrong, begun = run_id("spoiled"), [], time.monotonic()
    with bench.executor() as executor:
        try:
            result = executor.run(work(run, limits={"queueSeconds": 20}), threading.Event())
            if result.status != "ok" and not (result.reason or "").startswith(WORDS):
                wrong.append(f"{result.status} {result.reason}")
        except Environment as error:
            if error.code not in ("golem-daemon", "golem-key", "golem-funds"):
                wrong.append(str(error))
        executor.finish(3, run)
        if not proxy.struck:
            wrong.append("was never asked")
        if time.monotonic() - begun > LONGEST:
            wrong.append(f"took {time.monotonic() - begun:.0f} s")
        executor.sweep()
        settled(executor, run)
        wrong += [f"open: {one}" for one in bench.left_open()]
    return wrong


def test_a_result_that_comes_late_is_kept_and_answers_nothing(devnet: Devnet, tmp_path: Path) -> None:
    with FaultyProxy(devnet.facts["apiUrl"]) as proxy:
        bench = bench_behind(devnet, proxy, tmp_path)
        run = run_id("late")
        limits = {"runSeconds": 1, "startSeconds": 15}
        with bench.executor() as executor:

            def hide() -> None:
                while "activity-started" not in bench.names():
                    time.sleep(0.01)
                proxy.spoil("GET", r"/exec/.*timeout=([1-9]|0\.[2-9])", "empty", times=10_000)

            hider = threading.Thread(target=hide)
            hider.start()
            result = executor.run(work(run, limits=limits), threading.Event())
            hider.join()
            assert result.reason == "run: no end within 1 s"
            assert {cell.status for cell in result.cells} == {"timeout"}
            assert '"late":' in result.transcript.decode()
            assert "wrapped/v1" in result.transcript.decode()
            settled(executor, run)
            assert not bench.left_open()
