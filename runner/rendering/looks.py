"""What is said of many runs: of all looks at one job, and of the jobs of one suite. Words around `compare.series`.

A look is a published run that could be tested. Of several, only all together may say that a job differs: whoever looks
often enough sees a difference at last. So badges and headings tell what the series says first, and the last run after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from runner.compare.series import Series, adjusted, look, series
from runner.model.chance import PValue
from runner.model.report import DiffReport, Verdict
from runner.rendering.neutral import Safe, phrase
from runner.rendering.sentences import SEVERITY, SYMBOLS, count, probability


class Look(NamedTuple):
    """One run of a job: the p of all its targets together, None where nothing could be tested, the alpha that its job
    had then, and what was found."""

    p: Fraction | None
    alpha: Fraction
    verdict: Verdict
    simulated: bool


class Standing(NamedTuple):
    """What a job's badge says: in a few words, and as the verdict that gives it its colour and its place."""

    verdict: Verdict
    words: Safe


def taken(diff: DiffReport) -> Look:
    """A run as a look at its job."""
    return Look(look(diff), Fraction(diff.design.alpha), diff.verdict, diff.simulated)


def standing(looks: Sequence[Look], last: Standing) -> Standing:
    """What all looks at a job say together, in the order of the log, with what its last run says. Of a single look that
    is what the last run says.

    Not beyond chance is no finding, so it is never shown as a difference, and as none only where the last run saw none.
    Beyond chance stays said, as the most that any run found."""
    found, simulated = _together(looks), Safe(" · SIMULATED" if any(look.simulated for look in looks) else "")
    if found.looks < 2:
        return Standing(last.verdict, phrase("{last}{simulated}", last=last.words, simulated=simulated))
    runs = count(len(looks), "run")
    if found.since is None:
        verdict: Verdict = "noise" if last.verdict in ("same", "noise") else "insufficient"
        what = Safe("not beyond chance")
    else:
        verdict = next((one for one in SEVERITY[:2] if any(look.verdict == one for look in looks)), "minor")
        what = Safe("beyond chance")
    form = "{symbol} {runs} together: {what} · last: {last}{simulated}"
    tested = runs if found.looks == len(looks) else phrase("{m} of {runs}", m=found.looks, runs=runs)
    values = {"symbol": SYMBOLS[verdict], "runs": tested, "what": what, "last": last.words, "simulated": simulated}
    return Standing(verdict, phrase(form, **values))


def said(looks: Sequence[Look]) -> Safe:
    """`Look 4; 2 were significant.`, and what all say together, in the order of the log. Nothing of a single one."""
    alpha, found = _level(looks), _together(looks)
    if found.looks < 2:
        return Safe("")
    verb = Safe("was" if found.significant == 1 else "were")
    first = phrase("Look {m}; {k} {verb} significant.", m=found.looks, k=found.significant, verb=verb)
    needed = _hundredths(int(100 / alpha))
    if found.since is None:
        form = "{first} All looks together are not beyond chance: their evidence is {reached}, and {needed} is needed."
        return phrase(form, first=first, reached=_hundredths(found.hundredths), needed=needed)
    form = (
        "{first} All looks together are **beyond chance** since look {since}: their evidence reached {needed}, as it"
        " does for at most {alpha} of jobs without a difference, however often one looks."
    )
    return phrase(form, first=first, since=found.since, needed=needed, alpha=_rounded_up(alpha))


def _together(looks: Sequence[Look]) -> Series:
    return series([look.p for look in looks], _level(looks))


def _level(looks: Sequence[Look]) -> Fraction:
    """The least alpha that the job has had, so that a revision cannot loosen it."""
    return min((look.alpha for look in looks), default=Fraction(1))


def suites(last: Mapping[str, Fraction | None]) -> dict[str, Safe]:
    """For each job of a suite of several, by its folder in `reports/jobs/`: `q = 0.012 among 5 jobs of its suite`.

    `last` has the p of each job's last run, None where nothing could be tested."""
    families: dict[str, list[str]] = {}
    for folder in sorted(last):
        owner, *suite, _ = folder.split("/")
        if suite:
            families.setdefault(f"{owner}/{suite[0]}", []).append(folder)
    found = {}
    for members in families.values():
        if len(members) > 1:
            jobs = count(len(members), "job")
            for folder, q in zip(members, adjusted([last[folder] for folder in members]), strict=True):
                if q is not None:
                    found[folder] = phrase("q = {q} among {jobs} of its suite", q=_rounded_up(q), jobs=jobs)
    return found


def _rounded_up(share: Fraction) -> Safe:
    return probability(PValue(count=-(-share.numerator * 10_000 // share.denominator), of=10_000, exact=False))


def _hundredths(number: int) -> Safe:
    """`0.07`, or `1,234`: two digits behind the point below a hundred."""
    return Safe(f"{number // 100:,}" if number >= 10_000 else f"{number / 100:.2f}")
