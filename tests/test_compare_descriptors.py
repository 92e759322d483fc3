"""Proves that what answers are like on their own is counted as it is: lengths, languages, refusals, JSON, and what was
filtered; that fields of JSON are compared by RFC 6901; and that hostile answers have neither a say nor no end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.compare.describe import FIELDS
from runner.compare.fields import LONGEST, MOST, Field, changes, differing, pointer
from runner.compare.leaves import leaves
from runner.compare.verdict import compare
from runner.model import Cell, DiffReport
from runner.model.report import Length, TargetDiff
from tests import make

GERMAN = "Die Hauptstadt von Frankreich ist Paris, und sie liegt an der Seine."
ENGLISH = "The capital of France is Paris, and it lies on the river Seine."


def told(say: Callable[[Cell], str | None], **spec: Any) -> TargetDiff:
    """The one target of a run with these answers; what is written is read back on the way."""
    report = compare(make.bundle(say, **spec))
    assert DiffReport.from_bytes(report.canonical(), "diff.json") == report
    return report.targets[0]


def test_lengths_are_of_characters_and_words() -> None:
    found = told(lambda cell: "one, two! 日本 " * cell.slot)
    assert found.described is not None
    assert found.described.characters == Length(least=13, median=26, greatest=39)
    assert found.described.words == Length(least=4, median=8, greatest=12)
    assert all(region.described and region.described.words == found.described.words for region in found.regions)


def test_languages_refusals_and_json_are_counted_by_region() -> None:
    answers = {
        "EU": GERMAN,
        "US": '{"answer": "The capital of France is Paris, and it lies on the Seine."}',
        "APAC": "I'm sorry, but I can't help with that request.",
    }
    found = told(lambda cell: answers[cell.region])
    eu, us, apac = (region.described for region in found.regions)
    assert eu is not None
    assert us is not None
    assert apac is not None
    assert (eu.languages, eu.refusals, eu.json_answers) == ({"de": 6}, 0, 0)
    assert (us.languages, us.refusals, us.json_answers) == ({"en": 6}, 0, 6)
    assert (apac.languages, apac.refusals, apac.json_answers) == ({"en": 6}, 6, 0)
    assert found.described is not None
    assert found.described.languages == {"de": 6, "en": 12}
    assert (found.described.refusals, found.described.json_answers) == (6, 6)


def test_what_nobody_answered_has_no_descriptors() -> None:
    found = told(lambda cell: None if cell.region == "US" else "x")
    assert [region.described is None for region in found.regions] == [False, True, False]
    assert told(lambda _: None).described is None


def test_volatile_values_are_counted_by_kind() -> None:
    text = (
        "Generated: 2026-11-22 10:01:00\nrequest id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301\nServed by 10.0.0.7, 10.0.0.8"
    )
    found = told(lambda cell: text if cell.region == "EU" else "Nothing of the kind.")
    assert found.regions[0].described is not None
    assert found.regions[0].described.volatile == {"address": 12, "id": 6, "time": 6}
    assert found.regions[1].described is not None
    assert found.regions[1].described.volatile == {}
    assert found.described is not None
    assert found.described.volatile == found.regions[0].described.volatile


def test_literals_of_the_job_are_counted_as_they_are_left_out() -> None:
    """In the job's order, each in what those before it left: `aa` of `aaa` once, then no `aaa` is there any more."""
    ignore = {"compare": {"ignore": ["aa", "aaa", "EU", "nowhere"]}}
    found = told(lambda cell: f"{cell.region} EU {'aaa ' * cell.slot}", **ignore)
    eu, us, _ = (region.described for region in found.regions)
    assert eu is not None
    assert us is not None
    assert eu.ignored == (12, 0, 12, 0)
    assert us.ignored == (12, 0, 6, 0)
    assert found.described is not None
    assert found.described.ignored == (36, 0, 24, 0)
    assert eu.characters == Length(least=4, median=6, greatest=8)


def test_a_pair_in_two_languages_says_so_and_keeps_its_class() -> None:
    found = told(lambda cell: GERMAN if cell.region == "APAC" else ENGLISH)
    reasons = {(sample.a.region, sample.b.region): sample.reasons for sample in found.samples}
    assert reasons["EU", "APAC"][-1] == "one answer is in English, the other in German"
    assert reasons["EU", "US"] == ()
    known = told(lambda cell: "Paris" if cell.region == "APAC" else ENGLISH)
    assert not any("answer is in" in reason for sample in known.samples for reason in sample.reasons)
    assert [sample.pair_class for sample in found.samples] == ["identical", "major", "major"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ((), ""),
        (("",), "/"),
        (("a/b",), "/a~1b"),
        (("c%d", "e^f", "g|h", "i\\j", 'k"l', " "), '/c%d/e^f/g|h/i\\j/k"l/ '),
        (("m~n",), "/m~0n"),
        (("~1",), "/~01"),
        (("list", "10"), "/list/10"),
    ],
)
def test_pointers_are_those_of_rfc_6901(path: Sequence[str], shown: str) -> None:
    """The examples of its section 5, and those of section 4."""
    assert pointer(path) == shown


