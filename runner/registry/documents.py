"""From a file's bytes to a document of `runner/model`: every mistake with its place and in plain words.

pydantic says what is wrong with the data, `strictyaml` knows where each value stands. Joining them needs the models'
annotations: pydantic's locations hold the tags of unions besides keys and indexes, and an unknown field can only be
corrected by somebody who knows the fields around it.
"""

from __future__ import annotations

import types
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from runner.diagnostics import suggestion
from runner.errors import Invalid, Problem
from runner.formats import strictyaml
from runner.formats.strictyaml import Location, Parsed
from runner.formats.yamltext import MAX_BYTES
from runner.model.canonical import Cid, Country, Day, Decimal, Document, Id, JobPath, Network, RegionName, Sha256
from runner.model.providers import Account

D = TypeVar("D", bound=Document)


def read(model: type[D], raw: bytes, path: str, most: int = MAX_BYTES) -> tuple[D, Parsed]:
    """The document in a file of strict YAML of at most `most` bytes, and the places of its values. Raises `Invalid`
    with every mistake."""
    document, parsed, problems = read_on(model, raw, path, most)
    if problems or document is None or parsed is None:
        raise Invalid(problems)
    return document, parsed


def read_on(
    model: type[D], raw: bytes, path: str, most: int = MAX_BYTES
) -> tuple[D | None, Parsed | None, tuple[Problem, ...]]:
    """As `read`, with every mistake in place of an error. Where quotes alone are missing, the document is there too:
    what it would say with them can be wrong as well, and an author shall see all of it at once."""
    unquoted: tuple[Problem, ...] = ()
    try:
        parsed = strictyaml.load(raw, path, most)
    except strictyaml.Unquoted as error:
        parsed, unquoted = error.parsed, error.problems
    except Invalid as error:
        return None, None, error.problems
    try:
        return model.from_json(parsed.data), parsed, unquoted
    except ValidationError as error:
        told = {(problem.line, problem.column) for problem in unquoted}
        more = [one for one in explained(error, parsed, model) if (one.line, one.column) not in told]
        problems = sorted((*unquoted, *more), key=lambda problem: (problem.line, problem.column))
        return None, parsed, tuple(problems)


def explained(error: ValidationError, parsed: Parsed, model: type[Document]) -> tuple[Problem, ...]:
    """What pydantic found, as problems in the order of the text. A value that fits no member of a union is one
    problem, not one for each member."""
    problems: dict[Problem, None] = {}
    for detail in error.errors(include_url=False):
        finding = _finding(detail, parsed.data, model)
        if finding is not None:
            problem = parsed.problem(finding.location, finding.code, finding.message, finding.hint, key=finding.on_key)
            problems[problem] = None
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))


class _Finding(NamedTuple):
    location: Location
    code: str
    message: str
    hint: str = ""
    on_key: bool = False


class _Way(NamedTuple):
    """Where a pydantic location leads: into the data, and to the annotation and the model that stand there."""

    location: Location
    annotation: Any
    within: type[Document] | None
    on_key: bool


def _follow(model: type[Document], steps: Sequence[str | int]) -> _Way:
    """Walk a pydantic location along the models' annotations."""
    location: Location = ()
    annotation: Any = model
    within: type[Document] | None = None
    for step in steps:
        if step == "[key]":
            return _Way(location, annotation, within, True)
        members = _members(annotation)
        if len(members) > 1 and (tagged := [member for member in members if step in _tags(member)]):
            annotation = tagged[0]
            continue
        holder = members[0]
        if _is_document(holder):
            within = holder
            field = _fields(holder).get(str(step))
            annotation = field.annotation if field else None
        elif get_origin(holder) in (tuple, dict):
            within = None
            annotation = get_args(holder)[0 if get_origin(holder) is tuple else 1]
        else:  # a member of a union of plain values
            break
        location += (step,)
    return _Way(location, annotation, within, False)


def _members(annotation: Any) -> list[Any]:
    """The types that an annotation allows, `None` apart."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for part in get_args(annotation) if part is not type(None) for inner in _members(part)]
    return [annotation]


def _is_document(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Document)


def _fields(model: type[Document]) -> Mapping[str, FieldInfo]:
    """Fields by the names that stand on paper."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _tags(annotation: Any) -> tuple[Any, ...]:
    """The values of `kind` by which a model is told from the others of its union."""
    kind = annotation.model_fields.get("kind") if _is_document(annotation) else None
    return get_args(kind.annotation) if kind and get_origin(kind.annotation) is Literal else ()


def _finding(detail: ErrorDetails, data: Any, model: type[Document]) -> _Finding | None:
    """One of pydantic's errors in our words, or None for one that only follows from another."""
    way = _follow(model, detail["loc"])
    kind, context, found = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "too_short" and len(found) >= context["min_length"]:
        return None  # the entries that are wrong were not counted
    if kind == "missing":
        return _missing(way)
    if kind == "extra_forbidden":
        return _unknown_field(way, data)
    if kind.startswith("union_tag"):
        return _kind(way, context.get("tag"))
    if kind == "literal_error":
        return _unknown_value(way, found, [str(value) for value in get_args(_members(way.annotation)[0])])
    if kind == "string_pattern_mismatch":
        return _pattern(way, found, context["pattern"])
    if "min_length" in context or "max_length" in context:
        return _length(way, found, context)
    if "ge" in context or "le" in context:
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return _Finding(way.location, "value-range", f"{_shown(found)} is out of range: {bound}")
    assert kind.endswith("_type"), f"the models hold no constraint that gives {kind}"
    return _type(way, found)


