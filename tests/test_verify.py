"""Each step of a verification finds what it is for, and nothing else; its untampered twin passes. What reports say."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner import publication
from runner.edges.folder import FolderSnapshot
from runner.edges.git import GitRepository
from runner.edges.memory import AUTHOR, MemoryRepository
from runner.errors import Usage
from runner.formats import note
from runner.model.run import Cell
from runner.ports import AttemptResult, CellOutput, Work
from runner.registry.keyfiles import signer_line
from runner.verify import (
    Anchor,
    Production,
    Report,
    as_json,
    as_text,
    format_anchor,
    parse_anchor,
    verify,
)
from tests import make
from tests.worlds import ClockedExecutor, Registry, job_file, runner

SIGNERS = "registry/keys/allowed_signers"


@pytest.fixture(scope="module")
def living() -> Registry:
    """A registry with a life behind it: runs, scheduled ones, a cancelled and an abandoned one, a second runner, keys
    that came and went."""
    registry = Registry()
    registry.submit(job_file())
    registry.act()
    registry.submit(job_file("daily", schedule="0 * * * *"))
    for _ in range(3):
        registry.wait(hours=1)
        registry.act()
    gone = registry.submit(job_file("gone"))
    registry.act(stop=True)
    registry.remove(gone)
    registry.act()
    registry.submit(job_file("slow"))
    for _ in range(4):
        registry.act(stop=True)
        registry.wait(hours=2)
    registry.entrust(add_runner(registry, "rolf"))
    registry.act("rolf")
    registry.submit(job_file("more"))
    registry.act("rolf")
    registry.entrust(registry.revoke_line(SIGNERS, "alice ", registry.checkpoint().size))
    registry.act("rolf")
    return registry


@pytest.fixture(scope="module")
def published() -> Registry:
    """A registry with one published run."""
    registry = Registry()
    registry.submit(job_file())
    registry.act()
    return registry


def add_runner(registry: Registry, name: str) -> dict[str, bytes]:
    """The runners' file with one more."""
    keys, path = runner(name).keys, "registry/keys/runners"
    both = signer_line(name, "git", keys.git.public) + signer_line(
        name, f"receipt.v1@{make.ORIGIN}", keys.receipt.public
    )
    return {path: registry.read(path) + both.encode()}


def codes(report: Report, step: int) -> set[str]:
    """What a step found."""
    return {found.code for found in report.steps[step - 1].findings}


def outcomes(report: Report) -> list[str]:
    """How the steps ended."""
    return [step.outcome for step in report.steps]


def found_in(report: Report) -> set[int]:
    """The steps with findings."""
    return {found.step for found in report.findings}


def anchor_of(registry: Registry) -> Anchor:
    """The anchor of a registry that never changed its trust list."""
    return Anchor(registry.genesis(), registry.read("registry/keys/log.vkey").decode().strip())


# Written separately


def test_no_rule_of_the_writer_is_imported_but_to_derive_pages() -> None:
    verbs = {"history", "plan", "claim", "publish", "publication", "state", "rendering.pages"}
    writer = verbs | {"registry.load", "registry.judge_job", "registry.trust", "registry.keyfiles"}
    for file in (Path(__file__).parent.parent / "runner/verify").glob("*.py"):
        modules = {
            name.removeprefix("runner.")
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("runner.")
            for name in (f"{node.module}", *(f"{node.module}.{each.name}" for each in node.names))
        }
        assert modules & writer == ({"history", "rendering.pages"} if file.name == "pages.py" else set()), file.name


# The untampered twin


def test_a_living_registry_is_verified_in_every_step(living: Registry) -> None:
    report = verify(living.clone())
    assert report.findings == ()
    assert outcomes(report) == ["ok"] * 9
    assert report.last_line == ("self-consistent; identity not pinned; first use: rollback before now cannot be known")
    counted = {what: number for step in report.steps for what, number in step.counts.items()}
    assert counted["runs"] == 6
    assert counted["receipts"] == 18
    assert counted["trust lists"] == 3


def test_every_older_commit_is_verified_too(living: Registry) -> None:
    clone = living.clone()
    for info in clone.history()[4::5]:
        assert verify(clone, rev=info.oid).findings == ()


def test_a_registry_that_never_ran_has_nothing_to_find() -> None:
    report = verify(Registry().clone())
    assert report.ok
    assert "there is no signed log" in report.last_line


