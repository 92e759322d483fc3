"""One contract for every place that keeps bundles, each a real one: a Kubo daemon by its RPC and by ipfshttpclient, a
pinning service whose peer fetches over bitswap, a folder. Then what is particular to each."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from runner.edges.ipfs.folder import Folder
from runner.edges.ipfs.http import Patience
from runner.edges.ipfs.kubo import Kubo
from runner.edges.ipfs.legacy import Legacy
from runner.edges.ipfs.service import Service
from runner.ipfs import pinning
from runner.ipfs.dagpb import cid_text
from runner.ipfs.keeping import Setting, Work, keep, wrong
from runner.ipfs.pinning import Backoff, Bundle
from runner.ipfs.unixfs import Graph, folder_graph
from runner.ports import PinFailed, Pinner
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


# The service


@pytest.fixture
def shop(peer: Peer) -> Shop:
    return Shop(peer)


def test_a_service_is_asked_once(kubo: Node, shop: Shop) -> None:
    graph = bundle()
    with serving(shop) as url:
        service = Service(f"{url}/psa", TOKEN, Kubo(kubo.api, None, QUICK), url, QUICK)
        service.put(graph.cid, graph.car)
        for _ in range(3):
            service.pin(graph.cid, "beacon test")
        shop.wait()
        assert service.pin(graph.cid, "beacon test") == "pinned"
        service.close()
    (request,) = shop.requests.values()
    assert request["pin"]["name"] == "beacon test"
    assert kubo.address() in request["pin"]["origins"]
    assert graph.cid in shop.peer.pins()


def test_what_failed_is_asked_for_anew(kubo: Node, shop: Shop) -> None:
    graph = bundle()
    with serving(shop) as url:
        service = Service(f"{url}/psa", TOKEN, Kubo(kubo.api, None, QUICK), url, QUICK)
        shop.requests["request-0"] = {
            "requestid": "request-0",
            "status": "failed",
            "created": "2026-11-22T09:00:00Z",
            "pin": {"cid": graph.cid},
            "delegates": [],
        }
        assert service.standings([graph.cid]) == {graph.cid: "absent"}
        service.put(graph.cid, graph.car)
        service.pin(graph.cid, "beacon test")
        settle(service, graph.cid)
        service.close()
    assert [request["status"] for request in shop.requests.values()] == ["pinned"]
    assert "POST /psa/pins/request-0" in shop.asked


def test_a_service_that_lies_is_found_out(kubo: Node, peer: Peer) -> None:
    """It says `pinned` at once and fetches nothing; its gateway has nothing to give."""
    graph = bundle()
    with serving(Shop(peer, lying=True)) as url:
        service = Service(f"{url}/psa", TOKEN, Kubo(kubo.api, None, QUICK), url, QUICK)
        setting = Setting(lambda: 1_800_000_000, threading.Event().wait, lambda: 1.0, Backoff(0.001, 0.01, 2))
        accounts = pinning.accounts([Bundle(graph.cid, "f" * 64, "")], {"liar": "liar"}, {})
        (found,) = keep(accounts, {"liar": service}, Work(lambda _: graph, lambda _: None, setting))
        service.close()
    assert found.records["liar"].stage == "lied"
    assert found.records["liar"].why == "it says that it keeps it, and does not give it back: HTTP 404: not here"
    assert graph.cid not in peer.pins()


def test_a_service_that_does_not_know_us(kubo: Node, shop: Shop) -> None:
    with serving(shop) as url:
        service = Service(f"{url}/psa", "another", Kubo(kubo.api, None, QUICK), url, QUICK)
        with pytest.raises(PinFailed) as failed:
            service.standings(["bafy"])
        service.close()
    assert failed.value.why == "HTTP 401: UNAUTHORIZED Access token is missing or invalid"
    assert not failed.value.retryable


# The nodes


def test_a_node_with_a_token(tmp_path: Path) -> None:
    graph = bundle()
    with started(token="the-word") as node:
        for kind in (Kubo, Legacy):
            if kind is Legacy:
                pytest.importorskip("ipfshttpclient")
            stranger, known = kind(node.api, None, QUICK), kind(node.api, "the-word", QUICK)
            with pytest.raises(PinFailed) as failed:
                stranger.put(graph.cid, graph.car)
            assert "403" in failed.value.why
            known.put(graph.cid, graph.car)
            assert known.pin(graph.cid, "beacon test") == "pinned"
            stranger.close()
            known.close()
        assert graph.cid in node.pins()


def test_blocks_that_got_lost_are_missed(kubo: Node) -> None:
    """A root whose leaf is gone: `dag/export` ends midway as if all were well, and nobody else is asked for it."""
    graph = bundle()
    pinner = Kubo(kubo.api, None, Patience(connect=2, silence=2))
    pinner.put(graph.cid, graph.car)
    pinner.pin(graph.cid, "beacon test")
    kubo.command("pin", "rm", graph.cid)
    leaf = next(cid for cid in graph.made if cid not in graph.below)
    kubo.command("block", "rm", cid_text(leaf))
    assert wrong(graph, pinner.fetch(graph.cid)) is not None
    with pytest.raises(PinFailed) as failed:
        pinner.pin(graph.cid, "beacon test")
    assert failed.value.missing
    pinner.close()


def test_a_library_that_is_not_installed(kubo: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipfshttpclient", None)
    with pytest.raises(PinFailed) as failed:
        Legacy(kubo.api).pin("bafy", "beacon test")
    assert "pip install 'beacon-runner[ipfshttpclient]'" in failed.value.why
    assert not failed.value.retryable


# The folder


def test_a_folder_is_whole_or_as_it_was(tmp_path: Path) -> None:
    graph, folder = bundle(), Folder(tmp_path / "cars")

    def breaks() -> Iterator[bytes]:
        yield b"half"
        raise PinFailed("the source broke")

    folder.put(graph.cid, graph.car)
    whole = (tmp_path / "cars" / f"{graph.cid}.car").read_bytes()
    with pytest.raises(PinFailed):
        folder.put(graph.cid, breaks)
    assert [path.read_bytes() for path in (tmp_path / "cars").iterdir()] == [whole]


@pytest.mark.parametrize("cid", ["../outside", "a/b", "", "a b", "..", "a.b"])
def test_no_name_leads_out_of_a_folder(tmp_path: Path, cid: str) -> None:
    with pytest.raises(PinFailed):
        Folder(tmp_path / "cars").put(cid, lambda: [b"x"])
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_not_mounted_is_no_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(PinFailed) as failed:
        Folder(tmp_path / "disk" / "cars").put("bafy", lambda: [b"x"])
    assert failed.value.away
    (tmp_path / "file").touch()
    with pytest.raises(PinFailed):
        Folder(tmp_path / "file").put("bafy", lambda: [b"x"])