def _kind(way: _Way, found: str | None) -> _Finding:
    """A member of a union whose `kind` is missing or unknown."""
    kinds = [tag for member in _members(way.annotation) for tag in _tags(member)]
    if found is None:
        return _Finding(way.location, "field-missing", '"kind" is missing', f"one of {', '.join(kinds)}", True)
    return _unknown_value(_Way((*way.location, "kind"), None, None, False), found, kinds)


def _missing(way: _Way) -> _Finding:
    field = _fields(way.within)[str(way.location[-1])] if way.within else None
    hint = field.description or "" if field else ""
    return _Finding(way.location[:-1], "field-missing", f'"{way.location[-1]}" is missing', hint, True)


def _unknown_field(way: _Way, data: Any) -> _Finding:
    assert way.within is not None, "only a model forbids what it does not know"
    name = str(way.location[-1])
    parent = "the document" if len(way.location) == 1 else f'"{_last_name(way.location[:-1])}"'
    present = _at(data, way.location[:-1])
    free = [field for field in _fields(way.within) if field not in present] or list(_fields(way.within))
    return _Finding(
        way.location, "field-unknown", f'"{name}" is no field of {parent}', suggestion(name, free, "other fields"), True
    )


def _unknown_value(way: _Way, found: Any, names: Iterable[str]) -> _Finding:
    names = list(names)
    message = f"{_shown(found)} is not allowed here, only {', '.join(names)}"
    return _Finding(way.location, "value-unknown", message, suggestion(str(found), names, "allowed"), way.on_key)


def _pattern(way: _Way, found: str, pattern: str) -> _Finding:
    code, expected = _patterns().get(pattern, ("value-pattern", f"text like {pattern}"))
    hint = _odd_characters(found)
    if way.location[-1] == "oci" and "@sha256:" not in found:
        code, expected = "image-digest-missing", "an image with its digest, NAME@sha256:<64 hex digits>"
        hint = "a tag alone may change: docker buildx imagetools inspect NAME:TAG shows the digest"
    return _Finding(way.location, code, f"{_shown(found)} is not {expected}", hint, way.on_key)


def _length(way: _Way, found: Any, context: Mapping[str, Any]) -> _Finding:
    unit = "characters" if isinstance(found, str) else "entries"
    bound = f"at least {context['min_length']}" if "min_length" in context else f"at most {context['max_length']}"
    return _Finding(way.location, "value-length", f"{len(found)} {unit}; {bound} are wanted", "", way.on_key)


def _type(way: _Way, found: Any) -> _Finding:
    wanted = [_named(member) for member in _members(way.annotation)]
    hint = ""
    if str in map(_plain, _members(way.annotation)) and isinstance(found, bool | int | None):
        hint = (
            f'write "{str(found).lower() if isinstance(found, bool) else found}", in quotes'
            if found is not None
            else ""
        )
    elif "an integer" in wanted and isinstance(found, str) and found.isdecimal():
        hint = "remove the quotes"
    message = f"{_shown(found)} where {' or '.join(dict.fromkeys(wanted))} is wanted"
    return _Finding(way.location, "value-type", message, hint, way.on_key)


def _plain(annotation: Any) -> Any:
    return get_origin(annotation) or annotation


def _named(annotation: Any) -> str:
    """A type in words."""
    words = {str: "text", int: "an integer", bool: "true or false", tuple: "a list", dict: "a mapping", Literal: "text"}
    return words.get(_plain(annotation), "a mapping")


def _shown(value: Any) -> str:
    """A value in a message: short, texts in quotes."""
    if isinstance(value, str):
        return f'"{value[:60]}{"…" if len(value) > 60 else ""}"'
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    return "a mapping" if isinstance(value, dict) else str(value) if isinstance(value, int) else "a list"


def _odd_characters(found: str) -> str:
    """Names the first character that only looks like a Latin letter or digit."""
    for character in found:
        if ord(character) > 0x7E:
            return f"U+{ord(character):04X} is {unicodedata.name(character, 'unnamed')}"
    return f'write "{found.lower()}"' if found.isalnum() and found != found.lower() and found.isascii() else ""


def _last_name(location: Location) -> str:
    return next((str(step) for step in reversed(location) if isinstance(step, str)), "the document")


def _at(data: Any, location: Location) -> Any:
    for step in location:
        data = data[step]
    return data


@cache
def _patterns() -> Mapping[str, tuple[str, str]]:
    """The models' patterns: the code of what does not match, and what is wanted, in words."""
    words = [
        (Id, "id-invalid", "an id: a to z, 0 to 9 and inner hyphens, at most 63"),
        (RegionName, "region-name-invalid", 'a region: capital letters and digits, as "EU"'),
        (Country, "country-invalid", 'a country: its two capital letters (ISO 3166-1), as "DE"'),
        (Sha256, "digest-invalid", "a SHA-256: 64 digits of lower-case hex"),
        (Cid, "cid-invalid", 'the CID of a folder, "bafy…", as `beacon image cid FOLDER` prints it'),
        (Decimal, "decimal-invalid", 'a decimal number such as "0.25"'),
        (JobPath, "path-invalid", "the path of a job, registry/jobs/OWNER/[SUITE/]NAME.yaml"),
        (Account, "account-invalid", "a node or an account: 0x and 40 digits of lower-case hex, in quotes"),
        (Day, "day-invalid", 'a day in quotes, as "2026-11-22"'),
        (Network, "network-invalid", 'the /24 or /48 of an address, as "192.0.2.0/24"'),
    ]
    return {
        part.pattern: (code, expected)
        for annotated, code, expected in words
        for field in get_args(annotated)[1:]
        for part in field.metadata
        if getattr(part, "pattern", None)
    }
