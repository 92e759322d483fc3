"""The words of many looks and of suites, on the pages and badges where they stand."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from runner.model.report import Verdict
from runner.rendering.jobpages import JobSummary, RunSummary, badge_files, history_page, index_page, summarise
from runner.rendering.looks import Look, Standing, said, standing, suites
from runner.rendering.neutral import Safe
from tests import make
from tests.test_compare import small_run

LEVEL = Fraction(1, 20)
FOLDER = "reports/jobs/alice/night/who"
STEM = "reports/badges/alice.night.who"
LEAST = Fraction(1, 28)


def looks(*ps: Fraction | None, verdict: Verdict = "major", simulated: bool = False) -> list[Look]:
    return [Look(p, LEVEL, verdict, simulated) for p in ps]


def last(verdict: Verdict) -> Standing:
    return Standing(verdict, Safe(f"({verdict})"))


def test_one_look_is_no_series() -> None:
    assert said([]) == ""
    assert said(looks(LEAST, None)) == ""
    assert standing(looks(LEAST), last("major")) == ("major", "(major)")
    assert standing(looks(None, LEAST, None), last("insufficient")) == ("insufficient", "(insufficient)")


def test_what_looks_say_together() -> None:
    assert said(looks(Fraction(1, 2), LEAST)) == (
        "Look 2; 1 was significant. All looks together are not beyond chance: their evidence is 2.62, and 20.00 is "
        "needed."
    )
    assert said(looks(*[LEAST] * 4)) == (
        "Look 4; 4 were significant. All looks together are **beyond chance** since look 3: their evidence reached "
        "20.00, as it does for at most 0.05 of jobs without a difference, however often one looks."
    )


@pytest.mark.parametrize(
    ("verdict", "shown", "symbol"),
    [
        ("same", "noise", "≈"),
        ("noise", "noise", "≈"),
        ("minor", "insufficient", "?"),
        ("major", "insufficient", "?"),
        ("insufficient", "insufficient", "?"),
    ],
)
def test_a_badge_shows_no_difference_that_chance_may_have_made(verdict: Verdict, shown: Verdict, symbol: str) -> None:
    found = standing(looks(Fraction(1, 2), LEAST), last(verdict))
    assert found == (shown, f"{symbol} 2 runs together: not beyond chance · last: ({verdict})")


def test_a_badge_keeps_what_is_beyond_chance_whatever_the_last_run_says() -> None:
    beyond = looks(*[LEAST] * 3, verdict="minor")
    words = "△ 4 runs together: beyond chance · last: (same)"
    assert standing([*beyond, *looks(Fraction(1, 2), verdict="same")], last("same")) == ("minor", words)
    worst = [*beyond, *looks(LEAST)]
    words = "▲ 4 of 5 runs together: beyond chance · last: (insufficient)"
    found = standing([*worst, *looks(None, verdict="insufficient")], last("insufficient"))
    assert found == ("major", words), "a run that could not be tested says nothing"


def test_small_differences_add_up() -> None:
    """No look is significant at this level, all together are beyond it."""
    level = Fraction(1, 100)
    many = [Look(Fraction(1, 50), level, "noise", False) for _ in range(9)]
    assert standing(many, last("noise")) == ("minor", "△ 9 runs together: beyond chance · last: (noise)")


def test_a_revision_cannot_loosen_the_level() -> None:
    strict = [Look(LEAST, Fraction(1, 1000), "major", False), *looks(*[LEAST] * 3)]
    assert "not beyond chance" in said(strict)
    assert "not beyond chance" in standing(strict, last("major")).words


def test_simulated_is_said_where_any_look_was() -> None:
    mixed = [*looks(LEAST, simulated=True), *looks(LEAST)]
    assert standing(mixed, last("major")).words.endswith("last: (major) · SIMULATED")
    assert standing(looks(LEAST, simulated=True), last("major")).words == "(major) · SIMULATED"
    assert "SIMULATED" not in standing(looks(LEAST, LEAST), last("major")).words


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


def night(number: int) -> RunSummary:
    return summarise(f"{FOLDER}/runs/{number}", make.run(), small_run(), f"2026-11-0{number}T00:00:00Z", entry=number)


def test_the_pages_say_it_in_the_order_of_the_log() -> None:
    runs = [night(number) for number in (1, 2, 3)]
    page = history_page(FOLDER, runs)["README.md"].decode()
    assert "Look 3; 3 were significant. All looks together are **beyond chance** since look 3" in page
    assert history_page(FOLDER, runs[::-1])["README.md"].decode() == page
    assert "Look" not in history_page(FOLDER, runs[:1])["README.md"].decode()
    other = JobSummary("reports/jobs/alice/night/what", (runs[0].look,), runs[0])
    index = index_page([JobSummary(FOLDER, tuple(run.look for run in runs), runs[-1]), other]).decode()
    assert index.count("q = 0.036 among 2 jobs of its suite") == 2


@pytest.mark.parametrize(
    ("number", "words", "colour"),
    [
        (1, "▲ major difference (APAC) · SIMULATED", "cf222e"),
        (2, "? 2 runs together: not beyond chance · last: ▲ major difference (APAC) · SIMULATED", "59636e"),
        (3, "▲ 3 runs together: beyond chance · last: ▲ major difference (APAC) · SIMULATED", "cf222e"),
    ],
)
def test_badge_alternative_text_and_heading_are_the_same_words(number: int, words: str, colour: str) -> None:
    runs = [night(day) for day in range(1, number + 1)]
    job = JobSummary(FOLDER, tuple(run.look for run in runs), runs[-1])
    files = badge_files(job)
    assert json.loads(files[f"{STEM}.json"]) | {"schemaVersion": 1} == {
        "schemaVersion": 1,
        "label": "alice/night/who",
        "message": words,
        "color": colour,
    }
    picture = files[f"{STEM}.svg"].decode()
    assert f'<title id="title">alice/night/who: {words}</title>' in picture
    assert f'fill="#{colour}"' in picture
    page = history_page(FOLDER, runs)["README.md"].decode()
    assert page.startswith(f"# {words}\n")
    assert f"[![alice/night/who: {words}](" in page
    index = index_page([job]).decode()
    assert f"- [![{words}](badges/alice.night.who.svg)]" in index
    assert ("Of a job with several runs the badge says" in index) == (number > 1)


def test_a_job_beyond_chance_stands_before_one_whose_last_run_was_only_short_of_data() -> None:
    run = night(1)
    quiet = run._replace(verdict="same", look=run.look._replace(p=Fraction(1), verdict="same"))
    unsure = run._replace(verdict="insufficient", look=run.look._replace(p=None, verdict="insufficient"))
    jobs = [
        JobSummary("reports/jobs/a/unsure", (unsure.look,), unsure),
        JobSummary("reports/jobs/a/beyond", (*[run.look] * 3, quiet.look), quiet),
        JobSummary("reports/jobs/a/differs", (run.look,), run),
        JobSummary("reports/jobs/a/doubtful", (run.look,) * 2, run),
    ]
    page = index_page(jobs).decode()
    places = [page.index(f"](jobs/a/{name}/README.md)") for name in ("differs", "doubtful", "beyond", "unsure")]
    assert places == sorted(places)
