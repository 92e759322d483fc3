"""Many looks and many jobs: the bet is fair, what is said by hand, and how often chance alone is taken for more."""

from __future__ import annotations

import random
from fractions import Fraction

from runner.compare.series import BETS, KEPT, Series, adjusted, bet, look, series
from tests.test_compare import small_run

LEVEL = Fraction(1, 20)


def test_a_bet_is_fair_and_pays_more_for_less() -> None:
    assert KEPT + sum(share for share, _ in BETS) == 1
    steps = sorted({least for _, least in BETS} | {Fraction(1)})
    mean = sum(bet(upper) * (upper - lower) for lower, upper in zip([Fraction(0), *steps], steps, strict=False))
    assert mean == 1, "over a uniform p"
    paid = [bet(Fraction(p, 2000)) for p in range(1, 2001)]
    assert paid == sorted(paid, reverse=True)


def test_looks_by_hand() -> None:
    assert series([], LEVEL) == Series(0, 0, 100, None)
    assert series([Fraction(1, 2)], LEVEL) == Series(1, 0, 75, None), "half of the stake plays, half of that is lost"
    assert series([None, Fraction(1, 28)], LEVEL).looks == 1
    once = series([Fraction(1, 28)], LEVEL)
    assert (once.hundredths, once.since) == (325, None), "one look of three regions of three providers proves nothing"
    assert series([Fraction(1, 28)] * 2, LEVEL).since is None or series([Fraction(1, 28)] * 2, LEVEL).since == 2
    assert series([Fraction(1, 28)] * 3, LEVEL).since is not None
    changed = series([Fraction(1, 2)] * 20 + [Fraction(1, 165)] * 6, LEVEL)
    assert changed.since is not None
    assert changed.since > 20
    back = series([Fraction(1, 28)] * 5 + [Fraction(1, 2)] * 20, LEVEL)
    assert back.since is not None, "what was once beyond chance stays said"
    assert back.hundredths < 2000


def test_a_long_series_stays_small() -> None:
    assert series([Fraction(1, 2)] * 5000, LEVEL).hundredths < 100


def test_thirty_looks_without_a_difference_raise_few_alarms() -> None:
    """Of the coarse p of three regions of three providers, and of a fine one."""
    rng = random.Random(8)
    for grain in (28, 2000):
        alarms = sum(
            series([Fraction(rng.randrange(1, grain + 1), grain) for _ in range(30)], LEVEL).since is not None
            for _ in range(2000)
        )
        assert alarms <= 0.05 * 2000
        assert alarms > 0, "a test that never says anything would pass this too"


def test_the_p_of_a_run_counts_its_targets() -> None:
    found = small_run()
    assert look(found) == Fraction(10, 280)
    assert look(found.model_copy(update={"targets": found.targets * 2})) == Fraction(20, 280)
    assert look(found.model_copy(update={"targets": ()})) is None


def test_q_by_hand() -> None:
    family = [Fraction(1, 100), Fraction(4, 100), Fraction(3, 100), None, Fraction(1, 2)]
    assert adjusted(family) == (Fraction(5, 100), Fraction(20, 300), Fraction(20, 300), None, Fraction(5, 8))
    assert adjusted([]) == ()
    assert adjusted([None]) == (None,)
    assert adjusted([Fraction(9, 10), Fraction(9, 10)]) == (Fraction(9, 10), Fraction(9, 10))
