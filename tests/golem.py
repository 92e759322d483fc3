"""What tests of the Golem executor share: works of the echo benchmark, an executor on a devnet, and whether anything of
its is still open, by the daemon's own lists and by what the providers see."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.edges.devnet.net import Devnet
from runner.edges.golem import demand
from runner.edges.golem.connection import find
from runner.edges.golem.daemon import Daemon
from runner.edges.golem.executor import GolemExecutor, Setting
from runner.edges.golem.journal import Line
from runner.ipfs.unixfs import folder_cid
from runner.model import Attempt, Cell, Settlement, sha256
from runner.model.jobspec import Container, Limits, Prompt, Region
from runner.model.policy import Golem
from runner.ports import AttemptResult, Event, Work

ECHO = {path.name: path.read_bytes() for path in (Path(__file__).parent / "benchmarks" / "echo").glob("*.py")}
REGIONS = {"EU": ("DE",), "US": ("US",), "APAC": ("SG",)}
OF_COUNTRY = {country: region for region, (country,) in REGIONS.items()}
POLICY = Golem.from_json({"network": "devnet", "prices": {"start": "0", "hour": "1", "cpuHour": "1"}})
LIMITS = {"queueSeconds": 30, "startSeconds": 30, "runSeconds": 20, "totalSeconds": 120, "memoryMiB": 256}


def target(files: dict[str, bytes] = ECHO) -> Container:
    """A benchmark in its source form."""
    source = {"benchmark": "echo", "cid": folder_cid(files)}
    return Container.from_json(
        {"kind": "container", "name": "echo", "image": {"source": source}, "command": ["python", "benchmark.py"]}
    )


def run_id(name: str) -> str:
    """The run that a test calls so."""
    return sha256(name.encode())


def work(run: str, region: str = "EU", avoid: Iterable[str] = (), files: dict[str, bytes] = ECHO, **facts: Any) -> Work:
    """One attempt of two cells. `limits` and any field of `Work`, or n and slot, may be given."""
    limits = Limits.from_json(LIMITS | facts.pop("limits", {}))
    attempt = Attempt(run=run, target="echo", region=region, slot=facts.pop("slot", 1), n=facts.pop("n", 1))
    cell = Cell(target="echo", prompt="who", region=region, slot=attempt.slot, replica=1)
    values: dict[str, Any] = {
        "attempt": attempt,
        "target": target(files),
        "files": files,
        "region": Region(name=region),
        "countries": REGIONS[region],
        "job_path": "registry/jobs/alice/who.yaml",
        "prompts": {"who": Prompt(id="who", text="Who are you?")},
        "cells": ((cell, 7), (cell.model_copy(update={"replica": 2}), 8)),
        "limits": limits,
        "avoid": frozenset(avoid),
        "start": 3,
        "min_grade": "claimed",
        "budget": "0.5",
        "reserved": "0.05",
    }
    return Work(**values | facts)


@dataclass
class Bench:
    """An executor on a devnet, with a state folder of its own: so it is alone there, and has a tag of its own."""

    net: Devnet
    folder: Path
    policy: Golem = POLICY
    environ: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    written: Callable[[Line], None] = lambda _: None

    @contextmanager
    def executor(self) -> Iterator[GolemExecutor]:
        """The executor, closed at the end."""
        with GolemExecutor(self.setting(), self.events.append, self.written) as executor:
            yield executor

    def setting(self) -> Setting:
        """What the executor is told."""
        environ = {"BEACON_DEVNET": str(self.net.folder), **self.environ}
        return Setting(self.policy, REGIONS, self.folder / "state", self.folder / "cache", environ=environ)

    def names(self) -> list[str]:
        """The names of the events so far."""
        return [event.name for event in self.events]

    def tag(self) -> str:
        """The journal's id."""
        (path,) = (self.folder / "state" / "golem").glob("*/id")
        return path.read_text()

    def journal(self) -> list[dict[str, Any]]:
        """Every line of every start."""
        files = sorted((self.folder / "state" / "golem").glob("*/*.jsonl"))
        return [json.loads(line) for path in files for line in path.read_text().splitlines()]

    def provider(self, name: str) -> str:
        """A provider's node id."""
        return next(one["id"] for one in self.net.facts["providers"] if one["name"] == name)

    def others(self, name: str) -> frozenset[str]:
        """The node ids of all providers but one."""
        return frozenset(one["id"] for one in self.net.facts["providers"] if one["name"] != name)

    def left_open(self, ours: Iterable[str] = ()) -> list[str]:
        """What of ours is still open: approved agreements with our tag and allocations of our journal, by the daemon;
        agreements and activities, as the providers see them. `ours` are further agreements to look at."""
        lines = self.journal()
        amounts = {line["amount"] for line in lines if line["step"] == "allocation asked"}
        agreements = {line["id"] for line in lines if line["step"] == "agreement made"} | set(ours)
        found = asyncio.run(_open_at(self, amounts, agreements))
        found += [f"approved: {one['id']}" for one in self.net.agreements() if _is(one, agreements, "Approved")]
        found += [f"activity: {one['id']}" for one in self.net.activities() if _runs(one, agreements)]
        return found


async def _open_at(bench: Bench, amounts: set[str], agreements: set[str]) -> list[str]:
    connection = find(bench.policy, bench.setting().environ, bench.folder)
    daemon = Daemon(connection._replace(url=bench.net.facts["apiUrl"]))
    try:
        found = [f"allocation: {one.id}" for one in await daemon.allocations() if format(one.total, "f") in amounts]
        for agreement in await daemon.agreements("Approved"):
            tags = (await daemon.agreement(agreement)).demand
            if agreement in agreements or tags.get(demand.JOURNAL) == bench.tag():
                found.append(f"agreement: {agreement}")
        mine = [name for name, said in await daemon.demands() if said.get(demand.JOURNAL) == bench.tag()]
        return found + [f"demand: {name}" for name in mine]
    finally:
        await daemon.close()


def _is(one: dict[str, Any], agreements: set[str], state: str) -> bool:
    return one["id"] in agreements and one["state"] == state


def _runs(one: dict[str, Any], agreements: set[str]) -> bool:
    return one["agreement"] in agreements and one["state"] != "Terminated"


def settled(executor: GolemExecutor, run: str, start: int = 3) -> Settlement:
    """Finish a start; its settlement, which must be there."""
    executor.finish(start, run)
    found = executor.settlement(start, run)
    assert found is not None
    return found


def in_parallel(calls: list[Callable[[], AttemptResult]]) -> list[AttemptResult]:
    """Call all at once, each on a thread; their results, in order. What one raises is raised."""
    found: list[Any] = [None] * len(calls)

    def one(place: int) -> None:
        try:
            found[place] = calls[place]()
        except BaseException as error:
            found[place] = error

    threads = [threading.Thread(target=one, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in found:
        if isinstance(result, BaseException):
            raise result
    return found
