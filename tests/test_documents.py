"""Every mistake in a document is said in plain words, in its place; none hides another."""

from __future__ import annotations

from typing import Any

import pytest

from runner.errors import Invalid
from runner.model import JobSpec, Policy
from runner.registry.documents import read
from tests.make import job_data
from tests.registries import POLICY, dump, merged


def mistakes(spec: dict[str, Any], model: type[Any] = JobSpec) -> list[tuple[str, str, str, str]]:
    """Code, message, help, and the text under the caret."""
    try:
        read(model, dump(spec), "x.yaml")
    except Invalid as error:
        return [
            (found.code, found.message, found.help, found.excerpt[found.column - 1 :][: found.width])
            for found in error.problems
        ]
    return []


def target(**changes: Any) -> dict[str, Any]:
    """A job whose only target has these fields changed; None takes one away."""
    job = job_data()
    fields = job["spec"]["targets"][0] | changes
    job["spec"]["targets"] = [{name: value for name, value in fields.items() if value is not ...}]
    return job


def job(section: str, **changes: Any) -> dict[str, Any]:
    return merged(job_data(), {section: changes})


ID = "an id: a to z, 0 to 9 and inner hyphens, at most 63"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            job("metadata", titel="x"),
            ("field-unknown", '"titel" is no field of "metadata"', "other fields: labels, suite", '"titel"'),
        ),
        (
            job("spec", minregions=2),
            ("field-unknown", '"minregions" is no field of "spec"', 'did you mean "minRegions"?', '"minregions"'),
        ),
        (
            job("spec", limits={"memory_mi_b": 64}),
            ("field-unknown", '"memory_mi_b" is no field of "limits"', 'did you mean "memoryMiB"?', '"memory_mi_b"'),
        ),
        (
            target(container="x"),
            ("field-unknown", '"container" is no field of "targets"', "other fields: parameters", '"container"'),
        ),
        (
            target(kind="contaner"),
            (
                "value-unknown",
                '"contaner" is not allowed here, only container, service',
                'did you mean "container"?',
                '"contaner"',
            ),
        ),
        (target(kind=...), ("field-missing", '"kind" is missing', "one of container, service", '"')),
        (target(command=...), ("field-missing", '"command" is missing', "Program and arguments", '"')),
        (target(name=7), ("value-type", "7 where text is wanted", 'write "7", in quotes', "7")),
        (target(name=None), ("value-type", "null where text is wanted", "", "null")),
        (target(name=True), ("value-type", "true where text is wanted", 'write "true", in quotes', "true")),
        (target(command="run"), ("value-type", '"run" where a list is wanted', "", '"run"')),
        (target(image=[]), ("value-type", "a list where a mapping is wanted", "", "[")),
        (
            target(parameters={"heat": [1]}),
            ("value-type", "a list where text or an integer or true or false is wanted", "", "-"),
        ),
        (
            target(image={"oci": "acme/who:1"}),
            (
                "image-digest-missing",
                '"acme/who:1" is not an image with its digest, NAME@sha256:<64 hex digits>',
                "a tag alone may change",
                '"acme/who:1"',
            ),
        ),
        (job("metadata", name="Who"), ("id-invalid", f'"Who" is not {ID}', 'write "who"', '"Who"')),
        (
            job("metadata", owner="\u0430lice"),
            ("id-invalid", f'"\u0430lice" is not {ID}', "U+0430 is CYRILLIC SMALL LETTER A", '"\u0430lice"'),
        ),
        (job("metadata", labels={"A b": "x"}), ("id-invalid", f'"A b" is not {ID}', "", '"A b"')),
        (job("metadata", revision=0), ("value-range", "0 is out of range: at least 1", "", "0")),
        (job("spec", retries=6), ("value-range", "6 is out of range: at most 5", "", "6")),
        (job("spec", retries="2"), ("value-type", '"2" where an integer is wanted', "remove the quotes", '"2"')),
        (job("spec", retries=True), ("value-type", "true where an integer is wanted", "", "true")),
        (job("spec", prompts=[]), ("value-length", "0 entries; at least 1 are wanted", "", "[")),
        (job("metadata", title=""), ("value-length", "0 characters; at least 1 are wanted", "", '""')),
        (
            job("spec", publish="scores"),
            ("value-unknown", '"scores" is not allowed here, only full', "allowed: full", '"scores"'),
        ),
        (
            job("spec", budget={"total": "1,5"}),
            ("decimal-invalid", '"1,5" is not a decimal number such as "0.25"', "", '"1,5"'),
        ),
    ],
)
def test_each_mistake_in_plain_words(spec: dict[str, Any], expected: tuple[str, str, str, str]) -> None:
    [(code, message, hint, under)] = mistakes(spec)
    assert (code, message, under) == (expected[0], expected[1], expected[3])
    assert hint.startswith(expected[2])


def test_mistakes_at_one_place_do_not_hide_each_other() -> None:
    spec = job_data()
    del spec["metadata"]["title"], spec["metadata"]["revision"]
    assert [(found[1], found[3]) for found in mistakes(spec)] == [
        ('"title" is missing', '"metadata"'),
        ('"revision" is missing', '"metadata"'),
    ]


def test_missing_quotes_hide_no_other_mistake() -> None:
    raw = dump(merged(job_data(), {"spec": {"retries": "0.5", "regoins": 1, "minRegions": 99}}))
    with pytest.raises(Invalid) as error:
        read(JobSpec, raw.replace(b'"0.5"', b"0.5"), "x.yaml")
    assert sorted(found.code for found in error.value.problems) == ["field-unknown", "value-range", "yaml-float"]


def test_a_wrong_entry_does_not_make_its_list_too_short() -> None:
    assert [found[0] for found in mistakes(target(kind="x"))] == ["value-unknown"]


def test_keys_of_a_policy_are_judged_too() -> None:
    policy = merged(POLICY, {"regions": {"europe": ["DE"], "US": ["usa"]}})
    assert [(found[0], found[3]) for found in mistakes(policy, Policy)] == [
        ("country-invalid", '"usa"'),
        ("region-name-invalid", '"europe"'),
    ]


def test_a_document_that_is_something_else_altogether() -> None:
    with pytest.raises(Invalid) as error:
        read(JobSpec, b"- 1\n", "x.yaml")
    assert [found.message for found in error.value.problems] == ["a list where a mapping is wanted"]


def test_what_is_right_comes_back_with_its_places() -> None:
    document, parsed = read(JobSpec, dump(job_data()), "x.yaml")
    assert document == JobSpec.from_json(job_data())
    assert parsed.marks[("metadata", "owner")].line == 4
