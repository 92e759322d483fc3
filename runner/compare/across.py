"""Do the targets of a job answer alike? The same test as between regions, over all regions and providers at once.

A unit is one provider with one target. A provider that served several targets is a unit of each, so that its habits
make targets more alike, never less: dealt at random, its two units would often fall on the same side. Regions may
differ, and that too makes targets no less alike, because each target was asked in all of them.

Alpha is the job's, apart from the tests of regions: this is another question.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from runner.bundle import Observation
from runner.compare import describe
from runner.compare.naming import exchanged, find, identical, sizes
from runner.compare.permutation import least
from runner.compare.units import Gathered, gather_targets, unit_distances
from runner.model.jobspec import JobSpec
from runner.model.report import AcrossTargets, TargetTest

PROVIDERS = 3
"""Providers that each target needs."""


def across(spec: JobSpec, observations: Sequence[Observation]) -> AcrossTargets | None:
    """The targets compared with each other; None of a single one. The order of the observations does not matter."""
    if len(spec.spec.targets) < 2:
        return None
    gathered = gather_targets(spec, observations)
    alpha = Fraction(spec.spec.compare.alpha)
    distances = unit_distances(gathered.texts, gathered.units)
    said = AcrossTargets(
        verdict="insufficient",
        targets=gathered.regions,
        reasons=_obstacles(gathered, alpha),
        tests=(),
        matrix=describe.matrix(gathered.regions, gathered.units, distances),
    )
    if said.reasons:
        return said
    found = find(gathered, exchanged(gathered, distances), alpha)
    tests = tuple(
        TargetTest(
            targets=step.groups,
            target=step.leaders[0] if len(step.leaders) == 1 else None,
            statistic=step.statistic,
            p=step.p,
            significant=step.significant,
        )
        for step in found.steps
    )
    said = said.model_copy(update={"tests": tests, "named": found.named, "each_other": found.each_other})
    if found.named:
        return said.model_copy(update={"verdict": "different"})
    if identical(gathered, gathered.regions):
        return said.model_copy(update={"verdict": "same"})
    if found.detectable is None:
        return said.model_copy(update={"reasons": ("no shift of a target, however large, would have been found",)})
    return said.model_copy(update={"verdict": "noise", "detectable": found.detectable})


def _obstacles(gathered: Gathered, alpha: Fraction) -> tuple[str, ...]:
    """Why targets may not be compared, whatever they answered."""
    counts = dict(zip(gathered.regions, sizes(gathered.units, gathered.regions), strict=True))
    thin = tuple(
        f"{target}: {n} provider{'s' * (n != 1)} answered, {PROVIDERS} are needed"
        for target, n in counts.items()
        if n < PROVIDERS
    )
    if thin:
        return thin
    p = least(list(counts.values()))
    if Fraction(p.count, p.of) <= alpha:
        return ()
    return (f"{sum(counts.values())} providers can reach p = {p.count}/{p.of} at best, and p must not exceed {alpha}",)
