"""One published run, or what a cancelled or abandoned one left: its folder held against its log entry. Steps 3 to 7, 9.

A run's files are read once and dropped before the next. What fails in one run is written down, and the others are still
checked; within a run, only what needs the broken part is left out, and the step says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from runner.bundle import Bundle, open_bundle
from runner.compare.verdict import CLASSIFIER, compare
from runner.errors import BeaconError, Unverified
from runner.formats import note, proof, sshsig
from runner.ipfs.unixfs import folder_cid
from runner.model import Checkpoint, DiffReport, Manifest, Receipt, Run, sha256
from runner.model import entry as e
from runner.rendering.render import RENDERER, run_page
from runner.verify.cancelled import PAGE, judge_called_off, judge_left, judge_statuses
from runner.verify.events import Began, Ended, Late, Ledger
from runner.verify.jobs import JobReader, judge_signed
from runner.verify.receipts import MOST_CELLS, Production, judge_receipts, open_receipts, planned
from runner.verify.report import Notebook

MANIFEST, PROOF = "manifest.json", "proof.tlog"
FAILURES = (BeaconError, ArithmeticError, AssertionError, LookupError, TypeError, ValueError)
"""What deriving may end with: a job that no registry accepts, or a report that no classifier makes, was never meant for
the writer's code."""

Bundled: TypeAlias = e.RunEnd | e.Cancelled | e.Superseded
"""The entries that name a bundle and a manifest."""

_OUTPUTS = ("bundle-file-changed", "bundle-file-missing", "receipt-subjects")


class Law(NamedTuple):
    """What every run is judged by. `published` gives the checkpoint of the commit that logged an entry, where it is
    known."""

    ledger: Ledger
    jobs: JobReader
    origin: str
    vkey: str
    published: Callable[[int], Checkpoint | None]
    production: Production | None
    book: Notebook


class Judged(NamedTuple):
    """What others need of a run: its manifest, if it is the logged one; its bundle, if all of its evidence holds; its
    `diff.json` as it was published."""

    manifest: Manifest | None
    bundle: Bundle | None
    diff: bytes

    @property
    def renderer(self) -> str | None:
        """What made its pages, as its manifest says."""
        return self.manifest.renderer if self.manifest else None

    @property
    def receipts(self) -> Mapping[str, Receipt] | None:
        """Its receipts, if all of its evidence holds."""
        return self.bundle.receipts if self.bundle else None


def judge_run(ended: Ended | Late, end: Bundled, files: Mapping[str, bytes], law: Law) -> Judged:
    """Judge the files of a run's folder (by path below it), or of that in which an abandoned start left its receipts.
    Of what was called off or taken over nothing was concluded, so nothing is derived; a page of it is a derived one."""
    book, folder = law.book, ended.folder
    before = book.found(3, 4, 5)
    bundle = {path.removeprefix("bundle/"): raw for path, raw in files.items() if path.startswith("bundle/")}
    digests = {path: sha256(raw) for path, raw in files.items()}
    manifest = _manifest(ended, end, files, digests, folder, book)
    _cid(bundle, end, folder, book)
    _proof(ended, end, files.get(PROOF), folder, law)
    _job(bundle, ended.began, folder, law)
    run = _context(bundle, ended.began, folder, book)
    receipts = _receipts(bundle, ended, folder, law)
    _subjects(bundle, digests, receipts, folder, book)
    opened = _open(bundle, receipts, folder, book) if book.found(3, 4, 5) == before else None
    if opened is not None and planned(opened.spec) > MOST_CELLS:
        message = f"the job plans {planned(opened.spec)} cells; no policy allows more than {MOST_CELLS}"
        book.find(4, "cells-too-many", f"{folder}/bundle/job.yaml", message)
        opened = None
    if opened is not None:
        judge_receipts(opened.spec, run, ended.began.start, opened.receipts, law.production, folder, book)
        judge_statuses(opened.receipts, not isinstance(end, e.RunEnd), folder, book)
    if not isinstance(end, e.RunEnd):
        (judge_called_off if isinstance(end, e.Cancelled) else judge_left)(bundle, folder, book)
        return Judged(manifest, opened, b"")
    if manifest is None or opened is None:
        book.skip(9, "runs whose own evidence does not hold")
    else:
        _derive(opened, manifest, files, folder, book)
    book.count(7, "runs")
    return Judged(manifest, opened, files.get("bundle/diff.json", b""))


