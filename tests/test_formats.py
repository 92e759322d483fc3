"""`docs/formats.md` is true: its examples are valid, canonical where they say so, and hold together as one registry,
with every digest, seed, signature and proof that a verifier would check."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from runner.edges.memory import MemoryRepository
from runner.formats import log, note, proof, sshsig
from runner.formats.receipt import open_receipt
from runner.history import fold
from runner.model import (
    DiffReport,
    Document,
    JobSpec,
    LogEntry,
    Manifest,
    Policy,
    Receipt,
    Run,
    Settlement,
    TrustList,
    canonical,
    parse_entry,
    sha256,
)
from runner.model.entry import RunEnd, Start
from runner.model.entry import Settlement as SettlementEntry
from runner.model.run import Cell, run_id, seed
from runner.money.ledger import attempt_lines, month_file, settlement_line
from runner.registry import load
from runner.registry.documents import read
from runner.registry.initialise import sign_trust
from runner.registry.keyfiles import parse
from runner.registry.schemas import schemas
from runner.registry.trust import read_trust
from tests import formats_page, make
from tests.formats_page import JOB, PAGE, RECEIPT
from tests.make import ORIGIN

BLOCKS = {
    token.info.split()[1]: (token.info.split()[0], token.content)
    for token in MarkdownIt().parse(PAGE.read_text(encoding="utf-8"))
    if token.type == "fence" and len(token.info.split()) == 2
}
SCHEMAS = schemas()
MODELS: dict[str, type[Document]] = {
    "registry/trust.json": TrustList,
    "bundle/context.json": Run,
    "statement": Receipt,
    "bundle/diff.json": DiffReport,
    "manifest.json": Manifest,
    "settlement": Settlement,
}


def text(name: str) -> str:
    return BLOCKS[name][1]


def raw(name: str) -> bytes:
    """The bytes of the file that an example shows: canonical JSON stands in the page on several lines."""
    kind, content = BLOCKS[name]
    return canonical(json.loads(content)) if kind == "json" else content.encode()


def entries() -> list[LogEntry]:
    return [parse_entry(line.encode(), index) for index, line in enumerate(text("reports/log").splitlines())]


def run() -> Run:
    return Run.from_bytes(raw("bundle/context.json"), "context.json")


def tiles(count: int) -> tuple[dict[str, bytes], bytes]:
    """The log's files and its root after its first entries."""
    found = log.append({}.get, 0, text("reports/log").encode().splitlines()[:count])
    return {path: content for path, content in found.tiles.items() if content is not None}, found.root


def validate(schema: str, data: Any) -> None:
    Draft202012Validator(json.loads(SCHEMAS[f"{schema}.json"])).validate(data)


def test_the_examples_follow_from_each_other() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert formats_page.rewritten(page) == page, "run `python -m tests.formats_page`"


@pytest.mark.parametrize("name", MODELS)
def test_canonical_documents_are_read_and_printed_again(name: str) -> None:
    document = MODELS[name].from_bytes(raw(name), name)
    assert document.canonical() == raw(name)
    assert text(name) == json.dumps(json.loads(raw(name)), indent=2, ensure_ascii=False) + "\n"
    validate(MODELS[name].__name__.lower(), json.loads(raw(name)))


@pytest.mark.parametrize(("name", "model"), [(JOB, JobSpec), ("registry/policy.yaml", Policy)])
def test_documents_of_people_are_read(name: str, model: type[Document]) -> None:
    document, parsed = read(model, raw(name), name)
    validate(model.__name__.lower(), parsed.data)
    assert model.from_json(document.to_json()) == document


def test_the_job_stands_at_its_path_and_names_its_schema() -> None:
    assert read(JobSpec, raw(JOB), JOB)[0].path() == JOB
    schema = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text(JOB))
    assert schema is not None
    assert schema[1] == json.loads(SCHEMAS["jobspec.json"])["$id"]


def test_the_log_has_every_type_of_entry_once_and_holds_its_own_rules() -> None:
    found = entries()
    for entry in found:
        validate("logentry", entry.to_json())
        assert f"| `{entry.type}` |" in PAGE.read_text(encoding="utf-8")
    assert len({entry.type for entry in found}) == 13
    history = fold(entry.canonical() for entry in found)
    assert not history.open
    for start in (entry for entry in found if isinstance(entry, Start)):
        assert start.sha256 == sha256(raw(JOB))
        assert start.run == run_id(raw(JOB), start.due)


def test_the_registry_is_the_one_that_init_writes_with_money_and_a_maintainer_signed() -> None:
    written = formats_page.registry()
    shown = {name: raw(name) for name in BLOCKS if name in written}
    assert shown == {path: written[path] for path in shown}
    assert len(shown) == 8
    assert parse(shown, ORIGIN)[1] == []
    assert entries()[0].to_json()["trust"] == sha256(raw("registry/trust.json"))


