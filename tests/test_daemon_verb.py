"""`beacon daemon` as a command, what it tells of itself, and who judges that."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from datetime import UTC, datetime, timedelta
from inspect import signature
from pathlib import Path

import pytest
import yaml

from runner.commands import operate
from runner.commands.daemon import _Clone, _sleep, daemon
from runner.commands.doctor import doctor
from runner.commands.places import git
from runner.commands.start import write_trust
from runner.daemon import Health, Trouble
from runner.edges.keys import load_signer
from runner.edges.vitals import Vitals, judged
from runner.errors import BeaconError
from runner.ports import Event
from runner.reconcile import begin
from runner.schedules import moment
from tests.conftest import ROOT
from tests.scratch import Scratch, scratch
from tests.test_cli import Beacon, beacon

__all__ = ["beacon"]
HEALTH = Health(
    state="waiting", at="2026-11-22T03:00:00Z", quiet=150.0, last_look="2026-11-22T03:00:00Z", last_tick=None,
    last_success="2026-11-22T03:00:00Z", head="a" * 40, open_runs=("b" * 64,), next_due=None, trouble=None,
)  # fmt: skip


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A registry with one job that nobody has run; tests that change it copy it."""
    return scratch(tmp_path_factory.mktemp("fresh") / "registry")


@pytest.fixture
def place(fresh: Scratch, tmp_path: Path) -> Scratch:
    """A copy of it."""
    return fresh.copy(tmp_path / "registry")


# The command


def test_once_is_one_tick_and_tells_whether_work_remains(beacon: Beacon, place: Scratch) -> None:
    health = place.place / "health.json"
    told = ("--repo", place.clone, "--keys", place.keys / "runner", "--health", health)
    done = beacon("daemon", *told, "--once", "--deadline", "1s")
    assert (done.code, done.out) == (3, "")
    found = json.loads(health.read_text())
    assert (found["state"], found["staleAfter"], found["openRuns"]) == ("stopped", None, [])
    assert found["head"] == git(place.remote, "rev-parse", "main")
    (place.clone / "registry" / "suspended").write_text("registry/jobs/alice/who.yaml\n")
    place.push("Not now")
    assert beacon("daemon", *told, "--once").code == 0


def test_daemons_side_by_side_divide_the_jobs(beacon: Beacon, place: Scratch) -> None:
    """What is another's share is no work that remains; each run is of one part alone."""
    told = ("daemon", "--repo", place.clone, "--keys", place.keys / "runner", "--once", "--deadline", "1s")
    assert beacon(*told, "--select", "size=small").code == 0
    assert sorted(beacon(*told, "--shard", f"{part}/2").code for part in (1, 2)) == [0, 3]
    assert beacon(*told).code == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--shard", "3/2"), "--shard '3/2' is not I/N"),
        (("--select", "small"), "--select 'small' is not NAME=VALUE"),
        (("--poll", "0s"), "--poll '0s' is no time at all"),
        (("--poll", "soon"), "--poll 'soon' is no length of time"),
        (("--deadline", "-1h"), "--deadline '-1h' is no length of time"),
        (("--remote", "elsewhere"), "no remote 'elsewhere'"),
    ],
)
def test_options_that_make_no_sense(beacon: Beacon, fresh: Scratch, options: tuple[str, str], said: str) -> None:
    done = beacon("daemon", "--repo", fresh.clone, *options)
    assert (done.code, said in done.err) == (2, True), done.err


def test_without_keys_or_a_registry_it_ends_at_once(beacon: Beacon, fresh: Scratch, tmp_path: Path) -> None:
    done = beacon("daemon", "--repo", fresh.clone, "--keys", tmp_path)
    assert (done.code, "error[key-missing]" in done.err) == (4, True)
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "empty")
    done = beacon("daemon", "--repo", tmp_path / "empty", "--keys", fresh.keys / "runner")
    assert (done.code, "error[no-registry]" in done.err) == (2, True)


