"""CARs: written as `ipfs dag export` does, read in pieces of any size, and refused where anything is not as it must be.

The bytes of the first test are those of the specification's layout, written out by hand; that they are Kubo's too is
shown in `tests/test_kubo_formats.py`, against the real daemon."""

from __future__ import annotations

import hashlib
import random
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import Unverified
from runner.ipfs import car, dagpb
from runner.ipfs.car import LIMIT, Decoder, Limit
from runner.ipfs.dagpb import DAG_PB, LARGEST_BLOCK, RAW, Block, block
from runner.ipfs.unixfs import CHUNK, folder_blocks, folder_graph

LEAF = block(RAW, b"hello world")
HEADER = b"\x3a\xa2\x65roots\x81\xd8\x2a\x58\x25\x00" + LEAF.cid + b"\x67version\x01"
ONE = HEADER + bytes([36 + 11]) + LEAF.cid + b"hello world"
FILES = {"job.yaml": b"job", "outputs/a/1.txt": b"same", "outputs/b/1.txt": b"same", "large": bytes(3 * CHUNK + 1)}


def refused(raw: bytes, limit: Limit = LIMIT) -> Unverified:
    """Why a CAR is refused, whether it comes at once or byte by byte."""
    codes = set()
    for chunks in ([raw], [raw[at : at + 1] for at in range(len(raw))]):
        with pytest.raises(Unverified) as caught:
            list(car.read(chunks, limit)[1])
        codes.add(caught.value.code)
    assert len(codes) == 1
    return caught.value


def test_the_layout_of_the_specification() -> None:
    assert b"".join(car.write(LEAF.cid, [LEAF])) == ONE
    roots, blocks = car.read([ONE])
    assert (roots, list(blocks)) == ((LEAF.cid,), [LEAF])


def test_written_depth_first_each_block_once_and_the_same_every_time() -> None:
    graph = folder_graph(FILES)
    written = b"".join(graph.car())
    assert written == b"".join(folder_graph(dict(reversed(FILES.items()))).car())
    roots, blocks = car.read([written])
    kept = list(blocks)
    assert roots == (graph.root,)
    assert kept[0].cid == graph.root
    assert {found.cid for found in kept} == {found.cid for found in folder_blocks(FILES)}
    assert len({found.cid for found in kept}) == len(kept)
    named = {graph.root}
    for found in kept:
        assert found.cid in named, "a block comes after one that links to it"
        named |= set(dagpb.links(found))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 400), max_size=20))
def test_pieces_may_be_cut_anywhere(cuts: list[int]) -> None:
    whole = b"".join(folder_graph({"a": b"1" * 100, "b/c": b"2" * 200}).car())
    marks = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[start:end] for start, end in pairwise(marks)]
    assert list(car.read([b"", *pieces])[1]) == list(car.read([whole])[1])


def test_every_cut_is_a_truncation_or_ends_at_a_block() -> None:
    whole = b"".join(folder_graph({"a": b"1", "b": b"2"}).car())
    blocks = list(car.read([whole])[1])
    ends = {59 + sum(37 + len(found.data) + (len(found.data) > 91) for found in blocks[:n]) for n in range(4)}
    for length in range(len(whole)):
        if length in ends:
            assert len(list(car.read([whole[:length]])[1])) < len(blocks)
        else:
            assert refused(whole[:length]).code == "car-truncated"


def test_every_flipped_bit_of_a_block_or_its_cid_is_found() -> None:
    for at in range(len(HEADER) + 1, len(ONE)):
        changed = bytearray(ONE)
        changed[at] ^= 1 << at % 8
        assert refused(bytes(changed)).code in ("block-wrong", "cid-unknown")


def test_a_wrong_block_says_what_was_found_and_expected() -> None:
    error = refused(ONE[:-1] + b"!")
    assert hashlib.sha256(b"hello worl!").hexdigest() in error.message
    assert LEAF.cid[4:].hex() in error.message


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "car-truncated"),
        (b"\x00", "car-malformed"),
        (b"<html>no such thing</html>" * 4, "car-malformed"),
        (b"\x0a\xa1\x67version\x02" + bytes(40), "car-version"),
        (b"\x80\x00", "car-malformed"),
        (b"\xba\x00" + HEADER[1:], "car-malformed"),
        (b"\xff" * 20, "car-malformed"),
        (b"\xff\xff\xff\xff\x0f", "car-malformed"),
        (HEADER[:10] + b"\xd9" + HEADER[11:], "car-malformed"),
        (HEADER.replace(b"version\x01", b"version\x03"), "car-malformed"),
        (HEADER + b"\x00", "car-malformed"),
        (HEADER + b"\x04abcd", "cid-unknown"),
        (HEADER + b"\x24" + b"\x12\x20" + bytes(34), "cid-unknown"),
        (HEADER + b"\x24" + b"\x01\x71" + LEAF.cid[2:], "cid-unknown"),
        (HEADER + b"\x24" + LEAF.cid, "block-wrong"),
        (HEADER + dagpb.varint(LARGEST_BLOCK + 37), "car-malformed"),
    ],
)
def test_what_is_no_car(raw: bytes, code: str) -> None:
    assert refused(raw).code == code


