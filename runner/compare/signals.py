"""What one answer shows on its own, gathered once: its text without volatile values, its bare words, its numbers and
negations, its JSON, and whether it refuses.

Answers are hostile: every pattern here and in `volatile`, `bare`, `refusals` and `leaves` is linear in its input.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

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
_TYPOGRAPHY = str.maketrans(
    dict.fromkeys("‘’‚‛‹›`´", "'")
    | dict.fromkeys("“”„«»「」『』", '"')
    | dict.fromkeys("‐‑‒–—―−", "-")
    | {"…": "...", "。": ". ", "、": ", "}
)
_BLANKS = (
    (re.compile(r"[ \t]{2,}+|\t"), " "),
    (re.compile(r" ?\n ?"), "\n"),
    (re.compile(r"\n{2,}"), "\n\n"),
)
_HAN_NEUTRAL = re.compile("|".join(sorted(lexicon.HAN_NO_NEGATION, key=lambda word: (-len(word), word))))

_HAN_RUN = re.compile(
    "[\u3007\u96f6\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341\u767e\u5343\u4e07\u842c\u4ebf\u5104\u4e24\u5169]{2,}+"
)
"""Two or more Han numerals on end: a number, whatever stands around it."""


class Signals(NamedTuple):
    """One answer, as far as its class against another depends on it."""

    text: str
    clean: str
    volatile: tuple[tuple[str, str], ...]
    bare: Bare
    numbers: Counter[str]
    negations: int
    names: frozenset[str]
    refuses: bool
    fails: bool
    leaves: Leaves | None


def read(text: str) -> Signals:
    """The signals of an answer, from its first `ANALYSED` characters."""
    head = text[:ANALYSED]
    clean, volatile = masked(tidy(head))
    found = bare(clean)
    han = _HAN_NEUTRAL.sub("", clean)
    return Signals(
        text=text,
        clean=clean,
        volatile=volatile,
        bare=found,
        numbers=Counter(filter(is_number, found.words)) + Counter(_HAN_RUN.findall(clean)),
        negations=sum(word in lexicon.NEGATIONS for word in found.words)
        + sum(han.count(char) for char in lexicon.HAN_NEGATIONS),
        names=frozenset(
            word
            for word, case in zip(found.words, found.cases, strict=True)
            if case == INSIDE and word not in lexicon.COMMON
        ),
        refuses=refuses(clean),
        fails=fails(clean),
        leaves=leaves(head),
    )


def tidy(text: str) -> str:
    """Compatibility forms, quotes and dashes alike; no invisible characters; white space folded."""
    text = normalize(text, "NFKC").translate(_TYPOGRAPHY).replace("\r\n", "\n").replace("\r", "\n")
    text = _INVISIBLE.sub("", _ANSI.sub("", text))
    for pattern, substitute in _BLANKS:
        text = pattern.sub(substitute, text)
    return text.strip()
