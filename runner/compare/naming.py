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

from runner.compare.permutation import Matrix, energy_test
from runner.compare.units import Gathered, Unit
from runner.model.report import PValue, Test


class Found(NamedTuple):
    """What the tests found. `detectable` and `together` are those of the last test."""

    tests: tuple[Test, ...] = ()
    named: tuple[str, ...] = ()
    each_other: tuple[str, ...] = ()
    detectable: int | None = None
    together: PValue | None = None

    def rivals(self, group: str) -> tuple[str, ...]:
        """The groups that a named one was tested against when it was named."""
        last = next(test for test in reversed(self.tests) if group in test.regions)
        return tuple(other for other in last.regions if other != group)


def find(gathered: Gathered, distances: Matrix, level: Fraction) -> Found:
    """Test all groups that answered, and name those that differ. `distances` are between all units, in their order."""
    current = gathered.observed()
    tests: list[Test] = []
    named: tuple[str, ...] = ()
    while True:
        chosen = [number for group in current for number, unit in enumerate(gathered.units) if unit.region == group]
        kept = [[distances[a][b] for b in chosen] for a in chosen]
        outcome = energy_test(kept, sizes(gathered.units, current), seed(gathered, len(tests)), level)
        leaders = tuple(current[leader] for leader in outcome.leaders)
        tests.append(
            Test(
                kind="region" if tests else "global",
                regions=current,
                region=leaders[0] if len(leaders) == 1 else None,
                statistic=outcome.statistic,
                p=outcome.p,
                significant=outcome.significant,
            )
        )
        if not outcome.significant:
            return Found(tuple(tests), named, (), outcome.detectable, outcome.together)
        named = (*named, *leaders)
        rest = tuple(group for group in current if group not in leaders)
        if len(rest) < 2:
            return Found(tuple(tests), named, () if rest else leaders)
        current = rest


def sizes(units: Sequence[Unit], groups: Sequence[str]) -> list[int]:
    """How many providers each group has."""
    return [sum(unit.region == group for unit in units) for group in groups]


def seed(gathered: Gathered, test: int) -> bytes:
    """Where drawn permutations come from: the digest of the answers' digests, in their order, and which test it is."""
    digests = sorted(hashlib.sha256(gathered.texts.texts[answer.text].encode()).digest() for answer in gathered.answers)
    return hashlib.sha256(b"beacon permutation v1\n" + bytes([test]) + b"".join(digests)).digest()
