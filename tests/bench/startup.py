"""`./beacon --help`, the bootstrap included, against an interpreter that does nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import BEACON, Figure, processes

REPEATS = 20


def figures(_: Path) -> Iterator[Figure]:
    """Whole processes, in turn."""
    usage, verb, nothing = processes(
        [[BEACON, "--help"], [BEACON, "plan", "--help"], [sys.executable, "-E", "-s", "-c", "pass"]], REPEATS
    )
    against = f"{usage.median / nothing.median:.1f} x `python -c pass`, {nothing}"
    yield Figure("`./beacon --help`", str(usage), against, "under 150 ms", usage.median < 0.150)
    yield Figure(
        "`./beacon plan --help`, which imports the verb", str(verb), f"{verb.median / nothing.median:.1f} x the same"
    )
