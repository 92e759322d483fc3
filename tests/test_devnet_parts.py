"""The devnet's parts alone: the bus's codec, the exe-unit's rules, offers and bills, places, processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
import time
import zlib
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.edges.devnet import geography, gsb, offer, processes, runtimes
from runner.edges.devnet.deal import Deal
from runner.edges.devnet.egress import Egress
from runner.edges.devnet.exeunit import Command, ExeUnit, Finished, captured, swapped
from runner.edges.devnet.faults import Faults
from runner.errors import Usage
from runner.wrapped import decode_request, encode

SCRIPT = [{"deploy": {}}, {"start": {"args": []}}]
KEPT = {"stdout": {"atEnd": {"format": "str"}}}


# The bus


@given(st.integers(0, 2**64 - 1))
def test_integers_are_read_as_they_are_written(number: int) -> None:
    assert gsb.fields(gsb.field(5, number)) == {5: number}


@given(st.dictionaries(st.integers(1, 100), st.binary(max_size=300)))
def test_fields_are_read_as_they_are_written(values: dict[int, bytes]) -> None:
    assert gsb.fields(b"".join(gsb.field(number, raw) for number, raw in values.items())) == values


def test_protobuf_bytes_are_those_of_its_documentation() -> None:
    assert gsb.field(1, 150) == bytes.fromhex("089601")
    assert gsb.field(2, "testing") == bytes.fromhex("120774657374696e67")


@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_an_error(raw: bytes) -> None:
    try:
        found = gsb.fields(raw)
    except gsb.BusError:
        return
    assert all(isinstance(value, int | bytes) for value in found.values())


def test_bodies_may_be_compressed() -> None:
    data = {"Ok": [1.5, "x", None, {"deep": True}, []]}
    assert gsb.decode(gsb.encode(data)) == data
    assert gsb.decode(zlib.compress(gsb.encode(data))) == data


async def with_bus(folder: Path, handler: gsb.Handler, *calls: tuple[str, Any]) -> list[dict[int, int | bytes]]:
    """What a router gets as answers, which pings first and then calls."""
    answers: list[dict[int, int | bytes]] = []
    done = asyncio.Event()

    async def packet(reader: asyncio.StreamReader) -> tuple[int, dict[int, int | bytes]]:
        raw = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
        ((kind, message),) = gsb.fields(raw).items()
        assert isinstance(message, bytes)
        return kind, gsb.fields(message)

    def send(writer: asyncio.StreamWriter, kind: int, message: bytes) -> None:
        raw = gsb.field(kind, message)
        writer.write(len(raw).to_bytes(4, "big") + raw)

    async def route(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await packet(reader))[0] == gsb.HELLO
        assert await packet(reader) == (gsb.REGISTER, {1: b"/public/x"})
        send(writer, gsb.REGISTERED, b"")
        send(writer, gsb.PING, b"")
        assert (await packet(reader))[0] == gsb.PONG
        for number, (method, body) in enumerate(calls):
            address = gsb.field(1, "caller") + gsb.field(2, f"/public/x/{method}") + gsb.field(3, f"request-{number}")
            send(writer, gsb.CALL, address + gsb.field(4, gsb.encode(body)))
            answers.append((await packet(reader))[1])
        done.set()
        writer.close()

    async with (
        await asyncio.start_unix_server(route, str(folder / "s")),
        gsb.Bus(str(folder / "s"), "/public/x", handler),
    ):
        await asyncio.wait_for(done.wait(), 5)
    return answers


def test_calls_are_answered_and_failures_are_told(tmp_path: Path) -> None:
    async def handler(method: str, body: Any) -> Any:
        if method == "Fail":
            raise LookupError("no such batch")
        return {method: body}

    answer, failure = asyncio.run(with_bus(tmp_path, handler, ("Echo", {"a": [1]}), ("Fail", None)))
    assert isinstance(answer[4], bytes)
    assert (answer[1], gsb.decode(answer[4])) == (b"request-0", {"Ok": {"Echo": {"a": [1]}}})
    assert failure == {1: b"request-1", 2: 500, 4: b"no such batch"}


# The exe-unit


class Bench:
    """An exe-unit whose commands are functions; `deaths` counts what a fault ended."""

    def __init__(self, run: Callable[[tuple[str, ...], threading.Event], Awaitable[Finished]] | None = None) -> None:
        self.faults = Faults()
        self.deaths: list[bool] = []
        self.ran: list[tuple[str, ...]] = []
        self._run = run
        self.unit = ExeUnit(self._deploy, self.faults, self.deaths.append)

    async def _deploy(self) -> Command:
        return self._run or self._finish

    async def _finish(self, argv: tuple[str, ...], cancel: threading.Event) -> Finished:
        self.ran.append(argv)
        return Finished(int(argv[1]) if len(argv) > 1 else 0, b"\xffout", b"err", 250)

    async def results(self, *commands: Any, batch: str = "b") -> list[dict[str, Any]]:
        await self.unit.call("Exec", {"batchId": batch, "exeScript": list(commands)})
        return list(await self.unit.call("GetExecBatchResults", {"batchId": batch, "timeout": 2.0}))


def run(entry: str, *arguments: str, capture: Any = None) -> dict[str, Any]:
    return {"run": {"entry_point": entry, "args": list(arguments), "capture": capture}}


def test_a_script_runs_to_its_end() -> None:
    async def scenario() -> None:
        bench = Bench()
        results = await bench.results(*SCRIPT, run("/bin/x", "0", capture=KEPT), run("/bin/x"))
        assert [one["result"] for one in results] == ["Ok"] * 4
        assert [one["isBatchFinished"] for one in results] == [False, False, False, True]
        assert [one["index"] for one in results] == [0, 1, 2, 3]
        assert (results[2]["stdout"], results[2]["stderr"]) == ("\N{REPLACEMENT CHARACTER}out", None)
        assert results[3]["stdout"] is None, "what is not captured is gone"
        assert bench.unit.usage()[1] == 0.5
        assert (await bench.unit.call("GetActivityState", {}))["state"] == ["Ready", None]

    asyncio.run(scenario())


def test_the_first_failure_ends_a_script() -> None:
    async def scenario() -> None:
        results = await Bench().results(*SCRIPT, run("/bin/x", "3"), run("/bin/x"))
        assert len(results) == 3
        assert results[2]["message"] == "ExeScript command exited with code 3"
        assert results[2]["isBatchFinished"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([run("/bin/x")], "start() command is expected now"),
        ([{"start": {}}], "deploy() command is expected now"),
        ([*SCRIPT, {"deploy": {}}], "not allowed when activity is in the ready state"),
        ([{"transfer": {"from": "a", "to": "b"}}], "Unsupported command: transfer"),
        ([{"deploy": {}}, {"start": {}}, {"run": {}}], "entry_point"),
    ],
)
def test_commands_out_of_order_fail(script: list[Any], words: str) -> None:
    async def scenario() -> None:
        last = (await Bench().results(*script))[-1]
        assert last["result"] == "Error"
        assert words in last["message"]
        assert last["isBatchFinished"]

    asyncio.run(scenario())


def test_results_pile_up_and_a_poll_returns_in_time() -> None:
    async def scenario() -> None:
        go = asyncio.Event()

        async def wait(argv: tuple[str, ...], cancel: threading.Event) -> Finished:
            await go.wait()
            return Finished(0, b"", b"", 0)

        bench = Bench(wait)
        await bench.unit.call("Exec", {"batchId": "b", "exeScript": [*SCRIPT, run("/bin/x")]})
        begun = time.monotonic()
        early = await bench.unit.call("GetExecBatchResults", {"batchId": "b", "timeout": 0.1})
        assert time.monotonic() - begun < 1
        assert [one["isBatchFinished"] for one in early] == [False, False]
        assert bench.unit.busy
        go.set()
        late = await bench.unit.call("GetExecBatchResults", {"batchId": "b", "timeout": 5.0})
        assert [one["isBatchFinished"] for one in late] == [False, False, True]

    asyncio.run(scenario())


def test_the_end_kills_what_runs() -> None:
    async def scenario() -> None:
        async def until_cancelled(argv: tuple[str, ...], cancel: threading.Event) -> Finished:
            await asyncio.to_thread(cancel.wait, 10)
            return Finished(None, b"", b"", 0)

        bench = Bench(until_cancelled)
        await bench.unit.call("Exec", {"batchId": "b", "exeScript": [*SCRIPT, run("/bin/x")]})
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        await bench.unit.end()
        assert time.monotonic() - begun < 2
        used = bench.unit.usage()
        await asyncio.sleep(0.05)
        assert bench.unit.usage() == used, "the meter stands"
        with pytest.raises(LookupError):
            await bench.unit.call("Exec", {"batchId": "c", "exeScript": []})

    asyncio.run(scenario())


def test_what_the_bus_must_not_ask() -> None:
    async def scenario() -> None:
        for method, body in (("Nonsense", {}), ("GetExecBatchResults", {"batchId": "never"})):
            with pytest.raises(LookupError):
                await Bench().unit.call(method, body)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (None, None),
        ({"atEnd": {"format": "str"}}, "0123456789"),
        ({"atEnd": {"head": 3, "format": "str"}}, "012"),
        ({"atEnd": {"tail": 3, "format": "str"}}, "789"),
        ({"atEnd": {"tail": 0, "format": "str"}}, ""),
        ({"atEnd": {"headTail": 4, "format": "str"}}, "0189"),
        ({"stream": {"head": 1, "format": "bin"}}, [48]),
    ],
)
def test_captures(mode: Any, expected: Any) -> None:
    assert captured(mode, b"0123456789") == expected


def test_a_swapped_request_differs_in_its_parameters_alone() -> None:
    asked = {"protocol": "p", "cells": [{"id": "a", "parameters": {"x": 1, "y": 2}, "seed": 3}]}
    pieces = encode(["python", "b.py"], {"TZ": "UTC"}, json.dumps(asked).encode(), 30, 1000)
    before, after = decode_request(pieces), decode_request(swapped(pieces, {"x": 5}))
    assert after._replace(stdin=b"") == before._replace(stdin=b"")
    assert json.loads(after.stdin)["cells"] == [{"id": "a", "parameters": {"x": 5, "y": 2}, "seed": 3}]


# Faults


def test_faults_strike_as_often_as_they_are_told() -> None:
    faults = Faults()
    faults.set("slow", times=2, seconds=3.0)
    assert [faults.strike("slow") for _ in range(3)] == [{"seconds": 3.0}, {"seconds": 3.0}, None]
    assert faults.strike("crash") is None
    faults.set("no-invoice")
    assert [faults.strike("no-invoice") for _ in range(3)] == [{}, {}, {}]
    assert faults.as_json()[1] == {"kind": "no-invoice", "options": {}, "left": None, "struck": 3}
    faults.clear()
    assert faults.strike("no-invoice") is None


def test_chance_is_repeatable() -> None:
    def strikes() -> list[bool]:
        faults = Faults()
        faults.set("deploy-fail", chance=0.3, seed=7)
        return [faults.strike("deploy-fail") is not None for _ in range(1000)]

    assert strikes() == strikes()
    assert 250 < sum(strikes()) < 350


@pytest.mark.parametrize(("kind", "options"), [("nonsense", {}), ("slow", {"factor": 2})])
def test_unknown_faults_are_refused(kind: str, options: dict[str, Any]) -> None:
    with pytest.raises(Usage):
        Faults().set(kind, **options)


# Offers, agreements, bills


def test_negotiable_properties_become_what_the_demand_says() -> None:
    offered = {"a?": 1, "b": 2, "c?": 3}
    assert offer.answer(offered, {"a?": 7, "b": 8, "d": 9}) == {"a?": 7, "b": 2, "c?": 3}


@pytest.mark.parametrize(
    ("constraints", "threads"),
    [("(&(golem.inf.cpu.threads>=2)(x=1))", 2), ("( golem.inf.cpu.threads >= 4 )", 4), ("(x=1)", 1)],
)
def test_a_demand_says_how_many_threads(constraints: str, threads: int) -> None:
    assert offer.threads_wanted(constraints) == threads


def test_a_bill_is_price_times_use() -> None:
    prices = offer.Prices(second="0.001", cpu_second="0.01", start="0.5")
    assert offer.cost(prices, [(10.0, 2.0), (1.5, 0.0)]) == Decimal("1.0315")
    assert offer.cost(prices, [(10.0, 2.0)], factor=1000.0) == Decimal("530")
    assert offer.cost(prices, []) == 0


def agreement(expires_in: float = 1000) -> dict[str, Any]:
    expiration = int((time.time() + expires_in) * 1000)
    demand = {"properties": {"golem.srv.comp.expiration": expiration}, "constraints": "()"}
    return {"agreementId": "a", "demand": demand, "offer": {"properties": {"golem.runtime.name": "vm"}}}


def test_agreements_end_when_nobody_uses_them_or_their_time_is_over() -> None:
    async def scenario() -> None:
        now = time.time()
        deal = Deal(agreement(), offer.Prices())
        assert deal.over(90, now) is None
        assert deal.over(90, now + 91) == "no activity for 90 s"
        bench = Bench()
        deal.begin("x", bench.unit, asyncio.Event())
        assert deal.over(90, now + 500) is None, "it is used"
        await bench.unit.end()
        assert deal.over(90, now + 580) is None
        assert deal.over(90, now + 591) == "no activity for 90 s"
        assert deal.over(90_000, now + 2000) == "the agreement has expired"
        deal.settled = True
        assert deal.over(90, now + 5000) is None

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("runtime", "package"),
    [
        ("vm", "hash:sha3:" + "a" * 55 + ":http://127.0.0.1/x"),
        ("vm", "hash:sha3:" + "a" * 56 + ":http://example.org/x"),
        ("vm", "hash:sha3:" + "a" * 56 + ":http://127.0.0.1.example.org/x"),
        ("vm", "hash:sha3:" + "a" * 56 + ":file:///etc/passwd"),
        ("vm", "beacon:source:bafy0000000000:http://127.0.0.1:1/x"),
        ("beacon-sandbox", "beacon:source:bafy/../0000000:http://127.0.0.1:1/x"),
        ("beacon-sandbox", ""),
    ],
)
def test_packages_that_no_provider_fetches(runtime: str, package: str) -> None:
    with pytest.raises(runtimes.DeployError):
        runtimes.asked(runtime, package)


# Places, processes


def test_every_country_has_a_network_and_every_provider_a_part_of_it() -> None:
    found = geography.sites((("a", "DE"), ("b", "US"), ("c", "DE")))
    assert [site.address for site in found] == ["127.101.1.1", "127.102.1.1", "127.101.2.1"]
    assert geography.countries((("a", "FR"), ("b", "US"))) == ("FR", "US", "JP", "BR")


@pytest.mark.parametrize("providers", [(), (("a", "DE"), ("a", "US")), tuple((f"p{n}", "DE") for n in range(201))])
def test_what_cannot_be_placed_is_refused(providers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(Usage):
        geography.sites(providers)


def test_the_map_knows_its_networks_and_nothing_else(tmp_path: Path) -> None:
    import maxminddb

    geography.write_mmdb(tmp_path / "m", ("DE", "US"))
    with maxminddb.open_database(tmp_path / "m") as countries:
        assert countries.get("127.101.255.255") == {"country": {"iso_code": "DE"}}
        assert countries.get("127.102.0.0") == {"country": {"iso_code": "US"}}
        assert [countries.get(ip) for ip in ("127.0.0.1", "127.100.255.255", "127.103.0.0", "8.8.8.8")] == [None] * 4
        facts = countries.metadata()
    assert facts.description["en"] == "Countries of a Beacon devnet: loopback networks, made up"
    assert abs(facts.build_epoch - time.time()) < 60


# The way out


async def through(folder: Path, request: bytes, source: str = "127.101.1.1") -> bytes:
    """What comes back through a way out, from a server that says who called and repeats what it was told."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(writer.get_extra_info("peername")[0].encode() + b" " + await reader.read(100))
        writer.close()

    async with (
        await asyncio.start_server(serve, "127.0.0.1", 0) as server,
        Egress(folder / "out.sock", lambda: source) as egress,
    ):
        reader, writer = await asyncio.open_unix_connection(str(egress.path))
        writer.write(request.replace(b"PORT", b"%d" % server.sockets[0].getsockname()[1]))
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert not egress.path.exists()
    return answer


