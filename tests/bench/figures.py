"""How figures are taken and shown: medians and minima of repeats, each beside its goal and the machine's load.

A figure is a row: what was done, what it took, what it is held against in the same run, the goal, the load average of
the last minute. Work of one thread is measured in its own CPU time, so that other work on the machine counts little;
commands as whole processes, by the clock.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
BEACON = str(ROOT / "beacon")


class Times(NamedTuple):
    """Seconds."""

    median: float
    least: float

    def __str__(self) -> str:
        return f"{seconds(self.median)} (least {seconds(self.least)})"


class Figure(NamedTuple):
    """One row. `reached` is None where there is no goal."""

    what: str
    measured: str
    against: str = ""
    goal: str = ""
    reached: bool | None = None


def seconds(value: float) -> str:
    """A duration, in the unit that reads best."""
    if value < 1e-3:
        return f"{value * 1e6:.0f} us"
    return f"{value * 1e3:.1f} ms" if value < 0.1 else f"{value * 1e3:.0f} ms" if value < 1 else f"{value:.2f} s"


def busy(act: Callable[[], Any], repeats: int = 7, each: int = 1) -> Times:
    """CPU time of one call, from `repeats` rounds of `each` calls."""
    return _times(time.process_time, [act], repeats, each)[0]


def in_turn(acts: Sequence[Callable[[], Any]], repeats: int = 7, each: int = 1) -> list[Times]:
    """CPU time of one call of each, round by round, so that a slow moment falls on all alike."""
    return _times(time.process_time, acts, repeats, each)


def elapsed(act: Callable[[], Any], repeats: int = 7) -> Times:
    """Time by the clock of one call: what waits for other processes and the disk."""
    return _times(time.perf_counter, [act], repeats, 1)[0]


def _times(clock: Callable[[], float], acts: Sequence[Callable[[], Any]], repeats: int, each: int) -> list[Times]:
    found: list[list[float]] = [[] for _ in acts]
    for _ in range(repeats):
        for act, times in zip(acts, found, strict=True):
            began = clock()
            for _ in range(each):
                act()
            times.append((clock() - began) / each)
    return [_summary(times) for times in found]


def _summary(times: Sequence[float]) -> Times:
    return Times(statistics.median(times), min(times))


def processes(
    commands: Sequence[Sequence[str]], repeats: int = 10, environment: Mapping[str, str] | None = None, code: int = 0
) -> list[Times]:
    """Whole processes by the clock, in turn, so that what else the machine does falls on all of them alike."""
    found: list[list[float]] = [[] for _ in commands]
    for _ in range(repeats):
        for command, times in zip(commands, found, strict=True):
            began = time.perf_counter()
            done = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True)
            times.append(time.perf_counter() - began)
            assert done.returncode == code, f"{' '.join(command)}: {done.stdout[-500:]} {done.stderr[-500:]}"
    return [_summary(times) for times in found]


def show(figures: Iterable[Figure]) -> None:
    """Print rows of a Markdown table, each as soon as it is known."""
    for figure in figures:
        mark = {True: " ✓", False: " ✗", None: ""}[figure.reached]
        cells = (figure.what, figure.measured, figure.against, figure.goal + mark, f"{os.getloadavg()[0]:.1f}")
        print("|", " | ".join(cells), "|", flush=True)
