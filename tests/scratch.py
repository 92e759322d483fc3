"""A scratch registry on disk: a bare remote, a clone, keys, and a quick job, for tests that use real git."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runner.commands.places import git
from runner.commands.start import start_registry, write_trust
from runner.edges import sandbox
from runner.edges.keys import load_signer
from runner.errors import Environment
from runner.formats.sshsig import sign
from runner.ipfs.unixfs import folder_cid
from tests import make

ECHO = Path(__file__).parent / "benchmarks" / "echo"
JOB = "registry/jobs/alice/who.yaml"


class Scratch(NamedTuple):
    """Where it stands. `remote` is bare; `clone` follows its branch `main`; `state` is outside both."""

    place: Path

    @property
    def remote(self) -> Path:
        """The bare repository that everybody pushes to."""
        return self.place / "registry.git"

    @property
    def clone(self) -> Path:
        """The runner's and the contributor's clone."""
        return self.place / "clone"

    @property
    def keys(self) -> Path:
        """Private keys: maintainer, contributor, runner/."""
        return self.place / "keys"

    @property
    def state(self) -> Path:
        """What is remembered outside the clone."""
        return self.place / "state"

    def write_job(
        self, path: str = JOB, revision: int = 1, labels: Mapping[str, str] | None = None, **spec: Any
    ) -> None:
        """Write and sign a job of alice's, not committed yet."""
        data = quick_job(**spec)
        name = Path(path).stem
        data["metadata"] |= {"name": name, "revision": revision} | ({"labels": dict(labels)} if labels else {})
        raw = (json.dumps(data, indent=1) + "\n").encode()
        file = self.clone / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(raw)
        namespace = f"jobspec.v1@{make.ORIGIN}"
        file.with_name(file.name + ".sig").write_bytes(sign(load_signer(self.keys / "contributor"), raw, namespace))

    def push(self, message: str) -> None:
        """Commit everything, unsigned as people do, and push it."""
        git(self.clone, "add", "--all")
        who = ("-c", "user.name=Alice", "-c", "user.email=alice@example.org", "-c", "commit.gpgsign=false")
        git(self.clone, *who, "commit", "--quiet", "--message", message)
        git(self.clone, "push", "--quiet", "origin", "main")

    def copy(self, to: Path) -> Scratch:
        """The same registry somewhere else, as it is now."""
        shutil.copytree(self.place, to, symlinks=True)
        git(to / "clone", "remote", "set-url", "origin", str(to / "registry.git"))
        return Scratch(to)


def beacon_on_path(folder: Path) -> str:
    """A PATH on which `beacon` is this checkout's, run by this Python; the command is put into the folder."""
    folder.mkdir(parents=True)
    start = "import sys; from runner.cli import main; sys.exit(main())"
    command = folder / "beacon"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ECHO.parents[2]} exec {sys.executable} -c "{start}" "$@"\n')
    command.chmod(0o700)
    return f"{folder}:{os.environ['PATH']}"


def demand_sandbox() -> None:
    """Skip the test where this machine has no sandbox, with the reason."""
    try:
        sandbox.find().self_test()
    except Environment as error:
        pytest.skip(f"no sandbox works here: {error.message}")


def quick_job(**spec: Any) -> dict[str, Any]:
    """A job for the echo benchmark."""
    files = {path.name: path.read_bytes() for path in ECHO.iterdir() if path.is_file()}
    data = make.job_data(**spec)
    data["spec"]["targets"][0]["image"]["source"] = {"benchmark": "echo", "cid": folder_cid(files)}
    return data


def scratch(place: Path) -> Scratch:
    """A registry with one job, pushed, and nothing run."""
    made = Scratch(place)
    place.mkdir(parents=True, exist_ok=True)
    git(place, "init", "--quiet", "--bare", "--initial-branch=main", "registry.git")
    git(place, "clone", "--quiet", "registry.git", "clone")
    git(made.clone, "symbolic-ref", "HEAD", "refs/heads/main")
    start_registry(made.clone, made.keys, make.ORIGIN, "main", "maintainer", "alice", "runner")
    shutil.copytree(ECHO, made.clone / "registry" / "benchmarks" / "echo")
    write_trust(made.clone, "maintainer", load_signer(made.keys / "maintainer"), keep=False)
    made.write_job()
    made.push("Ask who the model is")
    return made
