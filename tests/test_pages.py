"""Derived pages are what a full derivation gives, after every tick."""

from __future__ import annotations

import pytest

from runner.history import LAST_GENERATION
from runner.leases import CLOCK_MARGIN
from runner.reconcile import Outcome
from runner.rendering import pages as pages_module
from runner.rendering.pages import INDEX, derived
from runner.verify import Anchor, verify
from tests.ticks import (
    LEASE,
    hire,
    state,
)
from tests.worlds import Registry, job_file


def test_pages_are_always_what_a_full_derivation_gives() -> None:
    registry = Registry()
    hire(registry)

    def check(outcome: Outcome) -> None:
        now = state(registry)
        pages = derived(now.snapshot, now.history)
        kinds = (".md", ".svg", ".json")
        logs = ("reports/log/", "reports/settlements/", "reports/ledger/")
        standing = {
            path: registry.read(path)
            for path in registry.files("reports")
            if path.endswith(kinds) and not path.startswith(logs) and "/bundle/" not in path
        }
        own = {path for path in standing if path.rpartition("/")[0] + "/manifest.json" in registry.files("reports")}
        assert {path: raw for path, raw in standing.items() if path not in own} == (
            pages if now.history.ended else {}
        ), outcome

    registry.submit(job_file(schedule="0 3 * * *"))
    registry.submit(job_file("gone"))
    check(registry.act(stop=True))
    registry.remove("registry/jobs/alice/gone.yaml")
    check(registry.act())
    registry.wait(days=1)
    check(registry.act("rolf", stop=True))
    registry.wait(seconds=LEASE)
    check(registry.act())
    registry.wait(seconds=CLOCK_MARGIN)
    check(registry.act())
    registry.submit(job_file("other"))
    check(registry.act("rolf"))
    for _ in range(LAST_GENERATION):
        registry.submit(job_file("doomed"))
        check(registry.act(stop=True))
        registry.wait(seconds=LEASE)
    check(registry.act())
    kinds = {end.end.type for end in state(registry).history.ended.values()}
    assert kinds == {"run", "cancelled", "abandoned"}


def test_the_index_shows_the_newest_jobs_and_counts_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry()
    anchor = Anchor(registry.genesis(), registry.read("registry/keys/log.vkey").decode().strip())
    for name in "abcdef":
        registry.submit(job_file(name))
        registry.act()
    page = registry.read(INDEX).decode()
    assert page.count("](jobs/alice/") == 12
    assert "6 jobs, by their last verdict" in page
    monkeypatch.setattr(pages_module, "INDEX_RUNS", 3)
    monkeypatch.setattr(pages_module, "INDEX_JOBS", 1)
    registry.submit(job_file("a", revision=2))
    registry.act()
    page = registry.read(INDEX).decode()
    rows = [line for line in page.splitlines() if line.startswith("- ")]
    assert [row.count("alice/a") > 0 for row in rows] == [True, False], "a has two runs, and f one"
    assert "alice/f" in rows[1]
    assert "6 jobs; of the 2 with the newest runs, by their last verdict" in page
    assert "4 more jobs are left out. Every job is below `jobs`." in page
    assert verify(registry.clone(), anchor).ok
    monkeypatch.setattr(pages_module, "INDEX_RUNS", 1)
    now = state(registry)
    assert b"alice/f" not in derived(now.snapshot, now.history)[INDEX], "a alone, though it has more runs than that"


def test_publishing_writes_the_badges_of_its_own_job_alone() -> None:
    registry = Registry()
    registry.submit(job_file("a"))
    registry.act()
    registry.submit(job_file("b"))
    registry.people.refresh()
    before = registry.people.head()
    registry.act()
    registry.people.refresh()
    head = registry.people.head()
    assert head is not None
    changed = registry.people.difference(before, head, "reports/badges")
    assert sorted(changed) == ["reports/badges/alice.b.json", "reports/badges/alice.b.svg"]
