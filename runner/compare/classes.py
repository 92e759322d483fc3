"""The class of a pair of answers: identical, noise, minor or major; of which kinds; and why.

This says what differs, never whether it is more than chance: two answers of one model to one question are mostly
`major`. Reasons are sentences of ours and hold no word of an answer. Rules in order, the first that holds decides:

    the same text                                            identical
    JSON: leaves alike, or only leaves named like metadata   noise
    alike after Unicode forms, white space, volatile values  noise      uuids, times, ids, digests, durations, addresses
    alike after markup, case, punctuation, ways of writing   noise
    an error message; both refuse                            major; minor
    refusal, numbers, negations, signs, length, many words   major
    a name, number, unit or opposite for another             major      word by word, see `changes`
    anything else                                            minor
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache, partial
from typing import NamedTuple, TypeAlias

from runner.compare.changes import changes, meaning
from runner.compare.distance import ppm
from runner.compare.leaves import Leaves
from runner.compare.signals import Signals
from runner.compare.tokens import ANALYSED, intern_words, vocabulary
from runner.model.report import Kind, PairClass

ORDER: tuple[PairClass, ...] = ("identical", "noise", "minor", "major")
"""From alike to unlike."""

FAR = 200_000
"""Bare words that differ, in parts per million, above which a pair is `major`."""
REFUSAL = 600
"""Characters below which two refusals say the same."""

_METADATA = vocabulary(
    "id created created_at updated updated_at timestamp time date usage system_fingerprint fingerprint region provider "
    "host hostname model_version seed etag nonce signature ip version request_id trace_id"
)
_METADATA_ENDS = ("_id", "_ms", "_tokens", "_seconds")
_METADATA_STARTS = ("latency", "duration", "elapsed", "trace", "span", "node")


class Pair(NamedTuple):
    """How two answers differ. `kinds` and `reasons` are empty for identical ones."""

    level: PairClass
    kinds: tuple[Kind, ...] = ()
    reasons: tuple[str, ...] = ()


class Pairs:
    """The classes of all pairs of some texts. Each text is read once, and each pair is judged once."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._signals = [Signals(text) for text in texts]
        self._levels: dict[tuple[int, int], PairClass] = {}
        self._known: dict[tuple[int, int], Pair] = {}
        self._leaf = lru_cache(LEAVES)(partial(_leaf, lru_cache(LEAVES)(Signals)))

    def signals(self, place: int) -> Signals:
        """What one of the texts shows on its own."""
        return self._signals[place]

    def pair(self, a: int, b: int) -> Pair:
        """The class of two texts by their places, the same in either order."""
        key = (a, b) if a < b else (b, a)
        if key not in self._known:
            self._known[key] = self._judge(*key)
        return self._known[key]

    def level(self, a: int, b: int) -> PairClass:
        """The level of `pair`. Where it is plain, no more is read than shows it."""
        key = (a, b) if a < b else (b, a)
        if key not in self._levels:
            self._levels[key] = "major" if self._plainly_major(*key) else self.pair(*key).level
        return self._levels[key]

    def _judge(self, a: int, b: int) -> Pair:
        one, other = self._signals[a], self._signals[b]
        if one.text == other.text:
            return Pair("identical")
        if one.leaves is not None and other.leaves is not None:
            return _json(one.leaves, other.leaves, self._leaf)
        if bool(one.clean) != bool(other.clean):
            return Pair("major", ("missing",), ("one answer is empty",))
        return _text(one, other, ppm(self._bare[a], self._bare[b]))

    def _plainly_major(self, a: int, b: int) -> bool:
        """Whether two texts have so few words in common that every other rule would say the same, or nothing."""
        one, other = self._signals[a], self._signals[b]
        if one.text == other.text or (one.leaves is not None and other.leaves is not None):
            return False
        apart = ppm(self._bare[a], self._bare[b])
        return apart > FAR and not _refuse_alike(one, other) and one.sentences != other.sentences

    @cached_property
    def _bare(self) -> list[str] | list[list[int]]:
        return intern_words(signals.bare.words for signals in self._signals)


def classify(a: str, b: str) -> Pair:
    """The class of two texts."""
    return Pairs((a, b)).pair(0, 1)


def _text(a: Signals, b: Signals, apart: int) -> Pair:
    """Two answers as text; `apart` is the distance of their bare words."""
    if (alike := _alike(a, b)) is not None:
        return alike
    if a.fails != b.fails:
        return Pair("major", ("error",), ("one answer is an error message",))
    if apart > FAR and _refuse_alike(a, b):
        return Pair("minor", ("content",), ("both answers refuse, in other words",))
    reordered = a.sentences == b.sentences
    found: list[tuple[Kind, str]] = [(kind, why) for holds, kind, why in _MAJOR if holds(a, b, apart)]
    if apart > FAR and not reordered:
        found.append(("content", "more than a fifth of the words differ"))
    elif not reordered:
        for change in changes(a.bare, b.bare):
            found += meaning(a.bare, b.bare, change)
    if found:
        kinds: dict[Kind, None] = dict.fromkeys(kind for kind, _ in found)
        return Pair("major", tuple(kinds), tuple(dict.fromkeys(why for _, why in found)))
    return Pair("minor", ("content",), ("the same sentences in another order" if reordered else "some words differ",))


def _refuse_alike(a: Signals, b: Signals) -> bool:
    return max(len(a.clean), len(b.clean)) < REFUSAL and a.refuses and b.refuses


