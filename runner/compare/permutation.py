"""The permutation test of regions, with the provider as the unit. Integers only, so p is the same on every machine.

For a region G and the rest R, with g and h providers, the energy distance is

    E(G) = 2 mean d(G, R) - mean d(G, G) - mean d(R, R)         means over pairs of different providers

and the statistic compared is g h / (g + h) E(G), which makes regions of unequal size comparable (Székely and Rizzo,
"Energy statistics", 2013). The test takes the largest over the regions. Where no region matters, every way of dealing
the same providers to regions of these sizes is as likely as the observed one; p is the share of those whose largest
statistic is at least the observed one. Ties count. Up to `EXACT` ways are all counted; else `DRAWS` are drawn from a
SHA-256 counter, and p = (1 + b) / (1 + DRAWS).

Ways that differ only in which of two equally large regions got which group have the same statistic, and are one way
here: three regions of three providers have 280, of which ten keep one given group together, so p is 10/280 at best.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache, lru_cache
from itertools import combinations
from math import factorial, lcm, prod
from operator import itemgetter
from struct import Struct
from typing import NamedTuple, TypeAlias

from runner.model.chance import PValue

EXACT = 20_000
DRAWS = 1_999

Matrix: TypeAlias = Sequence[Sequence[int]]
"""Symmetric distances between providers, a zero diagonal."""

Grouping: TypeAlias = tuple[int, ...]
"""One way to deal the providers: for each group a mask with a bit for each of its providers."""


class Outcome(NamedTuple):
    """What a test found. `leaders` are the groups with the largest statistic, several where they tie; `statistic` is
    their energy distance in parts per million, rounded down; `detectable` as in `_detectable`. `together` is the p of
    the sum over all groups: small where groups differ, though none of them stands out alone."""

    leaders: tuple[int, ...]
    statistic: int
    p: PValue
    significant: bool
    detectable: int | None
    together: PValue


def count(sizes: Sequence[int]) -> int:
    """How many ways there are to divide sum(sizes) providers into groups of these sizes."""
    alike = prod(factorial(sizes.count(size)) for size in set(sizes))
    return factorial(sum(sizes)) // prod(map(factorial, sizes)) // alike


def least(sizes: Sequence[int]) -> PValue:
    """The smallest p that groups of these sizes can reach: that of one group which stands out by far.

    Every way that keeps this group together ties with the observed one. Where ways are drawn, the p to be expected."""
    total = count(sizes)
    together = total
    for size in set(sizes):
        rest = list(sizes)
        rest.remove(size)
        ways = count(rest)
        if len(rest) > 1 and sum(rest) in rest:  # a group as large as the rest together has the rest's statistic
            mirrored = list(sizes)
            mirrored.remove(sum(rest))
            ways += count(mirrored)
        together = min(together, ways)
    if total <= EXACT:
        return PValue(count=together, of=total, exact=True)
    return PValue(count=1 + DRAWS * together // total, of=1 + DRAWS, exact=False)


def energy_test(distances: Matrix, sizes: Sequence[int], seed: bytes, level: Fraction) -> Outcome:
    """Does any group differ from the rest? The first sizes[0] providers are the first group, and so on.

    At least two groups. `seed` is used where ways are drawn. Cost: the number of ways times the number of groups."""
    n = sum(sizes)
    statistic = _statistic(distances, sizes)
    observed = _blocks(range(n), sizes)
    scores = [statistic(group) for group in observed]
    top = max(scores)
    exact = count(sizes) <= EXACT
    ways = _all(tuple(sorted(sizes))) if exact else tuple(_drawn(n, sizes, seed))
    extreme = sum(any(statistic(group) >= top for group in way) for way in ways)
    wide = sum(sum(map(statistic, way)) >= sum(scores) for way in ways)
    p, together = (
        PValue(count=found + (not exact), of=len(ways) + (not exact), exact=exact) for found in (extreme, wide)
    )
    leaders = tuple(index for index, score in enumerate(scores) if score == top)
    size = sizes[leaders[0]]
    return Outcome(
        leaders,
        top // (size * (n - size) * _scale(sizes)),
        p,
        Fraction(p.count, p.of) <= level,
        _detectable(statistic, observed, sizes, ways, int(level * p.of) - (not exact)),
        together,
    )


def _blocks(order: Sequence[int], sizes: Sequence[int]) -> Grouping:
    """Consecutive providers of an order as groups of the given sizes."""
    masks, start = [], 0
    for size in sizes:
        masks.append(sum(map(_bit, order[start : start + size])))
        start += size
    return tuple(masks)


_bit = (1).__lshift__
"""The mask of a provider."""


@lru_cache(maxsize=4)
def _all(sizes: tuple[int, ...]) -> tuple[Grouping, ...]:
    return tuple(_every(tuple(range(sum(sizes))), sizes))


def _every(units: tuple[int, ...], sizes: tuple[int, ...]) -> Iterator[Grouping]:
    """Every way once: the first provider's group in each possible size, then the same for those left."""
    if not units:
        yield ()
        return
    for size in sorted(set(sizes)):
        left = list(sizes)
        left.remove(size)
        for fellows in combinations(units[1:], size - 1):
            group = (1 << units[0]) | sum(1 << unit for unit in fellows)
            rest = tuple(unit for unit in units[1:] if not group >> unit & 1)
            for others in _every(rest, tuple(left)):
                yield (group, *others)


