"""Where every job stands, as JSON data, as plain lines, and as columns that fit a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from runner.rendering.neutral import terminal

_LEAST = 20
"""Columns of the reason, however narrow the terminal is."""


class Row(NamedTuple):
    """A job; `verdict` is that of its newest published run, where it is known."""

    job: str
    state: str
    why: str
    verdict: str | None = None


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """All rows, as data."""
    return {"jobs": [row._asdict() for row in rows]}


def as_lines(rows: Sequence[Row], width: int | None) -> Iterator[str]:
    """One line a job; with a terminal's width in columns, cut to it."""
    if width is None:
        for row in rows:
            told = f"; last verdict: {terminal(row.verdict)}" if row.verdict else ""
            yield f"{terminal(row.job)}: {row.state}: {terminal(row.why)}{told}"
        return
    names = [terminal(row.job.removeprefix("registry/jobs/").removesuffix(".yaml")) for row in rows]
    verdicts = [terminal(row.verdict or "-") for row in rows]
    widths = [max(map(len, column), default=0) for column in (names, [row.state for row in rows], verdicts)]
    spare = max(_LEAST, width - sum(widths) - 6)
    for name, row, verdict in zip(names, rows, verdicts, strict=True):
        why = terminal(row.why)
        why = why if len(why) <= spare else f"{why[: spare - 1]}…"
        yield f"{name:<{widths[0]}}  {row.state:<{widths[1]}}  {verdict:<{widths[2]}}  {why}".rstrip()
