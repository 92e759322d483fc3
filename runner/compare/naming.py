"""Which groups of providers differ from the rest: the steps from one test to the next, and what they found.

A group is a region of one target, or a target over all its regions. All groups are tested; where the test rejects, the
one with the largest statistic is named and taken out, and the rest is tested again, until no test rejects. Groups that
tie are named together. Where all that are left tie, as two always do, they differ from each other.

The test itself is in `runner/compare/permutation.py`, the distances in `runner/compare/units.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from runner.compare.blend import blend
from runner.compare.permutation import Matrix, energy_test
from runner.compare.style import style_distances
from runner.compare.units import Gathered, Stratum, Unit
from runner.model.chance import PValue


class Step(NamedTuple):
    """One test: the groups that took part, those with the largest statistic, and what the test said."""

    groups: tuple[str, ...]
    leaders: tuple[str, ...]
    statistic: int
    p: PValue
    significant: bool


class Found(NamedTuple):
    """What the tests found. `detectable` and `together` are those of the last test."""

    steps: tuple[Step, ...] = ()
    named: tuple[str, ...] = ()
    each_other: tuple[str, ...] = ()
    detectable: int | None = None
    together: PValue | None = None

    def rivals(self, group: str) -> tuple[str, ...]:
        """The groups that a named one was tested against when it was named."""
        last = next(step for step in reversed(self.steps) if group in step.groups)
        return tuple(other for other in last.groups if other != group)


def find(gathered: Gathered, distances: Matrix, level: Fraction) -> Found:
    """Test all groups that answered, and name those that differ. `distances` are between all units, in their order."""
    current = gathered.observed()
    steps: list[Step] = []
    named: tuple[str, ...] = ()
    while True:
        chosen = [number for group in current for number, unit in enumerate(gathered.units) if unit.region == group]
        kept = [[distances[a][b] for b in chosen] for a in chosen]
        outcome = energy_test(kept, sizes(gathered.units, current), seed(gathered, len(steps)), level)
        leaders = tuple(current[leader] for leader in outcome.leaders)
        steps.append(Step(current, leaders, outcome.statistic, outcome.p, outcome.significant))
        if not outcome.significant:
            return Found(tuple(steps), named, (), outcome.detectable, outcome.together)
        named = (*named, *leaders)
        rest = tuple(group for group in current if group not in leaders)
        if len(rest) < 2:
            return Found(tuple(steps), named, () if rest else leaders)
        current = rest


def exchanged(gathered: Gathered, words: Sequence[Sequence[int | None]]) -> Matrix:
    """The distances that the test is made on: of words and of style."""
    return blend(words, style_distances(gathered.texts, gathered.units))


def identical(gathered: Gathered, groups: Sequence[str]) -> bool:
    """Whether all answers that may be compared are byte-identical, after what the job asks to ignore."""
    texts: dict[Stratum, int] = {}
    mine = [answer for answer in gathered.answers if answer.region in groups]
    return all(texts.setdefault(answer.stratum, answer.text) == answer.text for answer in mine)


def sizes(units: Sequence[Unit], groups: Sequence[str]) -> list[int]:
    """How many providers each group has."""
    return [sum(unit.region == group for unit in units) for group in groups]


def seed(gathered: Gathered, test: int) -> bytes:
    """Where drawn permutations come from: the digest of the answers' digests, in their order, and which test it is."""
    digests = sorted(hashlib.sha256(gathered.texts.texts[answer.text].encode()).digest() for answer in gathered.answers)
    return hashlib.sha256(b"beacon permutation v1\n" + bytes([test]) + b"".join(digests)).digest()
