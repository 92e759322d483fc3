"""What a devnet provider offers and bills: the properties of a stock provider, and the linear price.

Properties: golemfactory/golem-architecture `standards/`. `golem.node.geo.country_code` is in that standard though no
stock provider sets it: here it is a claim, and a provider with the fault `wrong-country` claims it still.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from runner.edges.devnet.geography import Site
from runner.edges.devnet.runtimes import MEMORY_GIB, STORAGE_GIB

DRIVER, NETWORK, TOKEN = "erc20", "hoodi", "tglm"
PLATFORM = f"{DRIVER}-{NETWORK}-{TOKEN}"
USAGE = ("golem.usage.duration_sec", "golem.usage.cpu_sec")
CONSTRAINTS = "(&(golem.srv.comp.expiration>0)(golem.node.debug.subnet={subnet}))"
DEBIT_NOTE_SECONDS = "golem.com.scheme.payu.debit-note.interval-sec?"
ACCEPT_SECONDS = "golem.com.payment.debit-notes.accept-timeout?"

_THREADS = re.compile(r"\(\s*golem\.inf\.cpu\.threads\s*>=\s*([0-9]{1,3})\s*\)")


class Prices(NamedTuple):
    """GLM a second of the activity, a second of CPU, and a start: as decimal strings."""

    second: str = "0.00002"
    cpu_second: str = "0.00005"
    start: str = "0"


def properties(site: Site, node: str, runtime: str, subnet: str, threads: int, prices: Prices) -> dict[str, Any]:
    """One offer's properties."""
    return {
        "golem.node.id.name": site.name,
        "golem.node.debug.subnet": subnet,
        "golem.node.geo.country_code": site.country,
        "golem.node.net.is-public": False,
        "golem.inf.cpu.architecture": "x86_64",
        "golem.inf.cpu.cores": threads,
        "golem.inf.cpu.threads": threads,
        "golem.inf.cpu.vendor": "GenuineIntel",
        "golem.inf.mem.gib": float(MEMORY_GIB),
        "golem.inf.storage.gib": float(STORAGE_GIB),
        "golem.runtime.name": runtime,
        "golem.runtime.version": "0.5.1",
        "golem.runtime.capabilities": ["inet", "manifest-support"],
        "golem.srv.caps.multi-activity": True,
        "golem.activity.caps.transfer.protocol": ["http"],
        "golem.com.scheme": "payu",
        DEBIT_NOTE_SECONDS: 120,
        "golem.com.scheme.payu.payment-timeout-sec?": 120,
        ACCEPT_SECONDS: 240,
        "golem.com.pricing.model": "linear",
        "golem.com.pricing.model.linear.coeffs": [float(prices.second), float(prices.cpu_second), float(prices.start)],
        "golem.com.usage.vector": list(USAGE),
        f"golem.com.payment.platform.{PLATFORM}.address": node,
        "golem.com.payment.protocol.version": 2,
    }


def answer(offered: Mapping[str, Any], demanded: Mapping[str, Any]) -> dict[str, Any]:
    """The counter-proposal: negotiable properties (they end in `?`) become what the demand says."""
    return {
        name: demanded[name] if name.endswith("?") and name in demanded else value for name, value in offered.items()
    }


def threads_wanted(constraints: str) -> int:
    """The CPU threads that a demand asks for; 1 where it does not say."""
    return max((int(number) for number in _THREADS.findall(constraints)), default=1)


def cost(prices: Prices, usages: Sequence[Sequence[float]], factor: float = 1.0) -> Decimal:
    """What activities cost, by their usage vectors. `factor` is a fault's."""
    total = Decimal(0)
    for duration, cpu in usages:
        total += Decimal(prices.start)
        total += Decimal(prices.second) * Decimal(str(duration)) + Decimal(prices.cpu_second) * Decimal(str(cpu))
    return total * Decimal(str(factor))
