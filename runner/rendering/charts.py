"""Two pictures of one target, as SVG: how far apart regions are, and how that compares with their own noise.

Drawn as `drawing.py` says. Title and description carry the verdict's sentence, SIMULATED, the number of answers,
the grade and the date.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.model.report import DiffReport, RegionDiff, Spread, TargetDiff
from runner.rendering.drawing import WIDTH, picture, text
from runner.rendering.neutral import Safe
from runner.rendering.sentences import SYMBOLS, WORDS, When, cell_words, decimal, span

MOST_REGIONS = 5
"""A heatmap with more could not be read on a phone; the page's table has them all."""

DISTANCES = Safe("How far the answers of each two regions are apart")
NOISE = Safe("Each region's distance to the others, against its own noise")

_BOUNDS = (50_000, 150_000, 300_000, 500_000, 750_000)
_SIDE = 88


def heatmap(diff: DiffReport, target: TargetDiff, when: When, sentence: Safe) -> bytes:
    """A square for each pair of regions, with its distance and what that means. Up to `MOST_REGIONS` regions."""
    names = [region.region for region in target.regions]
    left, top = 84, 116
    width = max(WIDTH, left + len(names) * _SIDE + 8)
    marks = [*_caption(diff, target, when, "Distance between answers")]
    for number, name in enumerate(names):
        middle = left + number * _SIDE + _SIDE // 2
        marks += _name(name, middle, top - 8 - 14 * name.count("-"), "middle", name in target.named)
    for row, name in enumerate(names):
        y = top + row * _SIDE
        marks += _name(name, left - 8, y + _SIDE // 2 + 4 - 7 * name.count("-"), "end", name in target.named)
        for column, other in enumerate(names):
            marks += _square(target, name, other, left + column * _SIDE, y)
    foot = top + len(names) * _SIDE + 22
    marks.append(text(12, foot, "0.00: the same words; 1.00: no words in common.", "s m"))
    marks.append(text(12, foot + 16, "Dashed: between providers of one region.", "s m"))
    return picture(width, foot + 28, DISTANCES, sentence, marks)


def noise(diff: DiffReport, target: TargetDiff, when: When, sentence: Safe) -> bytes:
    """Two bars a region: distances between its own providers, and to the other regions' providers."""
    marks = [*_caption(diff, target, when, "Distance to others, against own noise")]
    y = 108
    for region in target.regions:
        marks += _bars(target, region, y)
        y += 78
    return picture(WIDTH, y + 6, NOISE, sentence, marks)


def _caption(diff: DiffReport, target: TargetDiff, when: When, what: str) -> list[str]:
    answered = sum(region.answered for region in target.regions)
    planned = sum(region.planned for region in target.regions)
    simulated = "SIMULATED · " if diff.simulated else ""
    name = target.target if len(target.target) <= 40 else f"{target.target[:39]}…"
    return [
        text(12, 24, what, "b"),
        text(12, 44, name, ""),
        text(12, 64, f"{simulated}{answered} of {planned} answers · region: {diff.grade}", "s"),
        text(12, 80, when.words(), "s m"),
    ]


def _square(target: TargetDiff, row: str, column: str, x: int, y: int) -> list[str]:
    place = [region.region for region in target.regions]
    distance = target.matrix[place.index(row)][place.index(column)]
    words = cell_words(target, row, column)
    shade = 0 if distance is None else sum(distance >= bound for bound in _BOUNDS)
    side, middle = _SIDE - 4, x + _SIDE // 2 - 2
    marks = [f'<rect class="c{shade}" x="{x}" y="{y}" width="{side}" height="{side}" rx="4"/>']
    if row == column:
        marks.append(f'<rect class="self" x="{x + 1}" y="{y + 1}" width="{side - 2}" height="{side - 2}" rx="4"/>')
    elif words == "beyond noise":
        marks.append(f'<rect class="named" x="{x + 2}" y="{y + 2}" width="{side - 4}" height="{side - 4}" rx="3"/>')
    number = "–" if distance is None else decimal(distance)
    marks.append(text(middle, y + 36, number, f"n t{shade}", "middle"))
    marks.append(text(middle, y + 56, words, f"s t{shade}", "middle"))
    return marks


def _bars(target: TargetDiff, region: RegionDiff, y: int) -> list[str]:
    verdict = f"{SYMBOLS[region.verdict]} {WORDS[region.verdict]}"
    marks = [text(12, y, region.region, "b"), text(348, y, verdict, "s", "end")]
    for line, (label, css, spread) in enumerate(
        (("own noise", "own", region.control), ("to others", "others", region.others))
    ):
        top = y + 12 + line * 20
        marks.append(text(12, top + 10, label, "s m"))
        marks.append(f'<path class="axis" d="M80 {top + 6}H260"/>')
        marks += _bar(spread, css, top)
    return marks


def _bar(spread: Spread | None, css: str, top: int) -> list[str]:
    """A bar from the least to the greatest distance, a tick at the median; the numbers beside it."""
    if spread is None:
        return [text(348, top + 10, "not measured", "s", "end")]
    start, middle, end = (80 + value * 180 // 1_000_000 for value in (spread.least, spread.median, spread.greatest))
    return [
        f'<rect class="{css}" x="{start}" y="{top + 1}" width="{max(2, end - start)}" height="10" rx="2"/>',
        f'<path class="tick" d="M{middle} {top - 1}V{top + 13}"/>',
        text(348, top + 10, span((spread.least, spread.greatest)), "s", "end"),
    ]


def _name(name: str, x: int, y: int, anchor: str, named: bool) -> list[str]:
    """A region's name; a long one (`EU-CENTRAL`) on two lines."""
    parts: Sequence[str] = name.split("-")
    marked = [f"{part}-" for part in parts[:-1]] + [parts[-1]]
    css = "b" if named else ""
    return [text(x, y + 14 * line, part, css, anchor) for line, part in enumerate(marked)]
