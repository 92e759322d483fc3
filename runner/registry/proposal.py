"""The rules of a pull request: what may not stand in one, whatever its files say. Pure: the commits that it brings and
the paths that it changes in, problems out.

`reports/` is the runner's. `beacon verify` judges every commit for ever, so a change that a later commit takes back is
found all the same: it has to leave the history before the merge. Keys come alone, because in the log a key and a job
that it signed never enter together, and because a reviewer of a key has other questions than one of a job. Code that
comes with a registry is allowed, but the plan was made by the code before it.

What the files themselves say is judged in `runner/registry`; how commits are read, in `runner/edges/git_range.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from runner.errors import Problem

REPORTS = "reports/"
JOBS = "registry/jobs/"
KEYS = ("registry/keys/", "registry/trust.sigs/", "registry/trust.json", "registry/policy.yaml")
CODE = (".github/", "runner/", "schemas/", "action.yml", "beacon", "pyproject.toml", "requirements.txt")
MOST_COMMITS = 1000
"""How many commits are looked at: nobody reviews more, and each is somebody else's to choose."""
_TOLD = 10


class Ancestor(NamedTuple):
    """What a commit's parent holds: the id of its tree `reports/` (None: none), and the size of the log in it."""

    reports: str | None
    size: int


class Commit(NamedTuple):
    """A commit that a pull request brings."""

    oid: str
    reports: str | None
    parents: tuple[Ancestor, ...]

    @property
    def touches_reports(self) -> bool:
        """Whether `reports/` is another than that of the parent with the largest log. So a merge of the branch takes
        the branch's, and one that goes back to an older log is found."""
        largest = max((parent.size for parent in self.parents), default=0)
        return self.reports not in ({one.reports for one in self.parents if one.size == largest} or {None})


class Proposal(NamedTuple):
    """What a pull request brings: its commits, newest first, `more` where there are too many to look at; and the paths
    that differ between where it began and where it ends."""

    commits: Sequence[Commit]
    more: bool
    paths: Sequence[str]


def judge(proposal: Proposal) -> tuple[Problem, ...]:
    """What no pull request to a registry may do."""
    return (*_reports(proposal), *_keys(proposal.paths), *_code(proposal.paths))


def _reports(proposal: Proposal) -> Iterator[Problem]:
    if proposal.more:
        message = f"it has more than {MOST_COMMITS} commits, of which each would have to be judged"
        yield Problem("registry", 0, 0, "proposal-too-long", message, "squash them: git rebase --interactive")
    guilty = [commit.oid[:12] for commit in proposal.commits if commit.touches_reports]
    if not guilty and (touched := _first(proposal.paths, (REPORTS,)) or _first(proposal.paths, ("reports",))):
        message = "only the runner writes reports/: what it holds has to follow from the log"
        yield Problem(touched, 0, 0, "proposal-touches-reports", message, "take it out of the pull request")
    for oid in guilty[:_TOLD]:
        message = f"commit {oid} changes reports/, which only the runner writes; taking it back later does not help"
        hint = f"take it out of the history: git rebase --interactive {oid}~1, or squash all commits into one"
        yield Problem("reports", 0, 0, "proposal-touches-reports", message, hint)
    if len(guilty) > _TOLD:
        message = f"{len(guilty) - _TOLD} more commits change reports/"
        yield Problem("reports", 0, 0, "proposal-touches-reports", message, "squash all commits into one without it")


def _keys(paths: Sequence[str]) -> Iterator[Problem]:
    key, job = _first(paths, KEYS), _first(paths, (JOBS,))
    if key and job:
        message = f"keys or policy change together with a job ({job}): each is judged by what stands before it"
        hint = "make two pull requests, keys and policy first"
        yield Problem(key, 0, 0, "proposal-mixes-keys", message, hint)


def _code(paths: Sequence[str]) -> Iterator[Problem]:
    code, asked = _first(paths, CODE), _first(paths, ("registry/",))
    if code and asked:
        message = "code changes together with the registry: what is said of the registry was found by the code before"
        yield Problem(code, 0, 0, "proposal-mixes-code", message, "make two pull requests", severity="warning")


def _first(paths: Iterable[str], starts: tuple[str, ...]) -> str | None:
    """The first path that is one of these, or below one that ends in a slash."""
    folders = tuple(start for start in starts if start.endswith("/"))
    return next((path for path in paths if path in starts or (folders and path.startswith(folders))), None)
