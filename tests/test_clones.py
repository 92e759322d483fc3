"""Runners in clones that are bare, blobless, shallow, sparse, and all of these, behind every transport of git.

A tick there ends in the same tree, byte for byte, as one in memory; with few connections, whatever the number of files;
and a clone from which nothing may be fetched reaches nobody, and says what it lacks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from runner.edges.git import GitRepository
from runner.edges.git_objects import Author
from runner.errors import Environment
from runner.model import entry as e
from runner.reconcile import reconcile
from runner.state import read_state
from runner.verify import verify
from runner.world import World
from tests import forges
from tests.ticks import WHO, Interrupted, fresh, state
from tests.worlds import Registry, job_file, runner

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
AUTHOR = Author("beacon-runner", "beacon-runner@users.noreply.invalid")
ALL = ("--bare", "--filter=blob:none", "--depth=1")
CASES = {
    "blobless by file": (forges.file, ("--filter=blob:none",)),
    "all by an old ssh": (forges.ssh_old, ALL),
    "all by https": (forges.https, ALL),
    "shallow by file": (forges.file, ("--depth=1",)),
    "sparse by https": (forges.https, ("--filter=blob:none", "--sparse")),
    "whole by ssh": (forges.ssh, ()),
    "bare by git": (forges.daemon, ("--bare",)),
    "blobless and bare by ssh": (forges.ssh, ("--bare", "--filter=blob:none")),
    "treeless by git": (forges.daemon, ("--filter=tree:0",)),
    "shallow by https": (forges.https, ("--depth=1",)),
}
QUICK = 2
"""So many of them are tried each time, the others with the slow tests."""


class Clone(NamedTuple):
    """A clone on disk of a registry in memory, whose remote is behind a forge."""

    registry: Registry
    remote: Path
    path: Path
    environ: dict[str, str]
    forge: forges.Forge

    def git(self, *arguments: str, at: Path | None = None) -> str:
        """What git prints, here or in the remote."""
        done = subprocess.run(
            ["git", *arguments], cwd=at or self.path, env=self.environ, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def open(self, remote: str | None = "origin", **environ: str) -> GitRepository:
        """The clone as a runner of the registry opens it."""
        clock = lambda: int(self.registry.now.timestamp())  # noqa: E731
        keys = runner("rita").keys
        return GitRepository(self.path, "main", keys.git, AUTHOR, remote, clock, environ=self.environ | environ)

    def world(self, repository: GitRepository) -> World:
        """The world of that runner, who does not look at the remote while work runs: visits are counted."""
        world = self.registry.world()
        return world._replace(desk=world.desk._replace(repository=repository), poll_seconds=3600.0)

    def tree(self) -> str:
        """The files of the remote's branch, as one id."""
        return self.git("rev-parse", "main^{tree}", at=self.remote)


def published(others: int = 0) -> Registry:
    """A registry with runs that are published, and one job that nobody has run."""
    registry = Registry()
    for number in range(others):
        registry.submit(job_file(f"old{number}"))
    registry.act()
    registry.submit(job_file())
    return registry


@pytest.fixture(scope="module")
def seed() -> Registry:
    return published(1)


def clone(registry: Registry, place: Path, forge: forges.Forge, *options: str) -> Clone:
    """Put the registry behind the forge, which serves `place`, and clone it."""
    made = place / "made"
    made.mkdir()
    registry.check_out(made)
    remote, path = place / "registry.git", place / "clone"
    environ = {"PATH": os.environ["PATH"], "HOME": str(place), "GIT_CONFIG_NOSYSTEM": "1", **forge.environ}
    subprocess.run(["git", "clone", "-q", "--bare", str(made), str(remote)], env=environ, check=True)
    for name in ("allowFilter", "allowAnySHA1InWant"):
        subprocess.run(["git", "-C", str(remote), "config", f"uploadpack.{name}", "true"], env=environ, check=True)
    here = Clone(registry, remote, path, environ, forge)
    here.git("clone", "-q", *options, f"{forge.url}/registry.git", str(path), at=place)
    return here


