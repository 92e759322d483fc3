"""Bundles through a connection that fails, to two real daemons; and one that lies whenever it is asked."""

from __future__ import annotations

import threading

import pytest

from runner.edges.ipfs.kubo import Kubo
from runner.ipfs import pinning
from runner.ipfs.keeping import Setting, Work, keep
from runner.ipfs.pinning import Backoff, Bundle
from runner.ipfs.unixfs import folder_graph
from tests.bench.pinning import HASTE, run
from tests.faulty_proxy import FaultyProxy
from tests.kubo import Kubo as Node
from tests.kubo import started


@pytest.mark.parametrize(
    ("rate", "count"),
    [
        (0.3, 6),
        pytest.param(0.3, 200, marks=pytest.mark.slow),
        pytest.param(0.5, 100, marks=pytest.mark.slow),
    ],
)
def test_all_are_held_and_none_is_that_is_not(kubo: Node, rate: float, count: int) -> None:
    with started() as other:
        found = run((kubo, other), rate, count, "faults")
    assert found.both == count
    assert found.held == found.reported == 2 * count
    assert found.untrue == 0
    assert found.spoiled > 0


def test_a_node_that_lies_is_found_out(kubo: Node) -> None:
    """It answers OK to everything that it is told, and passes nothing on; asked for the bundle, it has none."""
    graph = folder_graph({"a.txt": b"a node that lies"})
    lies = ("/api/v0/dag/import", "/api/v0/pin/add", "/api/v0/pin/ls?arg")
    with FaultyProxy(kubo.api, lambda path: "lie!" if path.startswith(lies) else None) as proxy:
        targets = {"liar": Kubo(proxy.url, None, HASTE)}
        setting = Setting(lambda: 1_800_000_000, threading.Event().wait, lambda: 1.0, Backoff(0.001, 0.01, 3))
        accounts = pinning.accounts([Bundle(graph.cid, "f" * 64, "")], {"liar": "liar"}, {})
        (found,) = keep(accounts, targets, Work(lambda _: graph, lambda _: None, setting))
        targets["liar"].close()
    record = found.records["liar"]
    assert record.stage == "lied"
    assert record.why.startswith("it says that it keeps it, and does not give it back: HTTP 500")
    assert not found.held
    assert graph.cid not in kubo.pins()
