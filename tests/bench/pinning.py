"""Bundles brought to two targets through a connection that fails: `python -m tests.bench pinning`.

A real Kubo daemon stands behind a proxy that, for a part of the calls, drops the connection before or after the daemon
did as it was told, answers HTTP 500, hangs past the client's patience, or answers that all is well and keeps nothing.
The second target is another daemon behind another such proxy. `run` is what the tests call too: what is reported held
is compared with what the daemons themselves say."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import NamedTuple

from runner.edges.ipfs.http import Patience
from runner.edges.ipfs.kubo import Kubo
from runner.ipfs import pinning
from runner.ipfs.keeping import Setting, Work, keep
from runner.ipfs.pinning import Backoff, Bundle, Record
from runner.ipfs.unixfs import Graph, folder_graph
from tests.bench.figures import Figure, seconds
from tests.faulty_proxy import FaultyProxy
from tests.kubo import Kubo as Node
from tests.kubo import started

HASTE = Patience(connect=1, silence=1, whole=10)
RATES = ((0.3, 1000), (0.5, 400))
_LIABLE = ("/api/v0/dag/import", "/api/v0/pin/add")


class Found(NamedTuple):
    """What came of it. `reported` and `held` are pairs of bundle and target: said by us, and by the daemons."""

    bundles: int
    both: int
    reported: int
    held: int
    untrue: int
    lies: int
    spoiled: int
    steps: float
    seconds: float


def run(nodes: Sequence[Node], rate: float, count: int, seed: str) -> Found:
    """Bring so many bundles to all nodes, with so many faults. Chance comes from the seed."""
    graphs = {one.cid: one for one in (_bundle(f"{seed} {rate} {n}") for n in range(count))}
    bundles = [Bundle(cid, f"{n:064x}", "") for n, cid in enumerate(graphs)]
    kept: list[Record] = []
    with ExitStack() as stack:
        faults = [_faults(rate, f"{seed} {rate} {place}") for place in range(len(nodes))]
        proxies = [stack.enter_context(FaultyProxy(node.api, fault)) for node, fault in zip(nodes, faults, strict=True)]
        targets = {f"node-{place}": Kubo(proxy.url, None, HASTE) for place, proxy in enumerate(proxies)}
        chance = random.Random(seed)
        setting = Setting(
            now=lambda: int(time.time()),
            wait=Event().wait,
            chance=chance.random,
            backoff=Backoff(first=0.02, most=1, tries=40),
            patience=60,
        )
        began = time.perf_counter()
        accounts = pinning.accounts(bundles, {name: name for name in targets}, {})
        found = keep(accounts, targets, Work(lambda bundle: graphs[bundle.cid], kept.append, setting))
        took = time.perf_counter() - began
        for target in targets.values():
            target.close()
    pins = {f"node-{place}": node.pins() for place, node in enumerate(nodes)}
    reported = {(one.bundle.cid, name) for one in found for name in one.held}
    held = {(cid, name) for cid in graphs for name in pins if cid in pins[name]}
    return Found(
        bundles=count,
        both=sum(len(one.held) == len(nodes) for one in found),
        reported=len(reported),
        held=len(held),
        untrue=len(reported - held),
        lies=sum(one.stage == "lied" for one in kept),
        spoiled=sum(proxy.struck for proxy in proxies),
        steps=len(kept) / (count * len(nodes)),
        seconds=took,
    )


def _bundle(name: str) -> Graph:
    chance = random.Random(name)
    return folder_graph({f"outputs/{n}.txt": chance.randbytes(chance.randrange(5_000)) for n in range(4)})


def _faults(rate: float, seed: str) -> Callable[[str], str | None]:
    """Kinds of faults as a node's path meets them: a third drops, a third 500, the rest hangs and lies. What cannot lie
    drops."""
    chance = random.Random(seed)

    def one(path: str) -> str | None:
        if chance.random() >= rate:
            return None
        kind = chance.choices(["reset", "reset!", "500", "500!", "hang!", "lie!"], [2, 2, 2, 2, 1, 2])[0]
        return "reset!" if kind == "lie!" and not path.startswith(_LIABLE) else kind

    return one


def figures(_: Path) -> Iterator[Figure]:
    """A row for each rate of faults."""
    with started() as one, started() as two:
        for rate, count in RATES:
            found = run((one, two), rate, count, "pinning")
            yield Figure(
                f"{count} bundles to two daemons, {rate:.0%} of calls spoiled",
                f"{found.both} held by both, {found.untrue} reported and not pinned; {seconds(found.seconds)}",
                f"{found.spoiled} answers spoiled, {found.lies} lies found out, {found.steps:.1f} steps each",
                "all, and none",
                found.both == count and not found.untrue,
            )
