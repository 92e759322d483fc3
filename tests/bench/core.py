"""Pure functions in CPU time: the comparison, the log, a folder's CID, canonical bytes, a receipt, a run's page."""

from __future__ import annotations

import hashlib
import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import rfc8785

from runner.bundle import Bundle
from runner.compare.verdict import compare
from runner.formats import log
from runner.formats.receipt import read_receipt
from runner.ipfs.unixfs import folder_cid
from runner.model import Checkpoint, canonical
from runner.rendering.render import run_page
from tests import make
from tests.bench.figures import Figure, busy, in_turn, seconds
from tests.bench.prose import answers
from tests.logs import Store

MILLION = 10**6


def figures(_: Path) -> Iterator[Figure]:
    """One after the other."""
    yield from _compare()
    yield from _log()
    files = {f"outputs/{number // 100:02}/{number:04}.txt": _bytes(number, 2_000) for number in range(1_000)}
    cid, hashing = in_turn(
        [lambda: folder_cid(files), lambda: [hashlib.sha256(content).digest() for content in files.values()]]
    )
    yield Figure(
        "CID of a folder, 1,000 files of 2 kB", str(cid), f"{cid.least / hashing.least:.1f} x SHA-256 of the files"
    )


def _compare() -> Iterator[Figure]:
    """3 regions x 10 replicas x 2 kB of prose, no two alike: the slow case. The replicas come from one provider, from
    five or from three; with three and more, regions are tested."""
    for providers, replicas in ((1, 10), (5, 2), (3, 4)):
        bundles = [_run(providers, replicas, seed) for seed in range(7)]
        waiting = iter(bundles)
        took = busy(lambda waiting=waiting: compare(next(waiting)), len(bundles))  # none is compared twice
        source, _ = answers(0)
        many = "s" if providers > 1 else ""
        what = f"compare 3 regions x {providers} provider{many} x {replicas} replicas x 2 kB, with tests; {source}"
        yield Figure(what, f"{took}; {_peak(bundles[0])}", "", "under 100 ms", took.median < 0.1)
    bundle = bundles[0]
    diff = compare(bundle)
    page = busy(lambda: run_page(bundle, diff, make.CID), 5)
    yield Figure("render its page and pictures", str(page))
    raw = next(content for path, content in bundle.files.items() if path.startswith("receipts/"))
    data = read_receipt(raw).to_json()
    ours, theirs = in_turn([lambda: canonical(data), lambda: rfc8785.dumps(data)], 7, 200)
    size = len(json.dumps(data))
    against = f"{theirs.least / ours.least:.1f} times the speed of rfc8785, {theirs}"
    yield Figure(f"canonical bytes of a receipt of {size:,} bytes", str(ours), against)


def _run(providers: int, replicas: int, seed: int) -> Bundle:
    _, texts = answers(seed)
    each = iter(texts)
    sampling = {"providers": providers, "replicas": replicas, "seeds": "independent"}
    return make.bundle(lambda _: next(each), sampling=sampling)


def _peak(bundle: Bundle) -> str:
    """What Python allocates at most while it compares."""
    tracemalloc.start()
    compare(bundle)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return f"{peak / MILLION:.1f} MB at most"


def _log() -> Iterator[Figure]:
    entries = [b'{"entry":%d,"filler":"%b"}' % (number, b"x" * 220) for number in range(MILLION)]
    store = Store()
    root = b""

    def grow() -> None:
        nonlocal root
        store.clear()
        root = store.grow(0, entries).root

    bulk, hashing = in_turn([grow, lambda: [hashlib.sha256(b"\0" + entry).digest() for entry in entries]], 3)
    rate = MILLION / bulk.least
    against = f"{hashing.least / bulk.least:.0%} of SHA-256 of the entries alone"
    yield Figure(
        "log: append 10^6 entries of 250 bytes at once",
        f"{rate:,.0f} a second",
        against,
        "over 150,000 a second",
        rate > 150_000,
    )
    sizes = iter(range(MILLION, 2 * MILLION, 10))
    few = busy(lambda: store.grow(next(sizes), entries[:10]), 50)
    yield Figure("log: append 10 entries to 10^6", str(few))
    store.clear()
    store.grow(0, entries)
    chance = random.Random(7)
    proof = busy(lambda: log.inclusion(store.get, chance.randrange(MILLION), MILLION), 50)
    yield Figure("inclusion proof at 10^6 entries", str(proof), "", "under 5 ms", proof.median < 0.005)
    whole = busy(lambda: log.fsck(store.get, Checkpoint("o", MILLION, root)), 1)
    yield Figure("log: fsck of 10^6 entries", f"{seconds(whole.least)}, {MILLION / whole.least:,.0f} a second")
    new = busy(lambda: log.fsck(store.get, Checkpoint("o", MILLION, root), since=MILLION - 10), 20)
    yield Figure("log: fsck of the last 10, as before each signature", str(new))


def _bytes(number: int, size: int) -> bytes:
    return hashlib.shake_128(str(number).encode()).digest(size)
