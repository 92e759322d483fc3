"""An agreement, as its provider keeps it: what was asked for, the activities, and what they cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from runner.edges.devnet import offer
from runner.edges.devnet.exeunit import ExeUnit


class Deal:
    """One approved agreement. `settled` is true once it was billed, or nothing was to be billed."""

    def __init__(self, agreement: Mapping[str, Any], prices: offer.Prices) -> None:
        demand = agreement["demand"]
        self.id: str = agreement["agreementId"]
        self.runtime: str = agreement["offer"]["properties"]["golem.runtime.name"]
        self.package = str(demand["properties"].get("golem.srv.comp.task_package", ""))
        self.threads = offer.threads_wanted(demand["constraints"])
        self.units: dict[str, ExeUnit] = {}
        self.ended: dict[str, asyncio.Event] = {}
        self.settled = False
        agreed = agreement["offer"]["properties"]
        self.note_seconds = float(agreed.get(offer.DEBIT_NOTE_SECONDS, 120))
        accept = agreed.get(offer.ACCEPT_SECONDS)
        self.accept_seconds = None if accept is None else float(accept)
        self._expires = float(demand["properties"]["golem.srv.comp.expiration"]) / 1000
        self._prices = prices
        self._used = time.time()

    def begin(self, activity: str, unit: ExeUnit, ended: asyncio.Event) -> None:
        """An activity starts."""
        self.units[activity] = unit
        self.ended[activity] = ended

    def over(self, idle_seconds: float, now: float) -> str | None:
        """Why it should end now, None while it may go on."""
        if self.settled:
            return None
        if any(unit.state != "Terminated" for unit in self.units.values()):
            self._used = now
        if now >= self._expires:
            return "the agreement has expired"
        return f"no activity for {idle_seconds:.0f} s" if now - self._used >= idle_seconds else None

    def cost_of(self, unit: ExeUnit, factor: float) -> Decimal:
        """What one of its activities has cost so far."""
        return offer.cost(self._prices, [unit.usage()], factor)

    def cost(self, factor: float) -> Decimal:
        """What its activities cost."""
        return offer.cost(self._prices, [unit.usage() for unit in self.units.values()], factor)
