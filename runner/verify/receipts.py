"""Step 4: what the receipts of one run say, held against the job, the start and the log's root.

Each receipt is signed by a receipt key of the runner that took the run; its seeds follow from the log, its times lie
within the lease, its cells are those that the attempts before it left over. So an answer cannot have been asked for
until it pleased: each attempt of a slot has its receipt, numbered from 1, and an answered cell is never asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from runner.errors import Unverified
from runner.formats.receipt import open_receipt
from runner.model import Cell, JobSpec, Receipt, Run
from runner.model import entry as e
from runner.model.canonical import Grade
from runner.model.jobspec import Container
from runner.model.run import cells, seed
from runner.verify.events import moment
from runner.verify.report import Notebook

_ASKED_AGAIN = frozenset({"missing", "timeout", "error"})
_GRADES: Sequence[Grade] = ("claimed", "listed", "egress", "egress+rtt")

MOST_CELLS = 1_000_000
"""The most that any policy can allow (`caps.answers`), so that a job cannot exhaust the verifier's memory."""

Slot = tuple[str, str, int]


class Production(NamedTuple):
    """What a verifier accepts for production: runs on the network alone. Empty `networks` are any but test networks."""

    networks: frozenset[str] = frozenset()
    lowest_grade: Grade = "claimed"


def planned(spec: JobSpec) -> int:
    """How many cells a job plans, without making them."""
    work = spec.spec
    return len(work.targets) * len(work.prompts) * len(work.regions) * work.sampling.providers * work.sampling.replicas


def open_receipts(
    files: Mapping[str, bytes],
    start: e.Start,
    keys: Collection[bytes],
    doubt: Callable[[bytes], str | None],
    where: str,
    book: Notebook,
) -> dict[bytes, Receipt]:
    """The receipts of a bundle that are signed by the runner, and are of this run, by their bytes. `keys` are all that
    the runner ever had, `doubt` says why one of them did not count."""
    found: dict[bytes, Receipt] = {}
    for path, raw in files.items():
        if not path.startswith("receipts/"):
            continue
        book.count(4, "receipts")
        try:
            receipt, key = open_receipt(raw, keys)
            if why := doubt(key):
                raise Unverified("receipt-key", f"signed by a key that does not count: {why}")
            attempt, job = receipt.predicate.attempt, receipt.predicate.job
            if (attempt.run, job.path, job.digest.sha256) != (start.run, start.job, start.sha256):
                raise Unverified("receipt-misplaced", f"it is of the run {attempt.run} of {job.path}")
            found[raw] = receipt
        except Unverified as error:
            book.find(4, error.code, f"{where}/bundle/{path}", error.message)
    return found


def judge_receipts(
    spec: JobSpec,
    run: Run,
    start: e.Start,
    receipts: Mapping[str, Receipt],
    production: Production | None,
    where: str,
    book: Notebook,
) -> None:
    """The receipts of one bundle, by path; that each stands where its attempt belongs was judged before."""
    by_slot: dict[Slot, list[Cell]] = {}
    for cell in cells(spec):
        by_slot.setdefault((cell.target, cell.region, cell.slot), []).append(cell)
    images = {target.name: _images(target) for target in spec.spec.targets if isinstance(target, Container)}
    attempts: dict[Slot, list[tuple[str, Receipt]]] = {}
    for path, receipt in receipts.items():
        attempt = receipt.predicate.attempt
        attempts.setdefault((attempt.target, attempt.region, attempt.slot), []).append((path, receipt))
        for code, message in (
            *_facts(receipt, images.get(attempt.target, set())),
            *_times(receipt, start),
            *(_production(receipt, production) if production else ()),
        ):
            book.find(4, code, f"{where}/bundle/{path}", message)
    for slot, made in attempts.items():
        left = list(by_slot.get(slot, ()))
        for number, (path, receipt) in enumerate(sorted(made, key=lambda one: one[1].predicate.attempt.n), 1):
            for code, message in _cells(receipt, number, left, run, spec.spec.sampling.seeds):
                book.find(4, code, f"{where}/bundle/{path}", message)
            answered = {
                (cell.prompt, cell.replica) for cell in receipt.predicate.cells if cell.status not in _ASKED_AGAIN
            }
            left = [cell for cell in left if (cell.prompt, cell.replica) not in answered]
    book.count(4, "cells", sum(len(receipt.predicate.cells) for receipt in receipts.values()))


