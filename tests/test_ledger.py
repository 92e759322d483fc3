"""The ledger: every attempt and every settlement has its line, in the month of its start, whoever derives it when."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import Unverified
from runner.leases import CLOCK_MARGIN
from runner.model.ledger import LedgerAttempt, LedgerSettlement, parse_line
from runner.money.ledger import reason_code
from runner.ports import Work
from runner.reconcile import reconcile
from runner.rendering.pages import ledgers
from runner.verify import verify
from tests.paid import BUDGET, Bill, PaidExecutor, paid_registry
from tests.ticks import LEASE, Crash, at, die, hire, state, types
from tests.worlds import Registry, job_file

LEDGER = "reports/ledger/2026-11.jsonl"


def lines(registry: Registry, path: str = LEDGER) -> list[LedgerAttempt | LedgerSettlement]:
    """The lines of a month."""
    return [parse_line(raw, path) for raw in registry.read(path).splitlines()]


def is_whole(registry: Registry) -> bool:
    """Whether the files that grew are those that a full derivation gives."""
    now = state(registry)
    standing = {path: registry.read(path) for path in registry.files("reports/ledger")}
    return standing == ledgers(now.snapshot, now.history)


def test_every_attempt_has_a_line_and_then_the_settlement() -> None:
    registry = paid_registry()

    def answer(work: Work, _: object, __: int) -> str:
        return "error" if work.attempt.region == "EU" and work.attempt.n == 1 else "fine"

    registry.executor = PaidExecutor(registry, answer)
    registry.act()
    *attempts, settlement = lines(registry)
    assert isinstance(settlement, LedgerSettlement)
    said = [
        (line.region, line.n, line.status, line.answered, line.cost, line.reserved, line.provider)
        for line in attempts
        if isinstance(line, LedgerAttempt)
    ]
    assert said == [
        ("APAC", 1, "ok", 1, "0.01", "0.2", "fake-apac-1"),
        ("EU", 1, "failed", 0, "0.01", "0.2", "fake-eu-1"),
        ("EU", 2, "ok", 1, "0.01", "0.2", "fake-eu-1-2"),
        ("US", 1, "ok", 1, "0.01", "0.2", "fake-us-1"),
    ]
    assert (settlement.reserved, settlement.asked, settlement.amount) == ("3", "0.04", "0.04")
    assert {paid.agreement for paid in settlement.agreements} == {
        line.agreement for line in attempts if isinstance(line, LedgerAttempt)
    }
    assert is_whole(registry)


def test_what_is_settled_later_is_appended_to_the_month_of_its_start() -> None:
    registry = paid_registry()
    executor = PaidExecutor(registry)
    executor.closed = False
    registry.executor = executor
    registry.act()
    assert [line.type for line in lines(registry)] == ["attempt"] * 3
    registry.wait(days=20)
    executor.closed = True
    registry.submit(job_file("december", budget=BUDGET))
    registry.act()
    assert [line.type for line in lines(registry)] == ["attempt"] * 3 + ["settlement"]
    december = lines(registry, "reports/ledger/2026-12.jsonl")
    assert [line.type for line in december] == ["attempt"] * 3 + ["settlement"]
    assert executor.forgotten == [6, 8]
    assert is_whole(registry)


def test_a_settlement_alone_is_a_commit_and_nothing_follows_it() -> None:
    registry = paid_registry()
    executor = PaidExecutor(registry)
    executor.closed = False
    registry.executor = executor
    registry.act()
    executor.closed = True
    size = len(types(registry))
    registry.act()
    assert types(registry, size) == ["settlement"]
    registry.act()
    assert len(types(registry)) == size + 1


def test_local_attempts_have_no_line() -> None:
    registry = Registry()
    registry.submit(job_file())
    registry.act()
    assert registry.files("reports/ledger") == []


WAYS = ["act", "claim", "die"]
STEPS = st.lists(
    st.sampled_from([*WAYS, *(f"{way} rolf" for way in WAYS), "submit", "remove", "wait", "lease", "close", "open"]),
    min_size=4,
    max_size=12,
)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(STEPS)
def test_whatever_happens_the_ledger_is_what_a_full_derivation_gives(steps: list[str]) -> None:
    registry = paid_registry()
    hire(registry)
    executor = PaidExecutor(registry, bill=lambda work: Bill() if work.attempt.slot == 1 else Bill(None, "0", "0"))
    registry.executor = executor
    submitted = 0
    for step in [*steps, "lease", "act", "act rolf"]:
        match step.split():
            case ["act", *names]:
                registry.act(*names)
            case ["claim", *names]:
                registry.act(*names, stop=True)
            case ["die", *names]:
                with suppress(Crash):
                    reconcile(at(registry.world(*names), "attempt-finished", 1, die))
            case ["submit"]:
                submitted += 1
                registry.submit(job_file(f"job-{submitted}", budget=BUDGET))
            case ["remove"] if submitted:
                registry.remove(f"registry/jobs/alice/job-{submitted}.yaml")
                submitted -= 1
            case ["wait"]:
                registry.wait(days=5)
            case ["lease"]:
                registry.wait(seconds=LEASE + CLOCK_MARGIN)
            case ["close" | "open" as word]:
                executor.closed = word == "close"
        assert is_whole(registry)
    assert verify(registry.clone()).findings == ()


@pytest.mark.parametrize(
    ("reason", "code"),
    [("budget: nothing is left", "budget"), ("told to be error", None), (None, None), ("A: b", None), (": b", None)],
)
def test_a_reason_may_begin_with_a_code(reason: str | None, code: str | None) -> None:
    assert reason_code(reason) == code


def test_only_canonical_lines_are_read() -> None:
    registry = paid_registry()
    registry.act()
    raw = registry.read(LEDGER).splitlines()[-1]
    for wrong in (raw.replace(b",", b", "), raw.replace(b'"asked":"0.03",', b""), raw + b" ", b"null", b"[]", b"\xff"):
        with pytest.raises(Unverified):
            parse_line(wrong, "line 1")
