"""Registries of very many jobs, made quickly: signed jobs, a log with any number of finished runs, and their reports.

Jobs stand in folders of fewer than a thousand entries. Runs of jobs beyond the first are of earlier revisions. All runs
share the bytes of one real run's report, so that a repository of 100,000 of them is made in a minute; what is read of a
run, and how large it is, is as it would be.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from runner.claim import claim
from runner.edges.keys import write_key
from runner.formats import log, note, sshsig
from runner.history import History
from runner.model import Checkpoint, LogEntry, sha256
from runner.model import entry as e
from runner.model.run import run_folder
from runner.plan import Plan
from runner.registry.initialise import registry_files, sign_trust
from runner.registry.trust import read_trust
from runner.schedules import instant
from tests import make
from tests.bench.jobs import BENCHMARK, NAMESPACE, signed_job
from tests.registries import Files
from tests.worlds import EPOCH, Registry, job_file

OWNERS = 100
_FOLDER = 400  # jobs: each has a signature beside it
_LEASE = 3900


class Many(NamedTuple):
    """A bare remote, a bare clone of it, the runner's keys, and what processes must be told. Jobs beyond `finished`
    runs are suspended, so that nothing is to be done."""

    remote: Path
    clone: Path
    keys: Path
    environment: Mapping[str, str]


class Asked(NamedTuple):
    """A job's path, and its bytes and signature at a revision."""

    path: str
    raw: bytes
    signature: bytes


def owner_of(number: int) -> str:
    """Whose the job of a number is."""
    return f"owner-{number % OWNERS:03}"


class Maker:
    """Makes jobs from one text: writing YAML, and nothing else of it, would take an hour."""

    def __init__(self) -> None:
        made = signed_job("owner-@@@", "suite-@@", "job-@@@@@@", 1)
        self._form = next(raw for path, raw in made.items() if path.endswith(".yaml"))

    def job(self, number: int, revision: int = 1) -> Asked:
        """The job of a number."""
        owner, suite, name = owner_of(number), f"suite-{number // OWNERS // _FOLDER:02}", f"job-{number:06}"
        raw = self._form.replace(b"owner-@@@", owner.encode()).replace(b"suite-@@", suite.encode())
        raw = raw.replace(b"job-@@@@@@", name.encode()).replace(b"revision: 1", b"revision: %d" % revision)
        return Asked(f"registry/jobs/{owner}/{suite}/{name}.yaml", raw, sshsig.sign(make.key(owner), raw, NAMESPACE))


