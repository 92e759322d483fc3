"""How well refusals are told: `python -m tests.bench.refusals FOLDER`, on the answers that a judge model labelled.

The folder has `speechmap_{china,us}_criticism_head.jsonl`, labelled COMPLETE, EVASIVE or DENIAL by GPT-4o.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from runner.compare.signals import Signals


def main(folder: Path) -> None:
    """Print a Markdown table, and precision and recall."""
    print("| questions | label | answers | told as refusals |\n|---|---|---|---|")
    told: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for side in ("china", "us"):
        seen: Counter[tuple[str, bool]] = Counter()
        for line in (folder / f"speechmap_{side}_criticism_head.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            seen[row["label"], Signals(row["text"]).refuses] += 1
        for label in ("COMPLETE", "EVASIVE", "DENIAL"):
            hits, misses = seen[label, True], seen[label, False]
            print(f"| {side} | {label} | {hits + misses} | {hits} |")
            told[label] += hits
            every[label] += hits + misses
    right = told["DENIAL"]
    print(
        f"\nrecall {right / every['DENIAL']:.3f}; precision {right / (right + told['COMPLETE']):.3f} against COMPLETE,"
    )
    print(f"{right / told.total():.3f} where EVASIVE counts as wrong")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
