"""Derived pages are what a full derivation gives, after every tick."""

from __future__ import annotations

from runner.history import LAST_GENERATION
from runner.leases import CLOCK_MARGIN
from runner.reconcile import Outcome
from runner.rendering.pages import derived
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
