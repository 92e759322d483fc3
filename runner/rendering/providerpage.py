"""The parts of a run's page about providers: who answered, where they were seen, what they cost, what failed, and ids.

Names, ids and reasons come from strangers, so they stand in code; what a reader needs at a glance (a short id, a
reason's first word) is in the table, everything else in folded lists. Values as in `runpage.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from runner.bundle import Bundle
from runner.model.canonical import GRADES
from runner.model.receipt import Predicate
from runner.model.report import Apart, TargetDiff
from runner.money import plain, total
from runner.rendering.neutral import Safe, ident, inline, joined, phrase
from runner.rendering.runpage import Fitted, Row, fit
from runner.rendering.sentences import count, decimal, probability, provider_of, span

_MOST_PROVIDERS, _SHORT = 4, 13
_SMALLEST = Decimal("0.000001")
_WORD = re.compile(r"[a-z][a-z-]{0,31}(?=: )")

_STATUS: Mapping[str, Safe] = {
    "ok": Safe("answered"),
    "partial": Safe("answered in part"),
    "failed": Safe("**failed**"),
    "timeout": Safe("**timed out**"),
    "cancelled": Safe("**cancelled**"),
}


def odd_provider(bundle: Bundle, target: TargetDiff) -> Safe:
    """The provider of a target that stands apart: who it is, its numbers, and what they do not say. Or nothing."""
    if (odd := target.apart) is None:
        return Safe("")
    form = (
        "**One provider stands apart: {who}, {name} {id}.** Its distance to the other {n} is {distance}, theirs to one "
        "another {range}. {bytes} It may serve another model, be at fault or run on other hardware. This is an "
        "observation, no verdict: an exchange of {all} providers cannot reach p below {least}; an exchange of their "
        "answers gives p = {p}. Nothing is said of {region}."
    )
    return phrase(
        form,
        who=provider_of(odd),
        name=inline(_name(bundle, target, odd), 32),
        id=inline(odd.provider, 80),
        n=odd.others,
        distance=decimal(odd.distance),
        range=span((odd.least, odd.greatest)),
        bytes=_bytes(odd),
        all=odd.others + 1,
        least=Safe(f"1/{odd.others + 1}"),
        p=probability(odd.p),
        region=ident(odd.region),
    )


def _bytes(odd: Apart) -> Safe:
    """Who gave which bytes."""
    own = phrase("{n} of its {answers} nobody else gave.", n=odd.unlike, answers=count(odd.answers, "answer"))
    if not odd.same_bytes:
        return own
    return phrase("{n} of {all} providers gave the same bytes; {own}", n=odd.others, all=odd.others + 1, own=own)


def _name(bundle: Bundle, target: TargetDiff, odd: Apart) -> str:
    """What the provider calls itself, in the first receipt of the target that has its id."""
    names = (facts.provider.name for facts in _facts(bundle, target.target) if facts.provider.id == odd.provider)
    return next(names, "")


def providers(bundle: Bundle, target: TargetDiff, room: int) -> Fitted[Row]:
    """A row a region: who answered, how well and where the region is known, what failed and why, what it cost."""
    found = _facts(bundle, target.target)
    names = [region.region for region in target.regions]
    rows = ([facts for facts in found if facts.attempt.region == name] for name in names)
    return fit((_region(name, own, target.apart) for name, own in zip(names, rows, strict=True)), room)


def _facts(bundle: Bundle, target: str) -> list[Predicate]:
    """The attempts of a target, in the order of the job."""
    rank = {region.name: number for number, region in enumerate(bundle.spec.spec.regions)}
    found = [receipt.predicate for receipt in bundle.receipts.values() if receipt.predicate.attempt.target == target]
    return sorted(found, key=lambda facts: (rank[facts.attempt.region], facts.attempt.slot, facts.attempt.n))


def _answered(facts: Predicate) -> bool:
    return any(cell.status == "ok" for cell in facts.cells)


def _region(name: str, found: Sequence[Predicate], odd: Apart | None) -> Row:
    held = {facts.attempt.slot: facts for facts in found if _answered(facts)}
    shown = [_provider(slot, facts, odd) for slot, facts in list(held.items())[:_MOST_PROVIDERS]]
    if len(held) > len(shown):
        shown.append(phrase("and {n} more", n=len(held) - len(shown)))
    return Row((ident(name), joined(shown, "<br>") or Safe("none"), _seen(held.values()), _tries(found), _cost(found)))


def _provider(slot: int, facts: Predicate, odd: Apart | None) -> Safe:
    apart = odd is not None and facts.provider.id == odd.provider and facts.attempt.region == odd.region
    return phrase(
        "{bold}{slot}: {name} {id}{apart}{bold}",
        bold=Safe("**" if apart else ""),
        slot=slot,
        name=inline(facts.provider.name, 32),
        id=inline(facts.provider.id, _SHORT),
        apart=Safe(" stands apart" if apart else ""),
    )


def _seen(found: Iterable[Predicate]) -> Safe:
    """`egress: DE, FR`: the weakest grade among those that answered, and where they were seen."""
    found = list(found)
    if not found:
        return Safe("not observed")
    grade = ident(min((facts.region.grade for facts in found), key=GRADES.index))
    places = sorted({place for facts in found if (place := facts.region.country or facts.region.observed)})
    return phrase("{grade}: {places}", grade=grade, places=joined(map(ident, places), ", ")) if places else grade


def _cost(found: Sequence[Predicate]) -> Safe:
    """`0.0123 GLM, 3 invoices`, of all attempts."""
    spent = amount(total(facts.cost.observed for facts in found))
    invoices = len({facts.cost.invoice for facts in found if facts.cost.invoice})
    if spent == "0" and not invoices:
        return Safe("nothing")
    return phrase("{spent} GLM, {invoices}", spent=spent, invoices=count(invoices, "invoice"))


def amount(glm: Decimal) -> Safe:
    """An amount with at most six places; what is not nothing is never written 0."""
    if 0 < glm < _SMALLEST:
        return phrase("<{least}", least=Safe(plain(_SMALLEST)))
    return Safe(plain(round(glm, 6)))


def _tries(found: Sequence[Predicate]) -> Safe:
    """How many of the attempts answered, and why the others did not: `3 of 5 answered; failed: 1 budget`."""
    if not found:
        return Safe("none")
    lost = Counter(_why(facts) for facts in found if not _answered(facts))
    tries = phrase("{n} of {all} answered", n=len(found) - lost.total(), all=len(found))
    if not lost:
        return tries
    words = joined((phrase("{n} {why}", n=lost[why], why=inline(why, 32)) for why in sorted(lost)), ", ")
    return phrase("{tries}; failed: {words}", tries=tries, words=words)


def _why(facts: Predicate) -> str:
    """A reason's first word, as executors write them (`region: …`), else how the attempt ended."""
    word = _WORD.match(facts.reason or "")
    return word[0] if word else facts.status


