"""The word diff: both texts come back from it, always; and its cost is bounded, whatever the texts are."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.compare.worddiff import Op, diff

sides = st.lists(st.sampled_from(["a", "b ", "word. ", "Some other sentence. ", "\n", "中", "  ", "é"]), max_size=300)


def rebuilt(ops: tuple[Op, ...], kind: str) -> str:
    return "".join(op.text for op in ops if op.kind in ("equal", kind))


def check(a: str, b: str) -> tuple[Op, ...]:
    ops = diff(a, b)
    assert rebuilt(ops, "delete") == a
    assert rebuilt(ops, "insert") == b
    assert all(op.text for op in ops)
    assert all((one.kind, two.kind) not in (("insert", "delete"), (two.kind, one.kind)) for one, two in pairwise(ops))
    return ops


@settings(derandomize=True, deadline=None)
@given(sides, sides)
def test_both_texts_come_back(a: list[str], b: list[str]) -> None:
    check("".join(a), "".join(b))


@settings(derandomize=True, deadline=None, max_examples=30)
@given(sides, sides, st.integers(0, 2000))
def test_both_texts_come_back_from_anchors_and_coarse_gaps(a: list[str], b: list[str], cells: int) -> None:
    from runner.compare import worddiff

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worddiff, "CELLS", cells)
        check("".join(a), "".join(b))


def test_by_hand() -> None:
    assert diff("the red fox", "the blue fox") == (
        Op("equal", "the "),
        Op("delete", "red"),
        Op("insert", "blue"),
        Op("equal", " fox"),
    )
    assert diff("a", "a") == (Op("equal", "a"),)
    assert diff("", "") == ()
    assert diff("", "a b") == (Op("insert", "a b"),)


def test_sentences_anchor_a_long_diff() -> None:
    keep = "".join(f"Sentence number {n} stands on both sides. " for n in range(2000))
    ops = check(
        "Old start. " + keep + "Old middle. " + keep[::-1] + "x", "New. " + keep + "Middle! " + keep[::-1] + "y"
    )
    assert sum(len(op.text) for op in ops if op.kind == "equal") > len(keep)


MEASURE = """
import random, resource, time
from runner.compare.worddiff import diff
rng = random.Random(1)
size = 1_000_000
vocabulary = ["%x" % rng.randrange(4096) for _ in range(4000)]
def prose(seed):
    rng = random.Random(seed)
    found = []
    while len(found) < size // 4:
        found += [rng.choice(vocabulary) for _ in range(rng.randrange(5, 20))] + ["stop.\\n"]
    return " ".join(found)[:size]
a = prose(1)
edited = " ".join(word if rng.random() > .03 else "changed" for word in a.split(" "))
pairs = {
    "edited": (a, edited),
    "different": (a, prose(2)),
    "no anchors": ("a b " * (size // 4), "b c " * (size // 4)),
    "reversed": (a, " ".join(reversed(a.split(" ")))),
    "one word": ("a" * size, "a" * (size - 1) + "b"),
    "signs": ("!?" * (size // 2), "?." * (size // 2)),
}
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 200_000_000,) * 2)
for name, (one, other) in pairs.items():
    started = time.process_time()
    diff(one, other)
    print(name, round(time.process_time() - started, 2))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits of memory are set as Linux has them")
def test_a_megabyte_in_bounded_time_and_memory() -> None:
    """In a process that may take 200 MB more than it had; a diff takes under a second on a free machine."""
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    seconds = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert len(seconds) == 6
    assert max(map(float, seconds.values())) < 3, seconds


def test_a_hundred_kilobytes_at_once() -> None:
    rng = random.Random(2)
    a = " ".join(f"{rng.randrange(3000)}" + "." * (rng.random() < 0.1) for _ in range(20_000))
    started = time.process_time()
    check(a, " ".join(word if rng.random() > 0.03 else "changed" for word in a.split(" ")))
    assert time.process_time() - started < 0.5
