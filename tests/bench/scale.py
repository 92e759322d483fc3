"""Large registries, beside what git itself takes on the same repository: `python -m tests.bench.scale [JOBS …]`.

Each command runs as a whole process; its time by the clock, its CPU time with that of the processes it starts, and the
most memory it held, which is never less than what this program holds, some 60 MB. `--keep FOLDER` leaves the registries
there, and takes what an earlier run left.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from runner.history import fold
from runner.model import entry as e
from runner.model import sha256
from runner.rendering.pages import with_pages
from runner.schedules import instant
from runner.state import read_state
from tests import make
from tests.bench.commits import repository
from tests.bench.figures import BEACON, seconds
from tests.bench.manyjobs import Maker, Many, build, published_run
from tests.worlds import EPOCH

USUAL = (10_000, 100_000)
TABLE = ("digests", "quiet")
"""What a runner keeps in the git directory, and may be deleted."""


class Took(NamedTuple):
    """Seconds by the clock and of CPU, and bytes of memory at most; the least of some repeats."""

    wall: float
    cpu: float
    memory: int


class Row(NamedTuple):
    """One line of the table. `goal` is in seconds; it is held against CPU time, which is about the clock's on an idle
    machine, and says more than the clock on any other."""

    jobs: int
    finished: int
    what: str
    took: Took
    goal: float | None = None


def figures(place: Path, jobs: int, finished: int) -> Iterator[Row]:
    """Every row for one registry."""
    folder = place / f"{jobs}-{finished}"
    if not folder.exists():  # by another process: what a child may be said to have held begins with what we hold
        building = get_context("spawn").Process(target=build, args=(folder, jobs, finished))
        building.start()
        building.join()
        assert building.exitcode == 0
    for what, took, goal in _rows(kept(folder), folder, jobs):
        yield Row(jobs, finished, what, took, goal)


def kept(folder: Path) -> Many:
    """A registry that was made before."""
    folders = {"BEACON_STATE": str(folder / "state"), "BEACON_CACHE": str(folder / "cache")}
    return Many(folder / "registry.git", folder / "clone.git", folder / "keys", folders)


def _rows(made: Many, folder: Path, jobs: int) -> Iterator[tuple[str, Took, float | None]]:
    clone = made.clone
    table = clone / "beacon"
    reconcile = [BEACON, "reconcile", "--repo", str(clone), "--keys", str(made.keys)]

    def without(*names: str) -> Callable[[], None]:
        return lambda: [(table / name).unlink(missing_ok=True) for name in names] and None

    git = ["git", "-C", str(clone)]
    yield "`git ls-tree -r`, for comparison", measured([*git, "ls-tree", "-r", "main"], made), None
    five = _five_changed(clone)
    plan = [BEACON, "plan", "--repo", str(clone), "--base", "main", "--rev", five]
    yield (
        "`plan --base`, 5 jobs changed, no table",
        measured(plan, made, without(*TABLE)),
        1.0 if jobs < 50_000 else None,
    )
    yield "nothing to do, no table, no note", measured(reconcile, made, without(*TABLE)), 10.0
    yield "nothing to do, with the table, no note", measured(reconcile, made, without("quiet")), None
    yield "nothing to do, with table and note", measured(reconcile, made), 0.6 if jobs < 50_000 else 1.2
    yield "any verb's start, for comparison", measured([BEACON, "explain", "region-unknown"], made), None
    work = folder / "work"
    if not work.exists():
        subprocess.run(["git", "clone", "--quiet", str(made.remote), str(work)], check=True)
    yield "`git status`, for comparison", measured(["git", "-C", str(work), "status", "--porcelain"], made), None
    author = "-c user.name=B -c user.email=b@example.org"
    commit = f"cd '{work}' && date +%N >> extra && git add extra && git {author} commit --quiet -m x"
    yield "`git add` and `git commit` of one file, for comparison", measured(["sh", "-c", commit], made), None
    if jobs <= 10_000:
        yield "`validate`, cold", measured([BEACON, "validate", str(work)], made), 6.0
    yield "a daemon's look, nothing new", _look(clone), 0.010
    yield "signed commit of one run's 30 files", _commit(clone), 0.030
    yield "pages of one more run", _pages(clone), None


def measured(command: Sequence[str], made: Many, before: Callable[[], object] = lambda: None, repeats: int = 3) -> Took:
    """The least of some runs of a process."""
    return min((_once(command, made.environment, before) for _ in range(repeats)), key=lambda took: took.cpu)


def _once(command: Sequence[str], environment: Mapping[str, str], before: Callable[[], object]) -> Took:
    before()
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process.returncode == 0, f"{' '.join(command)}: {said[-500:]}"
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return Took(wall, cpu, usage.ru_maxrss * 1024)


def _here(act: Callable[[], object], repeats: int) -> Took:
    """The same for work of this process; its memory is not told."""
    found = []
    for _ in range(repeats):
        began, used = time.perf_counter(), _used()
        act()
        found.append(Took(time.perf_counter() - began, _used() - used, 0))
    return min(found, key=lambda took: took.wall)


def _used() -> float:
    """Seconds of CPU, of this process and of those that it waited for."""
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _five_changed(clone: Path) -> str:
    """A branch on which five jobs have another revision, as a pull request would bring it."""
    maker = Maker()
    stream = b"commit refs/heads/five\ncommitter B <b@example.invalid> 1000000001 +0000\ndata 4\nfive"
    stream += b"from refs/heads/main^0\n"
    for number in range(5):
        job = maker.job(number, 99)
        for path, content in ((job.path, job.raw), (f"{job.path}.sig", job.signature)):
            stream += b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(content), content)
    command = ["git", "-C", str(clone), "fast-import", "--quiet", "--done", "--force"]
    subprocess.run(command, input=stream + b"done\n", check=True)
    return "five"


def _look(clone: Path) -> Took:
    """What `beacon daemon` does every half minute: the remote's refs are those that are here."""
    with repository(clone, "origin") as looking:
        looking.refresh()
        return _here(looking.refresh, 20)


