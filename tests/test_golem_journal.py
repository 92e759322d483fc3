"""The journal survives kills at any byte; the books are what its lines add up to, at every moment."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from runner.edges.golem.books import Books, Deal
from runner.edges.golem.journal import Journal, Stamp, stamp
from runner.edges.golem.offers import Offer
from runner.edges.golem.settlement import settlement
from runner.errors import Environment
from runner.model import Attempt
from runner.money import Terms
from tests.golem import run_id

RUN = run_id("journal")
ATTEMPT = Attempt(run=RUN, target="echo", region="EU", slot=1, n=1)
NODE, PAYEE = "0x" + "a" * 40, "0x" + "b" * 40
TERMS = Terms(Decimal("0.001"), Decimal("0.0001"), Decimal("0.0002"))
OFFER = Offer("R-1", NODE, "de-1", PAYEE, "DE", TERMS, (), 4, Decimal(8), {})


def books(folder: Path) -> Books:
    folder.mkdir(exist_ok=True)
    return Books(Journal(folder), 3, RUN)


def hired(folder: Path) -> tuple[Books, Deal]:
    """A deal with an activity."""
    found = books(folder)
    found.begin("devnet", "erc20-hoodi-tglm")
    deal = found.new_deal(ATTEMPT, OFFER, 2, Decimal("0.05"))
    found.write("agreement made", key=deal.key, id="a1")
    found.write("agreement confirming", key=deal.key)
    found.write("agreement approved", key=deal.key)
    found.write("activity asked", key=deal.key)
    found.write("activity made", key=deal.key, id="act1")
    return found, deal


def test_a_cut_last_line_is_dropped_wherever_it_was_cut(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(3):
        journal.write(1, RUN, "step", {"number": number, "text": "x" * 5_000})
    (path,) = tmp_path.glob("*.jsonl")
    whole = path.read_bytes()
    second = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for cut in (second, second + 1, second + 4_500, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert [line["number"] for line in journal.read(1, RUN)] == [0, 1]
        journal.write(1, RUN, "step", {"number": 9})
        assert [line["number"] for line in journal.read(1, RUN)] == [0, 1, 9]


def test_a_damaged_line_is_not_guessed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write(1, RUN, "step", {})
    journal.write(1, RUN, "step", {})
    (path,) = tmp_path.glob("*.jsonl")
    for damaged in (b"{}\n" + path.read_bytes(), b"[1]\n", b"\xff\n", path.read_bytes()[5:]):
        path.write_bytes(damaged)
        with pytest.raises(Environment) as error:
            journal.read(1, RUN)
        assert error.value.code == "golem-journal"


def test_one_beacon_an_identity(tmp_path: Path) -> None:
    with Journal(tmp_path).held() as journal:
        tag = journal.id()
        with pytest.raises(Environment) as error, Journal(tmp_path).held():
            pass
        assert error.value.code == "golem-busy"
    with Journal(tmp_path).held() as journal:
        assert journal.id() == tag


def test_starts_are_listed_until_they_are_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for start in (12, 3):
        journal.write(start, RUN, "step", {})
    (tmp_path / "x.jsonl").write_text("no start")
    assert journal.starts() == [(3, RUN), (12, RUN)]
    journal.forget(3, RUN)
    assert journal.starts() == [(12, RUN)]


def test_time_passes_by_the_monotonic_clock_within_a_boot() -> None:
    early = Stamp("2026-11-22T07:00:00.000+00:00", 1_000, "boot-1")
    assert Stamp("2026-11-22T09:00:00.000+00:00", 3_500, "boot-1").since(early) == 2.5
    assert Stamp("2026-11-22T07:01:00.000+00:00", 9, "boot-2").since(early) == 60
    assert Stamp("2026-11-22T06:59:00.000+00:00", 9, "boot-2").since(early) == 0
    assert stamp().since(stamp()) == 0


def test_books_read_from_disk_are_the_books_that_wrote(tmp_path: Path) -> None:
    written, deal = hired(tmp_path)
    written.write("allocation asked", region="EU", amount="0.4")
    written.write("allocation made", amount="0.4", id="alloc")
    written.write("attempt judged", key=deal.key, ok=False, why="exit: code 1")
    written.write("agreement ended", key=deal.key)
    read = books(tmp_path)
    assert read.deals == written.deals
    assert read.reserves == written.reserves
    assert read.banned("EU") == {NODE, PAYEE}
    assert not read.banned("US")
    assert read.of("a1") == written.deals[0]
    reserve = read.reserve("EU")
    assert reserve
    assert reserve.id == "alloc"
    read.write("allocation released", amount="0.4")
    assert read.reserve("EU") is None


def test_what_a_deal_weighs_at_every_step(tmp_path: Path) -> None:
    found, deal = hired(tmp_path)
    assert found.spent("EU") == Decimal("0.05"), "while it runs, the most that it may cost"
    found.write("attempt judged", key=deal.key, ok=False, why="exit: code 1")
    found.write("agreement ended", key=deal.key)
    due = deal.due(stamp())
    assert Decimal("0.0015") <= due < Decimal("0.01"), "fixed + (time + CPU x threads) x at least a second"
    assert found.spent("EU") == found.spent("EU", failed=True) == due
    found.write("invoice accepting", key=deal.key, id="i1", asked="0.0012", owed=str(due))
    found.write("invoice accepted", key=deal.key, id="i1", amount="0.0012")
    assert found.spent("EU") == Decimal("0.0012")
    assert found.spent("US") == 0


def test_an_agreement_that_never_bound_costs_nothing(tmp_path: Path) -> None:
    found = books(tmp_path)
    deal = found.new_deal(ATTEMPT, OFFER, 1, Decimal("0.05"))
    found.write("agreement made", key=deal.key, id="a1")
    found.write("agreement confirming", key=deal.key)
    assert deal.open
    found.write("agreement refused", key=deal.key, why="rejected")
    assert not deal.open
    assert found.spent("EU") == 0


def test_a_start_is_settled_once_nothing_is_open(tmp_path: Path) -> None:
    found, deal = hired(tmp_path)
    found.write("finished")
    assert settlement(found) is None, "it runs"
    found.write("agreement ended", key=deal.key)
    assert settlement(found) is None, "its invoice may come"
    found.write("invoice disputed", key=deal.key, id="i1", asked="5", owed="0.002")
    assert settlement(found) is None, "a person decides"
    found.write("invoice accepting", key=deal.key, id="i1", asked="5", owed="0.002")
    found.write("invoice accepted", key=deal.key, id="i1", amount="5")
    done = settlement(found)
    assert done
    assert (done.amount, done.agreements[0].amount, done.agreements[0].payee) == ("5", "5", PAYEE)
    found.new_deal(ATTEMPT, OFFER, 1, Decimal("0.05"))
    assert settlement(found) is None, "the run goes on"


def test_what_was_never_billed_says_why(tmp_path: Path) -> None:
    found, deal = hired(tmp_path)
    found.write("agreement ended", key=deal.key)
    idle = found.new_deal(ATTEMPT, OFFER, 1, Decimal("0.05"))
    found.write("agreement made", key=idle.key, id="a2")
    found.write("agreement confirming", key=idle.key)
    found.write("agreement ended", key=idle.key)
    found.write("invoice absent", key=deal.key)
    found.write("finished")
    done = settlement(found)
    assert done
    assert [one.why for one in done.agreements] == ["no invoice came", "no activity was started"]
    assert done.amount == "0"


def test_lines_are_plain_json_with_both_clocks(tmp_path: Path) -> None:
    hired(tmp_path)
    (path,) = tmp_path.glob("*.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["step"] for line in lines[:3]] == ["begun", "agreement asked", "agreement made"]
    assert all({"at", "ms", "boot"} <= line.keys() for line in lines)
    assert path.stat().st_mode & 0o777 == 0o600
