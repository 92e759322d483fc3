"""Who is on the market, looked at without hiring anybody: a demand is published, offers are read, the demand withdrawn.

Addresses come from a relay's public listing, `GET /nodes/<two hex digits>` -> `{"0x…": [{"peer": "IP:PORT"}, …]}`
(golemfactory/ya-relay). It is somebody else's word over plain HTTP: good for a list that people review, not for more.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from runner.edges.golem import answers, offers
from runner.edges.golem.answers import Malformed, Proposal
from runner.edges.golem.connection import Connection
from runner.edges.golem.daemon import Daemon
from runner.edges.golem.geoip import GeoIp
from runner.edges.golem.library import load
from runner.edges.golem.offers import Offer
from runner.edges.golem.rest import DaemonError
from runner.errors import Environment
from runner.providers import geography
from runner.providers.roster import Met

_EXPIRES = timedelta(minutes=25)
_POLL = 3.0
_LISTING = 4 << 20


class Scan(NamedTuple):
    """The offers that could be read, by node and runtime, and how many could not."""

    offers: tuple[Offer, ...]
    unreadable: int


async def look(connection: Connection, seconds: float) -> Scan:
    """The offers that come within so many seconds. Raises `Environment` where the daemon does not answer."""
    daemon = Daemon(connection)
    found: dict[tuple[str, str], Offer] = {}
    unreadable: set[str] = set()
    try:
        demand = await daemon.subscribe(*_demand(connection))
        try:
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                for event in await daemon.proposals(demand, min(_POLL, left)):
                    if isinstance(event, Proposal):
                        _note(event, connection.platform, found, unreadable)
        finally:
            with contextlib.suppress(DaemonError):
                await daemon.unsubscribe(demand)
    except DaemonError as error:
        raise Environment("market-unreadable", f"the yagna daemon: {error}", "is it up? `yagna service run`") from None
    finally:
        await daemon.close()
    return Scan(tuple(found[key] for key in sorted(found)), len(unreadable))


async def relayed(url: str, nodes: Iterable[str], seconds: float = 10.0) -> Mapping[str, str]:
    """The address by which a relay reaches each node, as far as it lists them. Raises `Environment`."""
    aiohttp = load().aiohttp
    wanted = set(nodes)
    found: dict[str, str] = {}
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for prefix in sorted({node[2:4] for node in wanted}):
                async with session.get(f"{url.rstrip('/')}/nodes/{prefix}", allow_redirects=False) as answer:
                    raw = bytearray()
                    async for chunk in answer.content.iter_chunked(1 << 16):
                        raw += chunk
                        if len(raw) > _LISTING:
                            raise ValueError
                    if answer.status != 200:
                        raise Environment("relay-unreadable", f"the relay answered {answer.status}", "look at its URL")
                    found |= _addresses(json.loads(raw), wanted)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise Environment(
            "relay-unreadable", f"the relay cannot be asked: {type(error).__name__}", "look at its URL"
        ) from None
    return found


def met(scan: Scan, addresses: Mapping[str, str], geoip: GeoIp) -> list[Met]:
    """The nodes of a scan, with what their relay addresses tell. A node with several payees is left out."""
    payees: dict[str, set[str]] = {}
    for offer in scan.offers:
        payees.setdefault(offer.node, set()).add(offer.payee)
    nodes = {offer.node: offer for offer in scan.offers if len(payees[offer.node]) == 1}
    return [
        Met(node, offer.name, offer.payee, offer.country, address, geoip.country(address) if address else None)
        for node, offer in sorted(nodes.items())
        for address in [addresses.get(node)]
    ]


def _demand(connection: Connection) -> tuple[Mapping[str, Any], str]:
    """A demand that any linear offer of the subnet meets."""
    expires = datetime.now(UTC) + _EXPIRES
    properties = {
        "golem.srv.comp.expiration": int(expires.timestamp() * 1000),
        "golem.node.debug.subnet": connection.subnet,
    }
    wanted = ("golem.com.pricing.model=linear", f"golem.com.payment.platform.{connection.platform}.address=*")
    return properties, f"(&(golem.node.debug.subnet={connection.subnet}){''.join(f'({one})' for one in wanted)})"


def _note(event: Proposal, platform: str, found: dict[tuple[str, str], Offer], unreadable: set[str]) -> None:
    try:
        offer = offers.read(event, platform)
        runtime = answers.text(event.properties.get("golem.runtime.name"))
    except Malformed:
        unreadable.add(event.issuer)
        return
    found[offer.node, runtime] = offer


def _addresses(data: Any, wanted: set[str]) -> dict[str, str]:
    """The first address of each wanted node."""
    found: dict[str, str] = {}
    for node, peers in answers.members(data).items():
        for peer in answers.items(peers):
            address = geography.plain(str(answers.members(peer).get("peer")).rpartition(":")[0].strip("[]"))
            if node.lower() in wanted and address:
                found.setdefault(node.lower(), address)
    return found
