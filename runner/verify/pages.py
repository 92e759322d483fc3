"""What may stand below `reports/`, and the pages that follow from all runs together. Steps 6 and 9.

Every file is one of the log's, one of an ended run's folder, a settlement's record, a month of the ledger, or a derived
page; anything else was put there by somebody else. Derived pages are made again by the writer's own code from the
verified log: here that is the point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from runner.history import History, fold
from runner.model import Settlement
from runner.model import entry as e
from runner.money.ledger import month_file
from runner.ports import Blob, Snapshot
from runner.rendering.pages import INDEX, derived
from runner.rendering.render import RENDERER
from runner.verify.events import Ended, Late, Ledger, Rejudged
from runner.verify.report import Notebook
from runner.verify.runs import FAILURES

LOG = "reports/log/"


def sort_files(files: Mapping[str, Blob], ledger: Ledger, book: Notebook) -> Mapping[str, list[str]]:
    """Step 6: the files of each run that published any, by its folder. What belongs to nothing is a finding."""
    runs: dict[str, list[str]] = {}
    pages = {INDEX, *(Settlement.path_of(one.end.run, start) for start, one in ledger.settled.items())}
    for ended in ledger.ended:
        pages.add(month_file(ended.began.start))  # which of them there are follows from the receipts
    for ended in filter(lambda ended: ended.final, ledger.ended):
        pages |= _own_pages(ended) | _first_badges(ended)
        if e.bundled(ended.end):
            runs.setdefault(ended.folder, [])
    runs |= {late.folder: [] for late in ledger.superseded.values()}
    book.count(6, "paths", len(files))
    for path, blob in files.items():
        folder = _folder(path)
        if blob.mode != "100644":
            book.find(6, "file-mode", path, f"mode {blob.mode}; only plain files (100644) stand here")
        elif folder in runs:
            runs[folder].append(path)
        elif path not in pages and not path.startswith(LOG):
            message = (
                "it belongs neither to the log, nor to an ended run, nor to a settlement, nor to the derived pages"
            )
            book.find(6, "file-unknown", path, message)
    return runs


def judge_pages(
    snapshot: Snapshot,
    files: Mapping[str, Blob],
    entries: Iterable[bytes],
    ledger: Ledger,
    renderers: Mapping[int, str | None],
    book: Notebook,
) -> None:
    """Step 9: histories, the index and the pages of runs without a result. `renderers` says what made each published
    run, each later judgement and each manifest without a page, by the index of its entry: a derived page is at least as
    new as the last of them."""
    final = [ended for ended in ledger.ended if ended.final]
    expected, broken = _derive(snapshot, entries, final)
    for job in sorted(broken):
        book.skip(9, f"history of {job}: its runs cannot be read")
    again: list[Rejudged | Late] = [*ledger.rescored.values(), *ledger.superseded.values()]
    written = _written(final, again)
    renderer: dict[int, str | None] = {}
    latest: str | None = RENDERER
    for entry in sorted({ended.entry for ended in final} | {one.entry for one in again}):
        latest = renderers.get(entry, latest)
        renderer[entry] = latest
    unread = {INDEX} if broken else set()
    for ended in filter(lambda ended: ended.began.start.job in broken, final):
        unread |= {_trend(ended)} | _own_pages(ended) | _badges(ended)
    for path, index in written.items():
        if path in unread:
            continue
        if renderer[index] not in (RENDERER, None):
            book.skip(9, f"derived pages by renderer {renderer[index]}: not re-rendered")
            continue
        book.count(9, "derived pages")
        if path not in files:
            book.find(9, "page-missing", path, "this derived page is not here")
        elif snapshot.read(path) != expected.get(path):
            book.find(9, "page-wrong", path, "it is not what deriving this page from the log and the runs gives")


def _written(final: Sequence[Ended], again: Sequence[Rejudged | Late]) -> Mapping[str, int]:
    """Each derived page, and the index of the last entry that wrote it: an end, a later judgement, or what an abandoned
    start left, once its job has a page."""
    written: dict[str, int] = {}
    events: list[Ended | Rejudged | Late] = [*final, *again]
    for one in sorted(events, key=lambda one: one.entry):
        if isinstance(one, Late):
            if (page := f"{one.began.job_folder}/README.md") in written:
                anew = ({INDEX, page, _trend(one)} | _badges(one)) & written.keys()
                written |= dict.fromkeys(anew, one.entry)
            continue
        ended = one.ended if isinstance(one, Rejudged) else one
        anew = ({_trend(ended)} | _badges(ended)) & written.keys()
        written |= dict.fromkeys({INDEX} | _own_pages(ended) | _first_badges(ended) | anew, one.entry)
    return written


def _own_pages(ended: Ended) -> set[str]:
    """The pages that belong to an end: its job's history with the picture of published runs, else its own page."""
    own = _trend(ended) if isinstance(ended.end, e.RunEnd) else f"{ended.began.folder}/README.md"
    return {f"{ended.began.job_folder}/README.md", own}


def _trend(ended: Ended | Late) -> str:
    return f"{ended.began.job_folder}/trend.svg"


def _badges(ended: Ended | Late) -> set[str]:
    """The badges of a run's job. Every end of one of its runs writes them anew, once one was published."""
    name = ended.began.job_folder.removeprefix("reports/jobs/").replace("/", ".")
    return {f"reports/badges/{name}.json", f"reports/badges/{name}.svg"}


def _first_badges(ended: Ended) -> set[str]:
    """Badges that there are for the sake of this run."""
    return _badges(ended) if isinstance(ended.end, e.RunEnd) else set()


def _derive(
    snapshot: Snapshot, entries: Iterable[bytes], final: Sequence[Ended]
) -> tuple[Mapping[str, bytes], frozenset[str]]:
    """The derived pages, and the jobs whose pages cannot be derived because a run is damaged."""
    history = fold(entries)
    try:
        return derived(snapshot, history), frozenset()
    except FAILURES:
        pages: dict[str, bytes] = {}
        broken: set[str] = set()
        for job in sorted({ended.began.start.job for ended in final}):
            try:
                pages |= derived(snapshot, _only(history, job))
            except FAILURES:
                broken.add(job)
        return pages, frozenset(broken)


def _only(history: History, job: str) -> History:
    return replace(history, ended={run: end for run, end in history.ended.items() if end.start.job == job})


def _folder(path: str) -> str:
    """The run's folder that a path lies in, or the one below it in which a start left its receipts, or nothing."""
    head, runs, rest = path.partition("/runs/")
    names = rest.split("/")
    length = 2 if len(names[0]) == len("2026-11") else 1
    length += 2 if len(names) > length + 2 and names[length] == "superseded" else 0
    return f"{head}{runs}{'/'.join(names[:length])}" if runs and len(names) > length else ""
