"""Fetching from gateways: whole graphs come from honest ones, whatever the others do; from hostile ones alone comes a
clear reason, in bounded time and memory, and not one wrong block. Servers are real, on loopback."""

from __future__ import annotations

import gzip
import random
import socket
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from runner.edges.blockfile import BlockFile
from runner.edges.ipfs.gateway import CAR, Patience, check_url, fetch
from runner.errors import Unverified, Usage
from runner.ipfs import car, dagpb
from runner.ipfs.car import LIMIT, Limit
from runner.ipfs.dagpb import DAG_PB, RAW, Block, Link, block
from runner.ipfs.gather import Gathering
from runner.ipfs.unixfs import CHUNK, FOLDER_DATA, folder_graph
from tests.gateways import Asked, Behaviour, giving, honest, only, refusing, serving

FILES = {"job.yaml": b"job", "outputs/a/1.txt": b"one", "outputs/b/1.txt": b"two", "large": bytes(range(256)) * 8193}
GRAPH = folder_graph(FILES)
BLOCKS = {cid: GRAPH.get(cid) for cid in GRAPH.made}
WHOLE = b"".join(GRAPH.car())
QUICK = Patience(connect=2.0, silence=5.0, head_start=0.05, whole=30.0)
GIVEN_UP = Patience(connect=0.3, silence=0.3, head_start=0.05, whole=0.6)


def got(
    tmp_path: Path,
    behaviours: Sequence[Behaviour],
    patience: Patience = QUICK,
    limit: Limit = LIMIT,
    root: bytes = GRAPH.root,
) -> tuple[bool, dict[str, str], list[list[tuple[str, str]]]]:
    """Fetch from gateways: whether all came, what was wrong with which (by its number), and what each was asked. Every
    block that was kept is what its CID says."""
    with serving(*behaviours) as servers, BlockFile(tmp_path) as store:
        gathering = Gathering(root, store)
        wrong = fetch(gathering, [server.url for server in servers], limit, patience)
        if gathering.whole:
            assert b"".join(car.export(root, store.get)) == WHOLE or root != GRAPH.root
        numbers = {server.url: str(number) for number, server in enumerate(servers)}
        return gathering.whole, {numbers[url]: why for url, why in wrong.items()}, [server.asked for server in servers]


def test_one_request_to_an_honest_gateway_is_enough(tmp_path: Path) -> None:
    whole, wrong, asked = got(tmp_path, [honest(BLOCKS), honest(BLOCKS)], QUICK._replace(head_start=20))
    assert (whole, wrong) == (True, {})
    assert asked == [[("car", GRAPH.cid)], []], "the second one is not bothered"


def test_what_is_asked_for_tells_nothing_of_us(tmp_path: Path) -> None:
    seen: list[Mapping[str, str]] = []
    behave = honest(BLOCKS)
    got(tmp_path, [lambda asked: (seen.append(asked.headers), behave(asked))[1]])
    assert seen[0]["Accept"] == "application/vnd.ipld.car; version=1; order=dfs; dups=n"
    assert seen[0]["Accept-Encoding"] == "identity"
    assert set(seen[0]) == {"Host", "Accept", "Accept-Encoding", "Connection", "User-Agent"}


def test_any_order_repeats_and_blocks_that_nobody_wants(tmp_path: Path) -> None:
    blocks = [Block(cid, data) for cid, data in BLOCKS.items()] * 2 + [block(RAW, b"unwanted")]
    random.Random(2).shuffle(blocks)
    assert got(tmp_path, [giving(lambda _: car.write(GRAPH.root, blocks))])[:2] == (True, {})


def test_a_gateway_of_single_blocks_alone(tmp_path: Path) -> None:
    whole, wrong, asked = got(tmp_path, [only("raw", honest(BLOCKS), refusing(406))])
    assert (whole, wrong) == (True, {"0": "HTTP 406"})
    assert len(asked[0]) == 1 + len(BLOCKS)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_what_was_broken_off_is_filled_up_block_by_block(tmp_path: Path, share: float) -> None:
    cut = WHOLE[: int(len(WHOLE) * share)]
    whole, wrong, asked = got(tmp_path, [only("car", giving(lambda _: [cut]), honest(BLOCKS))])
    assert whole
    assert "ends within a block" in wrong["0"]
    assert len(asked[0]) < 1 + len(BLOCKS)