def test_open_starts_and_missed_due_times_are_listed() -> None:
    registry = Registry()
    registry.submit(job_file("daily", schedule="0 * * * *"))
    registry.act()
    registry.wait(hours=3)
    registry.act(stop=True)
    report = verify(registry.clone())
    assert report.ok
    listed = "\n".join(report.steps[6].listed)
    assert "2 due times between 2026-11-22T03:00:00Z and 2026-11-22T06:00:00Z have no start" in listed
    assert "open: registry/jobs/alice/daily.yaml, taken by rita at 2026-11-22T06:00:00Z for 3900 s" in listed


# Steps 1 and 2


def test_step_1_finds_a_commit_by_an_unknown_key(published: Registry) -> None:
    twin = published.fork()
    twin.commit({"reports/README.md": b"all is well\n"}, make.key("stranger"))
    assert codes(verify(twin.clone()), 1) == {"commit-foreign"}


def test_step_1_finds_a_runner_that_was_not_yet_known(published: Registry) -> None:
    twin = published.fork()
    twin.commit({"reports/README.md": b"all is well\n"}, runner("rolf").keys.git)
    twin.commit({"reports/README.md": published.read("reports/README.md")}, runner("rita").keys.git)
    twin.entrust(add_runner(twin, "rolf"))
    twin.act()
    assert codes(verify(twin.clone()), 1) == {"commit-key"}


def test_step_2_finds_an_unsigned_merge_that_changes_reports(published: Registry) -> None:
    twin = published.fork()
    side = MemoryRepository(twin.remote)
    base = side.head()
    assert base is not None
    one = side.make([base], {"registry/suspended": b"# nothing\n"}, "one\n")
    two = side.make([base], {"registry/README.md": b"# Hello\n"}, "two\n")
    for changes, expected in (({}, set()), ({"reports/README.md": b"forged\n"}, {"merge-changes-reports"})):
        fork = twin.fork()
        fork.remote.branch = MemoryRepository(fork.remote).make([one, two], changes, "merge\n")
        report = verify(fork.clone())
        assert codes(report, 2) == expected
        assert codes(report, 1) == ({"commit-unsigned"} if expected else set())


def test_step_2_finds_reports_that_changed_without_an_entry(published: Registry) -> None:
    twin = published.fork()
    twin.commit({"reports/README.md": b"all is well\n"}, runner("rita").keys.git)
    twin.commit({"reports/README.md": published.read("reports/README.md")}, runner("rita").keys.git)
    report = verify(twin.clone())
    assert found_in(report) == {2}
    assert codes(report, 2) == {"log-not-grown"}


def test_step_2_lets_a_merge_take_the_longer_log(published: Registry) -> None:
    twin = published.fork()
    clone = MemoryRepository(twin.remote)
    base = clone.head()
    assert base is not None
    side = clone.make([base], {"registry/README.md": b"# Hello\n"}, "side\n")
    twin.submit(job_file("more"))
    twin.act()
    head = twin.clone().head()
    assert head is not None
    merge = MemoryRepository(twin.remote).make([head, side], {"registry/README.md": b"# Hello\n"}, "merge\n")
    twin.remote.branch = merge
    assert verify(twin.clone()).ok
    twin.remote.branch = MemoryRepository(twin.remote).make([side, head], {}, "the other way\n")
    report = verify(twin.clone())
    assert "merge-changes-reports" in codes(report, 2)


# Step 3


def test_step_3_finds_a_trust_list_without_the_previous_threshold(published: Registry) -> None:
    for signers, expected in ((("mia", "max"), set()), (("mia",), {"trust-threshold", "trust-threshold-previous"})):
        twin = published.fork()
        policy = twin.read("registry/policy.yaml") + b"# changed\n"
        twin.entrust({"registry/policy.yaml": policy}, signers)
        assert codes(verify(twin.clone()), 3) == expected


# Step 4: a runner that lies in its receipts


class Liar(ClockedExecutor):
    """An executor whose results are changed by a function."""

    def __init__(self, registry: Registry, lie: Callable[[AttemptResult], AttemptResult]) -> None:
        super().__init__(registry)
        self._lie = lie

    def run(self, work: Work, cancel: Any) -> AttemptResult:
        return self._lie(super().run(work, cancel))


