"""Later judgements of a published run: what stands below its `rescored/`. Steps 6, 7 and 9.

Each has an entry of its own, which binds its manifest, which lists its files and no others; nothing else may stand
there. A judgement is about the very bundle that was published, and adds to it: `runner/verify/runs.py` judges the run
as if there were none.
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.bundle import Bundle
from runner.compare.verdict import CLASSIFIER, compare
from runner.errors import Unverified
from runner.model import DiffReport, Manifest, sha256
from runner.rendering.rejudged import rejudged_page
from runner.rendering.render import RENDERER, told
from runner.verify.events import Ended, Rejudged
from runner.verify.report import Notebook
from runner.verify.runs import FAILURES, MANIFEST, Judged, Law, judge_listed_files

AGAIN = "rescored/"
_DIFF = "diff.json"


def judge_rejudged(ended: Ended, files: Mapping[str, bytes], run: Judged, law: Law) -> Mapping[int, str | None]:
    """Judge the files below a run's `rescored/` (by path below the run's folder). Returns what rendered each judgement,
    by the index of its entry."""
    found = [one for (of, _), one in law.ledger.rescored.items() if of == ended.end.run]
    folder, homes = ended.began.folder, {_below(one) for one in found}
    for path in files:
        if not path.startswith(tuple(homes)):
            law.book.find(6, "file-unknown", f"{folder}/{path}", "no log entry is about a judgement that stands here")
    return {one.entry: _judge(one, files, run, law.book) for one in found}


def _below(one: Rejudged) -> str:
    """`rescored/<classifier>/`, below the run's folder."""
    return one.folder.removeprefix(f"{one.ended.began.folder}/") + "/"


def _judge(one: Rejudged, files: Mapping[str, bytes], run: Judged, book: Notebook) -> str | None:
    book.count(7, "later judgements")
    home = _below(one)
    own = {path: raw for path, raw in files.items() if path.startswith(home)}
    manifest = _manifest(one, own, home, book)
    if manifest is None or run.manifest is None or run.bundle is None:
        book.skip(9, "later judgements whose evidence does not hold")
        return manifest.renderer if manifest else None
    if run.manifest.classifier == one.again.classifier:
        message = f"{one.again.classifier} judged that run when it was published"
        book.find(7, "rescore-twice", f"log entry {one.entry}", message)
    named = {path.removeprefix(home): raw for path, raw in own.items()}
    _derive(one, named, manifest, run, run.bundle, book)
    return manifest.renderer


def _manifest(one: Rejudged, own: Mapping[str, bytes], home: str, book: Notebook) -> Manifest | None:
    """Step 6: the logged one, about this run, its bundle and this classifier; it lists exactly what is there."""
    book.count(6, "manifests of later judgements")
    where, folder = f"{one.folder}/{MANIFEST}", one.ended.began.folder
    raw = own.get(f"{home}{MANIFEST}")
    if raw is None or sha256(raw) != one.again.manifest:
        found = "no file" if raw is None else sha256(raw)
        book.find(6, "manifest-wrong", where, f"found {found}; log entry {one.entry} says {one.again.manifest}")
        return None
    try:
        manifest = Manifest.from_bytes(raw, where)
    except Unverified as error:
        book.find(6, error.code, where, error.message)
        return None
    said = (manifest.run, manifest.job, manifest.cid, manifest.classifier)
    end = one.ended.end
    if said != (one.again.run, one.ended.began.start.job, getattr(end, "cid", None), one.again.classifier):
        book.find(6, "manifest-wrong", where, f"it is about {', '.join(said)}")
    listed = {path: sha256(raw) for path, raw in own.items() if path != f"{home}{MANIFEST}"}
    judge_listed_files(manifest, listed, folder, book)
    return manifest


def _derive(
    one: Rejudged, files: Mapping[str, bytes], manifest: Manifest, run: Judged, bundle: Bundle, book: Notebook
) -> None:
    """Step 9: what follows from the published bundle, where this version has the code that derived it."""
    where, recorded = f"{one.folder}/{_DIFF}", files.get(_DIFF, b"")
    try:
        now, then = DiffReport.from_bytes(recorded, where), DiffReport.from_bytes(run.diff, "bundle/diff.json")
        derived = compare(bundle) if one.again.classifier == CLASSIFIER else now
        pages = None
        if manifest.renderer == RENDERER:
            pages = rejudged_page(bundle, then, now, told(bundle, now), manifest.cid, RENDERER)
    except FAILURES as error:
        book.find(9, "derivation-failed", one.folder, f"{type(error).__name__}: {error}")
        return
    if (now.run, now.job, now.classifier) != (one.again.run, bundle.run.job, one.again.classifier):
        book.find(9, "diff-wrong", where, f"it is about {now.job}, run {now.run}, by {now.classifier}")
    elif one.again.classifier != CLASSIFIER:
        book.skip(9, f"later judgements by classifier {one.again.classifier}: bytes checked, not derived again")
    elif derived.canonical() == recorded:
        book.count(9, "later judgements derived again")
    else:
        book.find(9, "diff-wrong", where, "it does not follow from the bundle's receipts and outputs")
    if pages is None:
        book.skip(9, f"later judgements by renderer {manifest.renderer}: bytes checked, not re-rendered")
        return
    book.count(9, "later judgements rendered again")
    for name in sorted((files.keys() | pages.keys()) - {_DIFF, MANIFEST}):
        if files.get(name) != pages.get(name):
            book.find(9, "page-wrong", f"{one.folder}/{name}", "it is not what rendering this judgement gives")
