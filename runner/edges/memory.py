"""Repository, spool and events in memory: real implementations that keep nothing.

`MemoryRepository` makes the very objects that git would make, byte for byte, so its commits carry real ids and real
signatures. Repositories that share one `MemoryRemote` are clones of it and can race. Used by tests, and wherever a
registry has to be tried without a disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from runner.edges.git_objects import Author, Maker, Object
from runner.edges.git_snapshot import TreeSnapshot, difference, read_commits
from runner.errors import Conflict, Environment
from runner.ports import AttemptResult, Changes, CommitInfo, Event, Signer

AUTHOR = Author("beacon-runner", "beacon-runner@localhost")
RUN = re.compile(r"[0-9a-f]{32}")


class MemoryRemote:
    """What clones share: objects, the branch, the intent, the cancellations. `reachable` may be switched off."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.branch: str | None = None
        self.intent: str | None = None
        self.cancelled: set[str] = set()
        self.reachable = True

    def get(self, oids: Sequence[str]) -> list[Object]:
        """The objects, in that order."""
        try:
            return [self.objects[oid] for oid in oids]
        except KeyError as error:
            raise Environment("git-object-missing", f"no object {error} in this repository") from None


class MemoryRepository:
    """A `Repository` that is a clone of a `MemoryRemote`. Commits are signed where a signer is given, so that one
    without can stand for people. `now` gives Unix seconds."""

    def __init__(
        self,
        remote: MemoryRemote | None = None,
        signer: Signer | None = None,
        now: Callable[[], int] = lambda: 0,
        author: Author = AUTHOR,
    ) -> None:
        self.remote = remote or MemoryRemote()
        self._maker = Maker(author, signer)
        self._now = now
        self._head: str | None = None
        self._intent: str | None = None
        self._cancelled: frozenset[str] = frozenset()
        self.refresh()

    def refresh(self) -> None:
        """See `Repository.refresh`."""
        self._reach()
        self._head, self._intent = self.remote.branch, self.remote.intent
        self._cancelled = frozenset(self.remote.cancelled)

    def head(self) -> str | None:
        """See `Repository.head`."""
        return self._head

    def intent(self) -> str | None:
        """See `Repository.intent`."""
        return self._intent

    def snapshot(self, commit: str | None) -> TreeSnapshot:
        """See `Repository.snapshot`."""
        return TreeSnapshot(self.remote, commit)

    def read_commit(self, commit: str) -> CommitInfo:
        """See `Repository.read_commit`."""
        return read_commits(self.remote, [commit])[0]

    def propose(self, parent: str | None, changes: Changes, message: str) -> str:
        """See `Repository.propose`."""
        self._reach()
        if self.remote.intent is not None:
            raise Conflict("intent-stands", f"another writer's intent {self.remote.intent} stands")
        if self.remote.branch != parent:
            raise Conflict("branch-moved", f"the branch is at {self.remote.branch}, not at {parent}")
        self.remote.intent = self._intent = self.make([parent] if parent else [], changes, message)
        return self.remote.intent

    def withdraw(self, intent: str) -> None:
        """See `Repository.withdraw`."""
        self._reach()
        if self.remote.intent == intent:
            self.remote.intent = None
        self.refresh()

    def commit(
        self,
        parent: str | None,
        changes: Changes,
        message: str,
        intent: str | None = None,
        merge_into: str | None = None,
    ) -> str:
        """See `Repository.commit`."""
        self._reach()
        if self.remote.branch != (merge_into or parent):
            raise Conflict("branch-moved", f"the branch is at {self.remote.branch}, not at {merge_into or parent}")
        if intent is not None and self.remote.intent != intent:
            raise Conflict("intent-moved", f"the intent is {self.remote.intent}, not {intent}")
        headers = {"beacon-intent": intent} if intent else {}
        new = self.make([parent] if parent else [], changes, message, headers)
        if merge_into is not None:
            new = self.make([merge_into, new], changes, message)
        self.remote.branch = self._head = new
        if intent is not None:
            self.remote.intent = self._intent = None
        return new

    def difference(self, old: str | None, new: str, folder: str) -> Changes:
        """See `Repository.difference`."""
        return difference(self.remote, old, new, folder)

    def cancellations(self) -> frozenset[str]:
        """See `Repository.cancellations`."""
        return self._cancelled

    def request_cancel(self, run: str) -> None:
        """See `Repository.request_cancel`."""
        self._reach()
        if not RUN.fullmatch(run):
            raise ValueError(f"{run!r} is not the first 32 hex digits of a run")
        self.remote.cancelled.add(run)
        self._cancelled |= {run}

    def forget_cancel(self, runs: Collection[str]) -> None:
        """See `Repository.forget_cancel`."""
        self._reach()
        self.remote.cancelled -= set(runs)
        self._cancelled -= set(runs)

    def history(self, since: str | None = None) -> Sequence[CommitInfo]:
        """See `Repository.history`."""
        return read_commits(self.remote, self._walk(self._head, set(self._walk(since, set()))))

    def make(
        self, parents: Sequence[str], changes: Changes, message: str, headers: Mapping[str, str] | None = None
    ) -> str:
        """Store a commit, on top of the first parent's tree, that no ref points to yet. Two parents make a merge."""
        items = self._maker.commit(self.remote, parents, changes, message, self._now(), headers or {})
        self.remote.objects.update((item.oid, item) for item in items)
        return items[-1].oid

    def _walk(self, start: str | None, known: set[str]) -> list[str]:
        """Every commit reachable from one and not yet known, parents before children."""
        order: dict[str, None] = {}
        stack = [start] if start else []
        while stack:
            oid = stack[-1]
            open_parents = [
                parent
                for parent in ([] if oid in known else self.read_commit(oid).parents)
                if parent not in known and parent not in order
            ]
            if open_parents:
                stack += open_parents
                continue
            stack.pop()
            if oid not in known:
                order[oid] = None
        return list(order)

    def _reach(self) -> None:
        if not self.remote.reachable:
            raise Environment("remote-unreachable", "the remote cannot be reached", "try again later")


class MemorySpool:
    """A `Spool` that is lost with the process."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[tuple[str, str, int, int], AttemptResult]] = {}

    def put(self, result: AttemptResult) -> None:
        """See `Spool.put`."""
        attempt = result.attempt
        key = (attempt.target, attempt.region, attempt.slot, attempt.n)
        self._kept.setdefault(attempt.run, {})[key] = result

    def results(self, run: str) -> Sequence[AttemptResult]:
        """See `Spool.results`."""
        return [result for _, result in sorted(self._kept.get(run, {}).items(), key=lambda item: item[0])]

    def runs(self) -> Sequence[str]:
        """See `Spool.runs`."""
        return list(self._kept)

    def forget(self, run: str) -> None:
        """See `Spool.forget`."""
        self._kept.pop(run, None)


class MemoryEvents:
    """An `Emit` that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Remember an event."""
        self.events.append(event)

    def names(self) -> list[str]:
        """The names of the events, in order."""
        return [event.name for event in self.events]
