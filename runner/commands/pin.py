"""The verb `pin`: bring bundles to the places that are to keep them, and have them prove that they do."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from runner.commands import holding
from runner.commands.console import JsonFlag, line, note, put_json
from runner.commands.holding import Aim
from runner.commands.operate import RepoOption, stoppable
from runner.commands.places import opened
from runner.commands.read import at_head
from runner.errors import BeaconError, Usage
from runner.ipfs import pinning
from runner.ipfs.pinning import Account, Bundle, Record
from runner.rendering.neutral import terminal
from runner.state import read_state

_SHOWN = 20


def pin(
    runs: Annotated[list[str] | None, typer.Argument(help="Runs by their first digits, or CIDs; none: all.")] = None,
    repo: RepoOption = Path(),
    verify: Annotated[bool, typer.Option("--verify", help="Fetch everything back now, whenever it was last.")] = False,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=ADDRESS", help="Instead of the policy's targets: kubo=URL, folder=PATH. Repeatable."
        ),
    ] = None,
    tries: Annotated[int, typer.Option(min=1, max=100, help="Failures at a bundle and target before it is left.")] = 8,
    as_json: JsonFlag = False,
) -> int:
    """Bring every bundle to every target, and fetch it back to see that it is there. Any clone can do it, at any time.
    Exit 1 where a target lied about a bundle or lost it, 3 where too few targets hold one: run it again."""
    with at_head(repo) as state, stoppable("what is under way is finished") as stop:
        meant = holding.aim(state.policy, to or ())
        if meant is None:
            raise Usage(
                "pin-nowhere",
                "the policy names no target to pin at",
                "--to kubo=http://127.0.0.1:5001, or `pinning` in registry/policy.yaml",
            )
        accounts = holding.known(state, meant, _meant(pinning.bundles(state.history), runs or ()))
        if verify:
            accounts = [_doubted(one) for one in accounts]
        found = holding.bring(state, meant, accounts, stop, _teller(_names(meant)), pinning.Backoff(tries=tries))
    if as_json:
        put_json(as_data(found, meant), "pin")
    else:
        _show(found, meant)
    return _code(found, meant)


def after(root: Path, head: str, runs: Collection[str], asked: threading.Event | None = None) -> None:
    """What a reconcile does at its end, when all is published: one quick pass over these runs, if the policy names
    targets. Tells, and never fails: `beacon pin` goes on. `asked` is set by somebody else to stop it, if not by a
    signal."""
    stopping = stoppable("pinning goes on with `beacon pin`") if asked is None else nullcontext(asked)
    try:
        with opened(root) as repository, stopping as stop:
            state = read_state(repository, head)
            wanted = [one for one in pinning.bundles(state.history) if one.run in runs]
            meant = holding.aim(state.policy)
            if meant is None or not wanted:
                return
            quick = pinning.Backoff(tries=2)
            found = holding.bring(state, meant, holding.known(state, meant, wanted), stop, lambda _: None, quick)
    except (BeaconError, OSError) as error:
        note(terminal(f"nothing was pinned: {error}"))
        return
    good = sum(len(one.held) >= meant.at_least for one in found)
    going = "" if good == len(found) else ": `beacon pin` goes on, and tells more"
    note(f"{good} of {len(found)} new bundles are held by at least {meant.at_least} targets{going}")


def as_data(found: Sequence[Account], meant: Aim) -> dict[str, Any]:
    """What was found, as JSON data."""
    return {
        "atLeast": meant.at_least,
        "held": sum(len(one.held) >= meant.at_least for one in found),
        "bundles": [
            {
                "run": one.bundle.run,
                "cid": one.bundle.cid,
                "held": len(one.held) >= meant.at_least,
                "targets": {name: holding.as_data(record) for name, record in one.records.items()},
            }
            for one in found
        ],
    }


def _meant(bundles: Sequence[Bundle], runs: Sequence[str]) -> Sequence[Bundle]:
    found = [one for one in bundles if not runs or any(one.run.startswith(run) or one.cid == run for run in runs)]
    for run in runs:
        if not any(one.run.startswith(run) or one.cid == run for one in found):
            raise Usage("run-unknown", f"no bundle of a run {run!r}", "`beacon report` lists published runs")
    return found


def _doubted(account: Account) -> Account:
    """The same, as if everything that is held had last been fetched back long ago."""
    return account._replace(
        records={
            name: record._replace(stage="pinned") if record.stage == "held" else record
            for name, record in account.records.items()
        }
    )


def _names(meant: Aim) -> dict[str, str]:
    return {target.identity: target.name for target in meant.targets}


def _teller(names: dict[str, str]) -> Callable[[Record], None]:
    """Tells of what no summary shows afterwards, as it happens: a target that lied, and was given another try."""

    def tell(record: Record) -> None:
        if record.stage in ("lied", "lost"):
            note(terminal(f"{names[record.target]}: {record.cid}: {holding.told(record)}"))

    return tell


def _show(found: Sequence[Account], meant: Aim) -> None:
    for target in meant.targets:
        records = [one.records[target.name] for one in found]
        held = sum(record.stage == "held" for record in records)
        reasons = Counter(record.why for record in records if record.why)
        line(
            terminal(f"{target.name}: {held} of {len(records)} held" + "".join(f"; {why}" for why in list(reasons)[:3]))
        )
    short = [one for one in found if one.untrue or len(one.held) < meant.at_least]
    for one in short[:_SHOWN]:
        line(f"{one.bundle.run[:12]}  {one.bundle.cid}")
        for text in holding.held_lines(one):
            line(terminal(f"    {text}"))
    if len(short) > _SHOWN:
        line(f"and {len(short) - _SHOWN} more; --json tells them all")
    good = sum(len(one.held) >= meant.at_least for one in found)
    line(f"{good} of {len(found)} bundles are held by at least {meant.at_least} targets")


def _code(found: Sequence[Account], meant: Aim) -> int:
    if any(one.untrue for one in found):
        return 1
    return 3 if any(len(one.held) < meant.at_least for one in found) else 0
