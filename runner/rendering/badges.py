"""What a job shows in a few words, to stand elsewhere: an SVG, and the endpoint format of shields (schema 1).

Neither needs a network. Both say SIMULATED where that is so: a badge travels without its page.
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.model.canonical import canonical
from runner.model.report import Verdict
from runner.rendering.neutral import Safe, svg

FOLDER = "reports/badges"
_COLOURS: Mapping[Verdict, str] = {
    "same": "1a7f37",
    "noise": "1a7f37",
    "minor": "9a6700",
    "major": "cf222e",
    "insufficient": "59636e",
}
_NARROW, _WIDE = frozenset(" .,;:!'|()[]/iIjlt1fr-·"), frozenset("mwMW%@")


def stem(folder: str) -> str:
    """The path of a job's badges without its ending, by the folder of its reports: owner, suite and name joined by
    points, which none of them holds."""
    return f"{FOLDER}/{folder.removeprefix('reports/jobs/').replace('/', '.')}"


def endpoint(job: Safe, state: Safe, verdict: Verdict) -> bytes:
    """What a badge service reads."""
    data = {"schemaVersion": 1, "label": str(job), "message": str(state), "color": _COLOURS[verdict]}
    return canonical(data) + b"\n"


def picture(job: Safe, state: Safe, verdict: Verdict) -> bytes:
    """The same as SVG: white on dark, so that it can stand on any page."""
    left, right = _width(job) + 12, _width(state) + 12
    width, middle = left + right, left + right // 2
    font = "Verdana,Geneva,'DejaVu Sans',sans-serif"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" viewBox="0 0 {width} 20" role="img" '
        'aria-labelledby="title">',
        f'<title id="title">{svg(job)}: {svg(state)}</title>',
        f"<style>text{{font-family:{font};font-size:11px;fill:#fff;text-anchor:middle}}</style>",
        f'<rect fill="#24292f" width="{width}" height="20" rx="3"/>',
        f'<rect fill="#{_COLOURS[verdict]}" x="{left}" width="{right}" height="20" rx="3"/>',
        f'<rect fill="#{_COLOURS[verdict]}" x="{left}" width="4" height="20"/>',
        f'<text x="{left // 2}" y="14" textLength="{left - 12}" lengthAdjust="spacingAndGlyphs">{svg(job)}</text>',
        f'<text x="{middle}" y="14" textLength="{right - 12}" lengthAdjust="spacingAndGlyphs">{svg(state)}</text>',
        "</svg>",
        "",
    ]
    return "\n".join(lines).encode()


def _width(words: str) -> int:
    """About how wide words are at 11 pixels; the drawing then stretches them to exactly that."""
    return sum(4 if letter in _NARROW else 10 if letter in _WIDE else 7 for letter in words)
