"""The vantage on loopback: honest cells by the real wrapper, and everybody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from runner import wrapped
from runner.edges.golem.vantage import ROUNDS, Limits, Remote, Vantage, new_nonce, serve_control
from runner.errors import Environment
from tests.conftest import ROOT

TOKEN = "a token for tests"
SHORT = Limits(greeting=0.3, answer=0.3, kept=3600, nonces=3, connections=6, per_network=4)


def run(story: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 30))


@contextlib.asynccontextmanager
async def call(vantage: Vantage, nonce: str, source: str = "127.0.0.1") -> AsyncIterator[asyncio.StreamReader]:
    """A connection that named a nonce; the reader has the writer as `writer`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", vantage.port, local_addr=(source, 0))
    writer.write(f"beacon-vantage/1 {nonce}\n".encode())
    reader.writer = writer  # type: ignore[attr-defined]
    try:
        yield reader
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader, rounds: int = ROUNDS) -> bytes:
    """Echo the challenges; the line after them."""
    for _ in range(rounds):
        reader.writer.write(await reader.readline())  # type: ignore[attr-defined]
    return await reader.readline()


async def until(vantage: Vantage, nonce: str) -> int:
    """The round trip, as soon as it is known."""
    for _ in range(200):
        seen = await vantage.seen(nonce)
        if seen and seen.rtt_us_min:
            return seen.rtt_us_min
        await asyncio.sleep(0.01)
    raise AssertionError("it was not measured")


def wrapper(vantage: Vantage, nonce: str) -> wrapped.Wrapped:
    probe = wrapped.Probe(nonce, (wrapped.Vantage("here", "127.0.0.1", vantage.port),))
    pieces = wrapped.encode(("true",), {}, b"", 5, 100, probe)
    program = ROOT / "runner/static/beacon_run.py"
    done = subprocess.run([sys.executable, "-I", program, *pieces], capture_output=True, text=True, timeout=30)
    return wrapped.read(done.stdout, 100)


def test_the_wrapper_is_seen_with_its_address_and_its_round_trip() -> None:
    async def story() -> None:
        async with Vantage("127.0.0.1", 0) as vantage:
            nonce = new_nonce()
            await vantage.expect(nonce)
            assert await vantage.seen(nonce) is None
            ended = await asyncio.to_thread(wrapper, vantage, nonce)
            assert ended.probes == (("here", ROUNDS, None),)
            assert 0 < await until(vantage, nonce) < 1_000_000
            seen = await vantage.seen(nonce)
            assert seen is not None
            assert seen.address == "127.0.0.1"
            assert len(seen.at) == 20
            again = await asyncio.to_thread(wrapper, vantage, nonce)
            assert again.probes == (("here", 0, "refused"),)  # a nonce is good for one call
            assert await vantage.seen(nonce) == seen
            stranger = await asyncio.to_thread(wrapper, vantage, new_nonce())
            assert stranger.probes == (("here", 0, "refused"),)

    run(story)


def test_the_address_is_the_callers_and_a_delay_only_adds() -> None:
    async def story() -> None:
        async with Vantage("127.0.0.1", 0) as vantage:
            near, far = new_nonce(), new_nonce()
            await vantage.expect(near)
            await vantage.expect(far)
            async with call(vantage, near, "127.101.7.1") as reader:
                assert await answer(reader) == b"done\n"
            async with call(vantage, far) as reader:
                for _ in range(ROUNDS):
                    line = await reader.readline()
                    await asyncio.sleep(0.02)
                    reader.writer.write(line)  # type: ignore[attr-defined]
                assert await reader.readline() == b"done\n"
            assert await until(vantage, near) < 20_000 <= await until(vantage, far)
            seen = await vantage.seen(near)
            assert seen is not None
            assert seen.address == "127.101.7.1"

    run(story)


def test_wrong_late_and_early_answers_measure_nothing() -> None:
    async def story() -> None:
        async with Vantage("127.0.0.1", 0, SHORT) as vantage:
            wrong, late, early = nonces = [new_nonce() for _ in range(3)]
            for nonce in nonces:
                await vantage.expect(nonce)
            async with call(vantage, wrong) as reader:
                await reader.readline()
                reader.writer.write(b"0" * 32 + b"\n")  # type: ignore[attr-defined]
                assert await reader.read() == b""
            async with call(vantage, late) as reader:
                await reader.readline()
                assert await reader.read() == b""  # it gave up
            async with call(vantage, early) as reader:
                reader.writer.write((b"0" * 32 + b"\n") * ROUNDS)  # type: ignore[attr-defined]
                await reader.readline()
                with contextlib.suppress(ConnectionError):
                    assert b"done" not in await reader.read()
            for nonce in nonces:
                seen = await vantage.seen(nonce)
                assert seen is not None
                assert seen.rtt_us_min is None  # where it came from is known, how near it is not

    run(story)


