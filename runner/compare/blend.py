"""Two measures as one matrix for the test: the distance of words, and that of style in its units.

Style is scaled so that both measures vary as much: a matrix varies by the sum of squares of what is left of it when the
mean of each provider is taken out (Székely and Rizzo's U-centring, "Partial distance correlation", 2014). The scale is
that of all providers together, whatever their regions, so it favours no region and the test stays exact. The sum is in
parts per million of words, and so are the shift that the test would find and its statistic.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

from runner.compare.distance import mean
from runner.compare.permutation import Matrix


def blend(words: Sequence[Sequence[int | None]], style: Sequence[Sequence[int | None]]) -> Matrix:
    """Both together; where one of them tells no provider from another, the other one alone decides."""
    one, other = filled(words), filled(style)
    mine, theirs = variation(one), variation(other)
    if not theirs:
        return one
    return [
        [a + b * (mine or theirs) // theirs for a, b in zip(row, line, strict=True)]
        for row, line in zip(one, other, strict=True)
    ]


def filled(distances: Sequence[Sequence[int | None]]) -> Matrix:
    """Two providers with nothing in common take the mean of all others: it favours no region, so the test holds."""
    typical = mean(distance for a, row in enumerate(distances) for distance in row[:a] if distance is not None)
    return [[typical or 0 if distance is None else distance for distance in row] for row in distances]


def variation(matrix: Matrix) -> int:
    """How much the distances vary, but for what is each provider's own, times what depends on their number only."""
    n = len(matrix)
    rows = [sum(row) for row in matrix]
    total = sum(rows)
    return isqrt(
        sum(
            ((n - 1) * (n - 2) * matrix[a][b] - (n - 1) * (rows[a] + rows[b]) + total) ** 2
            for a in range(n)
            for b in range(a)
        )
    )
