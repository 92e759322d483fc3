"""The catalogue behind `beacon explain` is complete and true: every code that the loaders raise has an entry, every bad
example yields its code, and no good example yields any."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from runner import explain, registry
from runner.edges.devnet.faults import KINDS
from runner.errors import Invalid, Usage
from runner.events import NAMES
from runner.explain.entry import Entry, Note
from runner.formats import strictyaml
from runner.ports import Blob
from runner.registry import jobrules, policyrules
from runner.registry.tree import judge_tree
from tests.make import CID
from tests.registries import JOB, POLICY, data, dump, merged

RUNNER = Path(explain.__file__).parent.parent
KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
# Texts of the form of a code that are none: formats, roles, entries, git's words, names of things.
OTHERS = set(
    """ssh-ed25519 utf-8 unixfs-v1-2025 runner-git runner-receipt runner-attested payment-settled key-add
    key-revoke diff-tree beacon-intent beacon-nonce beacon-run beacon-runner beacon-watch demo-runner who-are-you
    who-are-you-swapped cat-file for-each-ref index-pack ls-remote merge-base read-tree rev-list rev-parse symbolic-ref
    unpack-objects update-index update-ref count-objects ls-tree oci-layout no-new-privileges child-pid
    app-key beacon-exe-unit beacon-sandbox devnet-template manifest-support
    cid-base dag-scope pin-roots allow-big-block log-check log-fsck log-prove
    check-jsonschema exit-code cpu-ms duration-ms gvmkit-squash memory-kib output-bytes wall-ms""".split()  # noqa: SIM905 - one list of words reads best
)


def raised() -> set[str]:
    """Every text of the package that looks like a code, and those that are put together."""
    found = {f"{field}-mismatch" for field in ("owner", "suite", "name")}
    for path in RUNNER.rglob("*.py"):
        if path.parent.name != "explain" or path.name == "__init__.py":
            texts = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
            found |= {text for text in texts if isinstance(text, str) and KEBAB.fullmatch(text)}
    events = set(NAMES) - {"secret-found"}  # which is a problem of prompts, too
    return found - KINDS.keys() - events


def codes(entry: Entry, example: str) -> set[str]:
    """What the loader says of an example."""
    if entry.of == "path":
        files = {f"registry/{path}": Blob("100644", "oid") for path in re.findall(r"registry/(\S+)", example)}
        return {problem.code for problem in judge_tree(files).problems}
    try:
        parsed = strictyaml.load(example.encode(), "example.yaml")
        if entry.of == "policy":
            policy = {name: value for name, value in POLICY.items() if name not in parsed.data} | parsed.data
            read = registry.documents.read(registry.Policy, dump(policy), "registry/policy.yaml")
            return {problem.code for problem in policyrules.judge(*read)}
        if entry.of == "job":
            policy = registry.documents.read(registry.Policy, dump(POLICY), "registry/policy.yaml")[0]
            base = data(spec={"targets": [data()["spec"]["targets"][0] | {"image": {"gvmi": "a" * 56}}]})
            raw = dump(merged(base, parsed.data))
            return {problem.code for problem in jobrules.read_job(raw, JOB, policy, {"echo": CID})[1]}
    except Invalid as error:
        return {problem.code for problem in error.problems}
    return set()


def test_every_code_has_an_entry_and_every_entry_a_code() -> None:
    assert raised() == set(explain.CODES) | OTHERS


@pytest.mark.parametrize(("code", "entry"), explain.DOCUMENTS.items(), ids=explain.DOCUMENTS)
def test_examples_are_true(code: str, entry: Entry) -> None:
    if entry.of != "words":
        assert codes(entry, entry.bad) == {code}
        assert codes(entry, entry.good) == set()


@pytest.mark.parametrize(("code", "entry"), explain.DOCUMENTS.items(), ids=explain.DOCUMENTS)
def test_entries_read_alike(code: str, entry: Entry) -> None:
    assert entry.title[0].isupper()
    assert not entry.title.endswith(".")
    assert entry.why.endswith(".")
    assert 40 < len(entry.why) < 400
    assert explain.explain(code).isprintable() or "\n" in explain.explain(code)
    assert explain.explain(code).startswith(f"{code}: {entry.title}\n\n{entry.why}\n\nNot so:\n    ")


@pytest.mark.parametrize(("code", "note"), explain.NOTES.items(), ids=explain.NOTES)
def test_notes_read_alike(code: str, note: Note) -> None:
    assert note.title[0].isupper()
    assert not note.title.endswith((".", "!"))
    assert note.why.endswith(".")
    assert len(note.title) < 80
    assert len(note.why) < 200
    assert explain.explain(code) == f"{code}: {note.title}\n\n{note.why}\n\nWhat helps: {note.mend}"


def test_what_cannot_be_seen_is_shown() -> None:
    assert "name:⟦U+0009⟧who" in explain.explain("yaml-tab")
    assert "name: who⟦U+000D⟧" in explain.explain("yaml-cr")
    assert "a⟦U+202E⟧b" in explain.explain("yaml-control")


def test_unknown_codes_are_corrected() -> None:
    with pytest.raises(Usage) as error:
        explain.explain("region-unkown")
    assert error.value.message.endswith('(did you mean "region-unknown"?)')
    assert error.value.hint == "`beacon explain` lists them all"
