"""A devnet, used as any requestor would use it: agreements, scripts in the sandbox, invoices; and every fault of its
providers. Independent faults are met at once, on different providers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from runner.edges.devnet.faults import KINDS
from runner.edges.devnet.net import Devnet
from runner.errors import Usage
from tests.devnet.echo import BENCHMARK, ECHO, answer
from tests.devnet.requestor import Requestor, Result, publish, shell

GONE = "Timeout|endpoint address not found|Service receiver was cancelled"
"""What is said of a service that went: of a call that waited for it then, and of every later one."""

WHOAMI = """
import socket
with socket.socket(socket.AF_UNIX) as out:
    out.connect("/golem/run/egress.sock")
    out.sendall(b"CONNECT 127.0.0.1:%d\\n")
    print(out.recv(100).decode(), end="")
"""


async def run_and_pay(net: Devnet, provider: str) -> dict[str, Any]:
    package = publish(net, {"benchmark.py": ECHO})
    async with Requestor(net) as requestor:
        agreement = await requestor.hire(provider, package)
        results = await requestor.run(
            agreement,
            BENCHMARK,
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


class Meeting:
    """One requestor that meets one provider, on its own."""

    def __init__(self, net: Devnet, requestor: Requestor, provider: str, package: str) -> None:
        self.net = net
        self.requestor = requestor
        self.provider = provider
        self.package = package

    async def hire(self, seconds: float = 60) -> Any:
        return await self.requestor.hire(self.provider, self.package, seconds=seconds)

    async def is_refused(self) -> bool:
        """Whether the provider says no, or nothing for a while."""
        return await self.hire(seconds=5) is None

    async def run(self, *commands: Any) -> list[Result]:
        """The results of commands after deploy and start, in an agreement that is ended."""
        agreement = await self.hire()
        try:
            return (await self.requestor.run(agreement, *commands))[2:]
        finally:
            await self.requestor.end(agreement)


async def meet(net: Devnet, *meetings: tuple[str, Callable[[Meeting], Awaitable[None]]]) -> None:
    package = publish(net, {"benchmark.py": ECHO})
    async with Requestor(net) as requestor, asyncio.TaskGroup() as group:
        for provider, meeting in meetings:
            group.create_task(_named(meeting, Meeting(net, requestor, provider, package)))


async def _named(meeting: Callable[[Meeting], Awaitable[None]], with_whom: Meeting) -> None:
    await meeting(with_whom)


async def deploy_fails(one: Meeting) -> None:
    one.net.fault(one.provider, "deploy-fail", times=1)
    agreement = await one.hire()
    (deployed,) = await one.requestor.run(agreement, BENCHMARK)
    assert not deployed.ok
    assert "bad gateway while downloading" in str(deployed.message)
    await one.requestor.end(agreement)


async def dies_mid_batch(one: Meeting) -> None:
    from ya_activity import ApiException

    one.net.fault(one.provider, "die-mid-batch", times=1)
    agreement = await one.hire()
    activity = await one.requestor.activity.new_activity(agreement.id)
    with pytest.raises(ApiException, match=GONE):
        await one.requestor.script(activity, {"deploy": {}}, {"start": {"args": []}}, shell("sleep 60"))
    await asyncio.sleep(0.2)
    state = await activity.state()
    assert state.state[0] == "Terminated"
    assert state.reason == "the exe-unit died"
    await one.requestor.end(agreement)


async def overcharges(one: Meeting) -> None:
    one.net.fault(one.provider, "overcharge", times=1, factor=100.0)
    agreement = await one.hire()
    await one.requestor.run(agreement, BENCHMARK)
    await one.requestor.end(agreement)
    invoice = await one.requestor.invoice(agreement)
    (activity,) = [unit for unit in one.net.activities() if unit["agreement"] == agreement.id]
    duration, cpu = activity["usage"]
    assert float(invoice.amount) == pytest.approx(100 * (0.00002 * duration + 0.00005 * cpu))


async def sends_no_invoice(one: Meeting) -> None:
    one.net.fault(one.provider, "no-invoice", times=1)
    agreement = await one.hire()
    await one.requestor.run(agreement, BENCHMARK)
    await one.requestor.end(agreement)
    assert await one.requestor.invoice(agreement, seconds=1) is None


async def floods(one: Meeting) -> None:
    one.net.fault(one.provider, "flood", times=1)
    (ran,) = await one.run(BENCHMARK)
    assert ran.ok
    assert ran.stdout == "A" * (1 << 20)


async def prints_no_text(one: Meeting) -> None:
    one.net.fault(one.provider, "binary", times=1)
    (ran,) = await one.run(BENCHMARK)
    assert ran.ok
    assert set(str(ran.stdout)) == {"\N{REPLACEMENT CHARACTER}"}


async def swaps_the_model(one: Meeting) -> None:
    one.net.fault(one.provider, "swap", times=1, parameters={"system": "You are a pirate."})
    swapped, honest = await one.run(BENCHMARK, BENCHMARK)
    assert swapped.ok
    assert answer(swapped.stdout) != answer(honest.stdout)
    assert answer(swapped.stdout).split()[0] == answer(honest.stdout).split()[0]


async def skews_its_clock(one: Meeting) -> None:
    one.net.fault(one.provider, "clock", seconds=-86_400.0)
    agreement = await one.hire()
    activity = await one.requestor.activity.new_activity(agreement.id)
    (result,) = await one.requestor.events(activity, {"deploy": {}})
    assert -86_500 < result.event_date.timestamp() - time.time() < -86_300
    await activity.destroy()
    await one.requestor.end(agreement)


async def lies_about_its_country(one: Meeting) -> None:
    """Two calls to a server of ours: it sees another country's network, then the provider's own."""
    async with await asyncio.start_server(_tell_who_called, "127.0.0.1", 0) as server:
        script = {"whoami.py": (WHOAMI % server.sockets[0].getsockname()[1]).encode()}
        one.package = publish(one.net, script)
        one.net.fault(one.provider, "wrong-country", times=1, country="FR")
        asked = {"run": {**shell("")["run"], "entry_point": "python", "args": ["whoami.py"]}}
        liar, honest = await one.run(asked, asked)
    address = next(site["address"] for site in one.net.facts["providers"] if site["name"] == one.provider)
    assert honest.stdout == address
    assert country(one.net, str(liar.stdout)) == "FR"
    assert country(one.net, address) == "SG"


async def _tell_who_called(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(writer.get_extra_info("peername")[0].encode())
    writer.close()


def country(net: Devnet, address: str) -> str:
    import maxminddb

    with maxminddb.open_database(net.facts["mmdb"]) as countries:
        found: Any = countries.get(address)
    return str(found["country"]["iso_code"])


def test_what_providers_may_do_to_a_script_and_a_bill(devnet: Devnet) -> None:
    everyone = (
        ("de-1", deploy_fails),
        ("de-2", dies_mid_batch),
        ("de-3", overcharges),
        ("us-1", sends_no_invoice),
        ("us-2", floods),
        ("us-3", prints_no_text),
        ("sg-1", swaps_the_model),
        ("sg-2", skews_its_clock),
        ("sg-3", lies_about_its_country),
    )
    asyncio.run(meet(devnet, *everyone))
    struck = {one["name"]: [fault["struck"] for fault in one["faults"]] for one in devnet.status()["providers"]}
    assert all(counts and counts[0] >= 1 for counts in struck.values()), struck


async def rejects_proposals(one: Meeting) -> None:
    one.net.fault(one.provider, "reject-proposal")
    assert await one.is_refused()


async def rejects_agreements(one: Meeting) -> None:
    one.net.fault(one.provider, "reject-agreement", times=1)
    begun = time.monotonic()
    assert await one.hire() is None
    assert time.monotonic() - begun < 30, "it waited for an answer that had come"
    assert await one.hire() is not None


async def is_silent(one: Meeting) -> None:
    one.net.fault(one.provider, "silent-agreement", times=1)
    assert await one.is_refused()
    assert "Pending" in [deal["state"] for deal in one.net.agreements() if deal["provider"] == one.provider]


async def starts_no_activity(one: Meeting) -> None:
    from ya_activity import ApiException

    one.net.fault(one.provider, "activity-fail", times=1)
    agreement = await one.hire()
    with pytest.raises(ApiException):
        await one.requestor.activity.new_activity(agreement.id)
    (ran,) = (await one.requestor.run(agreement, BENCHMARK))[2:]
    assert ran.ok
    await one.requestor.end(agreement)


async def is_slow(one: Meeting) -> None:
    one.net.fault(one.provider, "slow", times=1, seconds=2.0)
    begun = time.monotonic()
    (ran,) = await one.run(BENCHMARK)
    assert ran.ok
    assert time.monotonic() - begun > 2


async def crashes_and_returns(one: Meeting) -> None:
    from ya_activity import ApiException

    one.net.fault(one.provider, "crash")
    agreement = await one.hire()
    activity = await one.requestor.activity.new_activity(agreement.id)
    with pytest.raises(ApiException, match=GONE):
        await one.requestor.script(activity, {"deploy": {}}, {"start": {"args": []}}, shell("sleep 60"))
    state = await activity.state()
    assert state.state[0] != "Terminated", "nobody said that it ended"
    await one.requestor.end(agreement)
    assert await one.requestor.invoice(agreement, seconds=1) is None
    assert await one.is_refused(), "it answers nobody"


@pytest.mark.slow
def test_what_providers_may_do_to_an_agreement(devnet: Devnet) -> None:
    everyone = (
        ("de-1", rejects_proposals),
        ("de-2", rejects_agreements),
        ("de-3", is_silent),
        ("us-1", starts_no_activity),
        ("us-2", is_slow),
        ("us-3", crashes_and_returns),
    )
    asyncio.run(meet(devnet, *everyone))
    devnet.clear_faults()
    billed = {"provider": "us-3", "status": "RECEIVED"}
    until = time.monotonic() + 10
    while not any(billed.items() <= invoice.items() for invoice in devnet.invoices()):
        assert time.monotonic() < until, "a provider that comes back bills what was agreed"
        time.sleep(0.2)


async def destroy_while_it_runs(net: Devnet) -> float:
    """Seconds from the order to destroy until nothing of the command is left."""
    async with Requestor(net) as requestor:
        agreement = await requestor.hire("de-1", publish(net, {"benchmark.py": ECHO}))
        activity = await requestor.activity.new_activity(agreement.id)
        await activity.send([{"deploy": {}}, {"start": {"args": []}}, shell(f"sleep 60; : {MARK}")])
        while not await asyncio.to_thread(running):
            await asyncio.sleep(0.05)
        begun = time.monotonic()
        await activity.destroy()
        while await asyncio.to_thread(running):
            await asyncio.sleep(0.02)
        await requestor.end(agreement)
        return time.monotonic() - begun


MARK = f"devnet-mark-{os.getpid()}"


def running() -> bool:
    """Whether a process has the mark in its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if f": {MARK}".encode() in path.read_bytes():
                return True
    return False


@pytest.mark.slow
def test_a_destroyed_activity_is_dead_at_once(devnet: Devnet) -> None:
    assert asyncio.run(destroy_while_it_runs(devnet)) < 5


def test_the_control_interface_refuses_what_it_does_not_know(devnet: Devnet) -> None:
    for provider, kind, options in (
        ("de-9", "slow", {}),
        ("de-1", "nonsense", {}),
        ("de-1", "wrong-country", {"country": "XX"}),
    ):
        with pytest.raises(Usage) as error:
            devnet.fault(provider, kind, **options)
        assert error.value.code == "devnet-fault"


def test_every_kind_is_met_here() -> None:
    text = Path(__file__).read_text()
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []
