"""Take the figures of `docs/performance.md` again: `python -m tests.bench [NAME ...]`; without names, not the last two.

startup    the first line of every session            executor   what the local executor adds to its sandbox
core       pure functions, in CPU time                jobs       validate, plan and reconcile many jobs
commits    the one write, into large repositories     receipts   verify, against the cryptography alone
ipfs       CIDs and CARs against `ipfs add --only-hash`, where there is a Kubo
pinning    bundles to two Kubo daemons through connections that fail, where there is a Kubo: takes minutes
demo       the whole story from a fresh clone, by stage: installs packages and a model, takes minutes
"""

from __future__ import annotations

import gc
import platform
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from tests.bench.figures import show

NAMES = ("startup", "core", "executor", "commits", "jobs", "receipts", "ipfs", "pinning", "demo")


def main(names: list[str]) -> int:
    """Print one table. Returns the exit code."""
    if unknown := [name for name in names if name not in NAMES]:
        print(f"no such figures: {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    gc.set_threshold(100_000)  # as `runner.cli` has it
    print(f"Python {platform.python_version()}, {platform.system()} {platform.release()} {platform.machine()}\n")
    print("| what | measured | against | goal | load |\n|---|---|---|---|---|", flush=True)
    for name in names or NAMES[:-2]:
        with tempfile.TemporaryDirectory(prefix="beacon-bench-") as place:
            show(import_module(f"tests.bench.{name}").figures(Path(place)))
    return 0


sys.exit(main(sys.argv[1:]))