def _manifest(
    ended: Ended | Late,
    end: Bundled,
    files: Mapping[str, bytes],
    digests: Mapping[str, str],
    folder: str,
    book: Notebook,
) -> Manifest | None:
    """Step 6: the manifest is the logged one and lists exactly what is there."""
    book.count(6, "manifests")
    where = f"{folder}/{MANIFEST}"
    if digests.get(MANIFEST) != end.manifest:
        found = digests.get(MANIFEST, "no file")
        book.find(6, "manifest-wrong", where, f"found {found}; log entry {ended.entry} says {end.manifest}")
        return None
    try:
        manifest = Manifest.from_bytes(files[MANIFEST], where)
    except Unverified as error:
        book.find(6, error.code, where, error.message)
        return None
    if (manifest.run, manifest.job, manifest.cid) != (end.run, ended.began.start.job, end.cid):
        book.find(6, "manifest-wrong", where, f"it is about {manifest.job}, run {manifest.run}, CID {manifest.cid}")
    beside = {MANIFEST, PROOF} | ({PAGE} if isinstance(end, e.Cancelled) else set())
    judge_listed_files(manifest, {path: digests[path] for path in digests.keys() - beside}, folder, book)
    return manifest


def judge_listed_files(manifest: Manifest, digests: Mapping[str, str], folder: str, book: Notebook) -> None:
    """Step 6: these files (by path below the run's folder) are exactly those that a manifest lists."""
    book.count(6, "files", len(digests))
    for path in sorted(digests.keys() | manifest.files):
        if path not in manifest.files:
            book.find(6, "file-unlisted", f"{folder}/{path}", "the manifest does not list this file")
        elif path not in digests:
            book.find(6, "file-missing", f"{folder}/{path}", "the manifest lists this file, which is not here")
        elif manifest.files[path] != digests[path]:
            message = f"found {digests[path]}; the manifest says {manifest.files[path]}"
            book.find(6, "file-changed", f"{folder}/{path}", message)


def _cid(bundle: Mapping[str, bytes], end: Bundled, folder: str, book: Notebook) -> None:
    book.count(6, "CIDs")
    try:
        found = folder_cid(bundle)
    except Unverified as error:
        found = error.message
    if found != end.cid:
        book.find(6, "cid-wrong", f"{folder}/bundle", f"found {found}; the log says {end.cid}")


def _proof(ended: Ended | Late, end: Bundled, raw: bytes | None, folder: str, law: Law) -> None:
    """Step 7: the proof leads from this entry to the checkpoint under which it was published."""
    law.book.count(7, "inclusion proofs")
    try:
        if raw is None:
            raise Unverified("proof-missing", "there is no proof")
        index = proof.open_proof(raw, end.canonical(), law.origin, [law.vkey])
        if index != ended.entry:
            raise Unverified("proof-index", f"it is about entry {index}; the log has this run's end at {ended.entry}")
        text = note.split_note(raw.partition(b"\n\n")[2])[0]
        under, published = note.parse_checkpoint(text, law.origin), law.published(ended.entry)
        if published is not None and under != published:
            found = f"it leads to {under.size} entries with the root {under.root.hex()}"
            wanted = f"{published.size} entries with the root {published.root.hex()}"
            raise Unverified("proof-checkpoint", f"{found}; the run was published under {wanted}")
    except Unverified as error:
        law.book.find(7, error.code, f"{folder}/{PROOF}", error.message)


