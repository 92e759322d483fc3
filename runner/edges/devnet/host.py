"""The process behind a devnet: the daemon as its child, every provider, the images and the faults, in one event loop.

    python -m runner.edges.devnet FOLDER        reads FOLDER/devnet-config.json; writes FOLDER/devnet.json

Ends on SIGTERM or SIGINT, or at the end of its standard input where the configuration has `lifeline`. The daemon dies
with it, whatever kills it. FOLDER is its working folder, so that sockets have short names.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.edges import orphans, sandbox
from runner.edges.cpus import Cpus
from runner.edges.devnet import control, geography, offer, processes
from runner.edges.devnet.agent import Agent, House
from runner.edges.devnet.daemon import BUS, Daemon, find, template
from runner.edges.devnet.rest import Rest
from runner.errors import BeaconError

if TYPE_CHECKING:
    import aiohttp

READY = "devnet.json"
CONFIG = "devnet-config.json"
FAILED = "failed.json"
MAP = "countries.mmdb"
CLOSE_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Host:
    """A devnet, from inside."""

    def __init__(self, folder: Path, config: dict[str, Any], session: aiohttp.ClientSession) -> None:
        self.folder = folder
        self.agents: dict[str, Agent] = {}
        self._config = config
        self._session = session
        self._tasks: list[asyncio.Task[None]] = []
        self._daemon: Daemon | None = None

    @property
    def daemon(self) -> Daemon:
        """The daemon, once `start` has made it."""
        assert self._daemon is not None, "start comes first"
        return self._daemon

    async def start(self) -> None:
        """Bring everything up. Raises `Environment`."""
        box_of = sandbox.find()
        await asyncio.to_thread(box_of.self_test)
        providers = [(one["name"], one["country"]) for one in self._config["providers"]]
        sites, countries = geography.sites(providers), geography.countries(providers)
        cache, program = Path(self._config["cache"]), find()
        orphans.sweep(cache)
        made = await template(program, cache / "devnet-template", len(sites), self._session)
        shutil.copytree(made.data, self.folder / "data")
        self._daemon = Daemon(program, self.folder, self._config["appKey"], made.secret)
        await self.daemon.start(self._session)
        geography.write_mmdb(self.folder / MAP, countries)
        house = House(
            session=self._session,
            sandbox=box_of,
            cpus=Cpus(os.sched_getaffinity(0)),
            cache=cache,
            folder=self.folder,
            bus=BUS,
            subnet=self._config["subnet"],
            countries=countries,
            idle_seconds=self._config["idleSeconds"],
        )
        for site, identity in zip(sites, made.identities, strict=False):
            rest = Rest(self._session, self.daemon.url, identity.key)
            self.agents[site.name] = Agent(site, identity.node, rest, offer.Prices(**self._config["prices"]), house)
        self._tasks = [asyncio.create_task(agent.run()) for agent in self.agents.values()]
        await asyncio.gather(*(agent.ready.wait() for agent in self.agents.values()))

    async def close(self) -> None:
        """End agreements, then the daemon."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._daemon is None:
            return
        if self._daemon.running:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await asyncio.gather(*(agent.close() for agent in self.agents.values()), return_exceptions=True)
        await self._daemon.stop()

    async def stop_daemon(self) -> None:
        """A fault of the machine: the daemon is gone. Its data stays."""
        if self.daemon.process and self.daemon.running:
            self.daemon.process.kill()
            await self.daemon.process.wait()

    async def start_daemon(self) -> None:
        """Start it again, at the same address."""
        if not self.daemon.running:
            await self.daemon.start(self._session)
            await asyncio.gather(*(agent.ready.wait() for agent in self.agents.values()))

    def facts(self, control_url: str) -> dict[str, Any]:
        """What devnet.json says."""
        assert self.daemon.process is not None, "it was started"
        return {
            "apiUrl": self.daemon.url,
            "appKey": self._config["appKey"],
            "subnet": self._config["subnet"],
            "paymentDriver": offer.DRIVER,
            "paymentNetwork": offer.NETWORK,
            "imagesUrl": f"{control_url}/images",
            "imagesDir": str(self.folder / "images"),
            "mmdb": str(self.folder / MAP),
            "controlUrl": f"{control_url}/control",
            "pids": {
                "host": processes.identity(os.getpid()),
                "yagna": processes.identity(self.daemon.process.pid),
            },
            "providers": [
                {
                    "name": agent.site.name,
                    "id": agent.node,
                    "country": agent.site.country,
                    "address": agent.site.address,
                }
                for agent in self.agents.values()
            ],
        }


async def serve(folder: Path) -> None:
    """Run a devnet until it is told to end."""
    import aiohttp

    config = json.loads((folder / CONFIG).read_text())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if config["lifeline"]:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    limit = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=limit, timeout=aiohttp.ClientTimeout(total=120)) as session:
        host = Host(folder, config, session)
        try:
            async with _unless(stop, host.start()) as started, control.serving(host, config["appKey"]) as url:
                if started:
                    _write(folder / READY, host.facts(url))
                    await stop.wait()
        finally:
            (folder / READY).unlink(missing_ok=True)
            await host.close()


@contextlib.asynccontextmanager
async def _unless(stop: asyncio.Event, work: Any) -> Any:
    """Whether work came to its end before `stop` was set. Raises what it raises."""
    task, stopping = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        yield False
        return
    await task
    yield True


def _write(path: Path, data: dict[str, Any]) -> None:
    """All or nothing."""
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(data, indent=2) + "\n")
    scratch.chmod(0o600)
    scratch.rename(path)


def main(folder: Path) -> int:
    """The process: what stands in its way is left in FOLDER/failed.json."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.chdir(folder)
    try:
        asyncio.run(serve(folder))
    except BeaconError as error:
        _write(folder / FAILED, {"code": error.code, "message": error.message, "hint": error.hint})
        return error.exit_code
    return 0
