"""What a devnet provider sends to be paid: debit notes while an activity runs, an invoice when the agreement has ended.

As a stock provider: notes come at the interval that was agreed on, say what is due so far, and have to be accepted in
the time that was agreed on; else the provider ends the agreement. The invoice counts everything, notes included.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from runner.edges.devnet.deal import Deal
from runner.edges.devnet.exeunit import ExeUnit
from runner.edges.devnet.rest import Rest

SEND_SECONDS = 10.0
_TICK = 0.25
_DUE_DAYS = 1


async def send_invoice(rest: Rest, deal: Deal, factor: float) -> None:
    """Bill all activities of an agreement. `factor` is a fault's."""
    body = {
        "agreementId": deal.id,
        "activityIds": list(deal.units),
        "amount": _digits(deal.cost(factor)),
        "paymentDueDate": stamp(datetime.now(UTC) + timedelta(days=_DUE_DAYS)),
    }
    invoice = await rest.call("POST", "/payment-api/v1/invoices", body)
    await rest.call("POST", f"/payment-api/v1/invoices/{invoice['invoiceId']}/send", timeout=SEND_SECONDS)


async def send_notes(rest: Rest, deal: Deal, activity: str, unit: ExeUnit, factor: Callable[[], float]) -> str | None:
    """Send debit notes for as long as an activity runs; why the agreement has to end, None where it does not."""
    waiting: dict[str, float] = {}
    due = time.monotonic() + deal.note_seconds
    while unit.state != "Terminated":
        await asyncio.sleep(_TICK)
        for note, until in list(waiting.items()):
            if time.monotonic() < until:
                continue
            found = await rest.call("GET", f"/payment-api/v1/debitNotes/{note}")
            if found["status"] in ("ISSUED", "RECEIVED", "REJECTED", "FAILED"):
                return f"a debit note was not accepted within {deal.accept_seconds:.0f} s"
            del waiting[note]
        if time.monotonic() >= due:
            due += deal.note_seconds
            body = {
                "activityId": activity,
                "totalAmountDue": _digits(deal.cost_of(unit, factor())),
                "usageCounterVector": unit.usage(),
            }
            note = (await rest.call("POST", "/payment-api/v1/debitNotes", body))["debitNoteId"]
            await rest.call("POST", f"/payment-api/v1/debitNotes/{note}/send", timeout=SEND_SECONDS)
            if deal.accept_seconds is not None:
                waiting[note] = time.monotonic() + deal.accept_seconds
    return None


def stamp(moment: datetime) -> str:
    """A moment as the daemon writes it."""
    return moment.isoformat().replace("+00:00", "Z")


def _digits(amount: Decimal) -> str:
    """Plain digits: the daemon reads no exponents."""
    return f"{amount:f}"
