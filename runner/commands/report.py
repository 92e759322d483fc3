"""The verb `report`: what was published, in the terminal or in another form; and, for runners, judged again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from runner.commands import exports, holding
from runner.commands.console import JsonFlag, line, note, put_json
from runner.commands.operate import RemoteOption, RepoOption, remote_of
from runner.commands.places import top
from runner.commands.read import at_head
from runner.commands.rescore import rescore as judge_again
from runner.errors import Unverified, Usage
from runner.history import End
from runner.model import DiffReport
from runner.rendering.neutral import terminal, terminal_block
from runner.state import State


def report(
    which: Annotated[
        str | None, typer.Argument(help="A run by its first digits, or a job by its name; none: all.")
    ] = None,
    repo: RepoOption = Path(),
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 1 where a region differs.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write all reports as a static site into this folder.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write the page of one run as PDF. Needs the extra pdf.")] = None,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="For a runner: judge these runs again with the installed classifier.")
    ] = False,
    keys: Annotated[
        Path | None, typer.Option(help="With --rescore: folder with the runner's keys; default: BEACON_KEYS.")
    ] = None,
    remote: RemoteOption = "origin",
    as_json: JsonFlag = False,
) -> int:
    """The verdict of published runs, newest first; of a single run, its whole page."""
    if sum([html is not None, pdf is not None, rescore]) > 1:
        raise Usage("options-clash", "--html, --pdf and --rescore are three things; ask for one at a time")
    with at_head(repo) as state:
        ends = _found(state, which)
        if html is not None or pdf is not None:
            return _export(state, ends, which, html, pdf, as_json)
        if not rescore:
            diffs = [_diff(state, end) for end in ends]
            _show(state, ends, diffs, which, as_json)
            return 1 if exit_code and any(diff.verdict in ("minor", "major") for diff in diffs) else 0
        runs = {end.start.run for end in ends} if which else None
    root = top(repo)
    return judge_again(root, keys, remote_of(root, remote), runs, as_json)


def _found(state: State, which: str | None) -> list[End]:
    """Published runs that are meant, newest first."""

    def wanted(end: End) -> bool:
        job = exports.job_of(end)
        return which is None or end.start.run.startswith(which) or job == which or job.endswith(f"/{which}")

    ends = [end for end in state.history.ended.values() if end.end.type == "run" and wanted(end)]
    if which and not ends:
        raise Usage("run-unknown", f"no published run or job is called {which!r}", "`beacon report` lists them all")
    return sorted(ends, key=lambda end: -end.index)


def _show(state: State, ends: Sequence[End], diffs: Sequence[DiffReport], which: str | None, as_json: bool) -> None:
    if as_json:
        put_json({"runs": [exports.as_json(state, end, diff) for end, diff in zip(ends, diffs, strict=True)]}, "report")
    elif len(ends) == 1 and which:
        page = state.snapshot.read(f"{exports.folder_of(ends[0])}/README.md") or b""
        line(terminal_block(page.decode("utf-8", "replace")))
        kept = holding.of_run(state, ends[0].start.run)
        for text in holding.held_lines(kept) if kept else ():
            note(terminal(f"bundle at {text}"))
        for entry in state.history.rescored.get(ends[0].start.run, ()):
            note(f"judged again by {entry.classifier}: {exports.folder_of(ends[0])}/{entry.folder}/README.md")
    else:
        for end, diff in zip(ends, diffs, strict=True):
            named = sorted({region for target in diff.targets for region in target.named})
            said = " ".join([diff.verdict, *named, *(["SIMULATED"] if diff.simulated else [])])
            line(f"{end.start.run[:12]}  {end.start.at}  {exports.job_of(end)}: {said}")
        if not ends:
            note("no published runs yet")


def _export(
    state: State, ends: Sequence[End], which: str | None, html: Path | None, pdf: Path | None, as_json: bool
) -> int:
    if html is not None:
        if which:
            raise Usage("options-clash", "--html writes all reports; leave the name out")
        written = exports.write_site(state, html)
        if as_json:
            put_json({"folder": str(html), "files": written}, "exported")
        else:
            line(f"{written} files; open {html / 'index.html'}")
    if pdf is not None:
        if not which or len(ends) != 1:
            raise Usage("run-ambiguous", f"--pdf is of one run; this means {len(ends)}", "name one by its first digits")
        exports.write_pdf(state, ends[0], pdf)
        if as_json:
            put_json({"file": str(pdf), "run": ends[0].start.run}, "exported")
    return 0


def _diff(state: State, end: End) -> DiffReport:
    path = f"{exports.folder_of(end)}/bundle/diff.json"
    raw = state.snapshot.read(path)
    if raw is None:
        raise Unverified("file-missing", f"{path} is gone", "`beacon verify` tells what else is wrong")
    return DiffReport.from_bytes(raw, path)
