"""A pull request, judged: what stands before it decides, only what it brings is told, and its rules are held.

Trust and policy are those of the base: nobody lets himself in by the pull request that he makes. Where the base holds
no registry yet, or one whose own trust list is wrong, the proposed files have to answer for themselves: there is
nothing else to judge them by, and the log's maintainers decide when it is merged.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from runner.commands.console import note
from runner.edges.git import GitRepository
from runner.edges.git_range import proposed
from runner.errors import Invalid, Problem, Unverified
from runner.ports import Snapshot
from runner.publish import read_log
from runner.registry import Known, Registry, changes, load, load_policy
from runner.registry import proposal as rules
from runner.registry.trust import POLICY, TRUST, Trust, accepts, read_trust


class Verdict(NamedTuple):
    """How many jobs may run, of those that were judged, and what is wrong; and how many jobs are gone."""

    jobs: int
    problems: list[Problem]
    removed: int = 0


def judge(root: Path, repository: GitRepository, snapshot: Snapshot, base: str, rev: str | None) -> Verdict:
    """What commit `rev`, or the files of the work tree on top of HEAD, would change for the worse at commit `base`."""
    begin, end = repository.resolve(base), repository.resolve(rev or "HEAD")
    before = repository.snapshot(begin)
    try:
        trust, policy = (read_trust(before), load_policy(before)) if _is_registry(before) else (None, None)
    except Invalid as error:
        note(f"{begin[:12]} is no registry that can judge this one ({error.message}); the proposed keys judge it")
        trust = policy = None
    if trust is None or policy is None:
        alone = judge_alone(snapshot)
        origin = trust.origin if trust else ""
        broken = proposed(root, repository, begin, end, origin)._replace(paths=())
        return Verdict(alone.jobs, [*rules.judge(broken), *alone.problems])
    brought = proposed(root, repository, begin, end, policy.log.origin)
    now, then = load(snapshot, trust, policy), load(before, trust)
    news = changes.brought(now, snapshot, then)
    gone = sum(not now.holds(path) for path in then.jobs.files)
    known = _of_trust(before, trust, before)
    of_trust = [problem for problem in _of_trust(snapshot, trust, before) if problem not in known]
    return Verdict(len(news.jobs), list(dict.fromkeys([*rules.judge(brought), *of_trust, *news.problems])), gone)


def judge_alone(snapshot: Snapshot) -> Verdict:
    """Everything that is wrong with a registry, by its own keys and policy."""
    trust: Trust | None = None
    problems: list[Problem] = []
    try:
        trust = read_trust(snapshot)
    except Invalid as error:
        problems += error.problems
    registry: Registry = load(snapshot, trust or Known())
    unjudged = {"signer-unknown"} if trust is None else set()  # nobody is known where the trust list is wrong
    problems += [problem for problem in registry.problems if problem.code not in unjudged]
    return Verdict(len(registry.jobs), problems)


def _is_registry(snapshot: Snapshot) -> bool:
    return snapshot.exists(POLICY) or snapshot.exists(TRUST)


def _of_trust(snapshot: Snapshot, trust: Trust, before: Snapshot) -> tuple[Problem, ...]:
    """What is wrong with the trust list and the files that it answers for; and whether the log takes it after the one
    that it holds."""
    try:
        history = read_log(before, trust.log_vkey)[1]
        accepts(history, snapshot)
    except Invalid as error:
        return error.problems
    except Unverified as error:
        return (Problem("reports/log/checkpoint", 0, 0, error.code, error.message, error.hint),)
    return ()
