"""JSON Schemas (draft 2020-12) of every document, generated from the models, so that editors and other people's tools
judge as we do.

`schemas/` holds what `schemas()` gives, byte for byte; `beacon schema --write` writes it again. A schema says what one
document may hold. What needs a second field or another file (does the region exist, is the owner the signer) is judged
by `runner/registry`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from runner.model import DiffReport, Document, JobSpec, Manifest, Policy, Receipt, Run, Settlement, TrustList
from runner.model.entry import ENTRY
from runner.model.ledger import LINE
from runner.model.providers import ProviderList

BASE = "https://beacon-runner.github.io/schemas/"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

WRITTEN_BY_PEOPLE: Mapping[str, type[Document]] = {
    "jobspec": JobSpec,
    "policy": Policy,
    "providerlist": ProviderList,
}
"""Strict YAML: defaults may be left out, or a null stand for them."""

CANONICAL: Mapping[str, type[Document]] = {
    "diffreport": DiffReport,
    "manifest": Manifest,
    "receipt": Receipt,
    "run": Run,
    "settlement": Settlement,
    "trustlist": TrustList,
}
"""Canonical JSON: one document, one encoding."""


def schemas() -> Mapping[str, bytes]:
    """File name below `schemas/` to its bytes: sorted keys, two spaces, a line feed at the end."""
    bodies = {name: _of(model, _Generator) for name, model in WRITTEN_BY_PEOPLE.items()}
    bodies |= {name: _of(model, _CanonicalGenerator) for name, model in CANONICAL.items()}
    bodies["logentry"] = {
        **ENTRY.json_schema(schema_generator=_CanonicalGenerator),
        "title": "LogEntry",
        "description": "What was said, in the order of the log; at most 512 bytes of canonical JSON.",
    }
    bodies["ledgerline"] = {
        **LINE.json_schema(schema_generator=_CanonicalGenerator),
        "title": "LedgerLine",
        "description": "One line of the ledger: an attempt on a Golem network, or what a start was paid.",
    }
    return {
        f"{name}.json": _print({"$schema": DIALECT, "$id": f"{BASE}{name}.json", **body})
        for name, body in sorted(bodies.items())
    }


def answers() -> Mapping[str, bytes]:
    """The same for what verbs print with `--json`: `answers/plan.json` for a document whose `schema` is
    `beacon/plan/v1`."""
    from runner.model.answers import ANSWERS

    found = {}
    for name, model in sorted(ANSWERS.items()):
        body = model.model_json_schema(schema_generator=_CanonicalGenerator if name in ("event", "log") else _Generator)
        body["properties"] = {"schema": {"const": f"beacon/{name}/v1"}, **body["properties"]}
        body["required"] = ["schema", *body.get("required", [])]
        found[f"answers/{name}.json"] = _print({"$schema": DIALECT, "$id": f"{BASE}answers/{name}.json", **body})
    return found


def _of(model: type[Document], generator: type[GenerateJsonSchema]) -> JsonSchemaValue:
    return model.model_json_schema(schema_generator=generator)


def _print(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


class _Generator(GenerateJsonSchema):
    """Pydantic's own generator, where it says less than the models hold."""

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        """Python's `re`, which the `jsonschema` package uses, lets a line feed pass before `$`. ECMA-262, which JSON
        Schema asks for, and the models do not. A look-ahead would say so too, but not to validators without them."""
        found = super().str_schema(schema)
        return found | {"not": {"pattern": r"\n"}} if "pattern" in found else found

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Keys as `propertyNames`: pydantic writes `patternProperties`, which lets every other key pass."""
        found = super().dict_schema(schema)
        values = self.generate_inner(schema["values_schema"]) if "values_schema" in schema else True
        keys = self.generate_inner(schema["keys_schema"]) if "keys_schema" in schema else True
        found.pop("patternProperties", None)
        return found | {"additionalProperties": values, "propertyNames": keys}

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Titles of fields would only repeat their names."""
        return False

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Without `discriminator`, a word of OpenAPI's that strict validators do not know."""
        return {key: value for key, value in super().tagged_union_schema(schema).items() if key != "discriminator"}


class _CanonicalGenerator(_Generator):
    """What `Document.from_bytes` accepts: defaults are written out, and what is absent is not written as null."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The value alone: no default, which would promise that the field may be left out, and no null in its place."""
        inner = schema["schema"]
        if inner["type"] == "nullable" and schema.get("default", ...) is None:
            inner = inner["schema"]
        return self.generate_inner(inner)

    def field_is_required(self, field: Any, total: bool) -> bool:
        """Every field but those that may be absent."""
        inner = field["schema"]
        return inner["type"] != "default" or inner.get("default", ...) is not None
