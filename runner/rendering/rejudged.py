"""What changed when a published run was judged again: for its own page, and in a line of the pages that list runs.

A judgement that came later stands beside the first and never replaces it: the verdict of a run is the one that was
published with it, and every page that shows the newer one says which is which. Texts are `Safe`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from runner.bundle import Bundle
from runner.model import DiffReport
from runner.model.report import RegionDiff, TargetDiff, Verdict
from runner.rendering import charts, runpage
from runner.rendering.neutral import Safe, ident, joined, phrase, prose
from runner.rendering.sentences import When, decimal, heading, verdict_words
from runner.rendering.template import fill

_REASONS_ROOM = 10_000


class Again(NamedTuple):
    """A run judged again. `folder` is the judgement's, below the run's own; `before` and `was` are what judged first,
    and what it found."""

    folder: str
    before: str
    was: Verdict
    classifier: str
    verdict: Verdict
    named: tuple[str, ...]


def rejudged(folder: str, then: DiffReport, now: DiffReport) -> Again:
    """What derived pages say of a judgement that stands in `folder`."""
    named = tuple(dict.fromkeys(region for target in now.targets for region in target.named))
    return Again(folder, then.classifier, then.verdict, now.classifier, now.verdict, named)


def judged_again(times: Sequence[Again], below: Safe) -> Safe:
    """A sentence for each time, behind what is said of the run already, whose folder is linked as `below`."""
    return joined(_time(again, below) for again in times)


def _time(again: Again, below: Safe) -> Safe:
    form = " First judged by {before}; judged again by [{classifier}]({below}/{folder}/README.md): {now}{named}, {was}."
    named = phrase(" ({names})", names=joined(map(ident, again.named), ", ")) if again.named else Safe("")
    same = again.was == again.verdict
    return phrase(
        form,
        before=ident(again.before),
        classifier=ident(again.classifier),
        below=below,
        folder=ident(again.folder),
        now=verdict_words(again.verdict),
        named=named,
        was=Safe("as before") if same else phrase("before {was}", was=verdict_words(again.was)),
    )


def rejudged_page(
    bundle: Bundle, then: DiffReport, now: DiffReport, told: tuple[When, Safe], cid: str, by: str
) -> dict[str, bytes]:
    """`README.md` and the pictures of a judgement, by name in its folder. `told` is when the run was observed, and the
    sentence that `now` makes; `by` names what renders."""
    when, said = told
    pictures: dict[str, bytes] = {}
    for target in now.targets:
        if 1 < len(target.regions) <= charts.MOST_REGIONS:
            pictures[f"{target.target}.distances.svg"] = charts.heatmap(now, target, when, said)
        pictures[f"{target.target}.noise.svg"] = charts.noise(now, target, when, said)
    up = "../" * (5 if bundle.run.due else 4)
    page = fill(
        "rejudged.md.j2",
        heading=heading(now),
        sentence=said,
        then=verdict_words(then.verdict),
        now=verdict_words(now.verdict),
        differs=then.verdict != now.verdict,
        before=ident(then.classifier),
        classifier=ident(now.classifier),
        renderer=ident(by),
        job=ident(bundle.spec.folder()),
        history=phrase("{up}README.md", up=Safe(up)),
        rows=[row for target in now.targets for row in _changes(then, target, len(now.targets) > 1)],
        targets=[
            (
                ident(target.target),
                runpage.fit((runpage.Row((prose(reason),)) for reason in target.reasons), _REASONS_ROOM),
                tuple(ident(region.region) for region in target.regions),
                runpage.matrix(target),
                [
                    phrase("![{what}. {said}]({file})", what=what, said=said, file=ident(f"{target.target}.{name}.svg"))
                    for name, what in (("distances", charts.DISTANCES), ("noise", charts.NOISE))
                    if f"{target.target}.{name}.svg" in pictures
                ],
            )
            for target in now.targets
        ],
        cid=ident(cid),
        run=ident(bundle.run.run),
    )
    return {"README.md": page, **pictures}


def _changes(then: DiffReport, now: TargetDiff, several: bool) -> list[runpage.Row]:
    """A row a region: its verdict and its distance to the others, then and now."""
    before = {
        region.region: region for target in then.targets if target.target == now.target for region in target.regions
    }
    return [_change(now, region, before.get(region.region), several) for region in now.regions]


def _change(target: TargetDiff, now: RegionDiff, then: RegionDiff | None, several: bool) -> runpage.Row:
    name = joined((ident(target.target), ident(now.region)), " ") if several else ident(now.region)
    verdict = verdict_words(now.verdict)
    if then is None or then.verdict != now.verdict:
        verdict = phrase("**{verdict}**", verdict=verdict)
    was = verdict_words(then.verdict) if then else Safe("not there")
    return runpage.Row((name, was, verdict, _others(then), _others(now)))


def _others(region: RegionDiff | None) -> Safe:
    return decimal(region.others.median) if region and region.others else Safe("not measured")
