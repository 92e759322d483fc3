"""What a runner that holds the log's key could say of money: each lie that the receipts, the log or the record itself
contradict is found by name; what is only not known yet is listed."""

from __future__ import annotations

from typing import Any

import pytest

from runner.leases import CLOCK_MARGIN
from runner.model import Settlement, sha256
from runner.model import entry as e
from runner.money.ledger import settlement_line
from runner.reconcile import reconcile
from runner.verify import Report, verify
from tests.paid import BUDGET, PaidExecutor, paid_registry
from tests.ticks import LEASE, entries, hire
from tests.worlds import Registry, job_file, runner

LEDGER = "reports/ledger/2026-11.jsonl"
RITA = runner("rita").keys.git


@pytest.fixture(scope="module")
def settled() -> Registry:
    """A registry with two published and settled runs; their starts are entries 6 and 7."""
    registry = paid_registry("who", "more")
    registry.act()
    return registry


@pytest.fixture(scope="module")
def unsettled() -> Registry:
    """The same before anything is settled."""
    registry = paid_registry("who", "more")
    executor = PaidExecutor(registry)
    executor.closed = False
    registry.executor = executor
    registry.act()
    return registry


def found(report: Report) -> set[tuple[int, str]]:
    """Step and code of each finding."""
    return {(finding.step, finding.code) for finding in report.findings}


def record(registry: Registry, start: int = 6) -> Settlement:
    """What an honest runner would say of a start that is not settled."""
    executor = registry.executor
    assert isinstance(executor, PaidExecutor)
    run = next(entry.run for index, entry in starts(registry).items() if index == start)
    executor.closed = True
    made = executor.settlement(start, run)
    executor.closed = False
    assert made is not None
    return made


def starts(registry: Registry) -> dict[int, e.Start]:
    """Log index to start."""
    return {index: entry for index, entry in enumerate(entries(registry)) if isinstance(entry, e.Start)}


def altered(said: Settlement, **first: Any) -> Settlement:
    """A settlement whose first agreement says something else; the sum is right."""
    changed = (said.agreements[0].model_copy(update=first), *said.agreements[1:])
    amount = "0.03" if "amount" not in first else str(first.pop("sum"))
    return said.model_copy(update={"agreements": changed, "amount": amount})


def settle(registry: Registry, said: Settlement, **entry: Any) -> Report:
    """Log a settlement with its record and its ledger's line, and verify."""
    twin = registry.fork()
    facts = {"run": said.run, "start": said.start, "amount": said.amount, "record": sha256(said.canonical())} | entry
    start = starts(registry).get(said.start)
    line = settlement_line(start, said) if start else b""
    changes = {said.path: said.canonical(), LEDGER: registry.read(LEDGER) + line}
    twin.log(e.Settlement.model_validate(facts), changes=changes)
    return verify(twin.clone())


def test_settled_runs_are_verified(settled: Registry) -> None:
    report = verify(settled.clone())
    assert report.findings == ()
    assert [step.outcome for step in report.steps] == ["ok"] * 9
    assert report.steps[5].counts["settlement records"] == report.steps[6].counts["settlements"] == 2
    assert report.steps[8].counts["ledger files derived again"] == 1
    assert not report.steps[6].listed


def test_what_is_not_settled_is_listed_and_no_finding(unsettled: Registry) -> None:
    report = verify(unsettled.clone())
    assert report.findings == ()
    listed = [text for text in report.steps[6].listed if "unsettled" in text]
    assert listed == [
        "log entry 6: unsettled: registry/jobs/alice/more.yaml, 3 GLM reserved by rita",
        "log entry 7: unsettled: registry/jobs/alice/who.yaml, 3 GLM reserved by rita",
    ]


