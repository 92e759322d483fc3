"""The contract of `ports.Spool`, in a folder and in memory; and that the folder gives back nothing that was altered."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.edges.memory import MemoryEvents, MemorySpool
from runner.edges.spool import FolderSpool
from runner.errors import Environment
from runner.model.receipt import Executor, Image, Provider, RegionEvidence, Times
from runner.model.run import Attempt, Cell
from runner.ports import AttemptResult, CellOutput, Spool

RUN, OTHER = "ab" * 32, "cd" * 32


def result(
    run: str = RUN, region: str = "EU", slot: int = 1, n: int = 1, output: bytes | None = b"\xff\n", **more: Any
) -> AttemptResult:
    """A finished attempt."""
    cell = Cell(target="smollm2", prompt="who", region=region, slot=slot, replica=1)
    facts: dict[str, Any] = {
        "attempt": Attempt(run=run, target="smollm2", region=region, slot=slot, n=n),
        "status": "ok",
        "reason": None,
        "retryable": False,
        "exit_code": 0,
        "cells": (
            CellOutput(cell, 7, "ok", output, "stop", 12, None),
            CellOutput(cell, 8, "missing", None, None, None, "never reached"),
        ),
        "transcript": b'{"lines":[]}',
        "executor": Executor(kind="local", version="1", network="none", simulated=True, packages={"a": "1"}),
        "image": Image(form="source", digest="bafy" + "a" * 55),
        "region": RegionEvidence(requested=region, grade="claimed", evidence="a label"),
        "provider": Provider(id="local-1", name="this machine"),
        "times": Times(queued="2026-11-22T03:00:00Z", finished="2026-11-22T03:00:01Z", duration_ms=900),
        "usage": {"cpu-ms": 800},
        "reserved": "0.5",
        "observed": "0",
    }
    return AttemptResult(**facts | more)


@pytest.fixture(params=["folder", "memory"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Spool]:
    """Opens the spool, once more after a crash where it outlives the process."""
    if request.param == "folder":
        return lambda: FolderSpool(tmp_path / "beacon/spool", MemoryEvents())
    kept = MemorySpool()
    return lambda: kept


def test_results_come_back_as_they_were_in_the_order_of_their_attempts(again: Callable[[], Spool]) -> None:
    kept = [result(region="APAC", slot=10), result(n=1), result(n=2, output=None), result(slot=2), result(slot=10)]
    for one in reversed(kept):
        again().put(one)
    again().put(result(run=OTHER))
    assert again().results(RUN) == kept
    assert again().results("ef" * 32) == []


def test_the_last_result_of_an_attempt_counts(again: Callable[[], Spool]) -> None:
    again().put(result(status="failed"))
    again().put(result(output=b"again"))
    assert again().results(RUN) == [result(output=b"again")]


def test_a_forgotten_run_is_gone_and_others_stay(again: Callable[[], Spool]) -> None:
    assert again().runs() == []
    again().put(result())
    again().put(result(run=OTHER))
    assert sorted(again().runs()) == [RUN, OTHER]
    for _ in range(2):
        again().forget(RUN)
    assert (again().results(RUN), again().results(OTHER)) == ([], [result(run=OTHER)])
    assert again().runs() == [OTHER]


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    st.none() | st.binary(max_size=40),
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.binary(max_size=40),
)
def test_any_bytes_and_words_survive(
    tmp_path_factory: pytest.TempPathFactory, output: bytes | None, reason: str | None, transcript: bytes
) -> None:
    spool = FolderSpool(tmp_path_factory.mktemp("spool"), MemoryEvents())
    kept = result(output=output, reason=reason, transcript=transcript)
    spool.put(kept)
    assert spool.results(RUN) == [kept]


def test_what_is_damaged_or_foreign_is_passed_over_with_an_event(tmp_path: Path) -> None:
    events = MemoryEvents()
    spool = FolderSpool(tmp_path, events)
    good = result(slot=3)
    for one in (result(), result(slot=2), good):
        spool.put(one)
    folder = tmp_path / RUN
    first, second, third = sorted(folder.iterdir())
    raw = first.read_bytes()
    first.write_bytes(raw.replace(base64.b64encode(b"\xff\n"), base64.b64encode(b"\xfe\n")))
    second.write_bytes(second.read_bytes()[:100])
    (folder / "README").write_bytes(b"hello")
    (folder / "smollm2.EU.9.1.json").write_bytes(third.read_bytes())
    (folder / "link.json").symlink_to(third)
    (folder / "folder").mkdir()
    (folder / ".new-0123").write_bytes(b"half")
    assert spool.results(RUN) == [good]
    assert events.names() == ["spool-ignored"] * 6


def test_only_runs_name_folders(tmp_path: Path) -> None:
    spool = FolderSpool(tmp_path, MemoryEvents())
    for run in ("..", "", RUN[:32], f"{RUN}/..", RUN.upper()):
        for act in (spool.results, spool.forget):
            with pytest.raises(ValueError, match="is no run"):
                act(run)


def test_files_are_for_their_owner_and_nothing_lies_beside_them(tmp_path: Path) -> None:
    FolderSpool(tmp_path / "new", MemoryEvents()).put(result())
    files = list((tmp_path / "new" / RUN).iterdir())
    assert [file.name for file in files] == ["smollm2.EU.1.1.json"]
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert files[0].parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_written_is_an_environment_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Environment) as caught:
        FolderSpool(tmp_path / "file", MemoryEvents()).put(result())
    assert caught.value.code == "write-failed"
    (tmp_path / RUN).touch()
    broken, whole = FolderSpool(tmp_path / "file", MemoryEvents()), FolderSpool(tmp_path, MemoryEvents())
    for act in (broken.runs, lambda: whole.results(RUN)):
        with pytest.raises(Environment) as caught:
            act()
        assert caught.value.code == "read-failed"