def fields(a: object, b: object) -> list[Field]:
    one, other = leaves(json.dumps(a)), leaves(json.dumps(b))
    assert one is not None
    assert other is not None
    return differing(one, other)


def test_fields_that_differ() -> None:
    a = {"city": "Paris", "n": 1.0, "list": list(range(12)), "gone": None, "same": {"x": []}}
    b = {"city": "Lyon", "n": 1, "list": [*range(2), 7, *range(3, 11), "y"], "new": {"a": True}, "same": {"x": []}}
    assert fields(a, b) == [
        Field("/city", '"Paris"', '"Lyon"'),
        Field("/gone", "null", None),
        Field("/list/2", "2", "7"),
        Field("/list/11", "11", '"y"'),
        Field("/new/a", None, "true"),
    ]
    assert fields({}, []) == [Field("", "{}", "[]")]
    assert fields(a, a) == []


KEYS = st.text(max_size=3).filter(lambda key: not key.isdigit())
"""A key of digits is the same pointer as an element of an array."""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=6,
)


def resolved(document: Any, path: str) -> Any:
    """RFC 6901, section 4, the other way round."""
    for token in path.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.dictionaries(KEYS, VALUES, max_size=4), st.dictionaries(KEYS, VALUES, max_size=4))
def test_every_pointer_leads_to_its_value(a: dict[str, Any], b: dict[str, Any]) -> None:
    found = fields(a, b)
    assert bool(found) == (json.dumps(a, sort_keys=True) != json.dumps(b, sort_keys=True))
    for field in found:
        for document, value in ((a, field.before), (b, field.after)):
            if value is not None and not value.startswith('"'):
                assert json.dumps(resolved(document, field.pointer)) == value
            elif value is not None:
                assert f'"{resolved(document, field.pointer)}"' == value
    assert sorted(fields(b, a)) == sorted(Field(path, after, before) for path, before, after in found)


def test_a_sample_names_the_fields() -> None:
    def say(cell: Cell) -> str:
        return json.dumps({"city": "Lyon" if cell.region == "APAC" else "Paris", "country": "France"})

    found = {(sample.a.region, sample.b.region): sample.json_changes for sample in told(say).samples}
    assert found["EU", "US"] is None
    assert found["EU", "APAC"] is not None
    assert found["EU", "APAC"].to_json() == {"fields": [{"path": "/city"}], "more": 0}


def test_who_alone_has_a_field() -> None:
    one, other = leaves('{"a": 1, "c": 3}'), leaves('{"b": 2, "c": 3}')
    found = changes(one, other, 100)
    assert found is not None
    assert [(field.path, field.only) for field in found.fields] == [("/a", "a"), ("/b", "b")]
    assert changes(one, None, 100) is changes(one, one, 100) is None


def test_keys_are_hostile() -> None:
    """Half a surrogate pair, which JSON can spell and no canonical document can hold; controls; a key without end."""
    hostile = '{"\\ud800": 1, "\\u202e\\u001b[31m": 1, "' + "k" * 5_000 + '": 1}'
    found = told(lambda cell: hostile if cell.region == "EU" else "{}")
    changed = found.samples[0].json_changes
    assert changed is not None
    assert [field.path for field in changed.fields] == [
        "",
        "/" + "k" * (LONGEST - 2) + "…",
        "/⟦U+202E⟧⟦U+001B⟧[31m",
        "/⟦U+D800⟧",
    ]


def test_fields_without_end_are_counted() -> None:
    def say(cell: Cell) -> str:
        return json.dumps([f"{cell.region} {n}" for n in range(50)])

    prompts = [{"id": f"p{n}", "text": "x"} for n in range(40)]
    samples = told(say, prompts=prompts).samples
    found = [sample.json_changes for sample in samples if sample.json_changes]
    assert len(found) == len(samples) == 120
    assert {len(one.fields) + one.more for one in found} == {50}
    assert [len(one.fields) for one in found] == [MOST] * 100 + [0] * 20
    assert sum(len(one.fields) for one in found) == FIELDS
