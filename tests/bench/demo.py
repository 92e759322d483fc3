"""The demo from a fresh clone, by stage: what somebody sees who tries Beacon for the first time.

Packages and the model come from wherever pip gets them here, which is most of the first two stages. The stages are
told apart by the demo's own lines, and by its receipts; comparison and rendering are measured again on what it left.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from runner.bundle import open_bundle
from runner.commands.places import opened
from runner.compare.verdict import compare
from runner.formats.receipt import read_receipt
from runner.rendering.render import run_page
from runner.verify import verify
from tests import make
from tests.bench.figures import ROOT, Figure, busy, elapsed, seconds


def figures(place: Path) -> Iterator[Figure]:
    """One demo."""
    fresh = place / "beacon"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(fresh)], check=True)
    environment = {**os.environ, "CI": "1", "BEACON_CACHE": str(place / "cache"), "BEACON_STATE": str(place / "state")}
    environment.pop("GITHUB_ACTIONS", None)
    began = time.perf_counter()
    subprocess.run([str(fresh / "beacon"), "--version"], env=environment, check=True, capture_output=True)
    yield Figure("install from a fresh clone (`./beacon --version`)", seconds(time.perf_counter() - began))

    lines = list(told([str(fresh / "beacon"), "demo", "--dir", str(place / "demo")], environment))

    def when(pattern: str, nth: int = 0) -> float:
        return [at for at, text in lines if re.match(pattern, text)][nth]

    yield Figure("scratch registry, jobs signed and pushed", seconds(when(r"3\. ") - when(r"1\. ")))
    yield Figure("the benchmark's packages and model, then the plan", seconds(when("plan: ") - when(r"3\. ")))
    yield Figure("claims: two `start` entries signed and pushed", seconds(when("committed ") - when("plan: ")))
    for number, (begun, text) in enumerate((w, t) for w, t in lines if re.match("run .*attempts", t)):
        ended = when("run .*verdict", number)
        yield Figure(f"execute, compare, render: {text.split(': ', 1)[1]}", seconds(ended - begun))
    yield Figure("publish: one commit for both runs", seconds(when("committed ", 1) - when("run .*verdict", -1)))
    yield Figure("reconcile again, nothing to do", seconds(when(r"4\. ") - when("committed ", 1)))
    yield Figure("verify", seconds(when(r"6\. ") - when(r"5\. ")))
    yield Figure("the whole demo, installed", seconds(lines[-1][0]))
    yield from _again(place / "demo" / "clone")


def told(command: list[str], environment: dict[str, str]) -> Iterator[tuple[float, str]]:
    """The lines of a command, each with the seconds since its start; the last is its end."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout is not None
        for text in running.stdout:
            if text.strip():
                yield time.perf_counter() - began, text.strip()
    assert running.returncode == 0, f"exit {running.returncode}"
    yield time.perf_counter() - began, "end"


def _again(clone: Path) -> Iterator[Figure]:
    """Pure stages, on the demo's own bundles."""
    with opened(clone) as repository:
        snapshot = repository.snapshot(repository.head())
        listed = list(snapshot.files("reports/jobs"))
        for folder in sorted({path.partition("/bundle/")[0] for path in listed if "/bundle/" in path}):
            paths = [path for path in listed if path.startswith(f"{folder}/bundle/")]
            files = {path.removeprefix(f"{folder}/bundle/"): raw for path, raw in snapshot.read_all(paths).items()}
            bundle = open_bundle(files)
            diff = compare(bundle)
            receipts = [read_receipt(raw) for path, raw in files.items() if path.startswith("receipts/")]
            inside = sum(receipt.predicate.times.duration_ms or 0 for receipt in receipts) / 1e3
            name = bundle.spec.metadata.name
            yield Figure(f"… {name}: {len(receipts)} attempts, sum of their times", seconds(inside))
            yield Figure(f"… {name}: open the bundle", seconds(busy(lambda f=files: open_bundle(f), 3).least))
            yield Figure(f"… {name}: compare", seconds(busy(lambda b=bundle: compare(b), 3).least))
            yield Figure(f"… {name}: render", seconds(busy(lambda b=bundle, d=diff: run_page(b, d, make.CID), 3).least))
        yield Figure("… verify again, in this process", seconds(elapsed(lambda: verify(repository), 3).least))
