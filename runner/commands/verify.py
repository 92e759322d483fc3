"""`beacon verify`: check a clone, offline, and remember how far its log was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runner.commands.console import JsonFlag, line, paint, put_json
from runner.commands.places import opened, state_folder, top
from runner.edges.folder import FolderSnapshot
from runner.edges.state import SeenState
from runner.errors import Unverified
from runner.formats import note
from runner.model.canonical import Grade
from runner.ports import Snapshot
from runner.registry.keyfiles import LOG
from runner.verify import Anchor, Production, Report, parse_anchor, present
from runner.verify import verify as judge


def verify(
    target: Annotated[Path, typer.Argument(help="A clone of a registry.")] = Path(),
    trust: Annotated[
        str | None, typer.Option(help="What you trust, from elsewhere: <genesis sha256>+<log verifier key>.")
    ] = None,
    rev: Annotated[str | None, typer.Option(help="The commit to verify; default: the branch's head.")] = None,
    production: Annotated[bool, typer.Option("--production", help="Refuse simulated runs.")] = False,
    network: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="With --production: an accepted Golem network.")
    ] = None,
    grade: Annotated[Grade, typer.Option(help="With --production: the weakest region evidence to accept.")] = "claimed",
    as_json: JsonFlag = False,
) -> int:
    """Check everything that a registry claims: nine steps, offline, executing nothing of it."""
    target = top(target)
    anchor = parse_anchor(trust) if trust else None
    demands = Production(frozenset(network or ()), grade) if production else None
    report = check(target, anchor, state_folder(), rev, demands)
    if as_json:
        put_json(present.as_json(report), "verify")
        return 0 if report.ok else 1
    return tell(report)


def check(
    folder: Path, anchor: Anchor | None, state: Path, rev: str | None = None, production: Production | None = None
) -> Report:
    """Verify a clone. The last checkpoint seen of its log is kept in `state`, and so cannot be wound back with it."""
    with opened(folder) as repository:
        commit = repository.resolve(rev) if rev else repository.head()
        snapshot = repository.snapshot(commit)
        seen = _seen(state, anchor, snapshot)
        work_tree = FolderSnapshot(folder) if rev is None and (folder / ".git").exists() else None
        report = judge(
            repository,
            anchor,
            seen.last() if seen else None,
            rev=commit,
            production=production,
            work_tree=work_tree,
        )
    if seen and report.checkpoint and rev is None:
        seen.remember(report.checkpoint)
    return report


def tell(report: Report) -> int:
    """Print a report, and return the exit code."""
    *lines, last = present.as_text(report).rstrip("\n").split("\n")
    line("\n".join(lines))
    line(paint(last, "ok" if report.ok else "error"))
    return 0 if report.ok else 1


def _seen(state: Path, anchor: Anchor | None, snapshot: Snapshot) -> SeenState | None:
    """What was seen of this log before; None where the clone names no log."""
    vkey = anchor.log_vkey if anchor else (snapshot.read(LOG) or b"").decode("utf-8", "replace").strip()
    try:
        return SeenState(state, note.parse_vkey(vkey).name)
    except Unverified:
        return None
