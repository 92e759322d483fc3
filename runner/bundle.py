"""The bundle of a run: everything that its CID covers, as one value that writer and verifier look at alike.

    job.yaml, job.yaml.sig      the signed job, byte for byte
    context.json                which run this is (`Run`, canonical)
    receipts/<target>.<region>.<slot>.<n>.sigstore.json         one for each attempt, failed ones too
    transcripts/<target>.<region>.<slot>.<n>.json               what the benchmark was asked and said
    outputs/<target>/<prompt>/<region>/<slot>-<replica>.txt     one for each answered cell: the raw answer
    diff.json                   what was found; derived from all of the above

A cell's answer is that of the first attempt (the lowest `n`) that completed it, whatever it says. Such an attempt's
receipt names the answer's file among its subjects. Where a later attempt answers the same cell again, its receipt
holds that answer's digest, and its transcript the answer, but there is no second file: no two receipts claim one path.

What this module checks is that a bundle is whole and agrees with itself. Signatures are checked by `formats/receipt.py`
and, for the job, where its keys are known; seeds, times and the log are the verifier's as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from pydantic import ValidationError

from runner.errors import Invalid, Unverified
from runner.formats.receipt import read_receipt, seal
from runner.model import Cell, JobSpec, Manifest, Receipt, Run, sha256
from runner.model.canonical import first_mistake
from runner.model.receipt import CellResult, Cost, Digest, Job, Predicate, RunnerIdentity, Subject
from runner.model.run import CellStatus, cells, run_id
from runner.ports import AttemptResult, CellOutput, Signer
from runner.registry import documents

JOB, SIGNATURE, CONTEXT, DIFF = "job.yaml", "job.yaml.sig", "context.json", "diff.json"
_LONGEST_TEXT = 300


class Bundle(NamedTuple):
    """A run's evidence. `receipts` and `files` are by path below `bundle/`; files are read when they are asked for."""

    spec: JobSpec
    run: Run
    receipts: Mapping[str, Receipt]
    files: Mapping[str, bytes]


class Observation(NamedTuple):
    """How one planned cell ended. `output` is the raw answer, None unless the status is ok; `provider` is empty for a
    cell that no attempt ever held."""

    cell: Cell
    status: CellStatus
    output: bytes | None
    provider: str
    ms: int | None


def assemble(
    job: bytes,
    signature: bytes,
    run: Run,
    spec: JobSpec,
    results: Sequence[AttemptResult],
    signer: Signer,
    runner: RunnerIdentity,
) -> dict[str, bytes]:
    """Every file of a run's bundle but `diff.json`. The same arguments give the same bytes, whatever the order of the
    results. Raises `Unverified` for a result that no receipt can say."""
    files = {JOB: job, SIGNATURE: signature, CONTEXT: run.canonical()}
    order = {cell: number for number, cell in enumerate(cells(spec))}
    for result in sorted(results, key=lambda result: result.attempt.n):
        stem = result.attempt.stem
        assert _receipt_path(stem) not in files, f"two results of one attempt, {stem}"
        answered = _in_order(result, order)
        outputs = {each.cell.output_path: each.output for each in answered if each.output is not None}
        new = {_transcript_path(stem): result.transcript}
        new |= {path: output for path, output in outputs.items() if path not in files}
        try:
            receipt = _receipt(run, result, answered, new, runner)
        except ValidationError as error:
            raise _unsayable(stem, first_mistake(error)) from None
        files |= new
        files[_receipt_path(stem)] = seal(receipt, signer)
    return files


def open_bundle(files: Mapping[str, bytes], read: Callable[[bytes], Receipt] = read_receipt) -> Bundle:
    """The bundle that files (by path below `bundle/`) make, if every file is where its receipt says, hashes to it, and
    no other file is there. Raises `Unverified` with the file's path.

    `read` makes a receipt of a file. By default NO SIGNATURE IS CHECKED: that suits the writer, who has just sealed
    them. A verifier hands in `open_receipt` with its keys, so that what was verified is what is used. `diff.json` may
    be absent or wrong: it is derived. Each file is read once and none is kept."""
    run = Run.from_bytes(_read(files, CONTEXT), f"bundle/{CONTEXT}")
    spec = _spec(files, run)
    receipts = {path: _read_receipt(files, path, read) for path in sorted(files) if path.startswith("receipts/")}
    known = {JOB, SIGNATURE, CONTEXT, DIFF}
    for path, receipt in sorted(receipts.items(), key=lambda item: item[1].predicate.attempt.n):
        _check_place(path, receipt, run, spec)
        _check_cells(path, receipt, spec)
        _check_subjects(path, receipt, known, files)
        known |= {path, *(subject.name for subject in receipt.subject)}
    _read(files, SIGNATURE)
    if strangers := sorted(set(files) - known):
        raise Unverified("bundle-file-unknown", f"bundle/{strangers[0]}: no receipt answers for this file")
    return Bundle(spec, run, receipts, files)