@pytest.mark.parametrize("host", [b"127.0.0.1", b"localhost"])
def test_calls_leave_from_the_providers_address(host: bytes, tmp_path: Path) -> None:
    request = b"CONNECT " + host + b":PORT\nhello"
    assert asyncio.run(through(tmp_path, request)) == b"127.101.1.1 hello"


@pytest.mark.parametrize(
    "request_line",
    [
        b"CONNECT 192.0.2.1:80\n",
        b"CONNECT 127.0.0.999:PORT\n",
        b"CONNECT 0.0.0.0:PORT\n",
        b"CONNECT [::1]:PORT\n",
        b"CONNECT 127.0.0.1:99999\n",
        b"CONNECT 127.0.0.1\n",
        b"GET 127.0.0.1:PORT\n",
        b"CONNECT 127.0.0.1:PORT",
        b"A" * 100_000,
        b"",
    ],
)
def test_nothing_but_loopback_can_be_reached(request_line: bytes, tmp_path: Path) -> None:
    assert asyncio.run(through(tmp_path, request_line)) == b""


def test_a_pid_alone_is_nobody() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        who = processes.identity(process.pid)
        assert processes.alive(who)
        processes.end({**who, "started": who["started"] - 1}, 0.1)
        assert process.poll() is None, "another process of the same pid lives on"
        processes.end(who, 5)
        assert process.wait(5) == -15
    assert not processes.alive(who)


def test_who_does_not_listen_is_killed() -> None:
    deaf = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen(["python3", "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        processes.end(processes.identity(process.pid), 0.2)
        assert process.wait(5) == -9