def test_roots_are_what_the_header_says() -> None:
    other = block(RAW, b"")
    for roots in ((), (LEAF.cid, other.cid)):
        body = b"\xa2\x65roots" + bytes([0x80 + len(roots)])
        body += b"".join(b"\xd8\x2a\x58\x25\x00" + cid for cid in roots) + b"\x67version\x01"
        assert car.read([dagpb.varint(len(body)) + body])[0] == roots


def test_limits_hold() -> None:
    whole = b"".join(folder_graph(FILES).car())
    blocks = len(list(car.read([whole], Limit(len(whole), 100))[1]))
    assert len(list(car.read([whole], Limit(len(whole), blocks))[1])) == blocks
    for limit in (Limit(len(whole) - 1, blocks), Limit(len(whole), blocks - 1)):
        with pytest.raises(Unverified) as caught:
            list(car.read([whole], limit)[1])
        assert caught.value.code == "car-too-big"


def test_an_endless_stream_ends_and_fills_no_memory() -> None:
    def endless() -> Iterator[bytes]:
        yield HEADER
        while True:
            drawn = block(RAW, random.Random(7).randbytes(CHUNK))
            yield dagpb.varint(36 + CHUNK) + drawn.cid
            yield drawn.data

    tracemalloc.start()
    with pytest.raises(Unverified) as caught:
        for _ in car.read(endless(), Limit(64 * CHUNK, 1 << 20))[1]:
            pass
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.code == "car-too-big"
    assert highest < 12 * CHUNK


def test_a_header_that_never_ends_is_refused_at_once() -> None:
    decoder = Decoder()
    with pytest.raises(Unverified) as caught:
        list(decoder.feed(b"\xff\xff\x7f" + bytes(10)))
    assert caught.value.code == "car-malformed"


def test_a_file_that_changed_under_the_writer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.ipfs.unixfs.KEPT", 0)
    answers = iter([b"before", b"after"])
    graph = folder_graph({"file": lambda number: next(answers)})
    with pytest.raises(Unverified) as caught:
        b"".join(graph.car())
    assert caught.value.code == "block-wrong"


def test_small_files_are_read_once() -> None:
    answers = iter([b"once"])
    assert b"once" in b"".join(folder_graph({"file": lambda number: next(answers)}).car())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        "bafy",
        "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n",
        dagpb.cid_text(LEAF.cid).upper(),
        dagpb.cid_text(LEAF.cid) + "a",
        dagpb.cid_text(LEAF.cid)[:-1],
        dagpb.cid_text(LEAF.cid)[:-1] + "5",
        " " + dagpb.cid_text(LEAF.cid),
        "b" + "é" * 58,
        "../../etc/passwd",
        "b" * 10_000,
    ],
)
def test_what_is_no_cid(text: str) -> None:
    with pytest.raises(Unverified) as caught:
        dagpb.parse_cid(text)
    assert caught.value.code in ("cid-malformed", "cid-unknown")
    assert len(caught.value.message) < 400


def test_cids_are_read_as_they_are_written() -> None:
    for found in (LEAF, block(DAG_PB, b"\n\x02\x08\x01")):
        assert dagpb.parse_cid(dagpb.cid_text(found.cid)) == found.cid


@pytest.mark.parametrize(
    "raw",
    [
        b"\n",
        b"\n\x05\x08\x01",
        b"\n\x02\x08\x01\n\x02\x08\x01",
        b"\n\x02\x08\x01\x12\x00",
        b"\x0d\x00\x00\x00\x00",
        b"\x8a\x00\x02\x08\x01",
        dagpb.node([(b"a", dagpb.Link(LEAF.cid, 3))], b"")[:-1],
        dagpb.node([(b"a", dagpb.Link(LEAF.cid[:-1], 3))], b""),
        dagpb.node([(b"a", dagpb.Link(LEAF.cid, 3))], b"") + b"\x18\x01",
    ],
)
def test_what_is_no_node(raw: bytes) -> None:
    with pytest.raises(Unverified):
        dagpb.links(Block(block(DAG_PB, raw).cid, raw))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.binary(max_size=80))
def test_any_bytes_are_a_node_or_a_clear_error(raw: bytes) -> None:
    try:
        links, data = dagpb.read_node(raw)
    except Unverified:
        return
    assert dagpb.node(links, data) == raw


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_car_or_a_clear_error(raw: bytes) -> None:
    for prefix in (b"", HEADER):
        try:
            _, blocks = car.read([prefix + raw])
            kept = list(blocks)
        except Unverified:
            continue
        assert all(found.cid[4:] == hashlib.sha256(found.data).digest() for found in kept)
