"""The verb that shows how answers differ, in the terminal: of two runs, regions, targets, folders or files.

What differs is said pair by pair, with its class, kinds and reasons; whether it is more than chance is the report's
to say. What `--with` measures stands beside the class and changes none.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from runner.commands.console import COLOURS, JsonFlag, line, note, put_json
from runner.commands.operate import RepoOption
from runner.commands.read import at_head
from runner.compare.classes import classify
from runner.dossier import dossier, find_run
from runner.edges.folder import FolderSnapshot
from runner.edges.measures import semantic, sentiment
from runner.errors import Usage
from runner.model import DiffReport
from runner.rendering import diffview
from runner.rendering.diffview import Found, Measure
from runner.sides import Side, match, of_run, of_text
from runner.state import State

LARGEST = 4 * 1024 * 1024
"""Bytes of a file that are compared."""

_COLOURS = {"- ": "31", "+ ": "32", "--- ": "1;31", "+++ ": "1;32", diffview.HEAD: COLOURS["bold"]}


class Extra(StrEnum):
    """What can be measured besides, each by an optional extra of the same name."""

    sentiment = "sentiment"
    semantic = "semantic"


_MEASURES = {Extra.sentiment: sentiment, Extra.semantic: semantic}

SideArgument = Annotated[
    str,
    typer.Argument(
        help="A run by its first digits or its job; RUN:NAME[:NAME] for a region, target or prompt of it; a folder "
        "that `beacon run` wrote; a file; - for standard input."
    ),
]


def diff(
    a: SideArgument,
    b: SideArgument,
    repo: RepoOption = Path(),
    extras: Annotated[
        list[Extra] | None, typer.Option("--with", help="Measure this too, by an optional extra; once for each.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show what is only noise, too.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 1 where a pair is minor or major.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """How the answers of two runs, regions, targets or files differ: class, reasons, words. Says nothing of chance."""
    measures = [_MEASURES[extra]() for extra in dict.fromkeys(extras or ())]
    if (a, b) == ("-", "-"):
        raise Usage("nothing-in-common", "standard input is one text, and cannot be both sides")
    with ExitStack() as opened:
        head = cache(lambda: opened.enter_context(at_head(repo)))
        one, other = _side(a, head), _side(b, head)
    matched = match(one, other)
    found = [
        Found(each, pair := classify(each.a, each.b), _scores(measures, each.a, each.b, pair.level))
        for each in matched.pairs
    ]
    if as_json:
        put_json(diffview.as_json(one, other, found, matched, measures), "diff")
    else:
        width = _columns() if sys.stdout.isatty() else None
        for shown in diffview.as_lines(one, other, found, matched, measures, every, width):
            line(_paint(str(shown), _COLOURS.get(shown.gutter, "")))
        _close(found, every, {side.facts["run"] for side in (one, other) if "run" in side.facts})
    return 1 if exit_code and any(each.pair.level in ("minor", "major") for each in found) else 0


def _scores(measures: Sequence[Measure], a: str, b: str, level: str) -> tuple[diffview.Scores, ...]:
    """What is measured of a pair; of an identical one nothing, since there is nothing to see."""
    return tuple({} if level == "identical" else measure.of(a, b) for measure in measures)


def _close(found: Sequence[Found], every: bool, runs: set[str]) -> None:
    """What a reader may want to do next, on stderr."""
    noise = diffview.count(found)["noise"]
    if noise and not every and len(found) > 1:
        note(f"not shown: {noise} that are only noise; --all shows them")
    for run in sorted(runs):
        note(f"whether regions of it differ by more than chance: beacon report {run[:12]}")


def _side(given: str, head: Callable[[], State]) -> Side:
    """What a word of the command line names: something on the disk first, then a run at the branch's head."""
    if given == "-":
        return of_text(_bounded(sys.stdin.buffer.read(LARGEST + 1), given), "standard input", {"file": "-"})
    name, *names = [given] if (kind := _kind(given)) else given.split(":")
    path = Path(name)
    kind = kind or (_kind(name) if names else None)
    if kind == "file" and not names:
        return of_text(_file(path), name, {"file": name})
    return _folder(path, names) if kind == "folder" else _run(head(), name, names)


def _run(state: State, name: str, names: Sequence[str]) -> Side:
    try:
        found = dossier(state, find_run(state, name))
    except Usage as error:
        raise Usage(error.code, f"{error.message}; nor is it a file or a folder", error.hint) from None
    start = found.start
    job = start.job.removeprefix("registry/jobs/").removesuffix(".yaml")
    said = any(receipt.predicate.executor.simulated for receipt in found.receipts.values())
    title = f"run {found.run[:12]} of {job}"
    facts = {"run": found.run, "job": start.job, "at": start.at, "simulated": said}
    return of_run(state.snapshot, f"{found.folder}/bundle", title, facts, names)


def _kind(name: str) -> str | None:
    """What stands there: a `file` (or a pipe), a `folder`, or nothing that can be read."""
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116 - an empty name is no path, and Path takes it for this folder
    except (OSError, ValueError):
        return None
    return "folder" if stat.S_ISDIR(mode) else None if stat.S_ISSOCK(mode) else "file"


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _bounded(file.read(LARGEST + 1), str(path))
    except OSError as error:
        raise Usage("file-unreadable", f"{path}: {error.strerror}") from None


def _bounded(raw: bytes, name: str) -> bytes:
    if len(raw) > LARGEST:
        raise Usage("file-too-large", f"{name} is larger than {LARGEST} bytes")
    return raw


def _folder(path: Path, names: Sequence[str]) -> Side:
    """A run that was tried, or unpacked: a folder that holds `bundle/`, or a bundle itself."""
    snapshot = FolderSnapshot(path if (path / "bundle").is_dir() else path.parent)
    bundle = "bundle" if (path / "bundle").is_dir() else path.name
    raw = snapshot.read(f"{bundle}/diff.json")
    said = raw is None or DiffReport.from_bytes(raw, f"{bundle}/diff.json").simulated
    return of_run(snapshot, bundle, f"folder {path}", {"folder": str(path), "simulated": said}, names)


def _columns() -> int:
    """The width of the terminal that is written to, unless `COLUMNS` says another."""
    said = os.environ.get("COLUMNS", "")
    return int(said) if said.isdecimal() and int(said) else os.get_terminal_size(sys.stdout.fileno()).columns or 80


def _paint(text: str, colour: str) -> str:
    """Text in colour where stdout is a terminal and NO_COLOR is not set."""
    if not colour or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"
