"""Proves that badges say the verdict in words, SIMULATED where it is so, and are what badge services read."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import get_args

import pytest

from runner.model.report import Verdict
from runner.rendering.badges import endpoint, picture, stem
from runner.rendering.neutral import Safe

SVG = "{http://www.w3.org/2000/svg}"
JOB, STATE = Safe("alice/who"), Safe("▲ major difference (APAC) · SIMULATED")


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("verdict", get_args(get_args(Verdict)[0]))
def test_every_verdict_has_a_badge_that_can_be_read(verdict: Verdict) -> None:
    data = json.loads(endpoint(JOB, STATE, verdict))
    assert data == {"schemaVersion": 1, "label": JOB, "message": STATE, "color": data["color"]}
    assert 1.05 / (luminance(data["color"]) + 0.05) >= 4.5
    image = ET.fromstring(picture(JOB, STATE, verdict))
    assert [text.text for text in image.iter(f"{SVG}text")] == [JOB, STATE]
    assert image.findtext(f"{SVG}title") == f"{JOB}: {STATE}"
    assert image.get("role") == "img"
    assert f'fill="#{data["color"]}"'.encode() in picture(JOB, STATE, verdict)


def test_words_stay_inside() -> None:
    image = ET.fromstring(picture(JOB, STATE, "major"))
    width = int(image.get("width", 0))
    for text in image.iter(f"{SVG}text"):
        half = int(text.get("textLength", 0)) // 2
        assert int(text.get("x", 0)) > half
        assert int(text.get("x", 0)) + half < width


def test_jobs_do_not_share_a_badge() -> None:
    names = ("a/b/c", "a-b/c", "a/b-c", "a/c")
    assert len({stem(f"reports/jobs/{name}") for name in names}) == 4
    assert stem("reports/jobs/alice/daily/who") == "reports/badges/alice.daily.who"
