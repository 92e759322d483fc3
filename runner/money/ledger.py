"""The ledger: one line for each attempt on a paid network, and one for each settlement. Pure.

Promises: a month's file, `reports/ledger/<YYYY-MM>.jsonl`, follows from the log, the receipts of published, cancelled
and superseded starts, and the settlement records, byte for byte. The month is that of the start's `at`, as for the
caps; the order is that of the entries that bring them, so that a new one only ever appends. Attempts of the local
executor cost nothing and their providers are labels: they have no line. The lines' format: `runner/model/ledger.py`.

What reads it: whoever wants to know where the money went, and `providers/reputation.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from runner.model import Receipt, Settlement
from runner.model.entry import Start
from runner.model.ledger import LedgerAttempt, LedgerSettlement
from runner.money import plain, total

FOLDER = "reports/ledger"
_CODE = re.compile(r"([a-z][a-z0-9-]{0,40}[a-z0-9]): ")


def month_file(start: Start) -> str:
    """The file that holds what a start came to."""
    return f"{FOLDER}/{start.at[:7]}.jsonl"


def attempt_lines(index: int, start: Start, receipts: Mapping[str, Receipt]) -> bytes:
    """The lines of a run that is over: `receipts` are those of its bundle, by path, `index` is that of its start."""
    paid = [receipts[path] for path in sorted(receipts) if receipts[path].predicate.executor.kind == "golem"]
    return b"".join(_attempt(index, start, receipt).canonical() + b"\n" for receipt in paid)


def settlement_line(start: Start, settlement: Settlement) -> bytes:
    """The line of a settlement of a start."""
    return (
        LedgerSettlement(
            run=settlement.run,
            start=settlement.start,
            owner=_owner(start),
            job=start.job,
            at=max((paid.at for paid in settlement.agreements if paid.at is not None), default=None),
            runner=start.runner,
            network=settlement.network,
            reserved=start.reserved,
            asked=plain(total(paid.asked for paid in settlement.agreements)),
            amount=settlement.amount,
            agreements=settlement.agreements,
        ).canonical()
        + b"\n"
    )


def reason_code(reason: str | None) -> str | None:
    """The word before the colon in a receipt's reason: `budget` in `budget: nothing is left for EU`."""
    found = _CODE.match(reason or "")
    return found[1] if found else None


def _attempt(index: int, start: Start, receipt: Receipt) -> LedgerAttempt:
    said = receipt.predicate
    return LedgerAttempt(
        run=start.run,
        start=index,
        owner=_owner(start),
        job=start.job,
        at=said.times.finished,
        target=said.attempt.target,
        region=said.attempt.region,
        slot=said.attempt.slot,
        n=said.attempt.n,
        network=said.executor.network,
        simulated=said.executor.simulated,
        provider=said.provider.id,
        payee=said.provider.payee,
        country=said.region.country,
        grade=said.region.grade,
        status=said.status,
        code=reason_code(said.reason),
        cells=len(said.cells),
        answered=sum(cell.status == "ok" for cell in said.cells),
        ms=said.times.duration_ms,
        reserved=said.cost.reserved,
        cost=said.cost.observed,
        agreement=said.provider.agreement,
        invoice=said.cost.invoice,
    )


def _owner(start: Start) -> str:
    return start.job.split("/")[2]
