"""The schemas are what the models give, they describe every field, and they judge every document as the models do."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from runner.errors import Unverified
from runner.model import canonical, parse_entry
from runner.model.canonical import MAX_INTEGER
from runner.model.ledger import parse_line
from runner.registry.schemas import CANONICAL, WRITTEN_BY_PEOPLE, schemas
from tests import documents

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "schemas"
SCHEMAS = {name.removesuffix(".json"): json.loads(raw) for name, raw in schemas().items()}
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
DOCUMENTS = [
    *(documents.people() | documents.canonical()).items(),
    *(("logentry", entry.to_json()) for entry in documents.entries()),
    *(("ledgerline", line) for line in documents.ledger()),
]


def accepts(name: str, data: Any) -> bool:
    """Whether the model takes the document, in the encoding in which it is published."""
    try:
        if name in WRITTEN_BY_PEOPLE:
            WRITTEN_BY_PEOPLE[name].from_json(data)
        elif name in CANONICAL:
            CANONICAL[name].from_bytes(canonical(data), name)
        elif name == "ledgerline":
            parse_line(canonical(data), "a line")
        else:
            parse_entry(canonical(data), 0)
    except (ValueError, Unverified):  # pydantic and rfc8785 raise kinds of ValueError
        return False
    return True


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


def test_the_files_are_what_the_models_give() -> None:
    written = {path.name: path.read_bytes() for path in FOLDER.glob("*.json")}
    assert written == schemas(), "run `beacon schema --write`"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_each_is_a_schema_with_a_name_a_title_and_words_for_every_field(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"].endswith(f"/{name}.json")
    for model in [schema, *schema.get("$defs", {}).values()]:
        assert model["title"]
        assert model["description"]
    for node in nodes(schema):
        for field, value in node.get("properties", {}).items():
            assert "description" in value or "$ref" in value, f"{node.get('title')}.{field}"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_example_is_valid(name: str) -> None:
    for node in nodes(SCHEMAS[name]):
        for example in node.get("examples", []) if isinstance(node.get("examples"), list) else []:
            assert Draft202012Validator(node).is_valid(example)


def test_names_are_those_on_paper() -> None:
    for schema in SCHEMAS.values():
        names = [name for node in nodes(schema) for name in node.get("properties", {})]
        assert all(re.fullmatch(r"_?[a-z][A-Za-z0-9]*", name) for name in names)
    assert "memoryMiB" in SCHEMAS["jobspec"]["$defs"]["Limits"]["properties"]


@pytest.mark.parametrize(("name", "data"), DOCUMENTS)
def test_both_judges_accept_the_full_document(name: str, data: Any) -> None:
    assert accepts(name, data)
    VALIDATORS[name].validate(data)


BOUNDS = sorted(
    {
        node[word] + step
        for schema in SCHEMAS.values()
        for node in nodes(schema)
        for word in ("minimum", "maximum")
        if isinstance(node.get(word), int)
        for step in (-1, 0, 1)
    }
)
LENGTHS = sorted(
    {
        max(0, node[word] + step)
        for schema in SCHEMAS.values()
        for node in nodes(schema)
        for word in ("minLength", "maxLength")
        if isinstance(node.get(word), int) and node[word] <= 4096
        for step in (-1, 0, 1)
    }
)
INTEGERS = st.sampled_from(BOUNDS) | st.integers(-(2**70), 2**70)
STRINGS = (
    st.builds(lambda length, letter: letter * length, st.sampled_from(LENGTHS), st.sampled_from("aZ0é😀"))
    | st.sampled_from(
        ["", "\n", "DE\n", "EU", "a-", "-a", "0.5\n", "00", "1e3", "٣", "2026-11-22T03:00:00Z\n", "ſ", "K"]
    )
    | st.text(max_size=8)
)
VALUES = st.one_of(
    st.none(), st.booleans(), INTEGERS, STRINGS, st.builds(list), st.builds(dict), st.lists(STRINGS, max_size=3)
)


def places(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a document."""
    yield place
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield from places(value, (*place, key))


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Any]:
    """A full document after one to three changes."""
    name, original = draw(st.sampled_from(DOCUMENTS))
    data = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 3))):
        data = changed(draw, data)
    return name, data


def changed(draw: st.DrawFn, data: Any) -> Any:  # noqa: C901 - one case a kind of change
    place = draw(st.sampled_from(list(places(data))))
    if not place:
        return draw(VALUES) if draw(st.integers(0, 9)) == 0 else data
    parent = data
    for key in place[:-1]:
        parent = parent[key]
    old = parent[place[-1]]
    match draw(st.sampled_from(["drop", "replace", "edit", "add", "rename", "repeat"])):
        case "drop":
            del parent[place[-1]]
        case "replace":
            parent[place[-1]] = draw(VALUES)
        case "edit" if isinstance(old, str):
            at = draw(st.integers(0, len(old)))
            parent[place[-1]] = old[:at] + draw(st.sampled_from(["\n", "x", "-", ".", "/", "0", "É"])) + old[at:]
        case "edit" if isinstance(old, int):
            parent[place[-1]] = draw(st.sampled_from([old + 1, -old, bool(old), str(old), 0]))
        case "add" if isinstance(old, dict):
            old[draw(STRINGS)] = draw(VALUES)
        case "add" if isinstance(old, list):
            old.append(draw(VALUES))
        case "rename" if isinstance(parent, dict):
            name = draw(st.sampled_from([re.sub(r"([A-Z])", lambda m: "_" + m[1].lower(), place[-1])]) | STRINGS)
            parent[name] = parent.pop(place[-1])
        case "repeat" if isinstance(old, list) and old:
            parent[place[-1]] = old * draw(st.integers(2, 40))
    return data


@settings(derandomize=True, deadline=None, max_examples=500)
@given(mutated())
def test_both_judges_agree_on_every_mutation(case: tuple[str, Any]) -> None:
    name, data = case
    errors = [error.message for error in VALIDATORS[name].iter_errors(data)]
    assert accepts(name, data) == (not errors), errors


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("run", documents.run() | {"start": True}),
        ("run", documents.run() | {"start": MAX_INTEGER + 1}),
        ("run", documents.run() | {"due": None}),
        ("run", documents.run() | {"due": "2026-11-22T03:00:00Z\n"}),
        ("run", {key: value for key, value in documents.run().items() if key != "kind"}),
        ("run", documents.run() | {"sha256": "٣" * 64}),
        ("policy", documents.policy() | {"regions": {"eu": ["DE"]}}),
        ("policy", documents.policy() | {"budgets": {"job": {"USD": "5"}}}),
        ("logentry", {"v": True, "type": "trust", "serial": 2, "trust": documents.DIGEST, "threshold": 2}),
        ("logentry", {"v": 1, "run": documents.RUN, "start": 2}),
    ],
)
def test_both_judges_refuse(name: str, data: Any) -> None:
    assert not accepts(name, data)
    assert not VALIDATORS[name].is_valid(data)
