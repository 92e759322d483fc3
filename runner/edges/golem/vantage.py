"""A vantage: a place of ours that cells call through their provider, so that we see where they are.

Each attempt gets a nonce (32 hex digits). The cell's wrapper connects by TCP and names it; the vantage notes the
address that TCP was set up with, and measures eight round trips on challenges that nobody can answer before they came:

    caller    beacon-vantage/1 <nonce>
    vantage   <32 random hex digits>          caller   the same line, eight times
    vantage   done

Whoever can reach it may talk to it, so everything is bounded: time, length, connections of one network and in all,
nonces. Only nonces that were announced count, once each, for an hour; other callers are hung up on without a word.
A round trip holds whatever the caller adds, and the time that this machine takes: it is never too short.

Attempts elsewhere ask a vantage over HTTP (`serve_control`, `Remote`), with a bearer token:

    PUT /nonces/<nonce>   204 announced, 503 full        GET /nonces/<nonce>   200 what was seen, 404 nothing

This carries addresses, so it goes over HTTPS (a proxy before it) or stays on one machine: `Remote` refuses the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from runner.errors import Environment
from runner.providers import geography

if TYPE_CHECKING:
    from aiohttp import web

GREETING = "beacon-vantage/1 "
ROUNDS = 8
NONCE = re.compile(r"[0-9a-f]{32}")
_LINE = 64
_PATH = "/nonces/{nonce:[0-9a-f]{32}}"


class Limits(NamedTuple):
    """What strangers may use: seconds for the greeting, for one answer, and how long a nonce is kept; nonces and
    connections at once, in all and from one /24 or /48."""

    greeting: float = 5.0
    answer: float = 3.0
    kept: float = 3600.0
    nonces: int = 10_000
    connections: int = 256
    per_network: int = 32


class Seen(NamedTuple):
    """A call. `rtt_us_min` is the least of all round trips in microseconds, None where not every one was answered;
    `at` is a moment in UTC, as 2026-11-22T03:00:00Z."""

    address: str
    port: int
    rtt_us_min: int | None
    at: str


class Watcher(Protocol):
    """A vantage as those use it who wait for a call: in this process (`Vantage`) or elsewhere (`Remote`)."""

    async def expect(self, nonce: str) -> None:
        """Announce a nonce, before it is handed out. Raises `Environment` where the vantage cannot take it."""

    async def seen(self, nonce: str) -> Seen | None:
        """The call that named a nonce; None where none did. Raises `Environment` where the vantage cannot be asked."""


def new_nonce() -> str:
    """A nonce that nobody can guess."""
    return secrets.token_hex(16)


class Vantage:
    """A listening vantage; use it in `async with`. `port` is the one it got, where 0 was asked for."""

    def __init__(
        self,
        host: str,
        port: int,
        limits: Limits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.host = host
        self.port = port
        self._limits = limits or Limits()
        self._monotonic = monotonic
        self._now = now
        self._nonces: dict[str, _Waiting] = {}
        self._open: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Vantage:
        try:
            self._server = await asyncio.start_server(self._accept, self.host, self.port, limit=_LINE)
        except OSError as error:
            raise Environment(
                "vantage-listen", f"cannot listen on {self.host} port {self.port}: {error.strerror}", "take another"
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def expect(self, nonce: str) -> None:
        """As `Watcher.expect`."""
        if not self._announce(nonce):
            raise Environment("vantage-full", "the vantage waits for too many calls already", "try again in an hour")

    async def seen(self, nonce: str) -> Seen | None:
        """As `Watcher.seen`. A call that is still being measured is there already, without its round trip."""
        waiting = self._nonces.get(nonce)
        return waiting.seen if waiting else None

    def _announce(self, nonce: str) -> bool:
        """Wait for a nonce. The oldest stand first, so those whose time is over are found at once."""
        now = self._monotonic()
        for old in [*self._nonces]:
            if self._nonces[old].until > now:
                break
            del self._nonces[old]
        if nonce not in self._nonces:
            if len(self._nonces) >= self._limits.nonces or not NONCE.fullmatch(nonce):
                return False
            self._nonces[nonce] = _Waiting(now + self._limits.kept)
        return True

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, port = writer.get_extra_info("peername", ("", 0))[:2]
        where = geography.network(address) or ""
        if self._open.total() >= self._limits.connections or self._open[where] >= self._limits.per_network:
            writer.transport.abort()
            return
        self._open[where] += 1
        task = asyncio.create_task(self._serve(reader, writer, geography.plain(address) or "", port))
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._leave(ended, where))

    def _leave(self, task: asyncio.Task[None], where: str) -> None:
        self._tasks.discard(task)
        self._open[where] -= 1
        if not self._open[where]:
            del self._open[where]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, port: int) -> None:
        """One caller, from the greeting to the end. Whatever it does wrong ends it."""
        with contextlib.suppress(OSError, ValueError, TimeoutError, EOFError, asyncio.LimitOverrunError):
            try:
                async with asyncio.timeout(self._limits.greeting):
                    greeting = (await reader.readuntil(b"\n")).decode("ascii")
                waiting = self._nonces.get(greeting.removeprefix(GREETING).removesuffix("\n"))
                if not greeting.startswith(GREETING) or waiting is None or waiting.seen is not None:
                    return
                if waiting.until <= self._monotonic():
                    return
                waiting.seen = Seen(address, port, None, self._now().strftime("%Y-%m-%dT%H:%M:%SZ"))
                waiting.seen = waiting.seen._replace(rtt_us_min=await self._measure(reader, writer))
                writer.write(b"done\n")
            finally:
                writer.close()

    async def _measure(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        """The least of the round trips, in microseconds. Raises ValueError for a wrong answer."""
        trips = []
        for _ in range(ROUNDS):
            challenge = f"{secrets.token_hex(16)}\n".encode()
            begun = time.perf_counter_ns()
            writer.write(challenge)
            async with asyncio.timeout(self._limits.answer):
                answer = await reader.readuntil(b"\n")
            trips.append(time.perf_counter_ns() - begun)
            if not hmac.compare_digest(answer, challenge):
                raise ValueError("a wrong answer")
        return max(1, min(trips) // 1000)


class _Waiting:
    """A nonce that was announced, until when it counts, and the call that named it."""

    __slots__ = ("seen", "until")

    def __init__(self, until: float) -> None:
        self.until = until
        self.seen: Seen | None = None


@contextlib.asynccontextmanager
async def serve_control(vantage: Vantage, host: str, port: int, token: str) -> AsyncIterator[int]:
    """Answer over HTTP for a vantage of this process, as long as the context lasts. Gives the port."""
    from aiohttp import web

    def authorised(request: web.Request) -> bool:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())

    async def put(request: web.Request) -> web.Response:
        if not authorised(request):
            return web.Response(status=401)
        return web.Response(status=204 if vantage._announce(request.match_info["nonce"]) else 503)

    async def get(request: web.Request) -> web.Response:
        if not authorised(request):
            return web.Response(status=401)
        seen = await vantage.seen(request.match_info["nonce"])
        return web.json_response(seen._asdict()) if seen else web.Response(status=404)

    app = web.Application(client_max_size=1024)
    app.add_routes([web.put(_PATH, put), web.get(_PATH, get, allow_head=False)])
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise Environment(
                "vantage-listen", f"cannot listen on {host} port {port}: {error.strerror}", "take another"
            ) from None
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


class Remote:
    """A vantage elsewhere. `url` is that of its control; the token is never sent over plain HTTP to another machine."""

    def __init__(self, url: str, token: str, seconds: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
            raise Environment(
                "vantage-insecure",
                "the control of a vantage is neither https nor on this machine",
                "put a proxy with TLS before it, or reach it through an SSH tunnel",
            )
        self._url = url.rstrip("/")
        self._token = token
        self._seconds = seconds

    async def expect(self, nonce: str) -> None:
        """As `Watcher.expect`."""
        status, _ = await self._ask("PUT", nonce)
        if status != 204:
            raise Environment("vantage-unreachable", f"a vantage answered {status} to a nonce", "look at its machine")

    async def seen(self, nonce: str) -> Seen | None:
        """As `Watcher.seen`."""
        status, data = await self._ask("GET", nonce)
        if status == 404:
            return None
        if status != 200 or not isinstance(data, dict):
            raise Environment("vantage-unreachable", f"a vantage answered {status} to a question", "look at its token")
        return _seen(data)

    async def _ask(self, method: str, nonce: str) -> tuple[int, object]:
        import aiohttp

        headers = {"Authorization": f"Bearer {self._token}"}
        timeout = aiohttp.ClientTimeout(total=self._seconds)
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=timeout, trust_env=False) as session,
                session.request(method, f"{self._url}/nonces/{nonce}", allow_redirects=False) as answer,
            ):
                return answer.status, await answer.json() if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Environment(
                "vantage-unreachable", f"a vantage cannot be asked: {type(error).__name__}", "is it up?"
            ) from None


def _seen(data: dict[str, object]) -> Seen:
    """What a vantage said, checked for its types. Raises `Environment`."""
    match data:
        case {"address": str(address), "port": int(port), "rtt_us_min": None | int() as rtt, "at": str(at)}:
            if geography.plain(address) == address and (rtt is None or rtt > 0):
                return Seen(address, port, rtt, at)
    raise Environment("vantage-unreachable", "a vantage answered something else than a call", "is it a vantage?")


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
