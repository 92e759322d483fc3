"""Distances as integers: parts per million, from 0 (the same words) to 1,000,000 (no word in common, in order).

The measure between two answers is the Indel distance over words: the least number of words to delete and insert,
over the number of words in both. It sees order, which bags of words and embeddings do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rapidfuzz.distance import Indel

from runner.compare.tokens import ANALYSED, intern_words, normalize, words

MILLION = 1_000_000
PIECE = 8_192
"""Words that are compared with each other at once: the cost is a bit for each pair of them."""


def ppm(a: Sequence[str] | Sequence[int], b: Sequence[str] | Sequence[int]) -> int:
    """The Indel distance of two word sequences, rounded down; 0 where both are empty.

    Longer ones than `PIECE` are compared piece by piece, first with first and so on: nothing is left out, hostile
    answers cost what their length costs, and words that moved from one piece into another count as changed."""
    total = len(a) + len(b)
    starts = range(0, max(len(a), len(b)), PIECE)
    apart = sum(Indel.distance(a[start : start + PIECE], b[start : start + PIECE]) for start in starts)
    return apart * MILLION // total if total else 0


def mean(values: Iterable[int]) -> int | None:
    """The arithmetic mean, rounded down; None of nothing."""
    found = tuple(values)
    return sum(found) // len(found) if found else None


class Texts:
    """The different texts among a target's answers. Each distance is computed once.

    `words` are those of each text: a character, or a number, stands for a word."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.words = intern_words(words(normalize(text[:ANALYSED], "NFC")) for text in texts)
        self._known: dict[tuple[int, int], int] = {}

    def distance(self, a: int, b: int) -> int:
        """Parts per million between two texts, by their places."""
        if a == b:
            return 0
        pair = (a, b) if a < b else (b, a)
        found = self._known.get(pair)
        if found is None:
            found = self._known[pair] = ppm(self.words[a], self.words[b])
        return found
