"""What one answer shows on its own: its text without volatile values, its bare words, its numbers and negations, its
JSON, and whether it refuses. Each is read when a rule first asks for it, and kept: most pairs need few of them.

Answers are hostile: every pattern here and in `volatile`, `bare`, `refusals` and `leaves` is linear in its input.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property

from runner.compare import lexicon
from runner.compare.bare import INSIDE, Bare, bare, is_number
from runner.compare.leaves import Leaves, leaves
from runner.compare.refusals import fails, refuses
from runner.compare.tokens import ANALYSED, normalize
from runner.compare.volatile import masked

_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f"
    r"\ufeff\U000e0000-\U000e01ef]"
)
_ANSI = re.compile(r"\x1b\[[0-?]{0,32}[ -/]{0,8}[@-~]")
_TYPOGRAPHY = (
    dict.fromkeys("‘’‚‛‹›`", "'")
    | dict.fromkeys("“”„«»「」『』", '"')
    | dict.fromkeys("‐‑‒–—―−", "-")
    | {"…": "...", "。": ". ", "、": ", "}
)
"""Signs that compatibility forms leave alone, or write as here."""
_SPACES, _LINES = re.compile("  ++"), re.compile(r"\n\n\n++")
_HAN_NEUTRAL = re.compile("|".join(sorted(lexicon.HAN_NO_NEGATION, key=lambda word: (-len(word), word))))

_HAN_RUN = re.compile(
    "[\u3007\u96f6\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341\u767e\u5343\u4e07\u842c\u4ebf\u5104\u4e24\u5169]{2,}+"
)
"""Two or more Han numerals on end: a number, whatever stands around it."""


class Signals:
    """One answer, as far as its class against another depends on it, from its first `ANALYSED` characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        """All of it."""

    @cached_property
    def _masked(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        return masked(tidy(self.text[:ANALYSED]))

    @property
    def clean(self) -> str:
        """The text, tidied, without volatile values."""
        return self._masked[0]

    @property
    def volatile(self) -> tuple[tuple[str, str], ...]:
        """The (kind, value) of each volatile value."""
        return self._masked[1]

    @cached_property
    def bare(self) -> Bare:
        return bare(self.clean)

    @cached_property
    def sentences(self) -> list[tuple[str, ...]]:
        """The sentences of bare words, in alphabetical order."""
        return sorted(self.bare.sentences)

    @cached_property
    def numbers(self) -> Counter[str]:
        return Counter(filter(is_number, self.bare.words)) + Counter(_HAN_RUN.findall(self.clean))

    @cached_property
    def negations(self) -> int:
        """How many there are."""
        found = sum(map(lexicon.NEGATIONS.__contains__, self.bare.words))
        if self.clean.isascii():
            return found
        han = _HAN_NEUTRAL.sub("", self.clean)
        return found + sum(map(han.count, lexicon.HAN_NEGATIONS))

    @cached_property
    def names(self) -> frozenset[str]:
        """Words with a capital inside a sentence."""
        words = zip(self.bare.words, self.bare.cases, strict=True)
        return frozenset(word for word, case in words if case == INSIDE and word not in lexicon.COMMON)

    @cached_property
    def refuses(self) -> bool:
        return refuses(self.clean)

    @cached_property
    def fails(self) -> bool:
        """Whether it is an error message."""
        return fails(self.clean)

    @cached_property
    def leaves(self) -> Leaves | None:
        return leaves(self.text[:ANALYSED])


def tidy(text: str) -> str:
    """Compatibility forms, quotes and dashes alike; no invisible characters; white space folded."""
    plain = _typed(text)  # most prose is ASCII now, and so in its compatibility form
    if not plain.isascii():
        plain = _typed(normalize(text, "NFKC"))
    plain = plain.replace("\r\n", "\n").replace("\r", "\n")
    return _spaced(_INVISIBLE.sub("", _ANSI.sub("", plain))).strip()


def _typed(text: str) -> str:
    """With the quotes and dashes of a typewriter. A replacement for each costs less than one pass over all signs."""
    for sign, plain in _TYPOGRAPHY.items():
        text = text.replace(sign, plain)
    return text


def _spaced(text: str) -> str:
    """Runs of spaces as one, none at the ends of lines, one empty line at most in a row."""
    text = _SPACES.sub(" ", text.replace("\t", " "))
    return _LINES.sub("\n\n", text.replace(" \n", "\n").replace("\n ", "\n"))
