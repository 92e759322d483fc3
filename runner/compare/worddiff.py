"""A word diff for readers, with bounded memory and time.

A full comparison of two long texts costs a bit for each pair of words, which a hostile answer makes gigabytes. So:
trim the equal ends, anchor on sentences that stand once on either side, in an order that both keep, and compare words
only in the gaps between. A gap of more than `CELLS` word pairs is shown as one deletion and one insertion.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from rapidfuzz.distance import Indel

from runner.compare.tokens import intern_words, tokens

CELLS = 4_000_000
"""Word pairs compared in full, a bit each: half a megabyte."""
SENTENCE = 60
"""Words after which a sentence ends even where it does not."""
ANCHOR = 8
"""Characters that an equal sentence needs to be an anchor."""

_ENDS = frozenset(".!?。！？")


class Op(NamedTuple):
    """A stretch of text that both sides have, or that only the first (delete) or the second (insert) has."""

    kind: Literal["equal", "delete", "insert"]
    text: str


class _Span(NamedTuple):
    """Words [start, end) of one side."""

    start: int
    end: int


def diff(a: str, b: str) -> tuple[Op, ...]:
    """How `a` becomes `b`. The equal and deleted texts, joined, are `a`; the equal and inserted ones are `b`.

    No two neighbours have the same kind; between two equal stretches, what is deleted comes before what is inserted."""
    one, other = tokens(a), tokens(b)
    start, end = _common_ends(one, other)
    ops = [Op("equal", "".join(one[:start]))]
    ops += _between(one[start : len(one) - end], other[start : len(other) - end])
    ops.append(Op("equal", "".join(one[len(one) - end :])))
    return tuple(_joined(ops))


def _common_ends(a: Sequence[str], b: Sequence[str]) -> tuple[int, int]:
    """How many words both begin with, and how many of those left they end with."""
    shorter = min(len(a), len(b))
    start = next((i for i in range(shorter) if a[i] != b[i]), shorter)
    end = next((i for i in range(shorter - start) if a[-1 - i] != b[-1 - i]), shorter - start)
    return start, end


def _between(a: Sequence[str], b: Sequence[str]) -> Iterator[Op]:
    """The diff of what stands between the common ends."""
    if len(a) * len(b) <= CELLS:
        yield from _gap(a, b)
        return
    i = j = 0
    for here, there in _anchors(a, b):
        yield from _gap(a[i : here.start], b[j : there.start])
        yield Op("equal", "".join(a[here.start : here.end]))
        i, j = here.end, there.end
    yield from _gap(a[i:], b[j:])


def _gap(a: Sequence[str], b: Sequence[str]) -> Iterator[Op]:
    """The full diff of two short stretches; of long ones, that everything differs."""
    if not a or not b or len(a) * len(b) > CELLS:
        yield Op("delete", "".join(a))
        yield Op("insert", "".join(b))
        return
    one, other = intern_words((a, b))
    for code in Indel.opcodes(one, other):
        mine = "".join(a[code.src_start : code.src_end])
        if code.tag == "equal":
            yield Op("equal", mine)
        else:
            yield Op("delete", mine)
            yield Op("insert", "".join(b[code.dest_start : code.dest_end]))


def _sentences(words: Sequence[str]) -> Iterator[_Span]:
    """The words cut after full stops and line ends, and after `SENTENCE` words."""
    start = 0
    for at, word in enumerate(words, 1):
        if word in _ENDS or "\n" in word or at - start >= SENTENCE:
            yield _Span(start, at)
            start = at
    if start < len(words):
        yield _Span(start, len(words))


def _unique(words: Sequence[str]) -> dict[str, _Span]:
    """The sentences that stand once, long enough to anchor on, by their text."""
    found: dict[str, _Span | None] = {}
    for span in _sentences(words):
        text = "".join(words[span.start : span.end])
        if len(text) >= ANCHOR:
            found[text] = None if text in found else span
    return {text: span for text, span in found.items() if span is not None}


def _anchors(a: Sequence[str], b: Sequence[str]) -> list[tuple[_Span, _Span]]:
    """Sentences unique on either side and equal: the longest selection in the order of both (patience diff)."""
    theirs = _unique(b)
    pairs = [(span, theirs[text]) for text, span in _unique(a).items() if text in theirs]
    tails: list[int] = []
    last: list[int] = []
    before: list[int | None] = []
    for index, (_, there) in enumerate(pairs):
        length = bisect_left(tails, there.start)
        before.append(last[length - 1] if length else None)
        tails[length : length + 1] = [there.start]
        last[length : length + 1] = [index]
    chain: list[tuple[_Span, _Span]] = []
    at = last[-1] if last else None
    while at is not None:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]


def _joined(ops: Sequence[Op]) -> Iterator[Op]:
    """Neighbours of one kind as one, deletions before insertions, nothing empty."""
    parts: dict[str, list[str]] = {"equal": [], "delete": [], "insert": []}

    def flush(*kinds: Literal["equal", "delete", "insert"]) -> Iterator[Op]:
        for kind in kinds:
            if text := "".join(parts[kind]):
                yield Op(kind, text)
            parts[kind].clear()

    for op in ops:
        if not op.text:
            continue
        yield from flush("delete", "insert") if op.kind == "equal" else flush("equal")
        parts[op.kind].append(op.text)
    yield from flush("equal", "delete", "insert")
