"""The verb that tells everything of one run: who took it, who served it, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from runner.commands import holding
from runner.commands.console import JsonFlag, line, put_json
from runner.commands.operate import RepoOption
from runner.commands.read import at_head
from runner.dossier import Chapter, Dossier, as_json, dossier, find_run, sums
from runner.model import Receipt
from runner.model import entry as e
from runner.model.settlement import Paid
from runner.rendering.neutral import terminal


def describe(
    which: Annotated[str, typer.Argument(help="A run by its first digits, or a job, whose newest run is meant.")],
    repo: RepoOption = Path(),
    json_only: JsonFlag = False,
) -> None:
    """A run: its starts and ends, every attempt with provider, agreement, times, usage and cost, and what was paid."""
    with at_head(repo) as state:
        found = dossier(state, find_run(state, which))
        kept = holding.of_run(state, found.run)
    if json_only:
        records = kept.records if kept else {}
        put_json(as_json(found) | {"kept": {name: holding.as_data(one) for name, one in records.items()}}, "describe")
        return
    for text in as_lines(found):
        line(terminal(text))
    if kept:
        line("\nbundle kept, by what `beacon pin` last saw from this machine:")
        for text in holding.held_lines(kept):
            line(terminal(f"    {text}"))


def as_lines(found: Dossier) -> Iterator[str]:
    """The run as lines of text, which are still to be neutralised."""
    start = found.start
    yield f"run {found.run}"
    yield f"    job         {start.job}, revision {start.revision}, SHA-256 {start.sha256}"
    if start.due:
        yield f"    due         {start.due}"
    for one in found.chapters:
        yield from _chapter(one, found)
    if found.diff is None and not found.receipts:
        yield "    attempts    not known: receipts are published with the run"
        return
    simulated = any(receipt.predicate.executor.simulated for receipt in found.receipts.values())
    verdict = found.diff.verdict if found.diff else "none: it was called off, and nothing was compared"
    yield f"    verdict     {verdict}{', SIMULATED' if simulated else ''}"
    yield f"    report      {found.folder}/README.md"
    for _, receipt in sorted(found.receipts.items()):
        yield ""
        yield from _attempt(receipt, found)
    for paid in found.cut_short():
        yield ""
        yield f"{paid.region} {paid.slot}.{paid.n}: cut short, no receipt"
        yield f"    provider    {paid.provider}, paid to {paid.payee or 'nobody known'}"
        yield f"    agreement   {paid.agreement}"
        yield f"    settled     {_settled(paid)}"


def _chapter(one: Chapter, found: Dossier) -> Iterator[str]:
    start = one.start
    money = f"; {start.reserved} GLM reserved" if start.reserved != "0" else ""
    yield (
        f"    start       log entry {one.entry}, generation {start.generation}: {start.runner} at {start.at} "
        f"for {start.lease} s{money}"
    )
    if one.end is None:
        yield "    end         none yet: open"
    else:
        how = f"published, CID {one.end.cid}" if isinstance(one.end, e.RunEnd) else f"{one.end.type} at {one.end.at}"
        if isinstance(one.end, e.Cancelled) and one.end.cid:
            how += f", with receipts, CID {one.end.cid}"
        yield f"    end         log entry {one.ended}: {how}"
    if one.record is not None:
        record, said = one.record, sums(one.record)
        yield (
            f"    settlement  log entry {one.settled}: {said['accepted']} GLM of {said['asked']} asked were accepted, "
            f"{said['disputed']} refused; {len(record.agreements)} agreements on {record.network} ({record.platform})"
        )
    elif one.unsettled:
        yield "    settlement  none yet: what it cost is not known, and the reservation counts"
    if one.left is not None:
        yield (
            f"    superseded  log entry {one.left_at}: {one.start.runner} had made {len(one.receipts)} attempts, "
            f"CID {one.left.cid}, in {found.folder}/{one.left.folder}"
        )
        for _, receipt in sorted(one.receipts.items()):
            yield from _attempt(receipt, found)
        yield ""


def _attempt(receipt: Receipt, found: Dossier) -> Iterator[str]:
    said = receipt.predicate
    attempt, provider, region, times = said.attempt, said.provider, said.region, said.times
    answered = sum(cell.status == "ok" for cell in said.cells)
    reason = f": {said.reason}" if said.reason else ""
    yield (
        f"{attempt.target} {attempt.region} {attempt.slot}.{attempt.n}: {said.status}, "
        f"{answered} of {len(said.cells)} answers{reason}"
    )
    simulated = ", SIMULATED" if said.executor.simulated else ""
    yield f"    executor    {said.executor.kind} {said.executor.version}, network {said.executor.network}{simulated}"
    yield f"    provider    {provider.id} ({provider.name})" + (f", paid to {provider.payee}" if provider.payee else "")
    rtt = f"{region.rtt_us} us to {region.vantage}" if region.rtt_us is not None else None
    seen = ", ".join(filter(None, (region.observed, region.country, region.network, rtt))) or "nothing"
    yield f"    region      asked for {region.requested}, seen: {seen}; {region.grade}: {region.evidence}"
    if provider.agreement:
        yield f"    agreement   {provider.agreement}"
    if provider.activity:
        yield f"    activity    {provider.activity}"
    moments = ("queued", times.queued), ("agreed", times.agreed), ("started", times.started), ("ended", times.finished)
    told = ", ".join(f"{name} {at}" for name, at in moments if at)
    yield f"    times       {told}; {times.duration_ms} ms"
    if said.usage:
        yield f"    usage       {', '.join(f'{name} {amount}' for name, amount in sorted(said.usage.items()))}"
    invoice = f"; invoice {said.cost.invoice}" if said.cost.invoice else ""
    yield f"    cost        {said.cost.observed} GLM seen, {said.cost.reserved} reserved{invoice}"
    paid = found.paid(provider.agreement) if provider.agreement else None
    if paid is not None:
        yield f"    settled     {_settled(paid)}"


def _settled(paid: Paid) -> str:
    """One agreement's part of a settlement."""
    invoice = f"invoice {paid.invoice}" if paid.invoice else "no invoice"
    said = f"{invoice}: {paid.asked} GLM asked, {paid.owed} owed at most, {paid.amount} accepted"
    said += f" at {paid.at}" if paid.at else ""
    return said + (f": {paid.why}" if paid.why else "")
