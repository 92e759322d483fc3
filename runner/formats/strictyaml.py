"""YAML with JSON's data model: a subset of YAML that every YAML version and every parser reads alike.

Accepted: one document of mappings, sequences and scalars; quoted and block texts; plain `true`, `false`, `null`,
integers under 2^53 in magnitude, and plain texts that begin with a letter, `_` or `/` and are no word that some YAML
version takes for something else (`NO`, `on`, `y`). Everything else is refused: anchors, aliases, tags, merge keys,
directives, duplicate keys, floats (write a quoted decimal), tabs, control and bidi characters (write an escape), CR,
a byte order mark, more than 64 KiB or 20 levels.

The data is built from PyYAML's events; no node graph is composed, so an alias can never expand. libyaml's parser is
used where PyYAML brings it, PyYAML's own otherwise; a test holds both to the same judgement. What the data means is
left to the models; here each value keeps its place in the text. YAML 1.1 and 1.2: https://yaml.org/spec/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import Any, NamedTuple, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from runner.errors import Invalid, Problem
from runner.formats import yamltext

MAX_DEPTH = 20
MAX_INTEGER = 2**53 - 1
MAX_PROBLEMS = 50

Location: TypeAlias = tuple[str | int, ...]
"""The way from the document's root to a value: keys and indexes."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9_]*\.?[0-9_]*([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF|nan|NaN|NAN)")
_TEXTS = frozenset(["yaml-float", "yaml-ambiguous"])
_CONSTANTS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
_OTHER_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


class Mark(NamedTuple):
    """Where something stands: line and column count from 1, width in characters of its first line."""

    line: int
    column: int
    width: int


class _Place(NamedTuple):
    location: Location
    key: Event | None
    value: Event


