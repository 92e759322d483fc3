"""Controlled edits of answers, and what a reader would call them: see README.md, whose table is read here.

Written without knowledge of the rules in `runner/compare`: nothing of the product is imported.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.edits import clocks, facts, looks, wholes, wording  # noqa: F401 (they name their kinds)
from tests.edits.owned import CHOICES, REFUSALS, owned
from tests.edits.sources import MAKERS, Answer, Pair, Source, answers, choices, real_refusals

TABLE = re.compile(r"^\| ([a-z0-9-]+) \| ([a-z ]+?) \| ([a-z! ]*?) ?\| (.+) \|$", re.MULTILINE)
LEVELS = frozenset({"identical", "noise", "minor", "major"})


class Expected(NamedTuple):
    """What a reader finds right: one of the levels, one of the kinds (where any are named), none of the others."""

    levels: frozenset[str]
    kinds: frozenset[str]
    without: frozenset[str]

    def level_right(self, level: str) -> bool:
        return level in self.levels

    def right(self, level: str, kinds: frozenset[str]) -> bool:
        return self.level_right(level) and (not self.kinds or bool(self.kinds & kinds)) and not self.without & kinds


class Edit(NamedTuple):
    """An answer before and after one edit."""

    kind: str
    lang: str
    before: str
    after: str


def expected() -> dict[str, Expected]:
    """The table of README.md, by kind, in its order."""
    found = {}
    for name, levels, kinds, _what in TABLE.findall((Path(__file__).parent / "README.md").read_text(encoding="utf-8")):
        if name == "kind":
            continue
        wanted = frozenset(word for word in kinds.split() if not word.startswith("!"))
        found[name] = Expected(
            frozenset(levels.split()), wanted, frozenset(w[1:] for w in kinds.split() if w.startswith("!"))
        )
        assert found[name].levels <= LEVELS, name
    return found


class Texts(NamedTuple):
    """What is edited: answers, and refusals and surveys to draw from."""

    answers: tuple[Answer, ...]
    refusals: tuple[str, ...]
    choices: tuple[Pair, ...]


OWNED = Texts(owned(), REFUSALS, CHOICES)
"""What this repository has, without any data."""


def edits(folder: Path, name: str, most: int, draw: str = "") -> Iterator[Edit]:
    """Up to `most` edits of a kind of the answers in a folder: see `edits_of`."""
    return edits_of(Texts(answers(folder), real_refusals(folder), choices(folder)), name, most, draw)


def edits_of(texts: Texts, name: str, most: int, draw: str = "") -> Iterator[Edit]:
    """Up to `most` edits of a kind, the same for the same `draw`: half English, the rest German and Chinese."""
    rounds = {"en": (most + 1) // 2, "de": most // 4, "zh": most // 4}
    for lang, wanted in rounds.items():
        chance = random.Random(f"{name} {lang}{draw}")
        order = [answer for answer in texts.answers if answer.lang == lang]
        chance.shuffle(order)
        seen = set()
        for answer in order:
            if len(seen) == wanted:
                break
            made = MAKERS[name](chance, Source(answer, *texts))
            if made is not None and made not in seen:
                seen.add(made)
                yield Edit(name, lang, *made)
