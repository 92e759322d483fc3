"""The words of a verdict: one place for symbols, numbers and hedged sentences, in plain English.

A sentence says when, which regions, how far, against which noise, how many answers, how likely by chance and how well
the region is known; it names regions that were not observed, and ends with SIMULATED where that is so. It is made of
our words, ids and numbers only, so it can stand in a heading, an image's alternative text, a badge or a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from runner.rendering.neutral import Safe, ident, joined, phrase

if TYPE_CHECKING:  # a plan counts with these words, too, and has no report
    from runner.model.chance import PValue
    from runner.model.report import Apart, DiffReport, TargetDiff, Test, Verdict

SYMBOLS: Mapping[Verdict, Safe] = {
    "same": Safe("="),
    "noise": Safe("≈"),
    "minor": Safe("△"),
    "major": Safe("▲"),
    "insufficient": Safe("?"),
}
WORDS: Mapping[Verdict, Safe] = {
    "same": Safe("the same"),
    "noise": Safe("within noise"),
    "minor": Safe("minor difference"),
    "major": Safe("major difference"),
    "insufficient": Safe("not enough data"),
}
SEVERITY: tuple[Verdict, ...] = ("major", "minor", "insufficient", "noise", "same")
"""What a reader wants to see first."""


class When(NamedTuple):
    """First and last day of the observations, `YYYY-MM-DD`; both None where there was none."""

    first: str | None
    last: str | None

    def words(self) -> Safe:
        """`2026-11-22`, or `2026-11-22 to 2026-11-23`."""
        if self.first is None or self.last is None:
            return Safe("no date")
        if self.first == self.last:
            return ident(self.first)
        return phrase("{first} to {last}", first=ident(self.first), last=ident(self.last))


def verdict_words(verdict: Verdict) -> Safe:
    """`▲ major difference`."""
    return phrase("{symbol} {word}", symbol=SYMBOLS[verdict], word=WORDS[verdict])


def decimal(ppm: int) -> Safe:
    """A share or a distance with two digits; what is not nothing is never written 0.00."""
    hundredths = (ppm + 5_000) // 10_000
    return Safe("<0.01") if ppm > 0 and not hundredths else Safe(f"{hundredths // 100}.{hundredths % 100:02d}")


def span(values: Iterable[int]) -> Safe:
    """`0.41`, or `0.07 to 0.12`; `not measured` of nothing."""
    found = sorted(values)
    if not found:
        return Safe("not measured")
    least, greatest = decimal(found[0]), decimal(found[-1])
    return least if least == greatest else phrase("{least} to {greatest}", least=least, greatest=greatest)


def probability(p: PValue) -> Safe:
    """A p value with at most four digits behind the point, rounded up: never better than it is."""
    scale = 1_000 if p.count * 100 >= p.of else 10_000
    rounded = min(scale, -(-p.count * scale // p.of))
    text = f"{rounded // scale}.{rounded % scale:0{len(str(scale)) - 1}d}"
    return Safe(text.rstrip("0").rstrip(".") if "." in text else text)


def listed(names: Sequence[str]) -> Safe:
    """`EU, US and APAC`."""
    shown = [ident(name) for name in names]
    if len(shown) < 2:
        return joined(shown)
    return phrase("{first} and {last}", first=joined(shown[:-1], ", "), last=shown[-1])


def count(number: int, noun: str) -> Safe:
    """`1 answer`, `2 answers`; `noun` is a literal."""
    return Safe(f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s")


def leading(diff: DiffReport) -> TargetDiff | None:
    """The target that the job's verdict comes from: the first one with it."""
    return next((target for target in diff.targets if target.verdict == diff.verdict), None)


def compared(target: TargetDiff) -> tuple[str, ...]:
    """Regions with at least one answer."""
    return tuple(region.region for region in target.regions if region.answered)


def distances(target: TargetDiff, rows: Iterable[str], columns: Iterable[str]) -> tuple[int, ...]:
    """The measured distances between two groups of regions; a region's distance from itself is its own noise."""
    place = {region.region: number for number, region in enumerate(target.regions)}
    columns = tuple(columns)
    found = (target.matrix[place[row]][place[column]] for row in rows for column in columns)
    return tuple(distance for distance in found if distance is not None)


def simulated(diff: DiffReport) -> Safe:
    """` SIMULATED.`, or nothing."""
    return Safe(" SIMULATED." if diff.simulated else "")


