"""The stages of `beacon reconcile` in jobs of a workflow: `start` and `publish` have the keys, `execute` has none.

A folder is handed on between them; what it holds is specified in `runner/handover.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from pathlib import Path

from runner import handover, staged
from runner.commands.console import line, put_json
from runner.commands.executors import executing
from runner.commands.operate import alone, elapsed, ending, now, stoppable
from runner.commands.places import opened, state_folder
from runner.commands.progress import progress
from runner.edges import durable
from runner.edges.spool import FolderSpool
from runner.errors import Environment, Usage
from runner.events import say
from runner.model import sha256
from runner.reconcile import Outcome
from runner.share import Share
from runner.world import Bench, World

_MOST_BYTES = 1 << 30


def start(world: World, work: Path, as_json: bool) -> int:
    """Log what is to be run, and say it in the folder that is handed on."""
    before = world.desk.repository.head()
    given = staged.start(world)
    for old in (work / handover.RESULTS).glob("*-of-*.json"):  # what was executed before is announced anew, or not
        old.unlink()
    durable.write(work / handover.HANDOVER, given.canonical())
    _output("pending", "true" if given.runs else "false")
    _output("wrote", "true" if given.head != before else "false")
    if as_json:
        put_json(given.to_json())
    else:
        line(f"{len(given.runs)} to execute: {work / handover.HANDOVER}")
    return 0


def publish(world: World, work: Path, digests: Set[str]) -> Outcome:
    """Publish the results that were handed on, of those whose listings have these digests."""
    handover.accept(_results(work), digests)
    return staged.publish(world._replace(spool=FolderSpool(work / handover.RESULTS, world.desk.emit)))


def execute(root: Path, remote: str | None, work: Path, share: Share, end: float | None, as_json: bool) -> int:
    """The stage without keys. What had ended by the deadline is handed on too."""
    given = handover.read(_read(work / handover.HANDOVER))
    with (
        progress() as emit,
        opened(root, remote=remote, emit=emit) as repository,
        alone(repository.git_dir),
        stoppable("what ended by then is handed on") as stop,
        ending(stop, end),
    ):
        repository.refresh()
        head = repository.snapshot(given.head)
        with executing(head, state_folder(), emit, os.environ) as executor:
            spool = FolderSpool(work / handover.RESULTS, emit)
            bench = Bench(repository, executor, spool, now, elapsed, stop, emit)
            done = staged.execute(bench, given, share)
            say(emit, "handed-on", runs=len(done), of=len(given.runs))
    runs = {handed.run for handed in given.runs if share.has(handed.run)}
    listed = handover.listing({path: raw for path, raw in _results(work).items() if path[:64] in runs})
    durable.write(work / handover.RESULTS / f"{share.part}-of-{share.parts}.json", listed)
    _output("digest", sha256(listed))
    if as_json:
        put_json({"schema": "beacon/executed/v1", "digest": sha256(listed), "executed": done})
    else:
        line(sha256(listed))
    return 3 if len(done) < len(runs) else 0


def _results(work: Path) -> Mapping[str, bytes]:
    """Everything below `results/`, by path. Raises `Environment` for links, and for more than a gigabyte."""
    folder, found, size = work / handover.RESULTS, {}, 0
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Environment("handover-damaged", f"{path} is no plain file", "take what `execute` wrote as it is")
        if path.is_dir() or path.name.startswith(durable.TEMPORARY):
            continue
        size += path.stat().st_size
        if size > _MOST_BYTES:
            raise Environment("handover-damaged", f"{folder} holds more than {_MOST_BYTES >> 20} MiB")
        found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "the stage `start` writes it into the folder that --work names"
        raise Usage("file-unreadable", f"{path}: {error.strerror}", hint) from None


def _output(name: str, value: str) -> None:
    """An output of a workflow's step, where this is one. Names and values are ours, on one line."""
    if file := os.environ.get("GITHUB_OUTPUT"):
        with Path(file).open("a", encoding="utf-8") as out:
            out.write(f"{name}={value}\n")
