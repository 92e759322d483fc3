"""What one answer shows on its own, gathered once: its text without volatile values, its bare words, its numbers,
negations and names, its JSON, and whether it refuses.

Answers are hostile: every pattern here is linear in its input (bounded or possessive repeats, no repeat inside a
repeat), numbers are never converted, and JSON is read only to a fixed depth.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from runner.compare.tokens import ANALYSED, WORD, normalize, vocabulary

DEPTH = 64
"""JSON nested deeper than this is compared as text."""

_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe0f\ufeff]")
_ANSI = re.compile(r"\x1b\[[0-?]{0,32}[ -/]{0,8}[@-~]")
_TYPOGRAPHY = str.maketrans(
    dict.fromkeys("‘’‚‛`´", "'") | dict.fromkeys("“”„«»", '"') | dict.fromkeys("‐‑‒–—―−", "-") | {"…": "..."}
)
_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
_VOLATILE = re.compile(
    "|".join(
        rf"(?P<{kind}>\b(?:{'|'.join(patterns)}))"
        for kind, patterns in {
            "uuid": (r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b",),
            "time": (
                rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(?: ?(?:Z|UTC|GMT|[+-][0-9]{{2}}:?[0-9]{{2}}))?",
                rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [0-9]{{1,2}} [A-Z][a-z]{{2}} [0-9]{{4}} {_CLOCK}(?: GMT| UTC)?",
                r"1[5-9][0-9]{8}(?:[0-9]{3}){0,3}\b",
            ),
            "id": (
                r"(?:req|request|run|trace|span|session|msg|resp|chatcmpl|cmpl|call|task|job)[-_:][A-Za-z0-9_-]{8,}+",
                r"(?:Qm[1-9A-HJ-NP-Za-km-z]{44}|baf[a-z2-7]{50,80}|[0-7][0-9A-HJKMNP-TV-Z]{25})\b",
            ),
            "hex": (r"(?:0x|(?=[0-9]{0,64}[a-fA-F]))[0-9a-fA-F]{16,}+\b",),
            "duration": (
                r"(?i:in|took|elapsed|latency|duration|time)[:= ]{1,3}[0-9]{1,9}(?:\.[0-9]{1,9})? ?"
                r"(?:[mnu]?s|secs?|seconds?)\b",
            ),
            "address": (r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?::[0-9]{2,5})?\b",),
        }.items()
    ),
    re.ASCII,
)
_BLANKS = (
    (re.compile(r"[ \t]{2,}+|\t"), " "),
    (re.compile(r" ?\n ?"), "\n"),
    (re.compile(r"\n{2,}"), "\n\n"),
)
_MARKUP = (
    (re.compile(r"^[ \t]{0,40}+(?:[-*+•‣◦·#>]{1,6}|\(?[0-9]{1,3}[.)])[ \t]", re.M), ""),
    (re.compile(r"\]\([^()\s]*+\)"), "] "),
    (re.compile(r"</?[A-Za-z][A-Za-z0-9]{0,10}(?:\s[^<>]{0,200})?/?>"), " "),
    (re.compile(r"[-=_*~|:]{2,}+"), " "),
    (re.compile(r"&(?:nbsp|quot|apos|#39);"), " "),
    (re.compile(r"&amp;"), "&"),
    (re.compile(r"&lt;"), "<"),
    (re.compile(r"&gt;"), ">"),
)
_SIGNS = frozenset("%$€£°+=<>")
_ENDS = frozenset(".!?:;。！？\"'\n")
_BARE = re.compile(rf"{WORD}|[%$€£°+=<>.!?:;。！？\"'\n]")
_NUMBER = re.compile(r"(?<![0-9A-Za-z.,])-?[0-9](?:[0-9]|,(?=[0-9]{3}))*+(?:\.[0-9]++)?+%?", re.ASCII)
# Without "one", which is more often a pronoun.
_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        ("zero", "", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
}
_NEGATIONS = vocabulary(
    "not no never none nor neither without cannot unable false can't won't don't doesn't isn't aren't wasn't weren't "
    "didn't couldn't shouldn't wouldn't 不 没 沒 無 无 未 非"
)
_COMMON = vocabulary("i i'm i'll i've i'd a the ok yes no in it this that you we they and or but for to of")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.S)
_BRACKET = re.compile(r"[\[\]{}]")

_REFUSAL = re.compile(
    r"\b(?:i'm|i am|we're|we are) (?:really |very |so |truly )?(?:sorry|afraid|unable"
    r"|not (?:able|comfortable|programmed|allowed|permitted|capable))\b"
    r"|\bi apologi[sz]e\b|\bmy apologies\b"
    r"|\bi (?:can't|cannot|can not|won't|will not|must (?:respectfully )?decline|have to decline|decline to"
    r"|do not feel comfortable|don't feel comfortable|refuse)\b"
    r"|\b(?:cannot|can't|unable to|not able to) (?:fulfil|assist|help|provide|comply|create|generate|write|discuss"
    r"|answer|engage|support|satisfy|share|complete|continue)"
    r"|\bas an? (?:ai|artificial intelligence|responsible|ethical)\b[^.]{0,160}?\b(?:cannot|can't|not|unable|don't)\b"
    r"|\bagainst (?:my|our|the) (?:programming|guidelines|policy|policies|principles)\b"
    r"|\b(?:beyond|outside) (?:my|the) (?:current )?scope\b|\bi (?:don't|do not) (?:engage|support|condone|provide)\b"
    r"|抱歉|对不起|對不起|很遗憾|很遺憾|不好意思|我不能|我无法|我無法"
    r"|无法(?:提供|回答|协助|满足|完成|讨论|生成|撰写)|不能(?:提供|协助|撰写|讨论|支持|参与)|不便(?:回答|讨论)"
    r"|作为(?:一个|一名)?(?:人工智能|ai|语言模型)|超出(?:了)?我(?:目前|当前)?的(?:能力|范围|知识)|换个话题"
    r"|不(?:适合|合适|恰当)(?:讨论|回答)",
    re.ASCII,
)

Leaves = Mapping[tuple[str, ...], str]
"""A JSON document as path to leaf, each leaf as its JSON text, strings without quotes behind a `"`."""


class Signals(NamedTuple):
    """One answer, as far as its class against another depends on it."""

    text: str
    clean: str
    volatile: tuple[tuple[str, str], ...]
    bare: tuple[str, ...]
    numbers: Counter[str]
    negations: int
    names: frozenset[str]
    refuses: bool
    leaves: Leaves | None


def read(text: str) -> Signals:
    """The signals of an answer, from its first `ANALYSED` characters."""
    head = text[:ANALYSED]
    clean, volatile = _masked(_tidy(head))
    unmarked = clean
    for pattern, substitute in _MARKUP:
        unmarked = pattern.sub(substitute, unmarked)
    bare, names = _bare_words(unmarked)
    return Signals(
        text=text,
        clean=clean,
        volatile=volatile,
        bare=bare,
        numbers=Counter(n.replace(",", "") for n in _NUMBER.findall(unmarked))
        + Counter(_NUMBER_WORDS[word] for word in bare if word in _NUMBER_WORDS),
        negations=sum(word in _NEGATIONS for word in bare),
        names=names,
        refuses=_refuses(clean),
        leaves=_leaves(head),
    )


def _tidy(text: str) -> str:
    """Compatibility forms, quotes and dashes alike; no invisible characters; white space folded."""
    text = normalize(text, "NFKC").translate(_TYPOGRAPHY).replace("\r\n", "\n").replace("\r", "\n")
    text = _INVISIBLE.sub("", _ANSI.sub("", text))
    for pattern, substitute in _BLANKS:
        text = pattern.sub(substitute, text)
    return text.strip()


def _masked(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The text with each volatile value replaced by its kind, and the values."""
    found: list[tuple[str, str]] = []

    def mask(match: re.Match[str]) -> str:
        kind = match.lastgroup or ""
        found.append((kind, match[0]))
        return f" {kind} "

    return _VOLATILE.sub(mask, text), tuple(found)


