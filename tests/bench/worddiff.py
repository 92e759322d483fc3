"""The word diff, by time and memory: `python -m tests.bench.worddiff`.

Each pair is diffed in a process of its own. Time is the CPU time of one diff; memory is how far the process grew at
most while it compared. Most rows are what a hostile answer would do.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from runner.compare.worddiff import diff
from tests.bench.figures import Figure, seconds, show

GOALS = {100_000: (0.1, 200), 1_000_000: (1.0, 200)}
"""Seconds and megabytes, by characters of either text."""


def prose(size: int, seed: int) -> str:
    """Sentences of random words, a line each."""
    chance = random.Random(seed)
    words = [f"{chance.randrange(4096):x}" for _ in range(4000)]
    found: list[str] = []
    while len(found) < size // 4:
        found += [*chance.choices(words, k=chance.randrange(5, 20)), "stop.\n"]
    return " ".join(found)[:size]


def edited(text: str) -> str:
    """Three words of a hundred changed."""
    chance = random.Random(3)
    return " ".join(word if chance.random() > 0.03 else "changed" for word in text.split(" "))


PAIRS: dict[str, Callable[[int], tuple[str, str]]] = {
    "3 % edited": lambda n: (text := prose(n, 1), edited(text)),
    "different": lambda n: (prose(n, 1), prose(n, 2)),
    "reversed": lambda n: (text := prose(n, 1), " ".join(reversed(text.split(" ")))),
    "no unique line": lambda n: ("a b\n" * (n // 4), "b c\n" * (n // 4)),
    "alternating": lambda n: ("a b " * (n // 4), "b a " * (n // 4)),
    "one word again and again": lambda n: ("word " * (n // 5), "word " * (n // 5 - 7) + "x"),
    "one giant word": lambda n: ("a" * n, "a" * (n - 1) + "b"),
    "signs": lambda n: ("!?" * (n // 2), "?." * (n // 2)),
    "full stops without spaces": lambda n: ("a." * (n // 2), "b." * (n // 2)),
}


def measure(name: str, size: int) -> None:
    """One diff, in this process: seconds and megabytes."""
    diff("warm up.", "warmed up.")
    a, b = PAIRS[name](size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    ops = diff(a, b)
    took = time.process_time() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert "".join(op.text for op in ops if op.kind != "insert") == a
    print(f"{took:.3f} {grown:.0f}")


def figures(_: Path) -> Iterator[Figure]:
    """A row for each pair."""
    for size, (most, megabytes) in GOALS.items():
        for name in PAIRS:
            command = [sys.executable, "-m", "tests.bench.worddiff", name, str(size)]
            took, grown = map(float, subprocess.run(command, capture_output=True, check=True).stdout.split())
            what = f"word diff of {size:,} characters: {name}"
            goal = f"under {seconds(most)} and {megabytes} MB"
            yield Figure(what, f"{seconds(took)}, {grown:.0f} MB more", "", goal, took < most and grown < megabytes)


def main() -> None:
    """Print a Markdown table."""
    print("| texts | measured | | goal | load |\n|---|---|---|---|---|")
    show(figures(Path()))


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 1 else main()
