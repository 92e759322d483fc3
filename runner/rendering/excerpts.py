"""Answers as blocks of Markdown that never outgrow their room: an excerpt of one, the word diff of two.

What does not fit is cut from the end; a word diff says so itself, behind `@@`, which no answer can write at a line's
start. Nothing is left out silently.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence

from runner.compare import worddiff
from runner.rendering.neutral import Safe, fence, fence_lines

LEAST = 600
"""Bytes below which an excerpt is not worth reading."""

_SHORT_EQUAL = 3
_LONG_EQUAL, _SHOWN_EQUAL = 400, 160
_GUTTERS = {"equal": "  ", "delete": "- ", "insert": "+ "}


def decoded(raw: bytes, limit: int) -> str:
    """The first `limit` bytes as text; bytes that are no UTF-8 are shown, a character cut in two is left out."""
    return codecs.getincrementaldecoder("utf-8")("backslashreplace").decode(raw[:limit], final=len(raw) <= limit)


def fence_within(text: str, room: int) -> tuple[Safe, bool]:
    """The text in a fence of at most `room` bytes, and whether that is all of it."""
    shown = text[:room]
    while len((block := fence(shown)).encode()) > room and shown:
        shown = shown[: min(len(shown) - 1, len(shown) * room // len(block.encode()))]
    return block, len(shown) == len(text)


def word_diff(a: bytes, b: bytes, room: int) -> Safe:
    """Two answers as a `diff` block: common words, words only in the first (-), only in the second (+)."""
    if a == b:
        return Safe("The two answers are the same, byte for byte.\n")
    limit = max(LEAST, room // 2)
    one, other = decoded(a, limit), decoded(b, limit)
    lines = list(diff_lines(one, other))
    end = f"both are cut after {limit} bytes" if max(len(a), len(b)) > limit else ""
    kept = len(lines)
    while True:
        rest = f"{len(lines) - kept} more lines are not shown" if kept < len(lines) else end
        block = fence_lines([*lines[:kept], *([("@@ ", f"{rest} @@")] if rest else [])], "diff")
        if len(block.encode()) <= room or not kept:
            return block
        kept = min(kept - 1, kept * room // len(block.encode()))


def diff_lines(a: str, b: str) -> Iterator[tuple[str, str]]:
    """How two texts differ: lines behind `- `, `+ ` and two spaces, remarks of ours behind `@@ `. A few equal words
    within a change belong to it; of long equal stretches the ends stay. The lines are still to be neutralised."""
    return _lines(_coarse(worddiff.diff(a, b)))


def _coarse(ops: Sequence[worddiff.Op]) -> Iterator[worddiff.Op]:
    """The same diff in fewer, longer steps: a few equal words on the line of a change belong to the change."""
    removed = added = ""
    for number, op in enumerate(ops):
        if op.kind != "equal":
            removed += op.text if op.kind == "delete" else ""
            added += op.text if op.kind == "insert" else ""
            continue
        lines = re.findall(r"[^\n]*\n|[^\n]+", op.text)
        head = number > 0 and lines and _is_short(lines[0])
        tail = number < len(ops) - 1 and len(lines) > (1 if head else 0) and _is_short(lines[-1])
        if head:
            removed, added = removed + lines[0], added + lines[0]
        if rest := "".join(lines[1 if head else 0 : -1 if tail else None]):
            yield from (worddiff.Op("delete", removed), worddiff.Op("insert", added), worddiff.Op("equal", rest))
            removed = added = ""
        if tail:
            removed, added = removed + lines[-1], added + lines[-1]
    yield from (worddiff.Op("delete", removed), worddiff.Op("insert", added))


def _is_short(line: str) -> bool:
    return len(line.split()) < _SHORT_EQUAL


def _lines(ops: Iterable[worddiff.Op]) -> Iterator[tuple[str, str]]:
    for op in ops:
        if not op.text:
            continue
        lines = op.text.removesuffix("\n").split("\n")
        if op.kind == "equal" and len(op.text) > _LONG_EQUAL:
            start, end = op.text[:_SHOWN_EQUAL].split("\n"), op.text[-_SHOWN_EQUAL:].removesuffix("\n").split("\n")
            yield from (("  ", line) for line in start)
            yield "@@ ", f"{len(op.text) - 2 * _SHOWN_EQUAL} characters alike @@"
            yield from (("  ", line) for line in end)
        else:
            yield from ((_GUTTERS[op.kind], line) for line in lines)
