"""Does one provider stand apart from all the others? An observation of its answers, never a verdict on its region.

Exchanging providers, as the test of regions does, cannot make one provider improbable: among nine, each is the odd one
in a ninth of the ways. But one provider is what is named here, so its answers may be exchanged. If all providers answer
alike, then to any one prompt and replica each of them is as likely as any other to be the farthest from the rest, and
independently so for the next. So the chance that a given provider is at least as far, over all its answers, is that of
as many independent draws from the distances seen: counted in full up to `EXACT` ways, else drawn as in
`runner/compare/permutation.py`; and times the number of providers, because the farthest one was picked.

A provider stands apart where it is the farthest, where it leads the next one by at least half of what lies between
the others, so that of two alike none is singled out, and where

    that chance is at most the job's level                 the answers of all differ from one another
    or all the others gave the same bytes, and it other
    ones in more than half of its answers, at least two    with shared seeds, say: one odd answer may be an accident

The region of it needs another provider: with one alone, region and provider cannot be told apart.
`docs/statistics.md` says how often a provider is named wrongly, and how often rightly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import NamedTuple, TypeAlias

from runner.compare.distance import mean
from runner.compare.permutation import EXACT, uniform
from runner.compare.units import Answer, Gathered, Unit
from runner.model.chance import PValue
from runner.model.report import Apart

OTHERS = 3
"""Providers that one is held against, at least."""
DRAWS = 1_999

Column: TypeAlias = tuple[int, tuple[int, ...]]
"""One prompt and replica that a provider answered: how far it is from the others, and how far everybody is, it too."""


def apart(
    gathered: Gathered, distances: Sequence[Sequence[int | None]], among: Sequence[str], level: Fraction, seed: bytes
) -> Apart | None:
    """The provider of these regions that stands apart from all their others, if one does.

    `distances` are those of all units, in their order."""
    chosen = [number for number, unit in enumerate(gathered.units) if unit.region in among]
    lead = _farthest(distances, chosen)
    if lead is None:
        return None
    units = [gathered.units[number] for number in chosen]
    odd = gathered.units[lead.unit]
    others = [unit for unit in units if unit is not odd]
    if all(unit.region != odd.region for unit in others):
        return None
    answers, unlike, same_bytes = _bytes(odd, others)
    p = chance(_columns(gathered, odd, units), len(units), seed)
    if Fraction(p.count, p.of) > level and not (same_bytes and unlike >= 2 and 2 * unlike > answers):
        return None
    return Apart(
        region=odd.region,
        slots=tuple(sorted({answer.slot for mine in odd.answers.values() for answer in mine})),
        provider=odd.provider,
        distance=lead.own,
        others=len(others),
        least=lead.least,
        greatest=lead.greatest,
        answers=answers,
        unlike=unlike,
        same_bytes=same_bytes,
        p=p,
    )


class _Lead(NamedTuple):
    """The farthest unit, its mean distance to the others, and the range of theirs among themselves."""

    unit: int
    own: int
    least: int
    greatest: int


def _farthest(distances: Sequence[Sequence[int | None]], chosen: Sequence[int]) -> _Lead | None:
    """The unit that is farthest from all others, if it leads them by enough."""

    def to(unit: int, others: Sequence[int]) -> int | None:
        return mean(d for other in others if other != unit and (d := distances[unit][other]) is not None)

    means = [(own, unit) for unit in chosen if (own := to(unit, chosen)) is not None]
    if len(means) <= OTHERS:
        return None
    own, lead = max(means)
    rest = [unit for unit in chosen if unit != lead]
    among = [found for unit in rest if (found := to(unit, rest)) is not None]
    if len(among) < OTHERS:
        return None
    least, greatest = min(among), max(among)
    ahead = own > greatest and 2 * (own - greatest) >= greatest - least
    return _Lead(lead, own, least, greatest) if ahead else None


def _bytes(odd: Unit, others: Sequence[Unit]) -> tuple[int, int, bool]:
    """How many of a unit's answers can be compared, how many are nobody else's, and whether those of all the others
    are byte-identical, after what the job asks to ignore."""
    answers = unlike = 0
    identical = True
    for stratum in dict.fromkeys(stratum for unit in (odd, *others) for stratum in unit.answers):
        theirs = {answer.text for unit in others for answer in unit.answers.get(stratum, ())}
        identical &= len(theirs) <= 1
        if theirs:
            mine = odd.answers.get(stratum, ())
            answers += len(mine)
            unlike += sum(answer.text not in theirs for answer in mine)
    return answers, unlike, identical


def _columns(gathered: Gathered, odd: Unit, units: Sequence[Unit]) -> list[Column]:
    """By prompt and replica, the mean distance of each unit to the others that answered; where the odd one did."""
    cells: dict[tuple[str, int], dict[str, list[Answer]]] = {}
    for unit in units:
        for answer in (answer for mine in unit.answers.values() for answer in mine):
            who = cells.setdefault((answer.prompt, answer.replica), {})
            who.setdefault(unit.provider, []).append(answer)
    columns = []
    for who in cells.values():
        if odd.provider in who and len(who) > 1:
            column = {provider: _distance(gathered, provider, who) for provider in who}
            if len(set(column.values())) > 1:  # where all are as far, nothing can be told, and nothing need be drawn
                columns.append((column[odd.provider], tuple(column.values())))
    return columns


def _distance(gathered: Gathered, provider: str, who: Mapping[str, Sequence[Answer]]) -> int:
    """The mean distance of a provider's answers in a cell to everybody else's."""
    found = mean(
        gathered.texts.distance(a.text, b.text)
        for other, theirs in who.items()
        if other != provider
        for a in who[provider]
        for b in theirs
    )
    assert found is not None, "a column has two providers at least"
    return found


def chance(columns: Sequence[Column], providers: int, seed: bytes) -> PValue:
    """The chance that some provider is as far as the given one in the sum of its columns, if all answer alike."""
    observed = sum(own for own, _ in columns)
    total = prod(len(values) for _, values in columns)
    if total <= EXACT:
        sums = Counter({0: 1})
        for _, values in columns:
            longer: Counter[int] = Counter()
            for value in values:
                for before, ways in sums.items():
                    longer[before + value] += ways
            sums = longer
        extreme = sum(ways for found, ways in sums.items() if found >= observed)
        return PValue(count=min(total, providers * extreme), of=total, exact=True)
    below = uniform(seed)
    drawn = (sum(values[below(len(values))] for _, values in columns) for _ in range(DRAWS))
    extreme = 1 + sum(found >= observed for found in drawn)
    return PValue(count=min(1 + DRAWS, providers * extreme), of=1 + DRAWS, exact=False)
