"""What stages hand on: only what was announced is taken, and nothing of it is believed."""

from __future__ import annotations

from typing import Any

import pytest

from runner import handover, staged
from runner.edges.memory import MemorySpool
from runner.errors import Unverified
from runner.model import sha256
from runner.ports import AttemptResult
from runner.reconcile import Outcome, reconcile
from runner.share import Share
from runner.world import World
from tests.worlds import Registry, job_file

RUN = "ab" * 32
FILES = {f"{RUN}/echo.EU.1.1.json": b"one", f"{RUN}/echo.US.1.1.json": b"two"}


def announced(files: dict[str, bytes], name: str = "1-of-1.json") -> tuple[dict[str, bytes], str]:
    """What an execute leaves, and its digest."""
    listed = handover.listing(files)
    return {**files, name: listed}, sha256(listed)


def test_what_was_announced_is_taken() -> None:
    """By one part or by several, and an empty one."""
    whole, digest = announced(FILES)
    handover.accept(whole, {digest})
    (first, one), (second, two) = list(FILES.items())
    left, digest_left = announced({first: one}, "1-of-3.json")
    right, digest_right = announced({second: two}, "2-of-3.json")
    none, digest_none = announced({}, "3-of-3.json")
    handover.accept({**left, **right, **none}, {digest_left, digest_right, digest_none})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({f"{RUN}/echo.EU.1.1.json": b"other"}, "handover-altered"),
        ({f"{RUN}/echo.EU.1.2.json": b"more"}, "handover-altered"),
        ({f"{RUN}/echo.EU.1.1.json": None}, "handover-altered"),
        ({"1-of-1.json": None}, "handover-foreign"),
        ({"1-of-1.json": handover.listing({})}, "handover-foreign"),
        ({"2-of-2.json": handover.listing({})}, "handover-foreign"),
        ({"note.txt": b""}, "handover-altered"),
    ],
)
def test_anything_else_is_refused(change: dict[str, bytes | None], code: str) -> None:
    """Altered, added, lost; a list that nobody announced."""
    files, digest = announced(FILES)
    changed = {path: raw for path, raw in {**files, **change}.items() if raw is not None}
    with pytest.raises(Unverified) as found:
        handover.accept(changed, {digest})
    assert found.value.code == code


@pytest.mark.parametrize("path", ["../x.json", f"{RUN}/a/b.json", f"{RUN}/.json\n", "x.json"])
def test_an_announced_list_of_odd_paths_is_refused(path: str) -> None:
    """The job that lists is as strange as its files."""
    listed = b'{"files":{"' + path.encode().replace(b"\n", b"\\n") + b'":"' + b"0" * 64 + b'"}}'
    with pytest.raises(Unverified, match="handover"):
        handover.accept({"1-of-1.json": listed}, {sha256(listed)})


def in_stages(world: World, share: Share | None = None) -> Outcome:
    """A reconcile in its three stages. Executing is done with nothing but the bench and the handed-on bytes."""
    given = handover.read(staged.start(world).canonical())
    staged.execute(world.bench, given, share or Share())
    return staged.publish(world)


def published(registry: Registry) -> dict[str, bytes]:
    """Every file of `reports/` but the signed checkpoint and the proofs, which hold the same in another order."""
    return {path: registry.read(path) for path in registry.files("reports")}


def test_three_stages_write_what_one_piece_writes() -> None:
    """Byte for byte."""
    one = Registry()
    one.act()
    one.submit(job_file("one"))
    one.submit(job_file("two"))
    three = one.fork()
    reconcile(one.world())
    outcome = in_stages(three.world())
    assert len(outcome.published) == 2
    assert not outcome.work_remains
    assert published(three) == published(one)


def test_a_part_that_was_not_executed_stays_open() -> None:
    """The next tick executes it, and keeps what is there."""
    registry = Registry()
    registry.act()
    for name in ("one", "two", "three", "four"):
        registry.submit(job_file(name))
    world = registry.world()
    given = staged.start(world)
    first = staged.execute(world.bench, given, Share(part=1, parts=2))
    second = {handed.run for handed in given.runs} - set(first)
    assert first
    assert second
    outcome = staged.publish(world)
    assert set(outcome.published) == set(first)
    assert set(outcome.remaining) == second
    assert outcome.work_remains
    assert set(registry.act().published) == second


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (lambda result: result._replace(attempt=result.attempt.model_copy(update={"n": 9})), "no such attempt"),
        (lambda result: result._replace(attempt=result.attempt.model_copy(update={"slot": 7})), "no such attempt"),
        (lambda result: result._replace(attempt=result.attempt.model_copy(update={"n": 2})), "before it is missing"),
        (lambda result: _at(result, "2026-11-31T03:00:00Z"), "within"),
        (lambda result: _made_by(result, kind="golem"), "made by golem"),
        (lambda result: _made_by(result, simulated=False), "made by local"),
        (lambda result: _made_by(result, network="polygon"), "on polygon"),
        (lambda result: result._replace(image=result.image.model_copy(update={"digest": "bafyother"})), "not pin"),
        (lambda result: _at(result, "2020-01-01T00:00:00Z"), "within the lease"),
        (lambda result: _at(result, "2031-01-01T00:00:00Z"), "within the lease"),
        (lambda result: _saying(result, b"x" * (1 << 21)), "KiB"),
    ],
)
def test_a_lying_executor_is_not_signed(lie: Any, said: str) -> None:
    """What it hands on does not fit the job, the start or the policy: it is as if it had not been made."""
    registry = Registry()
    registry.act()
    registry.submit(job_file())
    events: list[Any] = []
    world = registry.world()
    given = staged.start(world)
    staged.execute(world.bench, given, Share())
    spool = MemorySpool()
    for handed in given.runs:
        for result in world.spool.results(handed.run):
            spool.put(lie(result))
    outcome = staged.publish(world._replace(spool=spool, desk=world.desk._replace(emit=events.append)))
    assert not outcome.published
    refused = [event.facts for event in events if event.name == "result-refused"]
    assert refused
    assert all(said in str(facts["why"]) for facts in refused)
    assert not [path for path in registry.files("reports") if "/bundle/" in path]


def _made_by(result: AttemptResult, **facts: Any) -> AttemptResult:
    return result._replace(executor=result.executor.model_copy(update=facts))


def _at(result: AttemptResult, time: str) -> AttemptResult:
    times = {"queued": time, "started": time, "finished": time}
    return result._replace(times=result.times.model_copy(update=times))


def _saying(result: AttemptResult, output: bytes) -> AttemptResult:
    return result._replace(cells=tuple(cell._replace(output=output) for cell in result.cells))
