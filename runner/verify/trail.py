"""The commits that lead to the verified one, and what the log was at each of them. Steps 1 and 2.

Judged on trees, so that merges count: a commit either leaves `reports/` as its parent with the largest valid checkpoint
has it, or it is a runner's, signed by a key that the log knows, and makes the log longer. Each checkpoint anywhere in
this history must be a prefix of the verified log, so a fork, a rollback or a rewritten entry shows wherever it hides.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from runner.errors import Unverified, Usage
from runner.formats import note
from runner.formats.sshsig import commit_signer, public_line
from runner.model import Checkpoint
from runner.ports import CommitInfo, Repository
from runner.verify.keylog import KeyLog
from runner.verify.report import Notebook

CHECKPOINT = "reports/log/checkpoint"
_SHALLOW = "shallow clone: earlier commits are not here"


class Growth(NamedTuple):
    """A commit that logged the entries `first` up to, not with, `end`. `known` is whether the log before it is here."""

    commit: str
    first: int
    end: int
    known: bool


class Trail(NamedTuple):
    """Commits, parents before children, and the valid checkpoint of each `reports/` tree among them."""

    commits: Mapping[str, CommitInfo]
    checkpoints: Mapping[str, Checkpoint]
    growths: tuple[Growth, ...]
    shallow: bool

    def size(self, commit: CommitInfo) -> int:
        """Of the log at a commit; -1 where it has no valid checkpoint."""
        checkpoint = self.checkpoint(commit)
        return checkpoint.size if checkpoint else -1

    def checkpoint(self, commit: CommitInfo) -> Checkpoint | None:
        """The valid checkpoint at a commit."""
        return self.checkpoints.get(commit.reports) if commit.reports else None

    def parents(self, commit: CommitInfo) -> list[CommitInfo]:
        """The parents that are here."""
        return [self.commits[parent] for parent in commit.parents if parent in self.commits]

    def published(self, index: int) -> Checkpoint | None:
        """The checkpoint of the commit that logged an entry, where that commit is here."""
        growth = self.growth(index)
        return self.checkpoint(self.commits[growth.commit]) if growth and growth.known else None

    def growth(self, index: int) -> Growth | None:
        """The commit that logged an entry."""
        place = bisect_right(self.growths, index, key=lambda growth: growth.end)
        found = self.growths[place] if place < len(self.growths) else None
        return found if found and found.first <= index else None


def read_trail(repository: Repository, commit: str, vkey: str, book: Notebook) -> Trail:
    """The history of a commit. A checkpoint that the log's key did not sign is a finding, and no checkpoint."""
    commits = _ancestry(repository.history(), commit)
    checkpoints: dict[str, Checkpoint] = {}
    judged: set[str] = set()
    for info in commits.values():
        if info.reports is None or info.reports in judged:
            continue
        judged.add(info.reports)
        raw = repository.snapshot(info.oid).read(CHECKPOINT)
        try:
            if raw is None:
                raise Unverified("checkpoint-missing", "reports/ has no log/checkpoint")
            text = note.open_note(raw, [vkey]).text
            checkpoints[info.reports] = note.parse_checkpoint(text, note.parse_vkey(vkey).name)
        except Unverified as error:
            book.find(2, error.code, f"commit {info.oid}", error.message)
    shallow = any(parent not in commits for info in commits.values() for parent in info.parents)
    trail = Trail(commits, checkpoints, (), shallow)
    return trail._replace(growths=_growths(trail))


def judge_growth(trail: Trail, size: int, roots: Mapping[int, bytes] | None, book: Notebook) -> None:
    """Step 2: every checkpoint of the history is a prefix of the verified log of `size` entries with these roots; what
    is no runner's commit left `reports/` alone. `roots` is None where the log cannot be read."""
    _judge_checkpoints(trail, size, roots, book)
    for info in trail.commits.values():
        book.count(2, "commits")
        if not _changes(trail, info):
            continue
        before = max((trail.size(parent) for parent in trail.parents(info)), default=-1)
        where, now = f"commit {info.oid}", trail.size(info)
        if len(info.parents) > 1 and not _signed(info):
            message = "an unsigned merge has another reports/ than its parent with the longest log"
            book.find(2, "merge-changes-reports", where, message)
        elif trail.checkpoint(info) is not None and now <= before:
            message = f"it changes reports/, but its log has {now} entries, after {before}: nothing was logged"
            book.find(2, "log-not-grown", where, message)
    if trail.shallow:
        book.unchecked((2,), _SHALLOW)


