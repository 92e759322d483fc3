"""The words of many looks and of suites, on the pages where they stand."""

from __future__ import annotations

from fractions import Fraction

from runner.looks import Look, said, suites
from runner.model import DiffReport
from runner.render import JobSummary, history_page, index_page, summarise
from tests import make
from tests.test_compare import small_run

LEVEL = Fraction(1, 20)
FOLDER = "reports/jobs/alice/night/who"


def looks(*ps: Fraction | None) -> list[Look]:
    return [Look(p, LEVEL) for p in ps]


def test_one_look_is_no_series() -> None:
    assert said([]) == ""
    assert said(looks(Fraction(1, 28), None)) == ""


def test_what_looks_say_together() -> None:
    assert said(looks(Fraction(1, 2), Fraction(1, 28))) == (
        "Look 2; 1 was significant. All looks together are within chance: evidence 2.62, and 20.00 would be beyond it."
    )
    assert said(looks(*[Fraction(1, 28)] * 4)) == (
        "Look 4; 4 were significant. All looks together are **beyond chance** since look 3: their evidence reached "
        "20.00, as it does for at most 0.05 of jobs without a difference, however often one looks."
    )


def test_a_revision_cannot_loosen_the_level() -> None:
    strict = [Look(Fraction(1, 28), Fraction(1, 1000)), *looks(*[Fraction(1, 28)] * 3)]
    assert "within chance" in said(strict)


def test_q_of_a_suite() -> None:
    found = suites(
        {
            "alice/night/a": Fraction(1, 165),
            "alice/night/b": Fraction(1, 2),
            "alice/night/c": None,
            "alice/single": Fraction(1, 100),
            "bob/alone/a": Fraction(1, 100),
        }
    )
    assert found == {
        "alice/night/a": "q = 0.019 among 3 jobs of its suite",
        "alice/night/b": "q = 0.75 among 3 jobs of its suite",
    }


def test_the_pages_say_it_in_the_order_of_the_log() -> None:
    diff: DiffReport = small_run()
    days = ("2026-11-01", "2026-11-02", "2026-11-03")
    runs = [
        summarise(f"{FOLDER}/runs/{n}", make.run(), diff, f"{day}T00:00:00Z", entry=n) for n, day in enumerate(days)
    ]
    page = history_page(FOLDER, runs)["README.md"].decode()
    assert "Look 3; 3 were significant. All looks together are **beyond chance** since look 3" in page
    assert history_page(FOLDER, runs[::-1])["README.md"].decode() == page
    assert "Look" not in history_page(FOLDER, runs[:1])["README.md"].decode()
    other = JobSummary("reports/jobs/alice/night/what", 1, runs[0])
    index = index_page([JobSummary(FOLDER, 3, runs[-1]), other]).decode()
    assert index.count("q = 0.036 among 2 jobs of its suite") == 2
