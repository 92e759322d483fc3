"""The permutation test: p values by hand and by brute force, the shift that it would find, and its false alarms."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations, permutations

import pytest

from runner.compare.permutation import DRAWS, EXACT, Outcome, count, energy_test, least

LEVEL = Fraction(1, 20)


def matrix(n: int, distance: Callable[[int, int], int]) -> list[list[int]]:
    found = [[0] * n for _ in range(n)]
    for a, b in combinations(range(n), 2):
        found[a][b] = found[b][a] = distance(a, b)
    return found


def outlier(sizes: Sequence[int], which: int) -> list[list[int]]:
    """One group far from the rest, small distances everywhere else that no two pairs share."""
    of = [group for group, size in enumerate(sizes) for _ in range(size)]
    far = [group == which for group in of]
    rng = random.Random(0)
    return matrix(len(of), lambda a, b: 900_000 if far[a] != far[b] else rng.randrange(1, 20_000))


def energy(distances: Sequence[Sequence[int]], group: Sequence[int]) -> Fraction:
    """The definition, written out."""
    rest = [unit for unit in range(len(distances)) if unit not in group]

    def mean(values: list[int]) -> Fraction:
        return Fraction(sum(values), len(values)) if values else Fraction(0)

    across = mean([distances[a][b] for a in group for b in rest])
    return (
        2 * across
        - mean([distances[a][b] for a, b in combinations(group, 2)])
        - mean([distances[a][b] for a, b in combinations(rest, 2)])
    )


def brute_force(distances: Sequence[Sequence[int]], sizes: Sequence[int]) -> Fraction:
    """p over every order of the providers, with the weight g h of the statistic."""
    n, starts = len(distances), [sum(sizes[:group]) for group in range(len(sizes))]

    def largest(order: Sequence[int]) -> Fraction:
        return max(
            size * (n - size) * energy(distances, order[start : start + size])
            for start, size in zip(starts, sizes, strict=True)
        )

    observed = largest(range(n))
    extreme = [largest(order) >= observed for order in permutations(range(n))]
    return Fraction(sum(extreme), len(extreme))


@pytest.mark.parametrize(
    ("sizes", "ways", "together"),
    [((3, 3, 3), 280, 10), ((3, 3), 10, 1), ((2, 2), 3, 1), ((2, 2, 2), 15, 3), ((4, 4, 4), 5775, 35), ((3, 4), 35, 1)],
)
def test_the_smallest_p_by_hand(sizes: tuple[int, ...], ways: int, together: int) -> None:
    assert count(sizes) == ways
    p = least(sizes)
    assert (p.count, p.of, p.exact) == (together, ways, True)
    reached = min(
        (energy_test(outlier(sizes, group), sizes, b"", LEVEL).p for group in range(len(sizes))), key=lambda p: p.count
    )
    assert reached == p, "a region that stands out reaches it"


@pytest.mark.parametrize("sizes", [(2, 2), (3, 3), (2, 3), (2, 2, 2), (3, 2, 2), (1, 2, 3)])
def test_p_is_that_of_brute_force(sizes: tuple[int, ...]) -> None:
    rng = random.Random(sum(sizes))
    distances = matrix(sum(sizes), lambda a, b: rng.randrange(4) * 100_000)  # few values, so that many tie
    found = energy_test(distances, sizes, b"", LEVEL)
    assert Fraction(found.p.count, found.p.of) == brute_force(distances, sizes)
    first = found.leaders[0]
    start = sum(sizes[:first])
    assert found.statistic == energy(distances, range(start, start + sizes[first])) // 1


def test_two_regions_always_tie_and_a_lone_outlier_leads() -> None:
    assert energy_test(outlier((3, 3), 0), (3, 3), b"", LEVEL).leaders == (0, 1)
    assert energy_test(outlier((3, 3, 3), 2), (3, 3, 3), b"", LEVEL).leaders == (2,)


def test_nothing_but_ties_is_never_significant() -> None:
    found = energy_test(matrix(9, lambda a, b: 7), (3, 3, 3), b"", LEVEL)
    assert (found.statistic, found.p.count, found.p.of, found.significant) == (0, 280, 280, False)


def test_the_detectable_shift_is_the_smallest_that_is_found() -> None:
    sizes = (3, 3, 4)
    rng = random.Random(5)
    distances = matrix(10, lambda a, b: rng.randrange(300_000, 400_000))
    needed = []
    for group, size in enumerate(sizes):
        mine = range(sum(sizes[:group]), sum(sizes[:group]) + size)

        def shifted(by: int, mine: range = mine) -> Outcome:
            moved = matrix(10, lambda a, b: distances[a][b] + by * ((a in mine) != (b in mine)))
            return energy_test(moved, sizes, b"", LEVEL)

        low, high = -1, 1_000_000
        while high - low > 1:
            middle = (low + high) // 2
            outcome = shifted(middle)
            low, high = (low, middle) if outcome.significant and outcome.leaders == (group,) else (middle, high)
        needed.append(high)
    assert energy_test(distances, sizes, b"", LEVEL).detectable == max(needed)


def test_a_design_that_cannot_reject_detects_nothing() -> None:
    assert energy_test(matrix(6, lambda a, b: 10), (3, 3), b"", LEVEL).detectable is None


def test_many_providers_are_drawn_from_the_seed_alone() -> None:
    sizes = (5, 5, 5)
    assert count(sizes) > EXACT
    found = energy_test(outlier(sizes, 1), sizes, b"seed", LEVEL)
    assert found == energy_test(outlier(sizes, 1), sizes, b"seed", LEVEL)
    assert (found.p.of, found.p.exact, found.leaders) == (DRAWS + 1, False, (1,))
    assert found.p.count < 8, "two are expected"
    assert least(sizes).count == 2
    other = energy_test(outlier(sizes, 1), sizes, b"another", LEVEL)
    assert other.p.of == found.p.of


def test_false_alarms_stay_below_the_level_where_providers_differ_and_regions_do_not() -> None:
    """Each provider has an effect of its own, some a large one; distances are between points in a plane."""
    rng = random.Random(11)
    alarms = trials = 0
    for _ in range(400):
        spread = [rng.choice((1, 1, 1, 20)) for _ in range(9)]
        points = [(rng.gauss(0, size), rng.gauss(0, size)) for size in spread]
        rng.shuffle(points)
        distances = matrix(9, lambda a, b, p=points: int(1000 * (abs(p[a][0] - p[b][0]) + abs(p[a][1] - p[b][1]))))
        trials += 1
        alarms += energy_test(distances, (3, 3, 3), b"", LEVEL).significant
    assert alarms <= 0.05 * trials + 2 * (0.05 * 0.95 * trials) ** 0.5
    assert alarms > 0, "a test that never rejects would pass this too"
