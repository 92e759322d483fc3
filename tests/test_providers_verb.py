"""`beacon providers`: what list and ledger say of a node, and a scan of a real market on the devnet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runner.cli import main
from runner.edges.devnet.net import Devnet
from runner.errors import Environment
from runner.model import ProviderList
from runner.model.providers import KnownProvider
from runner.providers import roster
from runner.providers.geography import Source
from runner.providers.reputation import History, Record
from runner.providers.roster import Met, Proposal
from runner.registry import documents
from tests.scratch import Scratch, scratch
from tests.test_selection import line

A, B, C, D = (f"0x{letter * 40}" for letter in "abcd")
SOURCE = Source("Test-Country (MMDB)", "2026-11-01", "geolocation")
POLICY = '\ngolem:\n  network: {}\n  prices: {{hour: "0.1", cpuHour: "0.1"}}\n'


def met(node: str, **facts: Any) -> Met:
    return Met(**{"node": node, "name": "n", "payee": D, "claim": None, **facts})


def propose(known: dict[str, KnownProvider], *nodes: Met, history: History | None = None) -> Proposal:
    return roster.propose(known, nodes, history or History(), SOURCE, "2026-11-22")


def entry(**facts: str) -> KnownProvider:
    return KnownProvider.from_json({"country": "DE", "evidence": "old", "seen": "2026-01-01", **facts})


def test_a_relay_address_makes_a_new_entry_that_reads_back() -> None:
    proposal = propose({}, met(A, address="192.0.2.7", country="DE", claim="FR"))
    raw = roster.render(proposal.providers)
    assert documents.read(ProviderList, raw, "registry/providers.yaml")[0].providers == proposal.providers
    assert proposal.providers[A].to_json() == {
        "country": "DE",
        "evidence": "relay address, by Test-Country (MMDB) of 2026-11-01",
        "seen": "2026-11-22",
        "payee": D,
        "network": "192.0.2.0/24",
    }
    assert proposal.changes[0].startswith(f"{A}: new, DE")
    assert proposal.changes[1] == f"{A}: it claims FR, so its offers will be refused"
    assert documents.read(ProviderList, roster.render({}), "registry/providers.yaml")[0].providers == {}


def test_what_our_vantages_saw_beats_the_relay() -> None:
    history = History({A: Record(3, 3.0, countries=("US",), last="2026-11-20T10:00:00Z")})
    proposal = propose({A: entry(payee=C)}, met(A, address="192.0.2.7", country="DE"), history=history)
    assert proposal.providers[A].country == "US"
    assert proposal.providers[A].evidence.endswith("in our own attempts, the last on 2026-11-20")
    assert [change.split(":")[1].split(",")[0] for change in proposal.changes] == [
        " DE becomes US",
        f" its payee {C} becomes {D}",
    ]


def test_a_claim_is_no_evidence_and_nobody_is_forgotten() -> None:
    two = History({C: Record(2, 2.0, countries=("DE", "US"), last="2026-11-20T10:00:00Z")})
    nodes = (met(A, claim="DE"), met(B), met(C, address="192.0.2.7", country="DE"))
    proposal = propose({D: entry()}, *nodes, met(D), history=two)
    assert proposal.providers == {D: entry()}
    assert proposal.changes == (
        f"{A}: not proposed, nothing but its claim of DE is known",
        f"{B}: not proposed, nothing tells its country",
        f"{C}: not proposed, our vantages saw DE and US",
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A registry with a Golem network, a list and a ledger."""
    made = scratch(tmp_path_factory.mktemp("providers"))
    policy = made.clone / "registry/policy.yaml"
    policy.write_text(policy.read_text() + POLICY.format("devnet"))
    (made.clone / "registry/providers.yaml").write_bytes(roster.render({A: entry(payee=D), B: entry(country="US")}))
    ledger = made.clone / "reports/ledger/2026-11.jsonl"
    ledger.parent.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [line(A, at=at), line(A, at=at), line(C, False, at=at, code="region", grade="egress", country="FR")]
    ledger.write_bytes(b"".join(one.model_copy(update={"network": "devnet"}).canonical() + b"\n" for one in lines))
    made.push("Know some providers")
    return made


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["providers", *map(str, arguments)])
    return code, *capsys.readouterr()


