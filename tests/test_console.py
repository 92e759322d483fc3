"""Proves that nothing a verb prints acts on a terminal, or on the log of a workflow, whatever a stranger wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from runner.commands import console
from runner.commands.progress import SENTENCES, progress
from runner.commands.verify import tell
from runner.errors import Environment, Invalid, Problem
from runner.ports import Event
from runner.verify import Report
from runner.verify.report import Finding, Step
from tests.hostile import ATTACKS

ACTIVE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
COMMAND = re.compile(r"(?m)^\s*::|##\[")


def error(text: str) -> None:
    console.report_error(Environment("disk-full", text, text), as_json=False)


def problem(text: str) -> None:
    found = Problem(text, 1, 2, "field-unknown", text, help=text, excerpt=text)
    console.report_error(Invalid((found,)), as_json=False)


def event(text: str) -> None:
    with progress() as emit:
        for name in SENTENCES:
            emit(Event(name, dict.fromkeys(re.findall(r"{([a-z]+)", SENTENCES[name]), text)))


def report(text: str) -> None:
    step = Step(6, "files", (Finding(6, "file-unknown", text, text),), 0, {text: 1}, (text,), (text,))
    tell(Report("0" * 40, text, 1, False, True, (step,), None, (text,)))


@pytest.mark.parametrize("say", [error, problem, event, report])
def test_nothing_acts(
    say: Callable[[str], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    say("plain")
    lines = "".join(capsys.readouterr()).count("\n")
    for text in ATTACKS:
        say(text)
        shown = "".join(capsys.readouterr())
        assert not ACTIVE.search(shown), text
        assert not COMMAND.search(shown), text
        assert len(shown.split("\n")) - 1 <= lines, text


def test_json_says_the_same_and_holds_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ATTACKS:
        console.put_json({"said": text})
        shown = capsys.readouterr().out
        assert json.loads(shown) == json.loads(json.dumps({"said": text}))
        assert shown.isascii()
        assert not COMMAND.search(shown), text


def test_outside_a_workflow_nothing_is_changed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    console.line("::1 is this machine; fe80::1 a neighbour")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    console.line("::1 is this machine; fe80::1 a neighbour")
    assert capsys.readouterr().out == (
        "::1 is this machine; fe80::1 a neighbour\n: :1 is this machine; fe80::1 a neighbour\n"
    )
