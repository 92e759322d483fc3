"""Answers as models give them, for figures that depend on what texts are like: about 2 kB each, no two alike.

Few different words, again and again, are read and compared several times faster than prose is.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAST, MOST = 1_700, 2_400
"""Bytes of an answer."""
MADE = 100


def answers(seed: int) -> tuple[str, Sequence[str]]:
    """Where they come from, and answers in an order drawn from the seed: the real ones of that length where the data
    are beside the checkout, else `MADE` of sentences of the documentation."""
    chance = random.Random(seed)
    data = Path(os.environ.get("BEACON_DATA") or ROOT.parent / "shared" / "data") / "tot_text_gpt4_standard.jsonl"
    if data.is_file():
        rows = map(json.loads, data.read_text(encoding="utf-8").splitlines())
        found = [text for row in rows for text in row["samples"] if LEAST <= len(text.encode()) <= MOST]
        chance.shuffle(found)
        return "real answers of GPT-4", found
    prose = " ".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md")))
    sentences = re.findall(r"[A-Z][^.!?\n|`#]{30,200}[.!?]", prose)
    return "sentences of the documentation", [_drawn(sentences, chance) for _ in range(MADE)]


def _drawn(sentences: Sequence[str], chance: random.Random) -> str:
    """Paragraphs of four sentences."""
    text = ""
    while len(text) < LEAST:
        text += " ".join(chance.sample(sentences, 4)) + "\n\n"
    return text
