"""Model output is hostile text. Here it is made harmless, once, for every place where it can be shown.

    terminal, terminal_block   a terminal: no escape sequences, no forged lines
    actions, actions_block     the log of GitHub Actions: no workflow commands; `workflow`, of whole outputs
    inline                     one line of Markdown: a table's cell, a heading, a sentence
    ident, prose               names and sentences that need no code span, because they cannot mean anything
    fence, fence_lines         a block of Markdown
    html, svg                  text and quoted attributes of HTML and XML
    csv                        one cell (RFC 4180) that no spreadsheet takes for a formula

Every function takes any `str`, lone surrogates too, and never fails. What a reader could not see or what would change
what he sees (controls, bidi, invisible, private-use and stacked characters) is shown as `⟦U+202E⟧`; the bracket `⟦` is
shown in the same way, so such a mark is never the text's own. The tables are fixed and not `unicodedata`'s: every
Python must give the same bytes.

In Markdown, text stands in code only. There CommonMark 0.31 (sections 4.5, 6.1) interprets nothing, and the filters
that GitHub runs afterwards (mentions, references, emoji, mathematics) skip it. In blocks each line stands behind a
gutter mark, so it cannot pass for ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

WIDTH = 88
"""Columns of a fence before a line is wrapped, so that prose can be read without scrolling sideways."""

Info: TypeAlias = Literal["text", "diff"]

LINE, MORE = "│ ", "┊ "
"""Gutter marks: a line of the text; the rest of a line that was wrapped."""

_JOINED = (  # joiners and emoji presentation stay where scripts and emoji need them
    r"(?<=[^\u0000-\u02ff\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff])"
    r"(?:\ufe0f\u200d|[\u200c\u200d\ufe0f])(?:(?<=\ufe0f)|(?=[^\u0000-\u02ff\u200b-\u200f\ufe00-\ufe0f]))"
    r"|(?<=[0-9#*])\ufe0f(?=\u20e3)"
)
_STACKED = (  # combining marks; a fourth one on a letter begins to cover other lines
    r"\u0300-\u036f\u0483-\u0489\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_HIDDEN = (
    r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"  # controls but tab and line feed
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # ignorable, bidi
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # blanks, fillers
    r"\U000e0000-\U000e0fff\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff"  # tags, surrogates, private use
    r"\ufdd0-\ufdef" + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(15))  # noncharacters
)
_SHOWN = re.compile(rf"({_JOINED})|[{_HIDDEN}⟦]|(?<=[{_STACKED}]{{3}})[{_STACKED}]")
_FORMULA = re.compile(r"(^|[;,|\t\n\"])(\s*)(?=[=+\-@＝＋－＠])")
_IDENT = re.compile(r"(?!(?i:www\.|gh-[0-9]))[A-Za-z0-9](?:[A-Za-z0-9./+-]|:(?!/)){0,254}")
_PROSE = re.compile(r"(?!(?i:.*www\.|.*gh-[0-9])|[0-9]+[.)])[A-Za-z0-9](?:[A-Za-z0-9 ,.;%()/+='-]|: ){0,299}")
_TICKS = re.compile("(?<=`{16})`")
"""What is too much of a run of backticks: cmark, and so GitHub, closes no code span that 80 or more of them open."""
_ENTITIES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "`": "&#96;", "\n": "&#10;", "\t": "&#9;"}
)


class Safe(str):
    """Text that may stand in a Markdown page: ours, or neutralised. Joining it with anything gives a plain `str`."""

    __slots__ = ()


def phrase(form: str, /, **values: Safe | int) -> Safe:
    """Our own words around values that are safe already. `form` is a literal, in the manner of `str.format`."""
    for name, value in values.items():
        if not isinstance(value, Safe | int):
            raise TypeError(f"{name} was not neutralised: {value!r}")
    return Safe(form.format(**values))


def joined(parts: Iterable[Safe], by: str = "") -> Safe:
    """Safe parts in a row; `by` is a literal."""
    parts = tuple(parts)
    if any(not isinstance(part, Safe) for part in parts):
        raise TypeError(f"not all of these were neutralised: {parts!r}")
    return Safe(by.join(parts))


def _mark(found: re.Match[str]) -> str:
    return found[0] if found[1] else f"⟦U+{ord(found[0]):04X}⟧"


def visible(text: str) -> str:
    """The text with every deceiving character shown; only tab and line feed stay as they are."""
    return _SHOWN.sub(_mark, text)


def _one_line(text: str) -> str:
    return visible(text).replace("\n", "⟦U+000A⟧").replace("\t", "⟦U+0009⟧")


def _guttered(text: str) -> Iterable[str]:
    return (LINE + line for line in visible(text).split("\n"))


def terminal(text: str) -> str:
    """One line for a terminal. (For rich, pass it as `Text`: its markup is not ours to know.)"""
    return _one_line(text)


def terminal_block(text: str) -> str:
    """Lines for a terminal, each behind the gutter mark."""
    return "\n".join(_guttered(text))


def _no_command(line: str) -> str:
    """The runner takes `::` at a line's start and `##[` anywhere (actions/runner, ActionCommand.cs)."""
    return re.sub(r"##(?=\[)", "# #", re.sub(":(?=:)", ": ", line))


