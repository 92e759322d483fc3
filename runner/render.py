"""Pages for people, in Markdown that a forge shows: the run, a job's history, the index, and runs that ended early.

Promises: the same values give the same bytes on every machine, so `beacon verify` can render a page again; no page is
larger than `LARGEST`; and only neutralised text reaches a page. The last is structural: see `runner/template.py`.

A run's page may show the CID of its bundle, never a log index or a commit: those do not exist yet when it is written.
The derived pages (`history_page`, `index_page`) are pure functions of summaries, and those of published files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

from runner import badges, charts, looks, providerpage, runpage, targetspage, timecharts
from runner.bundle import Bundle, observations
from runner.compare.series import look
from runner.model.canonical import Instant
from runner.model.entry import Start
from runner.model.receipt import Receipt
from runner.model.report import DiffReport, TargetDiff, Verdict
from runner.model.run import Run
from runner.money import total
from runner.neutral import Safe, ident, inline, joined, phrase, prose
from runner.plan import run_folder
from runner.rejudged import Again, judged_again
from runner.sentences import SEVERITY, SYMBOLS, WORDS, When, count, decimal, heading, sentence, span, standing_apart
from runner.template import LARGEST, fill

RENDERER = "markdown/4"
_ROOM, _RESERVE, _REASONS_ROOM, _LIST_ROOM, _TREND = 110_000, 25_000, 3_000, 120_000, 9
_PROVIDERS_ROOM = 20_000
_PICTURES = {"distances": charts.DISTANCES, "noise": charts.NOISE}
_BARS = "▁▂▃▄▅▆▇█"


class RunSummary(NamedTuple):
    """What derived pages say of one run. `folder` is the run's, from the repository's root; `date` is the day of its
    due time, or the day on which it was taken; `points` are by target and region; `apart` is the region of a provider
    that stands apart; `entry` is the index of its log entry, and not shown."""

    folder: str
    run: str
    date: str
    verdict: Verdict
    simulated: bool
    sentence: Safe
    named: tuple[str, ...]
    alpha: str
    points: Mapping[tuple[str, str], timecharts.Point]
    apart: str | None
    look: looks.Look
    entry: int
    again: tuple[Again, ...] = ()
    """The times that it was judged again, in their order."""


class JobSummary(NamedTuple):
    """One job on the index: its folder, from the repository's root, its number of published runs, and the last."""

    folder: str
    runs: int
    last: RunSummary


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
        timeline=_image(timecharts.TIMELINE, said, "timeline.svg"),
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
        sentence=phrase("{symbol} {word}", symbol=SYMBOLS[target.verdict], word=WORDS[target.verdict]),
        reasons=runpage.fit((runpage.Row((prose(reason),)) for reason in target.reasons), _REASONS_ROOM),
        names=tuple(ident(region.region) for region in target.regions),
        matrix=runpage.matrix(target),
        regions=runpage.regions(target),
        odd=providerpage.odd_provider(bundle, target),
        providers=providerpage.providers(bundle, target, _PROVIDERS_ROOM // len(diff.targets)),
        pictures=tuple(_image(_PICTURES[file.split(".")[-2]], said, file) for file in pictures),
    )


def _image(what: Safe, said: Safe, file: str) -> Safe:
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


def summarise(folder: str, run: Run, diff: DiffReport, at: Instant, entry: int = 0) -> RunSummary:
    """What derived pages need of a published run. `at` is when it was taken; a due time goes before it."""
    day = (run.due or at)[:10]
    return RunSummary(
        folder=folder,
        run=run.run,
        date=day,
        verdict=diff.verdict,
        simulated=diff.simulated,
        sentence=sentence(diff, When(day, day)),
        named=tuple(dict.fromkeys(region for target in diff.targets for region in target.named)),
        alpha=diff.design.alpha,
        points={
            (target.target, region.region): timecharts.Point(
                region.others.median if region.others else None,
                (region.control.least, region.control.greatest) if region.control else None,
                region.region in target.named,
            )
            for target in diff.targets
            for region in target.regions
        },
        apart=odd[1].region if (odd := standing_apart(diff)) else None,
        look=looks.Look(look(diff), Fraction(diff.design.alpha)),
        entry=entry,
    )


def history_page(folder: str, summaries: Sequence[RunSummary]) -> dict[str, bytes]:
    """A job's `README.md` and its picture, by name in `folder`: its published runs, newest first, and how each region's
    distance went. The summaries may come in any order."""
    newest = sorted(summaries, key=lambda run: (run.date, run.run), reverse=True)
    latest = newest[0] if newest else None
    page = fill(
        "history.md.j2",
        job=ident(folder.removeprefix("reports/jobs/")),
        latest=latest,
        latest_heading=_state(latest) if latest else Safe(""),
        total=count(len(newest), "run"),
        beyond=len([run for run in newest if run.verdict in ("minor", "major")]),
        alpha=ident(latest.alpha) if latest else Safe(""),
        series=looks.said([run.look for run in sorted(newest, key=lambda run: (run.entry, run.date, run.run))]),
        trends=[_trend(newest, key) for key in (latest.points if latest else ())],
        trend=_image(timecharts.TREND, latest.sentence, "trend.svg") if latest else Safe(""),
        badge=Safe("../" * folder.count("/") + ident(badges.stem(folder).removeprefix("reports/"))),
        runs=runpage.fit((_run_row(folder, run) for run in newest), _LIST_ROOM),
    )
    return {"README.md": page, **({"trend.svg": _trend_picture(newest, latest)} if latest else {})}


