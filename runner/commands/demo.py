"""The demo: the whole story in a scratch registry, with a real model and real signatures.

Two jobs ask SmolLM2 who it is, in three regions with three providers each. In one of them a region is quietly served
another system prompt; the runner does not know, and must find it.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from runner.commands.console import line, note, paint
from runner.commands.operate import working
from runner.commands.places import cache_folder, git, opened
from runner.commands.progress import progress
from runner.commands.start import start_registry, write_trust
from runner.commands.verify import check, tell
from runner.edges.folder import FolderSnapshot
from runner.edges.keys import load_signer
from runner.errors import Usage
from runner.reconcile import reconcile
from runner.registry import load_policy
from runner.sshsig import sign
from runner.state import read_state
from runner.verify import Anchor, format_anchor

JOBS = ("who-are-you", "who-are-you-swapped")
HOME = Path(__file__).parents[2] / "registry"


def demo(
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Where to keep it all; default: a new temporary folder.")
    ] = None,
) -> int:
    """The whole story on this machine: contribute, reconcile, verify. Takes about two minutes."""
    began = time.monotonic()
    place = _empty(folder)
    clone, keys, state = place / "clone", place / "keys", place / "state"
    origin = f"demo-{secrets.token_hex(4)}.invalid/log"
    step(1, f"A scratch registry in {place}")
    _registry(place, clone, keys, origin)
    step(2, "A contributor signs two jobs and pushes them")
    _contribute(clone, keys, origin)
    step(3, "The runner reconciles: claims, executes in the sandbox, compares, logs, commits, pushes")
    with progress() as emit, working(clone, keys / "runner", "origin", emit, state) as world:
        outcome = reconcile(world)
        again = reconcile(world)
    step(4, "Reconciling again finds " + ("nothing to do" if again.head == outcome.head else "MORE TO DO"))
    with opened(clone) as repository:
        found = read_state(repository, repository.head())
    assert found.history.genesis is not None, "the runner wrote the log"
    anchor = Anchor(found.history.genesis, found.trust.log_vkey)
    step(5, f"Anybody verifies, trusting two values alone:\n     beacon verify {clone} --trust {format_anchor(anchor)}")
    code = tell(check(clone, anchor, state))
    step(6, f"Read the reports ({time.monotonic() - began:.0f} s in all)")
    for job in JOBS:
        page = clone / "reports" / "jobs" / "examples" / job / "README.md"
        line(f"  {page.read_text().splitlines()[0].removeprefix('# ')}\n    {page}")
    line(f"  All jobs\n    {clone}/reports/README.md")
    note(f"\nKept: {place} (registry.git, clone, keys, state). Delete it when you have seen it.")
    note(f"Kept: {cache_folder()} (the benchmark's packages and model, for the next time).")
    return code or (0 if again.head == outcome.head and not outcome.remaining else 1)


def step(number: int, text: str) -> None:
    """A heading of the story."""
    note(f"\n{paint(f'{number}.', 'bold')} {text}")


def _empty(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="beacon-demo-"))
    if folder.exists() and any(folder.iterdir()):
        raise Usage("folder-not-empty", f"{folder} is not empty", "give a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def _registry(place: Path, clone: Path, keys: Path, origin: str) -> None:
    """A bare remote, and a clone of it with a fresh registry whose policy is this repository's, signed anew."""
    if not HOME.is_dir():
        raise Usage(
            "demo-files-missing", f"{HOME} is not there", "the demo needs a clone of Beacon Runner's repository"
        )
    git(place, "init", "--quiet", "--bare", "--initial-branch=main", "registry.git")
    git(place, "clone", "--quiet", "registry.git", "clone")
    git(clone, "symbolic-ref", "HEAD", "refs/heads/main")
    start_registry(clone, keys, origin, "main", "maintainer", "examples", "demo-runner")
    own = load_policy(FolderSnapshot(HOME.parent)).log.origin
    policy = (HOME / "policy.yaml").read_text().replace(own, origin)
    (clone / "registry" / "policy.yaml").write_text(policy)
    shutil.copytree(HOME / "benchmarks", clone / "registry" / "benchmarks")
    write_trust(clone, "maintainer", load_signer(keys / "maintainer"), keep=False)
    _commit(clone, "Start a registry")


def _contribute(clone: Path, keys: Path, origin: str) -> None:
    """The example jobs, signed anew: a signature counts for one registry's log alone."""
    folder = clone / "registry" / "jobs" / "examples"
    folder.mkdir(parents=True)
    signer = load_signer(keys / "contributor")
    for job in JOBS:
        raw = (HOME / "jobs" / "examples" / f"{job}.yaml").read_bytes()
        (folder / f"{job}.yaml").write_bytes(raw)
        (folder / f"{job}.yaml.sig").write_bytes(sign(signer, raw, f"jobspec.v1@{origin}"))
    _commit(clone, "Ask who the model is, in three regions")


def _commit(clone: Path, message: str) -> None:
    git(clone, "add", "--all")
    identity = ("-c", "user.name=Demo", "-c", "user.email=demo@demo.invalid", "-c", "commit.gpgsign=false")
    git(clone, *identity, "commit", "--quiet", "--message", message)
    git(clone, "push", "--quiet", "origin", "main")
