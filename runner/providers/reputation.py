"""How well each provider has served this registry, from its own ledger. Pure: lines in, one record a provider out.

Every attempt weighs less the older it is: half after 30 days. An attempt counts for its provider by the share of its
cells that were answered; it does not count where no agreement was made, or where we ended it ourselves. Answers are not
read: a provider is never preferred for what it answered.

`speed` compares like with like: an attempt's time per answer, against the median of the same run and target over all
providers. 1 is as fast as the others, 2 takes twice as long.

A provider is its node id; what is known of its payee stands in for an id that was never seen, so that a new id does
not begin with a clean record. Test networks (`simulated`) and real ones are kept apart by the caller, who picks a
network. Floats are fine here: nothing of this is signed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

from runner.model.ledger import LedgerAttempt, LedgerSettlement, parse_line
from runner.money.ledger import FOLDER
from runner.ports import Snapshot

HALF_LIFE_DAYS = 30.0
OURS = frozenset({"budget", "cancelled", "daemon", "queue", "total"})
"""Words before the colon of a reason that say that we ended an attempt, or never had a provider's help."""


class Record(NamedTuple):
    """What a provider did. `answered` and `failed` are decayed weights of attempts; the rest counts plainly.

    `speed` is its decayed time per answer as a multiple of the others', `hour` what it took for an hour, in GLM; None
    where nothing is known. `contradictions` are attempts that failed for where their traffic left from; `countries` are
    those that our vantages saw."""

    attempts: int = 0
    answered: float = 0.0
    failed: float = 0.0
    contradictions: int = 0
    speed: float | None = None
    hour: float | None = None
    last: str | None = None
    countries: tuple[str, ...] = ()
    codes: Mapping[str, int] = {}

    @property
    def reliability(self) -> float:
        """The share of answers to expect: the mean of Beta(1 + answered, 1 + failed)."""
        return (1 + self.answered) / (2 + self.answered + self.failed)


class History(NamedTuple):
    """Records by node id, and by payee."""

    by_id: Mapping[str, Record] = {}
    by_payee: Mapping[str, Record] = {}

    def of(self, node: str, payee: str | None = None) -> Record:
        """The record of a node; of its payee where the node is new; an empty one where both are."""
        return self.by_id.get(node) or self.by_payee.get(payee or "") or Record()


def read(snapshot: Snapshot, network: str, now: datetime) -> History:
    """The history of one network in a registry's ledger. Raises `Unverified` for a ledger that nobody of ours wrote."""
    found: list[LedgerAttempt] = []
    for path in snapshot.files(FOLDER):
        for number, raw in enumerate((snapshot.read(path) or b"").splitlines(), 1):
            line = parse_line(raw, f"{path}:{number}")
            if not isinstance(line, LedgerSettlement) and line.network == network:
                found.append(line)
    return history(found, now)


def history(lines: Iterable[LedgerAttempt], now: datetime) -> History:
    """The records that attempts add up to."""
    lines = [line for line in lines if _counts(line)]
    usual = _usual(lines)
    by_id: dict[str, list[LedgerAttempt]] = {}
    by_payee: dict[str, list[LedgerAttempt]] = {}
    for line in lines:
        by_id.setdefault(line.provider, []).append(line)
        if line.payee:
            by_payee.setdefault(line.payee, []).append(line)
    return History(
        {node: _record(found, usual, now) for node, found in by_id.items()},
        {payee: _record(found, usual, now) for payee, found in by_payee.items()},
    )


def _counts(line: LedgerAttempt) -> bool:
    return line.agreement is not None and line.status != "cancelled" and line.code not in OURS


def _usual(lines: Iterable[LedgerAttempt]) -> Mapping[tuple[str, str], float]:
    """The median time per answer of each run's target."""
    times: dict[tuple[str, str], list[float]] = {}
    for line in lines:
        if line.answered and line.ms:
            times.setdefault((line.run, line.target), []).append(line.ms / line.answered)
    return {which: median(found) for which, found in times.items()}


def _record(lines: list[LedgerAttempt], usual: Mapping[tuple[str, str], float], now: datetime) -> Record:
    answered = failed = 0.0
    speeds, hours = _Mean(), _Mean()
    codes: dict[str, int] = {}
    for line in lines:
        weight = _weight(line.at, now)
        share = line.answered / line.cells if line.cells else 0.0
        answered += weight * share
        failed += weight * (1 - share)
        if line.answered and line.ms:
            speeds.add(line.ms / line.answered / usual[line.run, line.target], weight)
        if line.ms:
            hours.add(float(line.cost) * 3_600_000 / line.ms, weight)
        if line.code:
            codes[line.code] = codes.get(line.code, 0) + 1
    return Record(
        attempts=len(lines),
        answered=answered,
        failed=failed,
        contradictions=codes.get("region", 0),
        speed=speeds.value,
        hour=hours.value,
        last=max(line.at for line in lines),
        countries=tuple(sorted({line.country for line in lines if line.country and line.grade.startswith("egress")})),
        codes=dict(sorted(codes.items())),
    )


def _weight(at: str, now: datetime) -> float:
    """A half for each half-life that has gone by. A moment in the future weighs one."""
    days = (now - datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)).total_seconds() / 86_400
    return math.exp2(-max(0.0, days) / HALF_LIFE_DAYS)


class _Mean:
    """A weighted mean that is built up."""

    def __init__(self) -> None:
        self._sum = self._weights = 0.0

    def add(self, value: float, weight: float) -> None:
        """One more value."""
        self._sum += value * weight
        self._weights += weight

    @property
    def value(self) -> float | None:
        """The mean, None where nothing was added, or nothing that still weighs."""
        return self._sum / self._weights if self._weights else None
