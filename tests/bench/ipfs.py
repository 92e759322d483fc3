"""CIDs and CARs against Kubo's own `ipfs add --only-hash`, of the same files, in turn; and how much memory they take.

Kubo works on a repository of its own with the profile `unixfs-v1-2025`, without a daemon. Both are whole processes, by
the clock and in CPU time of all their threads, which other work on the machine hardly changes; what each takes for an
empty folder is its start, told apart, since one is a Python program with a command line and the other one a binary.
Memory is the highest of the process itself (`VmHWM`)."""

from __future__ import annotations

import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from runner.edges.trees import read_tree
from runner.ipfs.unixfs import CHUNK, tree_cid
from tests.bench.figures import BEACON, Figure, Times, busy, elapsed, processes, seconds
from tests.kubo import Kubo, find

_MOST = 100 * 10**6
_MEASURED = """
import sys
from runner.cli import main
code = main(sys.argv[1:])
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(peak) * 1024)
sys.exit(code)
"""


def figures(place: Path) -> Iterator[Figure]:
    """A thousand small files, then one of 1 GiB."""
    try:
        program = str(find())
    except pytest.skip.Exception as missing:
        yield Figure("CIDs against `ipfs add --only-hash`", "not measured", str(missing.msg))
        return
    environment = {"IPFS_PATH": str(Kubo(Path(program), place).folder / "repo"), "IPFS_TELEMETRY": "off"}
    add = [program, "add", "--only-hash", "--recursive", "--hidden", "--quieter"]
    yield from _small(place, add, environment)
    yield from _large(place, add, environment)


def _small(place: Path, add: list[str], environment: dict[str, str]) -> Iterator[Figure]:
    rng = random.Random(1)
    for number in range(1000):
        path = place / "small" / "outputs" / str(number % 10) / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.randbytes(2000))
    (place / "empty").mkdir()
    cid, car, theirs, start, their_start = _processes(
        [
            [BEACON, "bundle", "cid", str(place / "small")],
            [BEACON, "bundle", "car", str(place / "small"), "--out", str(place / "small-{}.car")],
            [*add, str(place / "small")],
            [BEACON, "bundle", "cid", str(place / "empty")],
            [*add, str(place / "empty")],
        ],
        40,
        environment,
    )
    yield _against("CID of 1,000 files of 2 kB, the whole command", cid, theirs, "1 x")
    yield _against("CAR of 1,000 files of 2 kB, the whole command", car, theirs, "1 x")
    ours, beyond = busy(lambda: _cid(place / "small"), repeats=20).least, theirs[1].least - their_start[1].least
    against = f"{ours / beyond:.2f} x the CPU time of `ipfs add --only-hash` beyond its own start, {seconds(beyond)}"
    yield Figure("the same, the work alone", f"{seconds(ours)} CPU", against, "1 x", ours <= beyond)
    yield _against("`beacon bundle cid` of nothing", start, their_start, "")
    many = place / "many"
    for number in range(10):
        shutil.copytree(place / "small", many / str(number))
    yield _against(
        "CID of 10,000 files of 2 kB, the whole command",
        *_processes([[BEACON, "bundle", "cid", str(many)], [*add, str(many)]], 5, environment),
        "",
    )


def _large(place: Path, add: list[str], environment: dict[str, str]) -> Iterator[Figure]:
    (place / "large").mkdir()
    with (place / "large" / "file").open("wb") as file:
        for _ in range(1024):
            file.write(os.urandom(CHUNK))
    ours, theirs = _processes(
        [[BEACON, "bundle", "cid", str(place / "large")], [*add, str(place / "large")]], 3, environment
    )
    yield _against("CID of a file of 1 GiB, the whole command", ours, theirs, "1 x")
    steps = {
        "its CID": ["cid", str(place / "large")],
        "its CAR": ["car", str(place / "large"), "--out", str(place / "large.car")],
        "that CAR unpacked again": [
            "extract",
            str(place / "large.car"),
            "--most",
            "1100",
            "--out",
            str(place / "back"),
        ],
    }
    for name, words in steps.items():
        said: list[str] = []
        took = elapsed(lambda words=words, said=said: said.append(_measured(words)), repeats=1)
        peak = int(said[0])
        yield Figure(f"memory for {name}, 1 GiB", f"{peak / 1e6:.0f} MB", seconds(took.least), "100 MB", peak < _MOST)


def _cid(folder: Path) -> str:
    tree = read_tree(folder)
    assert isinstance(tree, dict)
    return tree_cid(tree)


def _measured(words: list[str]) -> str:
    """The highest memory, in bytes, of a `beacon bundle` command."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, "bundle", *words], capture_output=True, text=True, check=True
    )
    return done.stdout.split()[-1]


def _processes(commands: Sequence[list[str]], repeats: int, environment: dict[str, str]) -> list[tuple[Times, Times]]:
    """Whole processes in turn: by the clock, and in CPU time. `{}` in a command stands for the number of its turn."""
    clock: list[list[float]] = [[] for _ in commands]
    busy: list[list[float]] = [[] for _ in commands]
    for turn in range(repeats):
        for number, command in enumerate(commands):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            [took] = processes([[word.replace("{}", str(turn)) for word in command]], 1, environment)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            clock[number].append(took.least)
            busy[number].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return [
        (Times(statistics.median(one), min(one)), Times(statistics.median(other), min(other)))
        for one, other in zip(clock, busy, strict=True)
    ]


def _against(what: str, ours: tuple[Times, Times], theirs: tuple[Times, Times], goal: str) -> Figure:
    """By the clock, and in CPU time: the least of each, since only other work on the machine makes more of it; and the
    middle by the clock."""
    (clock, cpu), (their_clock, their_cpu) = ours, theirs
    measured = f"{seconds(clock.least)}, {seconds(cpu.least)} CPU"
    ratios = (
        f"{clock.least / their_clock.least:.2f} x `ipfs add --only-hash`, {cpu.least / their_cpu.least:.2f} x its CPU"
    )
    against = f"{ratios} ({seconds(their_clock.least)}, {seconds(their_cpu.least)} CPU)"
    against += f"; in the middle {clock.median / their_clock.median:.2f} x"
    return Figure(what, measured, against, goal, clock.least <= their_clock.least if goal else None)
