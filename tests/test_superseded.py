"""What a runner had made of a start that another took over: a receipt for every attempt, published once, whoever is
killed on the way; no verdict; and every lie about it is found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from runner import staged
from runner.bundle import manifest
from runner.dossier import as_json, dossier
from runner.edges.memory import MemoryEvents, MemorySpool
from runner.formats.receipt import read_receipt, seal
from runner.history import LAST_GENERATION, is_over
from runner.ipfs.pinning import bundles
from runner.ipfs.unixfs import folder_cid
from runner.leases import CLOCK_MARGIN
from runner.model import Receipt, Run, sha256
from runner.model import entry as e
from runner.reconcile import reconcile
from runner.rendering.pages import derived
from runner.verify import Report, verify
from tests import make
from tests.paid import PaidExecutor, paid_registry
from tests.ticks import LEASE, SLOTS, WHO, Interrupted, crash, entries, fresh, hire, state, types
from tests.worlds import ClockedExecutor, Registry, job_file, runner

RITA = runner("rita").keys
HISTORY = "reports/jobs/alice/who/README.md"


def taken_over(still_open: bool = False) -> Registry:
    """A registry in which rita was killed after her attempts, and rolf took the run over after her lease."""
    registry = paid_registry()
    hire(registry)
    ritas = registry.executor = PaidExecutor(registry)
    ritas.capacity = 1
    crash(registry, "attempt-finished", SLOTS)
    registry.wait(seconds=LEASE + CLOCK_MARGIN)
    registry.executor = PaidExecutor(registry)
    registry.act("rolf", stop=still_open)
    registry.executor = ritas
    return registry


def left(registry: Registry) -> e.Superseded:
    """The only entry of its kind."""
    (found,) = [entry for entry in entries(registry) if isinstance(entry, e.Superseded)]
    return found


def below(registry: Registry) -> dict[str, bytes]:
    """The files that were left, by path below their folder."""
    paths = [path for path in registry.files("reports/jobs") if "/superseded/" in path]
    return {path.partition("/superseded/")[2].partition("/")[2]: registry.read(path) for path in paths}


def receipts(registry: Registry) -> list[Receipt]:
    return [read_receipt(raw) for path, raw in below(registry).items() if path.startswith("bundle/receipts/")]


def sound(registry: Registry) -> Report:
    """The report of a stranger, who finds no fault; and the pages are what deriving them gives."""
    now = state(registry)
    over = any(is_over(end) for end in now.history.ended.values())
    for path, raw in derived(now.snapshot, now.history).items() if over else ():
        assert registry.read(path) == raw, path
    report = verify(registry.clone())
    assert report.findings == ()
    return report


def test_the_next_tick_publishes_what_was_made_and_no_verdict_comes_of_it() -> None:
    registry = taken_over()
    before = {path: registry.read(path) for path in registry.files("reports/jobs")}
    size = len(types(registry))
    outcome = registry.act()
    assert types(registry, size) == ["superseded", "settlement"]
    assert (outcome.published, outcome.remaining, outcome.quiet_until) == ((), (), None)
    assert outcome.superseded == (left(registry).run,)
    assert {one.predicate.status for one in receipts(registry)} == {"ok"}
    assert len(receipts(registry)) == SLOTS
    assert set(below(registry)) - {path for path in below(registry) if path.startswith("bundle/")} == {
        "manifest.json",
        "proof.tlog",
    }
    assert "bundle/diff.json" not in below(registry)
    after = {path: registry.read(path) for path in registry.files("reports/jobs") if "/superseded/" not in path}
    assert {path for path, raw in after.items() if before.get(path) != raw} == {HISTORY}
    assert f"/superseded/{left(registry).start}/manifest.json), by rita\n" in after[HISTORY].decode()
    report = sound(registry)
    assert [step.outcome for step in report.steps] == ["ok"] * 9
    assert report.steps[6].counts["superseded starts with receipts"] == 1
    assert not any("cut short" in text for text in report.steps[6].listed), "their receipts are found"
    assert registry.read("reports/ledger/2026-11.jsonl").count(b'"type":"attempt"') == 2 * SLOTS
    assert not registry.spools["rita"].runs()
    assert registry.act().head == outcome.head
    assert registry.act().quiet_until is not None


def test_it_is_described_and_pinned_like_others() -> None:
    registry = taken_over()
    registry.act()
    now, entry = state(registry), left(registry)
    found = dossier(now, entry.run)
    first, second = as_json(found)["starts"]
    assert (first["superseded"]["cid"], second["superseded"]) == (entry.cid, None)
    assert [one["settled"]["amount"] for one in first["superseded"]["attempts"]] == ["0.01"] * SLOTS
    assert found.cut_short() == []
    assert len(found.receipts) == SLOTS
    wanted = bundles(now.history)
    assert [(one.cid == entry.cid, one.late) for one in wanted] == [(False, False), (True, True)]
    paths = registry.files(f"{wanted[1].folder}/bundle")
    assert folder_cid({path.removeprefix(f"{wanted[1].folder}/bundle/"): registry.read(path) for path in paths}) == (
        entry.cid
    )


def test_while_the_other_runner_is_at_work_it_stands_there_without_a_page() -> None:
    registry = taken_over(still_open=True)
    registry.act()
    assert HISTORY not in registry.files("reports")
    sound(registry)
    registry.executor = PaidExecutor(registry)
    assert len(registry.act("rolf").published) == 1
    assert b"## Superseded" in registry.read(HISTORY)
    sound(registry)


def test_who_is_told_while_at_work_publishes_in_the_same_tick() -> None:
    registry = fresh()
    hire(registry)

    def take() -> None:
        registry.wait(seconds=LEASE + CLOCK_MARGIN)
        registry.act("rolf", stop=True)

    rita = Interrupted(registry, take, nth=2, wait=True)
    events, world = MemoryEvents(), registry.world()
    outcome = reconcile(world._replace(executor=rita, desk=world.desk._replace(emit=events)))
    assert rita.told
    assert outcome.superseded == (left(registry).run,)
    assert types(registry)[-3:] == ["abandoned", "start", "superseded"]
    assert [one.predicate.attempt.n for one in receipts(registry)] == [1], "what ended after the lease is not signed"
    assert events.names().count("run-superseded") == 1
    assert "result-refused" in events.names()
    sound(registry)


EVENTS = ["intent-won", "second-engine", "checkpoint-signed", "committed", "run-superseded"]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("still_open", [True, False])
def test_killed_anywhere_around_it_it_is_published_once(event: str, still_open: bool) -> None:
    registry = taken_over(still_open=still_open)
    crash(registry, event)
    if still_open:  # else another runner may complete what she began
        registry.act()
    registry.act("rolf")
    registry.act()
    assert len(receipts(registry)) == SLOTS
    assert types(registry).count("superseded") == 1
    assert not registry.spools["rita"].runs()
    sound(registry)


def test_its_own_next_start_leaves_what_was_made_before_it_and_executes_anew() -> None:
    registry = fresh()
    crash(registry, "attempt-finished", 2)
    registry.wait(seconds=LEASE)
    size = len(types(registry))
    registry.executor = ClockedExecutor(registry)
    assert len(registry.act().published) == 1
    assert types(registry, size) == ["abandoned", "start", "superseded", "run"]
    assert len(registry.executor.works) == SLOTS
    sound(registry)


def test_every_start_of_a_run_that_nobody_finishes_leaves_its_own() -> None:
    registry = fresh()
    for _ in range(LAST_GENERATION):
        crash(registry, "attempt-finished", 1)
        registry.wait(seconds=LEASE)
    registry.act()
    ends = [entry.start for entry in entries(registry) if isinstance(entry, e.Abandoned)]
    assert [entry.start for entry in entries(registry) if isinstance(entry, e.Superseded)] == ends
    assert len(ends) == LAST_GENERATION
    assert not registry.spools["rita"].runs()
    assert b"# No run yet" in registry.read(HISTORY)
    assert registry.read(HISTORY).count(b"/superseded/") == LAST_GENERATION
    sound(registry)


def test_the_jobs_bytes_come_from_the_commit_that_took_it() -> None:
    registry = taken_over()
    registry.remove(WHO)
    registry.submit(job_file("other"))
    registry.act()
    assert below(registry)["bundle/job.yaml"] in {
        registry.read(path) for path in registry.files("reports/jobs") if path.endswith("/bundle/job.yaml")
    }
    assert len(receipts(registry)) == SLOTS
    sound(registry)


def test_without_its_spool_it_leaves_nothing() -> None:
    registry = taken_over()
    registry.spools.clear()
    size = len(types(registry))
    registry.act()
    assert types(registry, size) == ["settlement"]
    assert any("cut short" in text for text in sound(registry).steps[6].listed)


def test_what_holds_a_secret_is_dropped_and_said() -> None:
    registry = taken_over()
    run = next(iter(state(registry).history.ended))
    (kept, *_) = registry.spools["rita"].results(run)
    registry.spools["rita"].put(kept._replace(transcript=b'"AKIA' + b'ABCDEFGH23456723"'))
    events, world = MemoryEvents(), registry.world()
    reconcile(world._replace(desk=world.desk._replace(emit=events)))
    assert "secret-found" in events.names()
    assert "superseded" not in types(registry)
    assert not registry.spools["rita"].runs()
    assert b"AKIA" not in b"".join(item.data for item in registry.remote.objects.values())


@pytest.mark.parametrize("honest", [True, False])
def test_what_a_keyless_job_of_a_workflow_hands_on_is_checked_before_it_is_signed(honest: bool) -> None:
    registry = fresh()
    hire(registry)
    handover = staged.start(registry.world())
    handed, world = MemorySpool(), registry.world()
    staged.execute(world.bench._replace(spool=handed), handover, world.share)
    run = handover.runs[0].run
    if not honest:
        for result in handed.results(run):
            handed.put(result._replace(executor=result.executor.model_copy(update={"network": "polygon"})))
    registry.wait(seconds=LEASE + CLOCK_MARGIN)
    registry.act("rolf")
    staged.publish(registry.world()._replace(spool=handed))
    assert types(registry).count("superseded") == honest
    assert not handed.runs()
    sound(registry)


# What is not true


@pytest.fixture(scope="module")
def honest() -> Registry:
    """A registry in which everything is right."""
    registry = taken_over()
    registry.act()
    return registry


@pytest.fixture(scope="module")
def due() -> Registry:
    """The same before rita published what she had made."""
    return taken_over()


def found(registry: Registry) -> set[tuple[int, str]]:
    """Step and code of each finding."""
    return {(finding.step, finding.code) for finding in verify(registry.clone()).findings}


KINDS = {
    "bundle/job.yaml": 3,
    "bundle/job.yaml.sig": 3,
    "bundle/context.json": 4,
    "bundle/receipts/": 4,
    "bundle/transcripts/": 5,
    "bundle/outputs/": 5,
    "manifest.json": 6,
    "proof.tlog": 7,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gone", [True, False])
def test_an_altered_or_missing_file_is_found_by_the_step_that_answers(honest: Registry, kind: str, gone: bool) -> None:
    path = next(path for path in honest.files("reports/jobs") if f"/superseded/{left(honest).start}/{kind}" in path)
    raw = bytearray(honest.read(path))
    raw[len(raw) // 2] ^= 1
    twin = honest.fork()
    twin.commit({path: None if gone else bytes(raw)}, RITA.git)
    expected = 6 if gone and kind.startswith("bundle/") else KINDS[kind]
    assert expected in {step for step, _ in found(twin)}


def test_a_file_more_is_found(honest: Registry) -> None:
    folder = next(path for path in honest.files("reports/jobs") if path.endswith("/bundle/context.json"))
    run = folder.partition("/bundle/")[0].partition("/superseded/")[0]
    here = f"{run}/superseded/{left(honest).start}"
    for path, code in {
        f"{here}/README.md": "file-unlisted",
        f"{here}/rescored/lexical-9/diff.json": "file-unlisted",
        f"{run}/superseded/99/manifest.json": "file-unknown",
        f"{run}/superseded/99": "file-unlisted",
    }.items():
        twin = honest.fork()
        twin.commit({path: b"{}"}, RITA.git)
        assert (6, code) in found(twin), path


def test_a_start_leaves_something_once(honest: Registry) -> None:
    twin = honest.fork()
    twin.log(left(honest))
    assert found(twin) == {(7, "superseded-twice")}


def test_only_an_abandoned_start_leaves_something(honest: Registry) -> None:
    (published,) = [entry.start for entry in entries(honest) if isinstance(entry, e.RunEnd)]
    changes: list[Mapping[str, object]] = [{"start": published}, {"start": 10**6}, {"run": sha256(b"another")}]
    for changed in changes:
        twin = honest.fork()
        twin.log(left(honest).model_copy(update=changed))
        assert found(twin) == {(7, "superseded-without-end")}


def test_an_open_start_leaves_nothing_yet() -> None:
    registry = fresh()
    registry.act(stop=True)
    (taken,) = state(registry).history.open.values()
    registry.log(e.Superseded(run=taken.start.run, start=taken.index, cid=make.CID, manifest=sha256(b"")))
    assert found(registry) == {(7, "superseded-without-end")}
    registry = fresh()
    registry.act()
    (end,) = state(registry).history.ended.values()
    registry.log(e.Superseded(run=end.start.run, start=end.end.start, cid=make.CID, manifest=sha256(b"")))
    assert found(registry) == {(7, "superseded-without-end")}


Files = dict[str, bytes]


def bundle(registry: Registry) -> Files:
    """The honest bundle."""
    return {path.removeprefix("bundle/"): raw for path, raw in below(registry).items() if path.startswith("bundle/")}


def lie(registry: Registry, files: Files, settled: bool = False) -> set[tuple[int, str]]:
    """What is found of a bundle that rita logs as what she left of her start."""
    twin = registry.fork()
    run = Run.from_bytes(files["context.json"], "context.json")
    cid, inside = folder_cid(files), {f"bundle/{path}": raw for path, raw in files.items()}
    listed = manifest(run, inside, cid, "lexical/9", "markdown/99").canonical()
    folder = next(path for path in twin.files("reports/jobs") if "/bundle/" in path).partition("/bundle/")[0]
    entry = e.Superseded(run=run.run, start=run.start, cid=cid, manifest=sha256(listed))
    if settled:
        twin.executor = registry.executor
        twin.act()
    changes = {f"{folder}/{entry.folder}/{path}": raw for path, raw in {**inside, "manifest.json": listed}.items()}
    twin.log(entry, changes=changes)
    return found(twin) - {(7, "proof-missing"), (9, "page-wrong"), (9, "ledger-wrong")}


def resigned(raw: bytes, change: Callable[[Receipt], Receipt]) -> bytes:
    return seal(change(read_receipt(raw)), RITA.receipt)


def test_a_bundle_that_is_logged_so_is_judged_like_any_other(due: Registry, honest: Registry) -> None:
    files = bundle(honest)
    assert lie(due, files) == set()
    assert lie(due, files, settled=True) == {(7, "superseded-too-late")}
    assert lie(due, {**files, "diff.json": b"{}"}) == {(6, "superseded-verdict")}
    assert lie(due, {path: raw for path, raw in files.items() if "/" not in path}) == {(6, "superseded-empty")}
    assert (6, "bundle-file-unknown") in lie(due, {**files, "notes.txt": b"hello"})


def test_its_receipts_are_of_that_start_and_of_its_runner(due: Registry, honest: Registry) -> None:
    files = bundle(honest)
    path = next(path for path in files if path.startswith("receipts/"))
    rolfs = seal(read_receipt(files[path]), runner("rolf").keys.receipt)
    assert (4, "receipt-key-unknown") in lie(due, {**files, path: rolfs})

    def reseeded(receipt: Receipt) -> Receipt:
        (cell, *others) = receipt.predicate.cells
        cells = (cell.model_copy(update={"seed": cell.seed ^ 1}), *others)
        return receipt.model_copy(update={"predicate": receipt.predicate.model_copy(update={"cells": cells})})

    assert lie(due, {**files, path: resigned(files[path], reseeded)}) == {(4, "seed-wrong")}
    run = Run.from_bytes(files["context.json"], "context.json").model_copy(update={"root": "0" * 64})
    assert (4, "context-wrong") in lie(due, {**files, "context.json": run.canonical()})
