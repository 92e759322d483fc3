"""Step 3, the contributors' part: every `start` was asked for by a signed job that stood in `registry/` at that moment.

The index of the start decides which keys count, never a date. At the verified commit every job file is held against its
signature and against what the log knows of it, so that an old signed file cannot come back unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from typing import NamedTuple

from cronsim import CronSim, CronSimError

from runner.errors import BeaconError, Invalid, Unverified
from runner.formats import sshsig
from runner.model import JobSpec, sha256
from runner.model import entry as e
from runner.model.run import run_id
from runner.ports import Snapshot
from runner.registry import documents
from runner.verify.authority import LIST, judge_listed, read_listed
from runner.verify.blobs import contents
from runner.verify.events import Began, Ledger, moment
from runner.verify.report import Notebook
from runner.verify.trail import Growth, Trail, completes_intent

JOBS = "registry/jobs"
_MOST_DUE_TIMES = 10_000
_SHALLOW = "shallow clone: starts logged before its first commit, by their bundles alone"


class SignedJob(NamedTuple):
    """What a job file says, and the public line of the key that signed it."""

    sha256: str
    path: str
    owner: str
    revision: int
    schedule: str | None
    total_seconds: int
    signer: str


class JobReader:
    """Reads and verifies each pair of job and signature once. Keeps a few words of each."""

    def __init__(self, origin: str) -> None:
        self._namespace = f"jobspec.v1@{origin}"
        self._known: dict[tuple[str, str], SignedJob] = {}

    def read(self, raw: bytes | None, signature: bytes | None) -> SignedJob:
        """Raises `Unverified` or `Invalid`."""
        if raw is None or signature is None:
            raise Unverified("job-missing", f"there is no {'job' if raw is None else 'signature'}")
        name = sha256(raw), sha256(signature)
        if name not in self._known:
            signer = sshsig.public_line(sshsig.verify(signature, raw, self._namespace))
            spec, _ = documents.read(JobSpec, raw, "the job")
            meta, work = spec.metadata, spec.spec
            self._known[name] = SignedJob(
                name[0], spec.path(), meta.owner, meta.revision, work.schedule, work.limits.total_seconds, signer
            )
        return self._known[name]

    def schedules(self) -> Mapping[str, str]:
        """The schedules of the jobs read so far, by the SHA-256 of their bytes."""
        return {job.sha256: job.schedule for job in self._known.values() if job.schedule is not None}


def judge_starts(
    ledger: Ledger,
    trail: Trail,
    runners: Mapping[str, str],
    snapshot: Callable[[str], Snapshot],
    jobs: JobReader,
    book: Notebook,
) -> None:
    """Every `start` and `retire` of the log, against the tree of the commit that logged it. `runners` names who signed
    which commit."""
    for commit, group in groupby(ledger.began, key=lambda began: trail.growth(began.entry)):
        if commit is None or not commit.known:
            book.unchecked((3,), _SHALLOW)
            continue
        tree = snapshot(commit.commit)
        for began in group:
            book.count(3, "starts")
            _judge_runner(began, commit, trail, ledger, runners, book)
            path = began.start.job
            try:
                raw = tree.read(path)
                _judge_start(began, jobs.read(raw, tree.read(f"{path}.sig")), ledger, commit.first)
                if raw is None or run_id(raw, began.start.due) != began.start.run:
                    raise Unverified("run-misnamed", f"{began.start.run} is not the run of these bytes and due time")
            except BeaconError as error:
                message = f"{path} at commit {commit.commit}: {error.message}"
                book.find(3, error.code, f"log entry {began.entry}", message)
    for index, entry in ledger.retired:
        growth = trail.growth(index)
        if growth is None or not growth.known:
            book.unchecked((3,), _SHALLOW)
        elif snapshot(growth.commit).exists(entry.job):
            message = f"{entry.job} stands at commit {growth.commit}, which retires it"
            book.find(3, "retire-wrong", f"log entry {index}", message)


def judge_signed(job: SignedJob, began: Began, ledger: Ledger) -> None:
    """That a job is the one of a start, signed by its owner's key when the log held the start. Raises `Unverified`."""
    start = began.start
    if (job.sha256, job.path, job.revision) != (start.sha256, start.job, start.revision):
        found = f"found {job.path}, revision {job.revision}, SHA-256 {job.sha256}"
        wanted = f"{start.job}, revision {start.revision}, SHA-256 {start.sha256}"
        raise Unverified("job-differs", f"{found}; the start says {wanted}")
    if doubt := ledger.keys.doubt(job.signer, "contributor", job.owner, began.entry):
        raise Unverified("job-key", f"signed by a key that does not count: {doubt}")


def judge_registry(snapshot: Snapshot, ledger: Ledger, jobs: JobReader, origin: str, vkey: str, book: Notebook) -> None:
    """The verified commit's own `registry/`: the trust list, and every job with its signature."""
    allowed = _judge_list(snapshot, ledger, origin, vkey, book)
    paths = [path for path, blob in snapshot.files(JOBS).items() if blob.mode == "100644"]
    beside = {f"{path}.sig" for path in paths}
    for path in (path for path in paths if path.endswith(".sig") and path not in beside):
        book.find(3, "signature-orphan", path, "there is no job beside this signature")
    files = [path for path in paths if path.endswith(".yaml")]
    signatures = contents(snapshot, (f"{path}.sig" for path in files))
    for (path, raw), (_, signature) in zip(contents(snapshot, files), signatures, strict=True):
        book.count(3, "job files")
        try:
            _judge_file(path, jobs.read(raw, signature), ledger, allowed)
        except Invalid as error:
            book.listed(3, f"{path}: signed, but no job that could start: {error.message}")
        except BeaconError as error:
            book.find(3, error.code, path, error.message)


