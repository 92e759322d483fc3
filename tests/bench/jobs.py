"""Validate, plan and reconcile a registry of many signed jobs, as whole processes, and where the time goes.

The registry is made here: N jobs of 100 owners, each owner with a key, and a log that says of every job that it was
taken and published. The runs themselves are not there: neither planning nor a tick with nothing to do reads them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from runner.claim import claim
from runner.commands.places import git
from runner.edges.folder import FolderSnapshot
from runner.edges.keys import write_key
from runner.formats import log, note, sshsig
from runner.history import History
from runner.ipfs.unixfs import folder_cid
from runner.model import Checkpoint, JobSpec, LogEntry, sha256
from runner.model import entry as e
from runner.plan import plan
from runner.registry import Keyring, Registry, documents, jobrules, load
from runner.registry.initialise import registry_files, sign_trust
from runner.registry.trust import read_trust
from runner.state import read_state
from tests import make
from tests.bench.commits import build, repository
from tests.bench.figures import BEACON, Figure, busy, elapsed, processes, seconds
from tests.registries import Files
from tests.scratch import ECHO
from tests.worlds import EPOCH

OWNERS = 100
NAMESPACE = f"jobspec.v1@{make.ORIGIN}"
BENCHMARK = {path.name: path.read_bytes() for path in ECHO.iterdir() if path.is_file()}


class Made(NamedTuple):
    """A registry in a clone of a bare remote, with the runner's keys and what processes must be told."""

    clone: Path
    keys: Path
    environment: Mapping[str, str]


def figures(place: Path) -> Iterator[Figure]:
    """One job, then a thousand, then ten thousand."""
    for count in (1, 1_000, 10_000):
        folder = place / str(count)
        made = make_registry(folder, count)
        yield from _processes(made, count)
        if count > 1:
            yield from _stages(made, count)
        shutil.rmtree(folder)


def _processes(made: Made, count: int) -> Iterator[Figure]:
    repeats = 3 if count > 1_000 else 10
    (nothing,) = processes([[sys.executable, "-E", "-s", "-c", "pass"]], repeats)
    validate, noop = processes(
        [
            [BEACON, "validate", str(made.clone)],
            [BEACON, "reconcile", "--repo", str(made.clone), "--keys", str(made.keys)],
        ],
        repeats,
        made.environment,
    )
    jobs = f"{count:,} job{'s' if count > 1 else ''}"
    against = f"`python -c pass`: {seconds(nothing.median)}"
    full = count == 10_000
    yield Figure(
        f"`beacon validate`, {jobs}",
        str(validate),
        against,
        "under 6 s" if full else "",
        validate.median < 6 if full else None,
    )
    goal = "" if count == 1_000 else "under 0.6 s"
    yield Figure(
        f"`beacon reconcile` with nothing to do, {jobs}", str(noop), against, goal, noop.median < 0.6 if goal else None
    )
    if count > 1:
        base = git(made.clone, "rev-parse", "HEAD")
        _change_five(made)
        (five,) = processes(
            [[BEACON, "plan", "--repo", str(made.clone), "--base", base, "--rev", "HEAD"]], repeats, made.environment
        )
        git(made.clone, "reset", "--quiet", "--hard", base)
        goal = "under 1 s" if full else ""
        yield Figure(
            f"`beacon plan --base`, 5 of {jobs} changed", str(five), against, goal, five.median < 1 if goal else None
        )


def _stages(made: Made, count: int) -> Iterator[Figure]:
    """Where the time goes, in this process. Of pure stages the CPU time; what git does is timed by the clock."""
    jobs = f"{count:,} jobs"
    folder = FolderSnapshot(made.clone)
    listed = list(folder.files("registry"))
    found = folder.read_all(listed)
    files = Files(found)
    keys = read_trust(files)
    paths = [path for path in listed if path.endswith(".yaml") and path.startswith("registry/jobs/")]
    registry = load(files, keys)
    assert len(registry.jobs) == count, registry.problems[:2]
    specs = [documents.read(JobSpec, found[path], path) for path in paths]
    benchmarks = {"echo": folder_cid(BENCHMARK)}

    def every_signature() -> None:
        for path in paths:
            sshsig.verify(found[f"{path}.sig"], found[path], NAMESPACE)

    with repository(made.clone, None) as clone:
        snapshot = clone.snapshot(clone.head())
        state = read_state(clone, clone.head())
        stages = {
            "list and read the folder": elapsed(lambda: folder.read_all(list(folder.files("registry"))), 3),
            "list and read the commit": elapsed(lambda: snapshot.read_all(list(snapshot.files("registry"))), 3),
            "signatures": busy(every_signature, 3),
            "strict YAML and model": busy(lambda: [documents.read(JobSpec, found[p], p) for p in paths], 3),
            "rules": busy(lambda: [jobrules.judge(s, p, registry.policy, benchmarks) for s, p in specs], 3),
            "all of it in memory": busy(lambda: load(files, keys), 3),
            "whole state at a commit, log included": elapsed(lambda: read_state(clone, clone.head()), 3),
            "plan": busy(lambda: plan(state.registry, state.history, EPOCH, "rita", lambda _: None), 3),
        }
    for name, took in stages.items():
        yield Figure(f"… {name}, {jobs}", seconds(took.least), f"{seconds(took.least / count)} a job")


