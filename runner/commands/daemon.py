"""The verb `daemon`: the pipeline again and again, for as long as it is wanted. What it decides: `runner/daemon.py`."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from runner.commands.console import JsonFlag, line
from runner.commands.durations import seconds
from runner.commands.operate import (
    RemoteOption,
    RepoOption,
    at_desk,
    at_work,
    elapsed,
    ending,
    now,
    remote_of,
    stoppable,
)
from runner.commands.places import top
from runner.commands.progress import progress
from runner.commands.reconcile import SelectOption, ShardOption, share_of
from runner.daemon import Clock, Daemon, Pace, Seen
from runner.edges.vitals import Vitals
from runner.errors import Usage
from runner.leases import Watch
from runner.ports import Emit, Event
from runner.publish import Desk
from runner.reconcile import Outcome, reconcile
from runner.schedules import instant
from runner.share import Share

EVERYTHING = Share()
_SLICE = 0.5


def daemon(
    repo: RepoOption = Path(),
    keys: Annotated[Path | None, typer.Option(help="Folder with the runner's keys; default: BEACON_KEYS.")] = None,
    remote: RemoteOption = "origin",
    poll: Annotated[str, typer.Option(help="How often to ask the remote: 30s, 5m.")] = "30s",
    once: Annotated[bool, typer.Option("--once", help="One tick, and the end.")] = False,
    deadline: Annotated[
        str | None, typer.Option(help="Stop after so long (50m, 6h), and take no run that may last longer.")
    ] = None,
    select: SelectOption = None,
    shard: ShardOption = "1/1",
    health: Annotated[Path | None, typer.Option(help="Keep this file up to date, for whoever watches.")] = None,
    pin: Annotated[bool, typer.Option(help="Bring what was published to the policy's pinning targets.")] = True,
    as_json: JsonFlag = False,
) -> int:
    """Reconcile whenever something is new or due, until SIGTERM or Ctrl-C. Exit 3 where work remains then. JSON has one
    document a line, for each event."""
    root, pace = top(repo), Pace(poll=seconds(poll, "--poll"))
    if pace.poll < 1:
        raise Usage("duration-invalid", f"--poll {poll!r} is no time at all", "write 1s or more")
    end, share = seconds(deadline, "--deadline") if deadline else None, share_of(select, shard)
    place = remote_of(root, remote)
    with (
        Vitals(health, os.environ) as vitals,
        progress() as shown,
        stoppable() as stop,
        ending(stop, end),
        _Clone(root, keys, place, vitals.over(_in_json(shown) if as_json else shown), stop, end, pin, share) as clone,
    ):
        clock = Clock(now, elapsed, lambda seconds: _sleep(stop, seconds), random.random)
        work = Daemon(clone, clock, clone.emit, vitals.tell, pace)
        if once:
            work.once()
        else:
            work.run()
    return 3 if work.work_remains else 0


def _in_json(shown: Emit) -> Emit:
    """The sink, with each event as a line of JSON on stdout, in ASCII, before it is shown."""

    def emit(event: Event) -> None:
        told = {"schema": "beacon/daemon/v1", "at": instant(now()), "event": event.name, "facts": dict(event.facts)}
        line(json.dumps(told, sort_keys=True).replace("##[", "#\\u0023["))
        shown(event)

    return emit


class _Clone:
    """See `Workshop`. The clone is opened by the first look that can, and held until the end."""

    def __init__(
        self,
        root: Path,
        keys: Path | None,
        remote: str | None,
        emit: Emit,
        stop: threading.Event,
        end: float | None,
        pin: bool,
        share: Share = EVERYTHING,
    ) -> None:
        self.emit, self._share = emit, share
        self._root, self._keys, self._remote, self._stop, self._pin = root, keys, remote, stop, pin
        self._deadline = None if end is None else elapsed() + end
        self._watch = Watch(elapsed)
        self._held = ExitStack()
        self._desk: tuple[Desk, Path] | None = None

    def __enter__(self) -> _Clone:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def look(self) -> Seen:
        """See `Workshop.look`."""
        with self._opened() as (desk, _):
            return Seen(desk.repository.head(), desk.repository.intent(), desk.repository.cancellations())

    def tick(self) -> Outcome:
        """See `Workshop.tick`."""
        with self._opened(refresh=False) as (desk, folder), at_work(desk, folder, asked=self._stop) as world:
            outcome = reconcile(world._replace(watched=self._watch, deadline=self._deadline, share=self._share))
        done = {*outcome.published, *outcome.cancelled, *outcome.superseded}
        if self._pin and done and outcome.head:
            from runner.commands.pin import after

            after(self._root, outcome.head, done, self._stop)
        return outcome

    @contextmanager
    def _opened(self, refresh: bool = True) -> Iterator[tuple[Desk, Path]]:
        """The desk. After a failure it is opened anew the next time: its git may be gone, its keys may be others."""
        try:
            if self._desk is None:
                self._desk = self._held.enter_context(at_desk(self._root, self._keys, self._remote, self.emit))
            elif refresh:
                self._desk[0].repository.refresh()
            yield self._desk
        except Exception:
            self._desk = None
            self._held.close()
            raise


def _sleep(stop: threading.Event, seconds: float) -> bool:
    """Sleep, and see soon when it is to stop. Not by `stop.wait`: a signal that comes while this thread holds the
    event's lock would have it wait for itself, for ever."""
    until = elapsed() + seconds
    while not stop.is_set() and (left := until - elapsed()) > 0:
        time.sleep(min(left, _SLICE))
    return stop.is_set()
