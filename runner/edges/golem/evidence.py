"""Where an attempt's traffic left from: vantages told of a nonce before, asked for what they saw after.

On a devnet one vantage listens in this process. Elsewhere they are the policy's; their control is asked at the URL in
`BEACON_VANTAGE_<NAME>` with the token in `BEACON_VANTAGE_TOKEN`. One that cannot be asked saw nothing: that lowers a
grade, and never lifts one. What sightings mean is judged by `providers/geography.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from runner import wrapped
from runner.edges.golem.connection import Connection
from runner.edges.golem.geoip import GeoIp
from runner.edges.golem.vantage import Remote, Vantage, Watcher, new_nonce
from runner.errors import Environment
from runner.model.policy import Vantage as Named
from runner.providers.geography import Sighting, Source

TOKEN = "BEACON_VANTAGE_TOKEN"  # noqa: S105 - the name of a variable
_DEVNET_RTT_MS = 50


class _Post(NamedTuple):
    """A vantage, and how it is asked. `region` is None for a devnet's, which stands wherever it is asked from."""

    name: str
    region: str | None
    host: str
    port: int
    max_rtt_ms: int
    watcher: Watcher


class Lookout:
    """The vantages of a connection, and what tells countries. Use it on one loop, in `async with`."""

    def __init__(self, connection: Connection, named: Sequence[Named], environ: Mapping[str, str]) -> None:
        self._connection = connection
        self._named = named
        self._environ = environ
        self._geoip = GeoIp.open(connection.mmdb, environ)
        self._posts: list[_Post] = []
        self._open = AsyncExitStack()

    @property
    def source(self) -> Source:
        """What tells the countries of addresses."""
        return self._geoip.source

    @property
    def names(self) -> list[str]:
        """The vantages that can be asked."""
        return [post.name for post in self._posts]

    async def __aenter__(self) -> Lookout:
        if self._connection.simulated:
            vantage = await self._open.enter_async_context(Vantage("127.0.0.1", 0))
            self._posts.append(_Post("devnet", None, vantage.host, vantage.port, _DEVNET_RTT_MS, vantage))
        else:
            self._posts += [post for one in self._named if (post := self._remote(one))]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def probe(self) -> wrapped.Probe | None:
        """What the wrapper is to call, announced; None where no vantage takes it."""
        nonce, ready = new_nonce(), []
        for post in self._posts:
            try:
                await post.watcher.expect(nonce)
                ready.append(wrapped.Vantage(post.name, post.host, post.port))
            except Environment:
                continue
        return wrapped.Probe(nonce, tuple(ready)) if ready else None

    async def sightings(self, probe: wrapped.Probe, region: str) -> list[Sighting]:
        """What the vantages of a probe saw."""
        asked = {vantage.name for vantage in probe.vantages}
        found = []
        for post in self._posts:
            try:
                seen = await post.watcher.seen(probe.nonce) if post.name in asked else None
            except Environment:
                continue
            if seen is not None:
                told = self._geoip.look(seen.address)
                where = (post.name, post.region or region, post.max_rtt_ms)
                found.append(Sighting(*where, seen.address, seen.rtt_us_min, told.country, told.asn))
        return found

    def _remote(self, named: Named) -> _Post | None:
        url = self._environ.get(f"BEACON_VANTAGE_{named.name.upper().replace('-', '_')}")
        token = self._environ.get(TOKEN)
        if not url or not token:
            return None
        watcher = Remote(url, token)
        return _Post(named.name, named.region, named.host, named.port, named.max_rtt_ms, watcher)
