"""Where the devnet's providers stand: a /16 of loopback for each country, a /24 of it for each provider.

    127.101.1.1   the first country's first provider      127.102.3.1   the second country's third

An MMDB file (MaxMind DB 2.0) maps these networks to countries, so that a runner looks them up as it would real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from runner.errors import Usage

FIRST_NETWORK = 101
MOST_COUNTRIES = 100
MOST_PROVIDERS = 200
EMPTY = ("FR", "JP", "BR")
"""Countries that are on the map though nobody may stand there: a liar's traffic has to come from somewhere."""


class Site(NamedTuple):
    """A provider's name, ISO 3166-1 alpha-2 country, and loopback address."""

    name: str
    country: str
    address: str


def countries(providers: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Every country on the map, in the order of its networks."""
    return tuple(dict.fromkeys([*(country for _, country in providers), *EMPTY]))


def sites(providers: Sequence[tuple[str, str]]) -> tuple[Site, ...]:
    """An address for each (name, country). Raises `Usage` where there are too many, or a name stands twice."""
    order = countries(providers)
    if not providers or len(order) > MOST_COUNTRIES or len(providers) > MOST_PROVIDERS:
        raise Usage("devnet-providers", f"{len(providers)} providers in {len(order)} countries cannot be placed")
    if len({name for name, _ in providers}) < len(providers):
        raise Usage("devnet-providers", "two providers have one name")
    placed: dict[str, int] = {}
    found = []
    for name, country in providers:
        placed[country] = placed.get(country, 0) + 1
        found.append(Site(name, country, address(order, country, placed[country])))
    return tuple(found)


def address(order: Sequence[str], country: str, number: int) -> str:
    """The loopback address of a country's provider."""
    return f"127.{FIRST_NETWORK + order.index(country)}.{number}.1"


def write_mmdb(path: Path, order: Sequence[str]) -> None:
    """Write the map."""
    import netaddr  # type: ignore[import-untyped]
    from mmdb_writer import MMDBWriter

    said = {"en": "Countries of a Beacon devnet: loopback networks, made up"}
    writer = MMDBWriter(ip_version=4, database_type="Beacon-Devnet-Country", description=said, languages=["en"])
    for index, country in enumerate(order):
        network = netaddr.IPSet([f"127.{FIRST_NETWORK + index}.0.0/16"])
        writer.insert_network(network, {"country": {"iso_code": country}})
    writer.to_db_file(str(path))
