"""Two pictures with time from left to right, as SVG: when each provider worked, and how regions went from run to run.

Drawn as `drawing.py` says. Marks differ by shape and by words, not by colour alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runner.bundle import Bundle
from runner.model.receipt import Predicate
from runner.model.run import AttemptStatus
from runner.rendering.drawing import WIDTH, picture, text
from runner.rendering.neutral import Safe, ident, joined, phrase
from runner.rendering.sentences import count, decimal, shortened

MOST_PROVIDERS, MOST_LINES, MOST_RUNS = 60, 16, 24
"""What one picture holds; the rest stands in the page's tables."""

TIMELINE = Safe("When each provider worked")
TREND = Safe("Each region's distance to the others, from run to run, with its own noise")

_LEFT, _RIGHT = 12, 348
_ENDED: Mapping[AttemptStatus, Safe] = {
    "ok": Safe("answered"),
    "partial": Safe("answered in part"),
    "failed": Safe("failed"),
    "timeout": Safe("timed out"),
    "cancelled": Safe("cancelled"),
}
_SCALES = (100_000, 250_000, 500_000, 1_000_000)


class Point(NamedTuple):
    """A region in one run: median distance to the others, least and greatest own noise, and whether it was named."""

    distance: int | None
    noise: tuple[int, int] | None
    named: bool


class Line(NamedTuple):
    """A region over several runs, oldest first."""

    name: Safe
    points: tuple[Point, ...]


def timeline(bundle: Bundle, simulated: bool, sentence: Safe) -> bytes:
    """A row a provider of a region: thin while its attempts waited, thick while they ran."""
    rows = _rows(bundle)
    moments = [at for facts in bundle.receipts.values() for at in _moments(facts.predicate)]
    first, last = (min(moments), max(moments)) if moments else (0, 0)
    marks = [text(_LEFT, 24, "When each provider worked", "b")]
    said = count(sum(map(len, rows)), "attempt")
    marks.append(text(_LEFT, 44, f"{'SIMULATED · ' if simulated else ''}{said}", "s"))
    marks.append(text(_LEFT, 60, _span(bundle, last - first), "s m"))
    y = 84
    for row in rows[:MOST_PROVIDERS]:
        marks += _provider(row, y, first, max(1, last - first))
        y += 36
    if len(rows) > MOST_PROVIDERS:
        marks.append(text(_LEFT, y, f"{len(rows) - MOST_PROVIDERS} more providers are in the page's table.", "s m"))
        y += 20
    marks.append(text(_LEFT, y, "Thin: waiting. Thick: running. Dashed: not all answered.", "s m"))
    return picture(WIDTH, y + 14, TIMELINE, sentence, marks)


def _rows(bundle: Bundle) -> list[list[Predicate]]:
    """The attempts by region and provider, in the order of the job."""
    rank = {region.name: number for number, region in enumerate(bundle.spec.spec.regions)}
    found = [receipt.predicate for receipt in bundle.receipts.values()]
    found.sort(key=lambda facts: (rank[facts.attempt.region], facts.attempt.slot, facts.attempt.n, facts.attempt.stem))
    rows: dict[tuple[str, str], list[Predicate]] = {}
    for facts in found:
        rows.setdefault((facts.attempt.region, facts.provider.id), []).append(facts)
    return list(rows.values())


def _seconds(at: str) -> int:
    """Seconds since a day long ago. By the civil calendar's formula, which has a number also for 31 February: whether
    a receipt's moments can be true is judged elsewhere."""
    year, month, day, *clock = map(int, re.findall("[0-9]+", at))
    year -= month < 3
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * ((month - 3) % 12) + 2) // 5 + day
    hour, minute, second = clock
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def _moments(facts: Predicate) -> tuple[int, int, int]:
    """Queued, started and ended, in this order whatever the clock did between them."""
    queued = _seconds(facts.times.queued)
    ended = max(queued, _seconds(facts.times.finished))
    started = _seconds(facts.times.started) if facts.times.started else ended
    return queued, min(max(started, queued), ended), ended


def _span(bundle: Bundle, seconds: int) -> Safe:
    starts = sorted(receipt.predicate.times.queued for receipt in bundle.receipts.values())
    if not starts:
        return Safe("no attempt")
    return phrase("from {at}, {long}", at=ident(starts[0]), long=_long(seconds))


