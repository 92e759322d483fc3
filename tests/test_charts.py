"""Proves that the pictures are plain SVG with nothing from outside, and say in words what they show."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from runner.compare.verdict import compare
from runner.rendering import charts
from runner.rendering.sentences import When, sentence
from tests import golden, make

DAY = When("2026-11-22", "2026-11-22")
SVG = "{http://www.w3.org/2000/svg}"
NAMES = ("EU", "US", "APAC", "EUROPE-CENTRAL", "SA", "AF", "AMERICAS-NORTH", "ME")


def pictures(*regions: str) -> dict[str, bytes]:
    bundle = make.bundle(
        lambda cell: "Ich bin anders." if cell.region == "APAC" else "I am a small model.",
        regions=[{"name": name} for name in regions],
        sampling={"providers": 3 if len(regions) <= 3 else 1, "replicas": 2, "seeds": "shared"},
    )
    diff = compare(bundle)
    said = sentence(diff, DAY)
    target = diff.targets[0]
    return {
        "distances.svg": charts.heatmap(diff, target, DAY, said),
        "noise.svg": charts.noise(diff, target, DAY, said),
    }


@pytest.mark.parametrize("name", ["distances.svg", "noise.svg"])
def test_golden(name: str) -> None:
    golden.check(name, pictures("EU", "US", "APAC")[name])


@pytest.mark.parametrize(
    ("name", "number"),
    [("distances.svg", 2), ("distances.svg", charts.MOST_REGIONS), ("noise.svg", 1), ("noise.svg", 8)],
)
def test_plain_accessible_and_unclipped(name: str, number: int) -> None:
    raw = pictures(*NAMES[:number])[name]
    image = ET.fromstring(raw)
    assert {element.tag.removeprefix(SVG) for element in image.iter()} <= {
        "svg",
        "title",
        "desc",
        "style",
        "rect",
        "text",
        "path",
    }
    assert not re.search(rb"href|url\(|@import|javascript|\bon[a-z]+=|<!", raw)
    assert image.get("role") == "img"
    assert image.findtext(f"{SVG}title")
    assert "SIMULATED" in (image.findtext(f"{SVG}desc") or "")
    words = " ".join(text.text or "" for text in image.iter(f"{SVG}text"))
    assert "SIMULATED" in words
    assert "answers · region: claimed" in words
    assert "2026-11-22" in words
    assert b"prefers-color-scheme:dark" in raw
    width, height = int(image.get("width", 0)), int(image.get("height", 0))
    for rect in image.iter(f"{SVG}rect"):
        assert int(rect.get("x", 0)) + int(rect.get("width", 0)) <= width
        assert int(rect.get("y", 0)) + int(rect.get("height", 0)) <= height
    for text in image.iter(f"{SVG}text"):
        assert 0 < int(text.get("x", 0)) < width
        assert 10 < int(text.get("y", 0)) < height


def test_three_regions_fit_a_phone_unscaled() -> None:
    for raw in pictures("EU", "US", "APAC").values():
        assert int(ET.fromstring(raw).get("width", 0)) <= 360
