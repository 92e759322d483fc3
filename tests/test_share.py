"""Dividing the work: by labels, by parts, and by the time that is left."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from runner.reconcile import reconcile
from runner.share import Share
from tests.worlds import Registry, job_file


def labelled(name: str, **labels: str) -> bytes:
    """A job with labels."""
    data = yaml.safe_load(job_file(name))
    data["metadata"]["labels"] = labels
    return yaml.safe_dump(data, sort_keys=False).encode()


@given(st.integers(0, (1 << 256) - 1), st.integers(1, 9))
def test_each_run_is_in_exactly_one_part(number: int, parts: int) -> None:
    """Whatever the number of parts."""
    assert sum(Share(part=part, parts=parts).has(f"{number:064x}") for part in range(1, parts + 1)) == 1


def test_a_runner_takes_only_jobs_with_its_labels() -> None:
    """The others are said to be left to others, and are no work of its own."""
    registry = Registry()
    registry.act()
    registry.submit(labelled("slow", size="large"))
    registry.submit(labelled("quick", size="small", team="evals"))
    registry.submit(job_file("bare"))
    outcome = reconcile(registry.world()._replace(share=Share({"size": "small"})))
    assert len(outcome.published) == 1
    assert not outcome.work_remains
    left = sorted(idle.path for idle in outcome.plan.idle if idle.code == "left-to-others")
    assert left == ["registry/jobs/alice/bare.yaml", "registry/jobs/alice/slow.yaml"]
    assert len(registry.act().published) == 2


def test_nothing_is_begun_that_may_outlast_the_deadline() -> None:
    """It remains to be done, by somebody with more time."""
    registry = Registry()
    registry.act()
    registry.submit(job_file())
    world = registry.world()
    outcome = reconcile(world._replace(deadline=world.monotonic() + 10))
    assert not outcome.started
    assert [idle.code for idle in outcome.plan.idle] == ["no-time-left"]
    assert outcome.work_remains
    assert len(reconcile(world._replace(deadline=world.monotonic() + 1e6)).published) == 1
