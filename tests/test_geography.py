"""Grades and contradictions: what was seen decides, and only short round trips prove anything."""

from __future__ import annotations

import itertools

import pytest

from runner.providers.geography import GRADES, Listed, Place, Sighting, Source, below, judge, network

EU = Place("EU", ("DE", "FR"))
REGIONS = {"EU": ("DE", "FR"), "US": ("US",)}
LOCATED = Source("test.mmdb 0123456789abcdef", "2026-11-01", "geolocation")
REGISTERED = Source("registrations 3.3", None, "registration")
LISTED = Listed("DE", "2026-10-01")


def seen(country: str | None = "DE", vantage: str = "fra", region: str = "EU", rtt: int | None = 12_000) -> Sighting:
    return Sighting(vantage, region, 40, "192.0.2.77", rtt, country, 64_500)


def test_the_best_grade_needs_a_short_answer_to_a_vantage_in_the_region() -> None:
    found = judge(EU, "DE", LISTED, [seen(), seen(vantage="nyc", region="US", rtt=90_000)], LOCATED, REGIONS)
    assert found.mismatch is None
    assert found.evidence.to_json() == {
        "requested": "EU",
        "observed": "EU",
        "country": "DE",
        "grade": "egress+rtt",
        "evidence": "traffic left from DE as seen by fra, nyc; fra in EU was answered in 12.0 ms (limit 40 ms)",
        "network": "192.0.2.0/24",
        "asn": 64_500,
        "source": "test.mmdb 0123456789abcdef",
        "sourceDate": "2026-11-01",
        "vantage": "fra",
        "rttUs": 12_000,
    }


@pytest.mark.parametrize(
    ("claim", "listed", "sightings", "source", "grade", "country", "words"),
    [
        ("DE", None, [], LOCATED, "claimed", "DE", "the provider's claim of DE; no vantage was called"),
        ("DE", LISTED, [], LOCATED, "listed", "DE", "listed in DE, seen 2026-10-01; no vantage was called"),
        (None, LISTED, [seen(None)], LOCATED, "listed", "DE", "the source knows no country"),
        (None, None, [seen("FR", rtt=None)], LOCATED, "egress", "FR", "traffic left from FR as seen by fra"),
        ("DE", None, [seen(rtt=40_001)], LOCATED, "egress", "DE", "no vantage in EU was answered in time (40.0 ms"),
        ("DE", None, [seen(rtt=40_000)], LOCATED, "egress+rtt", "DE", "answered in 40.0 ms"),
        ("DE", None, [seen(region="US", rtt=1)], LOCATED, "egress", "DE", "seen by fra"),
        (None, LISTED, [seen("FR")], LOCATED, "egress+rtt", "FR", "the list of 2026-10-01 says DE"),
        ("DE", None, [seen(None), seen(vantage="ams")], LOCATED, "egress+rtt", "DE", "as seen by ams"),
        ("DE", None, [seen("DE")], REGISTERED, "listed", "DE", "registered in DE, which does not say where it is used"),
        ("DE", None, [seen("US")], REGISTERED, "claimed", "DE", "registered in US"),
        ("DE", LISTED, [seen("US")], REGISTERED, "listed", "DE", "registered in US"),
        ("DE", None, [seen("DE"), seen("FR", "ams")], REGISTERED, "claimed", "DE", "registered in DE and FR"),
    ],
)
def test_grades(claim, listed, sightings, source, grade, country, words) -> None:  # type: ignore[no-untyped-def]
    found = judge(EU, claim, listed, sightings, source, REGIONS)
    assert found.mismatch is None
    assert (found.evidence.grade, found.evidence.country) == (grade, country)
    assert words in found.evidence.evidence


@pytest.mark.parametrize(
    ("claim", "listed", "sightings", "mismatch", "country", "observed"),
    [
        ("DE", None, [seen("US")], "it says DE, but its traffic left from US", "US", "US"),
        ("DE", None, [seen("FR")], "it says DE, but its traffic left from FR", "FR", "EU"),
        (None, LISTED, [seen("US")], "its traffic left from US, which is not in EU", "US", "US"),
        ("DE", None, [seen("DE"), seen("US", "nyc")], "different countries: fra saw DE, nyc saw US", None, None),
        ("FR", LISTED, [], "it says FR, but it is listed in DE", "DE", None),
        ("BR", None, [], "it says BR, which is not in EU", "BR", None),
        (None, None, [], "nothing tells its country", None, None),
        (None, None, [seen("BR")], "its traffic left from BR, which is not in EU", "BR", None),
    ],
)
def test_contradictions_fail_the_attempt(claim, listed, sightings, mismatch, country, observed) -> None:  # type: ignore[no-untyped-def]
    found = judge(EU, claim, listed, sightings, LOCATED, REGIONS)
    assert found.mismatch is not None
    assert mismatch in found.mismatch
    assert (found.evidence.country, found.evidence.observed) == (country, observed)


def test_every_grade_is_measured_against_the_least_one() -> None:
    for have, want in itertools.product(GRADES, GRADES):
        assert (below(have, want) is None) == (GRADES.index(have) >= GRADES.index(want))
    assert below("listed", "egress") == "region: the evidence is listed, the job asks for egress"


def test_addresses_are_published_as_networks() -> None:
    assert network("127.101.3.1") == "127.101.3.0/24"
    assert network("::ffff:192.0.2.9") == "192.0.2.0/24"
    assert network("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert network("nowhere") is None
