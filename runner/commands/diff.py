"""The verb that shows how answers differ, in the terminal: of two runs, two regions, or two files.

What differs is said pair by pair, with its class, kinds and reasons; whether it is more than chance is the report's
to say.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from runner.commands.console import COLOURS, JsonFlag, line, put_json
from runner.commands.operate import RepoOption
from runner.commands.read import at_head
from runner.compare.classes import ORDER, Pair, classify
from runner.compare.tokens import prepare
from runner.compare.worddiff import Op
from runner.compare.worddiff import diff as word_diff
from runner.dossier import dossier, find_run
from runner.errors import Usage
from runner.neutral import terminal

LARGEST = 4 * 1024 * 1024
"""Bytes of a file that are compared."""
_ALIKE, _ENDS = 240, 80
_GUTTERS = {"equal": "  ", "delete": "- ", "insert": "+ "}
_COLOURS = {"delete": "error", "insert": "ok"}

Answers = Mapping[tuple[str, ...], str]
"""Texts by place: target, prompt, region, slot and replica; of a file, by nothing."""
Side = Annotated[str, typer.Argument(help="A file, or a run by its first digits or its job, or RUN:REGION.")]


class Compared(NamedTuple):
    """Two answers to one prompt, at one place."""

    place: tuple[str, ...]
    a: str
    b: str
    pair: Pair


def diff(
    a: Side,
    b: Side,
    repo: RepoOption = Path(),
    every: Annotated[bool, typer.Option("--all", help="Show what is only noise, too.")] = False,
    json_only: JsonFlag = False,
) -> None:
    """How the answers of two runs, regions or files differ: class, reasons and words. Says nothing of chance."""
    one, other = _answers(a, repo), _answers(b, repo)
    if ":" in a or ":" in b:
        one, other = _without_region(one), _without_region(other)
    places = sorted(one.keys() & other.keys())
    if not places:
        raise Usage(
            "nothing-in-common", f"no place that has an answer on both sides: {len(one)} and {len(other)} answers"
        )
    found = [Compared(place, one[place], other[place], classify(one[place], other[place])) for place in places]
    alone = len(one.keys() ^ other.keys())
    if json_only:
        put_json({"pairs": [_as_json(each) for each in found], "alone": alone})
        return
    for each in found:
        if each.pair.level in ("minor", "major") or (every and each.pair.level != "identical") or len(found) == 1:
            _show(each)
    counts = Counter(each.pair.level for each in found)
    line(f"{len(found)} pairs: {', '.join(f'{counts[level]} {level}' for level in ORDER)}")
    if alone:
        line(f"{alone} answers stand on one side only")


def _answers(side: str, repo: Path) -> Answers:
    """The answers that a word of the command line names."""
    path = Path(side)
    if path.is_file():
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise Usage("file-too-large", f"{side} is larger than {LARGEST} bytes")
        return {(): prepare(raw, ())}
    run, _, region = side.partition(":")
    with at_head(repo) as state:
        found = dossier(state, find_run(state, run))
        folder = f"{found.folder}/bundle/outputs"
        texts: dict[tuple[str, ...], str] = {}
        for name in state.snapshot.files(folder):
            place = tuple(name.removeprefix(f"{folder}/").removesuffix(".txt").split("/"))
            if len(place) == 4 and region in ("", place[2]):
                texts[place] = prepare(state.snapshot.read(name) or b"", ())
    if not texts:
        raise Usage("answers-unknown", f"no answers of {side!r}", "a file, a run by its first digits, or RUN:REGION")
    return texts


def _without_region(answers: Answers) -> Answers:
    return {(*place[:2], *place[3:]): text for place, text in answers.items()}


def _as_json(each: Compared) -> dict[str, Any]:
    return {
        "place": "/".join(each.place),
        "class": each.pair.level,
        "kinds": list(each.pair.kinds),
        "reasons": list(each.pair.reasons),
        "words": [[op.kind, op.text] for op in word_diff(each.a, each.b)],
    }


def _show(each: Compared) -> None:
    where = "/".join(each.place) or "the two files"
    kinds = f" ({', '.join(each.pair.kinds)})" if each.pair.kinds else ""
    line(_paint(f"@@ {terminal(where)}: {each.pair.level}{kinds}", "bold"))
    for why in each.pair.reasons:
        line(f"   {why}")
    for op in word_diff(each.a, each.b):
        for text in _lines(op):
            line(_paint(_GUTTERS[op.kind] + terminal(text), _COLOURS.get(op.kind, "")))
    line()


def _lines(op: Op) -> Iterator[str]:
    """The lines of a stretch; of long equal ones the ends."""
    text = op.text.removesuffix("\n")
    if op.kind == "equal" and len(text) > _ALIKE:
        text = f"{text[:_ENDS]}\n... {len(text) - 2 * _ENDS} characters alike ...\n{text[-_ENDS:]}"
    yield from text.split("\n")


def _paint(text: str, colour: str) -> str:
    """Text in colour where stdout is a terminal and NO_COLOR is not set."""
    if not colour or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"
