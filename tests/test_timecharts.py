"""Proves that the pictures of time are plain SVG, fit a phone, and show what is long, late or missing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from runner.bundle import Bundle, open_bundle
from runner.model.receipt import Provider, Times
from runner.rendering.drawing import WIDTH
from runner.rendering.neutral import Safe
from runner.rendering.timecharts import MOST_LINES, MOST_PROVIDERS, Line, Point, timeline, trend
from tests import golden, make

SVG = "{http://www.w3.org/2000/svg}"
SAID = Safe("What was said. SIMULATED.")
GAP = Point(None, None, False)


def times(queued: str, started: str | None, finished: str) -> Times:
    day = "2026-11-22T"
    began = f"{day}{started}Z" if started else None
    return Times(queued=f"{day}{queued}Z", started=began, finished=f"{day}{finished}Z", duration_ms=1)


def run(*odd: tuple[int, dict[str, object]], **spec: object) -> Bundle:
    """A run in which the attempts of these numbers are told otherwise."""
    raw, job = make.job_bytes(**spec), make.job(**spec)
    begun = make.run_of(raw, job)
    results = make.results(begun, job, lambda _: "x")
    for number, facts in odd:
        results[number] = results[number]._replace(**facts)
    return open_bundle(make.files_of(raw, begun, job, results))


def words(raw: bytes) -> str:
    """What a picture says, after checks that hold for each of them."""
    image = ET.fromstring(raw)
    kinds = {"svg", "title", "desc", "style", "rect", "text", "path"}
    assert {element.tag.removeprefix(SVG) for element in image.iter()} <= kinds
    assert not re.search(rb"href|url\(|@import|javascript|\bon[a-z]+=|<!", raw)
    assert image.get("role") == "img"
    assert image.findtext(f"{SVG}desc") == SAID
    assert int(image.get("width", 0)) == WIDTH
    height = int(image.get("height", 0))
    for rect in image.iter(f"{SVG}rect"):
        x, y, width, tall = (int(rect.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + width <= WIDTH
        assert 0 <= y <= y + tall <= height
    for path in image.iter(f"{SVG}path"):
        assert all(0 <= int(x) <= WIDTH for x in re.findall(r"[ML](-?\d+)", path.get("d", "")))
    assert b"prefers-color-scheme:dark" in raw
    return "\n".join(text.text or "" for text in image.iter(f"{SVG}text"))


def test_golden_timeline() -> None:
    bundle = run(
        (0, {"times": times("03:00:00", "03:00:20", "03:02:00")}),
        (1, {"times": times("03:00:00", None, "03:01:00"), "status": "failed", "reason": "region: elsewhere"}),
        (4, {"times": times("03:01:00", "03:01:30", "03:05:05"), "status": "timeout"}),
        (5, {"provider": Provider(id="0x" + "ab" * 20, name="<script>")}),
    )
    raw = timeline(bundle, True, SAID)
    assert "SIMULATED · 9 attempts\nfrom 2026-11-22T03:00:00Z, 5 min 5 s" in words(raw)
    assert "US 3: 0xabababab…" in words(raw)
    golden.check("timeline.svg", raw)


def test_a_clock_that_runs_backwards_draws_nothing_outside() -> None:
    odd = times("03:10:00", "02:00:00", "03:00:00")
    assert "9 attempts" in words(timeline(run((0, {"times": odd})), True, SAID))


def test_a_provider_with_several_attempts_has_one_row() -> None:
    shared = {"provider": Provider(id="one", name="x")}
    said = words(timeline(run((0, shared), (1, shared)), False, SAID))
    assert "EU 1, 2: one" in said
    assert "SIMULATED" not in said


def test_many_providers_are_counted() -> None:
    regions = [{"name": f"R{n}"} for n in range(8)]
    bundle = run(regions=regions, sampling={"providers": 9, "replicas": 1, "seeds": "shared"})
    raw = timeline(bundle, True, SAID)
    assert f"{72 - MOST_PROVIDERS} more providers are in the page's table." in words(raw)
    assert len(raw) < 40_000


def test_no_attempt_at_all() -> None:
    assert "no attempt" in words(timeline(run()._replace(receipts={}), False, SAID))


def test_golden_trend() -> None:
    lines = [
        Line(Safe("EU"), tuple(Point(10_000 * n, (0, 12_000 * n), False) for n in range(8))),
        Line(Safe("US"), (GAP, Point(80_000, None, False), GAP, *[Point(90_000, (70_000, 99_000), False)] * 5)),
        Line(Safe("APAC"), (*[Point(60_000, (0, 50_000), False)] * 6, *[Point(240_000, (0, 50_000), True)] * 2)),
    ]
    raw = trend(lines, "2026-11-01", "2026-11-22", True, SAID)
    assert "SIMULATED · 8 runs, 2026-11-01 to 2026-11-22" in words(raw)
    assert "up to 0.25" in words(raw)
    golden.check("trends.svg", raw)


@pytest.mark.parametrize("points", [(), (GAP,), (Point(1_000_000, (0, 1_000_000), True),)], ids=["none", "gap", "most"])
def test_short_trends(points: tuple[Point, ...]) -> None:
    said = words(trend([Line(Safe("EU"), points)], "2026-11-22", "2026-11-22", False, SAID))
    assert ("1.00" if points and points[0].distance else "not measured") in said


def test_many_lines_are_counted() -> None:
    raw = trend([Line(Safe(f"R{n}"), (GAP,) * 24) for n in range(40)], "2026-11-01", "2026-11-22", False, SAID)
    assert f"{40 - MOST_LINES} more are in the table." in words(raw)
