"""The verdict: of each region, of each target, of the job. Only a test may say that a difference is more than chance.

    same          every answer is byte-identical to those it is compared with
    noise         they differ, and no more between regions than between providers; `detectable` says what would have
                  been found
    minor, major  the region was named by the test; the middle class of its pairs with the other regions says which
    insufficient  nothing can be said, and the reasons say why

`docs/statistics.md` explains them to readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from runner.bundle import Bundle, Observation, observations
from runner.compare import describe
from runner.compare.across import across
from runner.compare.apart import apart
from runner.compare.classes import Pairs
from runner.compare.descriptors import Descriptors
from runner.compare.design import level, smallest_p
from runner.compare.distance import MILLION
from runner.compare.naming import Found, exchanged, find, identical, seed, sizes
from runner.compare.permutation import energy_test, least
from runner.compare.tokens import ANALYSED
from runner.compare.units import Gathered, gather, unit_distances
from runner.model.canonical import GRADES, Grade
from runner.model.jobspec import JobSpec
from runner.model.report import Design, DiffReport, PairSample, TargetDiff, Test, Verdict
from runner.model.run import Run

CLASSIFIER = "lexical/4"
"""Changes whenever the same answers could give another report."""

PROVIDERS = 3
"""Independent providers that each compared region needs, to tell a region from a provider."""
MISSING = Fraction(1, 10)
"""Share of a region's planned answers that may be missing where `same` or `noise` is said."""

MISSING_TEST, APART = 255, 254
"""Numbers of tests that are not of regions, for `seed`."""
_VERDICTS: tuple[Verdict, ...] = ("same", "noise", "insufficient", "minor", "major")


def compare(bundle: Bundle) -> DiffReport:
    """What a run's answers say of its regions. Whether the runner served a region altered is not looked at.

    The grade is the weakest among receipts with an answer; one simulated receipt makes the whole run simulated."""
    predicates = [receipt.predicate for receipt in bundle.receipts.values()]
    answered = [predicate for predicate in predicates if any(cell.status == "ok" for cell in predicate.cells)]
    grade: Grade = min((predicate.region.grade for predicate in answered), key=GRADES.index, default="claimed")
    simulated = any(predicate.executor.simulated for predicate in predicates)
    return judge(bundle.spec, bundle.run, observations(bundle), simulated, grade)


def judge(spec: JobSpec, run: Run, observations: Sequence[Observation], simulated: bool, grade: Grade) -> DiffReport:
    """What the observations of a run say. A pure function; the order of the observations does not matter."""
    targets = tuple(
        _target(spec, gather(spec, target.name, observations), grade, observations) for target in spec.spec.targets
    )
    answered = {o.cell.region for o in observations if o.status == "ok" and o.output is not None}
    regions = tuple(region.name for region in spec.spec.regions)
    return DiffReport(
        run=run.run,
        job=run.job,
        classifier=CLASSIFIER,
        verdict=_worst(target.verdict for target in targets),
        not_observed=tuple(region for region in regions if region not in answered),
        simulated=simulated,
        grade=grade,
        design=Design(
            seeds=spec.spec.sampling.seeds,
            alpha=spec.spec.compare.alpha,
            regions=regions,
            min_regions=spec.spec.min_regions,
            providers=spec.spec.sampling.providers,
            replicas=spec.spec.sampling.replicas,
            prompts=tuple(prompt.id for prompt in spec.spec.prompts),
            smallest_p=smallest_p(spec),
        ),
        targets=targets,
        across=across(spec, observations),
    )


def _target(spec: JobSpec, gathered: Gathered, grade: Grade, seen: Sequence[Observation]) -> TargetDiff:
    distances = unit_distances(gathered.texts, gathered.units)
    thin = _thin(gathered)
    obstacles = [*_obstacles(spec, gathered, grade), *thin]
    if not obstacles:
        obstacles = _weak(spec, gathered, gathered.observed())
    found = Found() if obstacles else find(gathered, exchanged(gathered, distances), level(spec))
    missing = _missing(spec, gathered)
    pairs = Pairs(gathered.texts.texts)
    descriptors = Descriptors(gathered, pairs, spec.spec.compare.ignore, seen)
    samples = describe.samples(spec, gathered, pairs, descriptors)
    verdicts, because = _verdicts(spec, gathered, found, samples, bool(obstacles), missing)
    compared = gathered.observed() or gathered.regions
    rest = [region for region in gathered.observed() if region not in found.named]
    return TargetDiff(
        target=gathered.target,
        verdict=_worst(verdicts[region] for region in compared) if not obstacles else "insufficient",
        named=found.named,
        each_other=found.each_other,
        separable=not thin,
        reasons=(*obstacles, *because, *_remarks(gathered, bool(obstacles))),
        tests=(*_tests(found), *missing),
        regions=describe.region_diffs(gathered, distances, verdicts, descriptors),
        matrix=describe.matrix(gathered.regions, gathered.units, distances),
        samples=samples,
        detectable=found.detectable if "noise" in verdicts.values() else None,
        described=descriptors.of(gathered.regions),
        apart=apart(gathered, distances, rest, level(spec), seed(gathered, APART)),
    )


