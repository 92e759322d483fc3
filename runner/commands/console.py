"""What every verb prints: results on stdout, everything else on stderr; JSON alone on stdout where it is asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from runner.errors import BeaconError, Invalid, Problem

JSON_HELP = "Only JSON on stdout."

if TYPE_CHECKING:
    JsonFlag: TypeAlias = Annotated[bool, JSON_HELP]
else:

    def __getattr__(name: str) -> object:
        """`JsonFlag`, made when a verb asks for it: those that typer does not read shall not wait for typer."""
        if name != "JsonFlag":
            raise AttributeError(name)
        import typer

        return Annotated[bool, typer.Option("--json", help=JSON_HELP)]


COLOURS = {"error": "31;1", "warning": "33;1", "help": "36", "ok": "32;1", "bold": "1", "dim": "2"}


def line(text: str = "") -> None:
    """A line of the result."""
    sys.stdout.write(_logged(text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A line for the person who waits."""
    sys.stderr.write(_logged(text) + "\n")
    sys.stderr.flush()


def _logged(text: str) -> str:
    """Whatever a verb prints, within a workflow: there, a line can be a command to the runner of the workflow."""
    if not os.environ.get("GITHUB_ACTIONS"):
        return text
    from runner.rendering.neutral import workflow

    return workflow(text)


def put_json(data: Any, schema: str = "") -> None:
    """The result as JSON, in ASCII: nothing in it can act on a terminal, or on the log of a workflow. `schema` names
    its shape, of those in `runner/model/answers`."""
    import json

    if schema:
        data = {"schema": f"beacon/{schema}/v1", **data}
    sys.stdout.write(json.dumps(data, indent=2, sort_keys=True).replace("##[", "#\\u0023[") + "\n")


def paint(text: str, colour: str) -> str:
    """Text in colour where stderr is a terminal and NO_COLOR is not set."""
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def report_problems(problems: Iterable[Problem], as_json: bool) -> None:
    """Problems like a compiler's, on stderr; as JSON on stdout where asked for."""
    from runner import diagnostics

    if as_json:
        put_json({"problems": [diagnostics.as_json(problem) for problem in problems]}, "problems")
        return
    for problem in problems:
        head, *rest = diagnostics.as_text(problem).split("\n")
        word = f"{problem.severity}[{problem.code}]"
        note(head.replace(word, paint(word, problem.severity), 1))
        for text in rest:
            note(paint(text, "help") if text.lstrip().startswith("help:") else text)


def report_error(error: BeaconError, as_json: bool) -> int:
    """Print an error and return its exit code."""
    from runner.rendering.neutral import terminal

    if isinstance(error, Invalid):
        report_problems(error.problems, as_json)
        return error.exit_code
    if as_json:
        put_json({"error": {"code": error.code, "message": error.message, "hint": error.hint}}, "error")
        return error.exit_code
    note(f"{paint(f'error[{error.code}]', 'error')} {terminal(error.message)}")
    if error.hint:
        note(paint(f"  help: {terminal(error.hint)}", "help"))
    return error.exit_code
