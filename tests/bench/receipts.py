"""Verify against the cryptography alone: PyNaCl's verify, json.loads and SHA-256 over the same bytes.

Receipts first by themselves, then a whole registry through all nine steps. That registry lives in memory: what git and
the disk add is seen in `demo`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from nacl.signing import VerifyKey

from runner import note
from runner.receipt import open_receipt, pae
from runner.strictbase64 import decode
from runner.verify import Anchor, verify
from tests import make
from tests.bench.figures import Figure, busy, seconds
from tests.worlds import Registry, job_file, runner

JOBS = 40


def figures(_: Path) -> Iterator[Figure]:
    """One registry for both."""
    registry = published(JOBS)
    anchor = Anchor(registry.genesis(), note.vkey(make.ORIGIN, make.key("log").public))
    paths = [path for path in registry.files("reports/jobs") if "/bundle/receipts/" in path]
    people = registry.clone()
    raws = list(people.snapshot(people.head()).read_all(paths).values())
    key = runner("rita").keys.receipt.public
    alone = busy(lambda: cryptography(raws, key), 5)
    opened = busy(lambda: [open_receipt(raw, [key]) for raw in raws], 5)
    share = alone.least / opened.least
    rate = len(raws) / alone.least
    yield Figure(
        f"open and verify {len(raws)} receipts",
        f"{len(raws) / opened.least:,.0f} a second",
        f"{share:.0%} of {rate:,.0f}: PyNaCl verify, json.loads, SHA-256",
        "at least 70 %",
        share >= 0.7,
    )
    report = verify(people, anchor)
    assert report.ok, [finding for step in report.steps for finding in step.findings][:3]
    whole = busy(lambda: verify(registry.clone(), anchor), 3)
    share = alone.least / whole.least
    yield Figure(
        f"verify, all nine steps, {JOBS} runs with {len(raws)} receipts, in memory",
        f"{len(raws) / whole.least:,.0f} receipts a second",
        f"{share:.0%} of the same; {seconds(whole.least / JOBS)} a run",
        "at least 25 %",
        share >= 0.25,
    )


def cryptography(raws: Sequence[bytes], key: bytes) -> None:
    """What nobody can leave out."""
    for raw in raws:
        envelope = json.loads(raw)["dsseEnvelope"]
        payload = decode(envelope["payload"])
        VerifyKey(key).verify(pae(envelope["payloadType"], payload), decode(envelope["signatures"][0]["sig"]))
        json.loads(payload)
        hashlib.sha256(raw).digest()


def published(jobs: int) -> Registry:
    """A registry with one published run of each job: 3 regions, 3 providers, 2 answers of each."""
    registry = Registry()
    for number in range(jobs):
        raw = (
            job_file(f"job-{number}").replace(b"providers: 1", b"providers: 3").replace(b"replicas: 1", b"replicas: 2")
        )
        registry.submit(raw)
    outcome = registry.act()
    assert len(outcome.published) == jobs
    return registry
