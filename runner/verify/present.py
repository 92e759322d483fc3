"""A report as text for a terminal, and as data for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runner.rendering.neutral import terminal
from runner.verify.report import Report, Step

_SHOWN = 20


def as_text(report: Report) -> str:
    """The steps in their order, each with its outcome, and the last line. What comes from the target is neutralised."""
    head = f"{report.origin or 'an unknown log'} at commit {report.commit}, {report.size} log entries"
    lines = [head, *(line for step in report.steps for line in as_lines(step))]
    lines += _some(report.work_tree)
    return "".join(f"{terminal(line)}\n" for line in (*lines, report.last_line))


def as_json(report: Report) -> dict[str, Any]:
    """JSON data of the whole report. `checkpoint` is the signed note, as text."""
    return {
        "ok": report.ok,
        "result": report.last_line,
        "commit": report.commit,
        "origin": report.origin,
        "size": report.size,
        "identityPinned": report.pinned,
        "firstUse": report.first_use,
        "checkpoint": report.checkpoint.decode() if report.checkpoint else None,
        "workTree": list(report.work_tree),
        "steps": [
            {
                "number": step.number,
                "title": step.title,
                "outcome": step.outcome,
                "findings": [
                    {"code": found.code, "where": found.where, "message": found.message} for found in step.findings
                ],
                "moreFindings": step.more,
                "checked": dict(step.counts),
                "notChecked": list(step.unchecked),
                "listed": list(step.listed),
            }
            for step in report.steps
        ],
    }


def as_lines(step: Step) -> Iterator[str]:
    """One step in lines, which are still to be neutralised."""
    checked = ", ".join(f"{number} {what}" for what, number in step.counts.items())
    yield f"({step.number}) {step.outcome:<11}  {step.title}" + (f": {checked}" if checked else "")
    yield from _some([f"{found.where}: [{found.code}] {found.message}" for found in step.findings], step.more)
    yield from (f"    not checked: {why}" for why in step.unchecked)
    yield from _some(step.listed)


def _some(lines: tuple[str, ...] | list[str], more: int = 0) -> Iterator[str]:
    """The first of them, and how many there are besides."""
    yield from (f"    {line}" for line in lines[:_SHOWN])
    if (left := len(lines) + more - _SHOWN) > 0:
        yield f"    and {left} more (--json shows all that were kept)"
