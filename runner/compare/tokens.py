"""From an answer's bytes to words, the same on every machine and every Python.

What a letter is, and how it composes, changes with the Unicode tables of each Python release; a digest must not. So
normalisation uses the frozen tables of Unicode 3.2 (`unicodedata.ucd_3_2_0`), and words are told apart by the ranges
written here, not by `str.isalnum` or `\\w`. Every pattern is linear in its input, whatever the input is.

The frozen tables alone do not freeze the order of marks: CPython sorts by the combining class that its newest tables
give, also for a character that Unicode 3.2 does not have. Such characters are left where they are, like letters. Nor
are groups possessive here and in what else is derived: Python 3.11.0 to 3.11.4 keep what a failed turn of one has read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import count, groupby
from typing import Literal
from unicodedata import ucd_3_2_0 as frozen_unicode

ANALYSED = 262_144
"""Characters of an answer that are analysed; what comes after is only compared for equality."""

_SPACE = r"\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Thai, Lao, Tibetan, Burmese, Khmer, Kana, Han, Hangul: written without spaces, so each character is a word.
_UNSPACED = (
    r"\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    r"\uff66-\uff9f\U00020000-\U0003ffff"
)
_LETTER = (
    r"A-Za-z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0dff\u10a0-\u167f\u1681-\u177f\u1800-\u1fff"
    r"\u2c00-\u2dff\u3100-\u318f\ua000-\uabff\ufb00-\ufdff\ufe70-\ufefe\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
    r"\U00010000-\U0001efff"
)
WORD = rf"[{_LETTER}]++(?:['’][{_LETTER}]++)*|[0-9]++(?:[.,:/-][0-9]++)*|[{_UNSPACED}]"
"""A run of letters, a number, or a character of a script without spaces."""

_WORDS = re.compile(rf"{WORD}|[^{_SPACE}]")
_TOKENS = re.compile(rf"[{_SPACE}]++|{WORD}|[^{_SPACE}]")
# Canonical ordering is quadratic in a run of combining marks; pieces of 256 characters keep it linear.
_PIECES = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]{1,256}+")
_COMPOSES = re.compile("[\u0300-\u200f\u2028-\u3000\u3003-\u4dff\u9fa6-\U0010ffff]")
"""What NFC may change, and more; but no Western letter, quote, dash or usual Han."""


def prepare(output: bytes, ignore: Iterable[str]) -> str:
    """An answer's text without the literals that the job asks to ignore. Bytes that are no UTF-8 become U+FFFD."""
    text = output.decode("utf-8", "replace")
    for literal in ignore:
        text = text.replace(literal, "")
    return text


def normalize(text: str, form: Literal["NFC", "NFD", "NFKC"]) -> str:
    """The text in a Unicode normalisation form, by the tables of Unicode 3.2."""
    if text.isascii() or (form == "NFC" and not _COMPOSES.search(text)):
        return text
    later = {char for char in set(text) if frozen_unicode.category(char) == "Cn"}

    def normal(piece: str) -> str:
        if not later or later.isdisjoint(piece):
            return frozen_unicode.normalize(form, piece)
        runs = ((kept, "".join(run)) for kept, run in groupby(piece, later.__contains__))
        return "".join(run if kept else frozen_unicode.normalize(form, run) for kept, run in runs)

    return _PIECES.sub(lambda piece: normal(piece[0]), text)


def words(text: str) -> list[str]:
    """Numbers, words and single signs, without the white space between them."""
    return _WORDS.findall(text)


def tokens(text: str) -> list[str]:
    """As `words`, with the white space: joined, they are the text."""
    return _TOKENS.findall(text)


def intern_words(texts: Iterable[Sequence[str]]) -> list[str] | list[list[int]]:
    """Word lists as sequences that compare fast: equal words become the same character.

    Where there are more different words than code points, the sequences hold integers instead."""
    ids = numbers()
    numbered = [list(map(ids.__getitem__, text)) for text in texts]
    if len(ids) > 0x110000:
        return numbered
    return ["".join(map(chr, text)) for text in numbered]


def numbers() -> defaultdict[Hashable, int]:
    """A number for each different value, in the order in which they are asked for."""
    return defaultdict(count().__next__)


def vocabulary(text: str) -> frozenset[str]:
    """The words of a list that is written as one text."""
    return frozenset(text.split())
