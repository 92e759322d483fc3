"""A run's page for people, in Markdown that a forge shows, and its pictures. Pages of many runs: `jobpages.py`.

Promises: the same values give the same bytes on every machine, so `beacon verify` can render a page again; no page is
larger than `LARGEST`; and only neutralised text reaches a page. The last is structural: see `template.py`.

The page may show the CID of its bundle, never a log index or a commit: those do not exist yet when it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from runner.bundle import Bundle, observations
from runner.model.receipt import Receipt
from runner.model.report import DiffReport, TargetDiff
from runner.model.run import run_folder
from runner.rendering import answerpage, charts, providerpage, runpage, targetspage, timecharts
from runner.rendering.neutral import Safe, ident, inline, joined, phrase, prose
from runner.rendering.sentences import When, heading, sentence, verdict_words
from runner.rendering.template import LARGEST, fill

RENDERER = "markdown/4"
_ROOM, _RESERVE, _REASONS_ROOM = 110_000, 25_000, 3_000
_PROVIDERS_ROOM = 20_000
_PICTURES = {"distances": charts.DISTANCES, "noise": charts.NOISE}


class _TargetView(NamedTuple):
    """The part of a target on a run's page that is always whole. `of` tells headings of several targets apart, so that
    each has an address of its own; `anchor` is what a forge makes of that."""

    name: Safe
    of: Safe
    anchor: Safe
    sentence: Safe
    reasons: runpage.Fitted[runpage.Row]
    names: tuple[Safe, ...]
    matrix: tuple[runpage.Row, ...]
    regions: tuple[runpage.Row, ...]
    odd: Safe
    numbers: answerpage.Numbers
    providers: runpage.Fitted[runpage.Row]
    pictures: tuple[Safe, ...]


def run_page(bundle: Bundle, diff: DiffReport, cid: str) -> dict[str, bytes]:
    """`README.md` and the pictures that it shows, by name in the run's folder."""
    seen = observations(bundle)
    when, said = told(bundle, diff)
    pictures: dict[str, bytes] = {}
    views = []
    for target in diff.targets:
        own = _pictures(diff, target, when, said)
        pictures |= own
        views.append(_target_view(bundle, diff, target, tuple(own), said))
    pictures["timeline.svg"] = timecharts.timeline(bundle, diff.simulated, said)
    room = min(_ROOM, LARGEST - _RESERVE - runpage.size(tuple(views)))
    each = room // max(1, len(views))
    meta = bundle.spec.metadata
    page = fill(
        "run.md.j2",
        heading=heading(diff),
        sentence=said,
        job=ident(bundle.spec.folder()),
        revision=meta.revision,
        title=inline(meta.title, 120),
        labels=joined((phrase("{k} {v}", k=ident(k), v=inline(v, 63)) for k, v in sorted(meta.labels.items())), ", "),
        due=ident(bundle.run.due) if bundle.run.due else Safe(""),
        history=Safe("../../../README.md" if bundle.run.due else "../../README.md"),
        simulated=diff.simulated,
        grade=ident(diff.grade),
        targets=[
            (
                view,
                runpage.differences(bundle, target, seen, each * 2 // 5),
                runpage.answers(seen, target, each * 3 // 10),
            )
            for target, view in zip(diff.targets, views, strict=True)
        ],
        across=targetspage.targets(diff),
        timeline=image(timecharts.TIMELINE, said, "timeline.svg"),
        attempts=providerpage.attempts(bundle, room // 5),
        identities=providerpage.identities(bundle, room // 10),
        setup=runpage.setup(bundle),
        alpha=ident(diff.design.alpha),
        classifier=ident(diff.classifier),
        renderer=ident(RENDERER),
        cid=ident(cid),
        run=ident(bundle.run.run),
        path=ident(f"{run_folder(bundle.spec.folder(), bundle.run.run, bundle.run.due)}/README.md"),
        sha256=ident(bundle.run.sha256),
    )
    return {"README.md": page, **pictures}


def _target_view(
    bundle: Bundle, diff: DiffReport, target: TargetDiff, pictures: Sequence[str], said: Safe
) -> _TargetView:
    name, several = ident(target.target), len(diff.targets) > 1
    return _TargetView(
        name=name,
        of=Safe(", " + name) if several else Safe(""),
        anchor=Safe("-" + name) if several else Safe(""),
        sentence=verdict_words(target.verdict),
        reasons=runpage.fit((runpage.Row((prose(reason),)) for reason in target.reasons), _REASONS_ROOM),
        names=tuple(ident(region.region) for region in target.regions),
        matrix=runpage.matrix(target),
        regions=runpage.regions(target),
        odd=providerpage.odd_provider(bundle, target),
        numbers=answerpage.numbers(target, bundle.spec.spec.compare.ignore),
        providers=providerpage.providers(bundle, target, _PROVIDERS_ROOM // len(diff.targets)),
        pictures=tuple(image(_PICTURES[file.split(".")[-2]], said, file) for file in pictures),
    )


def image(what: Safe, said: Safe, file: str) -> Safe:
    """A picture with its alternative text: what it shows, and the verdict's sentence."""
    return phrase("![{what}. {said}]({file})", what=what, said=said, file=ident(file))


def _pictures(diff: DiffReport, target: TargetDiff, when: When, said: Safe) -> dict[str, bytes]:
    pictures = {f"{target.target}.noise.svg": charts.noise(diff, target, when, said)}
    if 1 < len(target.regions) <= charts.MOST_REGIONS:
        return {f"{target.target}.distances.svg": charts.heatmap(diff, target, when, said), **pictures}
    return pictures


def told(bundle: Bundle, diff: DiffReport) -> tuple[When, Safe]:
    """When a run was observed, and what a judgement of it found, in a sentence."""
    when, seen = observed(bundle.receipts.values()), observations(bundle)
    providers = {
        region: sorted({o.provider for o in seen if o.cell.region == region and o.output is not None})
        for region in diff.design.regions
    }
    return when, sentence(diff, when, providers)


def observed(receipts: Iterable[Receipt]) -> When:
    """The first and the last day on which an attempt ended."""
    days = sorted(receipt.predicate.times.finished[:10] for receipt in receipts)
    return When(days[0], days[-1]) if days else When(None, None)