def index_page(jobs: Sequence[JobSummary]) -> bytes:
    """`reports/README.md`: every job by its last verdict, differences first."""
    ranked = sorted(sorted(jobs, key=lambda job: job.folder), key=lambda job: job.last.date, reverse=True)
    ranked.sort(key=lambda job: SEVERITY.index(job.last.verdict))
    counts = {verdict: sum(job.last.verdict == verdict for job in jobs) for verdict in SEVERITY}
    suites = looks.suites({job.folder.removeprefix("reports/jobs/"): job.last.look.p for job in jobs})
    return fill(
        "index.md.j2",
        simulated=any(job.last.simulated for job in jobs),
        counts=joined((phrase("{word} {n}", n=n, word=_verdict(verdict)) for verdict, n in counts.items() if n), " · "),
        total=count(len(jobs), "job"),
        jobs=runpage.fit((_job_row(job, suites) for job in ranked), _LIST_ROOM),
    )


def badge_files(job: JobSummary) -> dict[str, bytes]:
    """The badges of a job, by path."""
    name, state = ident(job.folder.removeprefix("reports/jobs/")), _state(job.last)
    return {
        f"{badges.stem(job.folder)}.json": badges.endpoint(name, state, job.last.verdict),
        f"{badges.stem(job.folder)}.svg": badges.picture(name, state, job.last.verdict),
    }


def ended_page(
    start: Start, how: Literal["cancelled", "abandoned"], at: str, receipts: Mapping[str, Receipt] | None = None
) -> bytes:
    """`README.md` of a run that has no result. `at` is when it ended (RFC 3339); `receipts`, by path, are those of the
    attempts that were made until then."""
    made = [receipt.predicate for _, receipt in sorted((receipts or {}).items())]
    return fill(
        "ended.md.j2",
        cancelled=how == "cancelled",
        job=ident(start.job.removeprefix("registry/jobs/").removesuffix(".yaml")),
        revision=start.revision,
        taken=ident(start.at),
        at=ident(at),
        generation=start.generation,
        history=Safe("../../../README.md" if start.due else "../../README.md"),
        run=ident(start.run),
        simulated=any(facts.executor.simulated for facts in made),
        attempts=providerpage.listed(made, _LIST_ROOM),
        cost=providerpage.amount(total(facts.cost.observed for facts in made)),
    )


def _verdict(verdict: Verdict) -> Safe:
    return phrase("{symbol} {word}", symbol=SYMBOLS[verdict], word=WORDS[verdict])


def _state(run: RunSummary) -> Safe:
    """A run's verdict in a few words, SIMULATED where it is."""
    who = list(map(ident, run.named)) + (
        [phrase("a provider of {region}", region=ident(run.apart))] if run.apart else []
    )
    named = phrase(" ({who})", who=joined(who, ", ")) if who else Safe("")
    simulated = Safe(" · SIMULATED" if run.simulated else "")
    return phrase("{verdict}{named}{simulated}", verdict=_verdict(run.verdict), named=named, simulated=simulated)


def _run_row(folder: str, run: RunSummary) -> runpage.Row:
    below = ident(run.folder.removeprefix(f"{folder}/"))
    form = "[{date}]({below}/README.md) **{state}.** {sentence}{again}"
    again = judged_again(run.again, below)
    values = {"date": ident(run.date), "below": below, "state": _state(run), "sentence": run.sentence, "again": again}
    return runpage.Row((phrase(form, **values),))


def _job_row(job: JobSummary, suites: Mapping[str, Safe]) -> runpage.Row:
    name = job.folder.removeprefix("reports/jobs/")
    return runpage.Row(
        (
            phrase(
                "[![{state}]({badge}.svg)]({below}/README.md) [{job}]({below}/README.md), {runs}{q}: {sentence}{again}",
                state=_state(job.last),
                badge=ident(badges.stem(job.folder).removeprefix("reports/")),
                job=ident(name),
                below=ident(job.folder.removeprefix("reports/")),
                runs=count(job.runs, "run"),
                q=phrase(", {q}", q=suites[name]) if name in suites else Safe(""),
                sentence=job.last.sentence,
                again=judged_again(job.last.again, ident(job.last.folder.removeprefix("reports/"))),
            ),
        )
    )


def _trend(newest: Sequence[RunSummary], key: tuple[str, str]) -> runpage.Row:
    """A region's distance to the others over the last runs, oldest first: a line of bars, and numbers."""
    points = [run.points.get(key) for run in reversed(newest[:_TREND])]
    values = [point.distance if point else None for point in points]
    bars = "".join("·" if value is None else _BARS[min(7, value * 8 // 1_000_000)] for value in values)
    measured = [value for value in values if value is not None]
    last = decimal(measured[-1]) if measured else Safe("not measured")
    return runpage.Row((_series(newest[0], key), last, span(measured), Safe(bars)))


def _series(latest: RunSummary, key: tuple[str, str]) -> Safe:
    """`EU`, or `smollm2 EU` where there are several targets."""
    target, region = map(ident, key)
    return region if len({other for other, _ in latest.points}) == 1 else joined((target, region), " ")


def _trend_picture(newest: Sequence[RunSummary], latest: RunSummary) -> bytes:
    """The same for more runs, with own noise."""
    shown = newest[: timecharts.MOST_RUNS][::-1]
    unseen = timecharts.Point(None, None, False)
    lines = [
        timecharts.Line(_series(latest, key), tuple(run.points.get(key, unseen) for run in shown))
        for key in latest.points
    ]
    simulated = any(run.simulated for run in shown)
    return timecharts.trend(lines, shown[0].date, shown[-1].date, simulated, latest.sentence)
