"""The catalogue behind `beacon explain` is complete and true: every code that the loaders raise has an entry, every bad
example yields its code, and no good example yields any."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner import explain, jobrules, registry, strictyaml
from runner.errors import Invalid, Usage
from runner.explain.entry import Entry
from runner.ports import Blob
from runner.tree import judge_tree
from tests.make import CID
from tests.registries import JOB, POLICY, data, dump, merged

RUNNER = Path(explain.__file__).parent.parent
JUDGES = ["strictyaml", "yamltext", "documents", "jobrules", "registry", "tree", "sshsig", "keyfiles", "trust"]
# Texts of the form of a code that are none.
OTHERS = {"ssh-ed25519", "ssh-keygen"}


def raised() -> set[str]:
    """Every string of these modules that looks like a code."""
    text = "\n".join((RUNNER / f"{name}.py").read_text() for name in JUDGES)
    prefixes = (
        "yaml|field|value|id|image|region|regions|country|digest|cid|decimal|path|file|signature|signer|key|policy"
    )
    prefixes += "|benchmark|service|cap|budget|limits|alpha|schedule|secret|personal|text|suspended"
    prefixes += "|principal|revoked|threshold|trust|vkey"
    found = set(re.findall(rf'"((?:{prefixes})-[a-z0-9]+(?:-[a-z0-9]+)*)"', text))
    found |= {f"{field}-mismatch" for field in ("owner", "suite", "name")}
    return found - OTHERS


def codes(entry: Entry, example: str) -> set[str]:
    """What the loader says of an example."""
    if entry.of == "path":
        files = {f"registry/{path}": Blob("100644", "oid") for path in re.findall(r"registry/(\S+)", example)}
        return {problem.code for problem in judge_tree(files).problems}
    try:
        parsed = strictyaml.load(example.encode(), "example.yaml")
        if entry.of == "policy":
            policy = {name: value for name, value in POLICY.items() if name not in parsed.data} | parsed.data
            registry.documents.read(registry.Policy, dump(policy), "registry/policy.yaml")
        if entry.of == "job":
            policy = registry.documents.read(registry.Policy, dump(POLICY), "registry/policy.yaml")[0]
            base = data(spec={"targets": [data()["spec"]["targets"][0] | {"image": {"gvmi": "a" * 56}}]})
            raw = dump(merged(base, parsed.data))
            spec, document = registry.documents.read(registry.JobSpec, raw, JOB)
            return {problem.code for problem in jobrules.judge(spec, document, policy, {"echo": CID})}
    except Invalid as error:
        return {problem.code for problem in error.problems}
    return set()


def test_every_code_that_is_raised_has_an_entry() -> None:
    # Private keys are the runner's own affair; no document of a registry leads to them.
    private = {"key-encrypted", "key-unreadable", "key-malformed", "key-small-order"}
    assert raised() - private - set(explain.CODES) == set()


def test_every_entry_is_of_a_code_that_is_raised() -> None:
    assert set(explain.CODES) - raised() == set()


@pytest.mark.parametrize(("code", "entry"), explain.CODES.items(), ids=explain.CODES)
def test_examples_are_true(code: str, entry: Entry) -> None:
    if entry.of != "words":
        assert codes(entry, entry.bad) == {code}
        assert codes(entry, entry.good) == set()


@pytest.mark.parametrize(("code", "entry"), explain.CODES.items(), ids=explain.CODES)
def test_entries_read_alike(code: str, entry: Entry) -> None:
    assert entry.title[0].isupper()
    assert not entry.title.endswith(".")
    assert entry.why.endswith(".")
    assert 40 < len(entry.why) < 400
    assert explain.explain(code).isprintable() or "\n" in explain.explain(code)
    assert explain.explain(code).startswith(f"{code}: {entry.title}\n\n{entry.why}\n\nNot so:\n    ")


def test_what_cannot_be_seen_is_shown() -> None:
    assert "name:⟦U+0009⟧who" in explain.explain("yaml-tab")
    assert "name: who⟦U+000D⟧" in explain.explain("yaml-cr")
    assert "a⟦U+202E⟧b" in explain.explain("yaml-control")


def test_unknown_codes_are_corrected() -> None:
    with pytest.raises(Usage) as error:
        explain.explain("region-unkown")
    assert error.value.hint == 'did you mean "region-unknown"?'
