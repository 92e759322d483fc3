"""Where a provider's traffic left from, and how well that is known. Pure: what was seen comes in, a verdict goes out.

Four grades, weakest first. Each means "traffic left from", never "ran in":

    claimed      the provider says so, and nobody else
    listed       the maintainers' list (`registry/providers.yaml`) names its country, or addresses are registered there
    egress       vantages of ours were called through the provider, and a geolocation source knows the callers' address
    egress+rtt   and the caller answered the challenges of a vantage in that region within its longest round trip

What is observed beats what is listed, and that beats what is claimed. A claim that is contradicted fails the attempt,
even where both countries are in the region: what else such a provider says is not believed either. So does a country
outside the region, and so do vantages that see different countries. A source that knows only where address blocks are
registered (a company's seat, often enough) neither lifts a grade above `listed` nor contradicts anything.

A round trip proves nearness only where it is short: delay can be added, but never taken away. So a long one lowers
nothing, and a vantage outside the region proves nothing. The limit, per vantage, is the policy's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from runner.model.canonical import GRADES, Grade
from runner.model.receipt import RegionEvidence

Method = Literal["geolocation", "registration"]
"""What a source knows: where addresses are used, or only where their blocks were registered."""


class Source(NamedTuple):
    """What told the countries of addresses. `name` has a version or a digest; `date` is a day, as 2026-11-22."""

    name: str
    date: str | None
    method: Method


class Place(NamedTuple):
    """A region of the job: its name and countries (ISO 3166-1 alpha-2)."""

    region: str
    countries: tuple[str, ...]


class Listed(NamedTuple):
    """What the maintainers' list says of a node; `seen` is the day when it was last looked at."""

    country: str
    seen: str


class Sighting(NamedTuple):
    """A call that one vantage got from the attempt, and what the source says of the caller's address.

    `rtt_us` is the least round trip in microseconds, None where the challenges were not all answered."""

    vantage: str
    region: str
    max_rtt_ms: int
    address: str
    rtt_us: int | None
    country: str | None
    asn: int | None = None


class Judgement(NamedTuple):
    """The evidence for the receipt, and why the attempt fails by it, or None where it stands."""

    evidence: RegionEvidence
    mismatch: str | None


def judge(
    place: Place,
    claim: str | None,
    listed: Listed | None,
    sightings: Sequence[Sighting],
    source: Source,
    regions: Mapping[str, tuple[str, ...]] | None = None,
) -> Judgement:
    """What is known of a provider that was hired for a region. `claim` is the country of its offer; `regions` are the
    policy's, to name the region of a country that is not the one asked for."""
    countries = {seen.vantage: seen.country for seen in sightings if seen.country is not None}
    observed = sorted(set(countries.values()))
    located = source.method == "geolocation"
    if located and len(observed) > 1:
        told = ", ".join(f"{vantage} saw {country}" for vantage, country in sorted(countries.items()))
        evidence = _evidence(place, "claimed", None, None, f"vantages disagree: {told}", sightings, source)
        return Judgement(evidence, f"region: vantages saw different countries: {told}")
    if located and observed:
        country, near = observed[0], _nearest(place, sightings)
        grade: Grade = "egress+rtt" if near else "egress"
        words = _words_seen(country, near, listed, place, sightings)
        evidence = _evidence(place, grade, country, _region(country, place, regions), words, sightings, source, near)
        return Judgement(evidence, _contradiction(place, country, claim, "its traffic left from"))
    country_told, grade, words = _told(claim, listed, None if located else observed, bool(sightings))
    evidence = _evidence(place, grade, country_told, None, words, sightings, source)
    if country_told is None:
        return Judgement(evidence, "region: nothing tells its country")
    return Judgement(evidence, _contradiction(place, country_told, claim, "it is listed in" if listed else "it says"))


def below(grade: str, least: str) -> str | None:
    """Why a grade does not do for a job that asks for another one, or None where it does."""
    if _rank(grade) >= _rank(least):
        return None
    return f"region: the evidence is {grade}, the job asks for {least}"


