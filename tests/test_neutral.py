"""Proves that no text, however written, changes the structure of what it is shown in, and that nothing hides in it."""

from __future__ import annotations

import csv as csv_module
import html as html_module
import io
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from runner.rendering import neutral
from tests.hostile import ATTACKS

GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
PIECES = st.sampled_from([*ATTACKS, "`", "|", "\\", "<", "</", "\n", "\n\n", "::", "##[", "⟦", "é", "中", "\u0301"])
TEXT = st.one_of(st.text(st.characters(codec=None), max_size=60), st.lists(PIECES, max_size=6).map("".join))


def markdown(text: str) -> str:
    """A page that shows the text in every context that pages have."""
    code = f"<code>{neutral.html(text)}</code>"
    return (
        f"# Run of {neutral.inline(text)}\n\nSaid {neutral.inline(text)}, then more.\n\n"
        f"| region | said |\n|---|---|\n| EU | {neutral.inline(text, 60)} |\n| US | {neutral.inline(text)} |\n\n"
        f"- item {neutral.inline(text)}\n\n{neutral.fence(text)}\n"
        f"<details>\n<summary>EU {code}</summary>\n\n{neutral.fence(text)}\n</details>\n\n"
        f"{neutral.fence_lines([('+ ', text), ('- ', text), ('  ', text)], 'diff')}\nThe end.\n"
    )


def names(text: str) -> str:
    return f"# {neutral.ident(text)}\n\nWords {neutral.ident(text)}, {neutral.prose(text)}\n\n- {neutral.prose(text)}\n"


def structure(page: str) -> list[tuple[object, ...]]:
    """Everything that a Markdown parser sees in a page but the words inside code."""
    tokens = []
    for token in GFM.parse(page):
        for part in [token, *(token.children or ())]:
            content = "" if part.type in ("code_inline", "fence", "inline") else part.content
            content = re.sub("<code>[^<>]*</code>", "<code>", content)
            tokens.append((part.type, part.tag, part.nesting, part.level, str(part.attrs), part.info, content))
    return tokens


HARMLESS = structure(markdown("harmless"))


def assert_inert(text: str) -> None:
    assert structure(markdown(text)) == HARMLESS


@pytest.mark.parametrize("text", ATTACKS, ids=range(len(ATTACKS)))
def test_markdown_structure_survives_attacks(text: str) -> None:
    assert_inert(text)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(TEXT)
def test_markdown_structure_survives_anything(text: str) -> None:
    assert_inert(text)


def test_the_check_sees_attacks_that_are_pasted_plainly() -> None:
    changed = [text for text in ATTACKS if structure(f"# t\n\n```\n{text}\n```\n") != structure("# t\n\n```\nx\n```\n")]
    assert len(changed) >= 3
    assert len([text for text in ATTACKS if structure(f"{text}\n") != structure("x\n")]) >= 20


@settings(derandomize=True, deadline=None, max_examples=300)
@given(TEXT)
def test_fence_shows_the_whole_text(text: str) -> None:
    (token,) = GFM.parse(neutral.fence(text))
    lines: list[str] = []
    for line in token.content.removesuffix("\n").split("\n"):
        gutter, shown = line[:2], line[2:]
        assert sum(2 if c >= "\u1100" else 1 for c in shown) <= neutral.WIDTH
        if gutter == neutral.MORE:
            lines[-1] += shown
        else:
            assert gutter == neutral.LINE
            lines.append(shown)
    assert "\n".join(lines) == neutral.visible(text)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(TEXT, st.integers(8, 80))
def test_inline_is_one_code_span(text: str, limit: int) -> None:
    (token,) = GFM.parseInline(str(neutral.inline(text, limit)))[0].children or []
    whole = " ".join(neutral.visible(text).split()).replace("|", "¦") or "⟦empty⟧"
    whole = re.sub("(`{16})(`+)", lambda run: run[1] + "⟦U+0060⟧" * len(run[2]), whole)
    assert token.type == "code_inline"
    assert len(token.content) <= limit
    assert token.content == whole or (token.content[-1] == "…" and whole.startswith(token.content[:-1]))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(TEXT)
def test_nothing_hides(text: str) -> None:
    shown = neutral.visible(text)
    shown.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]", shown)
    assert (
        shown.splitlines() == (shown.split("\n") if not shown.endswith("\n") else shown.split("\n")[:-1]) or not shown
    )
    back = re.sub("⟦U\\+([0-9A-F]{4,6})⟧", lambda found: chr(int(found[1], 16)), shown)
    assert back == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u202eevil", "⟦U+202E⟧evil"),
        ("a\u200db", "a⟦U+200D⟧b"),
        ("⟦U+202E⟧", "⟦U+27E6⟧U+202E⟧"),
        ("line\r\n", "line⟦U+000D⟧\n"),
        ("e\u0301", "e\u0301"),
        ("e" + "\u0301" * 4, "e" + "\u0301" * 3 + "⟦U+0301⟧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u2764\ufe0f\u200d\U0001f525 1\ufe0f\u20e3", "\u2764\ufe0f\u200d\U0001f525 1\ufe0f\u20e3"),
        ("\u2764\ufe0f\ufe0f\ufe0f", "\u2764\ufe0f⟦U+FE0F⟧⟦U+FE0F⟧"),
        ("\U000e0041\ud800\ue000\U0010ffff", "⟦U+E0041⟧⟦U+D800⟧⟦U+E000⟧⟦U+10FFFF⟧"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert neutral.visible(text) == shown


@settings(derandomize=True, deadline=None, max_examples=300)
@given(TEXT)
def test_terminal_and_actions(text: str) -> None:
    for line in (neutral.terminal(text), neutral.actions(text)):
        assert line.isprintable() or not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", line)
    for block in (neutral.terminal_block(text), neutral.actions_block(text)):
        assert all(line.startswith(neutral.LINE) for line in block.split("\n"))
        assert len(block.splitlines()) == text.count("\n") + 1
    for log in (neutral.actions(text), neutral.actions_block(text)):
        assert "::" not in log
        assert "##[" not in log


class _Parsed(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@settings(derandomize=True, deadline=None, max_examples=200)
@given(TEXT)
def test_html_and_svg_hold_text_only(text: str) -> None:
    page = _Parsed()
    page.feed(f'<p title="{neutral.html(text)}">{neutral.html(text)}</p>')
    page.close()
    shown = neutral.visible(text)
    assert page.tags == [("p", [("title", shown)])]
    assert page.text == shown
    assert html_module.unescape(neutral.html(text)) == shown
    image = ET.fromstring(f'<svg a="{neutral.svg(text)}">{neutral.svg(text)}</svg>')
    assert image.get("a") == (image.text or "")
    assert len(image) == 0
    assert "\n" not in neutral.html(text) + neutral.svg(text)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(TEXT, st.sampled_from([",", ";", "\t"]))
def test_csv_holds_no_formula(text: str, separator: str) -> None:
    line = f"{neutral.csv('id')},{neutral.csv(text)}\r\n"
    assert [len(row) for row in csv_module.reader(io.StringIO(line, newline=""))] == [2]
    for row in csv_module.reader(io.StringIO(line, newline=""), delimiter=separator):
        assert not any(cell.strip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) for cell in row)


NAME = st.one_of(TEXT, st.from_regex(neutral._IDENT, fullmatch=True), st.from_regex(neutral._PROSE, fullmatch=True))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(NAME)
def test_names_and_prose_mean_nothing(text: str) -> None:
    page = MarkdownIt("commonmark", {"html": True}).enable("table").parse(names(text))
    assert [token.type for token in page if token.nesting == 1] == [
        "heading_open",
        "paragraph_open",
        "bullet_list_open",
        "list_item_open",
        "paragraph_open",
    ]
    parts = [part for token in page for part in token.children or ()]
    assert {part.type for part in parts} <= {"text", "code_inline"}
    shown = "".join(part.content for part in parts if part.type == "text").lower()
    assert not re.search(r"://|www\.|@|gh-[0-9]", shown)


@pytest.mark.parametrize(
    "text", ["EU", "egress+rtt", "2026-11-22T03:00:00Z", "registry/jobs/a/b.yaml", "0x" + "a" * 40]
)
def test_names_stay_readable(text: str) -> None:
    assert neutral.ident(text) == text


@pytest.mark.parametrize("text", ["2 of 3 answered: EU, US", "insufficient: p = 1/10 at best; the region's own"])
def test_sentences_stay_readable(text: str) -> None:
    assert neutral.prose(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "1. a list",
        "23) a list",
        "see www.evil.example",
        "see WWW.evil.example",
        "as in GH-1",
        "a :rocket: b",
        "a\nb",
        "a  \n",
    ],
)
def test_what_could_mean_something_in_a_sentence_is_code(text: str) -> None:
    assert neutral.prose(text) == neutral.inline(text, 300)


@pytest.mark.parametrize(
    "text", ["www.evil.example", "WwW.evil.example", "GH-1", "http://evil", "a_b_c", "@octocat", "#1", "*x*", "", "a b"]
)
def test_what_could_mean_something_is_code(text: str) -> None:
    assert neutral.ident(text) == neutral.inline(text)


def test_phrase_and_joined_refuse_what_was_not_neutralised() -> None:
    assert neutral.phrase("{a} of {b}", a=1, b=neutral.ident("EU")) == "1 of EU"
    with pytest.raises(TypeError, match="not neutralised"):
        neutral.phrase("{a}", a="EU")  # type: ignore[arg-type] # the mistake that is tested
    with pytest.raises(TypeError, match="not all"):
        neutral.joined([neutral.ident("EU"), "US"], ", ")  # type: ignore[list-item] # the mistake that is tested


def test_safe_does_not_spread() -> None:
    assert type(neutral.inline("x") + "<b>") is str
    assert type(f"{neutral.inline('x')}") is str