def test_the_registry_is_trusted_and_misses_only_the_benchmark_that_the_page_does_not_show() -> None:
    files = {name: raw(name) for name in BLOCKS if name.startswith("registry/")}
    files["registry/trust.sigs/ben.sig"] = sign_trust(raw("registry/trust.json"), ORIGIN, make.key("ben"))
    repository = MemoryRepository()
    snapshot = repository.snapshot(repository.commit(None, files, "the page"))
    assert [problem.code for problem in load(snapshot, read_trust(snapshot)).problems] == ["benchmark-missing"]


def test_the_job_is_signed_by_its_owner() -> None:
    signer = sshsig.verify(raw(f"{JOB}.sig"), raw(JOB), f"jobspec.v1@{ORIGIN}")
    assert signer == make.key("alice").public


def test_the_checkpoint_is_that_of_the_log() -> None:
    opened = note.open_note(raw("reports/log/checkpoint"), [text("registry/keys/log.vkey")])
    checkpoint = note.parse_checkpoint(opened.text, ORIGIN)
    assert (checkpoint.size, checkpoint.root) == (len(entries()), tiles(len(entries()))[1])


def test_the_run_and_its_seeds_come_from_the_log() -> None:
    start = entries()[run().start]
    assert isinstance(start, Start)
    assert (start.run, start.due, start.sha256) == (run().run, run().due, run().sha256)
    assert run().root == tiles(run().start + 1)[1].hex()
    predicate = Receipt.from_bytes(raw("statement"), "the statement").predicate
    for result in predicate.cells:
        cell = Cell(
            target="smollm2", prompt=result.prompt, region="EU", slot=predicate.attempt.slot, replica=result.replica
        )
        assert result.seed == seed(run(), cell, "shared")


def test_the_receipt_holds_its_statement_under_the_runners_receipt_key() -> None:
    receipt, signer = open_receipt(raw(RECEIPT), [make.key("receipt").public])
    assert receipt.canonical() == raw("statement")
    assert sshsig.public_line(signer) in text("registry/keys/runners")
    assert receipt.predicate.job.digest.sha256 == sha256(raw(JOB))
    assert receipt.predicate.attempt.run == run().run


def test_the_manifest_lists_the_files_of_the_page_and_the_log_names_it() -> None:
    manifest = Manifest.from_bytes(raw("manifest.json"), "manifest.json")
    shown = {
        "bundle/job.yaml": JOB,
        "bundle/job.yaml.sig": f"{JOB}.sig",
        **{name: name for name in (RECEIPT, "bundle/context.json", "bundle/diff.json")},
    }
    for path, name in shown.items():
        assert manifest.files[path] == sha256(raw(name))
    end = next(entry for entry in entries() if isinstance(entry, RunEnd))
    assert (end.run, end.cid, end.manifest) == (run().run, manifest.cid, sha256(raw("manifest.json")))
    assert end.start == run().start


def test_the_proof_leads_from_the_entry_to_a_checkpoint_of_the_log() -> None:
    index = next(index for index, entry in enumerate(entries()) if isinstance(entry, RunEnd))
    keys = [text("registry/keys/log.vkey")]
    assert proof.open_proof(raw("proof.tlog"), entries()[index].canonical(), ORIGIN, keys) == index


def test_the_settlement_is_that_of_the_receipt_and_the_log_and_both_stand_in_the_ledger() -> None:
    settlement = Settlement.from_bytes(raw("settlement"), "settlement")
    (entry,) = (entry for entry in entries() if isinstance(entry, SettlementEntry))
    assert (entry.run, entry.start, entry.amount) == (settlement.run, settlement.start, settlement.amount)
    assert entry.record == sha256(raw("settlement"))
    predicate = Receipt.from_bytes(raw("statement"), "the statement").predicate
    assert [paid.agreement for paid in settlement.agreements] == [predicate.provider.agreement]
    start = entries()[entry.start]
    assert isinstance(start, Start)
    ledger = month_file(start)
    receipts = {RECEIPT: Receipt.from_bytes(raw("statement"), "the statement")}
    assert raw(ledger) == attempt_lines(entry.start, start, receipts) + settlement_line(start, settlement)
    for line in text(ledger).splitlines():
        validate("ledgerline", json.loads(line))


def test_the_commands_for_ssh_keygen_work_as_they_stand(tmp_path: Path) -> None:
    shell, program = shutil.which("sh"), shutil.which("ssh-keygen")
    if shell is None or program is None:
        pytest.skip("no sh or no ssh-keygen on this machine")
    for name in BLOCKS:
        if name.startswith("registry/"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(raw(name))
    commands = re.findall(r"^ssh-keygen -Y verify.*\\\n.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        done = subprocess.run([shell, "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stdout.startswith('Good "'), done.stderr
