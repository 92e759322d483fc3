"""A run that is over, ready to be published: compare, bundle, render, manifest, log entry. Pure.

The order is fixed, because each value is hashed into the next: receipts and outputs -> `diff.json` -> the folder's
CID -> the page, which may show the CID -> the manifest, which covers every file but itself and the proof -> the log
entry. The proof comes last of all, when the checkpoint is signed (`runner/publish.py`).

Of a run that was called off, the attempts that were made have receipts too, and so have those of a start that another
took over from. Nothing is compared: their bundles have no `diff.json`, and the only pages that tell of them are derived
ones (`rendering/pages.py`), so their manifests list the bundle alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runner.bundle import assemble, manifest, open_bundle
from runner.compare.verdict import CLASSIFIER, compare
from runner.events import say
from runner.ipfs.unixfs import folder_cid
from runner.model import DiffReport, JobSpec, Run, sha256
from runner.model import entry as e
from runner.model.receipt import RunnerIdentity
from runner.model.run import run_folder
from runner.ports import AttemptResult, Emit, Signer
from runner.registry import Job
from runner.rendering.render import RENDERER, run_page


class Publication(NamedTuple):
    """A run's folder, full path to bytes, and the log entry that ends its start."""

    run: Run
    diff: DiffReport
    folder: str
    files: Mapping[str, bytes]
    entry: e.RunEnd


class Cancellation(NamedTuple):
    """The files that a run leaves which nobody wants any more, full path to bytes, none where no attempt of it ended;
    and the log entry that ends its start."""

    run: Run
    files: Mapping[str, bytes]
    entry: e.Cancelled


class Supersession(NamedTuple):
    """What a start leaves that was abandoned while its runner held attempts of it, full path to bytes, and the log
    entry for it; none of either where nothing of them can be published."""

    run: Run
    files: Mapping[str, bytes]
    entry: e.Superseded | None


class Asked(NamedTuple):
    """A job as it was asked for: its bytes, their signature, and what they say."""

    raw: bytes
    signature: bytes
    spec: JobSpec


def publication(
    run: Run, job: Job, results: Sequence[AttemptResult], signer: Signer, runner: RunnerIdentity, emit: Emit
) -> Publication:
    """Everything that publishing a run writes into its folder, but the proof."""
    bundle = assemble(job.raw, job.signature, run, job.spec, results, signer, runner)
    opened = open_bundle(bundle)
    diff = compare(opened)
    say(emit, "run-compared", run=run.run, verdict=diff.verdict)
    bundle["diff.json"] = diff.canonical()
    cid = folder_cid(bundle)
    files = {f"bundle/{path}": content for path, content in bundle.items()} | run_page(opened, diff, cid)
    say(emit, "run-rendered", run=run.run)
    listed = manifest(run, files, cid, CLASSIFIER, RENDERER).canonical()
    folder = run_folder(job.spec.folder(), run.run, run.due)
    return Publication(
        run=run,
        diff=diff,
        folder=folder,
        files=_below(folder, {**files, "manifest.json": listed}),
        entry=e.RunEnd(run=run.run, start=run.start, cid=cid, manifest=sha256(listed)),
    )


def cancellation(
    run: Run, job: Asked, results: Sequence[AttemptResult], signer: Signer, runner: RunnerIdentity, at: str
) -> Cancellation:
    """Everything that calling a run off writes into its folder, but the page and the proof. `at` is when (RFC 3339)."""
    files, cid, listed = _receipts_alone(run, job, results, signer, runner)
    return Cancellation(
        run=run,
        files=_below(run_folder(job.spec.folder(), run.run, run.due), files),
        entry=e.Cancelled(run=run.run, start=run.start, at=at, cid=cid, manifest=listed),
    )


def supersession(
    run: Run, job: Asked, results: Sequence[AttemptResult], signer: Signer, runner: RunnerIdentity
) -> Supersession:
    """Everything that an abandoned start leaves in a folder of its own below the run's, but the proof."""
    files, cid, listed = _receipts_alone(run, job, results, signer, runner)
    entry = e.Superseded(run=run.run, start=run.start, cid=cid, manifest=listed)
    folder = run_folder(job.spec.folder(), run.run, run.due)
    return Supersession(run, _below(f"{folder}/{entry.folder}", files), entry)


def _receipts_alone(
    run: Run, job: Asked, results: Sequence[AttemptResult], signer: Signer, runner: RunnerIdentity
) -> tuple[Mapping[str, bytes], str, str]:
    """Bundle and manifest where nothing is compared; the bundle's CID, and the manifest's digest."""
    bundle = assemble(job.raw, job.signature, run, job.spec, results, signer, runner)
    cid = folder_cid(bundle)
    files = {f"bundle/{path}": content for path, content in bundle.items()}
    listed = manifest(run, files, cid, CLASSIFIER, RENDERER).canonical()
    return {**files, "manifest.json": listed}, cid, sha256(listed)


def _below(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{path}": content for path, content in files.items()}
