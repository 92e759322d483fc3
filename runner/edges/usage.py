"""What a process's descendants use, as /proc tells it. Linux only; looked at while they run, so it has to be quick."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from mmap import PAGESIZE
from typing import NamedTuple


class Usage(NamedTuple):
    """CPU time and resident memory of all processes together; shared pages count once in each."""

    cpu_ms: int
    memory_kib: int


def usage(pid: int) -> Usage | None:
    """What the descendants of a process use now (proc_pid_stat(5): fields 14 to 17, which include the children that
    they waited for, and 24). None where there are none."""
    ticks = pages = found = 0
    for child in _descendants(pid):
        with contextlib.suppress(OSError):
            fields = _read(f"/proc/{child}/stat").rpartition(b")")[2].split()
            ticks += sum(map(int, fields[11:15]))
            pages += int(fields[21])
            found += 1
    return Usage(ticks * 1000 // os.sysconf("SC_CLK_TCK"), pages * PAGESIZE // 1024) if found else None


def proportional_kib(pid: int) -> int:
    """Memory of the descendants with shared pages counted once. Slower: the kernel walks every page."""
    total = 0
    for child in _descendants(pid):
        with contextlib.suppress(OSError):
            pss = re.search(rb"^Pss:\s+(\d+) kB$", _read(f"/proc/{child}/smaps_rollup"), re.MULTILINE)
            total += int(pss[1]) if pss else 0
    return total


def _descendants(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for child in _read(f"/proc/{pid}/task/{pid}/children").split():
            yield int(child)
            yield from _descendants(int(child))


def _read(path: str) -> bytes:
    """A file of /proc: these are small, and come whole in one read."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 20)
    finally:
        os.close(descriptor)
