"""The real yagna daemon (package `golem-node`), on loopback, with nobody to talk to but us.

It listens on a unix socket (the service bus) and on one loopback port (REST). What would lead outside is turned to a
closed loopback port: the relay, the payment chain, every proxy variable; metrics are off. Allocations are granted
without a chain. Its first start makes identities, which takes seconds; they are kept as a template, which may be
deleted at any time, so that later starts copy it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runner.errors import Environment

if TYPE_CHECKING:
    import aiohttp

NOWHERE = "127.0.0.1:1"
"""Nobody listens there: what must not leave goes to it, and fails at once."""

BUS = "gsb.sock"
LOG = "yagna.log"
START_SECONDS = 40.0
STOP_SECONDS = 5.0
_PREPARED = 9
"""Identities of a template, unless more are needed."""

_CHAINS = ["MAINNET", "POLYGON", "HOODI", "HOLESKY", "SEPOLIA", "AMOY", "GOERLI", "MUMBAI", "RINKEBY"]
"""For a chain without an address the daemon asks a public name server, even for those that are long gone."""

_SILENCED = {
    **dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"), f"http://{NOWHERE}"),
    "NO_PROXY": "127.0.0.1,localhost",
    "YA_NET_TYPE": "hybrid",
    "YA_NET_BIND_URL": "udp://127.0.0.1:0",
    "YA_NET_RELAY_HOST": NOWHERE,
    "YA_NET_SESSION_REQUEST_TIMEOUT": "100ms",  # it waits for the relay before it serves
    "YAGNA_METRICS_URL": f"http://{NOWHERE}/",
    "YA_CONSENT_STATS": "deny",
    **{f"{chain}_GETH_ADDR": f"http://{NOWHERE}" for chain in _CHAINS},
    "YAGNA_DEV_SKIP_ALLOCATION_VALIDATION": "1",
    "INACTIVITY_LIMIT_SECONDS": "3600",  # our exe-units do not push their usage
    "UNRESPONSIVE_LIMIT_SECONDS": "3600",
    "RUST_LOG": "info,erc20_payment_lib=error,web3=error",
}


class Identity(NamedTuple):
    """A node's id, and the app key that speaks in its name."""

    node: str
    key: str


def find() -> Path:
    """The program: BEACON_YAGNA, else the one beside this Python, else that on the PATH. Raises `Environment`."""
    beside = Path(sys.executable).parent / "yagna"
    found = os.environ.get("BEACON_YAGNA") or (str(beside) if beside.is_file() else shutil.which("yagna"))
    if found is None:
        raise Environment(
            "yagna-missing",
            "no yagna daemon on this machine",
            "on Linux x86-64: pip install 'beacon-runner[devnet]'; elsewhere use the local executor",
        )
    return Path(found)


class Daemon:
    """One daemon over a folder, which has to be its own and the working folder of this process."""

    def __init__(self, program: Path, folder: Path, key: str, secret: str) -> None:
        """`key` is the requestor's app key, `secret` the private key (hex) of its identity."""
        self.url = ""
        self.process: asyncio.subprocess.Process | None = None
        self._program = program
        self._folder = folder
        self._key = key
        self._secret = secret

    @property
    def running(self) -> bool:
        """Whether it was started and has not left."""
        return self.process is not None and self.process.returncode is None

    async def start(self, session: aiohttp.ClientSession) -> None:
        """Start it and wait until it answers. It dies with us. Raises `Environment`."""
        (self._folder / BUS).unlink(missing_ok=True)
        self.url = self.url or f"http://127.0.0.1:{_free_port()}"
        with (self._folder / LOG).open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL", str(self._program), "service", "run", "--disable-metrics-push"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=self._environment(),
            )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while self.running and not await self._answers(session):
                    await asyncio.sleep(0.03)
                if self.running:
                    await self.command("payment", "init", "--sender", "--driver", "erc20", "--network", "hoodi")
                    return
        await self.stop()
        said = (self._folder / LOG).read_text(errors="replace").strip()[-300:]
        raise Environment("yagna-broken", f"the yagna daemon does not start: {said}", f"see {self._folder / LOG}")

    async def stop(self) -> None:
        """Ask it to leave, and make sure."""
        if self.process is None:
            return
        for number in (signal.SIGINT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
                return

    async def command(self, *words: str) -> Any:
        """Run one of its own commands against it; the JSON it prints. Raises `Environment`."""
        process = await asyncio.create_subprocess_exec(
            *(str(self._program), *words, "--json"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._folder,
            env=self._environment(),
        )
        out, errors = await process.communicate()
        if process.returncode:
            raise Environment("yagna-broken", f"yagna {' '.join(words)}: {errors.decode(errors='replace')[-300:]}")
        return json.loads(out) if out.strip() else None

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        import aiohttp

        try:
            async with session.get(f"{self.url}/me", headers={"Authorization": f"Bearer {self._key}"}) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def _environment(self) -> Mapping[str, str]:
        return {
            **_SILENCED,
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._folder),
            "YAGNA_DATADIR": str(self._folder / "data"),
            "GSB_URL": f"unix:/proc/self/cwd/{BUS}",  # absolute, and short: a socket has room for 107 bytes
            "YAGNA_API_URL": self.url,
            "YAGNA_AUTOCONF_APPKEY": self._key,
            "YAGNA_AUTOCONF_ID_SECRET": self._secret,
        }


class Template(NamedTuple):
    """A data folder with identities, to be copied. `secret` is the requestor's."""

    data: Path
    secret: str
    identities: tuple[Identity, ...]


async def template(program: Path, cache: Path, count: int, session: aiohttp.ClientSession) -> Template:
    """The template for so many providers; made where there is none, by one process at a time."""
    count = max(count, _PREPARED)
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    final = cache / f"yagna-{program.stat().st_size}-{count}"  # no two versions of 150 MB are of one size
    if not final.is_dir():
        with _locked(cache / "lock"):
            if not final.is_dir():
                await _make(program, final, count, session)
    facts = json.loads((final / "identities.json").read_text())
    return Template(final / "data", facts["secret"], tuple(Identity(*pair) for pair in facts["identities"]))


async def _make(program: Path, final: Path, count: int, session: aiohttp.ClientSession) -> None:
    scratch = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=final.parent))
    try:
        (scratch / "data").mkdir()
        secret = secrets.token_hex(32)
        daemon = Daemon(program, scratch, secrets.token_hex(16), secret)
        await daemon.start(session)
        try:
            names = [f"provider-{number}" for number in range(1, count + 1)]
            pairs = [await _identity(daemon, name) for name in names]
        finally:
            await daemon.stop()
        for log in (scratch / "data").glob("*.log"):
            log.unlink()
        (scratch / "identities.json").write_text(json.dumps({"secret": secret, "identities": pairs}))
        scratch.rename(final)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


async def _identity(daemon: Daemon, name: str) -> Identity:
    made = await daemon.command("id", "create", "--no-password", name)
    return Identity(made["Ok"]["nodeId"], await daemon.command("app-key", "create", "--id", name, name))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
