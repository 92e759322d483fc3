"""`beacon pin` as a person runs it: a real registry, a real Kubo daemon, a folder, and kills between all its steps."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.cli import main
from runner.commands.places import git
from runner.commands.start import write_trust
from runner.edges.keys import load_signer
from tests.conftest import ROOT
from tests.kubo import Kubo as Node
from tests.kubo import started
from tests.kubo_peer import peering
from tests.pinning_service import TOKEN, Shop, serving
from tests.scratch import Scratch, demand_sandbox, scratch

GONE = "http://127.0.0.1:1"


class Shell:
    """A person's shell in a clone, with a cache and a state of its own."""

    def __init__(self, clone: Path, folder: Path, capsys: pytest.CaptureFixture[str], **extra: str) -> None:
        self.clone = clone
        self.capsys = capsys
        own = {"BEACON_STATE": str(folder / "state"), "BEACON_CACHE": str(folder / "cache")}
        self.environ = {**own, "GIT_CONFIG_GLOBAL": os.devnull, **extra}

    def run(self, *arguments: str, code: int = 0) -> str:
        """A verb, to its end, with this exit code. What it printed: with `--json`, on stdout alone."""
        verb, *rest = arguments
        with pytest.MonkeyPatch.context() as patch:
            for name in os.environ:
                if name.startswith(("BEACON_", "GIT", "CI")):
                    patch.delenv(name)
            for name, value in self.environ.items():
                patch.setenv(name, value)
            self.capsys.readouterr()
            found = main([verb, "--repo", str(self.clone), *rest])
            out, errors = self.capsys.readouterr()
        assert found == code, out + errors
        return out if "--json" in arguments else out + errors

    def pin(self, *arguments: str, code: int = 0) -> Any:
        """`beacon pin --json`: for each bundle, what each target has."""
        found = json.loads(self.run("pin", "--json", *arguments, code=code))
        return [{name: record["stage"] for name, record in one["targets"].items()} for one in found["bundles"]]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this repository, which is a registry with published runs, as anybody has it."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    place = tmp_path_factory.mktemp("published")
    git(place, "clone", "--quiet", "--shared", str(ROOT), "clone")
    return place / "clone"


@pytest.fixture(scope="module")
def run(published: Path) -> str:
    """One of its runs."""
    return next(published.glob("reports/jobs/**/runs/*/bundle")).parent.name


