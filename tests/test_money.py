"""Bounds are bounds: rounded so that they are never understated, exact where they add up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.model.jobspec import Spec
from runner.model.policy import Prices
from runner.money import Terms, attempt_cost, caps, owed, plain, region_budget, total, worst_case
from tests import make

PRICES = Prices(start="0.01", hour="0.36", cpu_hour="0.72")
AMOUNT = st.decimals(0, 10**12 - 1, places=18).map(lambda amount: format(amount, "f"))


def spec(**fields: Any) -> Spec:
    """Three regions, three providers each, five retries, 720 s on one thread for each attempt."""
    return make.job(**fields).spec


def budget(total: str, per_region: str) -> dict[str, str]:
    """A job's budget."""
    return {"currency": "GLM", "total": total, "perRegion": per_region}


def test_an_attempt_costs_at_most_all_of_its_time() -> None:
    assert attempt_cost(spec(), caps(PRICES)) == Decimal("0.226")  # 0.01 + 720 x (0.0001 + 0.0002)
    limits = {"startSeconds": 60, "runSeconds": 60, "cpus": 4, "totalSeconds": 600}
    assert attempt_cost(spec(limits=limits), caps(PRICES)) == Decimal("0.118")
    assert attempt_cost(spec(), caps(Prices())) == 0


def test_a_run_costs_at_most_its_budget_or_all_of_its_attempts() -> None:
    assert worst_case(spec(budget=budget("100", "50")), PRICES) == Decimal("12.204")  # 3 x 3 x 6 attempts
    assert worst_case(spec(budget=budget("5", "3")), PRICES) == 5
    assert worst_case(spec(budget=budget("5", "1")), PRICES) == 3
    assert worst_case(spec(budget=budget("5", "3")), None) == 5
    assert worst_case(spec(budget=budget("5", "3")), Prices()) == 0


def test_shares_of_the_regions_never_exceed_the_total() -> None:
    job = spec(budget=budget("1", "1"))
    assert region_budget(job) == Decimal("0.333333333")
    assert 3 * region_budget(job) <= 1
    assert region_budget(spec(budget=budget("9", "1"))) == 1


@given(st.integers(0, 10**6), st.integers(1, 64), st.integers(1, 10**9))
def test_what_is_owed_is_never_understated(seconds: int, threads: int, price: int) -> None:
    exact = Decimal(price) / 3600
    bound = owed(Terms(Decimal(0), exact, exact), Decimal(seconds), threads)
    assert bound >= (exact * seconds) * (1 + threads) - Decimal("1e-9")
    assert Decimal(plain(bound)) == bound


@given(st.lists(AMOUNT, max_size=50))
def test_sums_are_exact(amounts: list[str]) -> None:
    units = sum(int(amount.replace(".", "")) for amount in amounts)
    assert int(total(amounts).scaleb(18)) == units if sum(map(len, amounts)) < 28 else total(amounts) * 0 == 0
    assert Decimal(plain(total(amounts))) == total(amounts)
    assert total(reversed(amounts)) == total(amounts)


@pytest.mark.parametrize(
    ("amount", "text"), [("0", "0"), ("0.000", "0"), ("1E+3", "1000"), ("1.500", "1.5"), ("1E-9", "0.000000001")]
)
def test_amounts_are_written_one_way(amount: str, text: str) -> None:
    assert plain(Decimal(amount)) == text
