"""The month's budgets: what the policy allows an owner, and everybody, and what of it is taken. Pure.

Taken is what starts of this month have reserved, or, once they are settled, what they were paid (`History.committed`):
a start that nobody settles keeps its reservation, so money whose fate is unknown is never planned twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from runner.model.policy import Budgets
from runner.money import plain


class Budget(NamedTuple):
    """A cap of the policy on this month, in GLM: whose it is, what starts have cost or reserved, what a plan would
    add."""

    name: str
    cap: str
    committed: str
    planned: str

    @property
    def left(self) -> str:
        """What remains after the plan."""
        return plain(max(Decimal(0), Decimal(self.cap) - Decimal(self.committed) - Decimal(self.planned)))


class Account:
    """The budgets of a month (YYYY-MM) while a plan is made."""

    def __init__(self, caps: Budgets, committed: Mapping[tuple[str, str], Decimal], month: str) -> None:
        self._owner_cap, self._cap = caps.owner_month.get("GLM"), caps.month.get("GLM")
        self._committed = {owner: amount for (when, owner), amount in committed.items() if when == month}
        self._planned: dict[str, Decimal] = {}
        self._all = sum(self._committed.values(), Decimal(0))

    def refuses(self, owner: str, amount: str) -> str | None:
        """Why a run of an owner cannot reserve an amount any more in this month."""
        if amount == "0":
            return None
        own = self._committed.get(owner, Decimal(0)) + self._planned.get(owner, Decimal(0))
        checks = (
            (f"{owner}'s budget of this month", self._owner_cap, own),
            ("the registry's budget of this month", self._cap, self._all),
        )
        for name, cap, taken in checks:
            if cap is not None and taken + Decimal(amount) > Decimal(cap):
                return f"{name} is {cap} GLM, {plain(taken)} are spent or reserved, this run would reserve {amount}"
        return None

    def reserve(self, owner: str, amount: str) -> None:
        """Count a run in."""
        self._planned[owner] = self._planned.get(owner, Decimal(0)) + Decimal(amount)
        self._all += Decimal(amount)

    def budgets(self) -> tuple[Budget, ...]:
        """The caps of every owner that the month or the plan knows, and that of all together."""
        return tuple(self._budgets(sorted(self._committed.keys() | self._planned)))

    def _budgets(self, owners: Iterable[str]) -> Iterator[Budget]:
        if self._owner_cap is not None:
            for owner in owners:
                committed, planned = (of.get(owner, Decimal(0)) for of in (self._committed, self._planned))
                yield Budget(owner, self._owner_cap, plain(committed), plain(planned))
        if self._cap is not None:
            planned = sum(self._planned.values(), Decimal(0))
            yield Budget("everybody", self._cap, plain(self._all - planned), plain(planned))
