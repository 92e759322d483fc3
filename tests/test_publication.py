"""What publishing a run writes: the same bytes for the same results, each file covered by what comes after it."""

from __future__ import annotations

import json

import pytest

from runner.edges.memory import MemoryEvents
from runner.ipfs.unixfs import folder_cid
from runner.model import sha256
from runner.model.receipt import RunnerIdentity
from runner.model.run import run_id
from runner.publication import Publication, publication
from runner.registry import Job
from tests import make

ALICE = b"signature"


@pytest.fixture(scope="module")
def done() -> Publication:
    """A published run of alice's job."""
    return publish(MemoryEvents())


def publish(emit: MemoryEvents, answer: str = "I am a model", due: str | None = None) -> Publication:
    raw, spec = make.job_bytes(), make.job()
    run = make.run_of(raw, spec).model_copy(update={"due": due, "run": run_id(raw, due)})
    job = Job(spec.path(), raw, sha256(raw), spec, ALICE, b"")
    results = make.results(run, spec, lambda cell: answer)
    return publication(run, job, results, make.key("receipt"), RunnerIdentity(version="0.1.0"), emit)


def inside(done: Publication) -> dict[str, bytes]:
    return {path.removeprefix(f"{done.folder}/"): content for path, content in done.files.items()}


def test_the_same_results_give_the_same_bytes(done: Publication) -> None:
    assert publish(MemoryEvents()) == done
    assert publish(MemoryEvents(), "I am another").entry != done.entry


def test_everything_stands_in_the_runs_folder(done: Publication) -> None:
    assert done.folder == f"reports/jobs/alice/who/runs/{done.run.run[:32]}"
    assert all(path.startswith(f"{done.folder}/") for path in done.files)
    due = publish(MemoryEvents(), due="2026-11-22T00:00:00Z")
    assert due.folder == f"reports/jobs/alice/who/runs/2026-11/{due.run.run[:32]}"


def test_each_value_is_hashed_into_the_next(done: Publication) -> None:
    files = inside(done)
    bundle = {path.removeprefix("bundle/"): raw for path, raw in files.items() if path.startswith("bundle/")}
    assert bundle["diff.json"] == done.diff.canonical()
    cid = folder_cid(bundle)
    assert cid.encode() in files["README.md"]
    listed = json.loads(files["manifest.json"])
    assert listed["cid"] == cid
    assert (done.entry.cid, done.entry.manifest) == (cid, sha256(files["manifest.json"]))
    assert (done.entry.run, done.entry.start) == (done.run.run, done.run.start)


def test_the_manifest_lists_every_other_file(done: Publication) -> None:
    files = inside(done)
    listed = json.loads(files.pop("manifest.json"))["files"]
    assert "proof.tlog" not in files, "the proof comes with the signed checkpoint"
    assert listed == {path: sha256(raw) for path, raw in files.items()}


def test_it_says_what_it_does() -> None:
    events = MemoryEvents()
    done = publish(events)
    assert events.names() == ["run-compared", "run-rendered"]
    assert events.events[0].facts["verdict"] == done.diff.verdict