def actions(text: str) -> str:
    """One line for the log of GitHub Actions, with `::` and `##[` broken by a space."""
    return _no_command(_one_line(text))


def actions_block(text: str) -> str:
    """Lines for the log of GitHub Actions, each behind the gutter mark."""
    return "\n".join(map(_no_command, _guttered(text)))


def workflow(lines: str) -> str:
    """Lines that a terminal may get already, for the log of GitHub Actions: none of them is a workflow command. Other
    than `actions` it leaves `::` within a line alone, so that our own words and addresses stay what they are."""
    return re.sub(r"##(?=\[)", "# #", re.sub(r"(?m)^(\s*):(?=:)", r"\1: ", lines))


def inline(text: str, limit: int = 80) -> Safe:
    """A Markdown code span on one line, of at most `limit` characters of text. White space is one space, and `|`,
    which would end a table's cell even inside code, is `¦`; of a run of backticks all after the sixteenth are shown."""
    line = _TICKS.sub("⟦U+0060⟧", " ".join(visible(text).split()).replace("|", "¦")) or "⟦empty⟧"
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    ticks = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    pad = " " if len(ticks) > 1 else ""
    return Safe(f"{ticks}{pad}{line}{pad}{ticks}")


def ident(text: str) -> Safe:
    """A name, a digest, a date or a path as it is, if it is nothing else; any other text as `inline`."""
    return Safe(text) if _IDENT.fullmatch(text) else inline(text)


def prose(text: str) -> Safe:
    """A sentence of plain words as it is; any other text as `inline`."""
    return Safe(text) if _PROSE.fullmatch(text) else inline(text, 300)


def fence(text: str, info: Info = "text") -> Safe:
    """A Markdown code block: each line behind a gutter mark, wrapped at `WIDTH`. Joining the lines that begin with
    `MORE` to those before them gives `visible(text)` back."""
    return fence_lines(((LINE, line) for line in text.split("\n")), info)


def fence_lines(lines: Iterable[tuple[str, str]], info: Info) -> Safe:
    """A Markdown code block of (gutter, line) pairs. The gutter is ours: `LINE`, or `+ `, `- ` and two spaces, which
    colour a `diff` block, whose own remarks stand behind `@@ `. Wrapped lines repeat a `diff`'s gutter."""
    shown = []
    for gutter, line in lines:
        assert gutter in (LINE, "+ ", "- ", "  ", "@@ "), gutter
        first, *rest = wrapped(visible(line).replace("\n", "⟦U+000A⟧"))
        shown.append(gutter + first)
        shown += [(MORE if gutter == LINE else gutter) + part for part in rest]
    body = "\n".join(shown)
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`+", body)), default=0))
    return Safe(f"{ticks}{info}\n{body}\n{ticks}\n")


def wrapped(line: str, width: int = WIDTH) -> list[str]:
    """Parts of at most `width` columns, broken after a space where there is one; joined they are the line.
    A character from U+1100 on counts as two columns: nearly true, and the same everywhere."""
    parts, start, columns, space = [], 0, 0, 0
    for at, character in enumerate(line):
        columns += 2 if character >= "\u1100" else 1
        if columns > width and at > start:
            end = space if space > start else at
            parts.append(line[start:end])
            columns = sum(2 if kept >= "\u1100" else 1 for kept in line[end : at + 1])
            start = end
        if character == " ":
            space = at + 1
    return [*parts, line[start:]]


def html(text: str) -> str:
    """Text for an HTML element or a quoted attribute. Always one line, so it cannot end an HTML block of Markdown;
    inside one it belongs into `<code>`, which GitHub's filters skip."""
    return visible(text).translate(_ENTITIES)


def svg(text: str) -> str:
    """Text for an element or a quoted attribute of SVG: XML 1.0 characters only, one line."""
    return _one_line(text).translate(_ENTITIES)


def csv(text: str) -> str:
    """One quoted cell on one line. An apostrophe stands before whatever a spreadsheet could take for the start of a
    formula, also where it splits at another separator than ours."""
    return '"' + _FORMULA.sub(r"\1\2'", visible(text)).replace("\n", "⟦U+000A⟧").replace('"', '""') + '"'
