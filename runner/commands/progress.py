"""How work in progress is shown: a live table on a terminal, one plain line per change everywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runner.commands.console import note
from runner.ports import Emit, Event
from runner.rendering.neutral import actions, terminal

if TYPE_CHECKING:
    from rich.table import Table

SENTENCES = {
    "intent-found": "completing what an earlier writer began ({commit:.12})",
    "planned": "plan: {pending} to start, {resumed} to resume, {idle} with nothing to do",
    "checkpoint-signed": "log: {size} entries signed, root {root:.16}",
    "committed": "committed {commit:.12}",
    "run-started": "run {run:.12}: {job}, {attempts} attempts",
    "attempt-finished": "run {run:.12}: {target} in {region}, provider {slot}, attempt {n}: {status}{because}",
    "run-compared": "run {run:.12}: verdict {verdict}",
    "run-cancelled": "run {run:.12}: called off, with {receipts} receipts",
    "run-superseded": "run {run:.12}: its lease was over; {receipts} attempts of before have receipts",
    "receipts-lost": "run {run:.12}: its attempts are left without receipts: {why}",
    "secret-found": "run {run:.12}: NOT published: {path}, line {line}, holds a secret ({kind})",
    "invoice-refused": "run {run:.12}: NOT paid: invoice {invoice} asks for {asked} GLM, {owed} are owed at most",
    "run-late": "run {run:.12}: {late}",
    "clock-behind": "run {run:.12}: waits, because it was taken at {at}, and this machine's clock is not there yet",
    "waiting": "nothing more to do before {until}, unless something new comes",
    "trouble": "trouble: [{code}] {message}; it is tried again",
    "trouble-over": "well again, after {times} times [{code}]",
    "swept": "swept: {did} {what} {id}: {why}",
    "settlement-waits": "run {run:.12}: what it cost is not settled yet: {why}",
    "branch-not-moved": "the checked-out branch was left alone, because changed files are in the way: git pull",
    "result-refused": "run {run:.12}: NOT signed: {attempt}: {why}",
    "spool-ignored": "run {run:.12}: left out a damaged file of the spool, {file}: {why}",
}
MARKS = {"ok": "✓", "partial": "◐", "failed": "✗", "timeout": "⏱", "cancelled": "■"}


@contextmanager
def progress() -> Iterator[Emit]:
    """A sink of events that shows them on stderr while the block lasts."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI"):
        with _live() as emit:
            yield emit
    else:
        yield _plain(actions if os.environ.get("GITHUB_ACTIONS") else terminal)


def _plain(neutralise: Any) -> Emit:
    def emit(event: Event) -> None:
        if event.name in SENTENCES:
            note("   " + neutralise(SENTENCES[event.name].format_map(_Facts(event.facts))))

    return emit


@contextmanager
def _live() -> Iterator[Emit]:
    """Lines for what is done, and below them a table of the run that executes: a row a region, a mark a provider."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    grid: dict[str, dict[int, str]] = {}
    title = ""
    console = Console(stderr=True, highlight=False)
    with Live(console=console, transient=True, refresh_per_second=8) as live:

        def emit(event: Event) -> None:
            nonlocal title
            facts = _Facts(event.facts)
            if event.name == "run-started":
                grid.clear()
                title = terminal(str(facts["job"]))
            elif event.name == "attempt-started":
                grid.setdefault(str(facts["region"]), {})[int(facts["slot"])] = "…"
            elif event.name == "attempt-finished":
                grid.setdefault(str(facts["region"]), {})[int(facts["slot"])] = MARKS.get(str(facts["status"]), "?")
            elif event.name == "run-executed":
                grid.clear()
            if event.name in SENTENCES and event.name != "attempt-finished":
                console.print(Text("   " + terminal(SENTENCES[event.name].format_map(facts))))
            live.update(_table(title, grid))

        yield emit


def _table(title: str, grid: Mapping[str, Mapping[int, str]]) -> Table | str:
    from rich.table import Table

    if not grid:
        return ""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2))
    table.add_column("region")
    for slot in sorted({slot for row in grid.values() for slot in row}):
        table.add_column(f"provider {slot}", justify="center")
    for region, row in sorted(grid.items()):
        table.add_row(region, *(row[slot] for slot in sorted(row)))
    return table


class _Facts(dict[str, Any]):
    """Facts by name; one that an event does not carry is shown as `?`."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__(facts)
        reason = facts.get("reason")
        self["because"] = f" ({reason})" if reason else ""

    def __missing__(self, name: str) -> str:
        return "?"
