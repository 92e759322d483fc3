"""What tests of bundles share: the command in a folder of its own, and the runs of this project's own registry."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli import main
from runner.commands.read import at_head
from runner.ipfs.pinning import bundles
from tests.conftest import ROOT

Beacon = Callable[..., tuple[int, str, str]]
"""Runs a verb: exit code, stdout and stderr."""


def verbs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Beacon:
    """The command in a folder, without the caller's state and gateways."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BEACON_STATE", str(folder / "state"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    monkeypatch.delenv("BEACON_GATEWAYS", raising=False)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


def published() -> dict[str, tuple[str, Path]]:
    """The runs of this project's own registry, oldest first: CID and folder of each bundle."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    with at_head(ROOT) as state:
        return {one.run: (one.cid, ROOT / one.folder / "bundle") for one in bundles(state.history)}
