"""The one write, into repositories that already hold many files: a run's 30 files as one signed commit."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from runner.edges.git import GitRepository
from runner.edges.git_objects import Author
from tests import make
from tests.bench.figures import Figure, elapsed, seconds

AUTHOR = Author("Bench", "bench@example.invalid")


def figures(place: Path) -> Iterator[Figure]:
    """Bare repositories first, then a clone with its files on disk."""
    for count in (10_000, 100_000):
        origin = place / f"{count}.git"
        paths = (f"registry/jobs/owner-{n % 100:03}/suite-{n // 10_000}/job-{n:06}.yaml" for n in range(count))
        jobs = {path: path.encode() for path in paths}
        build(origin, jobs)
        with repository(origin, None) as bare:
            yield _row(f"signed commit into {count:,} jobs", bare, "under 30 ms" if count == 100_000 else "")
        yield _bare_git(origin, count)
        clone = place / f"clone-{count}"
        subprocess.run(["git", "clone", "--quiet", "--bare", str(origin), str(clone)], check=True)
        subprocess.run(["git", "-C", str(clone), "remote", "set-url", "origin", str(origin)], check=True)
        with repository(clone, "origin") as remote:
            remote.refresh()
            yield _row(f"propose and commit into {count:,} jobs, pushed to a bare remote", remote, propose=True)
    place_with_files = place / "files"
    subprocess.run(["git", "clone", "--quiet", str(place / "10000.git"), str(place_with_files)], check=True)
    with repository(place_with_files, "origin") as remote:
        remote.refresh()
        yield _row("the same into 10,000 jobs, with a checked-out work tree that follows", remote, propose=True)


def build(bare: Path, files: Mapping[str, bytes]) -> None:
    """A bare repository with one commit of these files, on `main`."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)], check=True)
    head = b"commit refs/heads/main\ncommitter Bench <bench@example.invalid> 1000000000 +0000\ndata 5\nbegin\n"
    lines = (b"M 100644 inline %b\ndata %d\n%b\n" % (p.encode(), len(raw), raw) for p, raw in files.items())
    stream = head + b"".join(lines) + b"done\n"
    subprocess.run(["git", "-C", str(bare), "fast-import", "--quiet", "--done"], input=stream, check=True)


def repository(folder: Path, remote: str | None, branch: str = "main") -> GitRepository:
    """The repository, with a key to sign with."""
    ticks = itertools.count(1_000_000_000)
    return GitRepository(folder, branch, make.key("git"), AUTHOR, remote, lambda: next(ticks))


def _row(what: str, into: GitRepository, goal: str = "", propose: bool = False) -> Figure:
    numbers = itertools.count()

    def once() -> None:
        folder = f"reports/jobs/owner-001/who/runs/{next(numbers):032x}"
        changes = {f"{folder}/bundle/outputs/{n}.txt": b"answer %d of %b\n" % (n, folder.encode()) for n in range(30)}
        parent = into.head()
        intent = into.propose(parent, changes, "run\n") if propose else None
        into.commit(parent, changes, "run\n", intent)

    once()
    took = elapsed(once, 15)
    return Figure(what, str(took), "", goal, took.median < 0.030 if goal else None)


def _bare_git(bare: Path, count: int) -> Figure:
    """What git itself takes for the same: fast-import of 30 files on top of the branch, unsigned."""

    def once() -> None:
        when = time.time_ns()
        lines = (b"M 100644 inline other/%d/%d.txt\ndata 9\nanswer %d\n" % (when, n, n % 10) for n in range(30))
        head = b"commit refs/beacon/bench\ncommitter B <b@example.invalid> 1000000000 +0000\ndata 2\nx\n"
        stream = head + b"from refs/heads/main^0\n" + b"".join(lines) + b"done\n"
        command = ["git", "-C", str(bare), "fast-import", "--quiet", "--done", "--force"]
        subprocess.run(command, input=stream, check=True, capture_output=True)

    took = elapsed(once, 10)
    return Figure(f"for comparison: `git fast-import` of 30 files on top of {count:,}", seconds(took.median))
