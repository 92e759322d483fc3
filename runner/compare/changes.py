"""Which words stand in the place of which: two answers' bare words, aligned in bounded time and memory.

Sentences that both have anchor the alignment, as in `worddiff`; a stretch too long to align word by word is one change.
`meaning` then says what a change means by the lists of `lexicon`: another number, unit, name or its opposite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rapidfuzz.distance import Indel

from runner.compare import lexicon, names
from runner.compare.bare import INSIDE, SMALL, START, Bare, is_number
from runner.compare.tokens import intern_words
from runner.compare.worddiff import CELLS, anchors, common_ends
from runner.model.report import Kind

NAMED = 12
"""Words of a change up to which two names in it are held to stand for each other."""
SHORT = 4
"""Words of a change up to which a word and its opposite are held to stand for each other."""


class Change(NamedTuple):
    """A stretch of either text in the place of the other; either may be empty. Places are of words."""

    a: slice
    b: slice


def changes(a: Bare, b: Bare) -> Iterator[Change]:
    """How the words of `a` become those of `b`, in order."""
    one, other = a.sentences, b.sentences
    start, end = common_ends(one, other)
    i = j = start
    for here, there in anchors(one[start : len(one) - end], other[start : len(other) - end], 3):
        yield from _gap(a, b, (i, start + here), (j, start + there))
        i, j = start + here + 1, start + there + 1
    yield from _gap(a, b, (i, len(one) - end), (j, len(other) - end))


def _gap(a: Bare, b: Bare, ours: tuple[int, int], theirs: tuple[int, int]) -> Iterator[Change]:
    """Changes between two anchors, given as numbers of sentences."""
    i, i_end = (a.starts[place] for place in ours)
    j, j_end = (b.starts[place] for place in theirs)
    one, other = a.words[i:i_end], b.words[j:j_end]
    start, end = common_ends(one, other)
    one, other = one[start : len(one) - end], other[start : len(other) - end]
    i, j = i + start, j + start
    if not one or not other or len(one) * len(other) > CELLS:
        if one or other:
            yield Change(slice(i, i + len(one)), slice(j, j + len(other)))
        return
    left, right = intern_words((one, other))
    last: Change | None = None
    for code in Indel.opcodes(left, right):
        if code.tag == "equal":
            continue
        found = Change(slice(i + code.src_start, i + code.src_end), slice(j + code.dest_start, j + code.dest_end))
        if last is not None and last.a.stop == found.a.start and last.b.stop == found.b.start:
            last = Change(slice(last.a.start, found.a.stop), slice(last.b.start, found.b.stop))
            continue
        if last is not None:
            yield last
        last = found
    if last is not None:
        yield last


def meaning(a: Bare, b: Bare, change: Change) -> Iterator[tuple[Kind, str]]:
    """What a change changes beyond words, and why; nothing where it is wording."""
    one, other = a.words[change.a], b.words[change.b]
    if not one or not other or "".join(one) == "".join(other) or _cut(a, b, change):
        return
    lost, won = Counter(one) - Counter(other), Counter(other) - Counter(one)
    if _numbers(lost, won):
        yield "numeric", "numbers differ"
    if _units(a, b, change):
        yield "numeric", "units differ"
    if max(len(one), len(other)) <= NAMED and _names(a, b, change):
        yield "content", "names differ"
    if _opposite(a, b, change):
        yield "content", "a word stands for its opposite"


def _numbers(lost: Counter[str], won: Counter[str]) -> bool:
    """Numbers in figures, words or Han characters, one in the place of another."""
    for hold in (is_number, lexicon.SOFT_NUMBERS.__contains__):
        if any(map(hold, lost)) and any(hold(word) or is_number(word) for word in won):
            return True
        if any(map(hold, won)) and any(hold(word) or is_number(word) for word in lost):
            return True
    mine, theirs = (sorted(word for word in side if word in lexicon.HAN_NUMBERS) for side in (lost, won))
    return bool(mine and theirs and mine != theirs)


def _units(a: Bare, b: Bare, change: Change) -> bool:
    """A unit in the place of another behind the same number."""
    one, other = a.words[change.a], b.words[change.b]
    before = change.a.start - 1
    if before < 0 or len(one) > 2 or len(other) > 2 or not is_number(a.words[before]):
        return False
    return _unit(one[0]) and _unit(other[0]) and one[0] != other[0]


def _unit(word: str) -> bool:
    return word in _UNITS or word in "%$€£°"


_UNITS = frozenset(lexicon.UNITS.values()) | frozenset(lexicon.UNITS)


def _names(a: Bare, b: Bare, change: Change) -> bool:
    """Names on both sides, none of them on the other."""
    sides = ((a, change.a, b, change.b), (b, change.b, a, change.a))
    if all(
        any(_is_name(text, place, other.words[theirs]) for place in _range(mine)) for text, mine, other, theirs in sides
    ):
        return True
    mine, theirs = _letters(a, change.a), _letters(b, change.b)
    if mine and theirs and mine != theirs:
        return True
    return _han_name(a, change.a) and _han_name(b, change.b)


def _letters(text: Bare, place: slice) -> set[str]:
    """Single capital letters, as options and variables have; "A" and "I" only where a sentence begins behind them."""
    return {
        text.words[at]
        for at in _range(place)
        if len(text.words[at]) == 1
        and "a" <= text.words[at] <= "z"
        and text.cases[at] != SMALL
        and (text.words[at] not in "ai" or text.cases[at + 1 : at + 2] in ("", START))
    }


def _cut(a: Bare, b: Bare, change: Change) -> bool:
    """Whether one answer ends inside a word of the other."""
    for one, mine, other, theirs in ((a, change.a, b, change.b), (b, change.b, a, change.a)):
        if theirs.stop == len(other.words) and theirs.stop - theirs.start == 1:
            return str(one.words[mine.start]).startswith(other.words[theirs.start])
    return False


def _range(place: slice) -> range:
    return range(place.start, place.stop)


def _is_name(text: Bare, place: int, elsewhere: Sequence[str]) -> bool:
    """Whether a word is a name that the other side lacks: a capital inside a sentence, known, or two in a row."""
    word, case = text.words[place], text.cases[place]
    if word in elsewhere or word in lexicon.COMMON or is_number(word):
        return False
    if case == INSIDE or word in names.KNOWN:
        return True
    # At a sentence's start every word has a capital: it is a name where the next has one too.
    following = place + 1
    return case == START and following < len(text.words) and text.cases[following] == INSIDE and len(word) > 2


def _han_name(text: Bare, place: slice) -> bool:
    """Two to eight Han characters that are a known name, or write one by sound for the most part."""
    chars = "".join(text.words[place])
    around = "".join(text.words[max(0, place.start - 2) : place.stop + 2])
    if not 1 <= len(chars) <= 8 or chars.isascii():
        return False
    if any(name in around and set(name) & set(chars) for name in names.HAN_NAMES):
        return True
    sounds = sum(char in names.HAN_SOUNDS for char in chars)
    return len(chars) > 1 and 3 * sounds >= 2 * len(chars)


def _opposite(a: Bare, b: Bare, change: Change) -> bool:
    """A word in the place of its opposite."""
    one, other = a.words[change.a], b.words[change.b]
    if one[0].isascii() or other[0].isascii():
        if max(len(one), len(other)) > SHORT:
            return False
        return any(_opposed(x, y) for x in one for y in other)
    mine, theirs = (
        "".join(text.words[max(0, at.start - 2) : at.stop + 2]) for text, at in ((a, change.a), (b, change.b))
    )
    return any(
        x in mine and y in theirs and x not in theirs and y not in mine and not set(x).isdisjoint(one)
        for pair in lexicon.HAN_OPPOSITES
        for x, y in (sorted(pair), sorted(pair, reverse=True))
    )


def _opposed(x: str, y: str) -> bool:
    if y in lexicon.OPPOSITES.get(x, ()):
        return True
    shorter, longer = sorted((x, y), key=len)
    if len(shorter) < 4:
        return False
    if any(longer == prefix + shorter for prefix in lexicon.PREFIXES):
        return True
    return any(
        less.endswith("less") and less.removesuffix("less") == full.removesuffix("ful") != full
        for less, full in ((x, y), (y, x))
    )
