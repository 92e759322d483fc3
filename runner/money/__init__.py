"""What running costs, at most: estimates before, bounds after. Pure; all amounts are GLM, exact decimals.

attempt_cost    the most that one attempt may cost, at the policy's prices and the job's limits
region_budget   what one region of a run may spend, failed attempts included
worst_case      the most that a run may cost: what its start reserves
owed            the most that a provider may ask for, by its agreed prices and our own clock
total, plain    sums, and amounts as documents write them
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal
from typing import NamedTuple

from runner.model.jobspec import Container, Spec
from runner.model.policy import Prices

PLACES = Decimal("0.000000001")
"""Amounts that we compute have nine places: what may be owed is rounded up."""


_EXACT = Context(prec=60)
"""Documents hold up to 30 digits; a thousand of those add up without rounding."""


class Terms(NamedTuple):
    """A provider's linear prices, in GLM: once, for a second, for a second of one thread in use."""

    start: Decimal
    second: Decimal
    cpu_second: Decimal


def caps(prices: Prices) -> Terms:
    """The policy's caps, for seconds."""
    hour = Decimal(3600)
    return Terms(Decimal(prices.start), Decimal(prices.hour) / hour, Decimal(prices.cpu_hour) / hour)


def owed(terms: Terms, seconds: Decimal, threads: int) -> Decimal:
    """Fixed + price x time + CPU price x time x threads: nothing above it was used in that time."""
    return (terms.start + (terms.second + terms.cpu_second * threads) * seconds).quantize(PLACES, ROUND_UP)


def attempt_cost(spec: Spec, terms: Terms) -> Decimal:
    """One attempt that uses all of its time for starting and running."""
    return owed(terms, Decimal(spec.limits.start_seconds + spec.limits.run_seconds), spec.limits.cpus)


def region_budget(spec: Spec) -> Decimal:
    """The job's budget for a region, or its share of the total one if that is less: rounded down, so that all regions
    together never exceed the total."""
    share = Decimal(spec.budget.total) / len(spec.regions)
    return min(Decimal(spec.budget.per_region), share.quantize(PLACES, ROUND_DOWN))


def worst_case(spec: Spec, prices: Prices | None) -> Decimal:
    """What a run may cost: its budget, or all of its attempts at the dearest price if that is less."""
    budget = min(Decimal(spec.budget.total), Decimal(spec.budget.per_region) * len(spec.regions))
    if prices is None:
        return budget
    targets = sum(isinstance(target, Container) for target in spec.targets)
    attempts = targets * len(spec.regions) * spec.sampling.providers * (1 + spec.retries)
    return min(budget, attempts * attempt_cost(spec, caps(prices)))


def total(amounts: Iterable[str]) -> Decimal:
    """The sum of amounts as documents write them, exactly."""
    found = Decimal(0)
    for amount in amounts:
        found = _EXACT.add(found, Decimal(amount))
    return found


def plain(amount: Decimal) -> str:
    """An amount as documents write it: no exponent, no zeros at the end."""
    return format(amount.normalize(_EXACT), "f") if amount else "0"
