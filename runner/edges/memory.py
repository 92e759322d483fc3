"""Repository, spool and events in memory: real implementations that keep nothing.

`MemoryRepository` makes the very objects that git would make, byte for byte, so its commits carry real ids and real
signatures. Repositories that share one `MemoryRemote` are clones of it and can race. Used by tests, and wherever a
registry has to be tried without a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runner.edges.git_objects import (
    Author,
    Object,
    TreeSnapshot,
    commit_text,
    edit_tree,
    parse_commit,
    reports_tree,
)
from runner.errors import Conflict, Environment
from runner.ports import AttemptResult, Changes, CommitInfo, Event, Signer

AUTHOR = Author("beacon-runner", "beacon-runner@localhost")


class MemoryRemote:
    """What clones share: every object, the branch and the intent. `reachable` may be switched off."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.branch: str | None = None
        self.intent: str | None = None
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
        self._signer = signer
        self._now = now
        self._author = author
        self._head: str | None = None
        self._intent: str | None = None
        self.refresh()

    def refresh(self) -> None:
        """See `Repository.refresh`."""
        self._reach()
        self._head, self._intent = self.remote.branch, self.remote.intent

    def head(self) -> str | None:
        """See `Repository.head`."""
        return self._head

    def intent(self) -> str | None:
        """See `Repository.intent`."""
        return self._intent

    def snapshot(self, commit: str | None) -> TreeSnapshot:
        """See `Repository.snapshot`."""
        return TreeSnapshot(self.remote, commit)

    def parents(self, commit: str) -> tuple[str, ...]:
        """See `Repository.parents`."""
        return parse_commit(self.remote.get([commit])[0].data).parents

    def propose(self, parent: str | None, changes: Changes, message: str) -> str:
        """See `Repository.propose`."""
        self._reach()
        if self.remote.intent is not None:
            raise Conflict("intent-stands", f"another writer's intent {self.remote.intent} stands")
        if self.remote.branch != parent:
            raise Conflict("branch-moved", f"the branch is at {self.remote.branch}, not at {parent}")
        self.remote.intent = self._intent = self.make([parent] if parent else [], changes, message)
        return self.remote.intent

    def commit(self, parent: str | None, changes: Changes, message: str, intent: str | None = None) -> str:
        """See `Repository.commit`."""
        self._reach()
        if self.remote.branch != parent:
            raise Conflict("branch-moved", f"the branch is at {self.remote.branch}, not at {parent}")
        if intent is not None and self.remote.intent != intent:
            raise Conflict("intent-moved", f"the intent is {self.remote.intent}, not {intent}")
        self.remote.branch = self._head = self.make([parent] if parent else [], changes, message)
        if intent is not None:
            self.remote.intent = self._intent = None
        return self._head

    def history(self, since: str | None = None) -> Sequence[CommitInfo]:
        """See `Repository.history`."""
        known = set(self._walk(since, set()))
        oids = self._walk(self._head, known)
        raws = [item.data for item in self.remote.get(oids)]
        heads = [parse_commit(raw) for raw in raws]
        trees = reports_tree(self.remote, heads)
        return [CommitInfo(*row) for row in zip(oids, (head.parents for head in heads), raws, trees, strict=True)]

    def make(self, parents: Sequence[str], changes: Changes, message: str) -> str:
        """Store a commit, on top of the first parent's tree, that no ref points to yet. Two parents make a merge."""
        tree = parse_commit(self.remote.get(parents[:1])[0].data).tree if parents else None
        edit = edit_tree(self.remote, tree, changes)
        raw = commit_text(edit.tree, parents, self._author, self._now(), message)
        if self._signer is not None:
            from runner import sshsig

            raw = sshsig.sign_commit(self._signer, raw)
        commit = Object("commit", raw)
        self.remote.objects.update(edit.new)
        self.remote.objects[commit.oid] = commit
        return commit.oid

    def _walk(self, start: str | None, known: set[str]) -> list[str]:
        """Every commit reachable from one and not yet known, parents before children."""
        order: dict[str, None] = {}
        stack = [start] if start else []
        while stack:
            oid = stack[-1]
            open_parents = [
                parent
                for parent in ([] if oid in known else self.parents(oid))
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
