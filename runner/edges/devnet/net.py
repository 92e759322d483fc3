"""A devnet from outside: start it, find it, ask it, set faults, stop it.

    with Devnet.started(folder, cache) as net:      # dies with this process
        net.fault("de-1", "overcharge", times=1)
        ...net.facts["apiUrl"], net.facts["appKey"]...

`up` leaves one running in a session of its own, for `beacon devnet`; `running` finds it again.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import runner
from runner.edges.devnet import geography, processes
from runner.edges.devnet.daemon import LOG
from runner.edges.devnet.host import CLOSE_SECONDS, CONFIG, FAILED, MAP, READY
from runner.errors import Environment, Usage

COUNTRIES = ("DE", "US", "SG")
EACH = 3
UP_SECONDS = 120.0
IDLE_SECONDS = 90.0
HOST_LOG = "host.log"
_KEEP = {"images"}
_OURS = {"data", MAP, CONFIG, FAILED, READY, HOST_LOG, LOG, Path(READY).with_suffix(".new").name}
_CALL_SECONDS = 60.0


def default_providers(countries: Sequence[str] = COUNTRIES, each: int = EACH) -> tuple[tuple[str, str], ...]:
    """`de-1` in DE, and so on."""
    return tuple((f"{country.lower()}-{number}", country) for country in countries for number in range(1, each + 1))


class Devnet:
    """A devnet that runs. `facts` is what its devnet.json says."""

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.folder = folder
        self.facts = facts

    @classmethod
    @contextlib.contextmanager
    def started(
        cls,
        folder: Path,
        cache: Path,
        providers: Sequence[tuple[str, str]] = default_providers(),
        idle_seconds: float = IDLE_SECONDS,
        prices: Mapping[str, str] | None = None,
    ) -> Iterator[Devnet]:
        """One that ends with this context, and dies with this process. Raises `Environment`, `Usage`."""
        folder = _fresh(folder)
        _configure(folder, cache, providers, idle_seconds, prices or {}, lifeline=True)
        process = _spawn(folder, stdin=subprocess.PIPE)
        try:
            yield cls(folder, _await(folder, process))
        finally:
            assert process.stdin is not None
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2 * CLOSE_SECONDS)
            process.kill()
            process.wait()

    @classmethod
    def up(
        cls, folder: Path, cache: Path, providers: Sequence[tuple[str, str]], idle_seconds: float = IDLE_SECONDS
    ) -> Devnet:
        """Start one that stays. Raises `Usage` where one runs in this folder."""
        if cls.running(folder):
            raise Usage("devnet-running", f"a devnet runs in {folder}", "beacon devnet down")
        folder = _fresh(folder)
        _configure(folder, cache, providers, idle_seconds, {}, lifeline=False)
        process = _spawn(folder, stdin=subprocess.DEVNULL)
        net = cls(folder, _await(folder, process))
        process.returncode = 0  # it is nobody's child to wait for: without this, Python warns
        return net

    @classmethod
    def running(cls, folder: Path) -> Devnet | None:
        """The one that runs in a folder."""
        try:
            facts = json.loads((folder / READY).read_text())
            return cls(folder, facts) if processes.alive(facts["pids"]["host"]) else None
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def down(self) -> None:
        """End it: agreements first, then the daemon."""
        processes.end(self.facts["pids"]["host"], 2 * CLOSE_SECONDS)
        processes.end(self.facts["pids"]["yagna"], 1.0)
        (self.folder / READY).unlink(missing_ok=True)

    def fault(
        self,
        provider: str,
        kind: str,
        times: int | None = None,
        chance: float = 1.0,
        seed: int = 0,
        **options: Any,
    ) -> None:
        """Tell a provider to have a fault (`faults.KINDS`). Raises `Usage`."""
        body = {"provider": provider, "kind": kind, "times": times, "chance": chance, "seed": seed}
        self._call("POST", "faults", {**body, "options": options})

    def clear_faults(self) -> None:
        """No more faults."""
        self._call("DELETE", "faults")

    def stop_daemon(self) -> None:
        """Kill the yagna daemon, as a crash would. The providers stay and wait for it."""
        self._call("POST", "daemon", {"running": False})

    def start_daemon(self) -> None:
        """Start it again at the same address, over the same data; returns when the providers are back."""
        self._call("POST", "daemon", {"running": True})

    def status(self) -> dict[str, Any]:
        """Whether the daemon runs, and for each provider its faults, agreements, activities and invoices, as the
        provider sees them."""
        return dict(self._call("GET", "status"))

    def agreements(self) -> list[dict[str, Any]]:
        """Every agreement: `provider`, `id`, `state`."""
        return self._of_all("agreements")

    def invoices(self) -> list[dict[str, Any]]:
        """Every invoice: `provider`, `id`, `agreement`, `amount`, `status`."""
        return self._of_all("invoices")

    def activities(self) -> list[dict[str, Any]]:
        """Every activity: `provider`, `id`, `agreement`, `state`, `usage`."""
        return self._of_all("activities")

    def _of_all(self, kind: str) -> list[dict[str, Any]]:
        return [{"provider": one["name"], **item} for one in self.status()["providers"] for item in one.get(kind, ())]

    def _call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - loopback, by http
            f"{self.facts['controlUrl']}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.facts['appKey']}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_CALL_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read()
            if error.code == 400:
                raise Usage(**json.loads(said)) from None
            raise Environment("devnet-gone", f"the devnet failed: {error}", f"see {self.folder / HOST_LOG}") from None
        except OSError as error:
            raise Environment("devnet-gone", f"the devnet does not answer: {error}", f"see {self.folder}") from None


def _fresh(folder: Path) -> Path:
    """The folder, without what an earlier devnet left but its images. Raises `Usage` where other things are in it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = folder.resolve()
    left = [entry for entry in folder.iterdir() if entry.name not in _KEEP]
    foreign = [entry.name for entry in left if entry.name not in _OURS and entry.suffix != ".sock"]
    if foreign:
        raise Usage("folder-not-empty", f"{folder} holds {min(foreign)!r}", "give a folder of its own")
    for entry in left:
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    return folder


