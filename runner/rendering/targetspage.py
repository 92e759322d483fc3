"""The part of a run's page that compares targets with each other: a sentence with its numbers, and a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from runner.model.report import AcrossTargets, DiffReport
from runner.rendering.neutral import Safe, ident, joined, phrase, prose
from runner.rendering.runpage import Row
from runner.rendering.sentences import count, decimal, listed, probability, simulated, span


class Targets(NamedTuple):
    """A sentence, why nothing can be said where that is so, and the table: the targets' names and a row for each."""

    sentence: Safe
    reasons: tuple[Safe, ...]
    names: tuple[Safe, ...]
    matrix: tuple[Row, ...]


def targets(diff: DiffReport) -> Targets | None:
    """None where there is one target only."""
    found = diff.across
    if found is None:
        return None
    names = tuple(map(ident, found.targets))
    rows = tuple(Row((name, *map(_number, line))) for name, line in zip(names, found.matrix, strict=True))
    form = "{what} ({numbers}).{simulated}"
    sentence = phrase(form, what=_what(found), numbers=joined(_numbers(diff, found), "; "), simulated=simulated(diff))
    return Targets(sentence, tuple(map(prose, found.reasons)), names, rows)


def _number(distance: int | None) -> Safe:
    return Safe("not measured") if distance is None else decimal(distance)


def _what(found: AcrossTargets) -> Safe:
    if found.verdict == "insufficient":
        return Safe("There was not enough data to say whether the targets differ")
    if found.verdict == "same":
        return phrase("The answers of {targets} were the same", targets=listed(found.targets))
    if found.verdict == "noise":
        form = "The answers of {targets} differed no more than those of one target do among themselves"
        return phrase(form, targets=listed(found.targets))
    alone = [name for name in found.named if name not in found.each_other]
    rest = [name for name in found.targets if name not in alone]
    parts = []
    if alone:
        parts.append(phrase("the answers of {alone} differed from {rest}", alone=listed(alone), rest=listed(rest)))
    if found.each_other:
        parts.append(phrase("those of {others} differed from each other", others=listed(found.each_other)))
    said = joined(parts, " and ")
    return phrase("Beyond this job's own noise, {said}", said=said)


def _numbers(diff: DiffReport, found: AcrossTargets) -> list[Safe]:
    between = _among(found.matrix, diagonal=False)
    numbers = [
        phrase("distance {between}", between=span(between)),
        phrase("same-target control {own}", own=span(_among(found.matrix, diagonal=True))),
        phrase("all {regions} together", regions=count(len(diff.design.regions), "region")),
    ]
    if found.tests:
        telling = max(
            (t for t in found.tests if t.significant), key=lambda t: t.p.count / t.p.of, default=found.tests[0]
        )
        numbers.append(phrase("p = {p}", p=probability(telling.p)))
    if found.detectable is not None:
        numbers.append(phrase("a shift of {least} would have been found", least=decimal(found.detectable)))
    return numbers


def _among(matrix: Sequence[Sequence[int | None]], diagonal: bool) -> list[int]:
    cells = ((a, b, value) for a, row in enumerate(matrix) for b, value in enumerate(row))
    return [value for a, b, value in cells if value is not None and (a == b) == diagonal]
