"""Reading a commit: whose keys count, which runner this is, what a start's run is, and what is no registry."""

from __future__ import annotations

import pytest

from runner.errors import Environment, Invalid, Unverified, Usage
from runner.history import Taken
from runner.model.run import cells, seed
from runner.ports import Keys
from runner.publish import CHECKPOINT
from runner.state import benchmark_files, read_state, run_of, runner_name
from tests import make
from tests.ticks import WHO, fresh, hire, state
from tests.worlds import BENCHMARK, Registry, job_file, runner


def test_a_registry_that_nobody_has_reconciled() -> None:
    now = state(fresh())
    assert (now.checkpoint, now.history.size, list(now.registry.jobs)) == (None, 0, [WHO])
    assert now.policy.log.origin == make.ORIGIN


def test_no_commit_and_no_registry_are_told_in_one_line() -> None:
    registry = Registry()
    with pytest.raises(Usage) as caught:
        read_state(registry.people, None)
    assert caught.value.code == "no-registry"
    registry.commit(dict.fromkeys(registry.files("registry")))
    with pytest.raises(Usage):
        state(registry)


def test_a_wrong_job_is_a_problem_and_a_wrong_policy_is_an_error() -> None:
    registry = fresh()
    registry.commit({"registry/jobs/alice/bad.yaml": b"\t"})
    assert {problem.path for problem in state(registry).registry.problems} == {"registry/jobs/alice/bad.yaml"}
    registry.commit({"registry/policy.yaml": registry.read("registry/policy.yaml") + b"more: 1\n"})
    with pytest.raises(Invalid):
        state(registry)


@pytest.mark.parametrize("text", [b"", b"\xff", b"example.org/beacon/log\n1\nAAAA\n"])
def test_a_log_without_a_valid_signature_is_no_log(text: bytes) -> None:
    registry = fresh()
    registry.act()
    registry.commit({CHECKPOINT: text})
    with pytest.raises(Unverified):
        state(registry)


def test_a_runner_is_known_by_all_three_keys() -> None:
    registry = fresh()
    hire(registry)
    trust = state(registry).trust
    rita, rolf = runner("rita").keys, runner("rolf").keys
    assert (runner_name(trust, rita), runner_name(trust, rolf)) == ("rita", "rolf")
    for keys in (
        Keys(rita.git, rolf.receipt, rita.log),
        Keys(rita.git, rita.receipt, make.key("another log")),
        Keys(make.key("alice"), rita.receipt, rita.log),
        Keys(rita.receipt, rita.git, rita.log),
    ):
        with pytest.raises(Environment) as caught:
            runner_name(trust, keys)
        assert caught.value.code == "runner-unknown"


def test_seeds_come_from_the_log_up_to_the_start_and_never_change() -> None:
    registry = fresh()
    registry.act(stop=True)
    early = state(registry)
    taken: Taken = next(iter(early.history.open.values()))
    run = run_of(early, taken)
    assert early.checkpoint is not None
    assert run.root == early.checkpoint.root.hex(), "the start is the last entry"
    assert (run.run, run.start, run.sha256) == (taken.start.run, taken.index, early.registry.jobs[WHO].sha256)
    for name in ("other", "another"):
        registry.submit(job_file(name))
        registry.act()
    assert run_of(state(registry), taken) == run


def test_another_start_gives_other_seeds() -> None:
    registries = [fresh(), fresh()]
    registries[1].wait(seconds=1)
    seeds = []
    for registry in registries:
        registry.act(stop=True)
        now = state(registry)
        run = run_of(now, next(iter(now.history.open.values())))
        spec = now.registry.jobs[WHO].spec
        seeds.append({seed(run, cell, "shared") for cell in cells(spec)})
    assert not seeds[0] & seeds[1]


def test_a_benchmarks_files_have_paths_in_their_folder() -> None:
    now = state(fresh())
    assert benchmark_files(now.snapshot, now.registry.jobs[WHO].spec) == {"echo": BENCHMARK}
