"""`beacon gc`: what a clone weighs, what of it nobody will miss, and how to keep it small."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from runner.commands.console import JsonFlag, line, note, put_json
from runner.commands.operate import RemoteOption, RepoOption, alone, remote_of
from runner.commands.places import opened, top
from runner.edges import housekeeping
from runner.edges.git_process import Git
from runner.edges.housekeeping import Leftover, Sizes
from runner.history import is_over
from runner.rendering.neutral import terminal
from runner.rendering.sentences import count
from runner.state import read_state

LARGE = 1 << 30
WORDS = {
    "attempts": "attempts of a run that is over",
    "request": "request to cancel a run that is over",
    "intent": "an intent that was completed",
    "temporary": "a file that somebody was writing when killed",
}


def gc(
    repo: RepoOption = Path(),
    apply: Annotated[bool, typer.Option("--apply", help="Remove what is left over, and pack anew.")] = False,
    remote: RemoteOption = "origin",
    as_json: JsonFlag = False,
) -> None:
    """What the clone weighs, and what is left over in it and at its remote; nothing is changed without --apply."""
    root = top(repo)
    place = remote_of(root, remote)
    with opened(root, remote=place) as repository, alone(repository.git_dir):
        git = Git(root, os.environ if place else {**os.environ, "GIT_ALLOW_PROTOCOL": "none"})
        repository.refresh()
        history = read_state(repository, repository.head()).history
        over = {run for run, end in history.ended.items() if is_over(end)}
        over -= {start.run for start in history.abandoned.values()}  # what a start left may be published yet
        found = housekeeping.leftovers(repository, git, place, over)
        before = housekeeping.sizes(git)
        if apply:
            for one in found:
                one.remove()
            housekeeping.pack(git)
        after = housekeeping.sizes(git) if apply else None
    if as_json:
        put_json(as_data(before, found, after))
        return
    for text in said(before, found, after):
        line(text)
    for advice in advised(after or before, found, apply):
        note(advice)


def as_data(before: Sizes, found: list[Leftover], after: Sizes | None) -> dict[str, Any]:
    """What was found, as JSON data; `after` is null where nothing was changed."""
    return {
        "schema": "beacon/gc/v1",
        "before": before._asdict(),
        "leftovers": [{"kind": one.kind, "name": one.name, "bytes": one.bytes} for one in found],
        "after": after._asdict() if after else None,
    }


def said(before: Sizes, found: list[Leftover], after: Sizes | None) -> Iterator[str]:
    """The same, as lines."""
    kind = f" ({', '.join(before.kind)})" if before.kind else ""
    yield f"git directory  {_size(before.bytes)}{kind}"
    yield f"  packed       {_size(before.pack_bytes)} in {count(before.packs, 'pack')}"
    yield f"  loose        {_size(before.loose_bytes)} in {before.loose} objects"
    yield f"  our caches   {_size(before.caches)}, made again when deleted"
    for one in found:
        yield f"{'removed' if after else 'left over'}: {WORDS[one.kind]}: {terminal(one.name)}, {_size(one.bytes)}"
    if after:
        yield f"git directory  {_size(after.bytes)} now, {_size(after.pack_bytes)} in {count(after.packs, 'pack')}"


def advised(now: Sizes, found: list[Leftover], applied: bool) -> Iterator[str]:
    """What a person may do."""
    if not applied and (found or now.loose):
        yield "nothing was changed; --apply removes what is left over, and packs anew"
    if now.bytes > LARGE and "partial" not in now.kind:
        yield "a runner needs a part of this: git clone --filter=blob:none --sparse, see docs/forges.md"


def _size(size: int) -> str:
    return f"{size} B" if size < 1000 else f"{size / 1e3:.1f} kB" if size < 1e6 else f"{size / 1e6:.1f} MB"
