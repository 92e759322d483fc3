"""Whether a run could be paid for and would be found: asked of the daemon before anything is claimed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import NamedTuple

from runner.edges.golem import sweep
from runner.edges.golem.books import Books
from runner.edges.golem.daemon import Daemon
from runner.edges.golem.engine import Engine
from runner.edges.golem.evidence import Lookout
from runner.edges.golem.journal import Journal
from runner.edges.golem.rest import DaemonError
from runner.errors import Environment
from runner.money import plain

_DRY_RUN = (0, "0" * 64)
"""The journal of an allocation that is made only to see whether it can be: no start has this run."""


class Check(NamedTuple):
    """One thing that was looked at. `ok` is None for what is only told; `mend` is what helps."""

    name: str
    ok: bool | None
    said: str
    mend: str = ""


async def preflight(daemon: Daemon, journal: Journal, lookout: Lookout, amount: Decimal) -> list[Check]:
    """Everything about the daemon, the money, the network and what was left behind."""
    checks = [
        Check("daemon", True, f"yagna {await daemon.version()} at {daemon.connection.url}"),
        Check("identity", True, await daemon.identity()),
    ]
    for name, look in (
        ("account", lambda: _account(daemon)),
        ("network", lambda: _network(daemon)),
        ("allocations", lambda: _allocations(daemon)),
        ("funds", lambda: _funds(daemon, journal, amount)),
        ("left behind", lambda: _left(daemon, journal)),
    ):
        checks.append(await _tried(name, look))
    source = lookout.source
    words = "tells where addresses are used" if source.method == "geolocation" else "only tells registrations"
    checks.append(Check("geolocation", source.method == "geolocation" or None, f"{source.name}: {words}", _GEOIP))
    checks.append(Check("vantages", bool(lookout.names) or None, ", ".join(lookout.names) or "none", _VANTAGES))
    return checks


_GEOIP = "set BEACON_GEOIP to an MMDB file; without it no region is better than `listed`"
_VANTAGES = "name some in the policy, and set BEACON_VANTAGE_<NAME> and BEACON_VANTAGE_TOKEN"


async def _tried(name: str, look: Callable[[], Awaitable[Check]]) -> Check:
    try:
        return await look()
    except DaemonError as error:
        return Check(name, False, str(error), "look at the daemon's log")
    except Environment as error:
        return Check(name, False, error.message, error.hint)


async def _account(daemon: Daemon) -> Check:
    platform = daemon.connection.platform
    ready = platform in await daemon.accounts()
    mend = f"yagna payment init --sender --network {platform.split('-')[1]}"
    return Check("account", ready, f"{platform} {'can' if ready else 'cannot'} send", mend)


async def _network(daemon: Daemon) -> Check:
    if daemon.connection.simulated:
        return Check("network", None, "devnet: this machine alone")
    sessions = await daemon.sessions()
    return Check("network", sessions > 0, f"{sessions} sessions with other nodes", "is UDP let out? yagna net status")


async def _allocations(daemon: Daemon) -> Check:
    found = [one for one in await daemon.allocations() if one.platform == daemon.connection.platform]
    held = sum((one.total - one.spent for one in found), Decimal(0))
    return Check("allocations", None, f"{len(found)} hold {plain(held)} GLM")


async def _funds(daemon: Daemon, journal: Journal, amount: Decimal) -> Check:
    """Set some money aside and give it back."""
    books = Books(journal, *_DRY_RUN)
    engine = Engine(daemon, books, "DRY-RUN", amount)
    try:
        await engine.allocation()
    finally:
        await engine.release()
        journal.forget(*_DRY_RUN)
    return Check("funds", True, f"{plain(amount)} GLM can be set aside")


async def _left(daemon: Daemon, journal: Journal) -> Check:
    found = await sweep.sweep(daemon, journal, lambda _: None, dry_run=True)
    said = f"{len(found)} things: {', '.join(sorted({one.what for one in found}))}" if found else "nothing"
    return Check("left behind", not found, said, "beacon sweep")
