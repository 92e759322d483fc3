"""How a registry's repository grows: `python -m tests.bench.growth [RUNS]` prints the tables of `docs/performance.md`.

The runs are made by the pipeline itself, in memory, with answers of about 400 characters; git then says what each
object takes: loose as it was written, packed as `git gc` leaves it, and packed with `pack.window=50`, as a runner's own
clone is. Bytes, so the machine's load does not count.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from runner.edges.git_objects import pack
from runner.ipfs.unixfs import folder_cid
from runner.model import Cell
from runner.model import entry as e
from runner.ports import Work
from tests.worlds import ClockedExecutor, Registry, job_file

RUNS = 1000
WORDS = Path(__file__).read_text().split()
PARTS = ("the log", "the run's own files", "index, histories, badges", "ledger", "folders and commits", "the job")


def main(runs: int) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory(prefix="beacon-growth-") as place:
        what = "bytes of one log entry, with its share of tiles, checkpoint, folders and commit"
        print(f"| {what} | loose | packed | window 50 |\n|---|---|---|---|")
        for each in (1, 10, 100):
            found = log_entries(Path(place, f"log{each}"), each)
            print(f"| {each} entries a commit | {' | '.join(f'{value:,}' for value in found)} |", flush=True)
        tables(Path(place, "runs"), runs)


def log_entries(place: Path, each: int, entries: int = 1000) -> list[int]:
    """Bytes an entry, in the three forms: starts and ends in turn, nothing else in the commits."""
    registry = Registry()
    registry.act()
    before = registry.remote.branch
    numbers = itertools.count()
    for _ in range(entries // each):
        registry.log(*(entry(next(numbers)) for _ in range(each)))
    store(registry, place)
    forms = three(place, str(before), str(registry.remote.branch))
    return [sum(form.values()) // entries for form in forms]


def three(place: Path, old: str, new: str) -> Iterator[Counter[str]]:
    """What some commits brought: loose, then by how much more the whole takes, packed with each window."""
    yield sizes(place, new, old)
    for window in (10, 50):
        packed = []
        for head in (old, new):
            run(place, "update-ref", "refs/heads/main", head)
            run(place, "repack", "-Adfq", f"--window={window}")
            packed.append(sizes(place, head))
        packed[1].subtract(packed[0])
        yield packed[1]


def entry(number: int) -> e.LogEntry:
    """A start, or the end of the one before it."""
    digest = hashlib.sha256(str(number // 2).encode()).hexdigest()
    if number % 2:
        return e.RunEnd(
            run=digest, start=number - 1, cid=folder_cid({"job.yaml": digest.encode()}), manifest=digest[::-1]
        )
    at = "2026-11-22T03:00:00Z"
    job = "registry/jobs/alice/who.yaml"
    return e.Start(job=job, sha256=digest, revision=1, run=digest, runner="rita", at=at, lease=3900)


def tables(place: Path, runs: int) -> None:
    """What one more run adds where ten or many are published; and how large clones of the large one are."""
    rows: dict[str, list[int]] = {part: [] for part in PARTS}
    for count in (10, runs):
        registry = Registry()
        registry.executor = ClockedExecutor(registry, answer)
        for number in range(count):
            registry.submit(job_file(f"job-{number:05}"))
        registry.act()
        marks = [str(registry.remote.branch)]
        for number in range(5):
            registry.submit(job_file(f"more-{number}"))
            registry.act()
            marks.append(str(registry.remote.branch))
        folder = place / str(count)
        store(registry, folder)
        for form in three(folder, marks[0], marks[-1]):
            for part in PARTS:
                rows[part].append(form[part] // 5)
    print(f"\n| bytes of one more run | {' | '.join(f'{n:,} runs: loose | packed | window 50' for n in (10, runs))} |")
    print("|---|---|---|---|---|---|---|")
    for part, values in rows.items():
        print(f"| {part} | {' | '.join(f'{value:,}' for value in values)} |")
    totals = [sum(column) for column in zip(*rows.values(), strict=True)]
    print(f"| all | {' | '.join(f'{value:,}' for value in totals)} |", flush=True)
    print(f"\n| a clone of that registry of {runs:,} runs | git directory | files on disk |")
    print("|---|---|---|")
    for name, git_bytes, file_bytes in clones(place / str(runs)):
        print(f"| {name} | {git_bytes / 1e6:.1f} MB | {file_bytes / 1e6:.1f} MB |", flush=True)


def answer(work: Work, cell: Cell, seed: int) -> str:
    """Seventy words, drawn by the seed."""
    digest = hashlib.sha512(f"{seed} {cell.prompt}".encode()).digest()
    return " ".join(WORDS[(digest[n % 64] + 7 * n) % len(WORDS)] for n in range(70))


def store(registry: Registry, place: Path) -> None:
    """The registry as a bare repository of loose objects."""
    place.mkdir(parents=True)
    run(place, "init", "-q", "--bare", "-b", "main")
    run(place, "unpack-objects", "-q", stdin=pack(registry.remote.objects.values()))
    run(place, "update-ref", "refs/heads/main", str(registry.remote.branch))
    run(place, "config", "uploadpack.allowFilter", "true")


def sizes(place: Path, new: str, old: str | None = None) -> Counter[str]:
    """Bytes on disk, by part, of what a commit reaches, and an older one not."""
    named = run(place, "rev-list", "--objects", new, *([f"^{old}"] if old else [])).decode()
    paths = {line[:40]: line[41:] for line in named.splitlines()}
    form = "--batch-check=%(objectname) %(objecttype) %(objectsize:disk)"
    found: Counter[str] = Counter()
    for line in run(place, "cat-file", form, stdin="\n".join(paths).encode()).decode().splitlines():
        oid, kind, size = line.split()
        found[part(kind, paths[oid])] += int(size)
    return found


def part(kind: str, path: str) -> str:
    """Which row of the table an object is counted in."""
    if kind != "blob":
        return "folders and commits"
    if path.startswith("registry/"):
        return "the job"
    if path.startswith("reports/log/"):
        return "the log"
    if path.startswith("reports/ledger/"):
        return "ledger"
    return "the run's own files" if "/runs/" in path else "index, histories, badges"


def clones(remote: Path) -> Iterator[tuple[str, int, int]]:
    """Kinds of clones, with the bytes of the git directory and of the files beside it."""
    kinds: Mapping[str, tuple[list[str], list[str]]] = {
        "whole": ([], []),
        "`--bare`": (["--bare"], []),
        "`--depth 1`": (["--depth=1"], []),
        "`--bare --filter=blob:none`": (["--bare", "--filter=blob:none"], []),
        "`--filter=blob:none --sparse`, with `registry` and `reports/log`": (
            ["--filter=blob:none", "--sparse"],
            ["registry", "reports/log"],
        ),
        "the same with `--depth 1`": (["--filter=blob:none", "--sparse", "--depth=1"], ["registry", "reports/log"]),
    }
    for number, (name, (options, folders)) in enumerate(kinds.items()):
        clone = remote.parent / f"clone{number}"
        run(remote, "clone", "-q", *options, f"file://{remote}", str(clone))
        if folders:
            run(clone, "sparse-checkout", "set", *folders)
        inside = clone / ".git" if (clone / ".git").exists() else clone
        whole = weight(clone)
        yield name, weight(inside), whole - weight(inside)


def weight(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def run(place: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """What git prints."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(place), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", *arguments], cwd=place, input=stdin, env=environ, check=True, capture_output=True
    ).stdout


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
