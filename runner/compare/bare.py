"""An answer's bare words: what is left of it without markup, case, punctuation and ways of writing.

Where two answers have the same bare words, numbers and signs, what differs is how they are written. Folded alike: marks
on letters, British and American spelling, `don't` and `do not`, `1,000` and `1000`, `twelve` and `12`, `5 km` and
`5 kilometres`. What the words mean is looked up in `lexicon`. Every pattern is linear in its input.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from runner.compare import lexicon
from runner.compare.tokens import WORD, normalize

INSIDE, START, SMALL = "I", "S", "s"
"""How a word is written: with a capital inside a sentence, with one at its start, or small."""

_EMOJI = r"\u2600-\u27bf\u2b50\u2b55\U0001f300-\U0001faff"
_FENCE = re.compile(r"^[ \t]{0,8}+(?:[>] ?)?(?:[`']{3,10}+|~{3,10}+)[A-Za-z0-9_+-]{0,20}[ \t]{0,8}+$", re.M)
_MARKUP = (
    (re.compile(r"&nbsp;"), " "),
    (re.compile(r"&(?:quot|#34|#x22);"), '"'),
    (re.compile(r"&(?:apos|#39|#x27);"), "'"),
    (re.compile(r"&amp;"), "&"),
    (re.compile(r"&lt;"), "<"),
    (re.compile(r"&gt;"), ">"),
    (_FENCE, ""),
    (re.compile(r"\\[()\[\]]|\$\$"), " "),
    (re.compile(r"\\([!-/:-@\[-`{-~])"), r"\1"),
    (re.compile(r"(?<![\w$])\$(?![0-9 ])([^$\n]{1,200})(?<! )\$(?![\w$])", re.A), r"\1"),
)
_LATER_MARKUP = (
    (re.compile(r"</?[A-Za-z][A-Za-z0-9]{0,10}(?:\s[^<>]{0,200})?/?>"), " "),
    (re.compile(r"^[ \t]{0,40}+>{1,6}(?: |$)", re.M), ""),
    (re.compile(rf"^[ \t]{{0,40}}+(?:[{_EMOJI}] ?)+(?=[-*+•#>]|\(?[0-9]{{1,3}}[.)])", re.M), ""),
    (re.compile(r"^[ \t]{0,40}+[-*+•‣◦·#>]{1,6}[ \t]", re.M), ""),
    (re.compile(r"\]\([^()\s]*+\)"), "] "),
    (re.compile(r"(?<=[A-Za-z])\*{1,2}(?=[A-Za-z])"), ""),
    (re.compile(r"[-=_*~|:]{2,}+|(?<![^\W_])_|_(?![^\W_])", re.A), " "),
)
_NUMBERED = re.compile(r"^[ \t*_]{0,40}+\(?([0-9]{1,3})[.)](?:[ \t]|\n(?=\S))", re.M)
_OPERATOR = re.compile(r"(?<=[\w)\]\"'] )(?:[=!<>]=|&&|\|\||[-+*/<>=])(?= [\w(\[\"'])", re.A)
_CONTRACTED = (
    (re.compile(r"\b(can)(?:no|')t\b", re.I | re.A), r"\1 not"),
    (re.compile(r"\bwon't\b", re.I | re.A), "will not"),
    (re.compile(r"(?<=[a-z])n't\b", re.I | re.A), " not"),
    (re.compile(r"(?<=[a-z])'re\b", re.I | re.A), " are"),
    (re.compile(r"(?<=[a-z])'ll\b", re.I | re.A), " will"),
    (re.compile(r"(?<=[a-z])'ve\b", re.I | re.A), " have"),
    (re.compile(r"\b(i)'m\b", re.I | re.A), r"\1 am"),
    (re.compile(r"\bnon-(?=[a-z])", re.I | re.A), "non"),
    (re.compile(r"\b(it|that|what|there|here|he|she|who)'s\b", re.I | re.A), r"\1 is"),
    (re.compile(r"(?<=[a-z])'s\b", re.I | re.A), ""),
)
_ABBREVIATED = re.compile(
    r"(?<![\w.])(?:"
    + "|".join(re.escape(word) for word in sorted(lexicon.ABBREVIATED, key=len, reverse=True))
    + r")(?!\w)",
    re.I | re.A,
)
_CAPITALS = re.compile(r"\b(?:US|UK)\b(?!\$)", re.A)
_GROUPED = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?: [0-9]{3}){1,6}(?![0-9.,]| ?[0-9])")
_KILO = re.compile(r"(?<![0-9A-Za-z.,])([0-9]{1,4})[kK](?![0-9A-Za-z])")
_PERCENT = re.compile(r"(?<=[0-9]) {0,3}(?:percent|per cent|Prozent)\b", re.I | re.A)
_HYPHEN = re.compile(r"(?<=[A-Za-z])-(?=[A-Za-z])")
_SIGNS = frozenset("%$€£°+=<>")
_ENDS = frozenset(".!?:;。！？\"'\n")
_HASH = r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})(?![0-9A-Za-z])"
_BARE = re.compile(rf"(?<![0-9A-Za-z)\]%.,-])-(?=[0-9])|{_HASH}|{WORD}|[%$€£°+=<>.!?:;。！？\"'\n{_EMOJI}]", re.ASCII)
_SPELLING = (
    (re.compile(r"^(.{3,})our(s|ed|ing|ite|ites|able|ful|er|ers|al|ally|less)?$"), r"\1or\2"),
    (re.compile(r"^(.{3,})is(e|es|ed|ing|er|ers|ation|ations)$"), r"\1iz\2"),
    (re.compile(r"^(.{2,})ys(e|es|ed|ing)$"), r"\1yz\2"),
    (re.compile(r"^(cent|theat|met|lit|fib|calib|meag|somb|spect|lust)re(s)?$"), r"\1er\2"),
    (re.compile(r"^(def|off|lic|pret)ence(s)?$"), r"\1ense\2"),
    (re.compile(r"^(trave|cance|labe|mode|fue|signa|leve|jewe|counse)ll(ed|ing|er|ers|ery)$"), r"\1l\2"),
    (re.compile(r"^(fulfi|skillfu|wi|enro|insta)l(s|ment)?$"), r"\1ll\2"),
    (re.compile(r"^(catal|dial|anal)ogue(s)?$"), r"\1og\2"),
    (re.compile(r"^programme(s)?$"), r"program\1"),
    (re.compile(r"^grey"), "gray"),
)
_UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "ı": "i", "đ": "d"}
)
_DIGITS = tuple("0123456789")
_LONGEST = 64
"""Characters of a word that is folded beyond its case: what is longer is no word, and costs."""
_MARKS = re.compile("[\u0300-\u036f]+")


class Bare(NamedTuple):
    """The words of an answer, how each is written, and where its sentences begin."""

    words: tuple[str, ...]
    cases: str
    """A letter for each word: `INSIDE`, `START` or `SMALL`."""
    starts: tuple[int, ...]
    """Places where sentences begin; the first is 0, and the last is the number of words."""
    operators: tuple[str, ...]

    @property
    def sentences(self) -> list[tuple[str, ...]]:
        """The words, sentence by sentence."""
        return [self.words[a:b] for a, b in zip(self.starts, self.starts[1:], strict=False)]


def bare(clean: str) -> Bare:
    """The bare words of a text that has been tidied."""
    for pattern, substitute in _MARKUP:
        clean = pattern.sub(substitute, clean)
    operators = tuple(_OPERATOR.findall(clean))
    for pattern, substitute in _LATER_MARKUP:
        clean = pattern.sub(substitute, clean)
    clean = _unnumbered(clean)
    for pattern, substitute in _CONTRACTED:
        clean = pattern.sub(substitute, clean)
    clean = _ABBREVIATED.sub(lambda hit: lexicon.ABBREVIATED[hit[0].lower()], clean)
    clean = _CAPITALS.sub(lambda hit: lexicon.CAPITAL_ABBREVIATED[hit[0]], clean)
    clean = _GROUPED.sub(lambda hit: hit[0].replace(" ", ""), clean)
    clean = _PERCENT.sub("%", _KILO.sub(r"\g<1>000", _HYPHEN.sub(" ", clean)))
    return _collected(clean, operators)


def _unnumbered(text: str) -> str:
    """Without the numbers of lists: those that count on from 1. Another number at a line's start is a number."""
    last = 0

    def drop(match: re.Match[str]) -> str:
        nonlocal last
        number = int(match[1])
        if number not in (1, last, last + 1):
            return match[0]
        last = number
        return "\n"

    return _NUMBERED.sub(drop, text)


