"""A proxy in front of a daemon, yagna or Kubo, that spoils answers: dropped, late, refused, malformed, endless, untrue.

    with FaultyProxy(url) as proxy:
        proxy.spoil("POST", "/market-api/v1/agreements$", "reset", times=1)
        ... proxy.url ...

What it spoils has reached the daemon (`after` kinds), or has not: a request that was carried out and whose answer is
lost is the harder case, so it is the rule; kinds that end in `!` never reach the daemon. A lie says that all is well.

With `choose`, chance decides instead: it is given the path and the query, and names a kind or None."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web

KINDS = ("reset", "500", "500!", "408!", "not json", "wrong types", "empty", "huge", "late", "reset!", "hang!", "lie!")
_LATE_SECONDS = 3.0
_HANG_SECONDS = 1.5
_HUGE = 64 << 20


@dataclass
class _Rule:
    method: str
    path: re.Pattern[str]
    kind: str
    times: int


class FaultyProxy:
    """Runs on a thread of its own. `struck` counts what was spoiled."""

    def __init__(self, daemon: str, choose: Callable[[str], str | None] = lambda _: None) -> None:
        self._daemon = daemon
        self._choose = choose
        self._rules: list[_Rule] = []
        self.struck = 0

    def spoil(self, method: str, path: str, kind: str, times: int = 1) -> None:
        """Spoil the next answers to a method and a path (a regular expression that is searched for, query included)."""
        self._rules.append(_Rule(method, re.compile(path), kind, times))

    def __enter__(self) -> FaultyProxy:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        started.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._pass)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as self._session:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            started.set()
            await self._stop.wait()
            await runner.cleanup()

    def _rule(self, request: web.Request) -> str | None:
        for rule in self._rules:
            if rule.times and rule.method == request.method and rule.path.search(request.path_qs):
                rule.times -= 1
                self.struck += 1
                return rule.kind
        kind = self._choose(request.path_qs)
        self.struck += kind is not None
        return kind

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        kind = self._rule(request)
        if kind and kind.endswith("!"):
            return await self._spoiled(request, kind.removesuffix("!"))
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        body = await request.read()
        try:
            async with self._session.request(
                request.method, self._daemon + request.path_qs, headers=headers, data=body
            ) as answer:
                data, status, type_ = await answer.read(), answer.status, answer.content_type
        except aiohttp.ClientError:
            return await self._spoiled(request, "reset")
        if kind == "late":
            await asyncio.sleep(_LATE_SECONDS)
        elif kind:
            return await self._spoiled(request, kind)
        return web.Response(body=data, status=status, content_type=type_)

    async def _spoiled(self, request: web.Request, kind: str) -> web.StreamResponse:
        answers: dict[str, Any] = {
            "500": lambda: web.json_response({"message": "spoiled"}, status=500),
            "408": lambda: web.json_response({"message": "Timeout"}, status=408),
            "not json": lambda: web.Response(body=b"{\xff", content_type="application/json"),
            "wrong types": lambda: web.json_response({"identity": 7, "agreementId": [], "index": "x", "offer": 1}),
            "empty": lambda: web.json_response([]),
            "huge": lambda: web.Response(body=b"[" + b" " * _HUGE + b"]", content_type="application/json"),
        }
        if kind == "lie":
            return _lie(request)
        if kind == "hang":
            await asyncio.sleep(_HANG_SECONDS)
        if kind in answers:
            answer: web.Response = answers[kind]()
            return answer
        if request.transport is not None:  # the client may have hung up by itself
            request.transport.abort()
        return web.Response()


def _lie(request: web.Request) -> web.Response:
    """What Kubo says when it did as it was told."""
    cid = request.query.get("arg", "")
    said = {
        "/api/v0/dag/import": {"Stats": {"BlockCount": 9, "BlockBytesCount": 999}},
        "/api/v0/pin/add": {"Pins": [cid]},
        "/api/v0/pin/ls": {"Keys": {cid: {"Type": "recursive", "Name": ""}}},
    }
    return web.json_response(said[request.path])
