"""A reconcile in three jobs of a workflow, so that whatever runs programs of strangers holds no key.

    start -> handover.json -> execute -> results -> publish

*start* claims, *execute* fills the spool, *publish* checks, signs and commits; between them stand the files of
`runner/handover.py`. Together they are one `reconcile`, and killed at any point the next one carries on.
"""

from __future__ import annotations

from runner.errors import BeaconError
from runner.handover import Handover, handed
from runner.reconcile import Outcome, begin, end, insisting
from runner.share import Share
from runner.stages import answers, carry_out_all, job_here, take_in
from runner.state import read_state
from runner.world import Bench, World


def start(world: World) -> Handover:
    """The stage *start*, with the keys of git and log: claim, and hand on what is to be executed."""
    begun = insisting(begin, world)
    assert begun.state.head is not None, "whoever began has a head"
    return handed(begun.state.head, begun.runner, begun.mine)


def execute(bench: Bench, handover: Handover, share: Share) -> tuple[str, ...]:
    """The stage *execute*, with no key: every result goes to the spool. Returns the runs that are executed to their
    end. Raises the first failure, once all others are executed."""
    state = read_state(bench.repository, handover.head)
    wanted = {(handed.start, handed.run) for handed in handover.runs}
    done: list[str] = []
    failure: BeaconError | None = None
    for taken in state.history.open.values():
        job = job_here(state, taken)
        if (taken.index, taken.start.run) not in wanted or job is None or not share.of(taken, state.registry):
            continue
        try:
            if not bench.stop.is_set() and answers(bench, state, taken, job) is not None:
                done.append(taken.start.run)
        except BeaconError as error:
            failure = failure or error
    if failure:
        raise failure
    return tuple(done)


def publish(world: World) -> Outcome:
    """The stage *publish*, with all keys: check what was executed elsewhere, sign it, publish it."""

    def stage(world: World) -> Outcome:
        begun = begin(world, taking=False)
        return end(world, begun, *carry_out_all(world, begun.state, begun.mine, take_in))

    return insisting(stage, world)
