"""How pairs of answers differ, for people and programs: lines for a terminal, and JSON. Pure.

Every line is neutralised, and an answer's lines stand behind a gutter that no answer can forge: `- ` for the first
side, `+ ` for the second, two spaces for both. Answers that are JSON are shown field by field.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple, TypeAlias

from runner.compare import fields
from runner.compare.classes import ORDER, Pair
from runner.compare.leaves import leaves
from runner.compare.tokens import ANALYSED
from runner.compare.worddiff import diff as word_diff
from runner.rendering.excerpts import diff_lines
from runner.rendering.neutral import terminal, wrapped
from runner.sides import Compared, Match, Place, Side, listed, where

Scores: TypeAlias = Mapping[str, float | None]
"""What a measure says of a pair, by name; None where it could not be measured."""


class Measure(NamedTuple):
    """Something that is measured of two texts and judges nothing. `says` tells what the numbers are, in few words."""

    name: str
    package: str
    version: str
    says: str
    of: Callable[[str, str], Scores]


class Found(NamedTuple):
    """Two answers, their class, and what each measure says of them."""

    compared: Compared
    pair: Pair
    scores: tuple[Scores, ...]


class Line(NamedTuple):
    """A line of the terminal. `gutter` is ours; `head` and `note` lines are ours as a whole."""

    gutter: str
    text: str

    def __str__(self) -> str:
        return self.gutter + self.text


HEAD, NOTE = "@@ ", "   "


def as_lines(
    a: Side,
    b: Side,
    found: Sequence[Found],
    matched: Match,
    measures: Sequence[Measure],
    every: bool,
    width: int | None,
) -> Iterator[Line]:
    """The whole comparison, in lines of at most `width` columns. Pairs of the same two texts are shown once; what is
    only noise is counted, and shown with `every`."""
    for line in _lines(a, b, found, matched, measures, every):
        room = None if width is None else max(20, width - len(line.gutter))
        for part in [line.text] if room is None else wrapped(line.text, room):
            yield Line(line.gutter, part)


def _lines(
    a: Side, b: Side, found: Sequence[Found], matched: Match, measures: Sequence[Measure], every: bool
) -> Iterator[Line]:
    for gutter, side in (("--- ", a), ("+++ ", b)):
        yield Line(gutter, terminal(f"{side.title}{', SIMULATED' if side.facts.get('simulated') else ''}"))
    if matched.ignore:
        yield Line(NOTE, terminal(f"left out, as the job asks: {', '.join(map(repr, matched.ignore))}"))
    for measure in measures:
        yield Line(NOTE, terminal(f"{measure.name}: {measure.says} ({measure.package} {measure.version})"))
    yield Line("", "")
    targets = len({place.target for one in found for place in one.compared[:2] if place}) > 1
    for group in _alike(found):
        level = group[0].pair.level
        if level in ("minor", "major") or (every and level != "identical") or len(found) == 1:
            yield from _pair(group, targets, measures)
            yield Line("", "")
    counts = count(found)
    noun = "pair" if len(found) == 1 else "pairs"
    yield Line("", f"{len(found)} {noun}: {', '.join(f'{counts[level]} {level}' for level in ORDER)}")
    for measure, line in zip(measures, _middles(found), strict=True):
        yield Line("", f"{measure.name}: {line}")
    for gutter, alone in (("---", matched.alone_a), ("+++", matched.alone_b)):
        if alone:
            yield Line("", terminal(f"{gutter} alone: {', '.join(listed(alone))}"))


def _alike(found: Sequence[Found]) -> list[list[Found]]:
    """Pairs of the same two texts together, in the order of the first ones."""
    groups: dict[tuple[str, str], list[Found]] = {}
    for one in found:
        groups.setdefault((one.compared.a, one.compared.b), []).append(one)
    return list(groups.values())


def _pair(group: Sequence[Found], targets: bool, measures: Sequence[Measure]) -> Iterator[Line]:
    compared, pair, scores = group[0]
    more = f", and {len(group) - 1} more of the same two texts" if len(group) > 1 else ""
    kinds = f" ({', '.join(pair.kinds)})" if pair.kinds else ""
    yield Line(HEAD, terminal(f"{where(compared, targets)}{more}: {pair.level}{kinds}"))
    for why in pair.reasons:
        yield Line(NOTE, why)
    for measure, said in zip(measures, scores, strict=True):
        if said:
            yield Line(NOTE, f"{measure.name}: {', '.join(f'{name} {_number(said[name])}' for name in said)}")
    differ = _fields(compared)
    if differ is None:
        yield from _changes(compared.a, compared.b)
        return
    for field in differ:
        yield Line(HEAD, terminal(f"field {field.pointer}" if field.pointer else "the whole document"))
        yield from _changes(field.before, field.after)


def _fields(compared: Compared) -> list[fields.Field] | None:
    """The fields in which two JSON answers differ; None where one is none, or is longer than the classes read."""
    a, b = (leaves(text) if len(text) <= ANALYSED else None for text in (compared.a, compared.b))
    return None if a is None or b is None else fields.differing(a, b)


def _changes(a: str | None, b: str | None) -> Iterator[Line]:
    for gutter, text in diff_lines(a or "", b or ""):
        # A tab within a line that both sides have is layout; one that was changed has to be seen.
        yield Line(gutter, terminal(text.expandtabs(4) if gutter == "  " else text))


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:z.2f}"


def _middles(found: Sequence[Found]) -> Iterator[str]:
    """Of each measure, over all pairs that it was taken of: least, middle and greatest."""
    for taken in zip(*(one.scores for one in found), strict=True):
        names = dict.fromkeys(name for said in taken for name in said)
        values = {name: [said[name] for said in taken if name in said] for name in names}
        parts = []
        for name, every in values.items():
            known = [value for value in every if value is not None]
            if known:
                span = f"{min(known):z.2f} to {max(known):z.2f}, middle {median(known):z.2f}"
                parts.append(f"{name} {span} in {len(known)} of {len(every)} pairs")
        yield "; ".join(parts) or "not measured in any pair"


def count(found: Sequence[Found]) -> Counter[str]:
    """How many pairs are of each class."""
    return Counter(one.pair.level for one in found)


def as_json(a: Side, b: Side, found: Sequence[Found], matched: Match, measures: Sequence[Measure]) -> dict[str, Any]:
    """The whole comparison as JSON data: every pair, whatever its class."""
    counts = count(found)
    return {
        "a": dict(a.facts),
        "b": dict(b.facts),
        "ignored": list(matched.ignore),
        "measures": [
            {"name": each.name, "package": each.package, "version": each.version, "says": each.says}
            for each in measures
        ],
        "counts": {level: counts[level] for level in ORDER},
        "pairs": [_pair_json(one, measures) for one in found],
        "alone": {"a": [place.path for place in matched.alone_a], "b": [place.path for place in matched.alone_b]},
    }


def _pair_json(one: Found, measures: Sequence[Measure]) -> dict[str, Any]:
    compared, pair, scores = one
    differ = _fields(compared)
    return {
        "a": _place(compared.at_a),
        "b": _place(compared.at_b),
        "class": pair.level,
        "kinds": list(pair.kinds),
        "reasons": list(pair.reasons),
        "fields": None
        if differ is None
        else [{"path": field.pointer, "a": field.before, "b": field.after} for field in differ],
        "words": None if differ is not None else [[op.kind, op.text] for op in word_diff(compared.a, compared.b)],
        "measured": {measure.name: dict(said) for measure, said in zip(measures, scores, strict=True)},
    }


def _place(place: Place | None) -> str | None:
    return place.path if place else None
