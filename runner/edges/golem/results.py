"""From what happened to the attempt's result: answers, times, cost, evidence. What was not observed is left out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from runner.edges.golem.attempt import Story
from runner.edges.golem.books import Deal
from runner.model import canonical
from runner.model.receipt import Executor as ExecutorFacts
from runner.model.receipt import Image, Provider, RegionEvidence, Times
from runner.model.run import AttemptStatus
from runner.money import plain
from runner.ports import AttemptResult, CellOutput, Work
from runner.protocol import Reader

NOBODY = Provider(id="none", name="none")
"""Where no provider was hired."""
_SHOWN = 64 << 10


class Facts(NamedTuple):
    """What is alike in all results of an attempt's executor and image."""

    executor: ExecutorFacts
    image: Image


def result(work: Work, story: Story, facts: Facts) -> AttemptResult:
    """The result of an attempt that is over."""
    reason = _reason(story)
    cells = _cells(work, story, reason)
    status = _status(story, cells)
    deal = story.hired.deal if story.hired else None
    answer = story.answer
    finished = story.finished or datetime.now(UTC)
    started = story.labour.started if story.labour else None
    printed = story.labour.printed if story.labour else None
    ran = int((finished - started).total_seconds() * 1000) if started else 0
    return AttemptResult(
        attempt=work.attempt,
        status=status,
        reason=reason,
        retryable=status != "ok" and (story.failed is None or story.failed.retryable),
        exit_code=-answer.signal if answer and answer.signal else answer.exit_code if answer else None,
        cells=cells,
        transcript=_transcript(story),
        executor=facts.executor,
        image=facts.image,
        region=story.judgement.evidence if story.judgement else _unseen(work, story),
        provider=_provider(deal) if deal else NOBODY,
        times=Times(
            queued=_instant(story.queued),
            agreed=_instant(story.agreed) if story.agreed else None,
            started=_instant(started) if started else None,
            finished=_instant(finished),
            duration_ms=printed.ms if printed else max(0, ran),
        ),
        usage=dict(story.usage),
        reserved=work.reserved,
        observed=plain(deal.weighs()) if deal else "0",
        invoice=deal.invoice if deal and deal.accepted is not None else None,
    )


def _reason(story: Story) -> str | None:
    if story.failed:
        return story.failed.reason
    if story.cancelled:
        return "cancelled: while it ran" if story.labour and story.labour.started else "cancelled: before it began"
    return None


def _cells(work: Work, story: Story, reason: str | None) -> tuple[CellOutput, ...]:
    """Every cell. Answers from the wrong region are no answers."""
    timeout = story.failed is not None and story.failed.timeout
    trusted = reason is None or not reason.startswith("region:")
    reader = story.reader if trusted else Reader(work.cells, work.limits.output_ki_b << 10)
    return reader.close("timeout" if timeout else "missing", reason)


def _status(story: Story, cells: tuple[CellOutput, ...]) -> AttemptStatus:
    """What counts is the answers: all good is `ok`, whatever came after them."""
    good = sum(cell.status == "ok" for cell in cells)
    if good == len(cells):
        return "ok"
    if story.failed is None and story.cancelled:
        return "cancelled"
    if story.failed and story.failed.timeout:
        return "timeout"
    return "partial" if good else "failed"


def _provider(deal: Deal) -> Provider:
    activity = deal.activities[-1] if deal.activities else None
    return Provider(id=deal.provider, name=deal.name, payee=deal.payee, agreement=deal.agreement, activity=activity)


def _unseen(work: Work, story: Story) -> RegionEvidence:
    country = story.hired.offer.country if story.hired else None
    told = f"the provider's claim of {country}; " if country else ""
    return RegionEvidence(requested=work.region.name, grade="claimed", evidence=f"{told}nothing was observed")


def _transcript(story: Story) -> bytes:
    """Canonical JSON of what was asked, and what was printed: by the benchmark where the wrapper's line was good, else
    the beginning of whatever came. `late` came after the time was over."""
    said: dict[str, Any] = {"request": json.loads(story.document)}
    if story.answer:
        said["stdout"] = _shown(story.answer.stdout, story.answer.stdout_size)
        said["stderr"] = _shown(story.answer.stderr, story.answer.stderr_size)
    elif printed := story.labour and story.labour.printed:
        said["printed"] = _text(printed.stdout)
        said["stderr"] = _text(printed.stderr)
        said["message"] = _text(printed.message)
    if story.labour and story.labour.late is not None:
        said["late"] = _text(story.labour.late)
    return canonical(said)


def _text(text: str) -> dict[str, Any]:
    raw = text.encode(errors="backslashreplace")
    return _shown(raw[:_SHOWN], len(raw))


def _shown(head: bytes, size: int) -> dict[str, Any]:
    text = head.decode(errors="backslashreplace")
    return {"text": text, "bytes": size, "cut": size > len(head), "escaped": text.encode() != head}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
