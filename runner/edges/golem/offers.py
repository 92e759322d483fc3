"""What a provider offers, read from its properties: who it is, who is paid, what it charges. All of it are claims.

Property names: golemfactory/golem-architecture, `standards/`. Only linear prices over time and CPU time can be bounded
by our own clock, so offers that charge for anything else are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from runner.edges.golem import answers
from runner.edges.golem.answers import Malformed, Proposal
from runner.money import Terms

DURATION, CPU = "golem.usage.duration_sec", "golem.usage.cpu_sec"
_COUNTRY = re.compile(r"[A-Z]{2}")


class Offer(NamedTuple):
    """An offer that can be answered. `proposal` names it on the market; `usage` is the order of its counters."""

    proposal: str
    node: str
    name: str
    payee: str
    country: str | None
    terms: Terms
    usage: tuple[str, ...]
    threads: int
    memory_gib: Decimal
    properties: Mapping[str, Any]


def read(proposal: Proposal, platform: str) -> Offer:
    """The offer of a proposal. Raises `Malformed` with the reason."""
    said = proposal.properties
    country = said.get("golem.node.geo.country_code")
    threads = said.get("golem.inf.cpu.threads")
    usage = tuple(answers.text(one) for one in answers.items(said.get("golem.com.usage.vector")))
    if type(threads) is not int or not 1 <= threads <= 4_096:
        raise Malformed("it does not say how many threads it has")
    return Offer(
        proposal=proposal.id,
        node=proposal.issuer,
        name=_name(answers.text(said.get("golem.node.id.name"))),
        payee=answers.node(said.get(f"golem.com.payment.platform.{platform}.address")),
        country=country if isinstance(country, str) and _COUNTRY.fullmatch(country) else None,
        terms=_terms(said, usage),
        usage=usage,
        threads=threads,
        memory_gib=answers.money(said.get("golem.inf.mem.gib")),
        properties=said,
    )


def _name(said: str) -> str:
    """What it calls itself, as text that can be written down: half a surrogate pair cannot."""
    return said[:100].encode(errors="replace").decode() or "?"


def _terms(said: Mapping[str, Any], usage: Sequence[str]) -> Terms:
    """The prices: the vector's in its order, then the fixed one."""
    prices = [answers.money(one) for one in answers.items(said.get("golem.com.pricing.model.linear.coeffs"))]
    if said.get("golem.com.pricing.model") != "linear" or len(prices) != len(usage) + 1:
        raise Malformed("its price is not linear")
    by_name = dict(zip(usage, prices, strict=False))
    if len(by_name) != len(usage) or any(price for name, price in by_name.items() if name not in (DURATION, CPU)):
        raise Malformed("it charges for what our clock cannot bound")
    return Terms(prices[-1], by_name.get(DURATION, Decimal(0)), by_name.get(CPU, Decimal(0)))
