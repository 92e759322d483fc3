"""Which step is next, what an outcome means, and a driver that meets every fault: `pinning.py`, `keeping.py`."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.commands.operate import stoppable
from runner.edges.ipfs.folder import Folder
from runner.edges.ipfs.results import Results
from runner.errors import Environment, Unverified
from runner.ipfs import keeping, pinning
from runner.ipfs.keeping import Setting, Work, keep, wrong
from runner.ipfs.pinning import DAY, Account, Backoff, Bundle, Record
from runner.ipfs.unixfs import Graph, folder_graph
from runner.ports import PinFailed, Standing

NOW = 1_800_000_000
GRAPHS = {graph.cid: graph for graph in (folder_graph({"a.txt": b"%d" % n, "b/c": b"x" * n}) for n in range(40))}
BUNDLES = [Bundle(cid, f"{n:064x}", f"reports/jobs/a/b/runs/{n}") for n, cid in enumerate(GRAPHS)]
(CID, *_) = GRAPHS
TARGET = "folder somewhere"


def record(**facts: Any) -> Record:
    return Record(TARGET, CID)._replace(**facts)


# The table


def test_the_way_from_nothing_to_held() -> None:
    steps = []
    one = record()
    while (step := pinning.step(one, NOW, DAY)) is not None:
        steps.append(step)
        one = {
            "ask": lambda one: pinning.said(one, "absent", NOW),
            "put": lambda one: pinning.put(one, NOW),
            "pin": lambda one: pinning.said(one, "pinned", NOW),
            "verify": lambda one: pinning.judged(one, None, NOW),
        }[step](one)
    assert steps == ["ask", "put", "pin", "verify"]
    assert one == record(stage="held", at=NOW, held=NOW)


def test_what_is_held_is_looked_at_again_after_a_while() -> None:
    held = record(stage="held", held=NOW)
    assert pinning.step(held, NOW + DAY - 1, DAY) is None
    assert pinning.step(held, NOW + DAY, DAY) == "verify"
    assert pinning.step(held, NOW - 1, DAY) == "verify"  # a clock that went back, or a cache that lies


def test_what_a_target_lists_is_a_hint() -> None:
    held = record(stage="held", held=NOW)
    assert pinning.seen(held, "pinned") == held
    assert pinning.step(pinning.seen(held, None), NOW, DAY) == "ask"
    assert pinning.step(pinning.seen(record(), "pinned"), NOW, DAY) == "verify"
    assert pinning.step(pinning.seen(record(), None), NOW, DAY) == "ask"
    assert pinning.step(pinning.seen(record(stage="put"), "pinned"), NOW, DAY) == "pin"


def test_a_liar_never_had_it_and_a_loser_did() -> None:
    assert pinning.judged(record(stage="pinned"), "nothing came", NOW).stage == "lied"
    assert pinning.judged(record(stage="pinned", held=1), "nothing came", NOW).stage == "lost"
    assert pinning.said(record(held=1), "absent", NOW).stage == "lost"
    assert pinning.said(record(), "absent", NOW).stage == "absent"
    for stage in ("lied", "lost"):
        assert pinning.step(record(stage=stage), NOW, DAY) == "put"


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_backoff_is_capped_and_jittered(failures: int, chance: float) -> None:
    backoff = Backoff(first=0.5, most=8)
    whole = min(8, 0.5 * 2 ** min(failures - 1, 60))
    assert backoff.delay(failures, 0) == whole
    assert whole / 2 <= backoff.delay(failures, chance) <= whole


def test_an_account_tells_who_holds() -> None:
    known = {(TARGET, CID): record(stage="held", held=NOW), ("kubo x", CID): Record("kubo x", CID, "lied")}
    (one, other) = pinning.accounts(BUNDLES[:2], {"mine": TARGET, "his": "kubo x"}, known)
    assert list(one.held) == ["mine"]
    assert list(one.untrue) == ["his"]
    assert not other.held
    assert not other.untrue


# What comes back


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_the_same_bytes_in_any_pieces_are_a_copy(size: int) -> None:
    graph = GRAPHS[CID]
    raw = b"".join(graph.car())
    assert wrong(graph, iter(raw[at : at + size] for at in range(0, len(raw), size))) is None


def test_what_is_no_copy() -> None:
    graph, other = folder_graph({"a": b"1", "b": b"2"}), folder_graph({"a": b"1"})
    raw = b"".join(graph.car())
    assert wrong(graph, iter([])) is not None
    assert wrong(graph, iter([raw[:-1]])) is not None
    assert wrong(graph, iter([raw[:-1] + b"X"])) is not None
    assert wrong(graph, other.car()) == "what came back has another root"
    short = b"".join(keeping.car.write(graph.root, [(graph.root, graph.get(graph.root))]))  # type: ignore[list-item]
    assert wrong(graph, iter([short])) == "2 of 3 blocks did not come back"
    more = b"".join(keeping.car.write(graph.root, keeping.car.preorder(other.root, other.get)))
    assert wrong(graph, iter([more])) == "what came back holds a block of something else"
    endless = keeping.car.write(
        graph.root, (keeping.car.Block(graph.root, graph.get(graph.root)) for _ in iter(int, 1))
    )
    found = wrong(graph, endless)
    assert found is not None
    assert "than" in found


# The driver, at a real folder that is made to fail


class Shaky:
    """A folder of CARs behind a connection. `fault` gives, for each call, how it goes wrong, or None."""

    def __init__(self, folder: Path, fault: Callable[[str, str], str | None]) -> None:
        self.real = Folder(folder)
        self.fault = fault
        self.calls: list[tuple[str, str]] = []

    def standings(self, cids: Sequence[str]) -> Mapping[str, Standing]:
        lie = self._meet("standings", next(iter(cids), ""))
        return dict.fromkeys(cids, "pinned") if lie else self.real.standings(cids)

    def put(self, cid: str, car: Callable[[], Iterable[bytes]]) -> None:
        if not self._meet("put", cid):
            self.real.put(cid, car)

    def pin(self, cid: str, name: str) -> Standing:
        return "pinned" if self._meet("pin", cid) else self.real.pin(cid, name)

    def fetch(self, cid: str) -> Iterator[bytes]:
        if self._meet("fetch", cid):
            yield b"".join(GRAPHS[BUNDLES[-1].cid].car())
        else:
            yield from self.real.fetch(cid)

    def close(self) -> None:
        pass

    def _meet(self, call: str, cid: str) -> bool:
        """Whether to lie. Raises the fault."""
        self.calls.append((call, cid))
        fault = self.fault(call, cid)
        if fault == "lie":
            return True
        if fault is not None:
            raise PinFailed(fault, retryable=fault != "final", away=fault == "away", missing=fault == "missing")
        return False


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = float(NOW)
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        if seconds:
            self.waits.append(seconds)
            self.now += seconds
        return False


def driven(
    targets: Mapping[str, Any],
    wanted: Sequence[Bundle],
    kept: list[Record],
    known: Sequence[Record] = (),
    **setting: Any,
) -> Sequence[Account]:
    clock = setting.pop("clock", Clock())
    found = Setting(now=lambda: int(clock.now), wait=clock.wait, chance=lambda: 0.0, **setting)
    accounts = pinning.accounts(wanted, {name: name for name in targets}, {(one.target, one.cid): one for one in known})
    return keep(accounts, targets, Work(lambda bundle: GRAPHS[bundle.cid], kept.append, found))


def truly(folder: Path) -> set[str]:
    """The bundles that a folder holds, looked at without any of the code under test."""
    return {
        cid
        for cid, graph in GRAPHS.items()
        if (folder / f"{cid}.car").exists() and (folder / f"{cid}.car").read_bytes() == b"".join(graph.car())
    }


def test_two_quiet_targets(tmp_path: Path) -> None:
    kept: list[Record] = []
    targets = {name: Shaky(tmp_path / name, lambda *_: None) for name in "ab"}
    found = driven(targets, BUNDLES, kept)
    assert all(list(one.held) == ["a", "b"] for one in found)
    assert truly(tmp_path / "a") == truly(tmp_path / "b") == set(GRAPHS)
    again: list[Record] = []
    calls = [len(target.calls) for target in targets.values()]
    assert driven(targets, BUNDLES, again, kept) == found
    assert again == []
    assert [len(target.calls) for target in targets.values()] == [count + 1 for count in calls]  # one list each


def test_a_signal_that_another_thread_received_is_heard(tmp_path: Path) -> None:
    def signalled(*_: object) -> None:
        if not heard:
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            heard.append(stop.wait(10))

    heard: list[bool] = []
    with stoppable() as stop:
        driven({"a": Shaky(tmp_path, signalled)}, BUNDLES[:1], [], workers=1)
    assert heard == [True]


@pytest.mark.parametrize("rate", [0.3, 0.5])
def test_random_faults_are_survived(tmp_path: Path, rate: float) -> None:
    chance = random.Random(f"pinning {rate}")

    def fault(call: str, cid: str) -> str | None:
        if chance.random() >= rate:
            return None
        kind = chance.choice(["drop", "500", "hang", "lie"])
        return "drop" if kind == "lie" and call == "fetch" else kind

    kept: list[Record] = []
    targets = {name: Shaky(tmp_path / name, fault) for name in "ab"}
    found = driven(targets, BUNDLES, kept, workers=1, backoff=Backoff(tries=60), patience=1000)
    assert all(list(one.held) == ["a", "b"] for one in found)
    assert truly(tmp_path / "a") == truly(tmp_path / "b") == set(GRAPHS)
    assert any(one.stage == "lied" for one in kept)


def test_a_liar_is_found_out_and_the_others_hold(tmp_path: Path) -> None:
    kept: list[Record] = []
    liar = Shaky(tmp_path / "liar", lambda call, _: "lie" if call != "fetch" else None)
    other = Shaky(tmp_path / "other", lambda call, _: "lie")  # and this one gives back something else
    good = Shaky(tmp_path / "good", lambda *_: None)
    found = driven({"liar": liar, "other": other, "good": good}, BUNDLES[:3], kept)
    assert all(list(one.held) == ["good"] for one in found)
    assert {record.stage for one in found for name, record in one.records.items() if name != "good"} == {"lied"}
    assert {one.records["liar"].why for one in found} == {
        "it says that it keeps it, and does not give it back: the file is not there"
    }
    assert {one.records["other"].why for one in found} == {"what came back has another root"}


def test_blocks_that_are_missing_are_brought_again(tmp_path: Path) -> None:
    """The first `put` is a lie; `pin` says that nothing is there."""
    calls: list[str] = []

    def fault(call: str, cid: str) -> str | None:
        calls.append(call)
        if call == "put" and calls.count("put") == 1:
            return "lie"
        return "missing" if call == "pin" and calls.count("put") == 1 else None

    (found,) = driven({"a": Shaky(tmp_path / "a", fault)}, BUNDLES[:1], [])
    assert calls == ["standings", "standings", "put", "pin", "put", "pin", "standings", "fetch"]
    assert list(found.held) == ["a"]


def test_what_is_there_and_not_pinned_is_not_held(tmp_path: Path) -> None:
    """It agrees to pin, has the blocks, and then knows of no pin: they can go at any moment."""

    class Forgetful(Shaky):
        def pin(self, cid: str, name: str) -> Standing:
            return "pinned"

        def standings(self, cids: Sequence[str]) -> Mapping[str, Standing]:
            return dict.fromkeys(cids, "absent")

    (found,) = driven({"a": Forgetful(tmp_path / "a", lambda *_: None)}, BUNDLES[:1], [])
    assert found.records["a"].stage == "lied"
    assert found.records["a"].why == "it agreed to keep it, and now knows nothing of it"
    assert truly(tmp_path / "a") == {CID}


def test_nobody_there_is_noticed_soon(tmp_path: Path) -> None:
    away = Shaky(tmp_path / "away", lambda *_: "away")
    good = Shaky(tmp_path / "good", lambda *_: None)
    found = driven({"away": away, "good": good}, BUNDLES, [], workers=1)
    assert len(away.calls) == 3
    assert all(list(one.held) == ["good"] for one in found)
    assert {one.records["away"].why for one in found} == {"away"}


def test_a_target_that_hangs_is_left_alone_after_a_while(tmp_path: Path) -> None:
    slow = Shaky(tmp_path / "slow", lambda *_: "no answer within 10 s")
    found = driven({"slow": slow}, BUNDLES, [], workers=1, patience=12)
    assert len(slow.calls) == 12
    assert {one.records["slow"].stage for one in found} == {"unknown"}


def test_what_cannot_be_mended_is_tried_once(tmp_path: Path) -> None:
    clock = Clock()
    refused = Shaky(tmp_path / "refused", lambda call, _: "final" if call == "put" else None)
    found = driven({"refused": refused}, BUNDLES[:1], [], clock=clock)
    assert found[0].records["refused"]._replace(at=0) == Record("refused", CID, "absent", why="final")
    assert clock.waits == []


def test_waits_grow_and_tries_end(tmp_path: Path) -> None:
    clock = Clock()
    refused = Shaky(tmp_path / "refused", lambda call, _: "500" if call == "put" else None)
    driven({"refused": refused}, BUNDLES[:1], [], clock=clock, backoff=Backoff(0.5, 3, 6))
    assert clock.waits == [0.5, 1, 2, 3, 3]
    assert [call for call, _ in refused.calls].count("put") == 6


def test_whatever_is_damaged_later_is_mended(tmp_path: Path) -> None:
    kept: list[Record] = []
    target = Shaky(tmp_path / "a", lambda *_: None)
    driven({"a": target}, BUNDLES[:3], kept)
    (tmp_path / "a" / f"{BUNDLES[0].cid}.car").write_bytes(b"rot")
    (tmp_path / "a" / f"{BUNDLES[1].cid}.car").unlink()
    calm: list[Record] = []
    driven({"a": target}, BUNDLES[:3], calm, kept)  # the list shows that one is gone; rot shows when fetched back
    assert {one.cid for one in calm} == {BUNDLES[1].cid}
    assert [one.stage for one in calm] == ["lost", "put", "pinned", "held"]
    late = Clock()
    late.now += 31 * DAY
    mended: list[Record] = []
    found = driven({"a": target}, BUNDLES[:3], mended, [*kept, *calm], clock=late)
    assert [one.stage for one in mended if one.cid == CID] == ["lost", "put", "pinned", "held"]
    assert all(list(one.held) == ["a"] for one in found)
    assert truly(tmp_path / "a") == {bundle.cid for bundle in BUNDLES[:3]}


def test_every_step_can_be_the_last_one(tmp_path: Path) -> None:
    """A process that ends between any two steps, its record kept or just lost: the next one completes."""
    for kill in range(1, 12):
        for lose in (False, True):
            folder = tmp_path / f"{kill}-{lose}"
            left = [kill]

            def die(*_: Any, left: list[int] = left) -> str | None:
                left[0] -= 1
                return "final" if left[0] <= 0 else None

            kept: list[Record] = []
            driven({"a": Shaky(folder, die)}, BUNDLES[:2], kept, workers=1)
            found = driven({"a": Shaky(folder, lambda *_: None)}, BUNDLES[:2], [], kept[:-1] if lose else kept)
            assert all(list(one.held) == ["a"] for one in found)
            assert truly(folder) == {bundle.cid for bundle in BUNDLES[:2]}


def test_a_bundle_that_this_clone_cannot_make_is_told(tmp_path: Path) -> None:
    def graph(bundle: Bundle) -> Graph:
        if bundle.cid == CID:
            raise Unverified("bundle-cid-wrong", "it was changed")
        return GRAPHS[bundle.cid]

    target = Shaky(tmp_path / "a", lambda *_: None)
    accounts = pinning.accounts(BUNDLES[:2], {"a": "a"}, {})
    clock = Clock()
    setting = Setting(now=lambda: NOW, wait=clock.wait, chance=lambda: 0.0)
    broken, good = keep(accounts, {"a": target}, Work(graph, lambda _: None, setting))
    assert broken.records["a"].why == "this clone cannot give it: it was changed"
    assert list(good.held) == ["a"]


def test_stopping_ends_soon(tmp_path: Path) -> None:
    target = Shaky(tmp_path / "a", lambda *_: None)
    setting = Setting(now=lambda: NOW, wait=lambda _: True, chance=lambda: 0.0)
    accounts = pinning.accounts(BUNDLES, {"a": "a"}, {})
    found = keep(accounts, {"a": target}, Work(lambda bundle: GRAPHS[bundle.cid], lambda _: None, setting))
    assert target.calls == [("standings", CID)]
    assert not any(one.held for one in found)


# The cache


def test_results_are_kept_and_the_newest_counts(tmp_path: Path) -> None:
    results = Results(tmp_path, "example.org/log")
    assert results.read() == {}
    results.put(record(stage="put", at=1))
    results.put(record(stage="held", at=2, held=2))
    assert Results(tmp_path, "example.org/log").read() == {(TARGET, CID): record(stage="held", at=2, held=2)}
    assert Results(tmp_path, "example.org/other").read() == {}


def test_a_torn_or_foreign_line_is_left_out(tmp_path: Path) -> None:
    results = Results(tmp_path, "example.org/log")
    results.put(record(stage="put", at=1))
    (file,) = (tmp_path / "pinning").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"target": "x"}\n[]\n{"target": 1, "cid": "b"}\nnull\n\xff\n' + whole[:20])
    results.put(record(stage="pinned", at=2))
    assert results.read() == {(TARGET, CID): record(stage="pinned", at=2)}


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "pinning").touch()
    with pytest.raises(Environment) as error:
        Results(tmp_path, "example.org/log").put(record())
    assert error.value.code == "write-failed"


def test_outdated_lines_are_dropped(tmp_path: Path) -> None:
    results = Results(tmp_path, "example.org/log")
    for at in range(1100):
        results.put(record(stage="put", at=at))
    assert results.read() == {(TARGET, CID): record(stage="put", at=1099)}
    (file,) = (tmp_path / "pinning").iterdir()
    assert len(file.read_bytes().splitlines()) == 1
