"""Old years of a registry, put aside and left out: the lines of docs/forges.md, as they stand there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from runner.edges.git import GitRepository
from runner.edges.git_objects import Author
from runner.reconcile import reconcile
from runner.verify import verify
from tests.conftest import ROOT
from tests.scratch import beacon_on_path
from tests.test_docs import fences
from tests.worlds import Registry, job_file, runner

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")]
AUTHOR = Author("beacon-runner", "beacon-runner@users.noreply.invalid")


def lines(command: str) -> str:
    """The only block of the page that has this command."""
    (found,) = [text for _, text in fences(ROOT / "docs" / "forges.md", "sh") if command in text]
    return found


class Shell(NamedTuple):
    """Somebody at a terminal."""

    environ: Mapping[str, str]

    def types(self, folder: Path, script: str) -> str:
        """What the lines print, typed in a folder."""
        command = ["bash", "-e", "-c", script]
        done = subprocess.run(command, cwd=folder, env=self.environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def months(clone: Path) -> set[str]:
    """The folders of months that have files on the disk."""
    return {path.name for path in clone.glob("reports/jobs/*/*/runs/*") if any(path.rglob("*.md"))}


def test_a_year_is_put_aside_and_left_out(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "BEACON_STATE": str(tmp_path / "state"), "GIT_CONFIG_NOSYSTEM": "1"}
    shell = Shell({"PATH": beacon_on_path(tmp_path / "bin"), **home})
    registry = Registry()
    registry.submit(job_file(schedule="0 0 * * *"))
    assert len(registry.act().published) == 1
    old = tmp_path / "registry"
    old.mkdir()
    registry.check_out(old)
    assert "self-consistent" in shell.types(old, lines("git bundle create"))

    registry.now = datetime(2027, 1, 2, 3, tzinfo=UTC)
    assert len(registry.act().published) == 1
    now = tmp_path / "now"
    now.mkdir()
    registry.check_out(now)
    shell.types(tmp_path, f"git clone --quiet --bare {now} registry.git")
    shell.types(tmp_path, "git -C registry.git config uploadpack.allowFilter true")
    shutil.rmtree(old)
    forge = f"file://{tmp_path}/registry.git"
    shell.types(tmp_path, lines("--sparse").replace("https://forge.example/beacon/registry.git", forge))
    assert (old / "reports/log/checkpoint").exists()
    assert months(old) == set()
    shell.types(old, lines("--no-cone"))
    assert months(old) == {"2027-01"}

    registry.now = datetime(2027, 2, 2, 3, tzinfo=UTC)
    world = registry.world()
    clock = lambda: int(registry.now.timestamp())  # noqa: E731
    with GitRepository(old, "main", runner("rita").keys.git, AUTHOR, "origin", clock, environ=dict(os.environ)) as here:
        outcome = reconcile(world._replace(desk=world.desk._replace(repository=here)))
    assert len(outcome.published) == 1
    assert months(old) == {"2027-01", "2027-02"}
    shell.types(tmp_path, "git clone --quiet registry.git whole")
    assert months(tmp_path / "whole") == {"2026-11", "2027-01", "2027-02"}
    with GitRepository(tmp_path / "whole", "main", None, AUTHOR, None, clock) as whole:
        assert verify(whole).findings == ()
