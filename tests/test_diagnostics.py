"""Problems read like a compiler's: place, message, the line with a caret below, help; hostile text stays harmless."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.diagnostics import as_json, as_text, closest, did_you_mean, listing, suggestion
from runner.errors import Problem

PROBLEM = Problem(
    "registry/jobs/alice/who.yaml",
    14,
    13,
    "region-unknown",
    '"APCA" is not a region',
    'did you mean "APAC"?',
    "    - name: APCA",
    4,
)


def test_a_problem_as_text() -> None:
    assert as_text(PROBLEM).split("\n") == [
        'registry/jobs/alice/who.yaml:14:13: error[region-unknown] "APCA" is not a region',
        "   14 |     - name: APCA",
        "      |             ^^^^",
        '       help: did you mean "APAC"?',
    ]


def test_a_problem_with_a_whole_file() -> None:
    problem = Problem("registry/x", 0, 0, "file-unknown", "nothing reads it")
    assert as_text(problem) == "registry/x: error[file-unknown] nothing reads it"


def test_a_problem_as_json() -> None:
    data = as_json(PROBLEM)
    assert json.loads(json.dumps(data)) == data == {**PROBLEM._asdict()}
    assert "help" not in as_json(PROBLEM._replace(help=""))


def test_the_caret_stands_below_wide_and_hidden_characters() -> None:
    lines = as_text(PROBLEM._replace(excerpt="日本: \x1b APCA", column=7)).split("\n")
    assert lines[1] == "   14 | 日本: ⟦U+001B⟧ APCA"
    assert lines[2] == "      | " + " " * (4 + 1 + 1 + len("⟦U+001B⟧") + 1) + "^^^^"


def test_long_lines_are_cut_around_the_mistake() -> None:
    lines = as_text(PROBLEM._replace(excerpt="x" * 30_000 + "APCA" + "y" * 30_000, column=30_001)).split("\n")
    assert len(lines[1]) < 200
    assert lines[1][lines[2].index("^") :].startswith("APCAyyy")
    assert lines[1].endswith("y…")


def test_listing_counts() -> None:
    assert listing([]) == "no problems"
    assert listing([PROBLEM]).endswith("\n\n1 error")
    assert listing([PROBLEM, PROBLEM, PROBLEM._replace(severity="warning")]).endswith("\n\n2 errors and 1 warning")


def test_suggestions() -> None:
    regions = ["EU", "US", "APAC"]
    assert suggestion("APCA", regions, "regions") == 'did you mean "APAC"?'
    assert suggestion("MARS", regions, "regions") == "regions: APAC, EU, US"
    assert suggestion("x", [], "services") == "there are no services"
    assert suggestion("zz", [f"n{number:02}" for number in range(20)], "names").endswith("n11 and 8 more")
    assert did_you_mean("vrify", ["verify", "validate"]) == ' (did you mean "verify"?)'
    assert did_you_mean("zzz", ["verify"]) == ""
    assert closest("x" * 100_000, ["a", "b"]) is None


@given(
    excerpt=st.text(max_size=300), column=st.integers(0, 400), width=st.integers(0, 400), message=st.text(max_size=50)
)
@settings(derandomize=True, deadline=None, max_examples=200)
def test_any_text_stays_harmless(excerpt: str, column: int, width: int, message: str) -> None:
    problem = PROBLEM._replace(excerpt=excerpt, column=column, width=width, message=message)
    text = as_text(problem)
    assert text.count("\n") == (3 if excerpt else 1)
    assert not any(
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in text.replace("\n", "")
    )
