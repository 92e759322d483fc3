"""Check a registry from outside: who said it, in which order, and that nothing changed since. Not that it happened.

    verify(repository, trust, last_seen) -> Report        as_text, as_json        parse_anchor, format_anchor

Written separately from the writer: no rule of `runner/plan.py`, `claim.py`, `history.py` or `publish.py` is used but in
step 9, whose point is to derive the same again. Shared are formats: the models, signatures, notes, proofs, tiles.
Nothing of the target is executed, and only blobs of one commit and its history are read, never the work tree.

    trail      1, 2   commits and checkpoints           receipts   4        seeds, cells, times
    ledger     3, 7   the log's entries; keylog         runs       3 to 9   one run's folder
    authority  3      trust lists                       pages      6, 9     every file; derived pages
    jobs       3      signed jobs and revisions         logfiles   8        tiles, checkpoint, identity; frontier
    cancelled  4, 6   what runs that were called off, and starts that were taken over, left
    accounts   6, 7, 9  settlements, the ledger of money          rejudged   6, 7, 9  later judgements of a run
    report, present   what was found, and how it is said; blobs, anchor

The steps, and what rests on the runner's word: `docs/evidence.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from runner.errors import BeaconError, Usage
from runner.formats import note
from runner.model import Checkpoint
from runner.model import entry as e
from runner.ports import Blob, Repository, Snapshot
from runner.verify import logfiles
from runner.verify.accounts import Accounts, list_unsettled
from runner.verify.anchor import Anchor, format_anchor, parse_anchor
from runner.verify.blobs import contents
from runner.verify.events import Ended, Late, Ledger, Settled
from runner.verify.jobs import JobReader, judge_registry, judge_starts, list_cancelled, list_missed, list_open
from runner.verify.ledger import read_ledger
from runner.verify.pages import judge_pages, sort_files
from runner.verify.present import as_json, as_text
from runner.verify.receipts import Production
from runner.verify.rejudged import AGAIN, judge_rejudged
from runner.verify.report import Finding, Notebook, Report, Step
from runner.verify.runs import Law, judge_run
from runner.verify.trail import Trail, judge_growth, judge_signers, read_trail

__all__ = [
    "Anchor",
    "Finding",
    "Production",
    "Report",
    "Step",
    "as_json",
    "as_text",
    "format_anchor",
    "parse_anchor",
    "verify",
]


class _Case(NamedTuple):
    """What is verified, by whom, and where it is written down."""

    repository: Repository
    snapshot: Snapshot
    vkey: str
    trust: Anchor | None
    last_seen: bytes | None
    production: Production | None
    book: Notebook

    @property
    def origin(self) -> str:
        """The log's name."""
        return note.parse_vkey(self.vkey).name


def verify(
    repository: Repository,
    trust: Anchor | None = None,
    last_seen: bytes | None = None,
    *,
    rev: str | None = None,
    production: Production | None = None,
    work_tree: Snapshot | None = None,
) -> Report:
    """Verify a commit (`rev`, by its full id; the head unless said) and all that led to it.

    `trust` is the verifier's own anchor, `last_seen` the signed checkpoint that was remembered of this log, both from
    outside the clone. `work_tree` is compared with the commit and told, never used. Raises `Usage` where there is no
    such commit, and `Environment` where the repository cannot be read; whatever it holds is a finding."""
    commit = rev or repository.head()
    if commit is None:
        raise Usage("nothing-to-verify", "the branch has no commit", "give the clone of a registry")
    book = Notebook()
    snapshot = repository.snapshot(commit)
    vkey = logfiles.log_key(snapshot, trust, book)
    state = None
    if vkey is None:
        book.unchecked(range(1, 10), "the log's key is not known")
    else:
        case = _Case(repository, snapshot, vkey, trust, last_seen, production, book)
        trail = read_trail(repository, commit, vkey, book)
        state = logfiles.read_checkpoint(snapshot, vkey, book)
        if state is None:
            _without_log(case, trail)
        else:
            _with_log(case, trail, state[1])
    return Report(
        commit=commit,
        origin=note.parse_vkey(vkey).name if vkey else None,
        size=state[1].size if state else 0,
        pinned=trust is not None,
        first_use=last_seen is None,
        steps=book.steps(),
        checkpoint=state[0] if state and not book.found(2, 8) else None,
        work_tree=tuple(_differences(snapshot, work_tree)) if work_tree is not None else (),
    )