def make_registry(place: Path, count: int) -> Made:
    """A bare remote and a clone of it."""
    owners = [f"owner-{number:03}" for number in range(min(OWNERS, count))]
    roles = {role: make.key(f"rita {role}") for role in ("git", "receipt", "log")}
    files = dict(
        registry_files(
            origin=make.ORIGIN,
            branch="main",
            maintainers={"mia": make.key("mia").public},
            threshold=1,
            contributors={owner: make.key(owner).public for owner in owners},
            runners={"rita": (roles["git"].public, roles["receipt"].public)},
            log_public=roles["log"].public,
        )
    )
    files["registry/trust.sigs/mia.sig"] = sign_trust(files["registry/trust.json"], make.ORIGIN, make.key("mia"))
    files |= {f"registry/benchmarks/echo/{name}": content for name, content in BENCHMARK.items()}
    for number in range(count):
        owner = owners[number % len(owners)]
        files |= signed_job(owner, f"suite-{number // OWNERS // 50}", f"job-{number:05}", 1)
    files |= published(files)
    place.mkdir()
    build(place / "registry.git", files)
    subprocess.run(["git", "clone", "--quiet", str(place / "registry.git"), str(place / "clone")], check=True)
    (place / "keys").mkdir(mode=0o700)
    for role, key in roles.items():
        write_key(place / "keys" / role, key, role)
    folders = {"BEACON_STATE": str(place / "state"), "BEACON_CACHE": str(place / "cache")}
    return Made(place / "clone", place / "keys", folders)


def signed_job(owner: str, suite: str, name: str, revision: int) -> dict[str, bytes]:
    """A job of about 1.4 kB, and its signature."""
    data = make.job_data(
        prompts=[
            {"id": f"question-{n}", "text": f"Question {n}: who made you, where do you run, and what day is it there?"}
            for n in range(6)
        ],
        regions=[{"name": "EU", "countries": ["DE", "FR", "NL"]}, {"name": "US"}, {"name": "APAC"}],
    )
    data["metadata"] |= {"owner": owner, "suite": suite, "name": name, "revision": revision}
    data["spec"]["targets"][0]["image"]["source"] = {"benchmark": "echo", "cid": folder_cid(BENCHMARK)}
    raw = yaml.safe_dump(data, sort_keys=False).encode()
    path = f"registry/jobs/{owner}/{suite}/{name}.yaml"
    return {path: raw, f"{path}.sig": sshsig.sign(make.key(owner), raw, NAMESPACE)}


def published(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The log that says that every job was taken and published."""
    snapshot = Files(files)
    trust = read_trust(snapshot)
    keyring: Keyring = trust
    registry: Registry = load(snapshot, keyring)
    assert not registry.problems, registry.problems[:3]
    first = claim(plan(registry, History(), EPOCH, "rita", lambda _: None), History(), trust, "rita", EPOCH)
    entries: list[LogEntry] = list(first)
    entries += [
        e.RunEnd(run=start.run, start=index, cid=make.CID, manifest=sha256(start.run.encode()))
        for index, start in enumerate(first)
        if isinstance(start, e.Start)
    ]
    grown = log.append({}.get, 0, [entry.canonical() for entry in entries])
    text = note.checkpoint_text(Checkpoint(make.ORIGIN, grown.size, grown.root))
    signed = note.sign(text, make.ORIGIN, make.key("rita log"))
    tiles = {f"reports/log/{path}": content for path, content in grown.tiles.items() if content is not None}
    return {**tiles, "reports/log/checkpoint": signed}


def _change_five(made: Made) -> None:
    """Five jobs with another revision, committed as their owner does."""
    for number in range(5):
        for path, content in signed_job(f"owner-{number:03}", "suite-0", f"job-{number:05}", 2).items():
            (made.clone / path).write_bytes(content)
    git(made.clone, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--all", "-m", "five")
