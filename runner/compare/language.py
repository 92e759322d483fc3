"""The language of a text, measured: by its writing system, and where several languages share one, by their small words.

A rule and not a library, because `diff.json` is derived again byte for byte: `docs/decisions/0020-language-by-rule.md`.
How often it is right: `docs/statistics.md`. Code, lists of names and short texts are `unknown`, and so is what is
written in a language that is not known here. Everything is counted, in integers, over the first `READ` characters.
"""

from __future__ import annotations

import re
from collections import Counter

from runner.compare.function_words import ARABIC, CYRILLIC, DEVANAGARI, LATIN, NAMES, of_letters, of_words

UNKNOWN = "unknown"
READ = 4_000
"""Characters that are read, without blocks of code."""

_WORD, _LETTER = 2, 1
"""Points of a small word and of a letter, for every language that has it."""
_LEAST = 4
"""Points below which nothing is told. Of a long text, a sixth of its number of words."""
_LEAD = 2
"""Points by which a language must lead the next one; of many points, a twentieth."""
_FEW = 12
"""Letters below which a text in a writing system of its own is short."""

_ALONE = {
    "el": r"\u0370-\u03ff\u1f00-\u1fff",
    "he": r"\u0590-\u05ff",
    "hy": r"\u0530-\u058f",
    "ka": r"\u10a0-\u10ff\u1c90-\u1cbf",
    "am": r"\u1200-\u137f",
    "bn": r"\u0980-\u09ff",
    "pa": r"\u0a00-\u0a7f",
    "gu": r"\u0a80-\u0aff",
    "or": r"\u0b00-\u0b7f",
    "ta": r"\u0b80-\u0bff",
    "te": r"\u0c00-\u0c7f",
    "kn": r"\u0c80-\u0cff",
    "ml": r"\u0d00-\u0d7f",
    "si": r"\u0d80-\u0dff",
    "th": r"\u0e00-\u0e7f",
    "lo": r"\u0e80-\u0eff",
    "my": r"\u1000-\u109f",
    "km": r"\u1780-\u17ff",
    "ko": r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
}
"""Writing systems that stand, in answers of models, for one language."""
_SHARED = {
    "latin": (r"a-z\u00c0-\u024f\u1e00-\u1eff", LATIN),
    "cyrillic": (r"\u0400-\u04ff", CYRILLIC),
    "arabic": (r"\u0600-\u06ff", ARABIC),
    "devanagari": (r"\u0900-\u097f", DEVANAGARI),
}
_HAN, _KANA = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff", r"\u3040-\u30ff\u31f0-\u31ff"
_DENSE = 3
"""Letters of an alphabet that a character of Han, Kana or Hangul stands for, about."""

_SCRIPTS = {name: re.compile(f"[{chars}]") for name, chars in _ALONE.items()}
_SCRIPTS |= {name: re.compile(f"[{chars}]") for name, (chars, _) in _SHARED.items()}
_SCRIPTS |= {"han": re.compile(f"[{_HAN}]"), "kana": re.compile(f"[{_KANA}]")}
_FENCES = ("```", "~~~", "'''")
"""What begins and ends a block of code; `signals.tidy` makes quotes of backticks."""

_ASCII = re.compile(r"[\x00-\x7f]++")
_PLAIN = re.compile("[a-z]++")
_WORDS = {name: re.compile(f"[{chars}]++(?:'[{chars}]++)*") for name, (chars, _) in _SHARED.items()}
_KNOWN = {name: (of_words(languages), of_letters(languages)) for name, (_, languages) in _SHARED.items()}


def language(text: str) -> str:
    """The code of a text's language, a key of `NAMES`, or `unknown`. The text is in NFC or NFKC, its quotes are plain,
    as `signals.tidy` makes it."""
    prose = _prose(text[: 2 * READ])[:READ].lower()
    found = _scripts(prose)
    if not found:
        return UNKNOWN
    script, share = found.most_common(1)[0]
    if 2 * share <= found.total():
        return UNKNOWN
    if script in _KNOWN:
        return _by_words(prose, script)
    return script if share >= _FEW else UNKNOWN


def named(code: str) -> str:
    """What a language is called in English."""
    return NAMES.get(code, "an unknown language")


def _prose(text: str) -> str:
    """The lines outside fenced blocks of code."""
    kept, inside = [], False
    for line in text.split("\n"):
        if line.lstrip().startswith(_FENCES):
            inside = not inside
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def _scripts(text: str) -> Counter[str]:
    """How many letters of each writing system a text has; Han with some Kana is Japanese, without it Chinese."""
    found = Counter({"latin": sum(map(len, _PLAIN.findall(text)))})
    if not text.isascii():
        others = Counter(_ASCII.sub("", text))
        each = "".join(others)
        found.update({name: sum(others[one] for one in pattern.findall(each)) for name, pattern in _SCRIPTS.items()})
    han, kana = found.pop("han", 0), found.pop("kana", 0)
    found["ja" if 8 * kana > han else "zh"] += _DENSE * (han + kana)
    found["ko"] *= _DENSE
    return +found


def _by_words(text: str, script: str) -> str:
    """The language of one script that has most of the text's small words and letters, if it leads clearly."""
    words, (known, letters) = _WORDS[script].findall(text), _KNOWN[script]
    points: Counter[str] = Counter()
    for word, times in Counter(words).items():
        for code in known.get(word) or ("'" in word and known.get(word.partition("'")[0])) or ():
            points[code] += times * _WORD
    for letter, times in Counter(_ASCII.sub("", text)).items():
        for code in letters.get(letter, ()):
            points[code] += times * _LETTER
    (first, most), (_, next_most) = (*points.most_common(2), ("", 0), ("", 0))[:2]
    if most < max(_LEAST, len(words) // 6) or most - next_most < max(_LEAD, most // 20):
        return UNKNOWN
    return first
