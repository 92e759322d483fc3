"""Published runs, judged again by the classifier that is installed: `beacon report --rescore`.

Adds, never alters. What a run published, its bundle, page, manifest and proof, stays byte for byte, and so does every
earlier judgement. A new one is a folder of its own below the run's, named in the log by a `rescore` entry:

    rescored/<classifier, - for />/    diff.json, README.md and its pictures, manifest.json

The manifest is of the same kind as the run's: `cid` is that of the bundle that was judged, and paths are below the
run's folder. A classifier judges a run once. All that is new is one commit, through the one write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from runner.bundle import manifest, open_bundle
from runner.compare.verdict import CLASSIFIER, compare
from runner.errors import BeaconError, Conflict, Environment, Unverified
from runner.events import say
from runner.formats.sshsig import public_line
from runner.history import End, History
from runner.ipfs.unixfs import folder_cid
from runner.model import DiffReport, LogEntry, Manifest, sha256
from runner.model import entry as e
from runner.model.run import run_folder
from runner.ports import Emit, Snapshot
from runner.publish import Desk
from runner.registry.leaks import leaks
from runner.rendering.rejudged import rejudged_page
from runner.rendering.render import RENDERER, told
from runner.stages import resume, write
from runner.state import State, runner_name

TRIES = 5


class Rescoring(NamedTuple):
    """A run judged again: full path to bytes, and the log entry for it."""

    then: DiffReport
    now: DiffReport
    folder: str
    files: Mapping[str, bytes]
    entry: e.Rescore


class Left(NamedTuple):
    """A run that could not be judged, and why."""

    run: str
    code: str
    why: str


class Outcome(NamedTuple):
    """What was judged and published, and what was left as it is."""

    head: str | None
    rescored: tuple[Rescoring, ...]
    left: tuple[Left, ...]


def rescore(desk: Desk, secrets: Collection[bytes] = (), runs: Collection[str] | None = None) -> Outcome:
    """Judge these runs again (None: all), as far as the installed classifier has not, and publish that in one commit;
    again where another runner wrote first. A run that cannot be judged stops no other. Raises `BeaconError`."""
    for left in reversed(range(TRIES)):
        try:
            return _once(desk, secrets, runs)
        except Conflict:
            if not left:
                raise
    raise AssertionError("unreachable")


def _once(desk: Desk, secrets: Collection[bytes], runs: Collection[str] | None) -> Outcome:
    state = resume(desk)
    _demand_runner(desk, state)
    done: list[Rescoring] = []
    failed: list[Left] = []
    for end in due(state.history):
        if runs is not None and end.start.run not in runs:
            continue
        try:
            found = rescoring(_files(state.snapshot, end), end)
            done += [found] if found is not None and _holds_no_secret(found, secrets, desk.emit) else []
        except BeaconError as error:
            failed.append(Left(end.start.run, error.code, error.message))
    entries: list[LogEntry] = [one.entry for one in done]
    files = {path: content for one in done for path, content in one.files.items()}
    final = write(desk, state, entries, files)
    return Outcome(final.head, tuple(done), tuple(failed))


def due(history: History) -> Iterator[End]:
    """Published runs, in the log's order, that no `rescore` entry of the installed classifier names."""
    for end in sorted(history.ended.values(), key=lambda end: end.index):
        judged = {entry.classifier for entry in history.rescored.get(end.start.run, ())}
        if isinstance(end.end, e.RunEnd) and CLASSIFIER not in judged:
            yield end


def rescoring(files: Mapping[str, bytes], end: End) -> Rescoring | None:
    """The judgement of a published run, from the files of its folder (by path below it). None where the installed
    classifier judged it when it was published. Raises `Unverified` where the files are not those of the log: what was
    tampered with is not judged."""
    assert isinstance(end.end, e.RunEnd), "only a published run has answers"
    listed = _manifest(files, end.end)
    if listed.classifier == CLASSIFIER:
        return None
    evidence = {path.removeprefix("bundle/"): raw for path, raw in files.items() if path.startswith("bundle/")}
    if folder_cid(evidence) != end.end.cid:
        raise Unverified("cid-wrong", "the bundle is not the one that the log names")
    bundle = open_bundle(evidence)
    then, now = DiffReport.from_bytes(files["bundle/diff.json"], "bundle/diff.json"), compare(bundle)
    page = rejudged_page(bundle, then, now, told(bundle, now), listed.cid, RENDERER)
    place = e.Rescore(run=end.start.run, classifier=CLASSIFIER, manifest=end.end.manifest).folder
    new = {f"{place}/{name}": raw for name, raw in {"diff.json": now.canonical(), **page}.items()}
    raw = manifest(bundle.run, new, listed.cid, CLASSIFIER, RENDERER).canonical()
    folder = _folder(end)
    return Rescoring(
        then=then,
        now=now,
        folder=f"{folder}/{place}",
        files={f"{folder}/{path}": content for path, content in {**new, f"{place}/manifest.json": raw}.items()},
        entry=e.Rescore(run=end.start.run, classifier=CLASSIFIER, manifest=sha256(raw)),
    )


def _manifest(files: Mapping[str, bytes], end: e.RunEnd) -> Manifest:
    raw = files.get("manifest.json", b"")
    if sha256(raw) != end.manifest:
        raise Unverified("manifest-wrong", "the run's manifest is not the one that the log names")
    return Manifest.from_bytes(raw, "manifest.json")


def _demand_runner(desk: Desk, state: State) -> None:
    """Only a runner whose key counts may write. Raises `Environment`."""
    runner_name(state.trust, desk.keys)
    if not state.history.counts(public_line(desk.keys.git.public), "runner-git"):
        raise Environment(
            "runner-not-logged", "the log does not hold this runner's key yet", "`beacon reconcile` logs it"
        )


def _files(snapshot: Snapshot, end: End) -> Mapping[str, bytes]:
    """The run's own files, without what was judged later and what former runners left."""
    folder = _folder(end)
    others = f"{folder}/rescored/", f"{folder}/superseded/"
    own = [path for path in snapshot.files(folder) if not path.startswith(others)]
    return {path.removeprefix(f"{folder}/"): raw for path, raw in snapshot.read_all(own).items()}


def _folder(end: End) -> str:
    job = end.start.job.removeprefix("registry/jobs/").removesuffix(".yaml")
    return run_folder(job, end.start.run, end.start.due)


def _holds_no_secret(found: Rescoring, secrets: Collection[bytes], emit: Emit) -> bool:
    """The last look before publication, as at a run's own."""
    leaked = leaks(found.files, secrets)
    for leak in leaked:
        say(emit, "secret-found", run=found.entry.run, path=leak.path, line=leak.line, kind=leak.kind)
    return not leaked
