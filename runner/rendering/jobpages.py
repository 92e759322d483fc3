"""What is said of many runs: each job's history with its trend, the index, badges, and runs without a result.

Pure functions of summaries, and those of published files (`pages.py`): the same values give the same bytes. As
on a run's page only neutralised text reaches them: see `template.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

from runner.model.canonical import Instant
from runner.model.entry import Start
from runner.model.receipt import Receipt
from runner.model.report import DiffReport, Verdict
from runner.model.run import Run
from runner.money import total
from runner.rendering import badges, looks, providerpage, runpage, timecharts
from runner.rendering.neutral import Safe, ident, joined, phrase
from runner.rendering.rejudged import Again, judged_again
from runner.rendering.render import image
from runner.rendering.sentences import SEVERITY, When, count, decimal, sentence, span, standing_apart, verdict_words
from runner.rendering.template import fill

_LIST_ROOM, _TREND = 120_000, 9
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


class LateAttempts(NamedTuple):
    """What an abandoned start left. `folder` is below the job's; `at` is when `runner` took the run."""

    folder: str
    run: str
    at: Instant
    runner: str


class JobSummary(NamedTuple):
    """One job on the index: its folder, from the repository's root, its published runs in the order of the log, and the
    last by its date."""

    folder: str
    runs: tuple[looks.Look, ...]
    last: RunSummary

    @property
    def standing(self) -> looks.Standing:
        """What its badge says."""
        return looks.standing(self.runs, looks.Standing(self.last.verdict, _found(self.last)))


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
        look=looks.taken(diff),
        entry=entry,
    )


def history_page(folder: str, summaries: Sequence[RunSummary], late: Sequence[LateAttempts] = ()) -> dict[str, bytes]:
    """A job's `README.md` and its picture, by name in `folder`: its published runs, newest first, and how each region's
    distance went; `late`, in the order of the log, is what abandoned starts left. The summaries may come in any order.
    """
    newest = sorted(summaries, key=lambda run: (run.date, run.entry, run.run), reverse=True)
    latest = newest[0] if newest else None
    seen = tuple(run.look for run in sorted(newest, key=lambda run: (run.entry, run.date, run.run)))
    page = fill(
        "history.md.j2",
        job=ident(folder.removeprefix("reports/jobs/")),
        latest=latest,
        standing=JobSummary(folder, seen, latest).standing.words if latest else Safe(""),
        total=count(len(newest), "run"),
        beyond=len([run for run in newest if run.verdict in ("minor", "major")]),
        alpha=ident(latest.alpha) if latest else Safe(""),
        series=looks.said(seen),
        trends=[_trend(newest, key) for key in (latest.points if latest else ())],
        trend=image(timecharts.TREND, latest.sentence, "trend.svg") if latest else Safe(""),
        badge=Safe("../" * folder.count("/") + ident(badges.stem(folder).removeprefix("reports/"))),
        runs=runpage.fit((_run_row(folder, run) for run in newest), _LIST_ROOM),
        late=runpage.fit(map(_late_row, reversed(late)), _LIST_ROOM // 4),
    )
    return {"README.md": page, **({"trend.svg": _trend_picture(newest, latest)} if latest else {})}


def index_page(jobs: Sequence[JobSummary], left_out: Collection[str] = ()) -> bytes:
    """`reports/README.md`: the jobs, by what their badges or their last runs say, differences first. `left_out` are the
    folders of jobs that are only counted."""
    ranked = sorted(sorted(jobs, key=lambda job: job.folder), key=lambda job: job.last.date, reverse=True)
    ranked.sort(key=lambda job: sorted(map(SEVERITY.index, (job.standing.verdict, job.last.verdict))))
    counts = {verdict: sum(job.last.verdict == verdict for job in jobs) for verdict in SEVERITY}
    several = any(len(job.runs) > 1 for job in jobs)
    cut = {folder.rpartition("/")[0] for folder in left_out}  # what is said of a suite is said of all its jobs
    whole = [job for job in jobs if job.folder.rpartition("/")[0] not in cut]
    suites = looks.suites({job.folder.removeprefix("reports/jobs/"): job.last.look.p for job in whole})
    rows = runpage.fit((_job_row(job, suites) for job in ranked), _LIST_ROOM)
    return fill(
        "index.md.j2",
        simulated=any(job.last.simulated or any(look.simulated for look in job.runs) for job in jobs),
        counts=joined((phrase("{word} {n}", n=n, word=verdict_words(one)) for one, n in counts.items() if n), " · "),
        total=count(len(jobs) + len(left_out), "job"),
        newest=phrase("; of the {n} with the newest runs", n=len(jobs)) if left_out else Safe(""),
        together=Safe(" Of a job with several runs the badge says what all show together." if several else ""),
        jobs=rows._replace(left_out=rows.left_out + len(left_out)),
    )


def badge_files(job: JobSummary) -> dict[str, bytes]:
    """The badges of a job, by path."""
    name, (verdict, words) = ident(job.folder.removeprefix("reports/jobs/")), job.standing
    return {
        f"{badges.stem(job.folder)}.json": badges.endpoint(name, words, verdict),
        f"{badges.stem(job.folder)}.svg": badges.picture(name, words, verdict),
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


def _state(run: RunSummary) -> Safe:
    """A run's verdict in a few words, SIMULATED where it is."""
    simulated = Safe(" · SIMULATED" if run.simulated else "")
    return phrase("{found}{simulated}", found=_found(run), simulated=simulated)


def _found(run: RunSummary) -> Safe:
    who = list(map(ident, run.named)) + (
        [phrase("a provider of {region}", region=ident(run.apart))] if run.apart else []
    )
    named = phrase(" ({who})", who=joined(who, ", ")) if who else Safe("")
    return phrase("{verdict}{named}", verdict=verdict_words(run.verdict), named=named)


def _run_row(folder: str, run: RunSummary) -> runpage.Row:
    below = ident(run.folder.removeprefix(f"{folder}/"))
    form = "[{date}]({below}/README.md) **{state}.** {sentence}{again}"
    again = judged_again(run.again, below)
    values = {"date": ident(run.date), "below": below, "state": _state(run), "sentence": run.sentence, "again": again}
    return runpage.Row((phrase(form, **values),))


def _late_row(late: LateAttempts) -> runpage.Row:
    form = "[{at}, run {run}]({folder}/manifest.json), by {runner}"
    values = {"at": late.at, "run": late.run[:12], "folder": late.folder, "runner": late.runner}
    return runpage.Row((phrase(form, **{name: ident(value) for name, value in values.items()}),))


def _job_row(job: JobSummary, suites: Mapping[str, Safe]) -> runpage.Row:
    name = job.folder.removeprefix("reports/jobs/")
    return runpage.Row(
        (
            phrase(
                "[![{state}]({badge}.svg)]({below}/README.md) [{job}]({below}/README.md), {runs}{q}: {sentence}{again}",
                state=job.standing.words,
                badge=ident(badges.stem(job.folder).removeprefix("reports/")),
                job=ident(name),
                below=ident(job.folder.removeprefix("reports/")),
                runs=count(len(job.runs), "run"),
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
