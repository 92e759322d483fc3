"""The verb `sweep`: end, pay and release what a Golem runner left open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from runner.commands.console import JsonFlag, line, note, put_json
from runner.commands.executors import golem_executor
from runner.commands.operate import RepoOption
from runner.commands.places import opened, state_folder, top
from runner.errors import Usage
from runner.rendering.neutral import terminal


def sweep(
    repo: RepoOption = Path(),
    pay: Annotated[str | None, typer.Option(metavar="INVOICE", help="Pay a disputed invoice after all.")] = None,
    dismiss: Annotated[str | None, typer.Option(metavar="INVOICE", help="Never pay a disputed invoice.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """End agreements and activities of runners that are gone, pay what is owed, release what is set aside. Touches
    only what this identity's journal holds, or what carries its tag."""
    if (pay and dismiss) or (dry_run and (pay or dismiss)):
        raise Usage("sweep-options", "--pay, --dismiss and --dry-run go one at a time")
    with opened(top(repo)) as repository:
        snapshot = repository.snapshot(repository.head())
        with golem_executor(snapshot, state_folder(), lambda _: None, os.environ) as executor:
            if executor is None:
                if as_json:
                    put_json({"swept": []}, "sweep")
                note("the policy names no Golem network: there is nothing to sweep")
                return 0
            invoice = pay or dismiss
            done = [executor.decide(invoice, pay=bool(pay))] if invoice else executor.sweep(dry_run)
    if as_json:
        put_json({"swept": [one._asdict() for one in done]}, "sweep")
    else:
        for one in done:
            would = "would be " if dry_run and one.did != "left" else ""
            line(terminal(f"{would}{one.did} {one.what} {one.id}: {one.why}"))
        if not done:
            note("nothing is open")
    return 0
