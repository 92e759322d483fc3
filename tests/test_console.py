"""Proves that nothing a verb prints acts on a terminal, or on the log of a workflow, whatever a stranger wrote; and
that a verb ends as it should where its output goes nowhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.commands import console
from runner.commands.progress import SENTENCES, progress
from runner.commands.verify import tell
from runner.errors import Environment, Invalid, Problem
from runner.ports import Event
from runner.verify import Report
from runner.verify.report import Finding, Step
from tests.conftest import ROOT
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


def started(code: str, **streams: Any) -> subprocess.CompletedProcess[str]:
    """A program that begins as `beacon` does."""
    start = f"import sys; from runner.cli import main; from runner.commands.console import *; {code}"
    return subprocess.run([sys.executable, "-c", start], cwd=ROOT, text=True, check=False, **streams)


@pytest.fixture
def unread() -> Iterator[int]:
    """The end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def test_a_verb_that_nobody_reads_ends_quietly(unread: int) -> None:
    done = started("sys.exit(main(['explain']))", stdout=unread, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (141, "")


def test_work_goes_on_where_nobody_reads_its_log(unread: int) -> None:
    done = started("note('lost'); note('lost'); line('done')", stdout=subprocess.PIPE, stderr=unread)
    assert (done.returncode, done.stdout) == (0, "done\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_that_finds_no_room_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        done = started("sys.exit(main(['--help']))", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 4
    assert done.stderr.startswith("error[output-unwritable] stdout cannot be written: No space left on device\n")


def test_closed_streams_are_no_trouble(tmp_path: Path) -> None:
    code = f"main(['--version']); note('x'); file = open({str(tmp_path / 'kept')!r}, 'w'); line('lost'); file.close()"
    done = started(code, preexec_fn=lambda: [os.close(number) for number in (1, 2)])
    assert done.returncode == 0
    assert (tmp_path / "kept").read_text() == ""


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("NO_COLOR", "1")])
def test_colours_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setattr(console.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert console.paint("error", "error") == "\x1b[31;1merror\x1b[0m"
    monkeypatch.setenv(name, value)
    assert console.paint("error", "error") == "error"
