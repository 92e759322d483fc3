"""What adds up over prompts, and two measures as one: by hand, in whatever order, and found where words alone fail."""

from __future__ import annotations

import random
from collections.abc import Sequence

from runner.compare.blend import blend, variation
from runner.compare.distance import Texts
from runner.compare.style import BILLION, style_distances
from runner.compare.units import Answer, Stratum, Unit, unit_distances


def units(said: Sequence[Sequence[str | None]]) -> tuple[Texts, list[Unit]]:
    """Providers by what they answered to each prompt, None for nothing."""
    texts = list(dict.fromkeys(text for mine in said for text in mine if text is not None))
    found = []
    for number, mine in enumerate(said):
        answers = {
            Stratum(f"p{prompt}", 0): (
                Answer("EU", number, f"{number}", f"p{prompt}", 1, Stratum(f"p{prompt}", 0), texts.index(text)),
            )
            for prompt, text in enumerate(mine)
            if text is not None
        }
        found.append(Unit("EU", f"{number}", answers))
    return Texts(texts), found


def test_nothing_and_everything_in_common() -> None:
    found = style_distances(*units([["a b a"], ["a b a"], ["c d"], [""]]))
    assert found[0][1] == 0
    assert abs((found[0][2] or 0) - BILLION) < 10_000
    assert abs((found[0][3] or 0) - BILLION // 2) < 10_000, "an empty answer is no vector"
    assert all(found[a][b] == found[b][a] for a in range(4) for b in range(4))


def test_by_hand() -> None:
    """`a b` has the vector (1, 1, 1) / root 3 over a, b, ab; `a c` shares a: 2 (1 - 1/3) / 2."""
    found = style_distances(*units([["a b"], ["a c"]]))
    assert abs((found[0][1] or 0) - BILLION * 2 // 3) < 10_000


def test_providers_are_compared_where_both_answered() -> None:
    found = style_distances(*units([["a", None], [None, "b"], ["a", "b"]]))
    assert (found[0][1], found[0][2], found[1][2]) == (None, 0, 0)


def test_rare_words_are_left_out_where_there_are_many_prompts() -> None:
    """`once` stands under one of four prompts, which is less than three tenths; `the` under all."""
    alike = style_distances(*units([["the x", "the", "the", "the"], ["the y", "the", "the", "the"]]))
    assert alike[0][1] == 0
    apart = style_distances(*units([["the x", "the x", "the", "the"], ["the y", "the y", "the", "the"]]))
    assert (apart[0][1] or 0) > 0


def test_neither_measure_drowns_the_other_and_a_flat_one_is_left_out() -> None:
    words = [[0, 500, 900, 900], [500, 0, 900, 900], [900, 900, 0, 400], [900, 900, 400, 0]]
    style = [[1000 * value for value in row] for row in words]
    both = blend(words, style)
    assert all(2 * value - both[a][b] in (0, 1) for a, row in enumerate(words) for b, value in enumerate(row))
    flat = [[7 * (a != b) for b in range(4)] for a in range(4)]
    assert variation(flat) == 0
    assert blend(words, flat) == words
    assert blend(flat, style) == [[flat[a][b] + style[a][b] for b in range(4)] for a in range(4)]


def test_a_habit_in_a_third_of_the_answers_adds_up_over_prompts() -> None:
    """Words differ as much within as between; what two of six providers sometimes add is far apart in style."""
    rng = random.Random(3)
    vocabulary = [f"w{number}" for number in range(60)]
    said = [
        [
            " ".join(rng.choices(vocabulary, k=40)) + (" as a model I must add" if who < 2 and prompt % 3 == 0 else "")
            for prompt in range(12)
        ]
        for who in range(6)
    ]
    texts, them = units(said)

    def contrast(matrix: list[list[int | None]]) -> float:
        within = [matrix[0][1] or 0, *(matrix[a][b] or 0 for a in range(2, 6) for b in range(2, a))]
        across = [matrix[a][b] or 0 for a in range(2) for b in range(2, 6)]
        return (sum(across) / len(across)) / (sum(within) / len(within))

    assert contrast(style_distances(texts, them)) > 1.15 > 1.05 > contrast(unit_distances(texts, them))