def _configure(
    folder: Path,
    cache: Path,
    providers: Sequence[tuple[str, str]],
    idle_seconds: float,
    prices: Mapping[str, str],
    *,
    lifeline: bool,
) -> None:
    geography.sites(providers)  # raises for what cannot be placed, before anything starts
    key = secrets.token_hex(16)
    config = {
        "cache": str(cache.resolve()),
        "appKey": key,
        "subnet": f"beacon-devnet-{secrets.token_hex(4)}",
        "idleSeconds": idle_seconds,
        "lifeline": lifeline,
        "prices": dict(prices),
        "providers": [{"name": name, "country": country} for name, country in providers],
    }
    (folder / "images").mkdir(exist_ok=True)
    (folder / CONFIG).touch(mode=0o600)
    (folder / CONFIG).write_text(json.dumps(config))


def _spawn(folder: Path, stdin: int) -> subprocess.Popen[bytes]:
    top = str(Path(runner.__file__).parents[1])
    with (folder / HOST_LOG).open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "runner.edges.devnet", str(folder)],
            stdin=stdin,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": top},
        )


def _await(folder: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait until it is up. Raises `Environment` with what stood in its way."""
    until = time.monotonic() + UP_SECONDS
    while time.monotonic() < until:
        if (folder / READY).is_file():
            return dict(json.loads((folder / READY).read_text()))
        if process.poll() is not None:
            break
        time.sleep(0.02)
    process.kill()
    process.wait()
    if (folder / FAILED).is_file():
        said = json.loads((folder / FAILED).read_text())
        raise Environment(said["code"], said["message"], said["hint"])
    said = (folder / HOST_LOG).read_text(errors="replace").strip()[-300:]
    raise Environment("devnet-broken", f"the devnet does not start: {said}", f"see {folder / HOST_LOG}")