def test_halves_from_two_gateways_are_a_whole(tmp_path: Path) -> None:
    blocks = list(car.read([WHOLE])[1])
    halves = [{one.cid: one.data for one in blocks[start::2]} for start in (0, 1)]
    whole, _, _ = got(tmp_path, [only("raw", honest(half), refusing(501)) for half in halves])
    assert whole


def test_an_honest_gateway_wins_over_a_crowd(tmp_path: Path) -> None:
    crowd = [refusing(500), giving(lambda _: [b"<html>"], Content_Type="text/html"), wrong_block, silent, dripping]
    whole, wrong, _ = got(tmp_path, [*crowd, honest(BLOCKS)])
    assert whole
    assert {"0", "1", "2"} <= set(wrong)
    assert "5" not in wrong


# Hostile ones, alone


def wrong_block(asked: Asked) -> None:
    """The whole CAR, its last byte changed; every single block is another one."""
    body = [WHOLE[:-1] + b"?"] if asked.form == "car" else [b"something else"]
    asked.answer(200, body, Content_Type="application/vnd.ipld." + asked.form)


def silent(asked: Asked) -> None:
    """Says nothing until the test is over."""
    asked.over.wait()


def dripping(asked: Asked) -> None:
    """A byte now and then, of a CAR that would be good."""

    def drops() -> Iterator[bytes]:
        for byte in WHOLE:
            yield bytes([byte])
            if asked.over.wait(0.05):
                return

    asked.answer(200, drops(), Content_Type=CAR)


def endless(asked: Asked) -> None:
    """Good blocks that nobody wants, for ever."""
    asked.answer(200, _noise(), Content_Type=CAR)


def _noise() -> Iterator[bytes]:
    drawn = block(RAW, bytes(CHUNK))
    yield b"".join(car.write(GRAPH.root, []))
    while True:
        yield dagpb.varint(36 + CHUNK) + drawn.cid
        yield drawn.data


def many_small(asked: Asked) -> None:
    """Empty blocks, for ever."""
    empty = block(RAW, b"")
    pieces = [b"".join(car.write(GRAPH.root, [])), *[(b"\x24" + empty.cid) * 1000] * 8]
    asked.answer(200, pieces, Content_Type=CAR)


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (wrong_block, "hashes to"),
        (refusing(404), "HTTP 404"),
        (refusing(429), "HTTP 429"),
        (refusing(500), "HTTP 500"),
        (giving(lambda _: [b"<html>"], Content_Type="text/html"), "is it a trustless gateway"),
        (giving(lambda _: [gzip.compress(WHOLE)], Content_Encoding="gzip"), "packed (gzip)"),
        (giving(lambda _: [WHOLE], Content_Encoding="br\x1b[31m"), "packed"),
        (giving(lambda _: [], Content_Length="99999999999999"), "announces"),
        (giving(lambda _: [b"\xff\xff\xff\x7f"]), "claims 268435455 bytes"),
        (giving(lambda _: [b"\xff" * 100]), "no length"),
        (giving(lambda _: []), "ends within its header"),
        (giving(lambda _: [WHOLE[:59]]), "lacks some"),
        (giving(lambda _: car.write(GRAPH.root, [block(RAW, b"other")])), "lacks some"),
        (giving(lambda _: [b"\x0a\xa1\x67version\x02" + WHOLE]), "CARv2"),
        (giving(lambda _: [], 302, Location="http://127.0.0.1:1/ipfs/" + GRAPH.cid), "not followed"),
        (giving(lambda _: [], 302, Location="http://169.254.169.254/latest"), "not followed"),
        (giving(lambda _: [], 302, Location="https://example.org/elsewhere"), "not followed"),
        (giving(lambda _: [], 302, Location="file:///etc/passwd?" + GRAPH.cid), "not followed"),
        (giving(lambda _: [], 302, Location="https://user:word@example.org/" + GRAPH.cid), "not followed"),
        (giving(lambda _: [], 302), "does not say where"),
        (giving(lambda _: [], 302, Location="/ipfs/" + GRAPH.cid + "?format=car"), "leads on more than"),
    ],
)
def test_what_a_hostile_gateway_does_is_said_and_nothing_comes(tmp_path: Path, behave: Behaviour, said: str) -> None:
    whole, wrong, _ = got(tmp_path, [behave])
    assert not whole
    assert said in wrong["0"], wrong
    assert wrong["0"].isprintable()
    assert len(wrong["0"]) < 500


