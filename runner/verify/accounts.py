"""Money: every settlement against its start, its record and the receipts of its run; the ledger derived again.

The published runs and the settlements are taken in the order of the log, so that each is read once. Nothing here says
that money moved: a settlement is the runner's word. But that word cannot change, must add up, cannot be given twice for
one agreement, and must fit the receipts that were signed before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from runner.errors import Unverified
from runner.model import Receipt, Settlement, sha256
from runner.model.settlement import Paid
from runner.money import total
from runner.money.ledger import FOLDER, attempt_lines, month_file, settlement_line
from runner.ports import Blob, Snapshot
from runner.verify.events import Began, Ended, Late, Ledger, Settled
from runner.verify.report import Notebook

FAILURES = (Unverified, ArithmeticError, ValueError)


class _Claim(NamedTuple):
    """Who named an agreement first: a start's receipts or its settlement."""

    start: int
    settled: bool


class Accounts:
    """What was seen so far. Receipts of paid runs are kept until their start is settled."""

    def __init__(self, snapshot: Snapshot, book: Notebook) -> None:
        self._snapshot = snapshot
        self._book = book
        self._receipts: dict[int, Mapping[str, Receipt]] = {}
        self._claims: dict[str, _Claim] = {}
        self._ledger: dict[str, bytearray] = {}
        self._broken: set[str] = set()

    def publish(self, ended: Ended | Late, receipts: Mapping[str, Receipt] | None) -> None:
        """A run or a start that published receipts, and those by path; None where they do not hold."""
        began = ended.began
        if receipts is None:
            self._broken.add(month_file(began.start))
            return
        if total([began.start.reserved]):
            self._receipts[began.entry] = receipts
        for path, receipt in receipts.items():
            where, said = f"{ended.folder}/bundle/{path}", receipt.predicate
            if said.provider.agreement is not None:
                self._claim(said.provider.agreement, began.entry, False, where)
            if total([said.cost.observed]) and not total([began.start.reserved]):
                message = f"it cost {said.cost.observed} GLM; the start at log entry {began.entry} reserved nothing"
                self._book.find(7, "cost-unreserved", where, message)
        self._derive(began, lambda: attempt_lines(began.entry, began.start, receipts))

    def settle(self, settled: Settled) -> None:
        """A settlement, which comes after the end of its start."""
        began, entry = settled.began, settled.end
        path = Settlement.path_of(entry.run, entry.start)
        self._book.count(6, "settlement records")
        raw = self._snapshot.read(path)
        try:
            if raw is None:
                raise Unverified("settlement-missing", "there is no record")
            if sha256(raw) != entry.record:
                raise Unverified("settlement-changed", f"found {sha256(raw)}; the log says {entry.record}")
            record = Settlement.from_bytes(raw, path)
        except Unverified as error:
            self._book.find(6, error.code, path, error.message)
            self._broken.add(month_file(began.start))
            return
        receipts = self._receipts.pop(began.entry, None)
        where = f"log entry {settled.entry}"
        for code, message in (*_sums(settled, record), *_receipts(record, receipts or {})):
            self._book.find(7, code, where, message)
        for paid in record.agreements:
            self._claim(paid.agreement, began.entry, True, where)
        for text in _without_receipt(record, receipts or {}):
            self._book.listed(7, f"{where}: {text}")
        self._book.count(7, "settlements")
        self._derive(began, lambda: settlement_line(began.start, record))

    def close(self, files: Mapping[str, Blob]) -> None:
        """Step 9: the ledger's files are those that were derived."""
        standing = {path for path in files if path.startswith(f"{FOLDER}/")}
        for path in sorted(standing | self._ledger.keys()):
            if path in self._broken:
                self._book.skip(9, "ledger files with a run or a settlement that does not hold")
                continue
            self._book.count(9, "ledger files derived again")
            if path not in standing:
                self._book.find(9, "ledger-missing", path, "this month's ledger is not here")
            elif self._snapshot.read(path) != bytes(self._ledger.get(path, b"")):
                self._book.find(9, "ledger-wrong", path, "it does not follow from the receipts and settlements")

    def _claim(self, agreement: str, start: int, settled: bool, where: str) -> None:
        """One agreement belongs to one start, and is settled once."""
        known = self._claims.get(agreement)
        if known is not None and known.start != start:
            message = f"the agreement {agreement} is one of the start at log entry {known.start}"
            self._book.find(7, "agreement-foreign", where, message)
        elif known is not None and known.settled and settled:
            self._book.find(7, "agreement-twice", where, f"the agreement {agreement} is settled twice")
        else:
            self._claims[agreement] = _Claim(start, settled)

    def _derive(self, began: Began, lines: Callable[[], bytes]) -> None:
        path = month_file(began.start)
        try:
            if new := lines():
                self._ledger.setdefault(path, bytearray()).extend(new)
        except FAILURES:
            self._broken.add(path)


