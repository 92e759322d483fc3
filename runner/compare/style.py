"""How alike two providers write, over all prompts at once: what the test sees beside the distance of words.

A region that is served otherwise for a share of its calls moves the mean distance of single answers by the square of
that share, which noise hides. But what another model says again and again, whatever it is asked, adds up over prompts,
while what belongs to one answer averages out. So each answer becomes a vector over its words and pairs of neighbours:
the square root of how often each stands there, length one; only those that occur under `COMMON` of the prompts or
more, all of them where there are one to three prompts. A provider is the mean of its vectors, and the distance of two
providers is the squared distance of their means over the prompts (and replicas, for shared seeds) that both answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction
from itertools import chain, combinations, pairwise
from math import ceil, isqrt
from operator import mul
from typing import TypeAlias

from runner.compare.distance import Texts
from runner.compare.tokens import numbers
from runner.compare.units import Stratum, Unit

COMMON = Fraction(3, 10)
READ = 4_096
"""Words of an answer that are read."""
BILLION = 10**9
_BITS = 20

Vector: TypeAlias = Mapping[int, int]
"""The number of a word, or of two neighbours, to its weight in units of 2**-20."""


def style_distances(texts: Texts, units: Sequence[Unit]) -> list[list[int | None]]:
    """Parts per billion, from 0 (the same means) to a billion (nothing in common); None as in `unit_distances`."""
    vectors = _vectors(texts, units)
    means: dict[tuple[int, tuple[Stratum, ...]], tuple[Vector, int]] = {}

    def mean(number: int, strata: tuple[Stratum, ...]) -> tuple[Vector, int]:
        if (number, strata) not in means:
            vector = _sum(vectors, units[number], strata)
            means[number, strata] = vector, _dot(vector, vector)
        return means[number, strata]

    matrix: list[list[int | None]] = [[0] * len(units) for _ in units]
    for a, b in combinations(range(len(units)), 2):
        strata = tuple(sorted(units[a].answers.keys() & units[b].answers.keys()))
        (x, xx), (y, yy) = mean(a, strata), mean(b, strata)
        whole = 2 * len(strata) ** 2 << 2 * _BITS
        apart = min(BILLION, (xx + yy - 2 * _dot(x, y)) * BILLION // whole) if strata else None
        matrix[a][b] = matrix[b][a] = apart
    return matrix


def _vectors(texts: Texts, units: Sequence[Unit]) -> dict[int, Vector]:
    """The vector of each text that a unit answered."""
    prompts: dict[int, set[str]] = {}
    for unit in units:
        for answer in (answer for mine in unit.answers.values() for answer in mine):
            prompts.setdefault(answer.text, set()).add(answer.prompt)
    known = numbers()
    counts = {text: _count(texts.words[text][:READ], known) for text in prompts}
    seen: dict[int, set[str]] = {}
    asked = len(set().union(*prompts.values()))
    enough = ceil(asked * COMMON)
    if enough > 1:
        for text, where in prompts.items():
            for gram in counts[text]:
                seen.setdefault(gram, set()).update(where)
        kept = {gram for gram, where in seen.items() if len(where) >= enough}
        counts = {text: {gram: n for gram, n in count.items() if gram in kept} for text, count in counts.items()}
    return {text: _unit_length(count) for text, count in counts.items()}


def _count(words: str | Sequence[int], known: Mapping[Hashable, int]) -> Mapping[int, int]:
    """How often each word and each two neighbours stand there, by number: a number is found faster than two words."""
    return Counter(map(known.__getitem__, chain(words, pairwise(words))))


def _unit_length(count: Mapping[int, int]) -> Vector:
    length = isqrt(sum(count.values()) << 2 * _BITS)
    weights = {n: (isqrt(n << 2 * _BITS) << _BITS) // length for n in set(count.values())}
    return {gram: weights[n] for gram, n in count.items()}


def _sum(vectors: Mapping[int, Vector], unit: Unit, strata: Sequence[Stratum]) -> Vector:
    """Over strata, the mean vector of the unit's answers in each."""
    return _added([_mean([vectors[answer.text] for answer in unit.answers[stratum]]) for stratum in strata])


def _mean(vectors: Sequence[Vector]) -> Vector:
    if len(vectors) == 1:
        return vectors[0]
    return {gram: weight // len(vectors) for gram, weight in _added(vectors).items()}


def _added(vectors: Sequence[Vector]) -> Vector:
    if len(vectors) < 2:
        return vectors[0] if vectors else {}
    total = dict(vectors[0])
    for vector in vectors[1:]:
        for gram, weight in vector.items():
            total[gram] = total.get(gram, 0) + weight
    return total


def _dot(a: Vector, b: Vector) -> int:
    common = a.keys() & b.keys()
    return sum(map(mul, map(a.__getitem__, common), map(b.__getitem__, common)))