def _collected(text: str, operators: tuple[str, ...]) -> Bare:
    words: list[str] = []
    cases: list[str] = []
    starts = [0]
    start, minus = True, False
    for piece in _BARE.findall(text):
        if piece in _ENDS:
            start = True
            if starts[-1] != len(words):
                starts.append(len(words))
            continue
        if piece == "-":
            minus = True
            continue
        word, unit, small = _canonical(piece)
        if unit and words and _counts(words[-1]):
            word = unit
        if minus:
            word, minus = f"-{word}", False
        if words and (word == "hundred" or words[-1] in _ROUND) and _merged(words, word):
            continue
        words.append(word)
        cases.append(START if start else SMALL if small else INSIDE)
        start = start and piece in _SIGNS
    if starts[-1] != len(words):
        starts.append(len(words))
    return Bare(tuple(words), "".join(cases), tuple(starts), operators)


def _merged(words: list[str], word: str) -> bool:
    """Whether a word goes into the number before it: "one hundred" becomes 100 and "twenty" "five" 25."""
    last = words[-1]
    if word == "hundred" and (last in ("one", "a") or (last in _UP_TO_99)):
        words[-1] = f"{1 if last in ('one', 'a') else int(last)}00"
        return True
    if last in _ROUND and len(word) == 1 and word in "123456789":
        words[-1] = last[0] + word
        return True
    return False


