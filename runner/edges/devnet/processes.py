"""Processes by pid and start time: a pid alone may be somebody else's by now. Linux only (/proc, pidfd)."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_START_TIME = 19
"""Field 22 of proc_pid_stat(5), counted from the state, which follows the name."""


def identity(pid: int) -> dict[str, int]:
    """What tells a process from all others until the machine starts again."""
    return {"pid": pid, "started": _started(pid) or 0}


def alive(who: Mapping[str, Any]) -> bool:
    """Whether this very process is there."""
    return isinstance(who.get("pid"), int) and _started(who["pid"]) == who.get("started")


def end(who: Mapping[str, Any], seconds: float) -> None:
    """Ask it to leave; kill it when it has not after `seconds`. Returns when it is gone."""
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            pidfd = os.pidfd_open(who["pid"])
            try:
                if alive(who):  # a pidfd is of one process for ever: looked at after it was opened
                    signal.pidfd_send_signal(pidfd, number)
            finally:
                os.close(pidfd)
        until = time.monotonic() + patience
        while alive(who) and time.monotonic() < until:
            time.sleep(0.02)


def _started(pid: int) -> int | None:
    """Its start in clock ticks since boot; None where it is gone or has left for good."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[_START_TIME])