def undisturbed(registry: Registry) -> str:
    """The files of the branch after a tick in memory, as one id."""
    twin = registry.fork()
    twin.act()
    twin.people.refresh()
    root = twin.people.read_commit(str(twin.people.head())).raw
    return root.partition(b"\n")[0].removeprefix(b"tree ").decode()


def tick(here: Clone) -> None:
    """A tick, and what must be true after it."""
    with here.open() as repository:
        outcome = reconcile(here.world(repository))
        assert len(outcome.published) == 1
        assert here.git("rev-parse", "main", at=here.remote) == outcome.head
        assert here.git("for-each-ref", "--format=%(refname)", at=here.remote) == "refs/heads/main"
        before = here.forge.visits()
        again = reconcile(here.world(repository))
        assert (again.published, again.head) == ((), outcome.head)
    assert here.forge.visits() - before == (before > 0)  # one look at the refs, and nothing is fetched
    with here.open(remote=None) as alone:  # what was read or written stays, so the branch can be read offline
        assert len(read_state(alone, alone.head()).history.ended) == 2


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.slow] if n >= QUICK else []) for n, case in enumerate(CASES)]
)
def test_a_tick_ends_in_the_same_tree(seed: Registry, tmp_path: Path, case: str) -> None:
    serve, options = CASES[case]
    with serve(tmp_path) as forge:
        here = clone(seed.fork(), tmp_path, forge, *options)
        if "--sparse" in options:
            here.git("sparse-checkout", "set", "registry", "reports/log")  # as docs/forges.md says
        tick(here)
    assert here.tree() == undisturbed(seed)
    if "--sparse" in options:
        assert not (here.path / "reports" / "jobs").exists()
    if "--bare" not in options:
        assert here.git("status", "--porcelain") == ""


def test_fetches_do_not_grow_with_what_is_missing(tmp_path: Path) -> None:
    """Four runs in the index, each with files of its own that the clone left out: one pack for the registry and the
    log, one for what runs found, one for when they ran."""
    with forges.file(tmp_path) as forge:
        here = clone(published(4), tmp_path, forge, *ALL)
        packs = here.path / "objects" / "pack"
        before = len(list(packs.glob("*.promisor")))
        with here.open() as repository:
            reconcile(here.world(repository))
        assert len(list(packs.glob("*.promisor"))) - before == 3


def test_a_cancelled_run_keeps_its_receipts_in_a_shallow_clone(tmp_path: Path) -> None:
    """Its job is gone from the head, and stands in a commit that the clone has not."""
    registry = fresh()
    world = registry.world(executor=Interrupted(registry, lambda: world.stop.set(), nth=2, wait=True))
    reconcile(world)
    registry.remove(WHO)
    registry.submit(job_file("other"))
    with forges.file(tmp_path) as forge:
        here = clone(registry, tmp_path, forge, "--depth=1")
        with here.open() as repository:
            reconcile(here.world(repository))
            after = read_state(repository, repository.head())
            (end,) = [end for end in after.history.ended.values() if end.start.job == WHO]
            assert isinstance(end.end, e.Cancelled)
            receipts = [path for path in after.snapshot.files("reports/jobs/alice/who") if "/receipts/" in path]
    assert len(receipts) == 2


def test_an_intent_completed_before_a_shallow_clone_began_is_spent(tmp_path: Path) -> None:
    """A server that died may show an intent beside the commit that completed it."""
    registry = fresh()
    with forges.file(tmp_path) as forge:
        here = clone(registry, tmp_path, forge)
        with here.open() as repository:
            first = here.git("rev-parse", "HEAD")
            intent = repository.propose(first, {"reports/x": b"1"}, "one")
            done = repository.commit(first, {"reports/x": b"1"}, "one", intent)
            repository.commit(done, {"reports/y": b"2"}, "two")
        here.git("push", "-q", "origin", f"{intent}:refs/beacon/intent")
        shutil.rmtree(here.path)
        here.git("clone", "-q", "--depth=1", f"file://{here.remote}", str(here.path), at=tmp_path)
        with here.open() as repository:
            repository.refresh()
            assert repository.intent() is None


