"""A new `registry/providers.yaml` from the old one and from what was seen of the market. Pure; people decide about it.

A node's country is proposed, best evidence first:

    our own attempts   our vantages saw its traffic leave from one country, and never from another
    its relay address  where the relay listed the node, looked up in a source of countries

A claim alone is no evidence: such a node is not proposed, since offers tell their claims anyway. What the list says of
nodes that were not seen stays as it is. Every change is told, so that whoever reviews it knows what to look at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from runner.model.providers import KnownProvider
from runner.providers.geography import Source, network
from runner.providers.reputation import History

_HEAD = """\
# Golem nodes that this registry knows, and where their traffic leaves from. `beacon providers scan` proposes this file;
# it counts once the maintainers have signed it: `beacon trust NAME`. Remarks do not survive the next scan.
apiVersion: beacon/v1
kind: ProviderList
"""


class Met(NamedTuple):
    """A node that made offers: its payee, its own claim, and the address and country by which the relay reached it."""

    node: str
    name: str
    payee: str
    claim: str | None
    address: str | None = None
    country: str | None = None


class Proposal(NamedTuple):
    """The new list, and what is new in it, a line each."""

    providers: Mapping[str, KnownProvider]
    changes: tuple[str, ...]


def propose(
    known: Mapping[str, KnownProvider], met: Iterable[Met], history: History, source: Source, today: str
) -> Proposal:
    """The list to be proposed. `source` told the countries of the addresses; `today` is a day, as 2026-11-22."""
    providers = dict(known)
    changes: list[str] = []
    for one in sorted(met):
        before = known.get(one.node)
        after = _entry(one, history, source, today)
        if after is None:
            changes += [] if before else [f"{one.node}: not proposed, {_why_not(one, history)}"]
            continue
        providers[one.node] = after
        changes += _told(one, before, after)
    return Proposal(dict(sorted(providers.items())), tuple(changes))


def render(providers: Mapping[str, KnownProvider]) -> bytes:
    """The file's bytes: strict YAML, every value in quotes."""
    lines = [_HEAD.rstrip("\n"), "providers:" if providers else "providers: {}"]
    for node, entry in providers.items():
        lines.append(f"  {json.dumps(node)}:")
        lines += [f"    {name}: {json.dumps(value)}" for name, value in entry.to_json().items()]
    return ("\n".join(lines) + "\n").encode()


def _entry(one: Met, history: History, source: Source, today: str) -> KnownProvider | None:
    record = history.by_id.get(one.node)
    country, evidence = one.country, _relay(source)
    if record and record.countries:
        if len(record.countries) > 1:
            return None
        country = record.countries[0]
        evidence = f"traffic seen by our vantages in our own attempts, the last on {(record.last or today)[:10]}"
    if country is None:
        return None
    return KnownProvider(
        country=country,
        evidence=evidence,
        seen=today,
        payee=one.payee,
        network=network(one.address) if one.address else None,
    )


def _relay(source: Source) -> str:
    kind = "" if source.method == "geolocation" else "registration of its "
    return f"{kind}relay address, by {source.name}{f' of {source.date}' if source.date else ''}"[:200]


def _why_not(one: Met, history: History) -> str:
    record = history.by_id.get(one.node)
    if record and len(record.countries) > 1:
        return f"our vantages saw {' and '.join(record.countries)}"
    if one.address:
        return "the source knows no country of its relay address"
    return f"nothing but its claim of {one.claim} is known" if one.claim else "nothing tells its country"


def _told(one: Met, before: KnownProvider | None, after: KnownProvider) -> list[str]:
    """What a reviewer should know of one node."""
    found = []
    if before is None:
        found.append(f"{one.node}: new, {after.country}: {after.evidence}")
    elif before.country != after.country:
        found.append(f"{one.node}: {before.country} becomes {after.country}: {after.evidence}")
    if before is not None and before.payee not in (None, after.payee):
        found.append(f"{one.node}: its payee {before.payee} becomes {after.payee}")
    if one.claim and one.claim != after.country:
        found.append(f"{one.node}: it claims {one.claim}, so its offers will be refused")
    return found
