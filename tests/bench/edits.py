"""How many edits are classified right, by kind: `python -m tests.bench.edits FOLDER [MOST] [--wrong KIND] [--draw D]`.

The edits and what a reader would call each: `tests/edits/README.md`. FOLDER has the answers that are edited; MOST is
how many edits of a kind are made (80 unless said). An edit is right where the class and the kinds are; *class* counts
the class alone. `--wrong` prints what was classified wrong, of one kind or of `all`; `--draw` takes other answers.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from runner.compare.classes import Pair, classify
from tests.edits import Edit, Expected, edits, expected


class Judged(NamedTuple):
    """An edit, what a reader expects, and what was said."""

    edit: Edit
    expected: Expected
    found: Pair

    @property
    def level(self) -> bool:
        return self.expected.level_right(self.found.level)

    @property
    def right(self) -> bool:
        return self.expected.right(self.found.level, frozenset(self.found.kinds))


def judged(folder: Path, most: int, draw: str) -> list[Judged]:
    """Every edit, classified."""
    return [
        Judged(edit, wanted, classify(edit.before, edit.after))
        for kind, wanted in expected().items()
        for edit in edits(folder, kind, most, draw)
    ]


def difference(edit: Edit) -> str:
    """What an edit changed, for eyes: the texts between their common ends."""
    a, b = edit.before, edit.after
    start = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    left = min(len(a), len(b)) - start
    end = next((n for n in range(left) if a[-1 - n] != b[-1 - n]), left)
    first = max(0, start - 30)
    return "\n    ".join(repr(text[first : len(text) - end + 20][:160]) for text in (a, b))


def _share(right: int, every: int) -> str:
    return f"{100 * right / every:.2f} %" if every else "-"


def _row(name: str, of: Sequence[Judged]) -> str:
    right, level = sum(one.right for one in of), sum(one.level for one in of)
    return f"| {name} | {len(of)} | {_share(right, len(of))} | {_share(level, len(of))} |"


def main(words: Sequence[str]) -> None:
    """Print a Markdown table, the sums first."""
    folder, most = Path(words[0]), int(words[1]) if len(words) > 1 and words[1].isdigit() else 80
    shown = words[words.index("--wrong") + 1] if "--wrong" in words else ""
    began = time.process_time()
    draw = words[words.index("--draw") + 1] if "--draw" in words else ""
    every = judged(folder, most, draw)
    took = time.process_time() - began
    print("| edits | n | right | class right |\n|---|---|---|---|")
    print(_row("**all**", every))
    for level in ("identical", "noise", "minor", "major"):
        print(_row(f"**{level}**", [one for one in every if one.expected.levels == {level}]))
    print(_row("**either of two**", [one for one in every if len(one.expected.levels) > 1]))
    for lang in ("en", "de", "zh"):
        print(_row(f"**{lang}**", [one for one in every if one.edit.lang == lang]))
    for kind in expected():
        print(_row(kind, [one for one in every if one.edit.kind == kind]))
    print(f"\n{took:.0f} s of CPU time, making the edits too")
    for one in every:
        if not one.right and shown in (one.edit.kind, "all"):
            print(f"\n{one.edit.kind} ({one.edit.lang}): {one.found}\n    {difference(one.edit)}")
    wrong = Counter(one.edit.kind for one in every if not one.right)
    print("\nmost often wrong: " + ", ".join(f"{kind} {times}" for kind, times in wrong.most_common(20)))


if __name__ == "__main__":
    main(sys.argv[1:])