@pytest.fixture
def shell(published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(published, tmp_path, capsys)


def test_any_clone_can_pin(shell: Shell, kubo: Node, tmp_path: Path) -> None:
    to = (f"--to=kubo={kubo.api}", f"--to=folder={tmp_path / 'cars'}")
    said = shell.run("pin", *to)
    found = json.loads(shell.run("pin", "--json", *to))
    cids = {one["cid"] for one in found["bundles"]}
    assert len(cids) == found["held"] > 3
    assert f"{len(cids)} of {len(cids)} bundles are held by at least 2 targets" in said
    assert cids <= kubo.pins()
    assert {path.stem for path in (tmp_path / "cars").iterdir()} == cids
    for cid in cids:  # the daemon's own export is the same file
        assert kubo.command("dag", "export", "--progress=false", cid) == (tmp_path / "cars" / f"{cid}.car").read_bytes()
    assert shell.pin("--verify", *to) == [
        dict.fromkeys((f"kubo={kubo.api}", f"folder={tmp_path / 'cars'}"), "held")
    ] * len(cids)


def test_what_went_away_is_brought_again(shell: Shell, kubo: Node, tmp_path: Path, run: str) -> None:
    to = (f"--to=kubo={kubo.api}", f"--to=folder={tmp_path / 'cars'}")
    (one,) = json.loads(shell.run("pin", run, "--json", *to))["bundles"]
    kubo.command("pin", "rm", one["cid"])
    kubo.command("repo", "gc")
    car = tmp_path / "cars" / f"{one['cid']}.car"
    whole = car.read_bytes()
    car.write_bytes(whole[:-1])
    said = shell.run("pin", run, "--verify", *to)
    assert said.count("LOST") == 2
    assert one["cid"] in kubo.pins()
    assert car.read_bytes() == whole


def test_a_changed_bundle_is_not_kept_in_its_name(shell: Shell, published: Path, tmp_path: Path, run: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(published, copy, symlinks=True)
    found = json.loads(shell.run("pin", run, "--json", f"--to=folder={tmp_path / 'a'}"))["bundles"]
    described = json.loads(shell.run("describe", run, "--json"))
    (copy / described["folder"] / "bundle" / "job.yaml").write_text("another job")
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    git(copy, *who, "commit", "--quiet", "--all", "--message=Change the past")
    said = Shell(copy, tmp_path / "new", shell.capsys).run("pin", run, f"--to=folder={tmp_path / 'b'}", code=3)
    assert "this clone cannot give it" in said
    assert found[0]["cid"] in said
    assert not (tmp_path / "b").exists()


def test_usage(shell: Shell) -> None:
    assert "pin-nowhere" in shell.run("pin", code=2)
    assert "pin-target" in shell.run("pin", "--to", "kubo", code=2)
    assert "pin-target" in shell.run("pin", "--to", "kubo=ftp://example.org", code=2)
    assert "pin-target" in shell.run("pin", "--to", "tape=/dev/st0", code=2)
    assert "run-unknown" in shell.run("pin", "beef", "--to", "folder=/nowhere/at/all", code=2)


def test_nobody_there(shell: Shell, tmp_path: Path, run: str) -> None:
    said = shell.run("pin", run, "--to", f"kubo={GONE}", "--to", f"folder={tmp_path / 'no' / 'such' / 'disk'}", code=3)
    assert f"nobody answers at {GONE}" in said
    assert "is it mounted?" in said
    assert "0 of 1 bundles are held by at least 2 targets" in said


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["before", "after"])
def test_killed_at_any_step_the_next_one_completes(published: Path, tmp_path: Path, run: str, mode: str) -> None:
    cars = tmp_path / "cars"
    with started() as node, dying() as die:
        arguments = ["--repo", str(published), run, f"--to=folder={cars}", f"--to=kubo={node.api}"]
        empty, place, killed = node.pins(), 0, True
        while killed:
            place += 1
            first, then = die(mode, place, str(tmp_path / f"cache-{place}"), arguments)
            assert first in (0, -signal.SIGKILL)
            assert then == 0
            killed = first != 0
            (cid,) = node.pins() - empty
            (car,) = cars.iterdir()
            assert car.read_bytes() == node.command("dag", "export", "--progress=false", cid)
            node.command("pin", "rm", cid)
            node.command("repo", "gc")
            shutil.rmtree(cars)
        assert place > 16  # two targets: a list, ask, put, pin, a question and a fetch, and a record after each


@contextmanager
def dying() -> Iterator[Callable[..., list[int]]]:
    """`beacon pin` in processes that are killed: mode, place, cache and arguments to how it and the next one ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.killed_pin"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def one(*case: Any) -> list[int]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(case) + "\n")
            process.stdin.flush()
            found: list[int] = json.loads(process.stdout.readline())
            return found

        yield one
        process.stdin.close()


# A runner's own registry


@pytest.fixture
def place(tmp_path: Path) -> Scratch:
    """A registry with a job that nobody has run."""
    demand_sandbox()
    return scratch(tmp_path / "registry")


def test_a_daemon_that_is_down_loses_nothing(
    place: Scratch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with started(token="the-word") as node:
        policy = place.clone / "registry" / "policy.yaml"
        policy.write_text(
            policy.read_text() + "pinning:\n  atLeast: 2\n  targets:\n"
            f'    own: {{kind: kubo, url: "{node.api}"}}\n    backup: {{kind: folder}}\n'
        )
        keys = place.keys
        tokens = {"BEACON_PIN_OWN_TOKEN": "the-word", "BEACON_PIN_BACKUP_PATH": str(tmp_path / "cars")}
        shell = Shell(place.clone, tmp_path, capsys, BEACON_KEYS=str(keys / "runner"), **tokens)
        write_trust(place.clone, "maintainer", load_signer(keys / "maintainer"), keep=False)
        place.push("Keep bundles")
        node.stop()
        said = shell.run("reconcile")
        assert "1 published" in said
        assert "0 of 1 new bundles are held by at least 2 targets: `beacon pin` goes on" in said
        checks = {check["name"]: check for check in json.loads(shell.run("doctor", "--json"))["checks"]}
        assert checks["pin at backup"]["ok"] is True
        assert checks["pin at own"]["ok"] is None
        assert "nobody answers" in checks["pin at own"]["said"]
        (one,) = shell.pin(code=3)
        assert one == {"own": "unknown", "backup": "held"}
        described = json.loads(shell.run("describe", "who", "--json"))
        assert {name: at["stage"] for name, at in described["kept"].items()} == one
        assert "not held yet (nobody answers" in shell.run("describe", "who")
        node.start()
        wrong = Shell(place.clone, tmp_path, capsys, **tokens | {"BEACON_PIN_OWN_TOKEN": "another"})
        assert "HTTP 403" in wrong.run("pin", code=3)
        assert shell.pin() == [{"own": "held", "backup": "held"}]
        (cid,) = {path.stem for path in (tmp_path / "cars").iterdir()}
        assert cid in node.pins()
        assert "own: held, fetched back 2" in shell.run("describe", "who")
        untold = Shell(place.clone, tmp_path, capsys, BEACON_PIN_OWN_TOKEN="the-word")
        assert "set BEACON_PIN_BACKUP_PATH" in untold.run("pin", code=3)


@pytest.mark.slow
def test_three_places_and_one_of_them_over_bitswap(
    place: Scratch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A node of ours, a service whose peer fetches from it, a folder: by the policy, from a reconcile on."""
    with started() as node, peering() as peer, serving(Shop(peer)) as url:
        policy = place.clone / "registry" / "policy.yaml"
        policy.write_text(
            policy.read_text() + "pinning:\n  atLeast: 3\n  targets:\n"
            f'    own: {{kind: kubo, url: "{node.api}"}}\n    backup: {{kind: folder}}\n'
            f'    far-away: {{kind: service, url: "{url}/psa", origin: "{node.api}", gateway: "{url}"}}\n'
        )
        words = {"BEACON_PIN_FAR_AWAY_TOKEN": TOKEN, "BEACON_PIN_BACKUP_PATH": str(tmp_path / "cars")}
        shell = Shell(place.clone, tmp_path, capsys, BEACON_KEYS=str(place.keys / "runner"), **words)
        write_trust(place.clone, "maintainer", load_signer(place.keys / "maintainer"), keep=False)
        place.push("Keep bundles in three places")
        assert "1 published" in shell.run("reconcile")
        assert shell.pin() == [{"own": "held", "backup": "held", "far-away": "held"}]
        (cid,) = {path.stem for path in (tmp_path / "cars").iterdir()}
        assert cid in node.pins()
        assert cid in peer.pins()
        assert "bundle at far-away: held, fetched back 2" in shell.run("report", "who")
        assert peer.download(cid).keys() > {"job.yaml", "context.json", "diff.json"}
        assert shell.pin("--verify") == [{"own": "held", "backup": "held", "far-away": "held"}]
