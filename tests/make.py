"""Builders of valid values, so that a test says only what it is about."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import yaml

from runner.bundle import Bundle, assemble, open_bundle
from runner.edges.keys import SoftwareKey
from runner.model import Attempt, Cell, JobSpec, Policy, Run, canonical, sha256
from runner.model.receipt import Executor, Image, Provider, RegionEvidence, RunnerIdentity, Times
from runner.model.run import cells, run_id, seed
from runner.ports import AttemptResult, CellOutput

ORIGIN = "example.org/beacon/log"
CID = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"


def key(name: str) -> SoftwareKey:
    """The same key for the same name, always."""
    return SoftwareKey(hashlib.sha256(b"beacon test key " + name.encode()).digest())


def job_data(**spec: Any) -> dict[str, Any]:
    """JSON data of a valid JobSpec of alice's; `spec` replaces parts of its `spec`."""
    return {
        "apiVersion": "beacon/v1",
        "kind": "JobSpec",
        "metadata": {"owner": "alice", "name": "who", "title": "Who are you?", "revision": 1},
        "spec": {
            "targets": [
                {
                    "kind": "container",
                    "name": "smollm2",
                    "image": {"source": {"benchmark": "echo", "cid": CID}},
                    "command": ["python", "benchmark.py"],
                }
            ],
            "prompts": [{"id": "who", "text": "Who are you?"}],
            "regions": [{"name": "EU"}, {"name": "US"}, {"name": "APAC"}],
            "sampling": {"providers": 3, "replicas": 2, "seeds": "shared"},
        }
        | spec,
    }


def job(**spec: Any) -> JobSpec:
    """A valid JobSpec."""
    return JobSpec.from_json(job_data(**spec))


def run(start: int = 7) -> Run:
    """A run of alice's job."""
    return Run(
        run=sha256(b"run"),
        job="registry/jobs/alice/who.yaml",
        sha256=sha256(b"job"),
        start=start,
        root=sha256(b"root"),
    )


def job_bytes(**spec: Any) -> bytes:
    """The file of a valid JobSpec."""
    return yaml.safe_dump(job_data(**spec), sort_keys=False).encode()


def run_of(job: bytes, spec: JobSpec) -> Run:
    """A run of exactly this file."""
    return Run(run=run_id(job, None), job=spec.path(), sha256=sha256(job), start=7, root=sha256(b"root"))


def policy(**fields: Any) -> Policy:
    """A policy; `fields` replace parts of it."""
    regions = {"EU": ["DE", "FR"], "US": ["US"], "APAC": ["SG"]}
    data = {"apiVersion": "beacon/v1", "kind": "Policy", "log": {"origin": ORIGIN}, "regions": regions}
    return Policy.from_json(data | fields)


def result(run: Run, outputs: Iterable[CellOutput], n: int = 1, **facts: Any) -> AttemptResult:
    """What the local executor says of one slot's cells, all of one slot; `facts` replace parts of it."""
    outputs = tuple(outputs)
    cell = outputs[0].cell
    attempt = Attempt(run=run.run, target=cell.target, region=cell.region, slot=cell.slot, n=n)
    at = "2026-11-22T03:00:00Z"
    return AttemptResult(
        attempt=attempt,
        status="ok" if all(output.status == "ok" for output in outputs) else "partial",
        reason=None,
        retryable=False,
        exit_code=0,
        cells=outputs,
        transcript=canonical({"attempt": attempt.stem}),
        executor=Executor(kind="local", version="1", network="none", simulated=True),
        image=Image(form="source", digest=CID),
        region=RegionEvidence(requested=cell.region, grade="claimed", evidence="a label"),
        provider=Provider(id=f"{cell.region.lower()}-{cell.slot}", name="local"),
        times=Times(queued=at, started=at, finished=at, duration_ms=12),
        usage={},
        reserved="0",
        observed="0",
    )._replace(**facts)


def output(run: Run, spec: JobSpec, cell: Cell, answer: str | None) -> CellOutput:
    """A cell that was answered, or one that ended in an error."""
    number = seed(run, cell, spec.spec.sampling.seeds)
    if answer is None:
        return CellOutput(cell, number, "error", None, None, None, "out of memory")
    return CellOutput(cell, number, "ok", answer.encode(), "stop", 3, None)


def results(run: Run, spec: JobSpec, answer: Callable[[Cell], str | None]) -> list[AttemptResult]:
    """One attempt for every slot of a job, with these answers; None is an error."""
    slots = groupby(cells(spec), key=lambda cell: (cell.target, cell.region, cell.slot))
    return [result(run, [output(run, spec, cell, answer(cell)) for cell in slot]) for _, slot in slots]


def files_of(raw: bytes, run: Run, spec: JobSpec, found: Sequence[AttemptResult]) -> dict[str, bytes]:
    """The files of a run's bundle."""
    return assemble(raw, b"signature", run, spec, found, key("receipt"), RunnerIdentity(version="0.1.0"))


def bundle(answer: Callable[[Cell], str | None], **spec: Any) -> Bundle:
    """The bundle of a run of alice's job with these answers; None is an error."""
    raw, parsed = job_bytes(**spec), job(**spec)
    run = run_of(raw, parsed)
    return open_bundle(files_of(raw, run, parsed, results(run, parsed, answer)))
