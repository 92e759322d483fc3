"""What all pictures of pages share: their words, colours and frame.

Plain SVG 1.1, shown through `<img>`: no script, no link, no font, nothing from outside. Every value stands as a
number or a word too, so colour is never needed; colours are one hue by lightness, for light and dark pages alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.rendering.neutral import Safe, svg

WIDTH = 360
"""Of a picture that a phone shows unscaled."""

_STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px;fill:#1f2328}"
    ".b{font-weight:600;font-size:14px}.n{font-weight:600;font-size:16px}.s{font-size:11px}.m{fill:#59636e}"
    ".page{fill:#fff}.axis{stroke:#d1d9e0}.own{fill:#8c959f}.others{fill:#0969da}.tick{stroke:#1f2328;stroke-width:2}"
    ".self{fill:none;stroke:#59636e;stroke-dasharray:4 3}.named{fill:none;stroke:#cf222e;stroke-width:3}"
    ".line{fill:none;stroke:#0969da;stroke-width:2}.dot{fill:#0969da}.far{fill:#cf222e}.wait{stroke:#59636e}"
    ".lost{fill:none;stroke:#cf222e;stroke-width:2;stroke-dasharray:4 2}"
    ".c0{fill:#f6f8fa}.c1{fill:#ddf0ff}.c2{fill:#a9d3fb}.c3{fill:#5ea4ee}.c4{fill:#1f6fc9}.c5{fill:#0a3a75}"
    "text.t4,text.t5{fill:#fff}"
    "@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.m{fill:#9198a1}.page{fill:#0d1117}.axis{stroke:#3d444d}"
    ".own{fill:#9198a1}.others{fill:#4493f8}.tick{stroke:#f0f6fc}.self{stroke:#9198a1}.named{stroke:#ff7b72}"
    ".line{stroke:#4493f8}.dot{fill:#4493f8}.far{fill:#ff7b72}.wait{stroke:#9198a1}.lost{stroke:#ff7b72}"
    ".c0{fill:#151b23}.c1{fill:#12294a}.c2{fill:#17437d}.c3{fill:#1f63b5}.c4{fill:#58a0f5}.c5{fill:#a5d0ff}"
    "text.t4,text.t5{fill:#0d1117}}"
)


def text(x: int, y: int, words: str, css: str, anchor: str = "start") -> str:
    """Words whose first line begins, ends or centres (`anchor`) at a point."""
    return f'<text x="{x}" y="{y}" class="{css}" text-anchor="{anchor}">{svg(words)}</text>'


def picture(width: int, height: int, title: str, sentence: Safe, marks: Sequence[str]) -> bytes:
    """The whole file. Title and description carry what the picture shows and the verdict's sentence."""
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