def heading(diff: DiffReport) -> Safe:
    """A page's first line, without its `#`."""
    target = leading(diff)
    odd = standing_apart(diff)
    return phrase(
        "{symbol} {what}{apart}{simulated}",
        symbol=SYMBOLS[diff.verdict],
        what=_headline(target) if target else Safe("Nothing was compared"),
        apart=phrase("; one provider in {region} stands apart", region=ident(odd[1].region)) if odd else Safe(""),
        simulated=Safe(" · SIMULATED" if diff.simulated else ""),
    )


def _headline(target: TargetDiff) -> Safe:
    regions = compared(target)
    if target.verdict == "insufficient":
        return Safe("Not enough data to compare regions")
    if target.verdict == "same":
        return phrase("The same answers in {regions}", regions=listed(regions))
    if target.verdict == "noise":
        return phrase("No difference beyond noise in {regions}", regions=listed(regions))
    how = Safe(target.verdict)
    if not target.named:
        return phrase("The regions differed beyond noise ({how})", how=how)
    return phrase("{regions} differed beyond noise ({how})", regions=listed(target.named), how=how)


def sentence(diff: DiffReport, when: When, providers: Mapping[str, Sequence[str]] | None = None) -> Safe:
    """The verdict of a run in one sentence with its numbers. `providers` are the ids that answered, by region."""
    target = leading(diff)
    if target is None:
        return phrase("On {when} nothing was compared.{simulated}", when=when.words(), simulated=simulated(diff))
    return phrase(
        "On {when} {what}{target} ({numbers}){missing}{apart}.{simulated}",
        when=when.words(),
        what=_finding(target, providers or {}),
        target=phrase(" for {name}", name=ident(target.target)) if len(diff.targets) > 1 else Safe(""),
        numbers=joined(_numbers(diff, target), "; "),
        missing=_missing(diff),
        apart=_apart(diff),
        simulated=simulated(diff),
    )


def _missing(diff: DiffReport) -> Safe:
    if not diff.not_observed:
        return Safe("")
    were = Safe("was" if len(diff.not_observed) == 1 else "were")
    return phrase("; {regions} {were} asked for and not observed", regions=listed(diff.not_observed), were=were)


def standing_apart(diff: DiffReport) -> tuple[TargetDiff, Apart] | None:
    """The provider that stands apart, if one does: in the target that the verdict comes from, else in the first."""
    first = leading(diff)
    targets = ([first] if first else []) + list(diff.targets)
    return next(((target, target.apart) for target in targets if target.apart), None)


def _apart(diff: DiffReport) -> Safe:
    """The provider that stands apart, with its numbers. It is observed: no exchange of a few providers could make it
    unlikely enough for a verdict."""
    found = standing_apart(diff)
    if found is None:
        return Safe("")
    target, odd = found
    form = (
        "; {who} ({id}) stands apart{target}, which says nothing of {region}: distance {distance} to {others}, {their}"
    )
    return phrase(
        form,
        who=provider_of(odd),
        id=shortened(odd.provider),
        target=phrase(" for {name}", name=ident(target.target)) if len(diff.targets) > 1 else Safe(""),
        region=ident(odd.region),
        distance=decimal(odd.distance),
        others=phrase("the other {n}", n=odd.others),
        their=Safe("which gave the same bytes")
        if odd.same_bytes
        else phrase("theirs {range}", range=span((odd.least, odd.greatest))),
    )


def provider_of(odd: Apart) -> Safe:
    """`provider 2 of EU`, as the pages number them."""
    return phrase(
        "provider {slots} of {region}", slots=listed([str(slot) for slot in odd.slots]), region=ident(odd.region)
    )


def _finding(target: TargetDiff, providers: Mapping[str, Sequence[str]]) -> Safe:
    regions = compared(target)
    if target.verdict == "insufficient":
        return _undecided(target, providers)
    if target.verdict == "same":
        return phrase("the answers from {regions} were the same", regions=listed(regions))
    if target.verdict == "noise":
        form = "the answers from {regions} differed no more than answers from one region do among themselves"
        return phrase(form, regions=listed(regions))
    if not target.named:
        return phrase("the answers from {regions} differed beyond this job's own noise", regions=listed(regions))
    return phrase("{regions} beyond this job's own noise", regions=_differed(target))


def _differed(target: TargetDiff) -> Safe:
    """`the answers from APAC differed from EU and US`, and the last ones `from each other`."""
    alone = tuple(region for region in target.named if region not in target.each_other)
    rest = tuple(region for region in compared(target) if region not in alone)
    parts = []
    if alone:
        whom = listed(rest) if rest else Safe("each other")
        parts.append(phrase("the answers from {regions} differed from {whom}", regions=listed(alone), whom=whom))
    if target.each_other:
        parts.append(phrase("the answers from {regions} differed from each other", regions=listed(target.each_other)))
    return joined(parts, " and ")


