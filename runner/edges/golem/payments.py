"""Invoices and debit notes: accepted in full where they ask for no more than is owed by our own clock, else not at all.

What is refused stays with the provider's daemon as received; it is disputed, and stays reserved, until a person says
pay or dismiss (`beacon sweep`). A bill from somebody else than the agreement's provider, or to another account than the
offer named, is nobody's: it is refused too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal

from runner.edges.golem.answers import Bill
from runner.edges.golem.books import Books, Deal
from runner.edges.golem.daemon import Daemon
from runner.edges.golem.journal import stamp
from runner.events import say
from runner.money import plain
from runner.ports import Emit

_BACK = timedelta(days=2)
"""Bills carry their sender's clock, which may be wrong."""
_PROMISED = ("ACCEPTED", "SETTLED")

Fund = Callable[[Deal, Decimal], Awaitable[str]]
"""The allocation that pays a deal, given the amount."""


async def settle(daemon: Daemon, books: Books, fund: Fund, emit: Emit, only: Deal | None = None) -> None:
    """Look at the invoices that came, and answer each once."""
    waiting = {
        deal.agreement: deal
        for deal in books.deals
        if deal.agreement and deal.billable and deal.ended and not deal.disputed and only in (None, deal)
    }
    if not waiting:
        return
    for bill in await daemon.invoices(_since(*waiting.values())):
        deal = waiting.pop(bill.agreement, None)
        if deal is not None:
            await _answer(daemon, books, deal, bill, fund, emit)


async def _answer(daemon: Daemon, books: Books, deal: Deal, bill: Bill, fund: Fund, emit: Emit) -> None:
    due = deal.due(stamp())
    facts = {"key": deal.key, "id": bill.id, "asked": plain(bill.amount), "owed": plain(due)}
    said = {"region": deal.region, "agreement": bill.agreement, "invoice": bill.id, "asked": plain(bill.amount)}
    if bill.status in _PROMISED:
        books.write("invoice accepting", **facts)
        books.write("invoice accepted", key=deal.key, id=bill.id, amount=plain(bill.amount))
    elif _ours(daemon, deal, bill) and bill.amount <= due:
        await accept(daemon, books, deal, bill, fund)
        say(emit, "invoice-accepted", run=books.run, **said, owed=plain(due))
    else:
        books.write("invoice disputed", **facts)
        say(emit, "invoice-refused", run=books.run, **said, owed=plain(due))


async def accept(daemon: Daemon, books: Books, deal: Deal, bill: Bill, fund: Fund) -> None:
    """Pay an invoice, whatever it asks for: who calls has judged it."""
    owed = plain(deal.due(stamp()))
    books.write("invoice accepting", key=deal.key, id=bill.id, asked=plain(bill.amount), owed=owed)
    await daemon.accept("invoice", bill.id, bill.amount, await fund(deal, bill.amount))
    books.write("invoice accepted", key=deal.key, id=bill.id, amount=plain(bill.amount))


async def notes(daemon: Daemon, deal: Deal, allocation: str) -> None:
    """Accept the debit notes of an agreement that still runs, as far as they ask for no more than was used."""
    for note in await daemon.debit_notes(_since(deal)):
        fresh = note.agreement == deal.agreement and note.status == "RECEIVED"
        if fresh and _ours(daemon, deal, note) and note.amount <= deal.due(stamp()):
            await daemon.accept("debit_note", note.id, note.amount, allocation)


def _ours(daemon: Daemon, deal: Deal, bill: Bill) -> bool:
    return (bill.issuer, bill.payee, bill.platform) == (deal.provider, deal.payee, daemon.connection.platform)


def _since(*deals: Deal) -> datetime:
    return min(datetime.fromisoformat(deal.begun.at) for deal in deals if deal.begun) - _BACK
