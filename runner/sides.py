"""The two sides of a comparison, and which answer stands against which. Pure.

A side is a run or one part of it (a region, a target, a prompt), a folder as `beacon run` leaves it, or a single text.
What a side names is held against whatever the other side has there; everywhere else both must agree: two runs meet at
the same target, prompt, region, provider's number and repeat, two regions of a run at all of these but the region, and
a text meets every answer. Nothing is judged here, and nothing is verified: `beacon verify` does that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from runner.compare.tokens import prepare
from runner.diagnostics import suggestion
from runner.errors import Usage
from runner.model import JobSpec
from runner.ports import Snapshot
from runner.registry import documents

Part: TypeAlias = Literal["target", "prompt", "region"]
"""What a side can be narrowed to. Regions are written in capitals, so that no other name is taken for one."""

_PARTS: tuple[Part, ...] = get_args(Part)
_OUTPUT = re.compile(r"([^/]+)/([^/]+)/([^/]+)/([0-9]{1,9})-([0-9]{1,9})\.txt", re.ASCII)


class Place(NamedTuple):
    """Where an answer stands in its run: `slot` is the provider's number in the region, `replica` the repeat."""

    target: str
    prompt: str
    region: str
    slot: int
    replica: int

    @property
    def path(self) -> str:
        """As in a bundle's `outputs/`, without `.txt`."""
        return f"{self.target}/{self.prompt}/{self.region}/{self.slot}-{self.replica}"


class Side(NamedTuple):
    """Answers by place; of a text alone, the one answer at None. `facts` say what it is, for programs, and `title` for
    people; neither is neutralised. `ignore` are the literals that its job leaves out before comparing."""

    title: str
    facts: Mapping[str, Any]
    answers: Mapping[Place | None, bytes]
    parts: Mapping[Part, str]
    ignore: tuple[str, ...] = ()


class Compared(NamedTuple):
    """Two answers that stand against each other, as they are compared: without what the jobs ignore."""

    at_a: Place | None
    at_b: Place | None
    a: str
    b: str


class Match(NamedTuple):
    """All that stands against each other, in the order of the places, and what has nothing to stand against."""

    pairs: tuple[Compared, ...]
    alone_a: tuple[Place, ...]
    alone_b: tuple[Place, ...]
    ignore: tuple[str, ...]


def of_text(raw: bytes, title: str, facts: Mapping[str, Any]) -> Side:
    """A single text."""
    return Side(title, facts, {None: raw}, {})


def of_run(snapshot: Snapshot, bundle: str, title: str, facts: Mapping[str, Any], names: Sequence[str]) -> Side:
    """The answers in a bundle's folder, narrowed to the parts that are named. Raises `Usage`."""
    folder = f"{bundle}/outputs"
    found: dict[Place, str] = {}
    for path in snapshot.files(folder):
        if match := _OUTPUT.fullmatch(path.removeprefix(f"{folder}/")):
            target, prompt, region, slot, replica = match.groups()
            found[Place(target, prompt, region, int(slot), int(replica))] = path
    if not found:
        raise Usage("answers-unknown", f"{title} has no answers", "`beacon describe RUN` tells what became of a run")
    parts = _parts(names, found, title)
    places = [place for place in sorted(found) if all(getattr(place, part) == name for part, name in parts.items())]
    if not places:
        raise Usage("answers-unknown", f"{title} has no answers of {' and '.join(parts.values())} together")
    texts = snapshot.read_all([found[place] for place in places])
    return Side(
        title=", ".join([title, *parts.values()]),
        facts={**facts, **{str(part): name for part, name in parts.items()}},
        answers={place: texts.get(found[place], b"") for place in places},
        parts=parts,
        ignore=_ignored(snapshot, bundle),
    )


def _parts(names: Iterable[str], found: Iterable[Place], title: str) -> dict[Part, str]:
    """What each name means. `target=NAME` and the like say it where a name means two things."""
    places = tuple(found)
    known = {part: {str(getattr(place, part)) for place in places} for part in _PARTS}
    parts: dict[Part, str] = {}
    for given in names:
        word, _, name = given.rpartition("=")
        meant = [part for part in _PARTS if name in known[part] and word in ("", part)]
        if len(meant) > 1:
            raise Usage("part-ambiguous", f"{name} is a {' and a '.join(meant)} of {title}", f"{meant[0]}={name}")
        if not meant or meant[0] in parts:
            what = f"a second {meant[0]}" if meant else "no target, prompt or region of it with answers"
            every = sorted({each for part in _PARTS for each in known[part]})
            hint = suggestion(name, every, "it has") if not meant else f"name one {meant[0]}, or none for all"
            raise Usage("part-unknown", f"{title}: {given!r} is {what}", hint)
        parts[meant[0]] = name
    return parts


def _ignored(snapshot: Snapshot, bundle: str) -> tuple[str, ...]:
    """The job's own `compare.ignore`. Raises `Invalid` where the job cannot be read."""
    path = f"{bundle}/job.yaml"
    raw = snapshot.read(path)
    return () if raw is None else tuple(documents.read(JobSpec, raw, path)[0].spec.compare.ignore)


def match(a: Side, b: Side) -> Match:
    """Which answers stand against each other. Raises `Usage` where none do."""
    ignore = tuple(dict.fromkeys((*a.ignore, *b.ignore)))
    free = {*a.parts, *b.parts}
    theirs: dict[tuple[object, ...], list[Place | None]] = {}
    for place in b.answers:
        theirs.setdefault(_key(place, free), []).append(place)
    both = None in a.answers or None in b.answers
    met = [
        (place, other) for place in a.answers for other in (b.answers if both else theirs.get(_key(place, free), ()))
    ]
    if not met:
        numbers = f"{len(a.answers)} and {len(b.answers)} answers"
        raise Usage(
            "nothing-in-common",
            f"no place has an answer on both sides: {numbers}",
            "where names differ, name them on both sides, as RUN:TARGET or RUN:PROMPT",
        )
    texts = [{place: prepare(raw, ignore) for place, raw in side.answers.items()} for side in (a, b)]
    one, other_one = {place for place, _ in met}, {place for _, place in met}
    return Match(
        pairs=tuple(Compared(place, other, texts[0][place], texts[1][other]) for place, other in met),
        alone_a=tuple(place for place in a.answers if place is not None and place not in one),
        alone_b=tuple(place for place in b.answers if place is not None and place not in other_one),
        ignore=ignore,
    )


def _key(place: Place | None, free: Iterable[str]) -> tuple[object, ...]:
    """What both sides must agree on."""
    return () if place is None else tuple(None if name in free else value for name, value in place._asdict().items())


def where(pair: Compared, targets: bool) -> str:
    """A pair's place in words; `targets`: whether the target is worth saying."""
    a, b = pair.at_a or pair.at_b, pair.at_b or pair.at_a
    if a is None or b is None:
        return "the two files"
    names = [
        one if one == other else f"{one} against {other}"
        for one, other, shown in (
            (a.target, b.target, targets or a.target != b.target),
            (a.prompt, b.prompt, True),
            (a.region, b.region, True),
            (f"provider {a.slot}", f"provider {b.slot}", True),
            (f"answer {a.replica}", f"answer {b.replica}", True),
        )
        if shown
    ]
    return ", ".join(names)


def listed(places: Sequence[Place], most: int = 5) -> Iterator[str]:
    """The paths of the first places, and how many more there are."""
    yield from (place.path for place in places[:most])
    if len(places) > most:
        yield f"{len(places) - most} more"
