"""Problems of a registry, told in the form that was asked for: to a person, to GitHub Actions, or as SARIF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from runner import __version__
from runner.commands.console import put, put_json, report_problems
from runner.errors import Problem, Usage
from runner.rendering.annotations import sarif, workflow_commands

Form: TypeAlias = Literal["text", "github", "sarif"]

_WHERE = "the log of this step has them all, and `beacon validate` tells them anywhere"


def demand_one_form(form: Form, as_json: bool) -> None:
    """Raises `Usage` where two forms are asked for."""
    if as_json and form != "text":
        raise Usage("options-clash", f"--json and --format {form} are two forms of one answer", "give one of them")


def tell(problems: Sequence[Problem], form: Form) -> None:
    """Print problems. As text they stand on stderr, beside annotations too, so that the log of a step has them all."""
    if form == "sarif":
        from runner.explain import CODES, explain

        codes = {problem.code for problem in problems} & set(CODES)
        put_json(sarif(problems, __version__, {code: (CODES[code].title, explain(code)) for code in codes}))
        return
    report_problems(problems, as_json=False)
    if form == "github":
        for command in workflow_commands(problems, _WHERE):
            put(command + "\n")  # not by `line`, which takes the meaning of commands away
