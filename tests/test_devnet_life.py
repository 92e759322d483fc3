"""A devnet's life: it starts beside what a killed one left, dies with who started it, and reaches nobody outside."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.edges.devnet import daemon, offer, processes
from runner.edges.devnet.net import Devnet
from runner.errors import Usage
from tests.devnet.fixture import cache
from tests.devnet.requestor import Requestor, publish, shell

TWO = (("de-1", "DE"), ("us-1", "US"))
pytestmark = pytest.mark.slow


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def gone(net: Devnet) -> bool:
    return not any(processes.alive(who) for who in net.facts["pids"].values())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "net"
    left = Devnet.running(tmp_path / "net")
    if left:
        left.down()


async def work(net: Devnet, provider: str) -> str:
    """Hire, run, pay; the output."""
    package = publish(net, {"x": b"x"})
    async with Requestor(net) as requestor:
        agreement = await requestor.hire(provider, package)
        results = await requestor.run(agreement, shell("echo done"))
        await requestor.end(agreement)
        invoice = await requestor.invoice(agreement)
        await invoice.accept(amount=invoice.amount, allocation=requestor.allocation)
        assert results[2].ok, results[2]
        return str(results[2].stdout)


def test_up_and_down_and_what_a_kill_leaves_is_in_nobodys_way(folder: Path) -> None:
    for victim, number in (("host", signal.SIGKILL), ("yagna", signal.SIGKILL), ("host", None)):
        net = Devnet.up(folder, cache(), TWO)
        found = Devnet.running(folder)
        assert found is not None
        assert found.facts == net.facts
        with pytest.raises(Usage, match="devnet runs"):
            Devnet.up(folder, cache(), TWO)
        if number is None:
            net.down()
        else:
            os.kill(net.facts["pids"][victim]["pid"], number)
        if victim == "host":
            until(lambda net=net: gone(net))  # type: ignore[misc] - the daemon dies with its host
            assert Devnet.running(folder) is None
        else:
            until(lambda net=net: net.status()["daemon"] is False)  # type: ignore[misc]
            net.down()
    assert not (folder / "devnet.json").exists()


def test_nothing_that_is_not_its_own_is_removed(folder: Path) -> None:
    folder.mkdir()
    (folder / "devnet.json").write_text("{}")  # what a killed one left may be cut short
    (folder / "config.json").write_text("mine")
    with pytest.raises(Usage, match=r"holds 'config\.json'"):
        Devnet.up(folder, cache(), TWO)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "devnet.json"]


def test_agreements_that_are_open_are_ended_and_billed_on_the_way_down(folder: Path) -> None:
    net = Devnet.up(folder, cache(), TWO)

    async def leave_open() -> str:
        async with Requestor(net) as requestor:
            agreement = await requestor.hire("us-1", publish(net, {"x": b"x"}))
            await requestor.activity.new_activity(agreement.id)
            return str(agreement.id)

    asyncio.run(leave_open())
    net.down()
    log = (folder / "yagna.log").read_text()
    assert re.search(r'POST /market-api/v1/agreements/[0-9a-f]+/terminate HTTP/1.1" 200', log)
    assert re.search(r'POST /payment-api/v1/invoices/[0-9a-f-]+/send\S* HTTP/1.1" 200', log)


def test_it_dies_with_who_started_it(folder: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from runner.edges.devnet.net import Devnet
with Devnet.started(Path({str(folder)!r}), Path({str(cache())!r}), {TWO!r}) as net:
    print("up", flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        net = Devnet.running(folder)
        assert net is not None
        process.kill()
    until(lambda: gone(net))
    assert Devnet.running(folder) is None


def test_the_daemon_may_crash_and_come_back(folder: Path) -> None:
    with Devnet.started(folder, cache(), TWO) as net:
        assert asyncio.run(work(net, "de-1")) == "done\n"
        before = {invoice["id"]: invoice["status"] for invoice in net.invoices()}
        net.stop_daemon()
        assert net.status()["daemon"] is False
        net.start_daemon()
        assert {invoice["id"]: invoice["status"] for invoice in net.invoices()} == before
        assert list(before.values()) == ["ACCEPTED"]
        assert asyncio.run(work(net, "de-1")) == "done\n"


def test_agreements_that_nobody_uses_are_ended_by_the_provider(folder: Path) -> None:
    async def hire(net: Devnet) -> str:
        async with Requestor(net) as requestor:
            return str((await requestor.hire("us-1", "x")).id)

    with Devnet.started(folder, cache(), TWO, idle_seconds=1.0) as net:
        agreement = asyncio.run(hire(net))
        until(lambda: {"provider": "us-1", "id": agreement, "state": "Terminated"} in net.agreements())
        assert net.invoices() == [], "nothing was used, nothing is billed"


def test_debit_notes_come_as_agreed_and_have_to_be_accepted(folder: Path) -> None:
    agreed = {offer.DEBIT_NOTE_SECONDS: 1, offer.ACCEPT_SECONDS: 2}

    async def scenario(net: Devnet) -> None:
        async with Requestor(net) as requestor:
            agreement = await requestor.hire("us-1", publish(net, {"x": b"x"}), **agreed)
            activity = await requestor.activity.new_activity(agreement.id)
            due = []
            async for one in requestor.payment.incoming_debit_note_ids():
                note = await requestor.payment.debit_note(one)
                assert note.activity_id == activity.id
                due.append(float(note.total_amount_due))
                await note.accept(amount=note.total_amount_due, allocation=requestor.allocation)
                if len(due) == 4:
                    break
            assert due == sorted(due)
            assert 2.5 * 0.00002 < due[-1] - due[0] < 4.5 * 0.00002
            assert {"provider": "us-1", "id": agreement.id, "state": "Approved"} in net.agreements()
            ended = {"provider": "us-1", "id": agreement.id, "state": "Terminated"}
            await asyncio.to_thread(until, lambda: ended in net.agreements())

    with Devnet.started(folder, cache(), TWO) as net:
        asyncio.run(scenario(net))


TRACED = "connect,sendto,sendmsg,sendmmsg"
ADDRESS = re.compile(rb'inet_addr\("([0-9.]+)"\)|inet_pton\(AF_INET6, "([0-9a-f:.]+)"')


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace(1) to look at the daemon's calls")
def test_the_daemon_speaks_to_nobody_outside(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every address that it connects or sends to, from its first start to its end, is on loopback."""
    traced, calls = tmp_path / "yagna", tmp_path / "calls"
    traced.write_text(f'#!/bin/sh\nexec strace -D -f -A -e trace={TRACED} -o {calls} {daemon.find()} "$@"\n')
    traced.chmod(0o755)
    monkeypatch.setenv("BEACON_YAGNA", str(traced))
    with Devnet.started(folder, tmp_path / "cache", TWO) as net:
        assert asyncio.run(work(net, "us-1")) == "done\n"
    addresses = {(old or new).decode() for old, new in ADDRESS.findall(calls.read_bytes())}
    assert addresses == {"127.0.0.1"}


