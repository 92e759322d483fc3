"""The devnet's own HTTP: images for everybody on loopback, and a control interface for who has the app key.

GET    /images/<name>        a file of the folder `images`
GET    /control/status       providers, their faults, agreements and invoices
POST   /control/faults       {"provider", "kind", "times"?, "chance"?, "seed"?, "options"?}
DELETE /control/faults       no more faults
POST   /control/daemon       {"running": bool}: the yagna daemon is killed, or started again over its data
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from runner.edges.devnet.rest import Refused
from runner.errors import BeaconError, Usage

if TYPE_CHECKING:
    from aiohttp import web

    from runner.edges.devnet.host import Host


@contextlib.asynccontextmanager
async def serving(host: Host, key: str) -> AsyncIterator[str]:
    """Serve on a free loopback port; gives the address."""
    from aiohttp import web

    (host.folder / "images").mkdir(exist_ok=True)
    app = web.Application(middlewares=[_guard(key)])
    app.router.add_static("/images", host.folder / "images")
    control = _Control(host)
    app.router.add_get("/control/status", control.status)
    app.router.add_post("/control/faults", control.set)
    app.router.add_delete("/control/faults", control.clear)
    app.router.add_post("/control/daemon", control.daemon)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _guard(key: str) -> Any:
    """Only who has the key may control; errors of ours become answers."""
    from aiohttp import web

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        said = request.headers.get("Authorization", "")
        if request.path.startswith("/control/") and not hmac.compare_digest(said.encode(), f"Bearer {key}".encode()):
            return web.json_response({"message": "the control interface wants the app key"}, status=401)
        try:
            answer: web.StreamResponse = await handler(request)
        except BeaconError as error:
            return web.json_response({"code": error.code, "message": error.message, "hint": error.hint}, status=400)
        return answer

    return guard


class _Control:
    """The handlers."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def status(self, _: web.Request) -> web.Response:
        from aiohttp import web

        providers = await asyncio.gather(*map(self._of, self._host.agents))
        return web.json_response({"daemon": self._host.daemon.running, "providers": providers})

    async def set(self, request: web.Request) -> web.Response:
        from aiohttp import web

        said = await request.json()
        agent = self._host.agents.get(said["provider"])
        if agent is None:
            raise Usage("devnet-fault", f"there is no provider {said['provider']!r}")
        options = dict(said.get("options") or {})
        country = options.get("country")
        if country and country not in agent.countries:
            raise Usage("devnet-fault", f"{country} is not on the map", f"known: {', '.join(agent.countries)}")
        agent.faults.set(said["kind"], said.get("times"), said.get("chance", 1.0), said.get("seed", 0), **options)
        return web.json_response({})

    async def clear(self, _: web.Request) -> web.Response:
        from aiohttp import web

        for agent in self._host.agents.values():
            agent.faults.clear()
        return web.json_response({})

    async def daemon(self, request: web.Request) -> web.Response:
        from aiohttp import web

        if (await request.json())["running"]:
            await self._host.start_daemon()
        else:
            await self._host.stop_daemon()
        return web.json_response({})

    async def _of(self, name: str) -> dict[str, Any]:
        from aiohttp import ClientError

        agent = self._host.agents[name]
        seen = {}
        with contextlib.suppress(ClientError, Refused):  # the daemon may be away, or going
            seen = await agent.seen()
        return {
            "name": name,
            "id": agent.node,
            "country": agent.site.country,
            "address": agent.site.address,
            "faults": agent.faults.as_json(),
            **seen,
        }
