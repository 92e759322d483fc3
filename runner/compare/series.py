"""Many looks at one job, and many jobs of one suite: what chance alone shows if one only looks often enough.

**Series.** A job with a schedule, or with revisions, is tested again and again, and nobody knows how often it will be.
So each look bets against "no look has had a difference": a wager that pays `bet(p)`, one at most on average if that is
so, because p at most t then has a chance of t at most. A change can come at any look, so the stake is spread in advance
over the looks at which to begin: 1/(s (s + 1)) for look s. By Ville's inequality the stake of 1 ever becomes 1/alpha
with a chance of at most alpha, however many looks there are and whenever one stops to look (Shafer, "Testing by
betting", 2021; Vovk and Wang, "E-values", 2021). Once there, it stays said: which look it was is `since`.

This holds where each look deals providers to regions anew. Where the same ones come back, habits of theirs do too, and
a long series finds them.

**Suite.** q of Benjamini and Hochberg (1995): of all jobs of a suite with q at most 0.05, one in twenty is expected to
be there by chance. The family is every job of the suite that has a published run, with its last one; a run that could
not be tested counts as p = 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from runner.model.report import DiffReport

KEPT = Fraction(1, 2)
"""What a bet keeps whatever p is."""
BETS = ((Fraction(1, 4), Fraction(1, 20)), (Fraction(1, 8), Fraction(1, 100)), (Fraction(1, 8), Fraction(1, 1000)))
"""Shares of the stake, and the p on which they are laid: each pays its share over that p, or nothing."""
_UNIT = 10**9


class Series(NamedTuple):
    """The looks that could be tested, those of them that were significant alone, what a stake of 1 has become (in
    hundredths, rounded down), and the number of the look since which it has once been 1/alpha."""

    looks: int
    significant: int
    hundredths: int
    since: int | None


def look(diff: DiffReport) -> Fraction | None:
    """The p of a whole run: the least of its targets', times their number; None where no target could be tested."""
    tests = [test.p for target in diff.targets for test in target.tests if test.kind == "global"]
    least = min((Fraction(p.count, p.of) for p in tests), default=None)
    return None if least is None else min(Fraction(1), len(diff.targets) * least)


def bet(p: Fraction) -> Fraction:
    """What a stake of 1 on a look becomes. Over a uniform p the mean is 1; the smaller p, the more."""
    return KEPT + sum((share / least for share, least in BETS if p <= least), Fraction(0))


def series(looks: Sequence[Fraction | None], alpha: Fraction) -> Series:
    """What the looks of a job say together, in their order. Those that could not be tested win and lose nothing.

    Rounded down at each step, so that the stake is never more than it is."""
    tested = [p for p in looks if p is not None]
    playing, since, stake = 0, None, Fraction(1)
    for number, p in enumerate(tested, 1):
        playing = int((playing + _UNIT // (number * (number + 1))) * bet(p))
        stake = Fraction(playing, _UNIT) + Fraction(1, number + 1)
        if since is None and stake * alpha >= 1:
            since = number
    return Series(len(tested), sum(p <= alpha for p in tested), int(100 * stake), since)


def adjusted(family: Sequence[Fraction | None]) -> tuple[Fraction | None, ...]:
    """The q of each member, in their order; None for one that could not be tested, which counts as a member."""
    ranked = sorted((p, number) for number, p in enumerate(family) if p is not None)
    found: dict[int, Fraction] = {}
    least = Fraction(1)
    for rank in range(len(ranked), 0, -1):
        p, number = ranked[rank - 1]
        found[number] = least = min(least, p * len(family) / rank)
    return tuple(found.get(number) for number in range(len(family)))
