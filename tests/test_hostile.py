"""Proves that no hostile text, in any page, changes what CommonMark or GitHub's own Markdown parser makes of it: no
structure, no link, no image, no mention, no script. Pictures stay pictures. What a terminal and the log of a workflow
get is proved beside each verb; the sanitiser and the browser have their turn in `tests/slow/test_hostile_forge.py`."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from markdown_it import MarkdownIt

from tests.hostile import ATTACKS
from tests.sinks import Sinks, is_inert, shape, sinks

COMMONMARK = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
Renderer = Callable[[str], str]


def commonmark(page: str) -> str:
    """markdown-it, which lets all HTML through."""
    return str(COMMONMARK.render(page))


def gfm(page: str) -> str:
    """GitHub's fork of cmark with all of its extensions, footnotes too, and nothing held back."""
    page = page.encode(errors="replace").decode()
    return cmarkgfm.github_flavored_markdown_to_html(page, Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES)


RENDERERS = (commonmark, gfm)
SVG = "{http://www.w3.org/2000/svg}"


def drawn(raw: str) -> list[tuple[object, ...]]:
    """A picture's elements, with the names of their attributes."""
    return [(part.tag, sorted(set(part.attrib) - {"textLength"})) for part in ET.fromstring(raw).iter()]


@pytest.fixture(scope="module")
def plain() -> Sinks:
    return sinks("*harmless*")


@pytest.fixture(scope="module")
def shapes(plain: Sinks) -> dict[tuple[str, str], list[tuple[str, ...]]]:
    """What harmless pages look like, by page and renderer."""
    return {(name, r.__name__): shape(r(page)) for name, page in plain.pages.items() for r in RENDERERS}


def test_there_are_enough_attacks() -> None:
    assert len(set(ATTACKS)) >= 200


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=[pytest.mark.slow] if n % 3 else []) for n in range(len(ATTACKS))]
)
def test_nothing_but_words_changes(
    number: int, plain: Sinks, shapes: dict[tuple[str, str], list[tuple[str, ...]]]
) -> None:
    text = ATTACKS[number]
    found = sinks(text)
    for (name, renderer), harmless in shapes.items():
        html = next(r for r in RENDERERS if r.__name__ == renderer)(found.pages[name])
        assert is_inert(html, harmless, text), (name, renderer)
    for name, raw in found.pictures.items():
        assert drawn(raw) == drawn(plain.pictures[name]), name
        assert not re.search(r"href|url\(|@import|javascript|\son[a-z]+=|<!|<\?", raw), name


@pytest.mark.parametrize("render", RENDERERS)
def test_the_pages_lead_nowhere_but_into_the_tree(plain: Sinks, render: Renderer) -> None:
    for page in plain.pages.values():
        for kind, tag, *attributes in shape(render(page)):
            assert kind in ("<", ">", "text")
            assert tag not in ("script", "style", "iframe", "form", "input")
            for attribute in attributes:
                name, _, value = attribute.partition("=")
                assert name in ("href", "src", "alt", "class", "align", "title", "lang"), attribute
                assert not re.match(r"[a-z]+:|//", value) or name == "alt", attribute


@pytest.mark.parametrize("render", RENDERERS)
def test_the_check_sees_what_is_pasted_plainly(render: Renderer) -> None:
    """Most attacks change the shape where nothing is neutralised; the others are for terminals."""
    seen = [text for text in ATTACKS if not is_inert(render(f"{text}\n\nend\n"), shape(render("`x`\n\nend\n")), text)]
    assert len(seen) >= 200