def _judge_checkpoints(trail: Trail, size: int, roots: Mapping[int, bytes] | None, book: Notebook) -> None:
    first: dict[int, Checkpoint] = {}
    for info in trail.commits.values():
        found = trail.checkpoint(info)
        if found is None:
            continue
        where, other = f"commit {info.oid}", first.setdefault(found.size, found)
        expected = roots[found.size] if roots is not None and found.size in roots else other.root
        if found.size > size:
            message = f"its log has {found.size} entries, the verified one only {max(size, 0)}"
            book.find(2, "log-shrunk", where, message)
        if not found.root == other.root == expected:
            message = f"a signed checkpoint of {found.size} entries has the root {found.root.hex()}"
            book.find(2, "log-forked", where, f"{message}; another signed log of that size has {expected.hex()}")
    book.count(2, "checkpoints", len(first))
    if roots is None:
        book.unchecked((2,), "whether each checkpoint is a prefix of the log, which cannot be read")


def judge_signers(trail: Trail, keys: KeyLog | None, book: Notebook) -> Mapping[str, str]:
    """Step 1: commits that change `reports/` are signed by keys of runners that counted through all that they logged.
    Returns the commits' runners, by name. Without the log's keys only that they are signed."""
    runners: dict[str, str] = {}
    for info in trail.commits.values():
        if not _changes(trail, info):
            continue
        book.count(1, "commits that change reports/")
        where = f"commit {info.oid}"
        try:
            line = public_line(commit_signer(info.raw))
        except Unverified as error:
            book.find(1, error.code, where, error.message)
            continue
        if keys is None:
            continue
        before = max((trail.size(parent) for parent in trail.parents(info)), default=-1)
        last = max(trail.size(info), before, 1) - 1
        life = keys.lives.get(line)
        if life is None or life.role != "runner-git":
            known = f"the {life.role} key of {life.principal}" if life else "not in the log"
            book.find(1, "commit-foreign", where, f"signed with {line}, which is {known}; expected a runner's git key")
        elif doubt := life.doubt(max(last, life.added + 1) if life.added <= last else last):
            book.find(1, "commit-key", where, f"signed with the git key of {life.principal}, which {doubt}")
        else:
            runners[info.oid] = life.principal
    if keys is None:
        book.unchecked((1,), "whether the signing keys are those of runners: the log says so")
    if trail.shallow:
        book.unchecked((1,), _SHALLOW)
    return runners


def completes_intent(info: CommitInfo) -> bool:
    """Whether a commit says that it completes an intent, which another runner may have made and claimed in."""
    return b"\nbeacon-intent " in info.raw.partition(b"\n\n")[0]


def _ancestry(history: Sequence[CommitInfo], commit: str) -> dict[str, CommitInfo]:
    """The commits that lead to one, parents before children."""
    wanted = {commit}
    found: list[CommitInfo] = []
    for info in reversed(history):
        if info.oid in wanted:
            wanted.update(info.parents)
            found.append(info)
    if not found:
        raise Usage("revision-unknown", f"{commit} is not in the history of the branch")
    return {info.oid: info for info in reversed(found)}


def _changes(trail: Trail, info: CommitInfo) -> bool:
    """Whether `reports/` differs from that of the parent with the largest valid checkpoint. Not known at the edge of a
    shallow clone."""
    parents = trail.parents(info)
    if len(parents) < len(info.parents):
        return False
    most = max(map(trail.size, parents), default=-1)
    return info.reports not in ({parent.reports for parent in parents if trail.size(parent) == most} or {None})


def _signed(info: CommitInfo) -> bool:
    """Whether anybody signed a commit; who, and whether they may, is judged in step 1."""
    try:
        return bool(commit_signer(info.raw))
    except Unverified:
        return False


def _growths(trail: Trail) -> tuple[Growth, ...]:
    return tuple(sorted(_grown(trail), key=lambda growth: growth.end))


def _grown(trail: Trail) -> Iterator[Growth]:
    """The first commit of each size that is larger than its parents'."""
    seen: set[int] = set()
    for info in trail.commits.values():
        parents = trail.parents(info)
        before, size = max(map(trail.size, parents), default=-1), trail.size(info)
        if size > before and size not in seen:
            seen.add(size)
            yield Growth(info.oid, max(before, 0), size, len(parents) == len(info.parents))