_ROUND = frozenset(str(value) for value in range(20, 100, 10))
_UP_TO_99 = frozenset(map(str, range(2, 100)))


@lru_cache(maxsize=65_536)
def _canonical(piece: str) -> tuple[str, str, bool]:
    """One writing of a word: folded, a number plain; how it is written as a unit, if it is one; and if it is small."""
    small = piece[0] == piece[0].casefold()
    if piece[0] in _DIGITS:
        return _number(piece), "", small
    folded = fold(piece)
    if folded in lexicon.NUMBER_WORDS:
        return lexicon.NUMBER_WORDS[folded], "", small
    if folded in lexicon.TENS:
        return str(lexicon.TENS[folded]), "", small
    return folded, lexicon.UNITS.get(folded, ""), small


def _counts(word: str) -> bool:
    return is_number(word) or word in lexicon.SCALES or word in ("°", "degrees")


def _number(token: str) -> str:
    plain = token.replace(",", "") if re.fullmatch(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", token) else token
    if plain.count(".") == 1 and not set(plain) - set("0123456789."):
        plain = plain.rstrip("0").rstrip(".")
    return plain


def fold(word: str) -> str:
    """A word without case, marks on letters and British spelling."""
    folded = fold_marks(word.casefold())
    if 5 < len(folded) <= _LONGEST and folded.isascii() and folded.isalpha():
        for pattern, substitute in _SPELLING:
            folded, hits = pattern.subn(substitute, folded)
            if hits:
                break
    return folded


def fold_marks(word: str) -> str:
    """A word without marks on its letters, umlauts written out; as it is where it is too long for a word."""
    if word.isascii() or len(word) > _LONGEST:
        return word
    return _MARKS.sub("", normalize(word.translate(_UMLAUTS), "NFD"))


def is_number(word: str) -> bool:
    """Whether a bare word is a number, or a colour in hexadecimal."""
    return word.lstrip("-")[:1] in _DIGITS or word[:1] == "#"
