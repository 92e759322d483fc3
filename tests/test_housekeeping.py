"""`beacon gc`: what is left over is named and, when asked for, removed, here and at the remote; nothing else is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runner.commands import gc
from runner.edges import durable, housekeeping
from runner.edges.git import INTENT, GitRepository
from runner.edges.git_process import Git
from runner.errors import Environment
from runner.history import is_over
from runner.state import read_state
from tests import forges
from tests.test_clones import ALL, Clone, clone, published

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with one of everything: left over, and still needed."""
    place = tmp_path_factory.mktemp("model")
    with forges.file(place) as forge:
        here = clone(published(2), place, forge)
    ours = here.path / ".git" / "beacon"
    with here.open() as repository:
        repository.refresh()
        state = read_state(repository, repository.head())
        over, other = sorted(state.history.ended)[:2]
        for run in (over, "0" * 64):
            (ours / "spool" / run).mkdir(parents=True)
            (ours / "spool" / run / "echo.EU.1.1.json").write_bytes(b"x" * 100)
        (ours / "spool" / f"{durable.TEMPORARY}00").write_bytes(b"half")
        (ours / "digests").write_bytes(b"cache")
        for run in (other, "1" * 64):
            repository.request_cancel(run[:32])
        head = str(repository.head())
        intent = repository.propose(head, {"reports/x": b"1"}, "one")
        repository.commit(head, {"reports/x": b"1"}, "one", intent)
    here.git("push", "-q", "origin", f"{intent}:{INTENT}")  # as a server shows it that died
    return here


@pytest.fixture
def used(model: Clone, tmp_path: Path) -> Clone:
    """A copy of it, with its remote."""
    place = tmp_path / "copy"
    shutil.copytree(model.path.parent, place)
    here = model._replace(path=place / model.path.name, remote=place / model.remote.name)
    here.git("remote", "set-url", "origin", f"file://{here.remote}")
    return here


def looked(here: Clone, repository: GitRepository, remote: str | None) -> list[housekeeping.Leftover]:
    """What is left over now."""
    repository.refresh()
    ended = read_state(repository, repository.head()).history.ended
    over = {run for run, end in ended.items() if is_over(end)}
    return housekeeping.leftovers(repository, Git(here.path, here.environ), remote, over)


def refs(here: Clone) -> list[str]:
    """Our refs at the remote."""
    return here.git("for-each-ref", "--format=%(refname)", "refs/beacon", at=here.remote).splitlines()


def test_what_is_over_is_left_over_and_nothing_else(used: Clone) -> None:
    with used.open() as repository:
        found = looked(used, repository, "origin")
        over, other = sorted(read_state(repository, repository.head()).history.ended)[:2]
        intent = used.git("rev-parse", INTENT, at=used.remote)
        assert [(one.kind, one.name, one.bytes) for one in found] == [
            ("attempts", over, 100),
            ("request", other[:32], 0),
            ("intent", intent, 0),
            ("temporary", f"beacon/spool/{durable.TEMPORARY}00", 4),
        ]
        for one in found:
            one.remove()
        assert looked(used, repository, "origin") == []
    ours = used.path / ".git" / "beacon"
    assert [path.name for path in (ours / "spool").iterdir()] == ["0" * 64]
    assert (ours / "digests").exists()
    assert refs(used) == [f"refs/beacon/cancel/{'1' * 32}"]


def test_an_intent_that_stands_is_kept(used: Clone) -> None:
    with used.open() as repository:
        repository.refresh()
        intent = repository.propose(repository.head(), {"reports/x": b"2"}, "two")
        assert "intent" not in [one.kind for one in looked(used, repository, "origin")]
    assert used.git("rev-parse", INTENT, at=used.remote) == intent


def test_an_intent_that_moved_meanwhile_is_not_dropped(used: Clone) -> None:
    with used.open() as repository:
        (spent,) = [one for one in looked(used, repository, "origin") if one.kind == "intent"]
        standing = used.git("rev-parse", "main", at=used.remote)
        used.git("update-ref", INTENT, standing, at=used.remote)
        with pytest.raises(Environment, match="stale info"):
            spent.remove()
    assert used.git("rev-parse", INTENT, at=used.remote) == standing


def test_packing_makes_a_clone_smaller_and_keeps_it_whole(used: Clone) -> None:
    git = Git(used.path, used.environ)
    for number, pack in enumerate((used.path / ".git" / "objects" / "pack").glob("*.pack")):  # as they were written
        aside = pack.rename(used.path / f"{number}.pack")
        pack.with_suffix(".idx").unlink()
        git.demand("unpack-objects", "-q", stdin=aside.read_bytes())
    before = housekeeping.sizes(git)
    housekeeping.pack(git)
    after = housekeeping.sizes(git)
    assert before.loose > 50
    assert after.loose < before.loose
    assert (after.packs, after.kind) == (1, ())
    assert after.bytes < before.bytes
    assert after.pack_bytes + after.loose_bytes < before.pack_bytes + before.loose_bytes
    used.git("fsck", "--strict", "--no-dangling")


def test_packing_works_in_the_smallest_clone(used: Clone, tmp_path: Path) -> None:
    used.git("update-ref", "-d", INTENT, at=used.remote)  # to look what became of it makes a clone whole
    here = used._replace(path=tmp_path / "small")
    here.git("clone", "-q", *ALL, f"file://{used.remote}", str(here.path), at=tmp_path)
    with here.open() as repository:
        repository.refresh()
        repository.commit(repository.head(), {"x": b"1"}, "one")
    git = Git(here.path, here.environ)
    housekeeping.pack(git)
    assert housekeeping.sizes(git).kind == ("bare", "partial", "shallow")
    assert here.git("show", "main:x") == "1"


@pytest.mark.parametrize("apply", [False, True])
def test_the_verb_changes_nothing_unless_asked(
    used: Clone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], apply: bool
) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, **used.environ})
    before = refs(used)
    gc.gc(used.path, apply=apply)
    said = capsys.readouterr()
    word = "removed" if apply else "left over"
    assert said.out.count(f"{word}: ") == 4
    assert f"{word}: attempts of a run that is over: " in said.out
    assert ("nothing was changed" in said.err) is not apply
    assert (refs(used) == before) is not apply
    gc.gc(used.path, apply=apply)
    assert capsys.readouterr().out.count(f"{word}: ") == (0 if apply else 4)


def test_json_tells_the_same(used: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    gc.gc(used.path, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["after"]) == ("beacon/gc/v1", None)
    assert [one["kind"] for one in told["leftovers"]] == ["attempts", "request", "intent", "temporary"]
    assert told["before"]["bytes"] == housekeeping.weight(used.path / ".git")
    subprocess.run(["git", "-C", str(used.path), "fsck"], check=True, capture_output=True)