def _undecided(target: TargetDiff, providers: Mapping[str, Sequence[str]]) -> Safe:
    """Why nothing is said of the regions. With fewer than three independent providers in one, a provider's fault and a
    region's look alike; then what stands out among answers that are otherwise the same is called a provider's."""
    if target.separable:
        return Safe("there was not enough data to say whether the regions differ")
    odd = None if target.apart else _odd_one_out(target)
    if odd is None:
        return Safe("nothing can be said of the regions, because region and provider cannot be told apart")
    several = next(region.providers for region in target.regions if region.region == odd) > 1
    ids = providers.get(odd, ())
    known = phrase(" ({ids})", ids=joined(map(shortened, ids), ", ")) if 0 < len(ids) <= 3 else Safe("")
    return phrase(
        "the {provider} used in {odd}{known} answered unlike {others}; region and provider cannot be told apart",
        provider=Safe("providers" if several else "provider"),
        odd=ident(odd),
        known=known,
        others=listed([region for region in compared(target) if region != odd]),
    )


def _odd_one_out(target: TargetDiff) -> str | None:
    """The one region that is apart from all others where those, two at least, have no distance among themselves."""
    regions = compared(target)
    for odd in regions:
        others = tuple(region for region in regions if region != odd)
        among = distances(target, others, others)
        if len(others) > 1 and among and not any(among) and all(distances(target, (odd,), others) or (0,)):
            return odd
    return None


def shortened(provider: str) -> Safe:
    """A provider's id; of a long one the first ten characters. One that is no plain word stands in the tables only: a
    sentence has to be fit for alternative texts, where no code is."""
    start = provider if len(provider) <= 16 else provider[:10]
    if ident(start) != start:
        return Safe("its id is no plain word")
    return phrase("{start}{more}", start=Safe(start), more=Safe("" if start == provider else "…"))


def telling_test(target: TargetDiff) -> Test | None:
    """The test behind the verdict: of those that named a region the weakest, else the global one."""
    naming = [test for test in target.tests if test.kind == "region" and test.significant]
    if naming:
        return max(naming, key=lambda test: test.p.count / test.p.of)
    return next((test for test in target.tests if test.kind == "global"), None)


def _numbers(diff: DiffReport, target: TargetDiff) -> list[Safe]:
    regions = compared(target)
    named = target.named or regions
    others = tuple(region for region in regions if region not in target.named) or regions
    between = [
        distance
        for row in named
        for column in others
        if row != column
        for distance in distances(target, (row,), (column,))
    ]
    own = [distance for region in regions for distance in distances(target, (region,), (region,))]
    numbers = []
    if between:
        numbers.append(phrase("distance {between}", between=span(between)))
        numbers.append(phrase("same-region control {own}", own=span(own)))
    numbers.append(answers(diff, target))
    test = telling_test(target)
    if test is not None:
        numbers.append(phrase("p = {p}", p=probability(test.p)))
    if target.verdict == "noise" and target.detectable is not None:
        numbers.append(phrase("a shift of {least} would have been found", least=decimal(target.detectable)))
    return [*numbers, phrase("region: {grade}", grade=ident(diff.grade))]


def answers(diff: DiffReport, target: TargetDiff) -> Safe:
    """`3 providers x 2 answers per region`, and how many of them there are where some are missing."""
    design = diff.design
    planned = sum(region.planned for region in target.regions)
    answered = sum(region.answered for region in target.regions)
    form = "{providers} x {answers} per region" if len(design.prompts) == 1 else (
        "{providers} x {answers} per region and prompt, {prompts}"
    )  # fmt: skip
    plan = phrase(
        form,
        providers=count(design.providers, "provider"),
        answers=count(design.replicas, "answer"),
        prompts=count(len(design.prompts), "prompt"),
    )
    if answered == planned:
        return plan
    return phrase("{plan}, {answered} of {planned} answered", plan=plan, answered=answered, planned=planned)


def cell_words(target: TargetDiff, row: str, column: str) -> Safe:
    """What the distance between two regions means for the verdict."""
    measured = distances(target, (row,), (column,))
    if not measured:
        return Safe("not measured")
    if row == column:
        return Safe("own noise")
    if target.verdict == "insufficient":
        return Safe("not judged")
    if not any(measured):
        return Safe("the same")
    named = {row, column} & set(target.named)
    if not named:
        return Safe("within noise")
    both_alone = len(named) == 2 and not named & set(target.each_other)
    return Safe("both differ" if both_alone else "beyond noise")