def observations(bundle: Bundle) -> tuple[Observation, ...]:
    """One observation for every planned cell, in the order of the JobSpec: the answer of the first attempt that
    completed it; where none did, how the last attempt failed; where no attempt held it, `missing`."""
    found: dict[Cell, Observation] = {}
    for receipt in sorted(bundle.receipts.values(), key=lambda receipt: receipt.predicate.attempt.n):
        for result in receipt.predicate.cells:
            cell = _cell(receipt, result)
            if cell not in found or found[cell].status != "ok":
                output = bundle.files[cell.output_path] if result.status == "ok" else None
                found[cell] = Observation(cell, result.status, output, receipt.predicate.provider.id, result.ms)
    return tuple(found.get(cell) or Observation(cell, "missing", None, "", None) for cell in cells(bundle.spec))


def manifest(run: Run, files: Mapping[str, bytes], cid: str, classifier: str, renderer: str) -> Manifest:
    """What was published: `files` are all of the run's folder (`bundle/…`, the pages) but manifest and proof."""
    return Manifest(
        run=run.run,
        job=run.job,
        cid=cid,
        classifier=classifier,
        renderer=renderer,
        files={path: sha256(content) for path, content in files.items()},
    )


def _in_order(result: AttemptResult, order: Mapping[Cell, int]) -> list[CellOutput]:
    """A result's cells in the order of the JobSpec, if each is a planned one of its slot, once, and has an output if
    and only if it is ok."""
    attempt, seen = result.attempt, set()
    for cell, _, status, output, *_ in result.cells:
        slot = (cell.target, cell.region, cell.slot)
        if cell not in order or cell in seen or slot != (attempt.target, attempt.region, attempt.slot):
            raise _unsayable(attempt.stem, f"{cell.id} is not a cell of its slot, or not for the first time")
        if (status == "ok") != (output is not None):
            raise _unsayable(attempt.stem, f"{cell.id} is {status}, which does not fit its output")
        seen.add(cell)
    return sorted(result.cells, key=lambda output: order[output.cell])


def _receipt(
    run: Run,
    result: AttemptResult,
    answered: Sequence[CellOutput],
    published: Mapping[str, bytes],
    runner: RunnerIdentity,
) -> Receipt:
    """The receipt of one attempt; its subjects are the files that are published with it."""
    return Receipt(
        subject=tuple(Subject(name=path, digest=Digest(sha256=sha256(data))) for path, data in published.items()),
        predicate=Predicate(
            job=Job(path=run.job, digest=Digest(sha256=run.sha256)),
            attempt=result.attempt,
            status=result.status,
            reason=_text(result.reason),
            exit_code=result.exit_code,
            executor=result.executor,
            image=result.image,
            region=result.region,
            provider=result.provider,
            times=result.times,
            cells=tuple(
                CellResult(
                    prompt=output.cell.prompt,
                    replica=output.cell.replica,
                    seed=output.seed,
                    status=output.status,
                    output=None if output.output is None else sha256(output.output),
                    ms=output.ms,
                    finish=_text(output.finish),
                    reason=_text(output.reason),
                )
                for output in answered
            ),
            usage=dict(result.usage),
            cost=Cost(reserved=result.reserved, observed=result.observed, invoice=result.invoice),
            runner=runner,
        ),
    )


def _text(text: str | None) -> str | None:
    """A text as a receipt can hold it: valid Unicode, and cut where it is too long."""
    if text is None:
        return None
    text = text.encode(errors="replace").decode()
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _receipt_path(stem: str) -> str:
    return f"receipts/{stem}.sigstore.json"


def _transcript_path(stem: str) -> str:
    return f"transcripts/{stem}.json"


def _cell(receipt: Receipt, result: CellResult) -> Cell:
    attempt = receipt.predicate.attempt
    return Cell(
        target=attempt.target,
        prompt=result.prompt,
        region=attempt.region,
        slot=attempt.slot,
        replica=result.replica,
    )