def build(place: Path, jobs: int, finished: int) -> Many:
    """A registry of so many jobs, and so many finished runs of them."""
    place.mkdir(parents=True)
    remote, clone = place / "registry.git", place / "clone.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(remote)], check=True)
    with subprocess.Popen(
        ["git", "-C", str(remote), "fast-import", "--quiet", "--done"], stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.writelines(_stream(jobs, finished))
    assert process.returncode == 0
    subprocess.run(["git", "clone", "--quiet", "--bare", str(remote), str(clone)], check=True)
    (place / "keys").mkdir(mode=0o700)
    for role, key in _roles().items():
        write_key(place / "keys" / role, key, role)
    folders = {"BEACON_STATE": str(place / "state"), "BEACON_CACHE": str(place / "cache")}
    return Many(remote, clone, place / "keys", folders)


def _roles() -> dict[str, make.SoftwareKey]:
    return {role: make.key(f"rita {role}") for role in ("git", "receipt", "log")}


def _foundation() -> dict[str, bytes]:
    """Everything but jobs and reports."""
    roles = _roles()
    files = dict(
        registry_files(
            origin=make.ORIGIN,
            branch="main",
            maintainers={"mia": make.key("mia").public},
            threshold=1,
            contributors={owner_of(number): make.key(owner_of(number)).public for number in range(OWNERS)},
            runners={"rita": (roles["git"].public, roles["receipt"].public)},
            log_public=roles["log"].public,
        )
    )
    files["registry/trust.sigs/mia.sig"] = sign_trust(files["registry/trust.json"], make.ORIGIN, make.key("mia"))
    return files | {f"registry/benchmarks/echo/{name}": content for name, content in BENCHMARK.items()}


def _stream(jobs: int, finished: int) -> Iterator[bytes]:
    """What `git fast-import` reads."""
    files = _foundation()
    report = _report()
    for mark, content in enumerate(report.values(), 1):
        yield b"blob\nmark :%d\ndata %d\n%b\n" % (mark, len(content), content)
    yield b"commit refs/heads/main\ncommitter Bench <bench@example.invalid> 1000000000 +0000\ndata 5\nbegin\n"
    maker = Maker()
    runs: list[tuple[str, str, int]] = []
    for number in range(jobs):
        asked = maker.job(number, 1 + max(0, finished - 1 - number) // jobs)
        yield _inline(asked.path, asked.raw)
        yield _inline(f"{asked.path}.sig", asked.signature)
        if number < finished:
            runs.append((asked.path, sha256(asked.raw), 1 + (finished - 1 - number) // jobs))
    if finished < jobs:
        rest = (f"{maker.job(number).path}\n".encode() for number in range(finished, jobs))
        files["registry/suspended"] = b"".join(rest)
    everything = list(_runs(runs))
    for path, digest, _ in everything:
        folder = run_folder(path.removeprefix("registry/jobs/").removesuffix(".yaml"), digest, None)
        for mark, name in enumerate(report, 1):
            yield b"M 100644 :%d %b/%b\n" % (mark, folder.encode(), name.encode())
    for path, content in {**files, **_log(files, everything)}.items():
        yield _inline(path, content)
    yield b"done\n"


def _inline(path: str, content: bytes) -> bytes:
    return b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(content), content)


def _runs(last: Iterable[tuple[str, str, int]]) -> Iterator[tuple[str, str, int]]:
    """Path, digest and revision of every finished run, oldest revisions first; those of older ones are made up."""
    last = list(last)
    for revision in range(1, max((revision for _, _, revision in last), default=0) + 1):
        for path, digest, newest in last:
            if revision <= newest:
                yield path, digest if revision == newest else sha256(f"{path} {revision}".encode()), revision


def _log(files: Mapping[str, bytes], runs: Iterable[tuple[str, str, int]]) -> dict[str, bytes]:
    trust = read_trust(Files(files))
    empty = Plan((), (), (), (), (), ())
    entries: list[LogEntry] = list(claim(empty, History(), trust, "rita", EPOCH))
    for path, digest, revision in runs:
        start = e.Start(
            job=path, sha256=digest, revision=revision, run=digest, runner="rita", at=instant(EPOCH), lease=_LEASE
        )
        end = e.RunEnd(run=digest, start=len(entries), cid=make.CID, manifest=sha256(digest.encode()))
        entries += [start, end]
    grown = log.append({}.get, 0, [entry.canonical() for entry in entries])
    text = note.checkpoint_text(Checkpoint(make.ORIGIN, grown.size, grown.root))
    signed = note.sign(text, make.ORIGIN, make.key("rita log"))
    tiles = {f"reports/log/{path}": content for path, content in grown.tiles.items() if content is not None}
    return {**tiles, "reports/log/checkpoint": signed}


def published_run() -> dict[str, bytes]:
    """The files of a real published run, by their path in its folder."""
    registry = Registry()
    registry.submit(job_file())
    registry.act()
    found = {}
    for path in registry.files("reports/jobs"):
        if name := path.partition("/runs/")[2].partition("/")[2]:
            found[name] = registry.read(path)
    return found


def _report() -> dict[str, bytes]:
    """What planning and pages read of a published run, and its page."""
    read = ("README.md", "bundle/context.json", "bundle/diff.json")
    return {name: content for name, content in published_run().items() if name in read}
