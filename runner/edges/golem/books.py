"""What a journal's lines add up to: allocations, deals with providers, and what each may cost. Pure but for writing on.

A deal is one agreement, from the asking on. What it may cost is known at every moment: `most` while it is open, by our
own clock once it ended, what was accepted once its invoice was, nothing where it never bound.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from runner.edges.golem.journal import Journal, Line, Stamp
from runner.edges.golem.offers import Offer
from runner.model.run import Attempt
from runner.money import Terms, owed

GRACE_SECONDS = Decimal(1)
"""Added to our clock: providers count in their own steps."""


@dataclass
class Reserve:
    """An allocation, known by its amount, which no other one has."""

    region: str
    amount: Decimal
    id: str | None = None
    released: bool = False


@dataclass
class Deal:
    """One agreement. Amounts in GLM; `ok` is None while its attempt runs."""

    key: str
    region: str
    target: str
    slot: int
    n: int
    provider: str
    name: str
    payee: str
    terms: Terms
    threads: int
    most: Decimal
    agreement: str | None = None
    begun: Stamp | None = None
    approved: bool = False
    never: bool = False
    activity_asked: bool = False
    activities: list[str] = field(default_factory=list)
    ended: Stamp | None = None
    ok: bool | None = None
    why: str | None = None
    invoice: str | None = None
    asked: Decimal = Decimal(0)
    owed: Decimal = Decimal(0)
    accepted: Decimal | None = None
    accepted_at: str | None = None
    accepting: bool = False
    disputed: bool = False
    dismissed: bool = False
    absent: bool = False

    @property
    def open(self) -> bool:
        """Whether it may still bind us: sent to the provider, and neither ended nor never approved."""
        return self.begun is not None and self.ended is None and not self.never

    @property
    def billable(self) -> bool:
        """Whether an invoice may come, or came and waits."""
        unsettled = self.accepted is None and not self.dismissed and not self.absent
        return bool(self.activities) and unsettled

    def due(self, until: Stamp) -> Decimal:
        """The most that is owed: agreed prices times our clock, from before the agreement until it ended."""
        if self.begun is None or self.never or not self.activities:
            return Decimal(0)
        seconds = Decimal(str((self.ended or until).since(self.begun))) + GRACE_SECONDS
        return owed(self.terms, seconds, self.threads)

    def weighs(self) -> Decimal:
        """What it takes out of a budget now."""
        if self.never or self.dismissed:
            return Decimal(0)
        if self.accepted is not None:
            return self.accepted
        return self.most if self.ended is None else min(self.most, self.due(self.ended))


class Books:
    """The state of one start of a run, kept by its journal."""

    def __init__(self, journal: Journal, start: int, run: str) -> None:
        """The state as the journal has it; `begin` puts down where it is, once."""
        self.start = start
        self.run = run
        self.reserves: list[Reserve] = []
        self.deals: list[Deal] = []
        self.finished: Stamp | None = None
        self.network: str | None = None
        self.platform: str | None = None
        self._journal = journal
        for line in journal.read(start, run):
            self._apply(line)

    # ---- reading

    def reserve(self, region: str) -> Reserve | None:
        """The region's allocation that is there."""
        live = (one for one in self.reserves if one.region == region and one.id and not one.released)
        return next(live, None)

    def spent(self, region: str, failed: bool = False) -> Decimal:
        """What the region's deals take, or only those whose attempts failed."""
        mine = (deal for deal in self.deals if deal.region == region and (not failed or deal.ok is False))
        return sum((deal.weighs() for deal in mine), Decimal(0))

    def banned(self, region: str) -> frozenset[str]:
        """Nodes and payees that failed an attempt in this region after an agreement."""
        failed = [deal for deal in self.deals if deal.region == region and deal.ok is False]
        return frozenset(name for deal in failed for name in (deal.provider, deal.payee))

    def of(self, agreement: str) -> Deal | None:
        """The deal of an agreement."""
        return next((deal for deal in self.deals if deal.agreement == agreement), None)

    # ---- writing

    def begin(self, network: str, platform: str) -> None:
        """Write down which network this start runs on, before anything else of it."""
        if self.network is None:
            self.write("begun", network=network, platform=platform)

    def write(self, step: str, **facts: Any) -> None:
        """Put a line on the disk and apply it."""
        self._apply(self._journal.write(self.start, self.run, step, facts))

    def new_deal(self, attempt: Attempt, offer: Offer, threads: int, most: Decimal) -> Deal:
        """Write down that an agreement is about to be asked for."""
        self.write(
            "agreement asked",
            key=secrets.token_hex(8),
            region=attempt.region,
            target=attempt.target,
            slot=attempt.slot,
            n=attempt.n,
            provider=offer.node,
            name=offer.name,
            payee=offer.payee,
            terms=[str(price) for price in offer.terms],
            threads=threads,
            most=str(most),
        )
        return self.deals[-1]

    def _apply(self, line: Line) -> None:
        step = line["step"]
        kind = step.partition(" ")[0]
        if step in ("allocation asked", "agreement asked"):
            self.finished = None  # it goes on
        if kind == "allocation":
            self._apply_allocation(step, line)
        elif step == "agreement asked":
            self.deals.append(_deal(line))
        elif step == "begun":
            self.network, self.platform = line["network"], line["platform"]
        elif step == "finished":
            self.finished = self.finished or _stamp(line)
        elif deal := next((deal for deal in self.deals if deal.key == line.get("key")), None):
            _apply_to_deal(deal, step, line)

    def _apply_allocation(self, step: str, line: Line) -> None:
        amount = Decimal(line["amount"])
        if step == "allocation asked":
            self.reserves.append(Reserve(line["region"], amount))
        for reserve in self.reserves:
            if reserve.amount == amount:
                reserve.id = line.get("id", reserve.id)
                reserve.released = reserve.released or step == "allocation released"


def _deal(line: Line) -> Deal:
    start, second, cpu_second = map(Decimal, line["terms"])
    names = ("key", "region", "target", "slot", "n", "provider", "name", "payee", "threads")
    return Deal(
        **{name: line[name] for name in names}, terms=Terms(start, second, cpu_second), most=Decimal(line["most"])
    )


def _stamp(line: Line) -> Stamp:
    return Stamp(line["at"], line["ms"], line["boot"])


def _apply_to_deal(deal: Deal, step: str, line: Line) -> None:  # noqa: C901 - one case a step
    match step:
        case "agreement made":
            deal.agreement = line["id"]
        case "agreement confirming":
            deal.begun = _stamp(line)
        case "agreement approved":
            deal.approved = True
        case "agreement refused":
            deal.never = True
        case "activity asked":
            deal.activity_asked = True
        case "activity made":
            deal.activities.append(line["id"])
        case "attempt judged":
            deal.ok, deal.why = line["ok"], line.get("why")
        case "agreement ended":
            deal.ended = _stamp(line)
        case "invoice accepting" | "invoice disputed":
            deal.invoice, deal.asked, deal.owed = line["id"], Decimal(line["asked"]), Decimal(line["owed"])
            deal.accepting, deal.disputed = step == "invoice accepting", step == "invoice disputed"
        case "invoice accepted":
            deal.accepted, deal.accepted_at, deal.disputed = Decimal(line["amount"]), line["at"], False
        case "invoice dismissed":
            deal.dismissed = True
        case "invoice absent":
            deal.absent = True
