"""`beacon events`: what happened in a registry, newest last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from runner.chronicle import as_json as event_data
from runner.chronicle import as_text, happened
from runner.commands.console import JsonFlag, line, note
from runner.commands.operate import RepoOption
from runner.commands.read import at_head
from runner.registry.edits import job_called
from runner.rendering.neutral import terminal


def events(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="Only a job's; none: everything.")] = None,
    last: Annotated[int, typer.Option(metavar="N", min=0, help="So many of the newest; 0: all.")] = 100,
    repo: RepoOption = Path(),
    as_json: JsonFlag = False,
) -> None:
    """What happened, newest last: starts, ends with their verdicts, keys, settlements. JSON has one document a line."""
    with at_head(repo) as state:
        history = state.history
        known = {*history.revisions, *(taken.start.job for taken in history.open.values())}
        path = job_called(known, job) if job else None
        for one in happened(state, last, path):
            line(json.dumps(event_data(one), sort_keys=True) if as_json else terminal(as_text(one)))
        if not history.size:
            note("this registry has no log yet")