def _read(files: Mapping[str, bytes], path: str) -> bytes:
    try:
        return files[path]
    except KeyError:
        raise Unverified(
            "bundle-file-missing", f"bundle/{path} is missing", "restore it from a clone or by its CID"
        ) from None


def _spec(files: Mapping[str, bytes], run: Run) -> JobSpec:
    raw = _read(files, JOB)
    try:
        spec, _ = documents.read(JobSpec, raw, f"bundle/{JOB}")
    except Invalid as error:
        raise Unverified("bundle-document", error.message) from None
    if (run.run, run.sha256, run.job) != (run_id(raw, run.due), sha256(raw), spec.path()):
        raise Unverified("bundle-document", f"bundle/{CONTEXT} is not about the job in bundle/{JOB}")
    return spec


def _read_receipt(files: Mapping[str, bytes], path: str, read: Callable[[bytes], Receipt]) -> Receipt:
    try:
        return read(files[path])
    except Unverified as error:
        raise Unverified(error.code, f"bundle/{path}: {error.message}", error.hint) from None


def _check_place(path: str, receipt: Receipt, run: Run, spec: JobSpec) -> None:
    """The receipt is about an attempt that was planned, of this run, and stands under that attempt's name."""
    attempt, job = receipt.predicate.attempt, receipt.predicate.job
    if path != _receipt_path(attempt.stem):
        raise _misplaced(path, f"it is the receipt of {attempt.stem}")
    if (attempt.run, job.path, job.digest.sha256) != (run.run, run.job, run.sha256):
        raise _misplaced(path, "it belongs to another run or job")
    if receipt.predicate.region.requested != attempt.region:
        raise _misplaced(path, "it tells of another region than its attempt")
    asked = (
        attempt.target in {target.name for target in spec.spec.targets}
        and attempt.region in {region.name for region in spec.spec.regions}
        and attempt.slot <= spec.spec.sampling.providers
        and attempt.n <= spec.spec.retries + 1
    )
    if not asked:
        raise _misplaced(path, "the job asks for no such attempt")


def _check_cells(path: str, receipt: Receipt, spec: JobSpec) -> None:
    """Its cells were planned, stand in the order of the JobSpec and once each, and have a digest if and only if ok."""
    prompts = {prompt.id: number for number, prompt in enumerate(spec.spec.prompts)}
    places = [(prompts.get(cell.prompt, -1), cell.replica) for cell in receipt.predicate.cells]
    for cell, (prompt, replica) in zip(receipt.predicate.cells, places, strict=True):
        if prompt < 0 or replica > spec.spec.sampling.replicas:
            raise _cells(path, f"cell {cell.prompt}.{cell.replica} was not planned")
        if (cell.status == "ok") != (cell.output is not None):
            raise _cells(path, f"cell {cell.prompt}.{cell.replica} is {cell.status}, which does not fit its output")
    if any(one >= other for one, other in pairwise(places)):
        raise _cells(path, "its cells are not in the order of the job, each once")


def _check_subjects(path: str, receipt: Receipt, known: set[str], files: Mapping[str, bytes]) -> None:
    """Its subjects are the transcript and exactly the answers that this attempt is the first to give; each file is
    there and hashes to its digest."""
    answers = {_cell(receipt, cell).output_path: cell.output for cell in receipt.predicate.cells if cell.output}
    expected = {name: digest for name, digest in answers.items() if name not in known}
    transcript, *outputs = receipt.subject
    if transcript.name != _transcript_path(receipt.predicate.attempt.stem):
        raise _subjects(path, f"its first subject is not the transcript, but {transcript.name!r}")
    if [(subject.name, subject.digest.sha256) for subject in outputs] != list(expected.items()):
        raise _subjects(path, "its subjects are not the answers that this attempt is the first to give")
    for subject in receipt.subject:
        if sha256(_read(files, subject.name)) != subject.digest.sha256:
            raise Unverified(
                "bundle-file-changed",
                f"bundle/{subject.name} is not the file that bundle/{path} answers for",
                "restore it from a clone or by its CID",
            )


def _unsayable(stem: str, why: str) -> Unverified:
    return Unverified("result-malformed", f"no receipt can say the result of {stem}: {why}")


def _misplaced(path: str, why: str) -> Unverified:
    return Unverified("receipt-misplaced", f"bundle/{path}: {why}")


def _cells(path: str, why: str) -> Unverified:
    return Unverified("receipt-cells", f"bundle/{path}: {why}")


def _subjects(path: str, why: str) -> Unverified:
    return Unverified("receipt-subjects", f"bundle/{path}: {why}")