def _alike(a: Signals, b: Signals) -> Pair | None:
    """The class of two texts that differ in no word, number or sign; None for others."""
    if a.clean == b.clean:
        if a.volatile != b.volatile:
            return Pair("noise", ("metadata",), (_filtered(a, b),))
        if len(a.text) > ANALYSED or len(b.text) > ANALYSED:
            return Pair("minor", ("content",), (f"alike as far as analysed, the first {ANALYSED} characters",))
        return Pair("noise", ("format",), ("only white space or Unicode forms differ",))
    if a.bare.words != b.bare.words or _operators(a, b, 0):
        return None
    if _values(a) != _values(b):
        return Pair("noise", ("metadata", "format"), (_filtered(a, b), _WRITTEN))
    return Pair("noise", ("format",), (_WRITTEN,))


_WRITTEN = "only markup, case, punctuation or ways of writing differ"


def _values(signals: Signals) -> Counter[tuple[str, str]]:
    return Counter(signals.volatile)


def _filtered(a: Signals, b: Signals) -> str:
    """Which kinds of volatile values differ."""
    differ = (_values(a) - _values(b)) + (_values(b) - _values(a))
    return f"only volatile values differ: {', '.join(sorted({kind for kind, _ in differ}))}"


Rule: TypeAlias = Callable[[Signals, Signals, int], bool]


def _refusal(a: Signals, b: Signals, apart: int) -> bool:
    return a.refuses != b.refuses


def _numeric(a: Signals, b: Signals, apart: int) -> bool:
    return a.numbers != b.numbers


def _negation(a: Signals, b: Signals, apart: int) -> bool:
    return a.negations != b.negations


def _names(a: Signals, b: Signals, apart: int) -> bool:
    return apart > FAR and bool(a.names - b.names and b.names - a.names)


def _operators(a: Signals, b: Signals, apart: int) -> bool:
    return len(a.bare.operators) == len(b.bare.operators) and a.bare.operators != b.bare.operators


def _length(a: Signals, b: Signals, apart: int) -> bool:
    shorter, longer = sorted((len(a.bare.words), len(b.bare.words)))
    return longer > 15 and 10 * shorter < 6 * longer


_MAJOR: tuple[tuple[Rule, Kind, str], ...] = (
    (_refusal, "refusal", "one answer refuses, the other does not"),
    (_numeric, "numeric", "numbers differ"),
    (_negation, "content", "negations differ"),
    (_names, "content", "names differ"),
    (_operators, "content", "signs between words differ"),
    (_length, "content", "one answer is shorter than 0.6 of the other"),
)


def _json(a: Leaves, b: Leaves, leaf: Callable[[str | None, str | None], Pair]) -> Pair:
    """Two JSON documents, leaf by leaf, as `leaf` says. The pair is as unlike as its most unlike leaf."""
    changed = sorted(path for path in a.keys() | b.keys() if a.get(path) != b.get(path))
    if not changed:
        return Pair("noise", ("format",), ("the same JSON data, laid out otherwise",))
    content = [path for path in changed if not any(map(_is_metadata, path))]
    if not content:
        return Pair("noise", ("metadata",), ("only JSON fields of metadata differ",))
    if _reordered(a, b, content):
        return Pair("minor", ("content",), ("in JSON: the same values in another order",))
    leaves = [leaf(a.get(path), b.get(path)) for path in content]
    level = max((pair.level for pair in leaves), key=ORDER.index)
    kinds: dict[Kind, None] = dict.fromkeys(kind for pair in leaves for kind in pair.kinds)
    reasons = dict.fromkeys(f"in JSON: {why}" for pair in leaves for why in pair.reasons)
    return Pair(level, tuple(kinds), tuple(reasons))


def _reordered(a: Leaves, b: Leaves, changed: Sequence[tuple[str, ...]]) -> bool:
    """Whether only elements of arrays have changed places: the same values under the same keys."""
    if not all(any(_is_place(key) for key in path) for path in changed):
        return False
    sides = (
        Counter((tuple("" if _is_place(key) else key for key in path), side.get(path)) for path in changed)
        for side in (a, b)
    )
    return next(sides) == next(sides)


def _is_place(key: str) -> bool:
    return key.isascii() and key.isdigit()


LEAVES = 4_096
"""Strings in JSON, and pairs of them, that are remembered: answers in one layout hold the same ones."""
WORDS = 6
"""Bare words of a string in JSON up to which another one is another value."""


def _leaf(read: Callable[[str], Signals], a: str | None, b: str | None) -> Pair:
    if a is None or b is None:
        return Pair("major", ("content",), ("a field stands in one answer only",))
    if a.startswith('"') and b.startswith('"'):
        one, other = read(a[1:]), read(b[1:])
        pair = _text(one, other, ppm(*intern_words((one.bare.words, other.bare.words))))
        if pair.level == "minor" and max(len(one.bare.words), len(other.bare.words)) <= WORDS:
            return Pair("major", ("content",), ("a value differs",))
        return pair
    if a.strip('"') == b.strip('"'):
        return Pair("minor", ("format",), ("a value is of another type",))
    numeric = a[0] in "-0123456789" and b[0] in "-0123456789"
    return Pair("major", ("numeric",) if numeric else ("content",), ("a value differs",))


def _is_metadata(key: str) -> bool:
    folded = key.casefold()
    return folded in _METADATA or folded.endswith(_METADATA_ENDS) or folded.startswith(_METADATA_STARTS)