@dataclass(frozen=True)
class Parsed:
    """A document: JSON data, the text's lines, and the place of every value and key."""

    data: Any
    path: str
    lines: tuple[str, ...]

    @cached_property
    def _places(self) -> tuple[_Place, ...]:
        # Few documents are ever asked for places, so those are read a second time: the events are many times as
        # large as the document.
        events = iter(_engine()("\n".join(self.lines)).get_event, None)
        root = next(event for event in events if isinstance(event, NodeEvent))
        return tuple(_walk((), None, root, events))

    @cached_property
    def marks(self) -> Mapping[Location, Mark]:
        """The place of each value; `()` is the whole document."""
        return {place.location: _mark(place.value, self.lines) for place in self._places}

    @cached_property
    def keys(self) -> Mapping[Location, Mark]:
        """The place of each key, under the location of its value."""
        return {place.location: _mark(place.key, self.lines) for place in self._places if place.key}

    def problem(self, location: Location, code: str, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """A problem with a value, or with its key. What is not in the text is shown at what it would stand in."""
        if key and location in self.keys:
            mark = self.keys[location]
        elif location in self.marks:
            mark = self.marks[location]
        else:
            while location not in self.marks:
                location = location[:-1]
            mark = self.keys.get(location, self.marks[location])
        return _problem(self.path, self.lines, mark, code, message, hint)


class Unquoted(Invalid):
    """Quotes are missing, and nothing else is wrong. `parsed` holds these values as the texts that they would be in
    quotes, for whoever looks for more mistakes; a document it is not."""

    def __init__(self, problems: Iterable[Problem], parsed: Parsed) -> None:
        super().__init__(problems)
        self.parsed = parsed


def load(raw: bytes, path: str, most: int = yamltext.MAX_BYTES) -> Parsed:
    """The document in a file's bytes. Raises `Invalid` with every mistake that was found, in the order of the text."""
    return parse_with(_engine(), raw, path, most)


def parse_with(engine: Any, raw: bytes, path: str, most: int = yamltext.MAX_BYTES) -> Parsed:
    """`load` with one of PyYAML's parsers, `yaml.CBaseLoader` or `yaml.BaseLoader`."""
    return _Reader(engine, yamltext.read(raw, path, most), path).document()


class _Reader:
    """One pass over the events of one text. Mistakes are collected; what follows them is still read."""

    def __init__(self, engine: Any, text: yamltext.Text, path: str) -> None:
        self._path = path
        self._lines = text.lines
        self._problems = list(text.problems)
        self._parser = engine(text.readable)
        self._events: Iterator[Event] = iter(self._parser.get_event, None)

    def document(self) -> Parsed:
        """The document. Raises `Invalid`."""
        unreadable = bool(self._problems)  # then a parser's complaint may be about what replaced a character
        data = None
        try:
            data = self._root()
        except yaml.YAMLError as error:
            if not unreadable:
                self._syntax(error)
        except (ValueError, OverflowError):
            # Only PyYAML's own parser: chr() of an escape beyond U+10FFFF.
            self._add(Mark(0, 0, 1), "yaml-escape", "an escape is no Unicode character", _ESCAPE_HELP)
        except _Stop:
            pass
        finally:
            self._parser.dispose()
        parsed = Parsed(data, self._path, self._lines)
        if self._problems:
            problems = sorted(self._problems, key=lambda problem: (problem.line, problem.column))
            whole = data is not None and all(one.code in _TEXTS for one in problems)
            raise Unquoted(problems, parsed) if whole else Invalid(problems)
        return parsed

    def _root(self) -> Any:
        for event in self._events:
            if isinstance(event, StreamEndEvent):
                self._add(Mark(0, 0, 1), "yaml-empty", "the file holds no document", "write one, or remove the file")
                raise _Stop
            if isinstance(event, DocumentStartEvent):
                break
        root = self._value(next(self._events), 0)
        end = next(self._events)
        assert isinstance(end, DocumentEndEvent)
        after = next(self._events)
        if end.explicit or not isinstance(after, StreamEndEvent):
            mark = _mark(end if end.explicit else after, self._lines)
            self._add(mark, "yaml-documents", "the document ends here and the file goes on", "one document a file")
            raise _Stop
        return root

    def _value(self, event: Any, depth: int) -> Any:
        """The value that begins with an event."""
        if type(event) is ScalarEvent:
            return self._scalar(event)
        if isinstance(event, AliasEvent):
            self._add_at(event, "yaml-alias", f"an alias, *{str(event.anchor)[:40]}", "write the value out")
            return None
        if event.anchor is not None or event.tag is not None:
            self._decorated(event)
        if depth == MAX_DEPTH:
            self._add_at(event, "yaml-depth", f"more than {MAX_DEPTH} levels", "nest less deeply")
            raise _Stop
        return self._mapping(depth) if isinstance(event, MappingStartEvent) else self._sequence(depth)

    def _sequence(self, depth: int) -> list[Any]:
        data: list[Any] = []
        for event in self._events:
            if isinstance(event, CollectionEndEvent):
                break
            data.append(self._value(event, depth + 1))
        return data

    def _mapping(self, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        first: dict[str, Any] = {}
        event: Any
        for event in self._events:
            if isinstance(event, CollectionEndEvent):
                break
            key = self._key(event, depth)
            value = self._value(next(self._events), depth + 1)
            if key in data:
                message = f'the key "{key[:40]}" stands twice, first in line {first[key].start_mark.line + 1}'
                self._add_at(event, "yaml-duplicate-key", message, "keep one of them")
            elif key is not None:
                data[key] = value
                first[key] = event
        return data

    def _key(self, event: Any, depth: int) -> str | None:
        """A mapping's key, or None where it is no text."""
        before = len(self._problems)
        if type(event) is not ScalarEvent:
            key = self._value(event, depth + 1)
        elif event.value == "<<" and not event.style:
            self._add_at(event, "yaml-merge", "a merge key, <<", "write the fields out")
            return None
        else:
            key = self._scalar(event)
        if isinstance(key, str):
            return key
        if len(self._problems) == before:
            self._add_at(event, "yaml-key", "the key is no text", "write the key in quotes")
        return None

    def _scalar(self, event: Any) -> Any:
        value: str = event.value
        if event.anchor is not None or event.tag is not None:
            self._decorated(event)
        if event.style:
            if "\0" in value or (not value.isprintable() and _has_surrogate(value)):
                self._add_at(event, "yaml-escape", "an escape gives NUL or half a surrogate pair", _ESCAPE_HELP)
            return value
        if value[:1].isalpha() or value[:1] in {"_", "/"}:
            if len(value) <= 5 and value.lower() in _OTHER_WORDS:
                if value in _CONSTANTS:
                    return _CONSTANTS[value]
                self._ambiguous(event)
            return value
        if _INTEGER.fullmatch(value):
            return self._integer(event)
        if not value:
            self._add_at(event, "yaml-empty", "a value is missing", 'write null, "" or the value')
        elif len(value) < 64 and _FLOAT.fullmatch(value) and any(mark in value for mark in ".eE"):
            self._add_at(
                event, "yaml-float", f"{value} is a float, which two machines may read differently", _quote(value)
            )
        else:
            self._ambiguous(event)
        return value

    def _integer(self, event: ScalarEvent) -> int:
        value = event.value
        if value == "-0" or len(value) > 17 or abs(int(value)) > MAX_INTEGER:
            message = f"{value[:40]} is no integer that every parser holds exactly (at most {MAX_INTEGER})"
            self._add_at(event, "yaml-integer", message, _quote(value))
            return 0
        return int(value)

    def _ambiguous(self, event: ScalarEvent) -> None:
        message = f"{event.value[:40]} without quotes does not mean the same in every YAML version"
        self._add_at(event, "yaml-ambiguous", message, _quote(event.value))

    def _decorated(self, event: Any) -> None:
        if event.anchor is not None:
            self._add_at(
                event, "yaml-anchor", f"an anchor, &{event.anchor[:40]}", "write the value out where it is needed"
            )
        if event.tag is not None:
            self._add_at(event, "yaml-tag", f"a tag, {event.tag[:60]}", "remove it; texts go in quotes")

    # Problems.

    def _syntax(self, error: yaml.YAMLError) -> None:
        said = ", ".join(part for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part)
        found = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        mark = Mark(found.line + 1, found.column + 1, 1) if found else Mark(0, 0, 1)
        if "escape code" in said:
            self._add(mark, "yaml-escape", said, _ESCAPE_HELP)
        else:
            self._add(
                mark, "yaml-syntax", said or "this is no YAML", "check indentation, colons and quotes around here"
            )

    def _add_at(self, event: Event, code: str, message: str, hint: str) -> None:
        self._add(_mark(event, self._lines), code, message, hint)
        if len(self._problems) >= MAX_PROBLEMS:
            raise _Stop

    def _add(self, mark: Mark, code: str, message: str, hint: str = "") -> None:
        self._problems.append(_problem(self._path, self._lines, mark, code, message, hint))


class _Stop(Exception):
    """Nothing after this place can be judged."""


_ESCAPE_HELP = 'write the character itself, or one escape such as "\\U0001F600"'


def _quote(value: str) -> str:
    return f'write "{value[:40]}", in quotes' if '"' not in value and "\\" not in value else "write it in quotes"


def _has_surrogate(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)


def _problem(path: str, lines: tuple[str, ...], mark: Mark, code: str, message: str, hint: str) -> Problem:
    excerpt = lines[mark.line - 1] if 0 < mark.line <= len(lines) else ""
    return Problem(path, mark.line, mark.column, code, message, hint, excerpt, mark.width)


def _mark(event: Any, lines: tuple[str, ...]) -> Mark:
    """Where an event begins, and how wide it is in that line; collections are as wide as their first character."""
    start, end = event.start_mark, event.end_mark
    if not isinstance(event, ScalarEvent | AliasEvent):
        return Mark(start.line + 1, start.column + 1, 1)
    last = end.column if end.line == start.line else len(lines[start.line]) if start.line < len(lines) else 0
    return Mark(start.line + 1, start.column + 1, max(1, last - start.column))


def _walk(location: Location, key: Event | None, value: Event, events: Iterator[Any]) -> Iterator[_Place]:
    """The place of a value and of every one in it, in the order of the text."""
    yield _Place(location, key, value)
    if isinstance(value, MappingStartEvent):
        for name in takewhile(_goes_on, events):
            yield from _walk((*location, name.value), name, next(events), events)
    elif isinstance(value, SequenceStartEvent):
        for index, item in enumerate(takewhile(_goes_on, events)):
            yield from _walk((*location, index), None, item, events)


def _goes_on(event: Event) -> bool:
    return not isinstance(event, CollectionEndEvent)


def _engine() -> Any:
    """The fastest of PyYAML's parsers that is installed."""
    return yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader
