"""A published Markdown page as HTML: the same words, tables, pictures and folds, and nothing that could act.

Markdown is the only source: what `beacon verify` has held against the evidence is what the HTML shows. The reader of
CommonMark and tables is markdown-it; of what it finds, only this is let through, whoever wrote the page:

- raw HTML: the folds and line breaks that our own templates write, tag by tag; everything else is shown as text;
- links and pictures that `Links` knows, as relative addresses and as data; every other link is plain text, every other
  picture its alternative text.

No script, no style but `STYLE`, nothing from outside; `POLICY` says so to the browser as well.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from runner.rendering.neutral import html, visible
from runner.rendering.template import template

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

STYLE = "style.css"
POLICY = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
_FOLD = re.compile(r"<(/?)details>|<summary>([^<>]*)</summary>")


class Links(NamedTuple):
    """Where a page's links lead: from an address as the page has it, to one that the site has, or to a picture's
    bytes. None for what the site does not have."""

    target: Callable[[str], str | None]
    picture: Callable[[str], bytes | None]


class Page(NamedTuple):
    """A page's title, which is plain text, and its body, which is HTML."""

    title: str
    body: str

    def opened(self) -> Page:
        """The same with every fold open: paper has no clicks."""
        return self._replace(body=self.body.replace("<details>", "<details open>"))


def page_of(markdown: str, links: Links) -> Page:
    """A Markdown page as a body of HTML."""
    reader = _reader()
    tokens = reader.parse(_shown(markdown))
    seen: dict[str, int] = {}
    title = ""
    for number, token in enumerate(tokens):
        if token.type == "inline":
            token.children = _inline(token.children or (), links)
            if tokens[number - 1].type == "heading_open":
                words = _words(token.children)
                title = title or words
                tokens[number - 1].attrSet("id", _anchor(words, seen))
        elif token.type == "html_block":
            token.content = _folds(token.content)
    return Page(title, reader.renderer.render(tokens, reader.options, {}))


def document(page: Page, style: str, home: str | None) -> bytes:
    """A whole document: `style` is the address of its style sheet (empty: it is given elsewhere), `home` that of the
    site's first page (None: this is it)."""
    shell = template("page.html.j2")
    return shell.render(title=page.title, body=page.body, style=style, home=home, policy=POLICY).encode()


def file_page(name: str, raw: bytes, sha256: str) -> Page:
    """A file as a page: its bytes as text, each deceiving character shown, and the digest to find them by."""
    try:
        text, note = raw.decode(), ""
    except UnicodeDecodeError:
        text, note = raw.decode("utf-8", "replace"), " Some bytes are no UTF-8 and are shown as �."
    shown = "\n".join(map(html, text.split("\n")))
    facts = f"{len(raw)} bytes, SHA-256 <code>{html(sha256)}</code>.{note} The file itself is in the repository."
    return Page(name, f"<h1>{html(name)}</h1>\n<p>{facts}</p>\n<pre>{shown}</pre>\n")


def _shown(markdown: str) -> str:
    """The page with every deceiving character shown. Our own pages have none, and stay as they are."""
    return visible(markdown).replace("⟦U+27E6⟧", "⟦")


def _inline(children: Sequence[Token], links: Links) -> list[Token]:
    """Links, pictures and raw HTML, let through or turned into text."""
    kept: list[Token] = []
    leads: list[bool] = []
    for token in children:
        if token.type == "link_open":
            target = links.target(str(token.attrGet("href")))
            leads.append(target is not None)
            token.attrs = {"href": target or ""}
        if token.type in ("link_open", "link_close"):
            kept += [token] if leads[-1] else []
            if token.type == "link_close":
                leads.pop()
        elif token.type == "image":
            kept.append(_image(token, links))
        elif token.type == "html_inline" and token.content != "<br>":
            kept.append(_text(token.content))
        else:
            kept.append(token)
    return kept


def _image(token: Token, links: Links) -> Token:
    raw = links.picture(str(token.attrGet("src")))
    if raw is None:
        return _text(token.content)
    token.attrs = {"src": f"data:image/svg+xml;base64,{base64.b64encode(raw).decode()}", "alt": ""}
    return token


def _text(content: str) -> Token:
    from markdown_it.token import Token

    return Token("text", "", 0, content=content)


def _words(children: Sequence[Token]) -> str:
    return "".join(token.content for token in children if token.type in ("text", "code_inline"))


def _anchor(words: str, seen: dict[str, int]) -> str:
    """A heading's address, as forges make them."""
    name = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-") or "part"
    seen[name] = seen.get(name, -1) + 1
    return f"{name}-{seen[name]}" if seen[name] else name


def _folds(block: str) -> str:
    """A block of raw HTML, of which only folds act; their summaries are text."""
    shown = []
    for line in block.rstrip("\n").split("\n"):
        fold = _FOLD.fullmatch(line)
        if fold is None:
            shown.append(escape(line))
        elif fold[2] is None:
            shown.append(line)
        else:
            shown.append(f"<summary>{escape(fold[2])}</summary>")
    return "\n".join(shown) + "\n"


def _fence(_: Any, tokens: Sequence[Token], number: int, *__: Any) -> str:
    """A block of code; the lines of a word diff are marked by colour, besides their sign."""
    token = tokens[number]
    lines = token.content.removesuffix("\n").split("\n")
    if token.info == "diff":
        marks = {"+": "added", "-": "removed", "@": "remark"}
        shown = [f'<span class="{marks.get(line[:1], "alike")}">{escape(line)}</span>' for line in lines]
    else:
        shown = [escape(line) for line in lines]
    return "<pre><code>" + "\n".join(shown) + "\n</code></pre>\n"


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": True}).enable("table").disable("autolink")
    reader.add_render_rule("fence", _fence)
    reader.add_render_rule("table_open", lambda *_: '<div class="wide" tabindex="0"><table>\n')
    reader.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return reader
