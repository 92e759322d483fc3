"""How others see that a daemon lives: its health file, and systemd's notify socket with the watchdog, sd_notify(3).

The file is JSON, written whole or not at all. `staleAfter` is the moment by which it will have been written anew: a
file that is older than that is of a daemon that hangs or is gone. Nothing here ever fails the work: what cannot be
written or sent is left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from runner import __version__
from runner.daemon import Health
from runner.edges import durable
from runner.errors import Environment
from runner.ports import Emit, Event
from runner.schedules import instant, moment

SCHEMA = "beacon/health/v1"
_MOST_BYTES = 1 << 20
PATIENCE = 176_400.0
"""Seconds for which a run may say nothing: the longest that any policy allows, 48 hours, and one more."""


class Vitals:
    """Tells what the daemon says of itself. Within its block a thread answers systemd's watchdog, as long as the daemon
    has not been silent for longer than it said it would be."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self._path = path
        self._address = environ.get("NOTIFY_SOCKET", "")
        own = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environ.get("WATCHDOG_USEC", "")
        self._interval = int(usec) / 2e6 if own and usec.isdecimal() and self._address else 0.0
        self._until = time.monotonic() + PATIENCE
        self._health: Health | None = None
        self._running: str | None = None
        self._ready = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._pulse, name="pulse", daemon=True)

    def __enter__(self) -> Self:
        if self._interval:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._send("STOPPING=1")
        if self._interval:
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether the daemon has not been silent for longer than it said it would be."""
        return time.monotonic() < self._until

    def tell(self, health: Health) -> None:
        """Make it known."""
        self._health = health
        self._until = time.monotonic() + (PATIENCE if health.quiet is None else health.quiet)
        if health.state == "looking":  # twice in each poll is once too often for the disk
            return
        self._write()
        what = f"{health.state}: {health.trouble.code}" if health.trouble else health.state
        self._send(f"STATUS={what}" + ("" if self._ready else "\nREADY=1"))
        self._ready = True

    def over(self, emit: Emit) -> Emit:
        """The sink, with each event taken as a sign of life."""

        def heard(event: Event) -> None:
            if event.name in ("run-started", "run-executed", "attempt-finished"):
                self._running = None if event.name == "run-executed" else str(event.facts["run"])
                if self._health is not None and self._health.quiet is None:
                    self._until = time.monotonic() + PATIENCE
                    self._write()
            emit(event)

        return heard

    def _write(self) -> None:
        if self._path is not None and self._health is not None:
            data = as_data(self._health, self._running, datetime.now(UTC))
            with contextlib.suppress(Environment):
                durable.write(self._path, (json.dumps(data, indent=1) + "\n").encode())

    def _pulse(self) -> None:
        while not self._over.wait(self._interval):
            if self.alive:
                self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.settimeout(1)
            out.sendto(message.encode(), address)


def as_data(health: Health, running: str | None, at: datetime) -> dict[str, Any]:
    """The health file's content."""
    quiet = PATIENCE if health.quiet is None else health.quiet
    over = health.state in ("stopped", "failed")
    return {
        "schema": SCHEMA,
        "pid": os.getpid(),
        "version": __version__,
        "state": health.state,
        "at": instant(at),
        "staleAfter": None if over else instant(at + timedelta(seconds=quiet)),
        "lastLook": health.last_look,
        "lastTick": health.last_tick,
        "lastSuccess": health.last_success,
        "head": health.head,
        "openRuns": list(health.open_runs),
        "running": running if health.state == "working" else None,
        "nextDue": health.next_due,
        "trouble": health.trouble._asdict() if health.trouble else None,
    }


class Judged(NamedTuple):
    """What a health file says of its daemon: `ok` is None where it is alive, and waits for a trouble to pass."""

    ok: bool | None
    said: str
    mend: str = ""


def judged(path: Path, now: datetime) -> Judged:
    """Whether the daemon that keeps a health file is alive. Trouble that it waits out is told, and no fault of its."""
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_MOST_BYTES))
        state, at, stale, trouble = data["state"], data["at"], data["staleAfter"], data["trouble"]
        if stale is not None and moment(stale) < now:
            return Judged(False, f"silent since {at}; it should have told by {stale}", "look at its log")
        if stale is None:
            return Judged(False, f"{state} at {at}", "start it again, or look at its log")
        if trouble:
            said = f"alive, and waiting since {trouble['since']}: [{trouble['code']}] {trouble['message']}"
            return Judged(None, said, f"beacon explain {trouble['code']}")
        return Judged(True, f"{state} at {at}, last success {data['lastSuccess']}")
    except FileNotFoundError:
        return Judged(False, f"there is no file {path}", "beacon daemon --health FILE keeps it")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        hint = "beacon daemon --health FILE keeps it"
        return Judged(False, f"{path} is no health file: {type(error).__name__}", hint)
