"""Win first, sign after: an intent is completed exactly, with the same bytes by whoever finds it; a foreign one, or one
that does not extend the log, is never signed; and a remote that is behind what was signed stops the runner.
"""

from __future__ import annotations

import pytest

from runner.edges.git_objects import header
from runner.edges.memory import MemoryRepository
from runner.errors import Environment, Unverified
from runner.formats import log, note
from runner.history import History
from runner.model import entry as e
from runner.ports import Changes, Signer
from runner.publish import CHECKPOINT, draft, read_log, tiles
from runner.reconcile import reconcile
from runner.verify import verify
from tests import make
from tests.ticks import (
    SLOTS,
    WHO,
    Crash,
    at,
    crash,
    fresh,
    hire,
    state,
    types,
)
from tests.worlds import ClockedExecutor, Registry, job_file, runner


@pytest.fixture
def registry() -> Registry:
    """A registry with one job that nobody has run."""
    return fresh()


# Crashes


def finished(registry: Registry) -> None:
    """One run is published, its start has one end, and nothing is left."""
    now = state(registry)
    assert registry.remote.intent is None
    assert [end.end.type for end in now.history.ended.values()] == ["run"]
    assert not now.history.open
    assert now.checkpoint is not None
    log.fsck(tiles(now.snapshot), now.checkpoint)


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("moment", ["intent-won", "second-engine", "checkpoint-signed"])
def test_the_next_tick_completes_exactly_the_intent(registry: Registry, moment: str, nth: int) -> None:
    crash(registry, moment, nth)
    intent = registry.remote.intent
    assert intent is not None
    proposed = registry.people.snapshot(intent).files("reports")
    first: list[str] = []
    world = at(registry.world(), "committed", 1, lambda: first.append(registry.remote.branch or ""))
    reconcile(world)
    completed = registry.people.snapshot(first[0]).files("reports")
    changed = {path for path in proposed.keys() | completed.keys() if proposed.get(path) != completed.get(path)}
    assert {path for path in changed if not path.endswith("/proof.tlog")} == {CHECKPOINT}
    assert header(registry.people.read_commit(first[0]).raw, "beacon-intent") == intent
    finished(registry)
    assert len(registry.executor.works) == SLOTS
    assert not registry.spools["rita"].runs()


@pytest.mark.parametrize("moment", ["planned", "run-started", "attempt-finished", "run-executed", "run-rendered"])
def test_a_crash_between_intents_loses_nothing_that_was_spooled(registry: Registry, moment: str) -> None:
    crash(registry, moment)
    done = len(registry.spools["rita"].results(next(iter(state(registry).history.open)))) if moment != "planned" else 0
    registry.executor = ClockedExecutor(registry)
    registry.act()
    finished(registry)
    assert len(registry.executor.works) == SLOTS - done


def test_what_is_spooled_of_a_run_that_another_runner_completed_goes_away() -> None:
    registry = fresh()
    hire(registry)
    crash(registry, "intent-won", 2)
    registry.act("rolf")
    finished(registry)
    assert len(registry.spools["rita"].runs()) == 1
    registry.act()
    assert not registry.spools["rita"].runs()


def test_a_crash_after_remembering_is_no_fork(registry: Registry) -> None:
    world = registry.world()
    signed = world.desk.signed

    class Dying:
        highest = signed.highest

        def remember(self, checkpoint: e.Checkpoint) -> None:
            signed.remember(checkpoint)
            raise Crash

    with pytest.raises(Crash):
        reconcile(world._replace(desk=world.desk._replace(signed=Dying())))
    highest = signed.highest()
    assert highest is not None
    assert CHECKPOINT not in registry.files("reports"), "the remote is behind what was signed"
    registry.act()
    finished(registry)
    now = state(registry)
    assert now.checkpoint is not None
    assert log.root(tiles(now.snapshot), highest.size, now.checkpoint.size) == highest.root


@pytest.mark.parametrize("nth", [1, 2])
def test_another_runner_signs_the_same_bytes(nth: int) -> None:
    registry = Registry()
    hire(registry)
    registry.submit(job_file())
    crash(registry, "checkpoint-signed", nth)
    signed = []
    for name in ("rita", "rolf"):
        twin = registry.fork()
        reconcile(at(twin.world(name), "committed", 1, lambda twin=twin: signed.append(twin.read(CHECKPOINT))))
    assert signed[0] == signed[1]
    assert signed[0].count("— ".encode()) == 1


def test_an_intent_is_put_on_top_of_what_people_merged(registry: Registry) -> None:
    crash(registry, "intent-won")
    merged = registry.submit(job_file("other"))
    people = registry.remote.branch
    first: list[str] = []
    reconcile(at(registry.world(), "committed", 1, lambda: first.append(registry.remote.branch or "")))
    assert registry.people.read_commit(first[0]).parents[0] == people
    assert registry.people.snapshot(first[0]).exists(merged)
    assert len(state(registry).history.ended) == 2