def list_unsettled(ledger: Ledger, book: Notebook) -> None:
    """Step 7: starts that reserved money, and whose settlement is not there. What they cost is not known yet."""
    for began in ledger.began:
        if total([began.start.reserved]) and began.entry not in ledger.settled:
            said = f"unsettled: {began.start.job}, {began.start.reserved} GLM reserved by {began.start.runner}"
            book.listed(7, f"log entry {began.entry}: {said}")


def _sums(settled: Settled, record: Settlement) -> Iterator[tuple[str, str]]:
    """The record is of this start, its sum is that of its parts and of the log, no part is more than it may be."""
    entry, start = settled.end, settled.began.start
    if (record.run, record.start) != (entry.run, entry.start):
        yield "settlement-differs", f"the record is of the start {record.start} of the run {record.run}"
    parts = total(paid.amount for paid in record.agreements)
    if not parts == total([record.amount]) == total([entry.amount]):
        said = f"the log says {entry.amount} GLM, the record {record.amount}, its agreements add up to {parts}"
        yield "settlement-differs", said
    if total([entry.amount]) > total([start.reserved]):
        yield "settlement-over-reserved", f"{entry.amount} GLM were paid, {start.reserved} reserved"
    for paid in record.agreements:
        if total([paid.amount]) > min(total([paid.asked]), total([paid.owed])):
            message = f"{paid.amount} GLM were accepted for {_name(paid)}; {paid.asked} were asked, {paid.owed} owed"
            yield "settlement-overpaid", message
        if total([paid.amount]) and paid.invoice is None:
            yield "settlement-overpaid", f"{paid.amount} GLM were accepted for {_name(paid)} without an invoice"


def _receipts(record: Settlement, receipts: Mapping[str, Receipt]) -> Iterator[tuple[str, str]]:
    """What the settlement says of an attempt is what its receipt says; what a receipt saw paid is settled."""
    settled = {paid.agreement: paid for paid in record.agreements}
    for path, receipt in receipts.items():
        said, attempt = receipt.predicate, receipt.predicate.attempt
        agreement = said.provider.agreement
        paid = settled.get(agreement) if agreement is not None else None
        if paid is None:
            if agreement is not None and (said.cost.invoice is not None or total([said.cost.observed])):
                yield "agreement-unsettled", f"{path} has the agreement {agreement}, with a cost, but no settlement"
            continue
        found = (paid.region, paid.slot, paid.n, paid.provider, paid.payee, said.cost.invoice or paid.invoice)
        wanted = (attempt.region, attempt.slot, attempt.n, said.provider.id, said.provider.payee, paid.invoice)
        if found != wanted or record.network != said.executor.network:
            yield "agreement-differs", f"{_name(paid)} is not as {path} has it: provider, payee, invoice or network"


def _without_receipt(record: Settlement, receipts: Mapping[str, Receipt]) -> Iterator[str]:
    """Agreements of attempts that were cut short, or of runs that were never published."""
    known = {receipt.predicate.provider.agreement for receipt in receipts.values()}
    for paid in record.agreements:
        if paid.agreement not in known:
            yield f"no receipt has {_name(paid)}: its attempt was cut short; {paid.amount} GLM were accepted"


def _name(paid: Paid) -> str:
    return f"the agreement {paid.agreement} of {paid.region} {paid.slot}.{paid.n}"
