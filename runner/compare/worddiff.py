"""A word diff for readers, with bounded memory and time.

A full comparison of two long texts costs a bit for each pair of words, which a hostile answer makes gigabytes. So:
trim the equal ends, anchor on sentences that stand once on either side, in an order that both keep, and compare words
only in the gaps between. A gap of more than `CELLS` word pairs is shown as one deletion and one insertion.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeVar

from rapidfuzz.distance import Indel

from runner.compare.tokens import intern_words, tokens

CELLS = 4_000_000
"""Word pairs compared in full, a bit each: half a megabyte."""
ANCHOR = 8
"""Characters that an equal sentence needs to be an anchor."""

S = TypeVar("S", str, tuple[str, ...])
_SENTENCE = re.compile(r"[^.!?。！？\n]*+(?:[.!?](?![ \n])[^.!?。！？\n]*+)*[.!?。！？\n]?+")


class Op(NamedTuple):
    """A stretch of text that both sides have, or that only the first (delete) or the second (insert) has."""

    kind: Literal["equal", "delete", "insert"]
    text: str


def diff(a: str, b: str) -> tuple[Op, ...]:
    """How `a` becomes `b`. The equal and deleted texts, joined, are `a`; the equal and inserted ones are `b`.

    No two neighbours have the same kind; between two equal stretches, what is deleted comes before what is inserted."""
    return tuple(_joined(_sentences(_SENTENCE.findall(a), _SENTENCE.findall(b))))


def _sentences(a: Sequence[str], b: Sequence[str]) -> Iterator[Op]:
    """The diff by sentences: equal ends, then anchors, and words in the gaps between."""
    start, end = common_ends(a, b)
    i = j = start
    yield Op("equal", "".join(a[:start]))
    for here, there in anchors(a[start : len(a) - end], b[start : len(b) - end], ANCHOR):
        yield from _gap("".join(a[i : start + here]), "".join(b[j : start + there]))
        yield Op("equal", a[start + here])
        i, j = start + here + 1, start + there + 1
    yield from _gap("".join(a[i : len(a) - end]), "".join(b[j : len(b) - end]))
    yield Op("equal", "".join(a[len(a) - end :]))


def common_ends(a: Sequence[object], b: Sequence[object]) -> tuple[int, int]:
    """How many items both begin with, and how many of those left they end with."""
    shorter = min(len(a), len(b))
    start = next((i for i in range(shorter) if a[i] != b[i]), shorter)
    end = next((i for i in range(shorter - start) if a[-1 - i] != b[-1 - i]), shorter - start)
    return start, end


def _gap(a: str, b: str) -> Iterator[Op]:
    """The diff by words of what stands between two anchors; where that is too long, that everything differs."""
    one, other = tokens(a), tokens(b)
    start, end = common_ends(one, other)
    yield Op("equal", "".join(one[:start]))
    yield from _words(one[start : len(one) - end], other[start : len(other) - end])
    yield Op("equal", "".join(one[len(one) - end :]))


def _words(a: Sequence[str], b: Sequence[str]) -> Iterator[Op]:
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


def _unique(sentences: Sequence[S], least: int) -> dict[S, int]:
    """The places of sentences that stand once and are long enough to anchor on."""
    once = {text for text, times in Counter(sentences).items() if times == 1 and len(text) >= least}
    return {text: place for place, text in enumerate(sentences) if text in once}


def anchors(a: Sequence[S], b: Sequence[S], least: int) -> list[tuple[int, int]]:
    """Places of sentences unique on either side and equal: the longest selection in the order of both (patience).

    A sentence is a text or a tuple of words; shorter ones than `least` are no anchors."""
    theirs = _unique(b, least)
    pairs = [(place, theirs[text]) for text, place in _unique(a, least).items() if text in theirs]
    tails: list[int] = []
    last: list[int] = []
    before: list[int | None] = []
    for index, (_, there) in enumerate(pairs):
        length = bisect_left(tails, there)
        before.append(last[length - 1] if length else None)
        tails[length : length + 1] = [there]
        last[length : length + 1] = [index]
    chain: list[tuple[int, int]] = []
    at = last[-1] if last else None
    while at is not None:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]


def _joined(ops: Iterable[Op]) -> Iterator[Op]:
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