def _tests(found: Found) -> Iterator[Test]:
    """The tests of regions, in the order in which they were made."""
    for number, step in enumerate(found.steps):
        yield Test(
            kind="region" if number else "global",
            regions=step.groups,
            region=step.leaders[0] if len(step.leaders) == 1 else None,
            statistic=step.statistic,
            p=step.p,
            significant=step.significant,
        )


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a whole: what was named outweighs what is not known, and that outweighs what is alike."""
    return max(verdicts, key=_VERDICTS.index)


def _obstacles(spec: JobSpec, gathered: Gathered, grade: Grade) -> list[str]:
    """Why regions may not be compared, whatever they answered."""
    found, observed, least_regions = [], gathered.observed(), spec.spec.min_regions
    if len(observed) < max(2, least_regions):
        absent = [region for region in gathered.regions if region not in observed]
        found.append(
            f"{len(observed)} of {len(gathered.regions)} regions answered, at least {max(2, least_regions)} are needed"
            + (f"; not observed: {_listed(absent)}" if absent else "")
        )
    if GRADES.index(grade) < GRADES.index(spec.spec.min_grade):
        found.append(f"the evidence of regions is {grade}, the job asks for {spec.spec.min_grade}")
    return found


def _thin(gathered: Gathered) -> list[str]:
    """The regions in which too few independent providers answered."""
    counts = {region: sum(unit.region == region for unit in gathered.units) for region in gathered.observed()}
    return [
        f"{region}: {counts[region]} independent provider{'s' * (counts[region] != 1)} answered, "
        f"{PROVIDERS} are needed; region and provider cannot be told apart"
        for region in counts
        if counts[region] < PROVIDERS
    ]


def _weak(spec: JobSpec, gathered: Gathered, regions: Sequence[str]) -> list[str]:
    """Why no answers whatever could make a test of these regions reject."""
    counts = sizes(gathered.units, regions)
    p = least(counts)
    if Fraction(p.count, p.of) <= level(spec):
        return []
    design = smallest_p(spec)
    by_design = Fraction(design.count, design.of) > level(spec) and len(regions) == len(spec.spec.regions)
    return [
        f"{'insufficient by design: ' * by_design}{_listed(regions)} with {sum(counts)} providers "
        f"can reach p = {p.count}/{p.of} at best, and p must not exceed {level(spec)}"
    ]


def _listed(regions: Sequence[str]) -> str:
    """Regions in a sentence, which has to stay short."""
    return ", ".join(regions) if len(regions) <= 6 else f"{len(regions)} regions"


def _missing(spec: JobSpec, gathered: Gathered) -> tuple[Test, ...]:
    """Do missing answers depend on the region? The same test, on the difference of providers' missing shares."""
    regions = gathered.observed()
    holdings = [holding for region in regions for holding in gathered.holdings if holding.region == region]
    if len(regions) < 2 or not any(holding.missing for holding in holdings):
        return ()
    shares = [holding.missing * MILLION // holding.planned for holding in holdings]
    counts = [sum(holding.region == region for holding in holdings) for region in regions]
    distances = [[abs(a - b) for b in shares] for a in shares]
    outcome = energy_test(distances, counts, seed(gathered, MISSING_TEST), level(spec))
    return (
        Test(
            kind="missing",
            regions=regions,
            region=regions[outcome.leaders[0]] if len(outcome.leaders) == 1 else None,
            statistic=outcome.statistic,
            p=outcome.p,
            significant=outcome.significant,
        ),
    )


def _verdicts(
    spec: JobSpec,
    gathered: Gathered,
    found: Found,
    samples: Sequence[PairSample],
    stopped: bool,
    missing: Sequence[Test],
) -> tuple[dict[str, Verdict], list[str]]:
    """Each planned region's verdict, and the reasons of those that are `insufficient`."""
    verdicts: dict[str, Verdict] = dict.fromkeys(gathered.regions, "insufficient")
    for region in found.named:
        middle = describe.median_class(samples, region, found.rivals(region))
        verdicts[region] = "major" if middle == "major" else "minor"
    rest = tuple(region for region in gathered.observed() if region not in found.named)
    reasons: list[str] = []
    if any(test.significant for test in missing):
        reasons.append("missing answers depend on the region, so nothing is said of regions that were not named")
    lacking = [region for region in rest if _missing_share(gathered, region) > MISSING]
    reasons += [f"{region}: more than a tenth of the planned answers is missing" for region in lacking]
    if not stopped and not any(test.significant for test in missing):
        verdict, why = _unnamed(spec, gathered, found, rest)
        verdicts |= {region: verdict for region in rest if region not in lacking}
        reasons += why
    return verdicts, reasons


def _unnamed(spec: JobSpec, gathered: Gathered, found: Found, rest: Sequence[str]) -> tuple[Verdict, list[str]]:
    """What is said of the regions that no test named, all together."""
    if not rest:
        return "same", []
    if len(rest) == 1:
        return "insufficient", [f"{rest[0]}: no region is left to compare it with"]
    if identical(gathered, rest):
        return "same", []
    if (p := found.together) and Fraction(p.count, p.of) <= level(spec):
        return "insufficient", [
            f"{_listed(rest)} differ together, p = {p.count}/{p.of}, and none of them stands out alone"
        ]
    if found.detectable is not None:
        return "noise", []
    return "insufficient", _weak(spec, gathered, rest) or [
        "no shift of a region, however large, would have been found among these answers"
    ]


def _missing_share(gathered: Gathered, region: str) -> Fraction:
    mine = [holding for holding in gathered.holdings if holding.region == region]
    return Fraction(sum(holding.missing for holding in mine), sum(holding.planned for holding in mine))


def _remarks(gathered: Gathered, stopped: bool) -> list[str]:
    """What else a reader needs to know of the verdict."""
    found = []
    if stopped and len(gathered.observed()) > 1 and identical(gathered, gathered.observed()):
        found.append("all answers that were had are byte-identical")
    if gathered.shared:
        found.append(f"left out of the tests: {len(gathered.shared)} that answered as a provider of several regions")
    if cut := sum(len(text) > ANALYSED for text in gathered.texts.texts):
        found.append(f"{cut} different answers are longer than {ANALYSED} characters and were analysed up to there")
    return found