def list_cancelled(ledger: Ledger, trail: Trail, snapshot: Callable[[str], Snapshot], book: Notebook) -> None:
    """Step 7: runs that were cancelled although their job stood. Somebody asked for it, or the runner says so: the log
    cannot tell."""
    for ended in ledger.ended:
        growth, job = trail.growth(ended.entry), ended.began.start.job
        if isinstance(ended.end, e.Cancelled) and growth and snapshot(growth.commit).exists(job):
            book.listed(7, f"log entry {ended.entry}: {job} was cancelled while it stood")


def list_missed(ledger: Ledger, jobs: Mapping[str, str], book: Notebook) -> None:
    """Step 7: due times between two starts of the same scheduled bytes that no start took. `jobs` maps the SHA-256 of a
    job's bytes to its schedule."""
    due: dict[str, list[e.Start]] = {}
    for began in ledger.began:
        if began.start.due is not None:
            due.setdefault(began.start.sha256, []).append(began.start)
    for digest, starts in due.items():
        taken = {start.due for start in starts if start.due}
        missed = sum(1 for time in _times(jobs.get(digest), min(taken), max(taken)) if time not in taken)
        if missed:
            book.listed(7, f"{starts[0].job}: {missed} due times between {min(taken)} and {max(taken)} have no start")


def list_open(ledger: Ledger, book: Notebook) -> None:
    """Step 7: starts without an end, with their leases. Without a clock nobody can say which of them are late."""
    for began in ledger.open.values():
        start = began.start
        taken = f"taken by {start.runner} at {start.at} for {start.lease} s"
        book.listed(7, f"log entry {began.entry}: open: {start.job}, {taken}")


def _judge_start(began: Began, job: SignedJob, ledger: Ledger, first: int) -> None:
    start = began.start
    judge_signed(job, began, ledger)
    if first and ledger.keys.lives[job.signer].since >= first:
        raise Unverified("job-key-new", f"{job.signer} entered the log in the commit that starts a job signed with it")
    if start.lease < job.total_seconds:
        raise Unverified("lease-short", f"a lease of {start.lease} s for a job of up to {job.total_seconds} s")
    if (start.due is None) != (job.schedule is None) or (
        start.due is not None and (start.due > start.at or start.due not in _times(job.schedule, start.due, start.due))
    ):
        raise Unverified(
            "due-wrong", f"due {start.due}, taken at {start.at}, does not fit the schedule {job.schedule!r}"
        )


def _judge_runner(
    began: Began, commit: Growth, trail: Trail, ledger: Ledger, runners: Mapping[str, str], book: Notebook
) -> None:
    """The runner that a start names signed its commit. Another known runner may have completed its intent after a
    crash, which the commit says, and which is told."""
    name, signer = began.start.runner, runners.get(commit.commit)
    if signer == name or signer is None:  # an unknown signer is a finding of step 1
        return
    where = f"log entry {began.entry}"
    known = any(
        not ledger.keys.doubt(line, "runner-git", name, began.entry) for line in ledger.keys.of("runner-git", name)
    )
    if known and completes_intent(trail.commits[commit.commit]):
        book.listed(3, f"{where}: taken by {name} in a commit that {signer} completed")
    else:
        book.find(3, "start-runner", where, f"taken by {name}, but its commit is signed by {signer}")


def _judge_list(snapshot: Snapshot, ledger: Ledger, origin: str, vkey: str, book: Notebook) -> Mapping[str, str]:
    """The contributors' keys that the trust list of a snapshot allows: public line to owner."""
    try:
        listed = read_listed(snapshot, origin, vkey)
    except BeaconError as error:
        book.find(3, error.code, LIST, error.message)
        return {}
    signed = judge_listed(snapshot, listed, ledger.known, ledger.keys, origin, LIST, book)
    if signed and listed.known.digest != ledger.known.digest:
        book.listed(3, f"{LIST} has serial {listed.known.serial}; the log does not hold it yet")
    return {line: owner for line, (role, owner) in listed.keys.items() if role == "contributor"} if signed else {}


def _judge_file(path: str, job: SignedJob, ledger: Ledger, allowed: Mapping[str, str]) -> None:
    """A job of the verified commit. What the log took counts with the key of then, what is new with the keys of now."""
    if job.path != path:
        raise Unverified("job-misplaced", f"it says of itself that it is {job.path}")
    known = ledger.revisions.get(path)
    if known is not None and known.sha256 == job.sha256 and not known.retired:
        if doubt := ledger.keys.doubt(job.signer, "contributor", job.owner, known.start):
            raise Unverified("job-key", f"signed by a key that does not count: {doubt}")
    elif known is not None and job.revision <= known.number:
        raise Unverified("revision-replayed", f"other bytes with revision {job.revision}; the log knows {known.number}")
    elif allowed.get(job.signer) != job.owner:
        raise Unverified("job-key", f"signed with {job.signer}, which is no key of {job.owner} in registry/keys")


def _times(schedule: str | None, first: str, last: str) -> Iterator[str]:
    """The moments of a schedule from one to another, with both; at most ten thousand."""
    if schedule is None:
        return
    try:
        times = CronSim(schedule, moment(first) - timedelta(minutes=1))
        for _, time in zip(range(_MOST_DUE_TIMES), times, strict=False):
            if (text := time.strftime("%Y-%m-%dT%H:%M:%SZ")) > last:
                return
            yield text
    except (CronSimError, ValueError, OverflowError):
        return
