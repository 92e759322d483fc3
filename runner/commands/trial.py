"""`beacon run`: a job tried on this machine. What it makes looks like a published run, and counts for nothing."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import Annotated

import typer

from runner import __version__
from runner.commands.console import JsonFlag, line, put_json
from runner.commands.operate import now, stoppable
from runner.commands.places import cache_folder, checkout
from runner.commands.progress import progress
from runner.edges.folder import FolderSnapshot
from runner.edges.keys import SoftwareKey
from runner.edges.local import LocalExecutor
from runner.edges.memory import MemorySpool
from runner.errors import Environment, Invalid, Usage
from runner.execute import Order, execute
from runner.model import Run, sha256
from runner.model.jobspec import Container
from runner.model.receipt import RunnerIdentity
from runner.model.run import run_id
from runner.publication import publication
from runner.registry import Benchmarks, Job, load_policy
from runner.registry.jobrules import read_job
from runner.registry.tree import judge_tree
from runner.schedules import instant
from runner.state import benchmark_files


def run(
    file: Annotated[Path, typer.Argument(help="A JobSpec, signed or not.")],
    out: Annotated[Path, typer.Option(help="A new folder for the bundle and the report.")] = Path("beacon-run"),
    as_json: JsonFlag = False,
) -> int:
    """Try a job on this machine: executed in the sandbox, compared and rendered. Nothing is logged or published."""
    if out.exists():
        raise Usage("folder-exists", f"{out} is there already", "give a new folder with --out")
    root, path, raw = _place(file)
    snapshot = FolderSnapshot(root)
    policy = load_policy(snapshot)
    benchmarks = Benchmarks(snapshot, judge_tree(snapshot.files("registry")).benchmarks)
    spec, problems = read_job(raw, path, policy, benchmarks)
    if problems or spec is None:
        raise Invalid(problems)
    executor = LocalExecutor(cache_folder(), policy.local.serve)
    files = benchmark_files(snapshot, spec)
    for target in spec.spec.targets:
        if not isinstance(target, Container):
            raise Environment("target-refused", f"{target.name}: it is a service, not a container")
        executor.prepare(target, files[target.image.source.benchmark] if target.image.source else {})
    tried = Run(
        run=run_id(raw, None),
        job=spec.path(),
        sha256=sha256(raw),
        start=0,
        root=secrets.token_hex(32),
    )
    with progress() as emit, stoppable("what was answered is still compared") as stop:
        results = execute(Order(tried, spec, files, policy), executor, MemorySpool(), emit, stop, time.monotonic)
        job = Job(path, raw, sha256(raw), spec, b"tried locally at " + instant(now()).encode() + b"\n", b"")
        throwaway = SoftwareKey(os.urandom(32))
        done = publication(tried, job, results, throwaway, RunnerIdentity(version=__version__), emit)
    for name, content in done.files.items():
        target_file = out / name.removeprefix(f"{done.folder}/")
        target_file.parent.mkdir(parents=True, exist_ok=True)
        target_file.write_bytes(content)
    if as_json:
        put_json(done.diff.to_json())
    else:
        line(f"{done.diff.verdict}: {out}/README.md")
    return 130 if stop.is_set() else 0


def _place(file: Path) -> tuple[Path, str, bytes]:
    """The registry that a job belongs to, the job's path in it, and its bytes. The path says who asks, so it counts."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise Usage("file-unreadable", f"{file}: {error.strerror}") from None
    root = checkout(file.resolve().parent)
    path = file.resolve().relative_to(root.resolve()).as_posix()
    if not path.startswith("registry/jobs/") or not 3 <= path.count("/") <= 4:
        raise Usage("file-misplaced", f"{file} is not where a job belongs", "registry/jobs/OWNER/[SUITE/]NAME.yaml")
    return root, path, raw
