"""A real `beacon daemon` on a scratch registry with a bare remote: it runs what is merged, tells how it is, stops."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runner.commands.places import git
from runner.schedules import instant
from tests.conftest import ROOT
from tests.e2e.test_cli_flow import SLOW, add_benchmark
from tests.preloaded import BEACON, Preloaded
from tests.scratch import Scratch, demand_sandbox, scratch

SMALL = {"providers": 1, "replicas": 1, "seeds": "shared"}
PATIENCE = 60


@pytest.fixture
def place(tmp_path: Path) -> Scratch:
    """A registry with one small job, and a second clone, `people`, from which they push."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    demand_sandbox()
    made = scratch(tmp_path / "registry")
    made.write_job(sampling=SMALL)
    made.push("A smaller job")
    shutil.copytree(made.clone, made.place / "runner")
    return made


class Process:
    """The daemon, with the socket on which it notifies."""

    def __init__(self, preloaded: Preloaded, place: Scratch, *options: str) -> None:
        self.health = place.place / "health.json"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(place.place / "notify"))
        self.messages: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        environ = {
            **os.environ,
            "BEACON_STATE": str(place.state),
            "BEACON_CACHE": str(place.place / "cache"),
            "PYTHONPATH": str(ROOT),
            "NOTIFY_SOCKET": str(place.place / "notify"),
            "WATCHDOG_USEC": "500000",
        }
        environ.pop("WATCHDOG_PID", None)
        arguments = ["--repo", str(place.place / "runner"), "--keys", str(place.keys / "runner"), "--poll", "1s"]
        words = ["daemon", *arguments, "--health", str(self.health), *options]
        self.process = preloaded.start(BEACON, words, place.place, environ)

    def log(self) -> str:
        """What it said, to whoever reads its standard error."""
        return self.process.said()[1]

    def told(self) -> dict[str, Any]:
        """The health file, empty before there is one."""
        found: dict[str, Any] = json.loads(self.health.read_text()) if self.health.exists() else {}
        return found

    def until(self, holds: Callable[[], object]) -> None:
        """Wait for something."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, f"{self.told()}\n{self.log()}"
            time.sleep(0.05)

    def _read(self) -> None:
        while message := self.socket.recv(4096):
            self.messages.append(message.decode())

    def heard(self, wanted: str) -> bool:
        """Whether a line was told to systemd."""
        return any(wanted in message.split("\n") for message in self.messages)

    def close(self) -> None:
        """Nothing is left."""
        self.process.kill()
        if not self.reader.is_alive():
            return
        self.socket.shutdown(socket.SHUT_RD)
        self.reader.join(PATIENCE)
        self.socket.close()


@pytest.fixture
def start(preloaded: Preloaded, place: Scratch) -> Iterator[Callable[..., Process]]:
    """Start daemons; they end with the test."""
    begun: list[Process] = []

    def one(*options: str) -> Process:
        begun.append(Process(preloaded, place, *options))
        return begun[-1]

    yield one
    for process in begun:
        process.close()


def published(place: Scratch) -> int:
    """How many runs stand on the remote's branch."""
    names = git(place.remote, "ls-tree", "-r", "--name-only", "main", "--", "reports/jobs").splitlines()
    return sum(name.endswith("/proof.tlog") for name in names)


def test_what_is_merged_is_run_until_it_is_told_to_stop(
    preloaded: Preloaded, place: Scratch, start: Callable[..., Process]
) -> None:
    away = place.remote.rename(place.remote.with_name("away.git"))
    daemon = start("--deadline", "6h")
    daemon.until(lambda: daemon.heard("STATUS=waiting: remote-unreachable"))
    assert daemon.heard("READY=1")
    away.rename(place.remote)
    daemon.until(lambda: published(place) == 1 and daemon.told()["state"] == "waiting")
    again = ["daemon", "--repo", str(place.place / "runner"), "--keys", str(place.keys / "runner"), "--once"]
    second = preloaded.run(BEACON, again, place.place, os.environ)
    assert (second.returncode, "error[clone-busy]" in second.stderr) == (4, True)

    git(place.clone, "pull", "--quiet", "--ff-only")
    place.write_job("registry/jobs/alice/other.yaml", sampling=SMALL)
    place.push("Another job")
    daemon.until(lambda: published(place) == 2)
    head = git(place.remote, "rev-parse", "main")
    daemon.until(lambda: (daemon.told()["head"], daemon.told()["state"]) == (head, "waiting"))
    told = daemon.told()
    assert told["at"] <= instant(datetime.now(UTC)) <= told["staleAfter"]
    assert (told["pid"], told["openRuns"], told["trouble"]) == (daemon.process.pid, [], None)

    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(PATIENCE) == 0
    daemon.close()
    assert [line for line in ("WATCHDOG=1", "STOPPING=1") if not daemon.heard(line)] == []
    assert daemon.told()["state"] == "stopped"
    log = daemon.log()
    assert "stopping; finished runs are still published" in log
    assert log.count("trouble:") == log.count("well again") == 1


@pytest.mark.slow
def test_told_to_stop_within_a_run_it_goes_on_with_it_later(place: Scratch, start: Callable[..., Process]) -> None:
    add_benchmark(place, "slow", SLOW, ("EU", "US", "APAC"), seconds=20)
    place.push("A slow job")
    daemon = start()
    daemon.until(lambda: "registry/jobs/alice/slow.yaml" in daemon.log())
    daemon.until(lambda: daemon.told().get("running"))
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(15) == 3, "long before the attempt would have ended"
    assert published(place) == 1, "the job that was finished"
    daemon.close()
    (place.place / "notify").unlink()
    again = start("--once", "--deadline", "1s")
    assert again.process.wait(PATIENCE) == 3
    assert "1 to resume" in again.log()