def _long(seconds: int) -> Safe:
    """`12 s`, `3 min 5 s`, `2 h 4 min`."""
    if seconds < 60:
        return Safe(f"{seconds} s")
    if seconds < 3600:
        return Safe(f"{seconds // 60} min {seconds % 60} s")
    return Safe(f"{seconds // 3600:,} h {seconds % 3600 // 60} min")


def _provider(row: Sequence[Predicate], y: int, first: int, span: int) -> list[str]:
    region, slots = row[0].attempt.region, sorted({facts.attempt.slot for facts in row})
    ended = [_ENDED[status] for status in dict.fromkeys(facts.status for facts in row)]
    who = phrase(
        "{region} {slots}: {id}",
        region=ident(region),
        slots=joined([Safe(str(slot)) for slot in slots], ", "),
        id=shortened(row[0].provider.id),
    )
    marks = [text(_LEFT, y, who, "s"), text(_RIGHT, y, joined(ended, ", "), "s m", "end")]
    for facts in row:
        queued, started, done = (_LEFT + (at - first) * (_RIGHT - _LEFT) // span for at in _moments(facts))
        css = "others" if facts.status == "ok" else "lost"
        marks.append(f'<path class="wait" d="M{queued} {y + 12}H{max(queued + 1, started)}"/>')
        x, width = min(started, _RIGHT - 3), max(3, done - started)
        marks.append(f'<rect class="{css}" x="{x}" y="{y + 7}" width="{width}" height="10" rx="2"/>')
    return marks


def trend(lines: Sequence[Line], first: str, last: str, simulated: bool, sentence: Safe) -> bytes:
    """A line a region over the runs between two days, over the grey band of its own noise."""
    lines, more = lines[:MOST_LINES], len(lines) - MOST_LINES
    runs = max((len(line.points) for line in lines), default=0)
    top = _top(lines)
    marks = [text(_LEFT, 24, "Distance to others, from run to run", "b")]
    marks.append(text(_LEFT, 44, f"{'SIMULATED · ' if simulated else ''}{count(runs, 'run')}, {first} to {last}", "s"))
    marks.append(text(_LEFT, 60, f"Each strip goes from 0.00 up to {decimal(top)}.", "s m"))
    y = 88
    for line in lines:
        marks += _strip(line, y, top)
        y += 92
    if more > 0:
        marks.append(text(_LEFT, y, f"{more} more are in the table.", "s m"))
        y += 16
    marks.append(text(_LEFT, y, "Grey: own noise. Square: distance to others.", "s m"))
    marks.append(text(_LEFT, y + 16, "Diamond: named as different. Gap: not measured.", "s m"))
    return picture(WIDTH, y + 28, TREND, sentence, marks)


def _top(lines: Sequence[Line]) -> int:
    """The least scale that holds every value."""
    values = [0]
    for line in lines:
        for point in line.points:
            values += [point.distance or 0, point.noise[1] if point.noise else 0]
    return next(scale for scale in _SCALES if max(values) <= scale)


def _strip(line: Line, y: int, top: int) -> list[str]:
    """One region: its name and last value above, 60 units of height below."""
    measured = [point.distance for point in line.points if point.distance is not None]
    last = decimal(measured[-1]) if measured else Safe("not measured")
    marks = [text(_LEFT, y, line.name, "b"), text(_RIGHT, y, last, "s", "end")]
    foot = y + 70
    marks.append(f'<path class="axis" d="M{_LEFT} {foot}H{_RIGHT}M{_LEFT} {foot - 60}H{_RIGHT}"/>')
    step = (_RIGHT - _LEFT - 16) // max(1, len(line.points) - 1)
    half = max(2, min(8, step // 2))
    path, dots, pen = "", [], "M"
    for number, point in enumerate(line.points):
        x = _LEFT + 8 + number * step
        if point.noise:
            low, high = (foot - value * 60 // top for value in point.noise)
            height = max(2, low - high)
            marks.append(f'<rect class="own" x="{x - half}" y="{low - height}" width="{2 * half}" height="{height}"/>')
        if point.distance is None:
            pen = "M"
            continue
        at = foot - point.distance * 60 // top
        path, pen = f"{path}{pen}{x} {at}", "L"
        shape = f"M{x} {at - 6}l6 6l-6 6l-6 -6z" if point.named else f"M{x - 3} {at - 3}h6 v6 h-6 z"
        dots.append(f'<path class="{"far" if point.named else "dot"}" d="{shape}"/>')
    return [*marks, *([f'<path class="line" d="{path}"/>'] if path else []), *dots]