@pytest.mark.parametrize(
    "greeting",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"x" * 100_000,
        b"\xff\xfe\n",
        b"beacon-vantage/1 \n",
        b"beacon-vantage/1 " + b"a" * 31 + b"\n",
    ],
)
def test_other_callers_are_hung_up_on_without_a_word(greeting: bytes) -> None:
    async def story() -> None:
        async with Vantage("127.0.0.1", 0, SHORT) as vantage:
            reader, writer = await asyncio.open_connection("127.0.0.1", vantage.port)
            writer.write(greeting)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()

    run(story)


def test_connections_are_bounded_by_network_and_in_all() -> None:
    async def story() -> None:
        async with Vantage("127.0.0.1", 0, SHORT._replace(greeting=5.0)) as vantage:
            async with contextlib.AsyncExitStack() as stack:

                async def idle(source: str) -> bool:
                    """Whether a silent connection is kept open."""
                    reader, writer = await asyncio.open_connection("127.0.0.1", vantage.port, local_addr=(source, 0))
                    stack.callback(writer.close)
                    try:
                        return bool(await asyncio.wait_for(reader.read(1), 0.15))
                    except TimeoutError:
                        return True
                    except ConnectionError:
                        return False

                one = await asyncio.gather(*(idle("127.0.0.1") for _ in range(6)))
                assert sum(one) == 4
                others = await asyncio.gather(*(idle(f"127.0.{n}.1") for n in range(1, 5)))
                assert sum(others) == 2
            await asyncio.sleep(0.1)
            nonce = new_nonce()
            await vantage.expect(nonce)
            async with call(vantage, nonce) as reader:
                assert await answer(reader) == b"done\n"

    run(story)


def test_nonces_are_bounded_and_forgotten_after_an_hour() -> None:
    async def story() -> None:
        clock = [0.0]
        async with Vantage("127.0.0.1", 0, SHORT, monotonic=lambda: clock[0]) as vantage:
            first, *others = [new_nonce() for _ in range(4)]
            await vantage.expect(first)
            clock[0] = 1800
            for nonce in others[:2]:
                await vantage.expect(nonce)
            await vantage.expect(first)  # announced again: the same
            for unwanted in (others[2], "no nonce"):
                with pytest.raises(Environment) as error:
                    await vantage.expect(unwanted)
                assert error.value.code == "vantage-full"
            clock[0] = 3601
            async with call(vantage, first) as reader:
                assert await reader.read() == b""  # its time is over
            await vantage.expect(others[2])
            assert await vantage.seen(first) is None

    run(story)


def test_a_runner_elsewhere_asks_over_http_with_the_token() -> None:
    async def story() -> None:
        async with Vantage("127.0.0.1", 0) as vantage, serve_control(vantage, "127.0.0.1", 0, TOKEN) as port:
            nonce = new_nonce()
            remote = Remote(f"http://127.0.0.1:{port}", TOKEN)
            await remote.expect(nonce)
            assert await remote.seen(nonce) is None
            async with call(vantage, nonce) as reader:
                assert await answer(reader) == b"done\n"
            await until(vantage, nonce)
            assert await remote.seen(nonce) == await vantage.seen(nonce)
            for wrong in (Remote(f"http://127.0.0.1:{port}", "another"), Remote("http://127.0.0.1:1", TOKEN)):
                for ask in (wrong.expect, wrong.seen):
                    with pytest.raises(Environment) as error:
                        await ask(nonce)
                    assert error.value.code == "vantage-unreachable"
        with pytest.raises(Environment) as error:
            Remote("http://vantage.example.org", TOKEN)
        assert error.value.code == "vantage-insecure"

    run(story)


def test_the_verb_serves_until_it_is_stopped(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "import sys; from runner.cli import main; sys.exit(main(sys.argv[1:]))", "vantage"]
    options = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--name", "fra", "--json"]
    environment = {**os.environ, "BEACON_VANTAGE_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*words, *options], stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    ) as process:
        try:
            assert process.stdout is not None
            facts = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
            assert facts["name"] == "fra"

            async def story() -> None:
                nonce = new_nonce()
                remote = Remote(f"http://{facts['control']}", TOKEN)
                await remote.expect(nonce)
                place = Vantage("127.0.0.1", int(facts["listen"].rpartition(":")[2]))
                async with call(place, nonce) as reader:
                    assert await answer(reader) == b"done\n"
                seen = await remote.seen(nonce)
                assert seen is not None
                assert seen.address == "127.0.0.1"

            run(story)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    for arguments, code in ((["--listen", "nowhere"], "vantage-place"), ([], "vantage-token")):
        short = {**environment, "BEACON_VANTAGE_TOKEN": TOKEN if arguments else ""}
        done = subprocess.run([*words, *arguments], capture_output=True, text=True, env=short, cwd=tmp_path, timeout=30)
        assert done.returncode == 2
        assert code in done.stderr