def test_the_executor_is_the_one_that_the_head_s_policy_names(place: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEACON_STATE", str(place.state))
    monkeypatch.setenv("BEACON_CACHE", str(place.place / "cache"))
    stop = threading.Event()
    stop.set()  # plan, and take nothing
    with _Clone(place.clone, place.keys / "runner", "origin", lambda _: None, stop, None, False) as clone:
        clone.look()
        clone.tick()
        clone.look()
        assert [one.job.path for one in clone.tick().plan.pending] == ["registry/jobs/alice/who.yaml"]
        policy = place.clone / "registry" / "policy.yaml"
        data = yaml.safe_load(policy.read_text()) | {"golem": {"network": "devnet", "prices": {"start": "1"}}}
        policy.write_text(yaml.safe_dump(data))
        write_trust(place.clone, "maintainer", load_signer(place.keys / "maintainer"), keep=False)
        place.push("Run on Golem")
        clone.look()
        clone.tick()
        clone.look()
        assert [idle.code for idle in clone.tick().plan.idle] == ["budget-too-small"], "it costs money now"


def test_a_pull_request_is_planned_whatever_the_hour(beacon: Beacon, place: Scratch) -> None:
    policy = place.clone / "registry" / "policy.yaml"
    policy.write_text(policy.read_text() + 'windows: ["0 0 29 2 *"]\n')
    write_trust(place.clone, "maintainer", load_signer(place.keys / "maintainer"), keep=False)
    place.push("Run once in four years")
    now = beacon("plan", "--repo", place.clone).out
    assert "outside-window" in now
    assert "no window of the policy is open; the next opens at " in now
    place.write_job("registry/jobs/alice/other.yaml")
    place.push("Ask")
    data = json.loads(beacon("plan", "--repo", place.clone, "--base", "HEAD~1", "--json").out)
    assert [one["job"] for one in data["pending"]] == ["registry/jobs/alice/other.yaml"]


def children() -> list[int]:
    """Processes that this one has started and that are still there."""
    return [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def test_a_git_that_was_killed_is_started_anew(place: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEACON_STATE", str(place.state))
    before = set(children())
    stop = threading.Event()
    stop.set()
    with _Clone(place.clone, place.keys / "runner", "origin", lambda _: None, stop, None, False) as clone:
        clone.look()
        clone.tick()
        mine = set(children()) - before
        assert mine, "git answers from a process that stays"
        for pid in mine:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises((BeaconError, OSError)):
            clone.tick()
        clone.look()
        assert clone.tick().plan.pending
    assert set(children()) == before


def test_a_sleep_ends_soon_after_it_is_to_stop() -> None:
    stop = threading.Event()
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    assert _sleep(stop, 3600)
    assert _sleep(stop, 3600)
    stop.clear()
    assert not _sleep(stop, 0.01)
    timer.join()


def test_status_says_how_late_a_pending_run_is(beacon: Beacon, place: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write_job(schedule="0 12 * * *")
    place.push("Ask daily")
    monkeypatch.setattr(operate, "now", lambda: moment("2026-11-22T12:34:00Z"))
    with operate.working(place.clone, place.keys / "runner", "origin", lambda _: None, place.state) as world:
        begin(world, taking=False)
    assert "due 2026-11-22T12:00:00Z, 34 min late" in beacon("status", "--repo", place.clone).out


# What it tells


def test_the_health_file_says_when_it_is_stale(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "health.json"
    with Vitals(file, {}) as vitals:
        vitals.tell(HEALTH)
    found = json.loads(file.read_text())
    at = moment(found["at"])
    assert moment(found["staleAfter"]) == at + timedelta(seconds=150)
    assert judged(file, at).ok is True
    assert judged(file, at + timedelta(seconds=151)) == (
        False,
        f"silent since {found['at']}; it should have told by {found['staleAfter']}",
        "look at its log",
    )


def test_trouble_is_told_and_no_fault_of_the_daemon(tmp_path: Path) -> None:
    file = tmp_path / "health.json"
    trouble = Trouble("remote-unreachable", "away \x1b[2J", "2026-11-22T02:00:00Z", 7)
    Vitals(file, {}).tell(HEALTH._replace(trouble=trouble))
    assert b"\x1b" not in file.read_bytes()
    found = judged(file, datetime.now(UTC))
    assert found.ok is None
    assert found.said.startswith("alive, and waiting since 2026-11-22T02:00:00Z: [remote-unreachable] away")


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_who_has_stopped_is_not_alive(tmp_path: Path, state: str) -> None:
    file = tmp_path / "health.json"
    Vitals(file, {}).tell(HEALTH._replace(state=state, quiet=0))
    assert judged(file, datetime.now(UTC)).ok is False


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[1]", b'{"state": 1, "at": 2, "staleAfter": 3, "trouble": 4}', b"[" * 99_999]
)
def test_what_is_no_health_file_is_nobody_alive(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "health.json"
    assert judged(file, datetime.now(UTC)).ok is False
    file.write_bytes(raw)
    assert judged(file, datetime.now(UTC)).ok is False


def test_a_doctor_asks_the_file_alone(beacon: Beacon, tmp_path: Path) -> None:
    file = tmp_path / "health.json"
    Vitals(file, {}).tell(HEALTH)
    done = beacon("doctor", "--health", file)
    assert (done.code, done.out.split()[0]) == (0, "ok")
    file.unlink()
    assert beacon("doctor", "--health", file).code == 4


def test_a_run_that_goes_on_is_a_sign_of_life(tmp_path: Path) -> None:
    file = tmp_path / "health.json"
    vitals = Vitals(file, {})
    heard: list[Event] = []
    emit = vitals.over(heard.append)
    vitals.tell(HEALTH._replace(state="working", quiet=None))
    emit(Event("run-started", {"run": "c" * 64}))
    assert json.loads(file.read_text())["running"] == "c" * 64
    emit(Event("run-executed", {"run": "c" * 64}))
    assert json.loads(file.read_text())["running"] is None
    assert [event.name for event in heard] == ["run-started", "run-executed"]


def test_what_cannot_be_written_or_sent_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Vitals(tmp_path / "file" / "health.json", {"NOTIFY_SOCKET": str(tmp_path / "nobody")}) as vitals:
        vitals.tell(HEALTH)


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_it_and_its_watchdog_as_long_as_it_is_not_silent(tmp_path: Path, abstract: bool) -> None:
    name = f"@beacon-test-{tmp_path}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("\0" + name[1:] if abstract else name)
        ear.settimeout(20)

        def heard(but: str = "") -> str:
            while (message := ear.recv(4096).decode()) == but:
                continue
            return message

        with Vitals(None, {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000"}) as vitals:
            assert heard() == "WATCHDOG=1"
            vitals.tell(HEALTH._replace(quiet=-1.0))
            assert heard(but="WATCHDOG=1") == "STATUS=waiting\nREADY=1"
            assert not vitals.alive
            vitals.tell(HEALTH._replace(state="working", quiet=None))
            assert vitals.alive
            assert heard(but="WATCHDOG=1") == "STATUS=working"
            assert heard() == "WATCHDOG=1"
        assert heard(but="WATCHDOG=1") == "STOPPING=1"


def test_a_watchdog_of_another_process_is_not_answered() -> None:
    vitals = Vitals(None, {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"})
    with vitals:
        assert "pulse" not in {thread.name for thread in threading.enumerate()}


# The examples


def test_the_unit_and_the_container_name_options_that_exist() -> None:
    unit = (ROOT / "docs" / "examples" / "beacon-daemon.service").read_text()
    container = (ROOT / "docs" / "examples" / "Containerfile").read_text()
    started = next(line for line in unit.splitlines() if line.startswith("ExecStart=")).split()
    words = [*started, *json.loads(container.split("\nCMD ")[1].splitlines()[0])]
    used = {word.removeprefix("--") for word in words if word.startswith("--")}
    assert used == {"repo", "keys", "health"}
    assert used <= set(signature(daemon).parameters)
    assert "health" in signature(doctor).parameters
    assert '"doctor", "--health"' in container
    assert {"KillMode=mixed", "SuccessExitStatus=3", "RestartPreventExitStatus=2 4"} <= set(unit.splitlines())