def _commit(clone: Path) -> Took:
    numbers = itertools.count()
    subprocess.run(["git", "-C", str(clone), "branch", "--force", "bench", "main"], check=True)
    with repository(clone, None, "bench") as into:

        def once() -> None:
            folder = f"reports/jobs/owner-001/who/runs/{next(numbers):032x}"
            into.commit(into.head(), {f"{folder}/{n}.txt": b"answer %d\n" % n for n in range(30)}, "run\n")

        once()
        return _here(once, 9)


def _pages(clone: Path) -> Took:
    """What is derived when one more run of a job is published."""
    with repository(clone, None) as readable:
        state = read_state(readable, readable.head())
        path, run = next(iter(state.registry.jobs.files)), sha256(b"one more")
        start = e.Start(job=path, sha256=run, revision=99, run=run, runner="rita", at=instant(EPOCH), lease=3900)
        history = fold([start.canonical()], state.history)
        end = e.RunEnd(run=run, start=history.size - 1, cid=make.CID, manifest=sha256(b"manifest"))
        job = path.removeprefix("registry/jobs/").removesuffix(".yaml")
        files = {f"reports/jobs/{job}/runs/{run[:32]}/{name}": raw for name, raw in published_run().items()}
        return _here(lambda: with_pages(readable.snapshot(readable.head()), history, files, [end]), 2)


def show(row: Row) -> None:
    """Print a row of the table."""
    mark = "" if row.goal is None else f" {'✓' if row.took.cpu < row.goal else '✗'}"
    goal = "" if row.goal is None else f"under {seconds(row.goal)}{mark}"
    memory = f"{row.took.memory / 1e6:.0f} MB" if row.took.memory else ""
    took = f"{seconds(row.took.wall)} | {seconds(row.took.cpu)} | {memory}"
    print(f"| {row.jobs:,} | {row.finished:,} | {row.what} | {took} | {goal} | {os.getloadavg()[0]:.1f} |", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("jobs", nargs="*", type=int, default=USUAL)
    parser.add_argument("--finished", nargs="*", type=int, help="how many finished runs; default: as many as jobs")
    parser.add_argument("--keep", type=Path, help="the folder for the registries")
    asked = parser.parse_args(arguments)
    print("| jobs | finished runs | what | clock | CPU | memory | goal | load |\n|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="beacon-scale-") as scratch:
        for jobs in asked.jobs:
            for finished in asked.finished or [jobs]:
                for row in figures(asked.keep or Path(scratch), jobs, finished):
                    show(row)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
