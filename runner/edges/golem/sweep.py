"""What was left open is ended: from the daemon's own lists, explained by the journals, touching only what is ours.

Ours is what a journal of this identity holds, and agreements and demands that carry its tag. Deals are ended and paid
as the live runner would; allocations are known by their amounts. An agreement with our tag that no journal explains is
terminated; an invoice for one is shown, since nobody knows any more what is owed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from runner.edges.golem import closing, demand, payments
from runner.edges.golem.answers import Bill
from runner.edges.golem.books import Books, Deal
from runner.edges.golem.daemon import Daemon
from runner.edges.golem.engine import Engine
from runner.edges.golem.journal import Journal
from runner.edges.golem.rest import DaemonError
from runner.errors import Usage
from runner.events import say
from runner.money import plain
from runner.ports import Emit

_DAYS = 30
_LOOKED_AT = 100


class Swept(NamedTuple):
    """One thing that was done, or would be: `did` is a word (`terminated`, `released`, …), `what` what it is."""

    did: str
    what: str
    id: str
    why: str


async def sweep(daemon: Daemon, journal: Journal, emit: Emit, dry_run: bool) -> list[Swept]:
    """All of it, or only the list. Raises `DaemonError`."""
    books = [Books(journal, *start) for start in journal.starts()]
    done = [
        *[swept for one in books for swept in await _start(daemon, one, emit, dry_run)],
        *await _unexplained(daemon, journal.id(), books, dry_run),
    ]
    for swept in done:
        say(emit, "swept", **swept._asdict())
    return done


async def decide(daemon: Daemon, journal: Journal, invoice: str, pay: bool) -> Swept:
    """Pay or dismiss a disputed invoice. Raises `Usage` where there is none of that id."""
    for start in journal.starts():
        books = Books(journal, *start)
        for deal in books.deals:
            if deal.invoice == invoice and deal.disputed and not deal.dismissed and deal.accepted is None:
                if not pay:
                    books.write("invoice dismissed", key=deal.key, id=invoice)
                    return Swept("dismissed", "invoice", invoice, f"{plain(deal.asked)} GLM stay unpaid")
                await _pay(daemon, books, deal)
                return Swept("paid", "invoice", invoice, f"{plain(deal.asked)} GLM")
    raise Usage("golem-invoice", f"no disputed invoice has the id {invoice!r}", "beacon sweep --dry-run lists them")


async def _pay(daemon: Daemon, books: Books, deal: Deal) -> None:
    engine = Engine(daemon, books, deal.region, deal.asked)
    bill = Bill(deal.invoice or "", deal.agreement or "", deal.provider, deal.payee, deal.asked, "RECEIVED", "")
    await payments.accept(daemon, books, deal, bill, lambda _, amount: engine.allocation_for(amount))
    await engine.release()


async def _start(daemon: Daemon, books: Books, emit: Emit, dry_run: bool) -> list[Swept]:
    """One start of a run: what is open in its books."""
    begun = [deal for deal in books.deals if deal.open]
    held = [one for one in books.reserves if not one.released]
    waits = [deal for deal in books.deals if deal.billable and not deal.disputed]
    if not dry_run:
        for deal in begun:
            await closing.end(daemon, books, deal, emit)
        engines = {one.region: Engine(daemon, books, one.region, one.amount) for one in books.reserves}

        def engine(deal: Deal) -> Engine:
            return engines.setdefault(deal.region, Engine(daemon, books, deal.region, deal.most))

        await payments.settle(daemon, books, lambda deal, amount: engine(deal).allocation_for(amount), emit)
        for one in engines.values():
            await one.release()
    paid = [deal for deal in waits if deal.accepted is not None]
    disputed = [deal for deal in books.deals if deal.disputed and not deal.dismissed]
    return [
        *(Swept("terminated", "agreement", deal.agreement or "?", f"of {deal.provider}") for deal in begun),
        *(Swept("paid", "invoice", deal.invoice or "?", f"{plain(deal.asked)} GLM") for deal in paid),
        *(Swept("released", "allocation", one.id or "?", f"{plain(one.amount)} GLM for {one.region}") for one in held),
        *(Swept("left", "invoice", deal.invoice or "?", _dispute(deal)) for deal in disputed),
    ]


async def _unexplained(daemon: Daemon, tag: str, books: Iterable[Books], dry_run: bool) -> list[Swept]:
    """Agreements, demands and invoices with our tag that no journal knows."""
    known = {deal.agreement for one in books for deal in one.deals}
    found = []
    for agreement in [one for one in await daemon.agreements("Approved") if one not in known]:
        if await _is_ours(daemon, agreement, tag):
            if not dry_run:
                await daemon.terminate(agreement, "Cancelled", "its runner is gone")
            found.append(Swept("terminated", "agreement", agreement, "no journal explains it"))
    for name, properties in await daemon.demands():
        if properties.get(demand.JOURNAL) == tag:
            if not dry_run:
                await daemon.unsubscribe(name)
            found.append(Swept("withdrew", "demand", name, "its runner is gone"))
    since = datetime.now(UTC) - timedelta(days=_DAYS)
    strange = [bill for bill in await daemon.invoices(since) if bill.status == "RECEIVED"]
    for bill in [bill for bill in strange if bill.agreement not in known][:_LOOKED_AT]:
        if await _is_ours(daemon, bill.agreement, tag):
            words = f"{plain(bill.amount)} GLM for an agreement that no journal explains"
            found.append(Swept("left", "invoice", bill.id, words))
    return found


async def _is_ours(daemon: Daemon, agreement: str, tag: str) -> bool:
    with contextlib.suppress(DaemonError):
        return (await daemon.agreement(agreement)).demand.get(demand.JOURNAL) == tag
    return False


def _dispute(deal: Deal) -> str:
    return f"asks for {plain(deal.asked)} GLM, {plain(deal.owed)} are owed at most: --pay or --dismiss it"
