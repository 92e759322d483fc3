"""One contract for every place that keeps bundles, each a real one: a Kubo daemon by its RPC and by ipfshttpclient, a
pinning service whose peer fetches over bitswap, a folder. Then what is particular to each."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path

import pytest

from runner.edges.ipfs.folder import Folder
from runner.edges.ipfs.http import Patience
from runner.edges.ipfs.kubo import Kubo
from runner.edges.ipfs.legacy import Legacy
from runner.edges.ipfs.service import Service
from runner.keeping import wrong
from runner.ports import PinFailed, Pinner
from runner.unixfs import Graph, folder_graph
from tests.kubo import Kubo as Node
from tests.kubo import started
from tests.kubo_peer import Peer, peering
from tests.pinning_service import TOKEN, Shop, serving

KINDS = ("kubo", "ipfshttpclient", "service", "folder")
QUICK = Patience(connect=2, silence=20, whole=60)
_numbers = count()


def bundle() -> Graph:
    """A bundle that no other test has: small files, folders, and a file of two chunks."""
    n = next(_numbers)
    return folder_graph(
        {"job.yaml": b"job %d" % n, "outputs/a/b.txt": b"Canberra", "outputs/a/c.txt": b"x" * (1 << 20) + b"%d" % n}
    )


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with peering() as one:
        yield one


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Pinner]]:
    """A target of a kind."""
    with ExitStack() as stack:

        def one(kind: str) -> Pinner:
            if kind == "folder":
                return Folder(tmp_path / "cars")
            if kind == "ipfshttpclient":
                pytest.importorskip("ipfshttpclient")
            node: Node = request.getfixturevalue("kubo")
            if kind == "service":
                url = stack.enter_context(serving(Shop(request.getfixturevalue("peer"))))
                pinner: Pinner = Service(f"{url}/psa", TOKEN, Kubo(node.api, None, QUICK), url, QUICK)
            else:
                pinner = (Kubo if kind == "kubo" else Legacy)(node.api, None, QUICK)
            stack.callback(pinner.close)
            return pinner

        yield one


def settle(pinner: Pinner, cid: str) -> None:
    """Until a target has carried out what it was asked."""
    while pinner.standings([cid])[cid] == "pending":
        threading.Event().wait(0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_pinned_comes_back(make: Callable[[str], Pinner], kind: str) -> None:
    pinner, graph = make(kind), bundle()
    other = bundle().cid
    assert pinner.standings([graph.cid]) == {graph.cid: "absent"}
    for _ in range(2):  # every step may be repeated
        pinner.put(graph.cid, graph.car)
    for _ in range(2):
        assert pinner.pin(graph.cid, "beacon test") in ("pinned", "pending")
    settle(pinner, graph.cid)
    assert pinner.standings([graph.cid]) == {graph.cid: "pinned"}
    many = pinner.standings([graph.cid, other, *(bundle().cid for _ in range(12))])
    assert many[graph.cid] == "pinned"
    assert many.get(other, "absent") == "absent"
    came = list(pinner.fetch(graph.cid))
    assert b"".join(came) == b"".join(graph.car())
    assert wrong(graph, iter(came)) is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_never_there_is_missing(make: Callable[[str], Pinner], kind: str) -> None:
    pinner, graph = make(kind), bundle()
    with pytest.raises(PinFailed) as failed:
        list(pinner.fetch(graph.cid))
    assert failed.value.missing
    if kind in (
        "kubo",
        "ipfshttpclient",
    ):  # a service asks its origin, which is not there either, for as long as it likes
        with pytest.raises(PinFailed) as failed:
            pinner.pin(graph.cid, "beacon test")
        assert failed.value.missing
    assert pinner.standings([graph.cid]) == {graph.cid: "absent"}


@pytest.mark.parametrize("kind", KINDS)
def test_fetching_may_end_early(make: Callable[[str], Pinner], kind: str) -> None:
    pinner, graph = make(kind), bundle()
    pinner.put(graph.cid, graph.car)
    pinner.pin(graph.cid, "beacon test")
    settle(pinner, graph.cid)
    coming = pinner.fetch(graph.cid)
    assert next(coming)
    coming.close()  # type: ignore[attr-defined]
    assert pinner.standings([graph.cid]) == {graph.cid: "pinned"}
