"""Take the figures of `docs/performance.md` again: `python -m tests.bench [NAME ...]`; these unless named:

startup    the first line of every session            executor   what the local executor adds to its sandbox
core       pure functions, in CPU time                jobs       validate, plan and reconcile many jobs
commits    the one write, into large repositories     receipts   verify, against the cryptography alone
worddiff   the word diff, with memory, hostile too    ipfs       CIDs and CARs against `ipfs add --only-hash`

What takes minutes, only when named:

pinning    bundles to two Kubo daemons through connections that fail, where there is a Kubo
demo       the whole story from a fresh clone, by stage: installs packages and a model

How right the comparison is, in tables of their own, only when named. All but the first read a folder of real answers
(`BEACON_DATA`, else `../shared/data` beside the checkout) and are skipped where there is none; their modules say which
arguments they take when run alone:

languages  languages told, of our own answers         refusals   refusals told, against a judge's labels
edits      controlled edits told, by kind             compare    regions named, wrongly and rightly, few trials
apart      providers singled out, wrongly and rightly
"""

from __future__ import annotations

import gc
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.bench.figures import ROOT, show

USUAL = ("startup", "core", "executor", "commits", "jobs", "receipts", "worddiff", "ipfs")
NAMES = (*USUAL, "pinning", "demo")
OWN = ROOT / "tests" / "languages" / "answers.tsv"
TABLES: Mapping[str, Callable[[Any, Path], object]] = {
    "languages": lambda module, folder: module.main([OWN], False),
    "edits": lambda module, folder: module.main([str(folder), "20"]),
    "refusals": lambda module, folder: module.main(folder),
    "apart": lambda module, folder: module.main(folder, 60),
    "compare": lambda module, folder: module.main(folder, True, []),
}
"""How each prints its table, in a few minutes, by its module and the folder of real answers."""


def main(names: list[str]) -> int:
    """Print one table of figures, then the others. Returns the exit code."""
    if unknown := [name for name in names if name not in (*NAMES, *TABLES)]:
        there = ", ".join((*NAMES, *TABLES))
        print(f"no such figures: {', '.join(unknown)}; there are {there}", file=sys.stderr)
        return 2
    gc.set_threshold(100_000)  # as `runner.cli` has it
    print(f"Python {platform.python_version()}, {platform.system()} {platform.release()} {platform.machine()}")
    wanted = names or USUAL
    if figures := [name for name in wanted if name in NAMES]:
        print("\n| what | measured | against | goal | load |\n|---|---|---|---|---|", flush=True)
        for name in figures:
            with tempfile.TemporaryDirectory(prefix="beacon-bench-") as place:
                show(import_module(f"tests.bench.{name}").figures(Path(place)))
    for name in filter(TABLES.__contains__, wanted):
        _table(name)
    return 0


def _table(name: str) -> None:
    folder = Path(os.environ.get("BEACON_DATA") or ROOT.parent / "shared" / "data")
    print(f"\n{name}, load {os.getloadavg()[0]:.1f}\n", flush=True)
    if folder.is_dir() or name == "languages":
        TABLES[name](import_module(f"tests.bench.{name}"), folder)
    else:
        print("skipped: no folder of real answers; BEACON_DATA says where it is", flush=True)


sys.exit(main(sys.argv[1:]))