def attempts(bundle: Bundle, room: int) -> Fitted[Row]:
    """A row an attempt in the order of the job; where they do not all fit, those that failed come first."""
    return listed(_all(bundle), room)


def listed(found: Sequence[Predicate], room: int) -> Fitted[Row]:
    """A row for each of these attempts, in their order; where they do not all fit, those that failed come first."""
    fitted = fit(map(_attempt, found), room)
    if fitted.left_out:
        fitted = fit(map(_attempt, sorted(found, key=lambda facts: facts.status == "ok")), room)
    return fitted


def _all(bundle: Bundle) -> list[Predicate]:
    return [facts for target in bundle.spec.spec.targets for facts in _facts(bundle, target.name)]


def _place(facts: Predicate) -> Safe:
    return phrase("{name} {slot}", name=ident(facts.attempt.region), slot=facts.attempt.slot)


def _attempt(facts: Predicate) -> Row:
    seen = facts.region.country or facts.region.observed
    evidence = ident(facts.region.grade)
    if seen:
        evidence = phrase("{grade}: {seen}", grade=evidence, seen=ident(seen))
    reasons = [facts.reason] if facts.reason else [cell.reason for cell in facts.cells if cell.reason][:1]
    return Row(
        (
            _place(facts),
            Safe(str(facts.attempt.n)),
            phrase("{name} {id}", name=inline(facts.provider.name, 32), id=inline(facts.provider.id, _SHORT)),
            _STATUS[facts.status],
            joined((inline(reason, 100) for reason in reasons), ", "),
            Safe(f"{facts.times.duration_ms:,} ms"),
            amount(Decimal(facts.cost.observed)),
            evidence,
            phrase("[receipt](bundle/receipts/{stem}.sigstore.json)", stem=ident(facts.attempt.stem)),
        )
    )


def identities(bundle: Bundle, room: int) -> Fitted[Row]:
    """A line an attempt: full ids, and what its region's grade rests on."""
    return fit((Row((joined(_identity(facts), "; "),)) for facts in _all(bundle)), room)


def _identity(facts: Predicate) -> Iterator[Safe]:
    whole = inline(facts.provider.id, 120)
    yield phrase("{place}, try {n}: provider {id}", place=_place(facts), n=facts.attempt.n, id=whole)
    for what, value in (
        (Safe("paid to"), facts.provider.payee),
        (Safe("agreement"), facts.provider.agreement),
        (Safe("activity"), facts.provider.activity),
        (Safe("invoice"), facts.cost.invoice),
        (Safe("network"), facts.region.network),
        (Safe("region by"), facts.region.evidence),
    ):
        if value:
            yield phrase("{what} {value}", what=what, value=inline(value, 200))