def _drawn(n: int, sizes: Sequence[int], seed: bytes) -> Iterator[Grouping]:
    """`DRAWS` uniform ways: providers in the order of 64-bit words of SHA-256(seed, counter), big-endian."""
    blocks = -(-n // 4)
    unpack = Struct(f">{4 * blocks}Q").unpack
    for draw in range(DRAWS):
        counters = range(draw * blocks, (draw + 1) * blocks)
        keys = unpack(b"".join([hashlib.sha256(seed + counter.to_bytes(8, "big")).digest() for counter in counters]))
        yield _blocks(sorted(range(n), key=keys.__getitem__), sizes)


def uniform(seed: bytes) -> Callable[[int], int]:
    """A source of numbers below a bound, all as likely: 32-bit words of SHA-256(seed, counter), big-endian."""

    def words() -> Iterator[int]:
        counter = 0
        while True:
            block = hashlib.sha256(seed + counter.to_bytes(8, "big")).digest()
            yield from (int.from_bytes(block[at : at + 4], "big") for at in range(0, 32, 4))
            counter += 1

    source = words()

    def below(bound: int) -> int:
        even = 2**32 - 2**32 % bound  # words above would favour small numbers
        return next(word for word in source if word < even) % bound

    return below


def _weigh(scale: int, g: int, h: int, within: int, across: int, rest: int) -> int:
    """g h E(G) times `scale`, an integer, from the sums of distances within G, across, and within the rest.

    `scale` is a multiple of (g - 1)(h - 1). A group of one has no distance within it, and counts 0 there."""
    apart = within * h * scale // (g - 1) if g > 1 else 0
    return 2 * (across * scale - apart - (rest * g * scale // (h - 1) if h > 1 else 0))


def _scale(sizes: Sequence[int]) -> int:
    """What makes the statistics of groups of these sizes integers."""
    n = sum(sizes)
    return lcm(*(max(1, g - 1) * max(1, n - g - 1) for g in sizes))


def _statistic(distances: Matrix, sizes: Sequence[int]) -> Callable[[int], int]:
    """The statistic of a group by its mask, scaled to an integer alike for all groups; computed once for each."""
    n, scale = len(distances), _scale(sizes)
    rows = [sum(row) for row in distances]
    total = sum(rows) // 2

    @cache
    def statistic(group: int) -> int:
        members = [unit for unit in range(n) if group >> unit & 1]
        pick = itemgetter(*members) if len(members) > 1 else lambda row: (row[members[0]],)
        within = sum(map(sum, map(pick, pick(distances)))) // 2
        across = sum(pick(rows)) - 2 * within
        return _weigh(scale, len(members), n - len(members), within, across, total - within - across)

    return statistic


def _detectable(
    statistic: Callable[[int], int], observed: Grouping, sizes: Sequence[int], ways: Sequence[Grouping], allowed: int
) -> int | None:
    """The smallest shift that would have been found in whichever region it had been; None where no shift would.

    A shift of a region adds so many parts per million to every distance between a provider of it and one outside. It
    is found where the test rejects and names that region: where at most `allowed` ways still reach its statistic."""
    found = [_shift(statistic, region, observed, sizes, ways, allowed) for region in observed]
    return None if None in found else max(shift for shift in found if shift is not None)


def _shift(
    statistic: Callable[[int], int],
    region: int,
    observed: Grouping,
    sizes: Sequence[int],
    ways: Sequence[Grouping],
    allowed: int,
) -> int | None:
    """The smallest shift of one region that is found.

    A shift raises every statistic linearly, and that of the region itself the most. So each other group reaches it
    only up to some shift, which can be solved for, and each way up to the largest of its groups' shifts."""
    n, scale, size, own = sum(sizes), _scale(sizes), region.bit_count(), statistic(region)
    everyone = (1 << n) - 1
    never = 10**6 + 1

    @cache
    def slope(g: int, both: int) -> int:
        """That of a group of g providers, `both` of them of the region."""
        h, outside = n - g, size - both
        across = both * (h - outside) + (g - both) * outside
        return _weigh(scale, g, h, both * (g - both), across, outside * (h - outside))

    steepest = slope(size, size)

    @cache
    def needed(group: int) -> int:
        """The smallest shift with which the region's statistic is above this group's."""
        if group in (region, everyone ^ region):
            return never
        lead, gain = statistic(group) - own, steepest - slope(group.bit_count(), (group & region).bit_count())
        if gain <= 0:
            return never if lead >= 0 else 0
        return max(0, lead // gain + 1)

    if not 0 <= allowed < len(ways):
        return None if allowed < 0 else 0
    reached = sorted(max(map(needed, way)) for way in ways)
    rivals = max((needed(group) for group in observed if group != region), default=0) if len(observed) > 2 else 0
    shift = max(reached[len(ways) - allowed - 1], rivals)
    return shift if shift < never else None
