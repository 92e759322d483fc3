"""A real Kubo daemon on loopback, and the fixtures `kubo` and `kubo_program`.

`kubo` is one daemon for all tests of a process, with the import profile `unixfs-v1-2025`: tests look at the CIDs that
are theirs. A test that stops a daemon, or needs a token, starts its own with `started`. It knows no other peer, listens
on loopback alone, asks nobody for anything and dies with us.

The program is `BEACON_TEST_KUBO`, or `ipfs` on the PATH, or what `.ci/kubo` built.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_PROFILES = "test,unixfs-v1-2025"
_START_SECONDS = 60


def find() -> Path:
    """The program. Skips the test where there is none."""
    base = Path(os.environ.get("BEACON_CACHE") or Path(tempfile.gettempdir(), "beacon-tests"))
    built = [path for path in sorted(base.glob("kubo/*/ipfs"), reverse=True) if os.access(path, os.X_OK)]
    found = os.environ.get("BEACON_TEST_KUBO") or shutil.which("ipfs") or (built[0] if built else None)
    if found is None:
        pytest.skip("no Kubo on this machine: run .ci/kubo, or set BEACON_TEST_KUBO")
    return Path(found)


class Kubo:
    """One node, with its repository in a folder. `api` and `gateway` are URLs, the same after each start."""

    def __init__(self, program: Path, folder: Path, token: str | None = None) -> None:
        self.program = program
        self.folder = folder
        self.token = token
        api, gateway, swarm = _free_ports(3)
        self.api = f"http://127.0.0.1:{api}"
        self.gateway = f"http://127.0.0.1:{gateway}"
        self.process: subprocess.Popen[bytes] | None = None
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "IPFS_PATH": str(folder / "repo"),
            "IPFS_TELEMETRY": "off",
            "HOME": str(folder),
        }
        self._offline("init", "--empty-repo", f"--profile={_PROFILES}")
        self._configure(api, gateway, swarm)

    def command(self, *words: str, stdin: bytes | None = None) -> bytes:
        """What one of its own commands prints: by the daemon where it runs, else on the repository."""
        where = [f"--api=/ip4/127.0.0.1/tcp/{self.api.rpartition(':')[2]}"] if self.process else []
        if self.process and self.token:
            where.append(f"--api-auth=bearer:{self.token}")
        return self._offline(*where, *words, stdin=stdin)

    def pins(self) -> set[str]:
        """Every recursive pin."""
        return set(self.command("pin", "ls", "--type=recursive", "--quiet").decode().split())

    def address(self) -> str:
        """The multiaddr that other peers on this machine reach it by."""
        found: str = json.loads(self.command("id"))["Addresses"][0]
        return found

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        with (self.folder / "daemon.log").open("ab") as log:
            alone = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
            self.process = subprocess.Popen(
                [*alone, str(self.program), "daemon", "--migrate=false"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ,
            )
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            said = (self.folder / "daemon.log").read_text(errors="replace")[-600:]
            assert self.process.poll() is None, f"Kubo left: {said}"
            assert time.monotonic() < until, f"Kubo does not answer: {said}"
            time.sleep(0.03)

    def stop(self) -> None:
        """End the daemon; its repository stays."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def _offline(self, *words: str, stdin: bytes | None = None) -> bytes:
        done = subprocess.run([str(self.program), *words], input=stdin or b"", capture_output=True, env=self._environ)
        assert done.returncode == 0, f"ipfs {' '.join(words)}: {done.stderr.decode(errors='replace')}"
        return done.stdout

    def _configure(self, api: int, gateway: int, swarm: int) -> None:
        path = self.folder / "repo" / "config"
        config = json.loads(path.read_text())
        config["Addresses"]["API"] = [f"/ip4/127.0.0.1/tcp/{api}"]
        config["Addresses"]["Gateway"] = [f"/ip4/127.0.0.1/tcp/{gateway}"]
        config["Addresses"]["Swarm"] = [f"/ip4/127.0.0.1/tcp/{swarm}"]
        config["Routing"]["Type"] = "none"
        config["Provide"] = {"Enabled": False}
        config.setdefault("Version", {})["SwarmCheckEnabled"] = False
        config["Swarm"]["RelayClient"] = {"Enabled": False}
        config["Swarm"]["AddrFilters"] = []
        config["Gateway"]["NoFetch"] = True
        if self.token:
            rule = {"AuthSecret": f"bearer:{self.token}", "AllowedPaths": ["/api/v0"]}
            config["API"]["Authorizations"] = {"beacon": rule}
        path.write_text(json.dumps(config))

    def _answers(self) -> bool:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        asked = urllib.request.Request(f"{self.api}/api/v0/id", method="POST", headers=headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def started(token: str | None = None) -> Iterator[Kubo]:
    """A daemon of a test's own. Skips the test where there is none."""
    program = find()
    folder = Path(tempfile.mkdtemp(prefix="beacon-kubo-"))
    node = None
    try:
        node = Kubo(program, folder, token)
        node.start()
        yield node
    finally:
        if node is not None:
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def kubo() -> Iterator[Kubo]:
    """The daemon that the tests of one process share."""
    if sys.platform == "win32":
        pytest.skip("the daemon is started as on Linux and macOS")
    with started() as node:
        yield node


def _free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on: all are held open while the others are looked for."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