@pytest.mark.parametrize("what", ["another revision", "the job is gone", "another policy", "nothing"])
def test_log_entries_stand_beside_what_they_are_about(registry: Registry, what: str) -> None:
    """Whatever people merge between winning and completing, the commit that logs a start holds the very job."""
    crash(registry, "intent-won")
    if what == "another revision":
        registry.submit(job_file(revision=2, retries=0))
    elif what == "the job is gone":
        registry.remove(WHO)
    elif what == "another policy":
        registry.entrust({"registry/policy.yaml": registry.read("registry/policy.yaml") + b"# changed\n"})
    registry.act()
    registry.act()
    registry.people.refresh()
    report = verify(registry.people)
    assert report.ok, report
    assert len(state(registry).history.revisions) == 1


def test_a_stale_intent_stops_the_runner(registry: Registry) -> None:
    crash(registry, "intent-won")
    registry.commit({"reports/README.md": b"mine\n"})
    with pytest.raises(Environment) as caught:
        registry.act()
    assert caught.value.code == "intent-stale"


def test_an_intent_that_comes_late_is_withdrawn_and_never_signed() -> None:
    """What git cannot compare: rita's push set out beside the same branch as rolf's, and arrived when his was over."""
    registry = fresh()
    registry.submit(job_file("other"))
    hire(registry)
    registry.act()
    registry.submit(job_file("third"))
    crash(registry, "intent-won")
    late, registry.remote.intent = registry.remote.intent, None
    registry.act("rolf")
    size = state(registry).history.size
    registry.remote.intent = late
    registry.act()
    assert (registry.remote.intent, state(registry).history.size) == (None, size)
    registry.submit(job_file("fourth"))
    registry.act()
    report = verify(registry.people)
    assert report.ok, report
    assert types(registry, size) == ["start", "run"]


# Foreign intents


def propose(registry: Registry, signer: Signer | None, changes: Changes | None = None) -> str:
    """An intent that would add a rightful-looking entry, signed by anybody."""
    now = state(registry)
    entry = e.Retire(job=WHO, revision=9)
    wanted = draft(now.snapshot, make.ORIGIN, now.history.size, [entry]) if changes is None else changes
    repository = MemoryRepository(registry.remote, signer)
    return repository.propose(repository.head(), wanted, "beacon: log\n")


@pytest.mark.parametrize("signer", [None, make.key("alice"), make.key("mallory"), runner("rita").keys.receipt])
def test_a_foreign_intent_is_refused_and_never_signed(registry: Registry, signer: Signer | None) -> None:
    registry.act()
    before, head = registry.signed["rita"].last, registry.remote.branch
    propose(registry, signer)
    with pytest.raises(Unverified) as caught:
        registry.act()
    assert caught.value.code == "intent-foreign"
    assert (registry.signed["rita"].last, registry.remote.branch) == (before, head)


def test_a_known_runners_intent_is_completed(registry: Registry) -> None:
    registry.act()
    propose(registry, runner("rita").keys.git)
    registry.act()
    assert types(registry)[-1] == "retire"


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"junk\n", b"example.org/beacon/log\n1_0\nAA==\n"])
def test_an_intent_without_a_checkpoint_is_refused(registry: Registry, text: bytes) -> None:
    registry.act()
    propose(registry, runner("rita").keys.git, {CHECKPOINT: text})
    with pytest.raises(Unverified):
        registry.act()


def test_an_intent_that_does_not_extend_the_log_is_never_signed(registry: Registry) -> None:
    registry.act()
    before = registry.signed["rita"].last
    now = state(registry)
    shorter = draft(now.snapshot, make.ORIGIN, now.history.size, [e.Retire(job=WHO, revision=9)])
    text = note.checkpoint_text(e.Checkpoint(make.ORIGIN, now.history.size + 1, bytes(32))).encode()
    for changes in ({CHECKPOINT: text}, {**shorter, CHECKPOINT: text}):
        twin = registry.fork()
        twin.signed = dict(registry.signed)
        propose(twin, runner("rita").keys.git, changes)
        with pytest.raises(Unverified):
            twin.act()
        assert twin.signed["rita"].last == before


# A remote that went backwards


def test_an_older_remote_stops_the_runner(registry: Registry) -> None:
    older = registry.remote.branch
    newest = registry.act().head
    registry.remote.branch = older
    done = len(registry.executor.works)
    with pytest.raises(Environment) as caught:
        registry.act()
    assert (caught.value.code, caught.value.exit_code) == ("log-behind", 4)
    assert registry.remote.branch == older
    assert registry.remote.intent is None
    assert len(registry.executor.works) == done
    registry.remote.branch = newest
    assert not registry.act().started


def test_another_log_stops_the_runner(registry: Registry) -> None:
    twin = registry.fork()
    registry.act()
    twin.wait(seconds=7)
    twin.act()
    twin.signed = registry.signed
    with pytest.raises(Environment) as caught:
        twin.act()
    assert caught.value.code == "log-behind"


def test_an_empty_history_is_folded_to_the_same_as_a_known_one(registry: Registry) -> None:
    registry.act()
    first = state(registry)
    registry.submit(job_file("other"))
    registry.act()
    now = state(registry)
    vkey = now.trust.log_vkey
    assert read_log(now.snapshot, vkey, first.history) == read_log(now.snapshot, vkey, History())
