"""One engine for each region of a run's start: its money, its bans, what it may still spend.

The budget is the region's, failed attempts included; those may use up at most half of it. What deals weigh is known
from the books at every moment, so attempts that run at once cannot spend the same money twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from decimal import ROUND_UP, Decimal
from typing import Any

from runner.edges.golem.books import Books
from runner.edges.golem.daemon import Daemon
from runner.edges.golem.failure import Failed
from runner.errors import Environment
from runner.money import PLACES, plain

_UNIT = Decimal("1E-18")
_NONCES = 10**9


class Engine:
    """The money of one region. Use it on one loop."""

    def __init__(self, daemon: Daemon, books: Books, region: str, budget: Decimal) -> None:
        self.daemon = daemon
        self.books = books
        self.region = region
        self.budget = budget
        self._one = asyncio.Lock()

    @property
    def left(self) -> Decimal:
        """What may still be spent."""
        return self.budget - self.books.spent(self.region)

    def demand_money(self) -> None:
        """Raises `Failed` where no attempt can be paid for any more."""
        if self.left <= 0:
            raise Failed("budget", f"the region's {plain(self.budget)} GLM are spent", retryable=False)
        wasted = self.books.spent(self.region, failed=True)
        if wasted * 2 > self.budget:
            words = f"failed attempts took {plain(wasted)} of {plain(self.budget)} GLM, and may take half"
            raise Failed("budget", words, retryable=False)

    async def allocation(self) -> str:
        """The region's allocation, made at first use. Raises `DaemonError`; `Environment` where there are no funds."""
        async with self._one:
            there = self.books.reserve(self.region)
            return there.id if there and there.id else await self._allocate(self.left)

    async def allocation_for(self, amount: Decimal) -> str:
        """One that covers an amount: the region's, or, where that is released or too small, one for this alone."""
        async with self._one:
            there = self.books.reserve(self.region)
            for held in await self.daemon.allocations() if there else ():
                if there and held.id == there.id and held.total - held.spent >= amount:
                    return held.id
            return await self._allocate(amount + PLACES)

    async def decorations(self) -> tuple[Mapping[str, Any], Sequence[str]]:
        """What demands need to be paid from the region's allocation."""
        return await self.daemon.decorations(await self.allocation())

    async def release(self) -> None:
        """Give back what is set aside, also what a killed runner asked for and never saw."""
        for reserve in self.books.reserves:
            if reserve.region == self.region and not reserve.released:
                known = reserve.id or await self._find(reserve.amount)
                if known:
                    await self.daemon.release(known)
                self.books.write("allocation released", amount=str(reserve.amount))

    async def _allocate(self, amount: Decimal) -> str:
        """An allocation cannot be tagged: its last nine places are its name, taken off what it may be."""
        tagged = amount.quantize(PLACES, ROUND_UP) - secrets.randbelow(_NONCES) * _UNIT
        from runner.edges.golem.rest import DaemonError

        self.books.write("allocation asked", region=self.region, amount=str(tagged))
        try:
            made = await self.daemon.allocate(tagged)
        except DaemonError as error:
            if error.status == 400:
                raise Environment(
                    "golem-funds",
                    f"the yagna daemon does not set aside {plain(amount)} GLM on {self.daemon.connection.platform}",
                    "yagna payment status; yagna payment fund; beacon sweep releases what was left behind",
                ) from None
            raise
        self.books.write("allocation made", amount=str(tagged), id=made)
        return made

    async def _find(self, amount: Decimal) -> str | None:
        return next((one.id for one in await self.daemon.allocations() if one.total == amount), None)
