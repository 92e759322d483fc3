"""Where things are: the checkout, its repository and remote, the cache, the state outside the clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.edges.folder import FolderSnapshot
from runner.edges.git import GitRepository
from runner.edges.git_objects import Author
from runner.errors import BeaconError, Environment, Usage
from runner.ports import Emit, Signer, Snapshot
from runner.registry import load_policy

AUTHOR = Author("beacon-runner", "beacon-runner@users.noreply.invalid")
"""Who commits. What counts is the signature, not the name."""


def git(folder: Path, *arguments: str) -> str:
    """What a git command prints. For a person's own repository; what is trusted goes through `runner/edges/git.py`.
    Raises `Usage` with git's words, `Environment` where there is no git."""
    if shutil.which("git") is None:
        raise Environment("git-missing", "there is no git on the PATH", "Debian, Ubuntu: apt install git")
    done = subprocess.run(  # noqa: S603 - no shell; no argument comes from a tree or a remote
        ["git", "-C", str(folder), *arguments],  # noqa: S607 - git is looked up on the PATH, as a person would
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "; ".join(text.strip().rstrip(":") for text in done.stderr.splitlines() if text.strip())
        raise Usage("git-failed", f"git {arguments[0]}: {said or f'exit {done.returncode}'}")
    return done.stdout.rstrip("\n")


def checkout(start: Path) -> Path:
    """The top of the git work tree that holds a folder. Raises `Usage` where there is none."""
    hint = "go to the clone of a registry, or give its folder; for a new registry: git init, then beacon init"
    if not start.is_dir():
        raise Usage("not-a-repository", f"there is no folder {start}", hint)
    try:
        return Path(git(start, "rev-parse", "--show-toplevel"))
    except Usage as error:
        if "must be run in a work tree" in error.message:
            mend = "clone it without --bare, or name a commit, where the verb takes --rev"
            raise Usage("bare-repository", f"{start.absolute()} has no files on disk", mend) from None
        if "not a git repository" not in error.message:
            raise  # git knows better: a folder that somebody else owns
        raise Usage("not-a-repository", f"{start.absolute()} is in no git work tree", hint) from None


def top(start: Path) -> Path:
    """The top of a folder's repository, which may be a bare one. Raises `Usage` where there is none."""
    try:
        return start if git(start, "rev-parse", "--is-bare-repository") == "true" else checkout(start)
    except Usage:
        return checkout(start)


@contextmanager
def opened(
    folder: Path, signer: Signer | None = None, remote: str | None = None, emit: Emit = lambda _: None
) -> Iterator[GitRepository]:
    """The repository of a checkout, on its policy's branch. Without a remote's name it is the local branch alone, and
    git may reach nobody: a stranger's clone can name a remote that starts a program."""
    environ = dict(os.environ) if remote else {**os.environ, "GIT_ALLOW_PROTOCOL": "none"}
    clock = lambda: int(time.time())  # noqa: E731 - git's clock, in Unix seconds
    with GitRepository(folder, _branch(folder), signer, AUTHOR, remote, clock, emit, environ) as repository:
        yield repository


def revision(repository: GitRepository, name: str) -> Snapshot:
    """The tree of any revision that git knows. Raises `Usage`."""
    return repository.snapshot(repository.resolve(name))


def remotes(folder: Path) -> list[str]:
    """The names of a repository's remotes."""
    return git(folder, "remote").split()


def cache_folder() -> Path:
    """Where installed benchmarks are kept; may be deleted at any time. `BEACON_CACHE`, else below XDG_CACHE_HOME."""
    chosen = os.environ.get("BEACON_CACHE")
    return Path(chosen) if chosen else _home("XDG_CACHE_HOME", ".cache") / "beacon"


def images_folder() -> Path:
    """Where OCI archives are kept for the local executor. `BEACON_IMAGES`, else `images` in the cache."""
    chosen = os.environ.get("BEACON_IMAGES")
    return Path(chosen) if chosen else cache_folder() / "images"


def state_folder() -> Path:
    """Where the highest signed and the last seen checkpoints are kept. `BEACON_STATE`, else below XDG_STATE_HOME."""
    chosen = os.environ.get("BEACON_STATE")
    return Path(chosen) if chosen else _home("XDG_STATE_HOME", ".local/state") / "beacon"


def _home(variable: str, default: str) -> Path:
    found = os.environ.get(variable)
    return Path(found) if found and Path(found).is_absolute() else Path.home() / default


def _branch(folder: Path) -> str:
    """The branch that the policy on disk names; where there is no readable policy, the one that is checked out."""
    try:
        return load_policy(FolderSnapshot(folder)).log.branch
    except BeaconError:
        return git(folder, "symbolic-ref", "--short", "HEAD")
