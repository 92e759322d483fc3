"""Who is asked next: every refusal with its reason, and an order that history, price and the job's countries give."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import Unverified
from runner.model.ledger import LedgerAttempt
from runner.model.providers import KnownProvider
from runner.money import Terms
from runner.providers import reputation
from runner.providers.reputation import History, Record
from runner.providers.selection import WEIGHTS, Ranking, Wanted, choose, score
from tests.registries import Files

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CAPS = Terms(Decimal(0), Decimal("0.0001"), Decimal("0.0002"))
FREE = Terms(Decimal(0), Decimal(0), Decimal(0))


class Offer(NamedTuple):
    node: str
    payee: str
    country: str | None = "DE"
    terms: Terms = FREE
    threads: int = 4
    memory_gib: Decimal = Decimal(8)


def offer(name: str, **facts: Any) -> Offer:
    return Offer(**{"node": f"0x{name}", "payee": f"pay-{name}", **facts})


def wanted(**facts: Any) -> Wanted:
    base = Wanted("EU", ("DE", "FR"), False, CAPS, Decimal(600), Decimal(1), 1, Decimal(1), "run EU 1 1")
    return base._replace(**facts)


def known(country: str = "DE", **facts: str) -> KnownProvider:
    return KnownProvider.from_json({"country": country, "evidence": "relay", "seen": "2026-11-01", **facts})


def line(provider: str, ok: bool = True, days: float = 0, **facts: Any) -> LedgerAttempt:
    at = (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    base = {
        "run": "ab" * 32, "start": 5, "owner": "alice", "job": "registry/jobs/alice/who.yaml", "at": at,
        "target": "small", "region": "EU", "slot": 1, "n": 1, "network": "hoodi", "simulated": False,
        "provider": provider, "payee": f"pay-{provider}", "country": "DE", "grade": "egress",
        "status": "ok" if ok else "failed", "cells": 4, "answered": 4 if ok else 0, "ms": 8_000, "reserved": "1",
        "cost": "0.02", "agreement": "a-1",
    }  # fmt: skip
    return LedgerAttempt.from_json(base | facts)


@pytest.mark.parametrize(
    ("made", "facts", "list_", "reason"),
    [
        (offer("a", threads=1), {"threads": 2}, {}, "size: 1 threads, 2 are wanted"),
        (offer("a"), {"memory_gib": Decimal(9)}, {}, "size: 8 GiB of memory, 9 are wanted"),
        (offer("a", terms=FREE._replace(start=Decimal("0.1"))), {}, {}, "price: 0.1 GLM for starting, at most 0 is"),
        (offer("a", terms=FREE._replace(second=Decimal("0.01"))), {}, {}, "price: 0.01 GLM for a second, at most"),
        (offer("a", terms=FREE._replace(second=Decimal(-1))), {}, {}, "price: it is none"),
        (offer("a", terms=FREE._replace(cpu_second=Decimal("NaN"))), {}, {}, "price: it is none"),
        (offer("a", terms=CAPS), {"left": Decimal("0.1")}, {}, "budget: an attempt may cost 0.18 GLM, 0.1 is left"),
        (offer("a"), {"banned": frozenset({"0xa"})}, {}, "banned"),
        (offer("a"), {"banned": frozenset({"pay-a"})}, {}, "banned"),
        (offer("a"), {"avoid": frozenset({"0xa"})}, {}, "avoided: it failed this slot"),
        (offer("a"), {"avoid": frozenset({"pay-a"})}, {}, "avoided: its payee"),
        (offer("a", payee="pay-b"), {"avoid": frozenset({"0xb"})}, {}, "avoided: its payee"),
        (offer("a"), {"avoid": frozenset({"0xz"})}, {"0xz": known(payee="0x" + "1" * 40), "0xa": known()}, None),
        (
            offer("a"), {"avoid": frozenset({"0xz"})},
            {"0xz": known(network="192.0.2.0/24"), "0xa": known(network="192.0.2.0/24")}, "avoided: another node of",
        ),
        (offer("a"), {}, {"0xa": known(payee="0x" + "1" * 40)}, "payee: not the one"),
        (offer("a", country=None), {}, {}, "country: nothing tells it"),
        (offer("a", country="US"), {}, {}, "country: US is not in EU"),
        (offer("a", country="FR"), {}, {"0xa": known()}, "country: it says FR, the list says DE"),
        (offer("a", country=None), {}, {"0xa": known("US")}, "country: US is not in EU"),
        (offer("a", country=None), {}, {"0xa": known()}, None),
        (offer("a"), {}, {}, None),
        (offer("a", terms=CAPS), {}, {}, None),
    ],
)  # fmt: skip
def test_refusals_have_reasons(made: Offer, facts: dict[str, Any], list_: Any, reason: str | None) -> None:
    other = offer("b", payee="pay-b", country="US")
    ranking = choose([made, other], wanted(**facts), list_, History())
    mine = [refused.reason for refused in ranking.refused if refused.offer is made]
    if reason is None:
        assert not mine
        assert [choice.offer for choice in ranking.choices] == [made]
    else:
        assert mine[0].startswith(reason)
        assert not ranking.choices


def test_why_nobody_can_be_hired_is_told() -> None:
    offers = [offer("a", country="US"), offer("b", country="US"), offer("c", threads=0)]
    ranking = choose(offers, wanted(), {}, History())
    assert ranking.why_none() == "3 offers refused: 2 for country, 1 for size"
    nobody: Ranking[Offer] = choose([], wanted(), {}, History())
    assert nobody.why_none() == "there are no offers"


def nodes(ranking: Ranking[Offer]) -> list[str]:
    return [choice.offer.node for choice in ranking.choices]


def test_a_good_record_beats_none_and_none_beats_a_bad_one() -> None:
    lines = [line("0xgood") for _ in range(5)] + [line("0xbad", ok=False) for _ in range(5)]
    offers = [offer("bad"), offer("new"), offer("good")]
    assert nodes(choose(offers, wanted(), {}, reputation.history(lines, NOW))) == ["0xgood", "0xnew", "0xbad"]


def test_cheap_beats_dear_and_the_jobs_countries_come_in_their_order() -> None:
    offers = [offer("dear", terms=CAPS), offer("cheap"), offer("french", country="FR")]
    assert nodes(choose(offers[:2], wanted(), {}, History())) == ["0xcheap", "0xdear"]
    ordered = choose(offers, wanted(countries=("FR", "DE"), ordered=True), {}, History())
    assert nodes(ordered) == ["0xfrench", "0xcheap", "0xdear"]


def test_equals_are_drawn_by_the_seed_so_that_load_spreads() -> None:
    offers = [offer(str(number)) for number in range(4)]
    first = Counter(nodes(choose(offers, wanted(seed=f"run {n}"), {}, History()))[0] for n in range(400))
    assert len(first) == 4
    assert min(first.values()) > 60
    same = choose(reversed(offers), wanted(), {}, History())
    assert nodes(same) == nodes(choose(offers, wanted(), {}, History()))


def test_an_attempt_weighs_half_after_thirty_days() -> None:
    record = reputation.history([line("p"), line("p", days=30), line("p", ok=False, days=60)], NOW).of("p")
    assert record.answered == pytest.approx(1.5, abs=1e-4)
    assert record.failed == pytest.approx(0.25, abs=1e-4)
    assert record.reliability == pytest.approx(2.5 / 3.75, abs=1e-4)
    assert (record.attempts, record.countries, record.hour) == (3, ("DE",), pytest.approx(9))
    assert reputation.history([line("p", days=-400)], NOW).of("p").answered == 1  # a clock that runs ahead


def test_what_a_provider_could_not_help_does_not_count() -> None:
    lines = [
        line("p", False, status="cancelled"),
        line("p", False, agreement=None),
        *(line("p", False, code=code) for code in sorted(reputation.OURS)),
    ]
    lines = [LedgerAttempt.from_json(one.to_json()) for one in lines]
    assert reputation.history(lines, NOW) == History()
    lied = reputation.history([line("p", False, code="region"), line("p", False, code="run")], NOW).of("p")
    assert (lied.contradictions, lied.codes, lied.attempts) == (1, {"region": 1, "run": 1}, 2)


def test_part_of_the_answers_is_part_of_a_success() -> None:
    record = reputation.history([line("p", status="partial", answered=1)], NOW).of("p")
    assert (record.answered, record.failed) == (0.25, 0.75)


def test_speed_is_held_against_the_same_run() -> None:
    other = {"run": "cd" * 32}
    lines = [line("fast", ms=1_000), line("slow", ms=4_000), line("mid", ms=2_000)]
    lines += [line("fast", ms=100_000, **other), line("slow", ms=400_000, **other), line("mid", ms=200_000, **other)]
    found = reputation.history(lines, NOW)
    assert [found.of(name).speed for name in ("fast", "mid", "slow")] == [0.5, 1, 2]
    assert score(found.of("fast"), FREE, CAPS).total > score(found.of("slow"), FREE, CAPS).total


def test_a_new_id_of_a_known_payee_has_its_record() -> None:
    found = reputation.history([line("old", False) for _ in range(3)], NOW)
    assert found.of("new", "pay-old").attempts == 3
    assert found.of("new", "pay-new") == Record()
    assert found.of("old", "pay-new").attempts == 3


def test_the_ledger_is_read_by_network() -> None:
    lines = [line("p"), line("p", network="devnet", simulated=True), line("q", False)]
    raw = b"".join(one.canonical() + b"\n" for one in lines)
    snapshot = Files({"reports/ledger/2026-10.jsonl": raw, "reports/ledger/2026-11.jsonl": raw})
    found = reputation.read(snapshot, "hoodi", NOW)
    assert {node: record.attempts for node, record in found.by_id.items()} == {"p": 2, "q": 2}
    with pytest.raises(Unverified):
        reputation.read(Files({"reports/ledger/2026-11.jsonl": raw + b"{}\n"}), "hoodi", NOW)


def test_scores_are_told_in_parts() -> None:
    told = score(reputation.history([line("p")], NOW).of("p"), None, CAPS).words()
    assert told == (
        "score 0.47: reliability 0.67 (1 attempt, 1.0 answered of a decayed 1.0), "
        "price 0.00 (took 9 GLM an hour, cap 1.08), speed 0.50 (1.00 times the others' time per answer)"
    )
    assert score(Record(), FREE, FREE).total == pytest.approx(0.3 + 0.25 + 0.075)
    assert sum(WEIGHTS.values()) == pytest.approx(1)


records = st.builds(
    Record,
    attempts=st.integers(0, 9),
    answered=st.floats(0, 1e6),
    failed=st.floats(0, 1e6),
    speed=st.none() | st.floats(0, 1e9),
    hour=st.none() | st.floats(0, 1e9),
)


@given(records, st.none() | st.just(CAPS) | st.just(FREE), st.sampled_from([CAPS, FREE]))
def test_every_share_is_a_share(record: Record, terms: Terms | None, caps: Terms) -> None:
    found = score(record, terms, caps)
    assert all(0 <= part.share <= 1 for part in found.parts)
    assert 0 <= found.step <= 20
