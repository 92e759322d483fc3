"""Builders of valid values, so that a test says only what it is about."""

from __future__ import annotations

import hashlib
from typing import Any

from runner.edges.keys import SoftwareKey
from runner.model import JobSpec, Run, sha256

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