def test_it_works_where_there_is_no_network_at_all(folder: Path) -> None:
    """The same in a network namespace that has loopback alone: what it might fetch elsewhere, it does not need."""
    script = f"""
import asyncio
from pathlib import Path
from runner.edges.devnet.net import Devnet
from tests.test_devnet_life import work
with Devnet.started(Path({str(folder)!r}), Path({str(cache())!r}), {TWO!r}) as net:
    print(asyncio.run(work(net, "us-1")), end="")
"""
    inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, "-W", "ignore", "-c", script]
    unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    if subprocess.run([*unshare, "ip", "link", "set", "lo", "up"], capture_output=True).returncode:
        pytest.skip("this user may make no network namespace, or there is no ip(8)")
    environ = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run([*unshare, *inside], capture_output=True, text=True, env=environ, timeout=100)
    assert done.stdout == "done\n", done.stderr


def test_the_command_line_tells_the_same(folder: Path) -> None:
    def beacon(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "runner.cli", "devnet", *words, "--dir", str(folder)]
        environ = {**os.environ, "BEACON_CACHE": str(cache()), "PYTHONPATH": str(Path.cwd())}
        code = "import sys; from runner.cli import main; sys.exit(main())"
        return subprocess.run(
            [command[0], "-c", code, *command[3:]], capture_output=True, text=True, env=environ, timeout=100
        )

    assert beacon("status").stdout == "no devnet runs\n"
    up = beacon("up", "--provider", "ab-1:DE", "--provider", "cd-1:JP")
    assert [line.split()[:3] for line in up.stdout.splitlines()] == [
        ["ab-1", "DE", "127.101.1.1"],
        ["cd-1", "JP", "127.102.1.1"],
    ], up.stderr
    assert beacon("up").returncode == 2
    status = json.loads(beacon("status", "--json").stdout)
    assert (status["running"], status["daemon"]) == (True, True)
    assert [one["name"] for one in status["providers"]] == ["ab-1", "cd-1"]
    assert beacon("down").stdout == "stopped\n"
    assert json.loads(beacon("status", "--json").stdout) == {"schema": "beacon/devnet/v1", "running": False}
    for wrong in (["--provider", "x"], ["--countries", "Germany"]):
        assert beacon("up", *wrong).returncode == 2
