"""One bundle by itself, without the registry that published it: what can be said of it, and plainly what cannot.

That all its blocks hash to its CID is known before this is asked. Here: its files belong together (steps 4 to 6), and
what it says was found follows from them (9). NOT here, since only the log and its keys can tell: who signed the job and
the receipts, whether they were allowed to, whether the run was ever published, asked for only once, and with seeds that
nobody could know before. Anybody can make a bundle that passes this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from runner.bundle import CONTEXT, DIFF, Bundle, open_bundle
from runner.compare.verdict import CLASSIFIER, compare
from runner.errors import BeaconError, Unverified
from runner.model import DiffReport, Run
from runner.verify.receipts import MOST_CELLS, planned
from runner.verify.report import Notebook, Step
from runner.verify.runs import FAILURES

_MOST_CELLS = 10_000
_MOST_BYTES = 8 << 20
_UNCHECKED = (
    ((1, 2), "there is no registry here: who published it, and what was changed since"),
    ((3,), "whose job it is: only the log tells which keys counted"),
    ((4,), "signatures, seeds and times of the receipts: keys, root and start are the log's"),
    ((7, 8), "whether it was ever published: there is no log here"),
    ((9,), "the run's pages: they are no part of its bundle"),
)


class Alone(NamedTuple):
    """What was found. `run` and `job` are what the bundle says of itself, None where it is no run's bundle; so is
    `simulated`, None where no receipt could be read."""

    run: str | None
    job: str | None
    simulated: bool | None
    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found. It is never said that a bundle alone is verified."""
        return not any(step.findings for step in self.steps)

    @property
    def last_line(self) -> str:
        """The result in one sentence."""
        if self.run is None:
            return "every block hashes to the CID; it is no run's bundle, so there is nothing else to check"
        held = "agrees with itself" if self.ok else "NOT WHOLE, or does not agree with itself"
        held = f"SIMULATED; {held}" if self.simulated else held
        return f"{held}; who said it, and whether it was published, cannot be known without its registry"


def judge_alone(files: Mapping[str, bytes]) -> Alone:
    """Judge the files of a bundle, by path below it."""
    if CONTEXT not in files:
        return Alone(None, None, None, ())
    book = Notebook()
    book.count(6, "CIDs")
    for steps, why in _UNCHECKED:
        book.unchecked(steps, why)
    try:
        run = Run.from_bytes(files[CONTEXT], f"bundle/{CONTEXT}")
    except BeaconError as error:
        book.find(4, error.code, f"bundle/{CONTEXT}", error.message)
        return Alone("unreadable", "unreadable", None, book.steps())
    bundle, simulated = _open(files, book), None
    if bundle is not None:
        simulated = any(one.predicate.executor.simulated for one in bundle.receipts.values())
        book.count(4, "receipts read", len(bundle.receipts))
        book.count(5, "transcripts and outputs", sum(len(one.subject) for one in bundle.receipts.values()))
        _derive(bundle, files, book)
    return Alone(run.run, run.job, simulated, book.steps())


def as_data(found: Alone) -> dict[str, Any]:
    """JSON data of it."""
    return {
        "ok": found.ok,
        "result": found.last_line,
        "run": found.run,
        "job": found.job,
        "simulated": found.simulated,
        "findings": [one._asdict() for step in found.steps for one in step.findings],
        "notChecked": [f"step {step.number}: {why}" for step in found.steps for why in step.unchecked],
    }


def _open(files: Mapping[str, bytes], book: Notebook) -> Bundle | None:
    try:
        bundle = open_bundle(files)
    except Unverified as error:
        book.find(5, error.code, "bundle", error.message)
        return None
    if planned(bundle.spec) > MOST_CELLS:
        message = f"the job plans {planned(bundle.spec)} cells; no policy allows more than {MOST_CELLS}"
        book.find(4, "cells-too-many", "bundle/job.yaml", message)
        return None
    return bundle


def _derive(bundle: Bundle, files: Mapping[str, bytes], book: Notebook) -> None:
    """Step 9: what was found follows from the answers, where this version has the code that derived it."""
    if DIFF not in files:
        book.unchecked((9,), "diff.json: there is none, as where a run was called off")
        return
    try:
        recorded = DiffReport.from_bytes(files[DIFF], f"bundle/{DIFF}")
        if recorded.classifier != CLASSIFIER:
            book.unchecked((9,), f"diff.json: by classifier {recorded.classifier}, which is not this one")
        elif _is_large(bundle):
            book.unchecked((9,), "diff.json: too much to compare for a bundle that nobody vouches for")
        elif compare(bundle).canonical() == files[DIFF]:
            book.count(9, "diffs derived again")
        else:
            message = "it does not follow from the bundle's receipts and outputs"
            book.find(9, "diff-wrong", f"bundle/{DIFF}", message)
    except FAILURES as error:
        book.find(9, "derivation-failed", f"bundle/{DIFF}", f"{type(error).__name__}: {error}")


def _is_large(bundle: Bundle) -> bool:
    """Whether comparing could take hours. A registry's policy bounds what its runs hold; here there is none."""
    outputs = [path for path in bundle.files if path.startswith("outputs/")]
    return planned(bundle.spec) > _MOST_CELLS or sum(len(bundle.files[path]) for path in outputs) > _MOST_BYTES
