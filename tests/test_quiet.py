"""Nothing to do, and until when: what makes a note, what it holds for, and that a tick believes no other."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from runner.commands.operate import working
from runner.edges.quietnote import QuietNote
from runner.leases import CLOCK_MARGIN
from runner.model import Checkpoint
from runner.plan import Idle
from runner.ports import Keys
from runner.quiet import LONGEST, Quiet, note_of, nothing_until, state_key
from runner.reconcile import reconcile
from tests import make
from tests.fake_executor import FakeExecutor
from tests.paid import PaidExecutor, paid_registry
from tests.scratch import Scratch, scratch
from tests.test_cli import Beacon, beacon
from tests.ticks import LEASE, WHO, fresh, hire, state
from tests.worlds import EPOCH, Registry, job_file, runner

__all__ = ["beacon"]


@pytest.fixture
def registry() -> Registry:
    """A registry with one job, which was run."""
    registry = fresh()
    assert registry.act().quiet_until is None, "it had something to do"
    return registry


def test_with_everything_done_it_is_quiet_for_a_day(registry: Registry) -> None:
    assert registry.act().quiet_until == EPOCH + LONGEST


def test_a_schedule_ends_it(registry: Registry) -> None:
    registry.submit(job_file("daily", schedule="30 4 * * *"))
    registry.act()
    assert registry.act().quiet_until == EPOCH + timedelta(hours=1, minutes=30)
    registry.wait(hours=1, minutes=29, seconds=59)
    assert registry.act().quiet_until == EPOCH + timedelta(hours=1, minutes=30)
    registry.wait(seconds=1)
    assert registry.act().started


@pytest.mark.parametrize("number", range(8))
def test_until_then_every_plan_is_the_same(number: int) -> None:
    draw = random.Random(f"quiet {number}")
    registry = Registry()
    registry.submit(job_file())
    for name in ("a", "b"):
        when = f"{draw.choice(['*/15', '7', '*'])} {draw.choice(['*', '*/6', '5'])} * * {draw.choice(['*', '1-5'])}"
        registry.submit(job_file(name, schedule=when))
    registry.act()
    registry.wait(seconds=draw.randint(0, 86_400))
    registry.act()
    until = registry.act().quiet_until
    assert until is not None
    assert registry.now < until <= registry.now + LONGEST
    day = until == registry.now + LONGEST
    while registry.now < until:
        assert not registry.act().started
        left = until - registry.now
        registry.now += draw.choice([left / 2, left - timedelta(seconds=1)]) if left > timedelta(seconds=1) else left
    assert day or registry.act().started


def test_another_runners_lease_ends_it(registry: Registry) -> None:
    hire(registry)
    registry.submit(job_file("other"))
    registry.act(stop=True)
    until = registry.act("rolf").quiet_until
    assert until == EPOCH + timedelta(seconds=LEASE + CLOCK_MARGIN)
    registry.now = until
    assert registry.act("rolf").plan.expired


@pytest.mark.parametrize(
    "change",
    [
        lambda registry: registry.submit(job_file("other")),
        lambda registry: registry.submit(job_file(revision=2)),
        lambda registry: registry.remove(WHO),
    ],
)
def test_with_something_to_do_it_is_not_quiet(registry: Registry, change: Callable[[Registry], object]) -> None:
    change(registry)
    assert registry.act().quiet_until is None


def test_reasons_that_follow_from_the_head_keep_it_quiet(registry: Registry) -> None:
    suspended = registry.submit(job_file("suspended"))
    registry.commit({"registry/suspended": f"{suspended}\n".encode(), "registry/jobs/alice/bad.yaml": b"a: 1\na: 2\n"})
    registry.commit({WHO: registry.read(WHO) + b"# other bytes\n"})
    outcome = registry.act()
    assert outcome.quiet_until == EPOCH + LONGEST
    assert {idle.code for idle in outcome.plan.idle} == {"suspended", "invalid"}


DOUBTFUL = ["executor-refuses", "budget-spent", "key-not-logged", "no-time-left", "left-to-others", "x"]


@pytest.mark.parametrize("code", DOUBTFUL)
def test_any_other_reason_is_looked_at_again(registry: Registry, code: str) -> None:
    outcome = registry.act()
    now = state(registry)
    quiet = outcome.plan
    assert nothing_until(quiet, now.registry, now.history, EPOCH) == EPOCH + LONGEST
    doubtful = quiet._replace(idle=(*quiet.idle, Idle(WHO, code, "")))
    assert nothing_until(doubtful, now.registry, now.history, EPOCH) is None


def test_money_that_is_not_settled_is_looked_at_again() -> None:
    registry = paid_registry()
    executor = registry.executor
    assert isinstance(executor, PaidExecutor)
    executor.closed = False
    registry.act()
    assert registry.act().quiet_until is None


def test_a_start_that_was_watched_ends_it_sooner(registry: Registry) -> None:
    hire(registry)
    registry.submit(job_file("other"))
    registry.act(stop=True)
    outcome = registry.act("rolf")
    now = state(registry)
    [taken] = now.history.open.values()
    found = nothing_until(outcome.plan, now.registry, now.history, EPOCH, watched={taken.index: 100.0})
    assert found == EPOCH + timedelta(seconds=LEASE - 100)


# The note

NOTE = Quiet(key="a" * 64, since="2026-11-22T03:00:00Z", until="2026-11-22T04:00:00Z", told=(), more=0)


@pytest.mark.parametrize(
    ("key", "minutes", "holds"),
    [("a", 0, True), ("a", 59, True), ("a", 60, False), ("a", -1, False), ("b", 30, False)],
)
def test_a_note_holds_for_its_state_and_its_time(key: str, minutes: int, holds: bool) -> None:
    assert NOTE.holds(key * 64, EPOCH + timedelta(minutes=minutes)) is holds


def test_each_part_of_a_state_names_it() -> None:
    keys = runner("rita").keys
    signed = Checkpoint(make.ORIGIN, 3, b"r" * 32)
    named = state_key("c" * 40, keys, signed, ["1", "2"])
    assert named == state_key("c" * 40, keys, signed, {"2", "1"})
    others = [
        state_key("d" * 40, keys, signed, ["1", "2"]),
        state_key(None, keys, signed, ["1", "2"]),
        *(
            state_key("c" * 40, keys._replace(**{role: make.key("other")}), signed, ["1", "2"])
            for role in ("git", "receipt", "log")
        ),
        state_key("c" * 40, Keys(keys.receipt, keys.git, keys.log), signed, ["1", "2"]),
        state_key("c" * 40, keys, None, ["1", "2"]),
        state_key("c" * 40, keys, signed._replace(size=4), ["1", "2"]),
        state_key("c" * 40, keys, signed._replace(root=b"s" * 32), ["1", "2"]),
        state_key("c" * 40, keys, signed, ["1"]),
        state_key("c" * 40, keys, signed, []),
    ]
    assert len({named, *others}) == 1 + len(others)


def test_a_note_tells_what_was_told_and_is_never_long() -> None:
    idle = [Idle("a", "done", "x"), Idle("b", "suspended", "y")]
    found = note_of("a" * 64, EPOCH, idle, EPOCH + LONGEST)
    assert found.told == (("b", "suspended", "y"),)
    assert found.more == 0
    many = note_of("a" * 64, EPOCH, [Idle(str(n), "invalid", "") for n in range(500)], EPOCH + LONGEST)
    assert (len(many.told), many.more) == (200, 300)


def test_what_is_no_note_counts_as_absent(tmp_path: Path) -> None:
    place = QuietNote(tmp_path / "beacon" / "quiet")
    assert place.load() is None
    place.save(NOTE)
    assert place.load() == NOTE
    path = tmp_path / "beacon" / "quiet"
    raw = path.read_bytes()
    for other in (b"", raw[:-1], raw + b"\n", raw.replace(b"since", b"sinse"), b"{}", b"\xff", b"[" * 100_000):
        path.write_bytes(other)
        assert place.load() is None, other
    path.unlink()
    path.mkdir()
    assert place.load() is None
    place.save(NOTE)
    assert place.load() is None


# The verb


@pytest.fixture
def place(tmp_path: Path) -> Scratch:
    """A registry whose one job was run."""
    made = scratch(tmp_path / "registry")
    with working(made.clone, made.keys / "runner", "origin", lambda _: None, made.state) as world:
        assert reconcile(world._replace(executor=FakeExecutor(clock=world.now))).published
    return made


def test_a_tick_believes_its_note_until_something_changes(beacon: Beacon, place: Scratch) -> None:
    told = ("reconcile", "--repo", place.clone, "--keys", place.keys / "runner")
    kept = QuietNote(place.clone / ".git" / "beacon" / "quiet")
    first = beacon(*told)
    assert (first.code, first.out, kept.load() is not None) == (0, "nothing to do\n", True)
    note = kept.load()
    assert note is not None
    kept.save(note.model_copy(update={"told": (("marked", "invalid", "as the note says"),)}))
    assert "as the note says" in beacon(*told).err
    assert "as the note says" not in beacon(*told, "--json").err
    assert "as the note says" in beacon(*told).err
    (place.clone / "any").touch()
    place.push("any")
    assert "as the note says" not in beacon(*told).err
    assert kept.load() != note, "the tick left a note of its own"
