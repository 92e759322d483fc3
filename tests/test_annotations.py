"""Problems as workflow commands and as SARIF: every one in its place, and no text of a file acts on who shows it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.cli import main
from runner.errors import Problem
from runner.rendering.annotations import sarif, workflow_commands
from tests.hostile import ATTACKS
from tests.scratch import Scratch, scratch

JOB = "registry/jobs/alice/who.yaml"
PROBLEM = Problem(JOB, 14, 13, "region-unknown", '"APCA" is not a region', 'did you mean "APAC"?', "- name: APCA", 4)
COMMAND = re.compile(r"::(error|warning|notice)(?: ([^:\r\n]*))?::([^\r\n]*)")
TEXT = st.text() | st.sampled_from(ATTACKS)
PROBLEMS = st.lists(
    st.builds(
        Problem,
        TEXT,
        st.integers(0, 99),
        st.integers(0, 99),
        st.just("region-unknown"),
        TEXT,
        TEXT,
        TEXT,
        st.integers(0, 9),
        st.sampled_from(["error", "warning"]),
    ),
    max_size=25,
)


def decoded(text: str) -> str:
    """What the runner of a workflow makes of an escaped text."""
    for escaped, meant in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(escaped, meant)
    return text


def commands(problems: list[Problem]) -> list[tuple[str, dict[str, str], str]]:
    found = []
    for line in workflow_commands(problems, "the log has them all"):
        match = COMMAND.fullmatch(line)
        assert match, line
        properties = (pair.split("=", 1) for pair in (match[2] or "").split(",") if pair)
        found.append((match[1], {name: decoded(value) for name, value in properties}, decoded(match[3])))
    return found


def test_an_error_stands_at_its_words() -> None:
    assert list(workflow_commands([PROBLEM], "")) == [
        f"::error file={JOB},line=14,col=13,endColumn=16,title=region-unknown"
        '::"APCA" is not a region (help: did you mean "APAC"?)'
    ]


def test_a_whole_file_has_no_line() -> None:
    [(level, place, told)] = commands([Problem("registry/a,b:c%", 0, 0, "file-unknown", "100%", severity="warning")])
    assert (level, told) == ("warning", "100%")
    assert place == {"file": "registry/a,b:c%", "title": "file-unknown"}


def test_ten_of_each_and_the_rest_is_counted() -> None:
    warning = PROBLEM._replace(severity="warning")
    levels = [level for level, _, _ in commands([warning, PROBLEM] * 11)]
    assert levels == ["error"] * 10 + ["warning"] * 10 + ["notice"]
    [*_, (_, _, told)] = commands([PROBLEM] * 12 + [warning] * 11)
    assert told == "2 more errors and 1 more warning, not shown here: the log has them all"
    assert "notice" not in [level for level, _, _ in commands([PROBLEM] * 10)]


@settings(max_examples=40)
@given(PROBLEMS)
def test_no_text_gives_a_command_of_its_own(problems: list[Problem]) -> None:
    found = commands(problems)
    for level, place, told in found:
        if level != "notice":
            assert place.keys() <= {"file", "line", "col", "endColumn", "title"}
            assert "##[" not in told
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", told + place.get("file", ""))
    shown = [level for level, _, _ in found if level != "notice"]
    assert shown == sorted(shown), "errors first"
    assert all(shown.count(level) <= 10 for level in ("error", "warning"))


@settings(max_examples=40)
@given(PROBLEMS)
def test_sarif_holds_every_problem(problems: list[Problem]) -> None:
    log = json.loads(json.dumps(sarif(problems, "1.2.3", {"region-unknown": ("What", "Why")})))
    [run] = log["runs"]
    assert log["version"] == "2.1.0"
    assert len(run["results"]) == len(problems)
    for problem, result in zip(problems, run["results"], strict=True):
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == problem.code
        assert result["level"] == problem.severity
        place = result["locations"][0]["physicalLocation"]
        assert re.fullmatch(r"[A-Za-z0-9/%_.~-]*", place["artifactLocation"]["uri"])
        if not re.search("[\ud800-\udfff]", problem.path):
            assert unquote(place["artifactLocation"]["uri"]) == problem.path
        region = place["region"]
        assert region["startLine"] == max(1, problem.line)
        if "startColumn" in region:
            assert region["endColumn"] > region["startColumn"] == problem.column > 0


def test_sarif_without_problems_is_a_run_without_results() -> None:
    [run] = sarif([], "1.2.3", {})["runs"]
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])


@pytest.fixture
def wrong(tmp_path: Path) -> Scratch:
    """A registry with a region that is none, and a line that warns."""
    place = scratch(tmp_path)
    place.write_job(regions=[{"name": "EU"}, {"name": "US"}, {"name": "APCA"}])
    (place.clone / "registry/suspended").write_text("registry/jobs/alice/whom.yaml\n")
    return place


def test_validate_annotates(
    wrong: Scratch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["validate", str(wrong.clone), "--format", "github"]) == 1
    said = capsys.readouterr()
    error, warning = said.out.splitlines()
    assert error.startswith(f"::error file={JOB},line=")
    assert warning.startswith("::warning file=registry/suspended,line=1,col=1,")
    assert "error[region-unknown]" in said.err, "the log of the step has the text too"


def test_validate_gives_sarif(wrong: Scratch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(wrong.clone), "--format", "sarif"]) == 1
    said = capsys.readouterr()
    [run] = json.loads(said.out)["runs"]
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} == set(rules) == {"region-unknown", "suspended-unknown"}
    assert rules["region-unknown"]["help"]["text"].startswith("region-unknown: ")
    assert said.err == ""


def test_two_forms_at_once_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["validate", str(tmp_path), "--format", "sarif", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "options-clash"