def test_list_shows_everybody_best_first(place: Scratch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "list", "--repo", place.clone)
    assert code == 0
    head, *rows = out.splitlines()
    assert head.split() == ["node", "country", "attempts", "reliability", "score"]
    assert [row.split()[:4] for row in rows] == [[A, "DE", "2", "0.75"], [B, "US", "0", "new"], [C, "FR", "1", "0.33"]]
    data = json.loads(run(capsys, "list", "--repo", place.clone, "--json")[1])
    assert [row["node"] for row in data["providers"]] == [A, B, C]
    assert run(capsys, "list", "--repo", place.clone, "--network", "hoodi", "--json")[1].count('"attempts": 0') == 2


def test_explain_prints_every_number_of_the_score(place: Scratch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "explain", "0xAA", "--repo", place.clone)
    assert code == 0
    assert "listed in DE, seen 2026-01-01: old" in out
    assert "reliability  0.75 x 0.60  2 attempts, 2.0 answered of a decayed 2.0" in out
    assert "price        0.00 x 0.25  took 9 GLM an hour, cap 0.2" in out
    out = run(capsys, "explain", C, "--repo", place.clone)[1]
    assert "not in registry/providers.yaml" in out
    assert "our vantages saw its traffic leave from FR" in out
    assert "1 x region" in out
    data = json.loads(run(capsys, "explain", C, "--repo", place.clone, "--json")[1])
    assert [part["name"] for part in data["parts"]] == ["reliability", "price", "speed"]
    assert data["score"] == pytest.approx(sum(part["share"] * part["weight"] for part in data["parts"]), abs=1e-3)
    for prefix in ("0x", "0xdd"):
        code, _, said = run(capsys, "explain", prefix, "--repo", place.clone)
        assert (code, "provider-unknown" in said) == (2, True)


@asynccontextmanager
async def relay(listing: dict[str, Any], status: int = 200) -> AsyncIterator[str]:
    """A relay's public listing, as golemfactory/ya-relay serves it."""
    from aiohttp import web

    async def nodes(request: web.Request) -> web.Response:
        prefix = request.match_info["prefix"]
        found = {node: peers for node, peers in listing.items() if node[2:4] == prefix}
        return web.json_response(found, status=status)

    app = web.Application()
    app.add_routes([web.get("/nodes/{prefix}", nodes)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def test_a_relay_tells_the_addresses_of_the_nodes_asked_for() -> None:
    pytest.importorskip("yapapi")
    from runner.edges.golem.scan import relayed

    listing: dict[str, Any] = {
        A: [{"peer": "192.0.2.7:11500", "seen": "x"}, {"peer": "192.0.2.8:1"}],
        B: [{"peer": "[2001:db8::1]:11500"}],
        C: [{"peer": "192.0.2.9:1"}],
        "0x" + "ab" * 20: [{"peer": "192.0.2.10:1"}],
    }

    async def ask(data: dict[str, Any], status: int = 200) -> Any:
        async with relay(data, status) as url:
            return await relayed(url, [A, B, D])

    assert asyncio.run(ask(listing)) == {A: "192.0.2.7", B: "2001:db8::1"}
    assert asyncio.run(ask({A: [{"peer": "nowhere"}, {}]})) == {}
    for data, status in (({A: "no list"}, 200), (listing, 500)):
        with pytest.raises(Environment) as error:
            asyncio.run(ask(data, status))
        assert error.value.code == "relay-unreadable"


def test_a_scan_reads_the_real_market_and_hires_nobody(
    devnet: Devnet, place: Scratch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEACON_DEVNET", str(devnet.folder))
    nodes = {one["id"].lower(): one for one in devnet.status()["providers"]}
    before = len(devnet.agreements())
    listing = {node: [{"peer": f"{one['address']}:11500"}] for node, one in nodes.items()}

    async def story() -> tuple[int, str, str]:
        async with relay(listing) as url:
            words = ("scan", "--repo", place.clone, "--seconds", "2", "--relay", url, "--json")
            return await asyncio.to_thread(run, capsys, *words)

    code, out, said = asyncio.run(story())
    assert code == 0, said
    told = json.loads(out)
    assert {one["node"] for one in told["nodes"]} == set(nodes)
    assert len(devnet.agreements()) == before
    written = documents.read(ProviderList, Path(told["written"]).read_bytes(), "registry/providers.yaml")[0]
    assert {node: written.providers[node].country for node in nodes} == {n: one["country"] for n, one in nodes.items()}
    assert {A, B} <= set(written.providers)  # nobody who was known is forgotten
    assert Path(told["written"]).samefile(place.clone / "registry/providers.yaml")
