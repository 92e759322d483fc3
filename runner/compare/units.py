"""A target's observations as the tests see them: providers in regions, and what each of them answered.

A unit is one provider in one region. Slots that the same provider served are one unit, because they are not
independent. A provider that answered in several regions is no unit at all: it says nothing about any one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from runner.bundle import Observation
from runner.compare.distance import Texts, mean
from runner.compare.tokens import prepare
from runner.model.jobspec import JobSpec
from runner.model.run import CellStatus


class Stratum(NamedTuple):
    """Answers are compared within a stratum: the same prompt and, for shared seeds, the same replica (0 for none)."""

    prompt: str
    replica: int


class Answer(NamedTuple):
    """One answer that was had. `text` is its place among the target's `Texts`."""

    region: str
    slot: int
    provider: str
    prompt: str
    replica: int
    stratum: Stratum
    text: int


class Unit(NamedTuple):
    """One provider in one region, and its answers by stratum."""

    region: str
    provider: str
    answers: Mapping[Stratum, tuple[Answer, ...]]


class Holding(NamedTuple):
    """What was planned for one provider, answered or not: the unit of the test of missing answers."""

    region: str
    planned: int
    missing: int


class Gathered(NamedTuple):
    """One target. `regions` are the planned ones, in the order of the job; everything else follows that order."""

    target: str
    regions: tuple[str, ...]
    texts: Texts
    answers: tuple[Answer, ...]
    failures: Mapping[tuple[str, str], Counter[CellStatus]]
    units: tuple[Unit, ...]
    holdings: tuple[Holding, ...]
    shared: tuple[str, ...]
    """Providers that answered in more than one region."""

    def observed(self) -> tuple[str, ...]:
        """Regions with at least one answer."""
        answered = {answer.region for answer in self.answers}
        return tuple(region for region in self.regions if region in answered)


def gather(spec: JobSpec, target: str, observations: Sequence[Observation]) -> Gathered:
    """The observations of one target. Their order does not matter; a cell is planned where it has one."""
    cells = _ordered(spec, (o for o in observations if o.cell.target == target))
    regions = tuple(region.name for region in spec.spec.regions)
    found = _gathered(spec, target, regions, [(o.cell.region, o) for o in cells])
    homes: dict[str, set[str]] = {}
    for answer in found.answers:
        homes.setdefault(answer.provider, set()).add(answer.region)
    shared = tuple(sorted(provider for provider, where in homes.items() if len(where) > 1))
    units = tuple(unit for unit in found.units if unit.provider not in shared)
    return found._replace(units=units, holdings=_holdings(cells), shared=shared)


def gather_targets(spec: JobSpec, observations: Sequence[Observation]) -> Gathered:
    """The observations of all targets, over all regions: what is a region elsewhere is a target here.

    A provider that served several targets is a unit of each of them."""
    targets = tuple(target.name for target in spec.spec.targets)
    return _gathered(spec, "", targets, [(o.cell.target, o) for o in _ordered(spec, observations)])


def _ordered(spec: JobSpec, observations: Iterable[Observation]) -> list[Observation]:
    """In the order of the job: targets, regions, slots, prompts, replicas."""
    targets = {target.name: number for number, target in enumerate(spec.spec.targets)}
    place = {region.name: number for number, region in enumerate(spec.spec.regions)}
    prompts = {prompt.id: number for number, prompt in enumerate(spec.spec.prompts)}
    return sorted(
        observations,
        key=lambda o: (
            targets[o.cell.target],
            place[o.cell.region],
            o.cell.slot,
            prompts[o.cell.prompt],
            o.cell.replica,
        ),
    )


def _gathered(
    spec: JobSpec, target: str, groups: tuple[str, ...], cells: Sequence[tuple[str, Observation]]
) -> Gathered:
    """Answers and failures by group, and each provider of a group as a unit."""
    places: dict[str, int] = {}
    answers: list[Answer] = []
    failures: dict[tuple[str, str], Counter[CellStatus]] = {}
    for group, (cell, status, output, provider, _) in cells:
        if status == "ok" and output is not None:
            text = prepare(output, spec.spec.compare.ignore)
            stratum = Stratum(cell.prompt, cell.replica if spec.spec.sampling.seeds == "shared" else 0)
            number = places.setdefault(text, len(places))
            answers.append(Answer(group, cell.slot, provider, cell.prompt, cell.replica, stratum, number))
        else:
            lost: CellStatus = "missing" if status == "ok" else status
            failures.setdefault((group, cell.prompt), Counter())[lost] += 1
    return Gathered(
        target=target,
        regions=groups,
        texts=Texts(tuple(places)),
        answers=tuple(answers),
        failures=failures,
        units=_units(answers),
        holdings=(),
        shared=(),
    )


def _units(answers: Iterable[Answer]) -> tuple[Unit, ...]:
    """Answers by region and provider, in the order of their first answer."""
    grouped: dict[tuple[str, str], dict[Stratum, tuple[Answer, ...]]] = {}
    for answer in answers:
        mine = grouped.setdefault((answer.region, answer.provider), {})
        mine[answer.stratum] = (*mine.get(answer.stratum, ()), answer)
    return tuple(Unit(region, provider, mine) for (region, provider), mine in grouped.items())


def _holdings(cells: Sequence[Observation]) -> tuple[Holding, ...]:
    """Planned and missing cells by provider; a slot belongs to the first provider that held a cell of it."""
    holder: dict[tuple[str, int], str] = {}
    for o in cells:
        if o.provider:
            holder.setdefault((o.cell.region, o.cell.slot), o.provider)
    planned: Counter[tuple[str, str]] = Counter()
    missing: Counter[tuple[str, str]] = Counter()
    for o in cells:
        who = (o.cell.region, holder.get((o.cell.region, o.cell.slot), f"slot {o.cell.slot}"))
        planned[who] += 1
        missing[who] += o.status != "ok" or o.output is None
    return tuple(Holding(who[0], planned[who], missing[who]) for who in planned)


def unit_distance(texts: Texts, one: Unit, other: Unit) -> int | None:
    """Parts per million: the mean over common strata of the mean over their pairs of answers, each rounded down.

    None where the two answered nothing in common."""
    return mean(
        sum(texts.distance(a.text, b.text) for a in mine for b in theirs) // (len(mine) * len(theirs))
        for stratum, mine in one.answers.items()
        if (theirs := other.answers.get(stratum))
    )


def unit_distances(texts: Texts, units: Sequence[Unit]) -> list[list[int | None]]:
    """All of them, symmetric, with a zero diagonal."""
    matrix: list[list[int | None]] = [[0] * len(units) for _ in units]
    for a, b in combinations(range(len(units)), 2):
        matrix[a][b] = matrix[b][a] = unit_distance(texts, units[a], units[b])
    return matrix
