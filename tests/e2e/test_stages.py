"""A reconcile in three jobs: the real commands, the real sandbox, and no key where strangers' programs run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runner.commands.places import git
from tests.conftest import ROOT
from tests.preloaded import BEACON, Preloaded
from tests.scratch import Scratch, demand_sandbox, scratch


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """With two jobs, and its keys in the log."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    demand_sandbox()
    made = scratch(tmp_path_factory.mktemp("staged") / "registry")
    small = {"providers": 1, "replicas": 1, "seeds": "shared"}
    for name in ("who", "other"):
        made.write_job(f"registry/jobs/alice/{name}.yaml", sampling=small)
    made.push("Ask again")
    return made


Beacon = Callable[..., Any]


@pytest.fixture
def beacon(preloaded: Preloaded) -> Beacon:
    """A verb in a job's own clone, which has keys or not. Its JSON."""
    return partial(_beacon, preloaded)


def _beacon(
    preloaded: Preloaded,
    clone: Path,
    place: Scratch,
    *arguments: str,
    keys: bool = True,
    code: int = 0,
    **environ: str,
) -> Any:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BEACON_", "GIT"))}
    own = {"BEACON_STATE": str(place.state), "BEACON_CACHE": str(place.place / "cache"), "PYTHONPATH": str(ROOT)}
    if keys:
        own["BEACON_KEYS"] = str(place.keys / "runner")
    environment = {**kept, **own, **environ, "GIT_CONFIG_GLOBAL": os.devnull}
    done = preloaded.run(BEACON, [*arguments, "--json"], clone, environment)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def clone_of(place: Scratch, name: str) -> Path:
    """A clone for one job of a workflow."""
    git(place.place, "clone", "--quiet", "registry.git", name)
    return place.place / name


def test_from_start_to_publish_in_clones_of_their_own(registry: Scratch, beacon: Beacon, tmp_path: Path) -> None:
    """The folders travel as artifacts do; execute runs without keys, in two parts."""
    starting, publishing = clone_of(registry, "starting"), clone_of(registry, "publishing")
    outputs = tmp_path / "outputs"
    handed = tmp_path / "handed"
    given = beacon(
        starting, registry, "reconcile", "--stage", "start", "--work", str(handed), GITHUB_OUTPUT=str(outputs)
    )
    assert len(given["runs"]) == 2
    assert outputs.read_text() == "pending=true\nwrote=true\n"
    digests = []
    for part in ("1", "2"):
        work = tmp_path / f"part-{part}"
        shutil.copytree(handed, work)
        executing = clone_of(registry, f"executing-{part}")
        stage = ("reconcile", "--stage", "execute", "--work", str(work), "--shard", f"{part}/2")
        done = beacon(executing, registry, *stage, keys=False, GITHUB_OUTPUT=str(outputs))
        digests += ["--digest", done["digest"]]
        shutil.copytree(work, tmp_path / "gathered", dirs_exist_ok=True)
    assert outputs.read_text().splitlines()[2:] == [f"digest={digest}" for digest in digests[1::2]]
    gathered = tmp_path / "gathered"
    altered = tmp_path / "altered"
    shutil.copytree(gathered, altered)
    victim = next(altered.glob("results/*/*.json"))
    victim.write_bytes(victim.read_bytes().replace(b"ok", b"no"))
    publish = ("reconcile", "--stage", "publish", *digests, "--work")
    assert beacon(publishing, registry, *publish, str(altered), code=1)["error"]["code"] == "handover-altered"
    outcome = beacon(publishing, registry, *publish, str(gathered))
    assert sorted(outcome["published"]) == sorted(run["run"] for run in given["runs"])
    assert not list(gathered.glob("results/*/*.json"))
    reader = clone_of(registry, "reader")
    anchor = beacon(reader, registry, "keys", keys=False)["anchor"]
    beacon(reader, registry, "verify", "--trust", anchor, keys=False)  # exit 0: no finding


@pytest.mark.slow
def test_without_work_nothing_is_executed(registry: Scratch, beacon: Beacon, tmp_path: Path) -> None:
    """An empty handover, an empty digest, and a publish that writes nothing."""
    clone = clone_of(registry, "idle")
    work, outputs = tmp_path / "work", tmp_path / "outputs"
    beacon(clone, registry, "reconcile")
    head = git(clone, "rev-parse", "origin/main")
    stage = ("reconcile", "--work", str(work), "--stage")
    assert beacon(clone, registry, *stage, "start", GITHUB_OUTPUT=str(outputs))["runs"] == []
    assert outputs.read_text() == "pending=false\nwrote=false\n"
    labels = beacon(clone, registry, *stage, "execute", "--select", "a=b", keys=False, code=2)
    assert labels["error"]["code"] == "stage-unknown", "who starts has chosen; none of it may be left out"
    digest = beacon(clone, registry, *stage, "execute", keys=False)["digest"]
    assert beacon(clone, registry, *stage, "publish", "--digest", digest)["published"] == []
    assert git(clone, "rev-parse", "origin/main") == head
