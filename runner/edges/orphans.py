"""Sandboxes that outlived a runner killed in the very moment of starting them.

Bubblewrap's child waits for its parent before it asks the kernel to die with it. Where the parent is killed before
that, the child waits for ever: it runs nothing and reaches nothing, but it stays. The next runner with the same cache
ends it.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path


def sweep(folder: Path) -> None:
    """End every sandbox that binds something below `folder` and has lost its bubblewrap."""
    for pid in orphans(folder, Path("/proc")):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def orphans(folder: Path, proc: Path) -> Iterator[int]:
    """Their first processes, by `proc`(5). A sandbox of a runner that lives has a bubblewrap above it."""
    for entry in proc.iterdir() if proc.is_dir() else ():
        if entry.name.isdigit() and _is_orphan(entry, os.fsencode(folder) + b"/"):
            yield int(entry.name)


def _is_orphan(process: Path, folder: bytes) -> bool:
    try:
        argv = (process / "cmdline").read_bytes().split(b"\0")
        if not argv[0].endswith(b"/bwrap") or not any(word.startswith(folder) for word in argv):
            return False
        facts = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
        parent = (process.parent / facts["PPid"] / "cmdline").read_bytes().split(b"\0")[0]
        inside = facts["NSpid"].split()
    except (OSError, KeyError, ValueError):  # it left meanwhile, or is somebody else's
        return False
    return len(inside) > 1 and inside[-1] == "1" and not parent.endswith(b"/bwrap")
