"""What is special about receipts without a verdict: of a run that was called off, or an abandoned start. Steps 4, 6.

Everything else is judged as for a published run (`runner/verify/runs.py`): manifest, CID, proof, job, receipts, seeds,
cells, times. A `cancelled` entry without a manifest has no file but its page, which `runner/verify/pages.py` holds. A
`superseded` entry has a folder of its own, and no page.
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.model import Receipt
from runner.verify.report import Notebook

PAGE = "README.md"
"""A derived page, written anew by later ends of the job: the manifest cannot list it."""


def judge_called_off(bundle: Mapping[str, bytes], folder: str, book: Notebook) -> None:
    """Of a cancelled run there is something to be told, and nothing was concluded from it."""
    book.count(7, "cancelled runs with receipts")
    if "diff.json" in bundle:
        message = "the log says that this run was cancelled, so nothing was compared"
        book.find(6, "cancelled-verdict", f"{folder}/bundle/diff.json", message)
    if _is_empty(bundle):
        book.find(6, "cancelled-empty", f"{folder}/bundle", "the log names a manifest, but there is no receipt")


def judge_left(bundle: Mapping[str, bytes], folder: str, book: Notebook) -> None:
    """The same of an abandoned start."""
    book.count(7, "superseded starts with receipts")
    if "diff.json" in bundle:
        message = "the log says that this start was abandoned, so nothing was compared"
        book.find(6, "superseded-verdict", f"{folder}/bundle/diff.json", message)
    if _is_empty(bundle):
        book.find(6, "superseded-empty", f"{folder}/bundle", "the log names a manifest, but there is no receipt")


def _is_empty(bundle: Mapping[str, bytes]) -> bool:
    return not any(path.startswith("receipts/") for path in bundle)


def judge_statuses(receipts: Mapping[str, Receipt], called_off: bool, folder: str, book: Notebook) -> None:
    """The runner cuts attempts short where it stops a run, and only there: nothing follows one in its slot."""
    last: dict[tuple[str, str, int], int] = {}
    for receipt in receipts.values():
        attempt = receipt.predicate.attempt
        slot = (attempt.target, attempt.region, attempt.slot)
        last[slot] = max(attempt.n, last.get(slot, 0))
    for path, receipt in receipts.items():
        attempt = receipt.predicate.attempt
        if receipt.predicate.status != "cancelled":
            continue
        where = f"{folder}/bundle/{path}"
        if not called_off:
            book.find(4, "attempt-cut-short", where, "it was cut short, but the log says that its run was finished")
        elif attempt.n < last[attempt.target, attempt.region, attempt.slot]:
            book.find(4, "attempt-cut-short", where, "it was cut short, and another attempt follows in its slot")
