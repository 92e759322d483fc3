"""What a start of a run was paid, as a document, once nothing of it is open. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from runner.edges.golem.books import Books, Deal
from runner.model.settlement import Paid, Settlement
from runner.money import plain


def settlement(books: Books) -> Settlement | None:
    """The document; None while something is open, or waits for an invoice or for a person."""
    deals = [deal for deal in books.deals if deal.begun is not None and not deal.never and deal.agreement]
    if books.finished is None or any(deal.open or deal.billable for deal in deals):
        return None
    if books.network is None or books.platform is None:
        return None
    return Settlement(
        run=books.run,
        start=books.start,
        network=books.network,
        platform=books.platform,
        amount=plain(sum((deal.accepted or Decimal(0) for deal in deals), Decimal(0))),
        agreements=tuple(map(_paid, deals)),
    )


def _paid(deal: Deal) -> Paid:
    assert deal.agreement is not None
    return Paid(
        region=deal.region,
        slot=deal.slot,
        n=deal.n,
        provider=deal.provider,
        payee=deal.payee,
        agreement=deal.agreement,
        invoice=deal.invoice,
        asked=plain(deal.asked),
        amount=plain(deal.accepted or Decimal(0)),
        owed=plain(deal.owed),
        at=_instant(deal.accepted_at) if deal.accepted_at else None,
        why=_why(deal),
    )


def _why(deal: Deal) -> str | None:
    if deal.accepted is not None:
        return None
    if deal.dismissed:
        return f"refused: it asks for {plain(deal.asked)} GLM, {plain(deal.owed)} are owed at most"
    return "no invoice came" if deal.activities else "no activity was started"


def _instant(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
