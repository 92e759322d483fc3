"""The demo: the whole story in a scratch registry, with a real model and real signatures.

Two jobs ask SmolLM2 who it is, in three regions with three providers each. Where the yagna daemon has a wheel (Linux on
x86-64) they run on a Golem network of this machine: the real daemon, real agreements and invoices, providers of ours in
three countries of loopback. Elsewhere they run in this machine's sandbox, and regions are labels. Before the second job
one region is quietly served another system prompt; nobody tells the runner, and it must find out.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from runner.commands.console import line, note, paint
from runner.commands.operate import working
from runner.commands.places import cache_folder, git, opened
from runner.commands.progress import progress
from runner.commands.start import start_registry, write_trust
from runner.commands.verify import check, tell
from runner.edges.devnet.net import Devnet
from runner.edges.folder import FolderSnapshot
from runner.edges.keys import load_signer
from runner.errors import Environment, Usage
from runner.formats.sshsig import sign
from runner.reconcile import Outcome, reconcile
from runner.registry import load_policy
from runner.state import read_state
from runner.verify import Anchor, format_anchor

HONEST, SWAPPED = "who-are-you", "who-are-you-swapped"
REGION, COUNTRY = "APAC", "SG"
PROMPT = "You are a travel guide in Singapore."
HOME = Path(__file__).parents[2] / "registry"

_GOLEM = "\n# The Golem network"
_LOCAL = f"""
# One region of one job is quietly served another system prompt, so that there is something to find. The signed receipts
# say `altered`; the comparison cannot read it.
local:
  serve:
    registry/jobs/examples/{SWAPPED}.yaml:
      {REGION}:
        parameters:
          system: {PROMPT}
"""


def demo(
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Where to keep it all; default: a new temporary folder.")
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="In this machine's sandbox, without a Golem network.")] = False,
) -> int:
    """The whole story on this machine: contribute, reconcile, verify. Takes two to three minutes."""
    began = time.monotonic()
    place = _empty(folder)
    clone, keys, state = place / "clone", place / "keys", place / "state"
    origin = f"demo-{secrets.token_hex(4)}.invalid/log"
    with contextlib.ExitStack() as stack:
        net = None if local else stack.enter_context(_network(place / "devnet"))
        step(1, f"A scratch registry in {place}")
        registry(place, clone, keys, origin, golem=net is not None)
        step(2, "A contributor signs a job and pushes it; the runner reconciles: claims, executes, compares, publishes")
        contribute(clone, keys, origin, HONEST)
        _reconcile(place)
        step(3, f"Now {_who_swaps(net)} quietly serves another system prompt; the same question again")
        contribute(clone, keys, origin, SWAPPED)
        if net is not None:
            for provider in _of(net, COUNTRY):
                net.fault(provider, "swap", parameters={"system": PROMPT})
        outcome = _reconcile(place)
        again = _reconcile(place)
        step(4, "Reconciling again finds " + ("nothing to do" if again.head == outcome.head else "MORE TO DO"))
        left = _left_open(net) if net is not None else []
    with opened(clone) as repository:
        found = read_state(repository, repository.head())
    assert found.history.genesis is not None, "the runner wrote the log"
    anchor = Anchor(found.history.genesis, found.trust.log_vkey)
    step(5, f"Anybody verifies, trusting two values alone:\n     beacon verify {clone} --trust {format_anchor(anchor)}")
    code = tell(check(clone, anchor, state))
    step(6, f"Read the reports ({time.monotonic() - began:.0f} s in all)")
    for job in (HONEST, SWAPPED):
        page = clone / "reports" / "jobs" / "examples" / job / "README.md"
        line(f"  {page.read_text().splitlines()[0].removeprefix('# ')}\n    {page}")
    line(f"  All jobs\n    {clone}/reports/README.md")
    if net is not None:
        line(f"  Providers, agreements and invoices\n    beacon describe {SWAPPED} --repo {clone}")
    note(f"\nKept: {place} (registry.git, clone, keys, state). Delete it when you have seen it.")
    note(f"Kept: {cache_folder()} (the benchmark's packages and model, for the next time).")
    for one in left:
        note(f"STILL OPEN: {one}")
    fine = again.head == outcome.head and not outcome.remaining and not left
    return code or (0 if fine else 1)


@contextlib.contextmanager
def _network(folder: Path) -> Iterator[Devnet | None]:
    """A devnet that ends with the demo. None, and the reason, where there is no daemon for this machine."""
    with contextlib.ExitStack() as stack:
        try:
            net: Devnet | None = stack.enter_context(Devnet.started(folder, cache_folder()))
        except Environment as error:
            note(f"No Golem network here: {error.message}. This machine's sandbox serves every region instead.")
            net = None
        else:
            note(paint("0.", "bold") + " A Golem network on this machine: the real yagna daemon, and nine providers")
            for provider in net.facts["providers"] if net else ():
                note(f"   {provider['name']:<5} {provider['country']} {provider['address']:<12} {provider['id']}")
        yield net


def _reconcile(place: Path) -> Outcome:
    environ = {**os.environ, "BEACON_DEVNET": str(place / "devnet")}
    keys = place / "keys" / "runner"
    with progress() as emit, working(place / "clone", keys, "origin", emit, place / "state", environ) as world:
        return reconcile(world)


def _who_swaps(net: Devnet | None) -> str:
    return f"every provider in {COUNTRY}" if net is not None else REGION


def _of(net: Devnet, country: str) -> list[str]:
    return [provider["name"] for provider in net.facts["providers"] if provider["country"] == country]


def _left_open(net: Devnet) -> list[str]:
    """What a provider still waits for: an agreement that runs on, an invoice that was not accepted."""
    agreements = [f"agreement {one['id']}" for one in net.agreements() if one["state"] == "Approved"]
    return agreements + [f"invoice {one['id']}" for one in net.invoices() if one["status"] != "ACCEPTED"]


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


def registry(place: Path, clone: Path, keys: Path, origin: str, *, golem: bool) -> None:
    """A bare remote, and a clone of it with a fresh registry whose policy is this repository's, signed anew; without
    `golem` the local executor runs its jobs."""
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
    if not golem:
        policy = policy.partition(_GOLEM)[0] + _LOCAL
    (clone / "registry" / "policy.yaml").write_text(policy)
    shutil.copytree(HOME / "benchmarks", clone / "registry" / "benchmarks")
    write_trust(clone, "maintainer", load_signer(keys / "maintainer"), keep=False)
    _commit(clone, "Start a registry")


def contribute(clone: Path, keys: Path, origin: str, *jobs: str) -> None:
    """Example jobs, signed anew: a signature counts for one registry's log alone."""
    folder = clone / "registry" / "jobs" / "examples"
    folder.mkdir(parents=True, exist_ok=True)
    signer = load_signer(keys / "contributor")
    git(clone, "pull", "--quiet", "--ff-only", "origin", "main")
    for job in jobs:
        raw = (HOME / "jobs" / "examples" / f"{job}.yaml").read_bytes()
        (folder / f"{job}.yaml").write_bytes(raw)
        (folder / f"{job}.yaml.sig").write_bytes(sign(signer, raw, f"jobspec.v1@{origin}"))
    _commit(clone, "Ask who the model is, in three regions")


def _commit(clone: Path, message: str) -> None:
    git(clone, "add", "--all")
    identity = ("-c", "user.name=Demo", "-c", "user.email=demo@demo.invalid", "-c", "commit.gpgsign=false")
    git(clone, *identity, "commit", "--quiet", "--message", message)
    git(clone, "push", "--quiet", "origin", "main")
