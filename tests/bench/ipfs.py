"""CIDs and CARs against Kubo's own `ipfs add --only-hash`, of the same files, in turn; and how much memory they take.

Kubo works on a repository of its own with the profile `unixfs-v1-2025`, without a daemon. Both are whole processes, by
the clock; what each takes for an empty folder is its start, told apart, since one is a Python program with a command
line and the other one a binary. Memory is the highest of the process itself (`VmHWM`)."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.edges.trees import read_tree
from runner.unixfs import CHUNK, tree_cid
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
    ours, theirs, start, their_start = processes(
        [
            [BEACON, "bundle", "cid", str(place / "small")],
            [*add, str(place / "small")],
            [BEACON, "bundle", "cid", str(place / "empty")],
            [*add, str(place / "empty")],
        ],
        repeats=10,
        environment=environment,
    )
    yield _against("CID of 1,000 files of 2 kB, the whole command", ours, theirs, "1 x")
    beyond = Times(max(theirs.median - their_start.median, 0), max(theirs.least - their_start.least, 0))
    work = elapsed(lambda: _cid(place / "small"), repeats=20)
    against = f"{work.least / beyond.least:.2f} x `ipfs add --only-hash` beyond its own start, {seconds(beyond.least)}"
    done = f"{seconds(work.least)} of {seconds(busy(lambda: _cid(place / 'small')).least)} CPU time"
    yield Figure("the same, the work alone (least of each)", done, against, "1 x", work.least <= beyond.least)
    many = place / "many"
    for number in range(10):
        shutil.copytree(place / "small", many / str(number))
    ours, theirs = processes([[BEACON, "bundle", "cid", str(many)], [*add, str(many)]], 5, environment)
    yield _against("CID of 10,000 files of 2 kB, the whole command", ours, theirs, "")
    yield Figure("`beacon bundle cid` of nothing", str(start), f"{start.least / their_start.least:.2f} x Kubo's start")


def _large(place: Path, add: list[str], environment: dict[str, str]) -> Iterator[Figure]:
    (place / "large").mkdir()
    with (place / "large" / "file").open("wb") as file:
        for _ in range(1024):
            file.write(os.urandom(CHUNK))
    ours, theirs = processes(
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


def _against(what: str, ours: Times, theirs: Times, goal: str) -> Figure:
    against = f"{ours.median / theirs.median:.2f} x `ipfs add --only-hash`, {theirs}"
    return Figure(what, str(ours), against, goal, ours.median <= theirs.median if goal else None)