def _bare_words(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Words without case and punctuation, and those that stand capitalised inside a sentence."""
    bare, names, start = [], set(), True
    for word in _BARE.findall(text):
        if word in _ENDS:
            start = True
            continue
        folded = word.casefold().replace(",", "")  # a comma stands in numbers only, between thousands
        if folded[0] != word[0] and not start and folded not in _COMMON:
            names.add(folded)
        bare.append(folded)
        start = start and word in _SIGNS
    return tuple(bare), frozenset(names)


def _refuses(clean: str) -> bool:
    """Whether the answer opens with a refusal: found early, in a short answer, or more than once.

    A few rules for English and Chinese; refusals in other words or tongues show as differing words only."""
    lowered = clean[:1200].casefold()
    hits = [match.start() for match in _REFUSAL.finditer(lowered)]
    if not hits or hits[0] > 400:
        return False
    points = 45 + (25 if hits[0] < 60 else 10 if hits[0] < 160 else 0) + (10 if len(hits) > 1 else 0)
    size = len(clean)
    return points + (30 if size < 350 else 20 if size < 700 else 8 if size < 1200 else -12) >= 50


def _leaves(text: str) -> Leaves | None:
    """The leaves of a JSON object or array; None where the text is none, or too deep."""
    if text.lstrip()[:1] not in ("{", "[") or _depth(text) > DEPTH:
        return None
    try:
        data = json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except ValueError:
        return None
    leaves: dict[tuple[str, ...], str] = {}
    _flatten(data, (), leaves)
    return leaves


class _Number(str):
    """A JSON number as its text: floats differ between machines, and long integers cost."""

    __slots__ = ()


def _depth(text: str) -> int:
    """How deep brackets nest outside strings: `json` would recurse as deep, to a limit that differs between Pythons."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _flatten(data: Any, path: tuple[str, ...], leaves: dict[tuple[str, ...], str]) -> None:
    if isinstance(data, dict) and data:
        for key in sorted(data):
            _flatten(data[key], (*path, key), leaves)
    elif isinstance(data, list) and data:
        for index, item in enumerate(data):
            _flatten(item, (*path, str(index)), leaves)
    elif isinstance(data, _Number):
        leaves[path] = str(data)
    else:
        leaves[path] = f'"{data}' if isinstance(data, str) else json.dumps(data)