def _cells(receipt: Receipt, number: int, left: Sequence[Cell], run: Run, seeds: str) -> Iterator[tuple[str, str]]:
    """The attempt is the next one of its slot, holds the cells that were left, and their seeds are the log's."""
    attempt, found = receipt.predicate.attempt, receipt.predicate.cells
    if attempt.n != number:
        yield "attempt-missing", f"attempt {attempt.n} of its slot, where {number} is the next: one has no receipt"
    if [(cell.prompt, cell.replica) for cell in found] != [(cell.prompt, cell.replica) for cell in left]:
        yield (
            "receipt-cells",
            f"{len(found)} cells; expected the {len(left)} that earlier attempts left, in their order",
        )
        return
    for result, cell in zip(found, left, strict=True):
        if result.seed != (expected := seed(run, cell, seeds)):
            yield "seed-wrong", f"cell {cell.id} has the seed {result.seed}; the log's root gives {expected}"


def _facts(receipt: Receipt, images: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    said = receipt.predicate
    if (said.image.form, said.image.digest) not in images:
        yield "receipt-image", f"it ran {said.image.form} {said.image.digest}, which the job does not pin"
    if said.executor.kind == "local" and not said.executor.simulated:
        yield "receipt-simulated", "the local executor's regions are labels, but it does not say simulated"
    answered = any(cell.status == "ok" for cell in said.cells)
    if answered and said.region.observed not in (None, said.attempt.region):
        yield "receipt-region", f"answers for {said.attempt.region} that were seen to leave from {said.region.observed}"


def _times(receipt: Receipt, start: e.Start) -> Iterator[tuple[str, str]]:
    """Start, queued, agreed, started, finished, end of the lease: in this order, as far as they are known."""
    times = receipt.predicate.times
    names = ("start", "queued", "agreed", "started", "finished")
    texts = (start.at, times.queued, times.agreed, times.started, times.finished)
    try:
        known = [(name, moment(text)) for name, text in zip(names, texts, strict=True) if text is not None]
        known.append(("end of the lease", known[0][1] + timedelta(seconds=start.lease)))
    except (ValueError, OverflowError):
        yield "time-impossible", f"one of {', '.join(filter(None, texts))} is in no calendar"
        return
    for (one, before), (other, after) in pairwise(known):
        if after < before:
            yield "times-disordered", f"{other} ({_text(after)}) lies before {one} ({_text(before)})"


def _production(receipt: Receipt, wanted: Production) -> Iterator[tuple[str, str]]:
    said = receipt.predicate
    if said.executor.simulated:
        yield "run-simulated", f"executed by {said.executor.kind} on {said.executor.network}: simulated"
    elif wanted.networks and said.executor.network not in wanted.networks:
        yield "network-refused", f"network {said.executor.network}; accepted: {', '.join(sorted(wanted.networks))}"
    answered = any(cell.status == "ok" for cell in said.cells)
    if answered and _GRADES.index(said.region.grade) < _GRADES.index(wanted.lowest_grade):
        yield "grade-too-low", f"the region is {said.region.grade}; at least {wanted.lowest_grade} is wanted"


def _images(target: Container) -> set[tuple[str, str]]:
    """Form and digest of each form of an image that a job pins."""
    image = target.image
    forms = {"oci": image.oci, "gvmi": image.gvmi, "source": image.source.cid if image.source else None}
    return {(form, digest) for form, digest in forms.items() if digest is not None}


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