@pytest.fixture
def partial(seed: Registry, tmp_path: Path) -> Iterator[Clone]:
    """A bare, blobless clone."""
    with forges.file(tmp_path) as forge:
        yield clone(seed.fork(), tmp_path, forge, "--bare", "--filter=blob:none")


def test_without_a_remote_nothing_is_fetched_and_nothing_started(partial: Clone, tmp_path: Path) -> None:
    """A stranger's clone may name a remote that starts a program."""
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\nexit 1\n")
    trap.chmod(0o700)
    partial.git("config", "core.sshCommand", str(trap))
    partial.git("config", "remote.origin.uploadpack", str(trap))
    for url in (f"ext::{trap}", "ssh://git@forge.invalid/registry.git", f"file://{partial.remote}"):
        partial.git("config", "remote.origin.url", url)
        with partial.open(remote=None, GIT_ALLOW_PROTOCOL="none") as alone:
            assert alone.head() is not None
            with pytest.raises(Environment) as caught:
                read_state(alone, alone.head())
            assert (caught.value.code, caught.value.hint.partition(",")[0]) == (
                "clone-partial",
                "git fetch --refetch --no-filter",
            )
            with pytest.raises(Environment, match="--filter"):
                verify(alone, None, None)
    assert not (tmp_path / "sprung").exists()


def test_what_the_error_advises_makes_the_clone_whole(partial: Clone) -> None:
    partial.git("fetch", "-q", "--refetch", "--no-filter")
    with partial.open(remote=None) as alone:
        read_state(alone, alone.head())
        assert verify(alone, None, None).ok


def test_a_remote_that_has_lost_an_object_is_told(partial: Clone) -> None:
    policy = partial.git("rev-parse", "main:registry/policy.yaml")
    (partial.remote / "objects" / policy[:2] / policy[2:]).unlink()
    with partial.open() as repository:
        repository.refresh()
        with pytest.raises(Environment) as caught:
            repository.snapshot(repository.head()).read("registry/policy.yaml")
    assert caught.value.code == "remote-unreachable"


def test_a_server_that_gives_no_single_objects_is_told_what_to_allow(seed: Registry, tmp_path: Path) -> None:
    with forges.ssh_old(tmp_path) as forge:
        here = clone(seed.fork(), tmp_path, forge, "--bare", "--filter=blob:none")
        here.git("config", "uploadpack.allowAnySHA1InWant", "false", at=here.remote)
        with here.open() as repository, pytest.raises(Environment) as caught:
            reconcile(here.world(repository))
    assert caught.value.code == "remote-withholds"


def test_a_shallow_clone_cannot_be_verified_in_full(seed: Registry, tmp_path: Path) -> None:
    with forges.file(tmp_path) as forge:
        here = clone(seed.fork(), tmp_path, forge, "--depth=1")
    with here.open(remote=None) as alone, pytest.raises(Environment) as caught:
        alone.history()
    assert caught.value.code == "clone-shallow"


def test_a_password_in_the_remote_s_address_is_never_told(seed: Registry, tmp_path: Path) -> None:
    with forges.https(tmp_path) as forge:
        here = clone(seed.fork(), tmp_path, forge)
        here.git("remote", "set-url", "origin", f"{forge.url}/registry.git".replace(forges.USER, "somebody"))
        with here.open() as repository, pytest.raises(Environment) as caught:
            reconcile(here.world(repository))
    assert caught.value.code == "push-failed"
    assert forges.PASSWORD not in f"{caught.value.message} {caught.value.hint}"
    assert state(here.registry).history.size == read_size(here)


def read_size(here: Clone) -> int:
    """How many log entries the remote's branch has."""
    return int(here.git("show", "main:reports/log/checkpoint", at=here.remote).splitlines()[1])
