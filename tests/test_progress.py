"""What a person sees while work goes on: a live table on a terminal, one plain line per change anywhere else."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from runner.commands.progress import progress
from runner.events import say
from runner.ports import Emit

HOSTILE = "registry/jobs/alice/who.yaml\x1b]0;pwned\x07\n::error::x"


def story(emit: Emit, pause: Callable[[], object] = lambda: None) -> None:
    """Three attempts, of which one fails, a pause, and the end."""
    say(emit, "run-started", run="a" * 64, job=HOSTILE, attempts=3)
    for region, slot in (("EU", 1), ("EU", 2), ("US", 1)):
        say(emit, "attempt-started", region=region, slot=slot)
    for region, slot, status in (("EU", 1, "ok"), ("US", 1, "timeout")):
        facts = {"run": "a" * 64, "target": "echo", "n": 1, "region": region, "slot": slot, "status": status}
        say(emit, "attempt-finished", **facts)
    pause()
    say(emit, "run-executed", run="a" * 64)
    say(emit, "run-compared", run="a" * 64, verdict="same")


@contextmanager
def terminal() -> Iterator[Callable[[str], str]]:
    """A terminal of 60 columns as stderr; what it gives waits for a text to be written there, and reads up to it."""
    screen, side = pty.openpty()
    termios.tcsetwinsize(side, (40, 60))
    before = sys.stderr
    try:
        with os.fdopen(side, "w", encoding="utf-8", buffering=1) as sys.stderr:
            yield lambda text: read(screen, text)
    finally:
        sys.stderr = before
        os.close(screen)


def read(screen: int, text: str) -> str:
    """Everything up to a text, which comes; the table is drawn eight times a second, whether or not it changed."""
    seen, last = b"", time.monotonic() + 20
    while text.encode() not in seen:
        assert time.monotonic() < last, f"no {text!r} in {seen[:2000].decode()!r}"
        if select.select([screen], [], [], 1)[0]:
            seen += os.read(screen, 1 << 16)
    return seen.decode()


def shown(monkeypatch: pytest.MonkeyPatch, until: str = "", **environ: str) -> str:
    """What a terminal gets of the story, in such an environment. The story's pause lasts until a text stands there."""
    for name in ("CI", "GITHUB_ACTIONS", "NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **environ}.items():
        monkeypatch.setenv(name, value)
    with terminal() as screen:
        seen: list[str] = []
        with progress() as emit:
            story(emit, lambda: seen.append(screen(until)))
        return "".join(seen) + screen("same")


def test_a_terminal_gets_a_table_that_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = shown(monkeypatch, until="⏱")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen).replace("\r", "\n")
    rows = [" ".join(row.split()) for row in plain.split("\n")]
    assert "region provider 1 provider 2" in rows
    assert any(row.endswith("EU ✓ …") for row in rows), seen
    assert any("US" in row and row.endswith("⏱") for row in rows), seen
    assert "\x1b[2K" in seen, "it is drawn anew in its place"
    assert "run aaaaaaaaaaaa: verdict same" in seen
    assert "provider 1, attempt 1: ok" not in seen, "the table says so"


@pytest.mark.parametrize("environ", [{"CI": "true"}, {"TERM": "dumb"}])
def test_anywhere_else_each_change_is_a_line(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    seen = shown(monkeypatch, **environ)
    assert "\x1b" not in seen
    assert seen.replace("\r\n", "\n").split("\n")[1:] == [
        "   run aaaaaaaaaaaa: echo in EU, provider 1, attempt 1: ok",
        "   run aaaaaaaaaaaa: echo in US, provider 1, attempt 1: timeout",
        "   run aaaaaaaaaaaa: verdict same",
        "",
    ]


def test_a_file_gets_lines_and_a_workflow_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setattr(sys, "stderr", file := io.StringIO())
    with progress() as emit:
        story(emit)
    assert len(file.getvalue().splitlines()) == 4
    assert not [line for line in file.getvalue().splitlines() if line.lstrip().startswith("::")]


@pytest.mark.parametrize("environ", [{}, {"CI": "true"}])
def test_no_name_of_a_file_writes_to_the_terminal(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    seen = shown(monkeypatch, **environ)
    assert "\x1b]0;" not in seen
    assert "\x07" not in seen
    assert "\n::error" not in seen
