"""What every verb prints: results on stdout, everything else on stderr; JSON alone on stdout where it is asked for.

Where nobody reads stdout any more, as behind `| head`, a verb ends at once and quietly. Words on stderr may be lost
without harm: a runner works on when the reader of its log is gone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeAlias

from runner.errors import BeaconError, Environment, Invalid, Problem

NOBODY_READS = 141
"""The exit code of a verb whose reader is gone: the one that shells give for a program ended by SIGPIPE."""
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


def put(text: str) -> None:
    """Part of the result, as it is. Raises `Environment` where it cannot be written, and ends the program where nobody
    reads it."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _nowhere(sys.stdout)
        raise SystemExit(NOBODY_READS) from None
    except OSError as error:
        _nowhere(sys.stdout)
        hint = "make room, or print elsewhere; what the verb did before is done"
        raise Environment("output-unwritable", f"stdout cannot be written: {error.strerror}", hint) from None


def line(text: str = "") -> None:
    """A line of the result."""
    put(_logged(text) + "\n")


def note(text: str) -> None:
    """A line for the person who waits, if there still is one."""
    try:
        sys.stderr.write(_logged(text) + "\n")
        sys.stderr.flush()
    except OSError:
        _nowhere(sys.stderr)


def complete_streams() -> None:
    """Before anything is opened: give a program that was started with closed streams (`>&-`) the null device in their
    place, lest the next file that is opened is what the next print writes into."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - for as long as the program runs
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _nowhere(stream: TextIO) -> None:
    """Turn a stream that failed to the null device: what is left in its buffer is no error at the program's end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


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
    put(json.dumps(data, indent=2, sort_keys=True).replace("##[", "#\\u0023[") + "\n")


def paint(text: str, colour: str) -> str:
    """Text in colour where stderr is a terminal that has colours, and NO_COLOR is not set."""
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
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