def test_a_redirect_within_the_gateway_is_followed(tmp_path: Path) -> None:
    good = honest(BLOCKS)
    there = giving(lambda _: [], 307, Location=f"/mirror/{GRAPH.cid}?format=car&moved=1")
    seen: list[str] = []

    def behave(asked: Asked) -> None:
        seen.append(asked.cid)
        (there if len(seen) == 1 else good)(asked)

    assert got(tmp_path, [behave])[:2] == (True, {})
    assert len(seen) == 2


@pytest.mark.parametrize("behave", [silent, dripping])
def test_who_takes_for_ever_is_given_up(tmp_path: Path, behave: Behaviour) -> None:
    whole, wrong, _ = got(tmp_path, [behave, behave], GIVEN_UP)
    assert not whole
    assert all("no answer within" in why or "not done after 0.6 s" in why for why in wrong.values())
    assert set(wrong) == {"0", "1"}


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as probe, BlockFile(tmp_path) as store:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        wrong = fetch(Gathering(GRAPH.root, store), [url], LIMIT, QUICK)
    assert "connection failed" in wrong[url]


@pytest.mark.parametrize(
    ("behave", "limit", "said"),
    [
        (endless, Limit(24 * CHUNK, 1 << 20), "longer than"),
        (many_small, Limit(1 << 30, 5_000), "more than 5000 blocks"),
    ],
)
def test_a_stream_without_end_ends_and_fills_no_memory(
    tmp_path: Path, behave: Behaviour, limit: Limit, said: str
) -> None:
    tracemalloc.start()
    whole, wrong, _ = got(tmp_path, [behave], limit=limit)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not whole
    assert said in wrong["0"]
    assert highest < 20 * CHUNK


def test_a_single_block_without_end_ends(tmp_path: Path) -> None:
    def raw(asked: Asked) -> None:
        asked.answer(200, iter(lambda: bytes(1 << 16), None), Content_Type="application/vnd.ipld.raw")

    whole, wrong, _ = got(tmp_path, [only("raw", raw, refusing(406))])
    assert (whole, "a block of more than" in wrong["0"]) == (False, True)


def test_single_blocks_are_bounded_together(tmp_path: Path) -> None:
    for limit in (Limit(CHUNK, 1 << 20), Limit(1 << 30, 4)):
        with pytest.raises(Unverified) as caught:
            got(tmp_path, [only("raw", honest(BLOCKS), refusing(406))], limit=limit)
        assert caught.value.code == "car-too-big"


def test_settings_of_this_machine_that_cannot_be_used_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://127.0.0.1:1")
    with BlockFile(tmp_path) as store:
        wrong = fetch(Gathering(GRAPH.root, store), ["https://gateway.invalid"], LIMIT, QUICK)
    assert "proxy" in wrong["https://gateway.invalid"]


def test_when_all_has_come_the_rest_is_not_waited_for(tmp_path: Path) -> None:
    def more(asked: Asked) -> Iterator[bytes]:
        yield WHOLE
        asked.over.wait()

    assert got(tmp_path, [giving(more)])[:2] == (True, {})


def test_a_graph_that_is_broken_in_itself_is_nobodys_fault(tmp_path: Path) -> None:
    """Bytes that hash to their CID and are no node: whoever made the CID did that, so it is said once, not of each."""
    broken = block(DAG_PB, b"\x0a\x02\x08\x01\x0a\x02\x08\x01")
    root = block(DAG_PB, dagpb.node([(b"x", Link(broken.cid, 8))], FOLDER_DATA))
    body = list(car.write(root.cid, [root, broken]))
    with pytest.raises(Unverified) as caught:
        got(tmp_path, [giving(lambda _: body)] * 2, root=root.cid)
    assert caught.value.code == "node-malformed"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.org",
        "example.org",
        "http://",
        "https://u:p@example.org",
        "https://example.org/?q",
        "http://a\nb",
    ],
)
def test_what_is_no_gateway(url: str) -> None:
    with pytest.raises(Usage) as caught:
        check_url(url)
    assert caught.value.code == "gateway-url"
