"""What is seen, before anything is inferred: distances within and between regions, and how pairs of answers differ.

Nothing here says that a difference is more than chance. Planned cells are the denominator throughout.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import TypeAlias

from runner.compare import fields
from runner.compare.classes import ORDER, Pairs
from runner.compare.descriptors import Descriptors
from runner.compare.distance import mean
from runner.compare.units import Answer, Gathered, Unit
from runner.model.jobspec import JobSpec
from runner.model.report import Answer as Place
from runner.model.report import Kind, PairClass, PairSample, RegionDiff, Spread, Verdict
from runner.model.run import CellStatus

Distances: TypeAlias = Sequence[Sequence[int | None]]
"""Between all units of a target, in their order; None where two answered nothing in common."""

FIELDS = 2_000
"""Fields of JSON answers that the samples of one target name together: hostile answers have no end of them."""


def matrix(regions: Sequence[str], units: Sequence[Unit], distances: Distances) -> tuple[tuple[int | None, ...], ...]:
    """The mean distance between the providers of each two regions; None where nothing was measured."""
    return tuple(tuple(mean(_between(a, (b,), units, distances)) for b in regions) for a in regions)


def _between(region: str, others: Iterable[str], units: Sequence[Unit], distances: Distances) -> Iterator[int]:
    """Measured distances between providers of a region and those of others, or within it, each pair once."""
    for other in others:
        for a, b in combinations(range(len(units)), 2):
            found = distances[a][b]
            if found is not None and sorted((units[a].region, units[b].region)) == sorted((region, other)):
                yield found


def spread(values: Iterable[int]) -> Spread | None:
    """Least, middle (the lower of two) and greatest; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    middle = ordered[(len(ordered) - 1) // 2]
    return Spread(least=ordered[0], median=middle, greatest=ordered[-1], pairs=len(ordered))


def region_diffs(
    gathered: Gathered, distances: Distances, verdicts: Mapping[str, Verdict], descriptors: Descriptors
) -> tuple[RegionDiff, ...]:
    """Every planned region, with the verdict that it was given."""
    units = gathered.units
    return tuple(
        RegionDiff(
            region=region,
            verdict=verdicts[region],
            planned=sum(holding.planned for holding in gathered.holdings if holding.region == region),
            answered=sum(answer.region == region for answer in gathered.answers),
            failures=_failures(gathered, region),
            providers=len({answer.provider for answer in gathered.answers if answer.region == region}),
            control=spread(_between(region, (region,), units, distances)),
            others=spread(_between(region, [o for o in gathered.regions if o != region], units, distances)),
            described=descriptors.of([region]),
        )
        for region in gathered.regions
    )


def _failures(gathered: Gathered, region: str) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (where, _), lost in gathered.failures.items():
        if where == region:
            found.update(lost)
    return {status: found[status] for status in sorted(found)}


def samples(spec: JobSpec, gathered: Gathered, pairs: Pairs, descriptors: Descriptors) -> tuple[PairSample, ...]:
    """For each prompt and each two regions: the classes of all pairs of answers, and the pair in the middle.

    `pairs` and `descriptors` are of the target's texts. Prompts that one of the two regions did not answer have no
    pairs, and so no sample."""
    answers: dict[tuple[str, str], list[Answer]] = {}
    for answer in gathered.answers:
        answers.setdefault((answer.prompt, answer.region), []).append(answer)
    found: list[PairSample] = []
    room = FIELDS
    for prompt, (a, b) in product(spec.spec.prompts, combinations(gathered.regions, 2)):
        mine, theirs = answers.get((prompt.id, a), []), answers.get((prompt.id, b), [])
        ranked = _ranked(gathered, mine, theirs)
        if not ranked:
            continue
        one, other = ranked[(len(ranked) - 1) // 2]
        sample = _sample(spec, gathered, ranked, pairs, descriptors.languages(one.text, other.text))
        changes = fields.changes(pairs.signals(one.text).leaves, pairs.signals(other.text).leaves, room)
        room -= len(changes.fields) if changes else 0
        found.append(sample.model_copy(update={"json_changes": changes}))
    return tuple(found)


def _ranked(gathered: Gathered, mine: Sequence[Answer], theirs: Sequence[Answer]) -> list[tuple[Answer, Answer]]:
    """The pairs of answers that can be compared, the nearest first."""
    pairs = ((a, b) for a in mine for b in theirs if a.stratum == b.stratum)
    return sorted(pairs, key=lambda ab: gathered.texts.distance(ab[0].text, ab[1].text))


def _sample(
    spec: JobSpec, gathered: Gathered, ranked: Sequence[tuple[Answer, Answer]], classes: Pairs, told: tuple[str, ...]
) -> PairSample:
    """The sample of all pairs of one prompt and two regions, and what else is told of the one in the middle."""
    counts = Counter(classes.level(a.text, b.text) for a, b in ranked)
    a, b = ranked[(len(ranked) - 1) // 2]
    middle = classes.pair(a.text, b.text)
    kinds, reasons = dict.fromkeys(middle.kinds), middle.reasons + told
    lost = gathered.failures.get((a.region, a.prompt), Counter()) + gathered.failures.get(
        (b.region, b.prompt), Counter()
    )
    if lost:
        kinds |= dict.fromkeys(_lost_kinds(lost))
        reasons += (f"{_planned_pairs(spec) - len(ranked)} of {_planned_pairs(spec)} pairs lack an answer",)
    return PairSample(
        prompt=a.prompt,
        a=Place(region=a.region, slot=a.slot, replica=a.replica),
        b=Place(region=b.region, slot=b.slot, replica=b.replica),
        distance=gathered.texts.distance(a.text, b.text),
        pair_class=middle.level,
        kinds=tuple(kinds),
        reasons=reasons,
        classes={level: counts[level] for level in ORDER},
    )


def _lost_kinds(lost: Mapping[CellStatus, int]) -> Iterator[Kind]:
    if any(status != "missing" for status in lost):
        yield "error"
    if "missing" in lost:
        yield "missing"


def _planned_pairs(spec: JobSpec) -> int:
    """How many pairs of answers two regions have for one prompt, if nothing is missing."""
    sampling = spec.spec.sampling
    replicas = sampling.replicas if sampling.seeds == "shared" else sampling.replicas**2
    return sampling.providers**2 * replicas


def median_class(found: Iterable[PairSample], region: str, others: Iterable[str]) -> PairClass:
    """The class in the middle (the lower of two) of all pairs between a region and others; noise of none."""
    sides = {frozenset((region, other)) for other in others}
    counts: Counter[PairClass] = Counter()
    for sample in found:
        if {sample.a.region, sample.b.region} in sides:
            counts.update(sample.classes)
    middle = (counts.total() - 1) // 2
    for level in ORDER:
        if middle < counts[level]:
            return level
        middle -= counts[level]
    return "noise"