def test_an_honest_settlement_by_hand_is_fine(unsettled: Registry) -> None:
    assert settle(unsettled, record(unsettled)).findings == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"asked": "0.005"}, "settlement-overpaid"),
        ({"owed": "0.005"}, "settlement-overpaid"),
        ({"invoice": None}, "settlement-overpaid"),
        ({"provider": "another"}, "agreement-differs"),
        ({"payee": "my-own-wallet"}, "agreement-differs"),
        ({"invoice": "another"}, "agreement-differs"),
        ({"n": 2}, "agreement-differs"),
        ({"slot": 2}, "agreement-differs"),
        ({"agreement": "made up"}, "agreement-unsettled"),
        ({"asked": "9", "owed": "9", "amount": "4", "sum": "4.02"}, "settlement-over-reserved"),
    ],
    ids=str,
)
def test_a_settlement_that_the_receipts_or_itself_contradict_is_found(
    unsettled: Registry, change: dict[str, Any], code: str
) -> None:
    assert (7, code) in found(settle(unsettled, altered(record(unsettled), **change)))


def test_sums_and_starts_of_record_and_log_agree(unsettled: Registry) -> None:
    said = record(unsettled)
    assert (7, "settlement-differs") in found(settle(unsettled, said, amount="0.02"))
    assert (7, "settlement-differs") in found(settle(unsettled, said.model_copy(update={"amount": "0.02"})))
    other = said.model_copy(update={"network": "hoodi"})
    assert (7, "agreement-differs") in found(settle(unsettled, other))


def test_agreements_of_another_run_are_found(unsettled: Registry) -> None:
    said, other = record(unsettled), record(unsettled, 7)
    both = said.model_copy(update={"agreements": (*said.agreements, *other.agreements), "amount": "0.06"})
    assert (7, "agreement-foreign") in found(settle(unsettled, both))
    twice = said.model_copy(update={"agreements": (*said.agreements, said.agreements[0]), "amount": "0.04"})
    assert (7, "agreement-twice") in found(settle(unsettled, twice))


def test_an_agreement_without_a_receipt_is_told(unsettled: Registry) -> None:
    said = record(unsettled)
    more = said.agreements[0].model_copy(update={"agreement": "cut-short", "n": 2})
    report = settle(unsettled, said.model_copy(update={"agreements": (*said.agreements, more), "amount": "0.04"}))
    assert report.findings == ()
    assert any("no receipt has the agreement cut-short of APAC 1.2" in text for text in report.steps[6].listed)


def test_settlements_without_a_start_twice_or_too_early_are_found(settled: Registry) -> None:
    run, free = next(iter(starts(settled).values())).run, sha256(b"no run")
    for facts, code in (
        ({"run": run, "start": 6}, "settlement-twice"),
        ({"run": run, "start": 5}, "settlement-without-start"),
        ({"run": run, "start": 7}, "settlement-without-start"),
        ({"run": free, "start": 6}, "settlement-without-start"),
        ({"run": run, "start": 600}, "settlement-without-start"),
    ):
        twin = settled.fork()
        twin.log(e.Settlement.model_validate(facts | {"amount": "0", "record": sha256(b"")}))
        assert (7, code) in found(verify(twin.clone()))
    twin = paid_registry()
    twin.act(stop=True)
    said = Settlement(
        run=starts(twin)[6].run, start=6, network="polygon", platform="erc20-polygon-glm", amount="0", agreements=()
    )
    twin.log(
        e.Settlement(run=said.run, start=6, amount="0", record=sha256(said.canonical())),
        changes={said.path: said.canonical()},
    )
    assert (7, "settlement-too-early") in found(verify(twin.clone()))


def test_a_settlement_of_a_start_that_reserved_nothing_is_found() -> None:
    registry = Registry()
    registry.submit(job_file())
    registry.act()
    registry.log(e.Settlement(run=starts(registry)[6].run, start=6, amount="0", record=sha256(b"")))
    assert found(verify(registry.clone())) == {(7, "settlement-without-start")}


def test_money_that_was_never_reserved_is_found() -> None:
    registry = Registry()
    registry.submit(job_file())
    registry.executor = PaidExecutor(registry)
    registry.act()
    assert found(verify(registry.clone())) == {(7, "cost-unreserved")}


