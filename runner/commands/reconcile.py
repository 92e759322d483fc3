"""The verb `reconcile` in one piece; its stages, for the jobs of a workflow, are in `staging.py`.

What runs is imported when there may be something to run: that takes longer than to see that there is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runner.commands.console import JsonFlag, line, note, put_json
from runner.commands.durations import seconds
from runner.commands.operate import (
    RemoteOption,
    RepoOption,
    at_desk,
    at_work,
    ending,
    now,
    remote_of,
)
from runner.commands.places import top
from runner.commands.progress import progress
from runner.edges.quietnote import QuietNote
from runner.errors import Usage
from runner.publish import Desk
from runner.quiet import TOLD, Quiet, note_of, state_key, waited_for
from runner.rendering import planview
from runner.share import Share

if TYPE_CHECKING:
    from runner.reconcile import Outcome
    from runner.world import World

_PART = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")
STAGES = ("start", "execute", "publish")
SelectOption = Annotated[list[str] | None, typer.Option(help="Only jobs with this label, NAME=VALUE; may be repeated.")]
ShardOption = Annotated[str, typer.Option(help="Only the I-th of N equal parts of the runs, as I/N.")]


def reconcile(
    repo: RepoOption = Path(),
    keys: Annotated[Path | None, typer.Option(help="Folder with the runner's keys; default: BEACON_KEYS.")] = None,
    remote: RemoteOption = "origin",
    pin: Annotated[bool, typer.Option(help="Bring what was published to the policy's pinning targets.")] = True,
    deadline: Annotated[
        str | None, typer.Option(help="Stop after so long (50m, 6h), and take no run that may last longer.")
    ] = None,
    select: SelectOption = None,
    shard: ShardOption = "1/1",
    stage: Annotated[
        str | None,
        typer.Option(help="One stage alone, start, execute or publish; execute needs no key and signs nothing."),
    ] = None,
    work: Annotated[Path | None, typer.Option(help="The folder that stages hand on.")] = None,
    digest: Annotated[
        list[str] | None, typer.Option(help="With publish: what each execute printed; no other results are taken.")
    ] = None,
    as_json: JsonFlag = False,
) -> int:
    """Run what is asked for and not yet there, and publish it. Idempotent: with nothing to do, nothing is written."""
    root, share = top(repo), share_of(select, shard)
    _demand_sense(stage, work, digest, share)
    end = seconds(deadline, "--deadline") if deadline else None
    place = remote_of(root, remote)
    if stage == "execute" and work:
        from runner.commands import staging

        return staging.execute(root, place, work, share, end, as_json)
    with progress() as emit, at_desk(root, keys, place, emit) as (desk, folder):
        quiet = None if stage or as_json else QuietNote(folder / "quiet")
        if quiet is not None and (kept := _still_quiet(quiet, desk)) is not None:
            _tell_idle("nothing to do", kept.told, kept.more)
            return 0
        with _at_work(desk, folder, share, end) as world:
            before = desk.repository.head()
            if stage and work:
                from runner.commands import staging

                if stage == "start":
                    return staging.start(world, work, as_json)
                outcome = staging.publish(world, work, set(digest or []))
            else:
                from runner.reconcile import reconcile as reconcile_once

                outcome = reconcile_once(world)
        if quiet is not None and (until := outcome.quiet_until):
            quiet.save(note_of(*_state(desk), outcome.plan.idle, until))
    done = {*outcome.published, *outcome.cancelled, *outcome.superseded}
    if pin and done and outcome.head:
        from runner.commands.pin import after

        after(root, outcome.head, done)
    if as_json:
        put_json(as_data(outcome))
    else:
        tell(outcome, outcome.head != before)
    return 3 if outcome.work_remains else 0


def _demand_sense(stage: str | None, work: Path | None, digest: list[str] | None, share: Share) -> None:
    """Whether options go together. Raises `Usage`."""
    if stage is not None and (stage not in STAGES or work is None):
        raise Usage(
            "stage-unknown",
            f"--stage {stage} needs one of {', '.join(STAGES)}, and --work FOLDER",
            "see `beacon reconcile --help`",
        )
    if stage is None and (work or digest):
        raise Usage("stage-unknown", "--work and --digest belong to --stage", "see `beacon reconcile --help`")
    if stage == "execute" and share.labels:
        hint = "give --select to the stage `start`, which hands on nothing else"
        raise Usage("stage-unknown", "--stage execute takes what was handed on, whatever its labels", hint)


def as_data(outcome: Outcome) -> dict[str, Any]:
    """What a tick did, as JSON data. Jobs that are done, or not due, are not in it, however many there are."""
    return {
        "schema": "beacon/reconcile/v1",
        "head": outcome.head,
        "started": outcome.started,
        "published": outcome.published,
        "cancelled": outcome.cancelled,
        "superseded": outcome.superseded,
        "remaining": outcome.remaining,
        "plan": planview.as_json(outcome.plan._replace(idle=tuple(filter(waited_for, outcome.plan.idle)))),
    }


def tell(outcome: Outcome, wrote: bool) -> None:
    """What a tick did, in a line; and why jobs are not run that a reader may wait for."""
    todo = outcome.plan
    did = (
        ("started", outcome.started),
        ("published", outcome.published),
        ("cancelled", outcome.cancelled),
        ("superseded", outcome.superseded),
        ("abandoned", todo.expired),
        ("retired", todo.retired),
        ("still open", outcome.remaining),
    )
    said = [f"{len(what)} {word}" for word, what in did if what]
    ended = {taken.start.job for taken in (*todo.cancelled, *todo.expired)}
    summary = ", ".join(said) or ("no run to do; what else is new was logged" if wrote else "nothing to do")
    waiting = [idle for idle in todo.idle if waited_for(idle) and idle.path not in ended]
    _tell_idle(summary, waiting[:TOLD], len(waiting[TOLD:]))


def _tell_idle(summary: str, idle: Iterable[tuple[str, str, str]], more: int) -> None:
    line(summary)
    for one in idle:
        note(planview.row(*one))
    if more:
        note(f"and {more} more; `beacon status` lists them")


def _still_quiet(quiet: QuietNote, desk: Desk) -> Quiet | None:
    """The note of an earlier tick, where there is nothing to do now either."""
    kept = quiet.load()
    return kept if kept and desk.repository.intent() is None and kept.holds(*_state(desk)) else None


def _state(desk: Desk) -> tuple[str, datetime]:
    """All that decides whether there is something to do: the name of a state, and the clock."""
    repository = desk.repository
    return state_key(repository.head(), desk.keys, desk.signed.highest(), repository.cancellations()), now()


def share_of(select: list[str] | None, shard: str) -> Share:
    """What `--select` and `--shard` say. Raises `Usage`."""
    pairs = [label.partition("=") for label in select or []]
    if wrong := [name + mark + value for name, mark, value in pairs if not (name and mark)]:
        raise Usage(
            "label-invalid", f"--select {wrong[0]!r} is not NAME=VALUE", "a label of the job, as --select team=evals"
        )
    found = _PART.fullmatch(shard)
    if found is None or int(found[1]) > int(found[2]):
        raise Usage("shard-invalid", f"--shard {shard!r} is not I/N with I from 1 to N", "for example 2/4")
    return Share({name: value for name, _, value in pairs}, int(found[1]), int(found[2]))


@contextmanager
def _at_work(desk: Desk, folder: Path, share: Share, end: float | None) -> Iterator[World]:
    with at_work(desk, folder) as world, ending(world.stop, end):
        yield world._replace(share=share, deadline=None if end is None else world.monotonic() + end)
