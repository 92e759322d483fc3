"""Two pictures of one target, as SVG: how far apart regions are, and how that compares with their own noise.

Plain SVG 1.1, shown through `<img>`: no script, no link, no font, nothing from outside. Every value stands as a
number or a word too, so colour is never needed; colours are one hue by lightness, for light and dark pages alike.
Title and description carry the verdict's sentence, SIMULATED, the number of answers, the grade and the date.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.model.report import DiffReport, RegionDiff, Spread, TargetDiff
from runner.neutral import Safe, svg
from runner.sentences import SYMBOLS, WORDS, When, cell_words, decimal, span

MOST_REGIONS = 5
"""A heatmap with more could not be read on a phone; the page's table has them all."""

DISTANCES = Safe("How far the answers of each two regions are apart")
NOISE = Safe("Each region's distance to the others, against its own noise")

_STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px;fill:#1f2328}"
    ".b{font-weight:600;font-size:14px}.n{font-weight:600;font-size:16px}.s{font-size:11px}.m{fill:#59636e}"
    ".page{fill:#fff}.axis{stroke:#d1d9e0}.own{fill:#8c959f}.others{fill:#0969da}.tick{stroke:#1f2328;stroke-width:2}"
    ".self{fill:none;stroke:#59636e;stroke-dasharray:4 3}.named{fill:none;stroke:#cf222e;stroke-width:3}"
    ".c0{fill:#f6f8fa}.c1{fill:#ddf0ff}.c2{fill:#a9d3fb}.c3{fill:#5ea4ee}.c4{fill:#1f6fc9}.c5{fill:#0a3a75}"
    "text.t4,text.t5{fill:#fff}"
    "@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.m{fill:#9198a1}.page{fill:#0d1117}.axis{stroke:#3d444d}"
    ".own{fill:#9198a1}.others{fill:#4493f8}.tick{stroke:#f0f6fc}.self{stroke:#9198a1}.named{stroke:#ff7b72}"
    ".c0{fill:#151b23}.c1{fill:#12294a}.c2{fill:#17437d}.c3{fill:#1f63b5}.c4{fill:#58a0f5}.c5{fill:#a5d0ff}"
    "text.t4,text.t5{fill:#0d1117}}"
)
_BOUNDS = (50_000, 150_000, 300_000, 500_000, 750_000)
_SIDE = 88
_WIDEST = 360


def heatmap(diff: DiffReport, target: TargetDiff, when: When, sentence: Safe) -> bytes:
    """A square for each pair of regions, with its distance and what that means. Up to `MOST_REGIONS` regions."""
    names = [region.region for region in target.regions]
    left, top = 84, 116
    width = max(_WIDEST, left + len(names) * _SIDE + 8)
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
    marks.append(_text(12, foot, "0.00: the same words; 1.00: no words in common.", "s m"))
    marks.append(_text(12, foot + 16, "Dashed: between providers of one region.", "s m"))
    return _picture(width, foot + 28, DISTANCES, sentence, marks)


def noise(diff: DiffReport, target: TargetDiff, when: When, sentence: Safe) -> bytes:
    """Two bars a region: distances between its own providers, and to the other regions' providers."""
    marks = [*_caption(diff, target, when, "Distance to others, against own noise")]
    y = 108
    for region in target.regions:
        marks += _bars(target, region, y)
        y += 78
    return _picture(_WIDEST, y + 6, NOISE, sentence, marks)


def _caption(diff: DiffReport, target: TargetDiff, when: When, what: str) -> list[str]:
    answered = sum(region.answered for region in target.regions)
    planned = sum(region.planned for region in target.regions)
    simulated = "SIMULATED · " if diff.simulated else ""
    name = target.target if len(target.target) <= 40 else f"{target.target[:39]}…"
    return [
        _text(12, 24, what, "b"),
        _text(12, 44, name, ""),
        _text(12, 64, f"{simulated}{answered} of {planned} answers · region: {diff.grade}", "s"),
        _text(12, 80, when.words(), "s m"),
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
    marks.append(_text(middle, y + 36, number, f"n t{shade}", "middle"))
    marks.append(_text(middle, y + 56, words, f"s t{shade}", "middle"))
    return marks


def _bars(target: TargetDiff, region: RegionDiff, y: int) -> list[str]:
    verdict = f"{SYMBOLS[region.verdict]} {WORDS[region.verdict]}"
    marks = [_text(12, y, region.region, "b"), _text(348, y, verdict, "s", "end")]
    for line, (label, css, spread) in enumerate(
        (("own noise", "own", region.control), ("to others", "others", region.others))
    ):
        top = y + 12 + line * 20
        marks.append(_text(12, top + 10, label, "s m"))
        marks.append(f'<path class="axis" d="M80 {top + 6}H260"/>')
        marks += _bar(spread, css, top)
    return marks


def _bar(spread: Spread | None, css: str, top: int) -> list[str]:
    """A bar from the least to the greatest distance, a tick at the median; the numbers beside it."""
    if spread is None:
        return [_text(348, top + 10, "not measured", "s", "end")]
    start, middle, end = (80 + value * 180 // 1_000_000 for value in (spread.least, spread.median, spread.greatest))
    return [
        f'<rect class="{css}" x="{start}" y="{top + 1}" width="{max(2, end - start)}" height="10" rx="2"/>',
        f'<path class="tick" d="M{middle} {top - 1}V{top + 13}"/>',
        _text(348, top + 10, span((spread.least, spread.greatest)), "s", "end"),
    ]


def _name(name: str, x: int, y: int, anchor: str, named: bool) -> list[str]:
    """A region's name; a long one (`EU-CENTRAL`) on two lines."""
    parts: Sequence[str] = name.split("-")
    marked = [f"{part}-" for part in parts[:-1]] + [parts[-1]]
    css = "b" if named else ""
    return [_text(x, y + 14 * line, part, css, anchor) for line, part in enumerate(marked)]


def _text(x: int, y: int, text: str, css: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{css}" text-anchor="{anchor}">{svg(text)}</text>'


def _picture(width: int, height: int, title: str, sentence: Safe, marks: Sequence[str]) -> bytes:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'role="img" aria-labelledby="title desc">',
        f'<title id="title">{svg(title)}</title>',
        f'<desc id="desc">{svg(sentence)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}" rx="6"/>',
        *marks,
        "</svg>",
        "",
    ]
    return "\n".join(lines).encode()
