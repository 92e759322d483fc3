"""The parts of a run's page that say what answers are like on their own: numbers, languages, what was filtered, and the
fields in which two JSON answers differ. Every text is `Safe`; keys and values of an answer stand in code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runner.compare.fields import LONGEST, MOST, differing
from runner.compare.language import UNKNOWN, named
from runner.compare.leaves import leaves
from runner.compare.tokens import ANALYSED, prepare
from runner.model.report import Described, Length, TargetDiff
from runner.rendering.neutral import Safe, ident, inline, joined, phrase
from runner.rendering.sentences import count, listed

_VALUE, _LITERAL = 60, 40
"""Characters that are shown of a field's value, and of a literal that the job leaves out."""
_BEFORE = 15
"""Characters that are shown of what two long values have in common, before they part."""
_LANGUAGES = 4
"""Languages that are named of a region; answers in others are counted together."""
_KINDS: Mapping[str, tuple[Safe, Safe]] = {
    "time": (Safe("timestamp"), Safe("timestamps")),
    "duration": (Safe("duration"), Safe("durations")),
    "id": (Safe("id"), Safe("ids")),
    "uuid": (Safe("UUID"), Safe("UUIDs")),
    "hex": (Safe("hex digest"), Safe("hex digests")),
    "address": (Safe("address"), Safe("addresses")),
    "path": (Safe("temporary path"), Safe("temporary paths")),
}


class Numbers(NamedTuple):
    """What the answers of a target are like: a line where languages differ, a row a region, what was filtered in a
    sentence, and a row for each kind of it."""

    languages: Safe
    rows: tuple[tuple[Safe, ...], ...]
    filtered: Safe
    names: tuple[Safe, ...]
    kinds: tuple[tuple[Safe, ...], ...]


class Fields(NamedTuple):
    """The fields in which two JSON answers differ: how many, a row each, and how many more."""

    total: Safe
    rows: tuple[tuple[Safe, ...], ...]
    more: int


def numbers(target: TargetDiff, ignore: Sequence[str]) -> Numbers:
    """The descriptors of a target; `ignore` are the literals of its job."""
    regions = {region.region: region.described for region in target.regions if region.described}
    whole = target.described
    return Numbers(
        languages=_apart(regions),
        rows=tuple((ident(name), *_row(described)) for name, described in regions.items()),
        filtered=_filtered(whole, ignore) if whole else Safe(""),
        names=tuple(map(ident, regions)),
        kinds=tuple(_kinds(regions, whole, ignore)) if whole else (),
    )


def _row(described: Described) -> tuple[Safe, ...]:
    return (
        _languages(described.languages),
        _some(described.refusals),
        _some(described.json_answers),
        _length(described.words),
        _length(described.characters),
    )


def _some(number: int) -> Safe:
    return Safe(str(number) if number else "none")


def _length(length: Length) -> Safe:
    """`81`, or `60 to 120, middle 81`."""
    if length.least == length.greatest:
        return Safe(f"{length.least:,}")
    return Safe(f"{length.least:,} to {length.greatest:,}, middle {length.median:,}")


def _languages(languages: Mapping[str, int]) -> Safe:
    """`English 5, unknown 1`, the commonest first."""
    ranked = sorted(languages.items(), key=lambda one: (one[0] == UNKNOWN, -one[1], one[0]))
    parts = [phrase("{name} {n}", name=_name(code), n=n) for code, n in ranked[:_LANGUAGES]]
    if others := sum(n for _, n in ranked[_LANGUAGES:]):
        parts.append(phrase("others {n}", n=others))
    return joined(parts, ", ")


def _name(code: str) -> Safe:
    return Safe(UNKNOWN if code == UNKNOWN else named(code))


def _apart(regions: Mapping[str, Described]) -> Safe:
    """A sentence, where one region answers mostly in another language than another, as far as it is known; else
    nothing."""
    spoken: dict[str, list[str]] = {}
    for name, described in regions.items():
        known = [(n, code) for code, n in described.languages.items() if code != UNKNOWN]
        if known and 2 * max(known)[0] > sum(n for n, _ in known):
            spoken.setdefault(max(known)[1], []).append(name)
    if len(spoken) < 2:
        return Safe("")
    parts = (
        phrase("mostly {language} in {regions}", language=_name(code), regions=listed(names))
        for code, names in spoken.items()
    )
    return phrase("The language differs: {parts}.", parts=joined(parts, "; "))


def _filtered(whole: Described, ignore: Sequence[str]) -> Safe:
    """What was filtered from a target's answers, in a sentence without a full stop."""
    parts = [_counted(kind, n) for kind, n in whole.volatile.items()]
    if ignore:
        hit, times = sum(n > 0 for n in whole.ignored), sum(whole.ignored)
        form = "{hit} of {texts} that the job names ({times})"
        parts.append(
            phrase(form, hit=hit or Safe("none"), texts=count(len(ignore), "text"), times=count(times, "time"))
        )
    return joined(parts, ", ")


def _counted(kind: str, number: int) -> Safe:
    """`1 id`, `2 addresses`."""
    one, several = _KINDS.get(kind, (ident(kind), ident(kind)))
    return phrase("{n} {noun}", n=Safe(f"{number:,}"), noun=one if number == 1 else several)


def _kinds(regions: Mapping[str, Described], whole: Described, ignore: Sequence[str]) -> list[tuple[Safe, ...]]:
    rows = [
        (_KINDS.get(kind, (ident(kind),))[-1], *(Safe(str(each.volatile.get(kind, 0))) for each in regions.values()))
        for kind in whole.volatile
    ]
    for number, literal in enumerate(ignore):
        counts = (Safe(str(each.ignored[number])) for each in regions.values())
        rows.append((phrase("the job's {text}", text=inline(literal, _LITERAL)), *counts))
    return rows


def fields(one: bytes, other: bytes, ignore: Sequence[str]) -> Fields | None:
    """The fields in which two JSON answers differ, without the job's literals; None where one is no JSON, or where
    nothing differs."""
    a, b = (leaves(prepare(output, ignore)[:ANALYSED]) for output in (one, other))
    if a is None or b is None or not (found := differing(a, b)):
        return None
    rows = tuple((_pointer(field.pointer), *_values(field.before, field.after)) for field in found[:MOST])
    return Fields(count(len(found), "field"), rows, max(0, len(found) - MOST))


def _pointer(path: str) -> Safe:
    return inline(path, LONGEST) if path else Safe("the whole")


def _values(before: str | None, after: str | None) -> tuple[Safe, Safe]:
    """Both values, from shortly before the place where they part if that is far from their start."""
    same = 0
    if before is not None and after is not None:
        shorter = min(len(before), len(after))
        same = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    start = same - _BEFORE if same > _VALUE // 2 else 0
    return _value(before, start), _value(after, start)


def _value(text: str | None, start: int) -> Safe:
    return Safe("not there") if text is None else inline("…" * (start > 0) + text[start:], _VALUE)
