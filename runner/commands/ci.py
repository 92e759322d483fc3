"""`beacon ci`: what workflows show to people. The summary of a job, and the one comment below a pull request.

Files that it reads may be a stranger's (`runner/rendering/plandata.py`). Which pull request is commented on, the
forge's API says, never a file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from runner.commands.console import JsonFlag, line, note, put_json
from runner.errors import Environment, Unverified, Usage
from runner.rendering import plandata, proposalpage
from runner.rendering.neutral import terminal
from runner.rendering.plandata import Failure, Given, PlanData, Tick, Trouble, Troubles

ci = typer.Typer(add_completion=False, rich_markup_mode=None)
BOT = "github-actions[bot]"
UNREAD = Trouble(
    path="registry",
    line=0,
    column=0,
    severity="error",
    code="artifact-malformed",
    message="the list of mistakes could not be read",
    help="the log of the check tells the first ones",
)
"""Stands for a list of mistakes that is none, or too long."""
_MOST_PULLS = 5
G = TypeVar("G", bound=Given)

PlanOption = Annotated[Path | None, typer.Option("--plan", help="What `beacon plan --base BASE --json` wrote.")]
ProblemsOption = Annotated[Path | None, typer.Option("--problems", help="What `beacon validate --json` wrote.")]


@ci.callback()
def _ci() -> None:
    """What workflows show to people."""


@ci.command()
def summary(
    plan: PlanOption = None,
    problems: ProblemsOption = None,
    tick: Annotated[Path | None, typer.Option(help="What `beacon reconcile --json` wrote.")] = None,
    log: Annotated[Path | None, typer.Option(help="What `beacon verify` printed.")] = None,
) -> None:
    """Markdown for $GITHUB_STEP_SUMMARY: the verdict, a table, and folds; less than a mebibyte."""
    if log is not None:
        line(proposalpage.log((_bytes(log) or b"").decode("utf-8", "replace")))
    elif failure := _failure(tick) or _failure(plan):
        line(proposalpage.failed(failure))
        if found := _troubles(problems):
            line(proposalpage.summary(None, found))
    elif tick is not None:
        done = _read(Tick, tick, plandata.MOST_OF_OURS)
        line(proposalpage.tick(done) if done else "### Beacon: it said nothing; see the log")
    else:
        line(proposalpage.summary(_read(PlanData, plan), _troubles(problems)))


@ci.command()
def comment(
    head_sha: Annotated[str, typer.Option("--head-sha", help="The commit at the pull request's head.")],
    plan: PlanOption = None,
    problems: ProblemsOption = None,
    author: Annotated[str, typer.Option(help="The account that writes the comment.")] = BOT,
    as_json: JsonFlag = False,
) -> None:
    """Write the plan below the pull request, or update what was written there. Needs GITHUB_TOKEN."""
    from runner.edges.github import GitHub
    from runner.edges.ipfs.http import Web

    made, found = _read(PlanData, plan), _troubles(problems)
    worth = not proposalpage.is_empty(made, found)
    token = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN")
    if not token:
        raise Environment(
            "token-missing", "neither GITHUB_TOKEN nor GH_TOKEN is set", "env: GITHUB_TOKEN: github.token"
        )
    web = Web(os.environ.get("GITHUB_API_URL") or "https://api.github.com", token)
    try:
        github = GitHub(web, os.environ.get("GITHUB_REPOSITORY", ""))
        done = {
            pull.number: github.put_comment(
                pull.number, proposalpage.MARKER, author, proposalpage.comment(made, found, pull), worth
            )
            for pull in github.pulls(head_sha)[:_MOST_PULLS]
        }
    finally:
        web.close()
    if as_json:
        put_json({"comments": {str(number): what for number, what in done.items()}}, "comments")
        return
    for number, what in done.items():
        line(f"pull request {number}: comment {what}")
    if not done:
        note("no open pull request has this commit at its head any more; nothing was written")


def _failure(file: Path | None) -> Failure | None:
    try:
        return plandata.read(Failure, (_bytes(file) if file else None) or b"", "")
    except Unverified:
        return None


def _troubles(file: Path | None) -> list[Trouble]:
    """What is wrong; a list that cannot be read, as one of a hundred thousand mistakes, is no sign that nothing is."""
    found = _read(Troubles, file)
    if found is None and file is not None and _bytes(file):
        return [UNREAD]
    return found.problems if found else []


def _read(model: type[G], file: Path | None, most: int = plandata.MOST_BYTES) -> G | None:
    """What a file says; None where there is none, it is empty, or it is not what `beacon` writes, which is told."""
    raw = _bytes(file, most) if file else None
    try:
        return plandata.read(model, raw, file.name, most) if file and raw and raw.strip() else None
    except Unverified as error:
        note(terminal(f"warning: {error.message}; {error.hint}"))
        return None


def _bytes(file: Path, most: int = plandata.MOST_BYTES) -> bytes | None:
    """As much of a plain file as is ever read; None where there is none. An artifact may hold links."""
    if file.is_symlink() or not file.is_file():
        return None
    try:
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except OSError as error:
        raise Usage("file-unreadable", f"{file}: {error.strerror}") from None