def test_a_changed_a_missing_and_a_foreign_record_are_found(settled: Registry) -> None:
    path = settled.files("reports/settlements")[0]
    for changes, code in (
        ({path: settled.read(path).replace(b"0.03", b"0.02")}, "settlement-changed"),
        ({path: None}, "settlement-missing"),
        ({"reports/settlements/mine.json": b"{}"}, "file-unknown"),
        ({"reports/ledger/2026-10.jsonl": b"{}"}, "file-unknown"),
        ({"reports/ledger/notes.txt": b"{}"}, "file-unknown"),
    ):
        twin = settled.fork()
        twin.commit(changes, RITA)
        assert (6, code) in found(verify(twin.clone())), changes


def test_a_record_that_is_not_canonical_is_found(unsettled: Registry) -> None:
    twin, said = unsettled.fork(), record(unsettled)
    raw = said.canonical() + b"\n"
    twin.log(e.Settlement(run=said.run, start=6, amount=said.amount, record=sha256(raw)), changes={said.path: raw})
    assert (6, "not-canonical") in found(verify(twin.clone()))


def test_a_changed_and_a_missing_ledger_are_found(settled: Registry) -> None:
    whole = settled.read(LEDGER)
    for raw, code in (
        (whole.replace(b'"cost":"0.01"', b'"cost":"0.02"', 1), "ledger-wrong"),
        (b"".join(whole.splitlines(keepends=True)[1:]), "ledger-wrong"),
        (b"".join(reversed(whole.splitlines(keepends=True))), "ledger-wrong"),
        (None, "ledger-missing"),
    ):
        twin = settled.fork()
        twin.commit({LEDGER: raw}, RITA)
        assert found(verify(twin.clone())) == {(2, "log-not-grown"), (9, code)}


def test_a_ledger_where_nothing_was_paid_is_found() -> None:
    registry = Registry()
    registry.submit(job_file())
    registry.act()
    registry.commit({LEDGER: b"{}\n"}, RITA)
    assert found(verify(registry.clone())) == {(2, "log-not-grown"), (9, "ledger-wrong")}


def test_a_run_that_does_not_hold_leaves_the_ledger_unchecked_and_says_so(settled: Registry) -> None:
    twin = settled.fork()
    path = next(path for path in twin.files("reports/jobs") if "/receipts/" in path)
    twin.commit({path: None}, RITA)
    report = verify(twin.clone())
    assert "1 ledger files with a run or a settlement that does not hold" in report.steps[8].unchecked
    assert not {code for step, code in found(report) if step == 9} & {"ledger-wrong", "ledger-missing"}


def test_what_a_killed_runner_spent_is_settled_and_told() -> None:
    registry = paid_registry()
    hire(registry)
    journal = PaidExecutor(registry).journal
    registry.executor = PaidExecutor(registry, journal=journal)
    world = registry.world()

    def power_cut(*_: object) -> object:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconcile(world._replace(spool=_Spool(power_cut)))
    registry.wait(seconds=LEASE + CLOCK_MARGIN)
    ritas, registry.executor = PaidExecutor(registry, journal=journal), PaidExecutor(registry)
    registry.act("rolf")
    assert verify(registry.clone()).findings == ()
    registry.executor = ritas
    registry.act()
    report = verify(registry.clone())
    assert report.findings == ()
    assert report.steps[6].counts["settlements"] == 2
    assert any("its attempt was cut short; 0.01 GLM were accepted" in text for text in report.steps[6].listed)


class _Spool:
    """A spool whose machine dies at the first result."""

    def __init__(self, put: Any) -> None:
        self.put = put

    def results(self, run: str) -> tuple[()]:
        return ()

    def runs(self) -> tuple[()]:
        return ()

    def forget(self, run: str) -> None:
        """Nothing was kept."""


def test_two_jobs_of_one_owner_share_a_ledger() -> None:
    registry = paid_registry("a")
    registry.act()
    registry.submit(job_file("b", budget=BUDGET))
    registry.act()
    assert registry.read(LEDGER).count(b"\n") == 8
    assert verify(registry.clone()).ok
