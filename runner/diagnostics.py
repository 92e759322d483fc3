"""Problems as people and programs read them: compiler style text, JSON, and "did you mean".

    registry/jobs/alice/who.yaml:14:7: error[region-unknown] "APCA" is not a region
       14 |     - name: APCA
          |             ^^^^
       help: did you mean "APAC"?

Pure formatting, without colour. Whatever comes from a file is neutralised for a terminal here (`rendering/neutral.py`);
JSON carries the texts as they are, since its strings can.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from runner.errors import Problem
from runner.rendering.neutral import terminal

_WIDEST = 160
_CLOSE_ENOUGH = 70


def as_text(problem: Problem) -> str:
    """One problem: its place and message, the line of the file with a caret below, and how to mend it."""
    lines = [f"{terminal(problem.location())}: {problem.severity}[{problem.code}] {terminal(problem.message)}"]
    gutter = f"{problem.line:>5} | " if problem.line else ""
    if problem.line and problem.excerpt:
        before, marked, after = _cut(problem)
        lines.append(f"{gutter}{before}{marked}{after}".rstrip())
        lines.append(f"{' ' * 5} | {' ' * _columns(before)}{'^' * max(1, _columns(marked))}")
    if problem.help:
        lines.append(f"{' ' * 7}help: {terminal(problem.help)}")
    return "\n".join(lines)


def listing(problems: Iterable[Problem]) -> str:
    """Many problems, one after the other, and a last line that counts them."""
    problems = tuple(problems)
    errors = sum(problem.severity == "error" for problem in problems)
    counts = [_count(errors, "error"), _count(len(problems) - errors, "warning")]
    return "\n\n".join([*map(as_text, problems), " and ".join(count for count in counts if count) or "no problems"])


def as_json(problem: Problem) -> dict[str, Any]:
    """One problem as JSON data; `help` and `excerpt` are left out where there is none."""
    data: dict[str, Any] = {"path": problem.path, "line": problem.line, "column": problem.column}
    data |= {"width": problem.width, "severity": problem.severity, "code": problem.code, "message": problem.message}
    if problem.help:
        data["help"] = problem.help
    if problem.excerpt:
        data["excerpt"] = problem.excerpt[:_WIDEST]
    return data


def closest(found: str, known: Iterable[str]) -> str | None:
    """The known word that somebody who wrote `found` most likely meant, or None."""
    from rapidfuzz import fuzz, process, utils

    known = sorted(known)
    best = process.extractOne(found[:100], known, scorer=fuzz.ratio, processor=utils.default_process)
    return best[0] if best and best[1] >= _CLOSE_ENOUGH else None


def suggestion(found: str, known: Iterable[str], what: str) -> str:
    """Help for an unknown word: the closest known one, else all of them (`what` says what they are)."""
    known = sorted(known)
    if meant := closest(found, known):
        return f'did you mean "{meant}"?'
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    return f"{what}: {', '.join(known[:12])}{more}" if known else f"there are no {what}"


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """A question to stand right after an unknown word in a message, or nothing."""
    meant = closest(found, known)
    return f' (did you mean "{meant}"?)' if meant else ""


def _cut(problem: Problem) -> tuple[str, str, str]:
    """What stands before, under and after the caret, made visible; long lines are cut around it."""
    column = min(max(problem.column, 1), len(problem.excerpt) + 1) - 1
    end = column + max(1, min(problem.width, _WIDEST // 2))
    start = 0 if end <= _WIDEST else column - _WIDEST // 4
    before = ("…" if start else "") + terminal(problem.excerpt[start:column])
    stop = max(end, start + _WIDEST)
    after = terminal(problem.excerpt[end:stop]) + ("…" if len(problem.excerpt) > stop else "")
    return before, terminal(problem.excerpt[column:end]), after


def _columns(shown: str) -> int:
    """How many columns of a terminal a text fills: none for combining marks, two for wide characters."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in shown
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""
