"""What is said of many runs: of all looks at one job, and of the jobs of one suite. Words around `compare.series`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from runner.compare.series import adjusted, series
from runner.model.report import PValue
from runner.neutral import Safe, phrase
from runner.sentences import count, probability


class Look(NamedTuple):
    """One run of a job: the p of all its targets together, None where nothing could be tested, and the alpha that its
    job had then."""

    p: Fraction | None
    alpha: Fraction


def said(looks: Sequence[Look]) -> Safe:
    """`Look 4; 2 were significant.`, and what all looks say together, in the order of the log. Nothing of a single one.

    Looks are held to the least alpha that the job has had, so that a revision cannot loosen it."""
    alpha = min((look.alpha for look in looks), default=Fraction(1))
    found = series([look.p for look in looks], alpha)
    if found.looks < 2:
        return Safe("")
    verb = Safe("was" if found.significant == 1 else "were")
    first = phrase("Look {m}; {k} {verb} significant.", m=found.looks, k=found.significant, verb=verb)
    needed = _hundredths(int(100 / alpha))
    if found.since is None:
        form = "{first} All looks together are within chance: evidence {reached}, and {needed} would be beyond it."
        return phrase(form, first=first, reached=_hundredths(found.hundredths), needed=needed)
    form = (
        "{first} All looks together are **beyond chance** since look {since}: their evidence reached {needed}, as it"
        " does for at most {alpha} of jobs without a difference, however often one looks."
    )
    return phrase(form, first=first, since=found.since, needed=needed, alpha=_rounded_up(alpha))


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
