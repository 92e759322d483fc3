"""Where a provider's traffic leaves from, seen through a real one: wrapper, way out, vantage, GeoIP, grade."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yapapi")

from runner.edges.devnet.net import Devnet
from runner.edges.golem.geoip import GeoIp
from runner.edges.golem.vantage import ROUNDS, Vantage, new_nonce
from runner.providers.geography import Judgement, Place, Sighting, judge
from runner.wrapped import Probe, read
from runner.wrapped import Vantage as Post
from tests.devnet.requestor import Requestor, call, publish


async def whereabouts(net: Devnet, provider: str, country: str) -> tuple[dict[str, Any], Judgement]:
    """Hire a provider, have it call a vantage of ours, and judge what was seen. `country` is its claim."""
    geoip = GeoIp.open(Path(net.facts["mmdb"]))
    async with Vantage("127.0.0.1", 0) as vantage, Requestor(net) as requestor:
        nonce = new_nonce()
        await vantage.expect(nonce)
        agreement = await requestor.hire(provider, publish(net, {"benchmark.py": b"print()"}))
        probe = Probe(nonce, (Post("here", "127.0.0.1", vantage.port),))
        *_, ran = await requestor.run(agreement, call(["true"], probe=probe))
        await requestor.end(agreement)
        assert ran.stdout is not None
        assert read(ran.stdout, 1 << 20).probes == (("here", ROUNDS, None),)
        seen = await vantage.seen(nonce)
        assert seen is not None
    told = geoip.look(seen.address)
    sighting = Sighting("here", "HOME", 50, seen.address, seen.rtt_us_min, told.country, told.asn)
    (site,) = [one for one in net.status()["providers"] if one["name"] == provider]
    return site, judge(Place("HOME", (country,)), country, None, [sighting], geoip.source)


def test_an_honest_provider_is_seen_in_its_country(devnet: Devnet) -> None:
    site, found = asyncio.run(whereabouts(devnet, "us-3", "US"))
    assert found.mismatch is None
    assert (found.evidence.grade, found.evidence.country) == ("egress+rtt", "US")
    assert found.evidence.network == f"{site['address'].rpartition('.')[0]}.0/24"
    assert found.evidence.source is not None
    assert "Beacon-Devnet-Country" in found.evidence.source
    assert 0 < (found.evidence.rtt_us or 0) < 50_000


def test_a_liar_is_seen_elsewhere(devnet: Devnet) -> None:
    devnet.fault("us-3", "wrong-country", times=1, country="FR")
    _, found = asyncio.run(whereabouts(devnet, "us-3", "US"))
    assert found.mismatch == "region: it says US, but its traffic left from FR"
    assert found.evidence.country == "FR"