def plain(address: str) -> str | None:
    """An address in its usual spelling, IPv4 where it only stands in IPv6; None where the text is no address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def network(address: str) -> str | None:
    """The /24 or /48 that is published instead of an address; None where the text is no address."""
    ip = plain(address)
    return ip and str(ipaddress.ip_network(f"{ip.partition('%')[0]}/{48 if ':' in ip else 24}", strict=False))


def _rank(grade: str) -> int:
    return [str(known) for known in GRADES].index(grade)


def _contradiction(place: Place, country: str, claim: str | None, verb: str) -> str | None:
    """Why a provider's country speaks against it, if it does."""
    if claim is not None and claim != country:
        return f"region: it says {claim}, but {verb} {country}"
    if country not in place.countries:
        return f"region: {verb} {country}, which is not in {place.region}"
    return None


def _nearest(place: Place, sightings: Sequence[Sighting]) -> Sighting | None:
    """The fastest answer to a vantage in the region, if it was fast enough."""
    found = [
        seen
        for seen in sightings
        if seen.region == place.region and seen.rtt_us is not None and seen.rtt_us <= seen.max_rtt_ms * 1000
    ]
    return min(found, key=lambda seen: (seen.rtt_us or 0, seen.vantage), default=None)


def _region(country: str, place: Place, regions: Mapping[str, tuple[str, ...]] | None) -> str | None:
    """The region that a country is in: the one asked for, or another of the policy's."""
    if country in place.countries:
        return place.region
    return next((name for name, countries in sorted((regions or {}).items()) if country in countries), None)


def _words_seen(
    country: str, near: Sighting | None, listed: Listed | None, place: Place, sightings: Sequence[Sighting]
) -> str:
    """What an observed country rests on."""
    vantages = ", ".join(sorted(seen.vantage for seen in sightings if seen.country is not None))
    words = f"traffic left from {country} as seen by {vantages}"
    if near and near.rtt_us is not None:
        words += f"; {near.vantage} in {place.region} was answered in {_ms(near.rtt_us)} (limit {near.max_rtt_ms} ms)"
    elif far := [seen for seen in sightings if seen.region == place.region and seen.rtt_us is not None]:
        words += f"; no vantage in {place.region} was answered in time ({_ms(min(s.rtt_us or 0 for s in far))} at best)"
    if listed and listed.country != country:
        words += f"; the list of {listed.seen} says {listed.country}"
    return words[:300]


def _told(
    claim: str | None, listed: Listed | None, registered: Sequence[str] | None, called: bool
) -> tuple[str | None, Grade, str]:
    """Country, grade and words where no country was observed. `registered`: the countries by registration, or None."""
    hint = "; the source knows no country of the calling address" if called else "; no vantage was called"
    if registered:
        hint = f"; the calling address is registered in {' and '.join(registered)}, which does not say where it is used"
    if listed:
        return listed.country, "listed", f"listed in {listed.country}, seen {listed.seen}{hint}"
    if claim is None:
        return None, "claimed", f"no claim and no list{hint}"
    if registered and list(registered) == [claim]:
        return claim, "listed", f"the provider's claim of {claim}{hint}"
    return claim, "claimed", f"the provider's claim of {claim}{hint}"


def _evidence(
    place: Place,
    grade: Grade,
    country: str | None,
    region: str | None,
    words: str,
    sightings: Sequence[Sighting],
    source: Source,
    near: Sighting | None = None,
) -> RegionEvidence:
    networks = [found for seen in sightings if (found := network(seen.address))]
    asns = {seen.asn for seen in sightings if seen.asn}
    return RegionEvidence(
        requested=place.region,
        observed=region,
        country=country,
        grade=grade,
        evidence=words,
        network=min(networks, default=None),
        asn=asns.pop() if len(asns) == 1 else None,
        source=source.name if sightings else None,
        source_date=source.date if sightings else None,
        vantage=near.vantage if near else None,
        rtt_us=near.rtt_us if near else None,
    )


def _ms(microseconds: int) -> str:
    return f"{microseconds / 1000:.1f} ms"
