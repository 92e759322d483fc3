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

from runner.bundle import open_bundle
from runner.compare.verdict import compare
from runner.formats import note
from runner.formats.receipt import open_receipt, pae
from runner.formats.strictbase64 import decode
from runner.rendering.render import run_page
from runner.verify import Anchor, verify
from tests import make
from tests.bench.figures import Figure, in_turn, seconds
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
    alone, opened = in_turn([lambda: cryptography(raws, key), lambda: [open_receipt(raw, [key]) for raw in raws]], 15)
    share = alone.median / opened.median
    rate = len(raws) / alone.median
    yield Figure(
        f"open and verify {len(raws)} receipts",
        f"{len(raws) / opened.median:,.0f} a second",
        f"{share:.0%} of {rate:,.0f}: PyNaCl verify, json.loads, SHA-256",
        "at least 70 %",
        share >= 0.7,
    )
    report = verify(people, anchor)
    assert report.ok, [finding for step in report.steps for finding in step.findings][:3]
    alone, whole, again = in_turn(
        [lambda: cryptography(raws, key), lambda: verify(registry.clone(), anchor), lambda: derive(registry)], 7
    )
    share = alone.median / whole.median
    yield Figure(
        f"verify, all nine steps, {JOBS} runs with {len(raws)} receipts, in memory",
        f"{len(raws) / whole.median:,.0f} receipts a second",
        f"{share:.0%} of the same; {seconds(whole.median / JOBS)} a run, "
        f"{seconds(again.median / JOBS)} of it to compare and render again",
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


def derive(registry: Registry) -> None:
    """Step 9 alone: what nobody but Beacon can do for each run."""
    people = registry.clone()
    snapshot = people.snapshot(people.head())
    folders: dict[str, dict[str, bytes]] = {}
    for path, raw in snapshot.read_all(list(snapshot.files("reports/jobs"))).items():
        folder, found, name = path.partition("/bundle/")
        if found:
            folders.setdefault(folder, {})[name] = raw
    for files in folders.values():
        bundle = open_bundle(files)
        run_page(bundle, compare(bundle), make.CID)


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
