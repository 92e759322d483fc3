"""The class of a pair of answers: identical, noise, minor or major; of which kinds; and why.

This says what differs, never whether it is more than chance: two answers of one model to one question are mostly
`major`. Reasons are sentences of ours and hold no word of an answer. Rules in order, the first that holds decides:

    the same text                                            identical
    JSON: leaves alike, or only leaves named like metadata   noise
    alike after Unicode forms, white space, volatile values  noise      uuids, times, ids, digests, durations, addresses
    alike after markup, case and punctuation                 noise
    refusal, numbers, negations, names, length, many words   major
    anything else                                            minor
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from runner.compare.distance import ppm
from runner.compare.signals import Leaves, Signals, read
from runner.compare.tokens import ANALYSED, intern_words, vocabulary
from runner.model.report import Kind, PairClass

ORDER: tuple[PairClass, ...] = ("identical", "noise", "minor", "major")
"""From alike to unlike."""

FAR = 200_000
"""Bare words that differ, in parts per million, above which a pair is `major`."""
NEAR = 30_000
"""Below it, a number that stands in one answer only is a change and not part of a longer difference."""

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
        self._signals = [read(text) for text in texts]
        self._bare = intern_words(signals.bare for signals in self._signals)
        self._known: dict[tuple[int, int], Pair] = {}

    def pair(self, a: int, b: int) -> Pair:
        """The class of two texts by their places, the same in either order."""
        key = (a, b) if a < b else (b, a)
        if key not in self._known:
            self._known[key] = self._judge(*key)
        return self._known[key]

    def _judge(self, a: int, b: int) -> Pair:
        one, other = self._signals[a], self._signals[b]
        if one.text == other.text:
            return Pair("identical")
        if one.leaves is not None and other.leaves is not None:
            return _json(one.leaves, other.leaves)
        if bool(one.clean) != bool(other.clean):
            return Pair("major", ("missing",), ("one answer is empty",))
        return _text(one, other, ppm(self._bare[a], self._bare[b]))


def classify(a: str, b: str) -> Pair:
    """The class of two texts."""
    return Pairs((a, b)).pair(0, 1)


def _text(a: Signals, b: Signals, apart: int) -> Pair:
    """Two answers as text; `apart` is the distance of their bare words."""
    if a.clean == b.clean:
        if a.volatile != b.volatile:
            volatile = sorted({kind for kind, _ in (*a.volatile, *b.volatile)})
            return Pair("noise", ("metadata",), (f"only volatile values differ: {', '.join(volatile)}",))
        if len(a.text) > ANALYSED or len(b.text) > ANALYSED:
            return Pair("minor", ("content",), (f"alike as far as analysed, the first {ANALYSED} characters",))
        return Pair("noise", ("format",), ("only white space or Unicode forms differ",))
    if not apart and a.numbers == b.numbers:
        return Pair("noise", ("format",), ("only markup, case or punctuation differs",))
    found: list[tuple[Kind, str]] = [(kind, why) for holds, kind, why in _MAJOR if holds(a, b, apart)]
    if not found:
        return Pair("minor", ("content",), ("some words differ",))
    kinds: dict[Kind, None] = dict.fromkeys(kind for kind, _ in found)
    return Pair("major", tuple(kinds), tuple(why for _, why in found))


Rule: TypeAlias = Callable[[Signals, Signals, int], bool]


def _refusal(a: Signals, b: Signals, apart: int) -> bool:
    return a.refuses != b.refuses


def _numeric(a: Signals, b: Signals, apart: int) -> bool:
    lost, won = a.numbers - b.numbers, b.numbers - a.numbers
    return bool(lost and won) or (bool(lost or won) and apart < NEAR)


def _negation(a: Signals, b: Signals, apart: int) -> bool:
    return a.negations != b.negations


def _names(a: Signals, b: Signals, apart: int) -> bool:
    return bool(a.names - b.names and b.names - a.names)


def _length(a: Signals, b: Signals, apart: int) -> bool:
    shorter, longer = sorted((len(a.bare), len(b.bare)))
    return longer > 15 and 10 * shorter < 6 * longer


def _far(a: Signals, b: Signals, apart: int) -> bool:
    return apart > FAR


_MAJOR: tuple[tuple[Rule, Kind, str], ...] = (
    (_refusal, "refusal", "one answer refuses, the other does not"),
    (_numeric, "numeric", "numbers differ"),
    (_negation, "content", "negations differ"),
    (_names, "content", "names differ"),
    (_length, "content", "one answer is shorter than 0.6 of the other"),
    (_far, "content", "more than a fifth of the words differ"),
)


def _json(a: Leaves, b: Leaves) -> Pair:
    """Two JSON documents, leaf by leaf. The pair is as unlike as its most unlike leaf."""
    changed = sorted(path for path in a.keys() | b.keys() if a.get(path) != b.get(path))
    if not changed:
        return Pair("noise", ("format",), ("the same JSON data, laid out otherwise",))
    content = [path for path in changed if not any(map(_is_metadata, path))]
    if not content:
        return Pair("noise", ("metadata",), ("only JSON fields of metadata differ",))
    leaves = [_leaf(a.get(path), b.get(path)) for path in content]
    level = max((pair.level for pair in leaves), key=ORDER.index)
    kinds: dict[Kind, None] = dict.fromkeys(kind for pair in leaves for kind in pair.kinds)
    reasons = dict.fromkeys(f"in JSON: {why}" for pair in leaves for why in pair.reasons)
    return Pair(level, tuple(kinds), tuple(reasons))


def _leaf(a: str | None, b: str | None) -> Pair:
    if a is None or b is None:
        return Pair("major", ("content",), ("a field stands in one answer only",))
    if a.startswith('"') and b.startswith('"'):
        one, other = read(a[1:]), read(b[1:])
        return _text(one, other, ppm(*intern_words((one.bare, other.bare))))
    numeric = not (a.startswith('"') or b.startswith('"')) and (a[0] in "-0123456789" or b[0] in "-0123456789")
    return Pair("major", ("numeric",) if numeric else ("content",), ("a value differs",))


def _is_metadata(key: str) -> bool:
    folded = key.casefold()
    return folded in _METADATA or folded.endswith(_METADATA_ENDS) or folded.startswith(_METADATA_STARTS)
