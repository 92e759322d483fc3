"""Problems for programs that show them beside the file: workflow commands of GitHub Actions, and SARIF 2.1.0.

Promises of `workflow_commands`: whatever a file says, each line is one command of ours; errors come first; never more
than the ten errors and ten warnings that Actions shows of one step, and a last notice that counts the rest. Of `sarif`:
all problems, in the order given. Texts are neutralised in both; columns count characters. Formats:
https://docs.github.com/actions/reference/workflow-commands-for-github-actions (escapes: actions/toolkit, command.ts);
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from runner.errors import Problem
from runner.rendering.neutral import terminal

SHOWN = 10
"""How many annotations of a level Actions shows of one step; it drops the others without a word."""
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = ("error", "warning")


def workflow_commands(problems: Sequence[Problem], where: str) -> Iterator[str]:
    """One command a line. `where` says, in our words, where all problems can be read."""
    left: list[str] = []
    for level in _LEVELS:
        of_level = [problem for problem in problems if problem.severity == level]
        yield from map(_command, of_level[:SHOWN])
        if more := len(of_level) - SHOWN:
            left += [f"{more} more {level}{'' if more == 1 else 's'}"] if more > 0 else []
    if left:
        yield f"::notice::{_data(' and '.join(left))}, not shown here: {_data(where)}"


def sarif(problems: Sequence[Problem], version: str, explained: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """A log of one run. `explained` holds, by code, what it means in a line, and why it is an error or what helps."""
    codes = sorted({problem.code for problem in problems})
    rules = [{"id": code, **_texts(explained.get(code))} for code in codes]
    driver = {"name": "beacon", "semanticVersion": version, "rules": rules}
    results = [_result(problem, codes.index(problem.code)) for problem in problems]
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": "beacon-validate/"},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _command(problem: Problem) -> str:
    place = {"file": terminal(problem.path)}
    if problem.line:
        last = problem.column + max(1, problem.width) - 1
        place |= {"line": str(problem.line), "col": str(problem.column), "endColumn": str(last)}
    place["title"] = problem.code
    level = "error" if problem.severity == "error" else "warning"
    return (
        f"::{level} {','.join(f'{name}={_property(value)}' for name, value in place.items())}::{_data(_told(problem))}"
    )


def _told(problem: Problem) -> str:
    return terminal(problem.message) + (f" (help: {terminal(problem.help)})" if problem.help else "")


def _data(text: str) -> str:
    """What stands behind a command. `##[`, the older form of one, is broken as everywhere."""
    return text.replace("##[", "# #[").replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    region = {"startLine": max(1, problem.line)}
    if problem.line and problem.column:
        region |= {"startColumn": problem.column, "endColumn": problem.column + max(1, problem.width)}
    location = {"uri": quote(problem.path, safe="/", errors="replace"), "uriBaseId": "%SRCROOT%"}
    return {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": "error" if problem.severity == "error" else "warning",
        "message": {"text": _told(problem)},
        "locations": [{"physicalLocation": {"artifactLocation": location, "region": region}}],
    }


def _texts(explained: tuple[str, str] | None) -> dict[str, Any]:
    if explained is None:
        return {}
    title, help_text = explained
    return {"shortDescription": {"text": title}, "help": {"text": help_text}}
