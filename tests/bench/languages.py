"""How well languages are told: `python -m tests.bench.languages FILE...`, on lines of a code, a tab and a text.

`tests/languages/answers.tsv` is such a file. A larger one, of 60,000 lines that others wrote, is
`eld/tests/data/big-test.txt` in the package eld 1.0.6 (Apache-2.0). Every second line, from the first one on, was
looked at while words were gathered; `--unseen` leaves those out.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from runner.compare.function_words import NAMES
from runner.compare.language import UNKNOWN, language
from runner.compare.signals import tidy

SAME = {"ms": "id", "bs": "hr", "ku": "ckb", "nb": "no"}
"""Codes of languages that are told together, or that are called otherwise here."""
LENGTHS = (60, 150)


def main(paths: list[Path], unseen: bool) -> None:
    """Print a Markdown table."""
    lines = [line.split("\t", 1) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    found: dict[str, Counter[str]] = {}
    spent = 0.0
    for code, text in lines[1::2] if unseen else lines:
        wanted, read = SAME.get(code, code), tidy(text)
        started = time.process_time()
        told = language(read)
        spent += time.process_time() - started
        size = next((f"under {limit} characters" for limit in LENGTHS if len(text) < limit), f"from {LENGTHS[-1]} on")
        row = size if wanted in NAMES else "languages that are not known"
        found.setdefault(row, Counter())["right" if told == wanted else UNKNOWN if told == UNKNOWN else "wrong"] += 1
    print("| texts | number | right | unknown | wrong |\n|---|---|---|---|---|")
    for row, told in sorted(found.items(), key=lambda one: -one[1].total()):
        shares = " | ".join(f"{100 * told[kind] / told.total():.1f} %" for kind in ("right", UNKNOWN, "wrong"))
        print(f"| {row} | {told.total():,} | {shares} |")
    print(f"\n{1000 * spent / max(1, len(lines)):.2f} ms a text")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:] if name != "--unseen"], "--unseen" in sys.argv)
