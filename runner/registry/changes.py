"""What a pull request brings: one registry beside the one that it is to be merged into. Pure.

Costs what changed, not what stands: of a file that is the same blob in both, nothing is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runner.errors import Problem
from runner.ports import Snapshot
from runner.registry import BENCHMARKS, Jobs, Judged, Registry


def brought(registry: Registry, snapshot: Snapshot, base: Registry) -> Registry:
    """The part of a registry that is not in `base`: jobs that are new, hold other bytes, are right only now, or are
    suspended in one of the two alone; and problems that were not there. Both are judged by the same policy and keys."""
    lifted = registry.suspended ^ base.suspended
    paths = list(_touched(registry, snapshot, base))
    then = {one.path: one for one in base.jobs.judged(paths)}
    new: dict[str, Judged] = {}
    for now in registry.jobs.judged(paths):
        old = then.get(now.path) or Judged(now.path, None, ())
        same = now.job is not None and old.job is not None and now.job.sha256 == old.job.sha256
        same = same and now.path not in lifted
        found = Judged(now.path, None if same else now.job, _news(now.problems, old.problems))
        if found.job or found.problems:
            new[now.path] = found
    mistakes = _news(registry.mistakes, base.mistakes)
    digests = {path: judged.job.sha256 for path, judged in new.items() if judged.job}
    jobs = Jobs(new, lambda paths: {path: new[path] for path in paths})
    return Registry(registry.policy, jobs, registry.suspended, mistakes, lambda _: digests, registry.blobs)


def _touched(registry: Registry, snapshot: Snapshot, base: Registry) -> Iterator[str]:
    """Jobs of which anything may be said that could not be said before: the file, its signature or the benchmark that
    it names is another, its place is right only now, or `registry/suspended` says something else of it."""
    changed = {path for path, _ in registry.blobs.items() ^ base.blobs.items()}
    touched = {path.removesuffix(".sig") for path in changed} | base.misplaced
    touched |= registry.suspended ^ base.suspended
    within = f"{BENCHMARKS}/"
    names = {path.removeprefix(within).partition("/")[0].encode() for path in changed if path.startswith(within)}
    maybe = snapshot.read_all(list(registry.jobs.files)) if names else {}
    for path in registry.jobs.files:
        if path in touched:
            yield path
        elif names and (raw := maybe.get(path, b"")) and (b"\\" in raw or any(name in raw for name in names)):
            yield path  # a backslash may begin an escape, and hide a name


def _news(now: Iterable[Problem], then: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems that were not there. How they might be mended may follow from what else there is, and is left aside."""
    known = {problem._replace(help="") for problem in then}
    return tuple(problem for problem in now if problem._replace(help="") not in known)