def first_cell(result: AttemptResult, **facts: Any) -> tuple[CellOutput, ...]:
    return (result.cells[0]._replace(**facts), *result.cells[1:])


LIES: dict[str, Callable[[AttemptResult], AttemptResult]] = {
    "seed-wrong": lambda result: result._replace(cells=first_cell(result, seed=result.cells[0].seed ^ 1)),
    "receipt-cells": lambda result: result._replace(cells=result.cells[1:]),
    "times-disordered": lambda result: result._replace(
        times=result.times.model_copy(update={"queued": "2026-11-22T02:59:59Z"})
    ),
    "time-impossible": lambda result: result._replace(
        times=result.times.model_copy(update={"finished": "2026-11-31T03:00:00Z"})
    ),
    "receipt-image": lambda result: result._replace(image=result.image.model_copy(update={"digest": make.CID})),
    "receipt-simulated": lambda result: result._replace(
        executor=result.executor.model_copy(update={"simulated": False})
    ),
    "receipt-region": lambda result: (
        result._replace(region=result.region.model_copy(update={"observed": "US"}))
        if result.attempt.region == "EU"
        else result
    ),
    "attempt-missing": lambda result: result._replace(attempt=result.attempt.model_copy(update={"n": 2})),
}


def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runner that publishes whatever times it is told: ours would refuse to."""
    monkeypatch.setattr("runner.stages.in_time", lambda results, taken, emit: results)


@pytest.mark.parametrize("code", LIES)
def test_step_4_finds_a_receipt_that_cannot_be_true(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    careless(monkeypatch)
    registry = Registry()
    registry.submit(job_file(prompts=[{"id": "who", "text": "Who?"}, {"id": "why", "text": "Why?"}]))
    registry.executor = Liar(registry, LIES[code])
    registry.act()
    report = verify(registry.clone())
    assert code in codes(report, 4)
    assert found_in(report) == {4}


def test_step_4_finds_times_after_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    careless(monkeypatch)
    registry = Registry()
    registry.submit(job_file())
    late = "2026-11-22T04:05:01Z"
    registry.executor = Liar(
        registry, lambda result: result._replace(times=result.times.model_copy(update={"finished": late}))
    )
    registry.act()
    assert codes(verify(registry.clone()), 4) == {"times-disordered"}


def test_step_4_accepts_retries_of_what_was_not_answered() -> None:
    def fails_first(work: Work, cell: Cell, seed: int) -> str:
        return "error" if work.attempt.n == 1 and cell.prompt == "why" else f"I am {seed}"

    registry = Registry()
    registry.submit(job_file(prompts=[{"id": "who", "text": "Who?"}, {"id": "why", "text": "Why?"}]))
    registry.executor = ClockedExecutor(registry, fails_first)
    registry.act()
    report = verify(registry.clone())
    assert report.ok
    assert report.steps[3].counts["receipts"] == 6


def test_step_4_refuses_simulated_runs_for_production(published: Registry) -> None:
    clone = published.clone()
    assert codes(verify(clone, production=Production()), 4) == {"run-simulated"}
    assert codes(verify(clone, production=Production(lowest_grade="egress")), 4) == {"run-simulated", "grade-too-low"}
    assert verify(clone).ok


def test_step_4_accepts_for_production_what_the_verifier_names() -> None:
    registry = Registry()
    registry.submit(job_file())
    facts = {"kind": "golem", "network": "polygon", "simulated": False}
    registry.executor = Liar(
        registry, lambda result: result._replace(executor=result.executor.model_copy(update=facts))
    )
    registry.act()
    clone = registry.clone()
    assert verify(clone, production=Production()).ok
    assert verify(clone, production=Production(frozenset({"polygon"}))).ok
    assert codes(verify(clone, production=Production(frozenset({"mainnet"}))), 4) == {"network-refused"}


# Steps 5 to 7


def test_step_5_names_each_file_that_changed(published: Registry) -> None:
    twin = published.fork()
    outputs = [path for path in twin.files("reports") if "/outputs/" in path]
    twin.commit({outputs[0]: b"another answer", outputs[1]: None}, runner("rita").keys.git)
    report = verify(twin.clone())
    assert [found.where for found in report.steps[4].findings] == outputs[:2]


def test_step_6_finds_files_that_belong_to_nothing(published: Registry) -> None:
    run = next(path for path in published.files("reports") if path.endswith("manifest.json")).rpartition("/")[0]
    for path, expected in (
        ("reports/extra.txt", "file-unknown"),
        ("reports/jobs/alice/who/runs/notes.txt", "file-unknown"),
        ("reports/jobs/mallory/README.md", "file-unknown"),
        ("reports/jobs/alice/who/other.svg", "file-unknown"),
        ("reports/badges/mallory.who.svg", "file-unknown"),
        ("reports/badges/alice.who.png", "file-unknown"),
        (f"{run}/extra.txt", "file-unlisted"),
        (f"{run}/bundle/outputs/extra.txt", "file-unlisted"),
    ):
        twin = published.fork()
        twin.commit({path: b"x"}, runner("rita").keys.git)
        assert expected in codes(verify(twin.clone()), 6)


def test_step_6_finds_a_cid_that_was_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "folder_cid", lambda _: make.CID)
    registry = Registry()
    registry.submit(job_file())
    registry.act()
    report = verify(registry.clone())
    assert found_in(report) == {6}
    assert codes(report, 6) == {"cid-wrong"}


def test_a_damaged_run_leaves_the_others_checked() -> None:
    registry = Registry()
    registry.submit(job_file())
    registry.submit(job_file("more"))
    registry.act()
    context = next(path for path in registry.files("reports/jobs/alice/who") if path.endswith("context.json"))
    registry.commit({context: b"{}"}, runner("rita").keys.git)
    report = verify(registry.clone())
    assert {found.where for found in report.findings if found.step != 2} == {
        context,
        context.rpartition("/")[0],
    }
    assert report.steps[8].counts["runs rendered again"] == 1
    assert "1 runs whose own evidence does not hold" in report.steps[8].unchecked
    assert any("history of registry/jobs/alice/who.yaml" in why for why in report.steps[8].unchecked)


def test_a_damaged_log_stops_what_rests_on_it_and_says_so(published: Registry) -> None:
    twin = published.fork()
    path = "reports/log/tile/entries/000.p/8"
    twin.commit({path: twin.read(path)[:-1]}, runner("rita").keys.git)
    report = verify(twin.clone())
    assert outcomes(report)[2:7] == ["not checked"] * 5
    assert "not checked: step 1" in report.last_line


def test_a_damaged_hash_tile_stops_nothing_else(published: Registry) -> None:
    twin = published.fork()
    path = "reports/log/tile/0/000.p/8"
    twin.commit({path: bytes(len(twin.read(path)))}, runner("rita").keys.git)
    assert found_in(verify(twin.clone())) == {2, 8}


# Step 8


def test_step_8_holds_the_clone_against_the_anchor(published: Registry) -> None:
    right = anchor_of(published)
    report = verify(published.clone(), right)
    assert report.last_line == "verified; first use: rollback before now cannot be known"
    other_list = verify(published.clone(), right._replace(genesis="0" * 64))
    assert found_in(other_list) == {8}
    assert codes(other_list, 8) == {"genesis-foreign"}
    other = note.vkey(make.ORIGIN, make.key("another log").public)
    foreign = verify(published.clone(), right._replace(log_vkey=other))
    assert "vkey-foreign" in codes(foreign, 8)
    assert not foreign.ok


def test_step_8_finds_a_rollback_and_a_fork_of_what_was_seen(published: Registry) -> None:
    first = verify(published.clone())
    longer = published.fork()
    longer.submit(job_file("more"))
    longer.act()
    seen = verify(longer.clone(), last_seen=first.checkpoint)
    assert seen.ok
    assert seen.last_line == "self-consistent; identity not pinned"
    back = verify(published.clone(), last_seen=seen.checkpoint)
    assert codes(back, 8) == {"rollback"}
    assert back.checkpoint is None
    other = published.fork()
    other.submit(job_file("different"))
    other.act()
    assert other.checkpoint().size == longer.checkpoint().size
    assert codes(verify(other.clone(), last_seen=seen.checkpoint), 8) == {"fork"}


def test_step_8_says_that_a_checkpoint_of_another_key_was_seen(published: Registry) -> None:
    assert codes(verify(published.clone(), last_seen=b"rubbish"), 8) == {"last-seen-foreign"}


# Step 9


def test_step_9_finds_a_diff_that_does_not_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = publication.compare
    monkeypatch.setattr(publication, "compare", lambda bundle: honest(bundle).model_copy(update={"verdict": "major"}))
    registry = Registry()
    registry.submit(job_file())
    registry.act()
    report = verify(registry.clone())
    assert found_in(report) == {9}
    assert "diff-wrong" in codes(report, 9)


def test_step_9_counts_what_another_version_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "RENDERER", "markdown/9999")
    monkeypatch.setattr(publication, "CLASSIFIER", "lexical/9999")
    registry = Registry()
    registry.submit(job_file())
    registry.act()
    report = verify(registry.clone())
    assert report.ok
    assert set(report.steps[8].unchecked) == {
        "1 runs by classifier lexical/9999: bytes checked, not derived again",
        "1 runs by renderer markdown/9999: bytes checked, not re-rendered",
        "5 derived pages by renderer markdown/9999: not re-rendered",
    }


def test_step_9_misses_a_picture_and_a_badge(published: Registry) -> None:
    gone = ("reports/badges/alice.who.json", "reports/badges/alice.who.svg", "reports/jobs/alice/who/trend.svg")
    twin = published.fork()
    twin.commit(dict.fromkeys(gone), runner("rita").keys.git)
    found = verify(twin.clone()).steps[8].findings
    assert {(one.code, one.where) for one in found} == {("page-missing", path) for path in gone}


# Clones on a disk


def test_a_shallow_clone_is_not_called_verified(published: Registry) -> None:
    clone = published.clone()
    whole = clone.history()

    class Shallow:
        """The last commits of a clone."""

        def __getattr__(self, name: str) -> Any:
            return getattr(clone, name)

        def history(self, since: str | None = None) -> Any:
            return whole[-1:]

    report = verify(Shallow())
    assert report.ok
    assert outcomes(report)[:3] == ["not checked"] * 3
    assert "shallow clone" in report.last_line


def test_a_clone_on_a_disk_and_its_work_tree(published: Registry, tmp_path: Path) -> None:
    published.check_out(tmp_path)
    with GitRepository(tmp_path, "main", None, AUTHOR, None, lambda: 0) as repository:
        report = verify(repository, anchor_of(published), work_tree=FolderSnapshot(tmp_path))
        assert (report.findings, report.work_tree) == ((), ())
        (tmp_path / "reports/README.md").write_text("all is well\n")
        (tmp_path / "reports/new.md").write_text("all is well\n")
        report = verify(repository, anchor_of(published), work_tree=FolderSnapshot(tmp_path))
        assert report.ok
        assert sorted(report.work_tree) == [
            "work tree differs: reports/README.md",
            "work tree differs: reports/new.md is not in the commit",
        ]


def test_a_link_in_reports_is_found(published: Registry, tmp_path: Path) -> None:
    published.check_out(tmp_path)
    (tmp_path / "reports/link.md").symlink_to("README.md")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@localhost"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "a link"], check=True)
    with GitRepository(tmp_path, "main", None, AUTHOR, None, lambda: 0) as repository:
        report = verify(repository)
    assert codes(report, 6) == {"file-mode"}


# What a report says


def test_text_and_json_say_the_same(published: Registry) -> None:
    twin = published.fork()
    twin.commit({"reports/\x1b[2Jevil": b"x"}, runner("rita").keys.git)
    report = verify(twin.clone())
    text, data = as_text(report), json.loads(json.dumps(as_json(report)))
    assert "\x1b" not in text
    assert text.splitlines()[-1] == data["result"] == report.last_line
    assert data["result"].startswith("NOT VERIFIED: 2 findings in steps 2, 6;")
    assert [step["number"] for step in data["steps"]] == list(range(1, 10))
    assert not data["ok"]
    assert data["checkpoint"] is None


def test_anchors_are_printed_as_they_are_read(published: Registry) -> None:
    anchor = anchor_of(published)
    assert parse_anchor(format_anchor(anchor)) == anchor
    for text in ("", "+", format_anchor(anchor)[1:], format_anchor(anchor)[:-1], anchor.log_vkey):
        with pytest.raises(Usage):
            parse_anchor(text)


def test_only_a_commit_of_the_branch_can_be_verified(published: Registry) -> None:
    with pytest.raises(Usage):
        verify(MemoryRepository())
