"""The verb `daemon`: the pipeline again and again, for as long as it is wanted. What it decides: `runner/daemon.py`."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from runner.commands.durations import seconds
from runner.commands.operate import RemoteOption, RepoOption, at_desk, at_work, now, remote_of, stoppable
from runner.commands.places import top
from runner.commands.progress import progress
from runner.commands.reconcile import ending
from runner.daemon import Clock, Daemon, Pace, Seen
from runner.edges.vitals import Vitals
from runner.errors import Usage
from runner.leases import Watch
from runner.ports import Emit
from runner.publish import Desk
from runner.reconcile import Outcome, reconcile


def daemon(
    repo: RepoOption = Path(),
    keys: Annotated[Path | None, typer.Option(help="Folder with the runner's keys; default: BEACON_KEYS.")] = None,
    remote: RemoteOption = "origin",
    poll: Annotated[str, typer.Option(help="How often to ask the remote: 30s, 5m.")] = "30s",
    once: Annotated[bool, typer.Option("--once", help="One tick, and the end.")] = False,
    deadline: Annotated[
        str | None, typer.Option(help="Stop after so long (50m, 6h), and take no run that may last longer.")
    ] = None,
    health: Annotated[Path | None, typer.Option(help="Keep this file up to date, for whoever watches.")] = None,
    pin: Annotated[bool, typer.Option(help="Bring what was published to the policy's pinning targets.")] = True,
) -> int:
    """Reconcile whenever something is new or due, until SIGTERM or Ctrl-C. Exit 3 where work remains then."""
    root, pace = top(repo), Pace(poll=seconds(poll, "--poll"))
    if pace.poll < 1:
        raise Usage("duration-invalid", f"--poll {poll!r} is no time at all", "write 1s or more")
    end = seconds(deadline, "--deadline") if deadline else None
    place = remote_of(root, remote)
    with (
        Vitals(health, os.environ) as vitals,
        progress() as shown,
        stoppable() as stop,
        ending(stop, end),
        _Clone(root, keys, place, vitals.over(shown), stop, end, pin) as clone,
    ):
        clock = Clock(now, time.monotonic, stop.wait, random.random)
        work = Daemon(clone, clock, clone.emit, vitals.tell, pace)
        if once:
            work.once()
        else:
            work.run()
    return 3 if work.work_remains else 0


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
    ) -> None:
        self.emit = emit
        self._root, self._keys, self._remote, self._stop, self._pin = root, keys, remote, stop, pin
        self._deadline = None if end is None else time.monotonic() + end
        self._watch = Watch(time.monotonic)
        self._held = ExitStack()
        self._desk: tuple[Desk, Path] | None = None

    def __enter__(self) -> _Clone:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def look(self) -> Seen:
        """See `Workshop.look`."""
        if self._desk is None:
            self._desk = self._held.enter_context(at_desk(self._root, self._keys, self._remote, self.emit))
        else:
            self._desk[0].repository.refresh()
        repository = self._desk[0].repository
        return Seen(repository.head(), repository.intent(), repository.cancellations())

    def tick(self) -> Outcome:
        """See `Workshop.tick`."""
        assert self._desk is not None, "who ticks has looked"
        with at_work(*self._desk, asked=self._stop) as world:
            outcome = reconcile(world._replace(watched=self._watch, deadline=self._deadline))
        done = {*outcome.published, *outcome.cancelled}
        if self._pin and done and outcome.head:
            from runner.commands.pin import after

            after(self._root, outcome.head, done, self._stop)
        return outcome
