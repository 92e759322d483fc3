"""An answer's bare words: what is left of it without markup, case, punctuation and ways of writing.

Where two answers have the same bare words, numbers and signs, what differs is how they are written. Folded alike: marks
on letters, British and American spelling, `don't` and `do not`, `1,000` and `1000`, `twelve` and `12`, `5 km` and
`5 kilometres`. What the words mean is looked up in `lexicon`. Every pattern is linear in its input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from runner.compare import lexicon
from runner.compare.tokens import WORD, normalize

INSIDE, START, SMALL = "I", "S", "s"
"""How a word is written: with a capital inside a sentence, with one at its start, or small."""


class _Rule(NamedTuple):
    """One way of writing instead of another. `sign` is what stands in small letters in every text with the pattern:
    to look for it costs a hundredth of looking for the pattern, and most texts lack most signs. So do patterns that
    begin with a sign, and look back from there."""

    sign: str
    pattern: re.Pattern[str]
    substitute: str | Callable[[re.Match[str]], str]


def _rewritten(text: str, rules: Iterable[_Rule]) -> str:
    """The text by all rules, one after the other."""
    small = text.lower()
    for sign, pattern, substitute in rules:
        if sign in small:
            text, hits = pattern.subn(substitute, text)
            small = text.lower() if hits else small
    return text


def _words_rule(sign: str, pattern: str, substitute: str) -> _Rule:
    """A rule for words in any case; what a letter is, is told in ASCII."""
    return _Rule(sign, re.compile(pattern, re.I | re.A), substitute)


_EMOJI = r"\u2600-\u27bf\u2b50\u2b55\U0001f300-\U0001faff"
_FENCED = r"[A-Za-z0-9_+-]{0,20}[ \t]{0,8}+$"
_MARKUP = (
    _Rule("&nbsp;", re.compile(r"&nbsp;"), " "),
    _Rule("&", re.compile(r"&(?:quot|#34|#x22);"), '"'),
    _Rule("&", re.compile(r"&(?:apos|#39|#x27);"), "'"),
    _Rule("&amp;", re.compile(r"&amp;"), "&"),
    _Rule("&lt;", re.compile(r"&lt;"), "<"),
    _Rule("&gt;", re.compile(r"&gt;"), ">"),
    _Rule("'''", re.compile(rf"^[ \t]{{0,8}}+(?:[>] ?)?'{{3,10}}+{_FENCED}", re.M), ""),
    _Rule("~~~", re.compile(rf"^[ \t]{{0,8}}+(?:[>] ?)?~{{3,10}}+{_FENCED}", re.M), ""),
    _Rule("\\", re.compile(r"\\[()\[\]]"), " "),
    _Rule("$$", re.compile(r"\$\$"), " "),
    _Rule("\\", re.compile(r"\\([!-/:-@\[-`{-~])"), r"\1"),
    _Rule("$", re.compile(r"\$(?<![\w$]\$)(?![0-9 ])([^$\n]{1,200})(?<! )\$(?![\w$])", re.A), r"\1"),
)
_LATER_MARKUP = (
    _Rule("<", re.compile(r"</?[A-Za-z][A-Za-z0-9]{0,10}(?:\s[^<>]{0,200})?/?>"), " "),
    _Rule(">", re.compile(r"^[ \t]{0,40}+>{1,6}(?: |$)", re.M), ""),
    _Rule("", re.compile(rf"^[ \t]{{0,40}}+(?:[{_EMOJI}] ?)+(?=[-*+•#>]|\(?[0-9]{{1,3}}[.)])", re.M), ""),
    _Rule("", re.compile(r"^[ \t]{0,40}+[-*+•‣◦·#>]{1,6}[ \t]", re.M), ""),
    _Rule("](", re.compile(r"\]\([^()\s]*+\)"), "] "),
    _Rule("*", re.compile(r"\*(?<=[A-Za-z]\*)\*?(?=[A-Za-z])"), ""),
    _Rule("", re.compile(r"[-=_*~|:][-=_*~|:]++"), " "),
    _Rule("_", re.compile(r"_(?:(?<![^\W_]_)|(?![^\W_]))", re.A), " "),
)
_NUMBERED = re.compile(r"^[ \t*_]{0,40}+\(?([0-9]{1,3})[.)](?:[ \t]|\n(?=\S))", re.M)
_OPERATOR = re.compile(r"(?<=[\w)\]\"'] )(?:[=!<>]=|&&|\|\||[-+*/<>=])(?= [\w(\[\"'])", re.A)
_BEHIND_IS = "|".join(rf"(?<=\b{word}')" for word in lexicon.HAVE_IS)
_WAYS = (
    _words_rule("cannot", r"\b(can)not\b", r"\1 not"),
    _words_rule("can't", r"\b(can)'t\b", r"\1 not"),
    _words_rule("won't", r"\bwon't\b", "will not"),
    _words_rule("n't", r"(?<=[a-z])n't\b", " not"),
    _words_rule("'re", r"'(?<=[a-z]')re\b", " are"),
    _words_rule("'ll", r"'(?<=[a-z]')ll\b", " will"),
    _words_rule("'ve", r"'(?<=[a-z]')ve\b", " have"),
    _words_rule("i'm", r"\b(i)'m\b", r"\1 am"),
    _words_rule("non-", r"\bnon-(?=[a-z])", "non"),
    _words_rule("'s", rf"'(?:{_BEHIND_IS})s\b", " is"),
    _words_rule("'s", r"'(?<=[a-z]')s\b", ""),
    *(
        _words_rule(short, rf"(?<![\w.]){re.escape(short)}(?!\w)", long)
        for short, long in sorted(lexicon.ABBREVIATED.items(), key=lambda item: len(item[0]), reverse=True)
    ),
    *(
        _Rule(short.lower(), re.compile(rf"{short}(?<=\b{short})\b(?!\$)", re.A), long)
        for short, long in lexicon.CAPITAL_ABBREVIATED.items()
    ),
    _Rule(
        "",
        re.compile(r"[0-9](?<![0-9.,][0-9])[0-9]{0,2}(?: [0-9]{3}){1,6}(?![0-9.,]| ?[0-9])"),
        lambda hit: hit[0].replace(" ", ""),
    ),
    _Rule("-", re.compile(r"-(?<=[A-Za-z]-)(?=[A-Za-z])"), " "),
    _Rule("k", re.compile(r"([0-9](?<![0-9A-Za-z.,][0-9])[0-9]{0,3})[kK](?![0-9A-Za-z])"), r"\g<1>000"),
    _words_rule("percent", r"(?<=[0-9]) {0,3}percent\b", "%"),
    _words_rule("per cent", r"(?<=[0-9]) {0,3}per cent\b", "%"),
    _words_rule("prozent", r"(?<=[0-9]) {0,3}Prozent\b", "%"),
)
_SIGNS = frozenset("%$€£°+=<>")
_ENDS = frozenset(".!?:;。！？\"'\n")
_END = "\n"
_HASH = r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})(?![0-9A-Za-z])"
_BARE = re.compile(rf"{WORD}|[%$€£°+=<>.!?:;。！？\"'\n{_EMOJI}]|-(?<![0-9A-Za-z)\]%.,-]-)(?=[0-9])|{_HASH}", re.ASCII)
_SPELLING = (
    _Rule("our", re.compile(r"^(.{3,})our(s|ed|ing|ite|ites|able|ful|er|ers|al|ally|less)?$"), r"\1or\2"),
    _Rule("is", re.compile(r"^(.{3,})is(e|es|ed|ing|er|ers|ation|ations)$"), r"\1iz\2"),
    _Rule("ys", re.compile(r"^(.{2,})ys(e|es|ed|ing)$"), r"\1yz\2"),
    _Rule("re", re.compile(r"^(cent|theat|met|lit|fib|calib|meag|somb|spect|lust)re(s)?$"), r"\1er\2"),
    _Rule("ence", re.compile(r"^(def|off|lic|pret)ence(s)?$"), r"\1ense\2"),
    _Rule("ll", re.compile(r"^(trave|cance|labe|mode|fue|signa|leve|jewe|counse)ll(ed|ing|er|ers|ery)$"), r"\1l\2"),
    _Rule("l", re.compile(r"^(fulfi|skillfu|wi|enro|insta)l(s|ment)?$"), r"\1ll\2"),
    _Rule("ogue", re.compile(r"^(catal|dial|anal)ogue(s)?$"), r"\1og\2"),
    _Rule("programme", re.compile(r"^programme(s)?$"), r"program\1"),
    _Rule("grey", re.compile(r"^grey"), "gray"),
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
    clean = _rewritten(clean, _MARKUP)
    operators = tuple(_OPERATOR.findall(clean))
    clean = _unnumbered(_rewritten(clean, _LATER_MARKUP))
    return _collected(_rewritten(clean, _WAYS), operators)


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
    pieces = _BARE.findall(text)
    for piece, (word, unit, case) in zip(pieces, map(_canonical, pieces), strict=True):
        if word == _END:
            start = True
            if starts[-1] != len(words):
                starts.append(len(words))
            continue
        if word == "-":
            minus = True
            continue
        if unit and words and _counts(words[-1]):
            word = unit
        if minus:
            word, minus = f"-{word}", False
        if words and (word == "hundred" or words[-1] in _ROUND) and _merged(words, word):
            continue
        words.append(word)
        cases.append(START if start else case)
        if start:
            start = piece in _SIGNS
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
def _canonical(piece: str) -> tuple[str, str, str]:
    """One writing of a word: folded, a number plain, `_END` for a sentence's end; how it is written as a unit, if it
    is one; and whether it is `SMALL` or `INSIDE`."""
    if piece in _ENDS:
        return _END, "", SMALL
    case = SMALL if piece[0] == piece[0].casefold() else INSIDE
    if piece[0] in _DIGITS:
        return _number(piece), "", case
    folded = fold(piece)
    if folded in lexicon.NUMBER_WORDS:
        return lexicon.NUMBER_WORDS[folded], "", case
    if folded in lexicon.TENS:
        return str(lexicon.TENS[folded]), "", case
    return folded, lexicon.UNITS.get(folded, ""), case


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
        for sign, pattern, substitute in _SPELLING:
            if sign in folded:
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