def _job(bundle: Mapping[str, bytes], began: Began, folder: str, law: Law) -> None:
    """Step 3: the bundle's job is that of the start, with a signature that counted then."""
    law.book.count(3, "jobs in bundles")
    try:
        judge_signed(law.jobs.read(bundle.get("job.yaml"), bundle.get("job.yaml.sig")), began, law.ledger)
    except BeaconError as error:
        law.book.find(3, error.code, f"{folder}/bundle/job.yaml", error.message)


def _context(bundle: Mapping[str, bytes], began: Began, folder: str, book: Notebook) -> Run:
    """Step 4: `context.json` says what the log says. Returns the run as the log has it."""
    start = began.start
    run = Run(
        run=start.run, job=start.job, sha256=start.sha256, due=start.due, start=began.entry, root=began.root.hex()
    )
    if bundle.get("context.json") != run.canonical():
        book.find(4, "context-wrong", f"{folder}/bundle/context.json", f"it is not {run.canonical().decode()}")
    return run


def _receipts(bundle: Mapping[str, bytes], ended: Ended | Late, folder: str, law: Law) -> dict[bytes, Receipt]:
    runner, keys = ended.began.start.runner, law.ledger.keys
    publics = [sshsig.parse_public_line(line) for line in keys.of("runner-receipt", runner)]

    def doubt(key: bytes) -> str | None:
        return keys.doubt(sshsig.public_line(key), "runner-receipt", runner, ended.entry)

    return open_receipts(bundle, ended.began.start, publics, doubt, folder, law.book)


def _subjects(
    bundle: Mapping[str, bytes],
    digests: Mapping[str, str],
    receipts: Mapping[bytes, Receipt],
    folder: str,
    book: Notebook,
) -> None:
    """Step 5: every file that a receipt answers for is there and hashes to it."""
    for receipt in receipts.values():
        for subject in receipt.subject:
            book.count(5, "transcripts and outputs")
            found = digests.get(f"bundle/{subject.name}", "no file")
            if found != subject.digest.sha256:
                where = f"{folder}/bundle/{subject.name}"
                book.find(5, "output-changed", where, f"found {found}; its receipt says {subject.digest.sha256}")


def _open(bundle: Mapping[str, bytes], receipts: Mapping[bytes, Receipt], folder: str, book: Notebook) -> Bundle | None:
    """Steps 4 to 6: the bundle as a whole, over the receipts whose signatures were verified."""
    try:
        return open_bundle(bundle, receipts.__getitem__)
    except Unverified as error:
        step = 6 if error.code == "bundle-file-unknown" else 5 if error.code in _OUTPUTS else 4
        book.find(step, error.code, f"{folder}/bundle", error.message)
        return None


def _derive(bundle: Bundle, manifest: Manifest, files: Mapping[str, bytes], folder: str, book: Notebook) -> None:
    """Step 9: derive what follows from the evidence again, where this version has the code that derived it."""
    recorded = files.get("bundle/diff.json", b"")
    try:
        if manifest.classifier == CLASSIFIER:
            diff = compare(bundle)
        else:
            diff = DiffReport.from_bytes(recorded, "bundle/diff.json")
        pages = run_page(bundle, diff, manifest.cid) if manifest.renderer == RENDERER else None
    except FAILURES as error:
        book.find(9, "derivation-failed", f"{folder}/bundle", f"{type(error).__name__}: {error}")
        return
    if manifest.classifier != CLASSIFIER:
        book.skip(9, f"runs by classifier {manifest.classifier}: bytes checked, not derived again")
    elif diff.canonical() == recorded:
        book.count(9, "diffs derived again")
    else:
        message = "it does not follow from the bundle's receipts and outputs"
        book.find(9, "diff-wrong", f"{folder}/bundle/diff.json", message)
    if pages is None:
        book.skip(9, f"runs by renderer {manifest.renderer}: bytes checked, not re-rendered")
        return
    book.count(9, "runs rendered again")
    shown = {path for path in files if not path.startswith("bundle/")} - {MANIFEST, PROOF}
    for name in sorted(shown | pages.keys()):
        if files.get(name) != pages.get(name):
            book.find(9, "page-wrong", f"{folder}/{name}", "it is not what rendering this run gives")