def _without_log(case: _Case, trail: Trail) -> None:
    """A registry that logged nothing yet, or whose log went away."""
    book, snapshot = case.book, case.snapshot
    logfiles.judge_seen(logfiles.read_seen(case.last_seen, case.vkey, book), -1, None, book)
    judge_signers(trail, None, book)
    judge_growth(trail, -1, {}, book)
    judge_registry(snapshot, Ledger(), JobReader(case.origin), case.origin, case.vkey, book)
    sort_files(snapshot.files("reports"), Ledger(), book)
    book.unchecked((4, 5, 7, 8, 9), "there is no signed log")


def _with_log(case: _Case, trail: Trail, checkpoint: Checkpoint) -> None:
    """The nine steps; the log comes first because all others rest on it."""
    book, snapshot, read = case.book, case.snapshot, case.repository.snapshot
    files, seen = snapshot.files("reports"), logfiles.read_seen(case.last_seen, case.vkey, book)
    entries = logfiles.entries(snapshot, checkpoint)
    if not logfiles.judge_files(snapshot, checkpoint, files, book):
        logfiles.judge_seen(seen, checkpoint.size, None, book)
        judge_signers(trail, None, book)
        judge_growth(trail, checkpoint.size, None, book)
        book.unchecked((3, 4, 5, 6, 7, 8, 9), "the log's entries are not those that its checkpoint signs")
        return
    sizes = {known.size for known in (*trail.checkpoints.values(), *filter(None, [seen]))}
    ledger = read_ledger(entries(), sizes, trail, read, case.vkey, book)
    logfiles.judge_seen(seen, checkpoint.size, ledger.roots, book)
    logfiles.judge_genesis(ledger.genesis, case.trust, book)
    runners = judge_signers(trail, ledger.keys, book)
    judge_growth(trail, checkpoint.size, ledger.roots, book)
    jobs = JobReader(case.origin)
    judge_starts(ledger, trail, runners, read, jobs, book)
    judge_registry(snapshot, ledger, jobs, case.origin, case.vkey, book)
    law = Law(ledger, jobs, case.origin, case.vkey, trail.published, case.production, book)
    renderers = _judge_runs(snapshot, files, law)
    try:
        judge_pages(snapshot, files, entries(), ledger, renderers, book)
    except BeaconError as error:
        book.unchecked((9,), f"the derived pages: {error.message}")
    list_cancelled(ledger, trail, read, book)
    list_missed(ledger, jobs.schedules(), book)
    list_open(ledger, book)
    list_unsettled(ledger, book)


def _judge_runs(snapshot: Snapshot, files: Mapping[str, Blob], law: Law) -> Mapping[int, str | None]:
    """Every run that published anything, with its later judgements, what abandoned starts left, and every settlement,
    in the log's order. Returns what rendered each of them, by the index of its entry."""
    folders = sort_files(files, law.ledger, law.book)
    accounts = Accounts(snapshot, law.book)
    renderers: dict[int, str | None] = {}
    log = law.ledger
    events: list[Ended | Late | Settled] = [*log.ended, *log.superseded.values(), *log.settled.values()]
    for event in sorted(events, key=lambda event: event.entry):
        if isinstance(event, Settled):
            accounts.settle(event)
        elif isinstance(event, Late):
            judged = judge_run(event, event.end, _below(snapshot, event.folder, folders), law)
            renderers[event.entry] = judged.renderer
            accounts.publish(event, judged.receipts)
        elif e.bundled(event.end):
            contents = _below(snapshot, event.folder, folders)
            later = {path: raw for path, raw in contents.items() if path.startswith(AGAIN)}
            judged = judge_run(
                event, event.end, {path: raw for path, raw in contents.items() if path not in later}, law
            )
            renderers |= {event.entry: judged.renderer, **judge_rejudged(event, later, judged, law)}
            accounts.publish(event, judged.receipts)
    accounts.close(files)
    return renderers


def _below(snapshot: Snapshot, folder: str, folders: Mapping[str, list[str]]) -> Mapping[str, bytes]:
    """The files of a folder, by path below it."""
    return {path.removeprefix(f"{folder}/"): raw for path, raw in snapshot.read_all(folders[folder]).items()}


def _differences(snapshot: Snapshot, work_tree: Snapshot) -> Iterator[str]:
    """Files of the registry and its reports that are not on disk as the commit has them."""
    for folder in ("registry", "reports"):
        committed, present = snapshot.files(folder), work_tree.files(folder)
        yield from (f"work tree differs: {path} is not in the commit" for path in present if path not in committed)
        both = zip(contents(snapshot, committed), contents(work_tree, committed), strict=True)
        yield from (f"work tree differs: {path}" for (path, ours), (_, theirs) in both if ours != theirs)
