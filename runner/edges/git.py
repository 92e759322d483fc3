"""A `Repository` that is a clone, with or without a remote. Git keeps objects and moves refs; we make the objects.

    refs/heads/<branch>            what everybody reads
    refs/beacon/intent             who writes next: created, and cleared, by compare-and-swap
    refs/beacon/cancel/<run>       runs that somebody asked to cancel

With a remote, its refs are the truth. The commit point is one atomic push that compares every ref it moves; since the
new commit stands on the compared one, the branch is never forced. Local refs move after it. Without a remote the commit
point is one `git update-ref` transaction. How a push ended is read from its porcelain flags; where the connection was
cut before they came, from the remote's refs.

What git does not promise: a push cannot compare a ref that it does not move on the server's side. So `propose` compares
the branch with what the server advertised in the same connection, and looks again when it has won: where the branch
moved within that moment, even by an intent that came and went, the new one's parent is not the head. And the files
behind refs change one by one: a machine that dies amid a transaction may keep the intent beside the commit that
completed it. So each commit names the intent it completes in a header, `beacon-intent`; one so named is *spent*: it
counts as absent, and the next one takes its place.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Self

from runner.edges.git_digests import DigestTable
from runner.edges.git_objects import Author, Maker, header
from runner.edges.git_partial import Missing, deepen
from runner.edges.git_process import Git
from runner.edges.git_remote import CANCEL, RUN, fetch, push, to_cancel
from runner.edges.git_snapshot import TreeSnapshot, difference, read_commits
from runner.edges.git_worktree import carried, checked_out
from runner.errors import Conflict, Environment, Unverified, Usage
from runner.events import say
from runner.formats.sshsig import commit_signer
from runner.ports import Changes, CommitInfo, Emit, Signer

INTENT = "refs/beacon/intent"
_NONE = "0" * 40
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_REMOTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class GitRepository:
    """See `Repository`. Belongs to one thread at a time; ends its processes on `close()`.

    `remote` is the name of a configured remote. `now` gives Unix seconds. `signer` signs every commit; without one the
    repository can only be read. Raises `Environment` where there is no repository at `path`."""

    def __init__(
        self,
        path: Path,
        branch: str,
        signer: Signer | None,
        author: Author,
        remote: str | None,
        now: Callable[[], int],
        emit: Emit = lambda _: None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        if not _BRANCH.fullmatch(branch) or not _REMOTE.fullmatch(remote or "none"):
            raise Environment("git-name", f"branch {branch!r} or remote {remote!r} is no plain name")
        self._git = Git(path, os.environ if environ is None else environ)
        self._maker = Maker(author, signer)
        self._remote = remote
        self._now = now
        self._emit = emit
        self.branch = branch
        self._local = f"refs/heads/{branch}"
        self._tracking = f"refs/remotes/{remote}/{branch}" if remote else self._local
        self._head: str | None = None
        self._intent: str | None = None
        self._spent: str | None = None
        self._cancelled: frozenset[str] = frozenset()
        if remote is not None:
            missing = Missing(self._git, remote)
            self._git.bring = lambda oids: missing.bring(oids, self._head)
        self._look()

    @property
    def git_dir(self) -> Path:
        """The git directory, where caches may stand; shared by all work trees."""
        return self._git.dir

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes of this repository."""
        self._git.close()

    # Reading

    def refresh(self) -> None:
        """See `Repository.refresh`. One `ls-remote`, and a fetch only where something is new."""
        if self._remote is not None:
            theirs = fetch(self._git, self._remote, {self._local: self._tracking, INTENT: INTENT}, [f"{CANCEL}*"])
            self._cancelled = to_cancel(theirs)
        self._look()
        if self._remote is not None and self._git.top is None and self._head is not None:
            self._follow(self._head)  # nobody pulls into a bare clone

    def head(self) -> str | None:
        """See `Repository.head`."""
        return self._head

    def intent(self) -> str | None:
        """See `Repository.intent`."""
        return self._intent

    def cancellations(self) -> frozenset[str]:
        """See `Repository.cancellations`."""
        return self._cancelled

    def snapshot(self, commit: str | None) -> TreeSnapshot:
        """See `Repository.snapshot`."""
        return TreeSnapshot(self._git, commit, DigestTable(self.git_dir / "beacon" / "digests"))

    def read_commit(self, commit: str) -> CommitInfo:
        """See `Repository.read_commit`."""
        return read_commits(self._git, [commit])[0]

    def difference(self, old: str | None, new: str, folder: str) -> Changes:
        """See `Repository.difference`."""
        return difference(self._git, old, new, folder)

    def history(self, since: str | None = None) -> Sequence[CommitInfo]:
        """See `Repository.history`. Raises `Environment` where `since` is not known here, and in a shallow clone."""
        if self._git.shallow():
            raise Environment(
                "clone-shallow", "this clone has only a part of the history", "git fetch --unshallow, or clone again"
            )
        return read_commits(self._git, self._between(since, self._head))

    def resolve(self, revision: str) -> str:
        """The commit that a person's words name: a branch, a tag, an id or its beginning. Raises `Usage`."""
        plain = revision.isprintable() and not revision.startswith("-")
        done = self._git.run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") if plain else None
        if done is None or done.code:
            raise Usage("revision-unknown", f"{revision!r} names no commit of this repository", "see `git log`")
        return done.out.strip()

    # Writing

    def propose(self, parent: str | None, changes: Changes, message: str) -> str:
        """See `Repository.propose`. A random header keeps two proposals apart that are equal in all else: git would
        call the second push "up to date"."""
        new = self._store([parent] if parent else [], changes, message, {"beacon-nonce": secrets.token_hex(8)})
        wanted = {self._local: parent, INTENT: self._spent}
        if self._remote is None:
            self._transact(
                f"verify {self._local} {parent or _NONE}\nupdate {INTENT} {new} {self._spent or _NONE}", wanted
            )
        else:
            if parent is None:  # a push cannot say "this ref is absent" of one that it does not create
                self.refresh()
                self._raise_if_moved(wanted)
            unmoved = [f"{parent}:{self._local}"] if parent else []
            self._push([f"{new}:{INTENT}", *unmoved], wanted, INTENT, landed=lambda: self._intent == new)
            self._git.demand("update-ref", INTENT, new)
        self.refresh()
        if self._intent != new:
            raise Conflict("intent-moved", "another writer was faster to complete it")
        return new

    def withdraw(self, intent: str) -> None:
        """See `Repository.withdraw`."""
        self._drop(INTENT, intent)
        self.refresh()

    def commit(
        self,
        parent: str | None,
        changes: Changes,
        message: str,
        intent: str | None = None,
        merge_into: str | None = None,
    ) -> str:
        """See `Repository.commit`. Where the branch is checked out, its files follow. With a remote they, and the local
        branch, follow only if nothing local is in the way; else the event `branch-not-moved` says so."""
        new = self._store([parent] if parent else [], changes, message, {"beacon-intent": intent} if intent else {})
        if merge_into is not None:
            new = self._store([merge_into, new], changes, message, {})
        old = merge_into or parent
        wanted = {self._local: old} | ({INTENT: intent} if intent else {})
        if self._remote is None:
            self._move(old, new, f"\ndelete {INTENT} {intent}" if intent else "", wanted)
        else:
            refspecs = [f"{new}:{self._local}", *([f":{INTENT}"] if intent else [])]
            self._push(refspecs, wanted, self._local, landed=lambda: self._ancestor(new, self._head))
            gone = f"delete {INTENT}\n" if intent else ""
            self._git.demand("update-ref", "--stdin", stdin=f"update {self._tracking} {new}\n{gone}".encode())
            self._follow(new)
        self._look()
        self._git.run("gc", "--auto", "--quiet")
        return new

    def request_cancel(self, run: str) -> None:
        """See `Repository.request_cancel`. The ref points to the head, because a ref must point to something."""
        if not RUN.fullmatch(run):
            raise ValueError(f"{run!r} is not the first 32 hex digits of a run")
        if self._head is None:
            raise Environment("branch-missing", "there is no commit yet, so no run that could be cancelled")
        if self._remote is None:
            self._git.demand("update-ref", f"{CANCEL}{run}", self._head)
        elif not (pushed := push(self._git, self._remote, {}, [f"+{self._head}:{CANCEL}{run}"])).ok:
            raise Environment("push-refused", f"the remote did not take the request: {pushed.reason}")
        self._cancelled |= {run}

    def forget_cancel(self, runs: Collection[str]) -> None:
        """See `Repository.forget_cancel`. Each ref goes alone: one that another runner dropped first stops no other."""
        for run in sorted(self._cancelled.intersection(runs)):
            self._drop(f"{CANCEL}{run}")
        self._cancelled -= set(runs)

    def _store(self, parents: Sequence[str], changes: Changes, message: str, headers: Mapping[str, str]) -> str:
        """Write a commit that no ref points to yet."""
        if self._maker.signer is None:
            raise Environment("key-missing", "commits are signed, and there is no key for them", "set BEACON_KEYS")
        items = self._maker.commit(self._git, parents, changes, message, self._now(), headers)
        self._git.store(items)
        return items[-1].oid

    def _push(
        self, refspecs: Sequence[str], wanted: Mapping[str, str | None], moved: str, landed: Callable[[], bool]
    ) -> None:
        """Push, and judge by `moved` whether it was we who moved. Where the answer was lost, `landed` says from the
        refreshed refs whether the push arrived."""
        assert self._remote is not None
        pushed = push(self._git, self._remote, wanted, refspecs)
        if pushed.ok and pushed.flags.get(moved) in (" ", "*", "+"):
            return
        try:
            self.refresh()
        except Environment as error:
            raise Environment(
                "push-unknown" if not pushed.refused else "push-refused",
                f"the push did not end well ({pushed.reason}), and then {error.message}",
                "nothing is lost: the next run looks whether it arrived",
            ) from None
        if not pushed.ok and not pushed.refused and landed():
            return
        self._raise_if_moved(wanted)
        if pushed.ok or pushed.raced:
            raise Conflict("branch-moved", f"somebody else wrote at the same moment: {pushed.reason}")
        if pushed.refused:
            hint = "check access rights and branch rules, and the server's disk and *.lock files"
            raise Environment("push-refused", f"the remote refused: {pushed.reason}", hint)
        hint = "check the network and the access rights; nothing is lost, the next run tries again"
        raise Environment("push-failed", f"nothing arrived at the remote: {pushed.reason}", hint)

    def _drop(self, ref: str, old: str | None = None) -> None:
        if self._remote is None:
            self._git.run("update-ref", "-d", ref, *([old] if old else []))
        else:
            push(self._git, self._remote, {ref: old} if old else {}, [f":{ref}"])

    def _transact(self, commands: str, wanted: Mapping[str, str | None]) -> None:
        """Move local refs, all or none."""
        stdin = f"start\n{commands}\nprepare\ncommit\n".encode()
        done = self._git.run("update-ref", "--stdin", stdin=stdin)
        if done.code:
            self._look()
            self._raise_if_moved(wanted)
            raise Environment(
                "ref-update-failed", f"refs did not move: {done.complaint()}", "a *.lock file left by a crash?"
            )

    def _raise_if_moved(self, wanted: Mapping[str, str | None]) -> None:
        standing = self._intent or self._spent
        if self._head != wanted[self._local]:
            raise Conflict("branch-moved", f"the branch is at {self._head}, not at {wanted[self._local]}")
        if INTENT in wanted and standing != wanted[INTENT]:
            code = "intent-moved" if wanted[INTENT] else "intent-stands"
            raise Conflict(code, f"the intent is {standing}, not {wanted[INTENT]}")

    # Refs and work trees

    def _look(self) -> None:
        """Read the local refs."""
        refs = self._git.refs(self._tracking, INTENT, CANCEL)
        self._head, self._intent, self._spent = refs.get(self._tracking), refs.get(INTENT), None
        if self._remote is None:
            self._cancelled = to_cancel(refs)
        if self._intent and self._head and self._completed(self._intent, self._head):
            self._intent, self._spent = None, self._intent

    def _completed(self, intent: str, head: str) -> bool:
        """Whether a commit since the intent's parent says that it completed it, and is signed by who proposed it or by
        this runner: a contributor could write such a header too."""
        proposal = self.read_commit(intent)
        own = {self._maker.signer.public} if self._maker.signer else set()
        since = proposal.parents[0] if proposal.parents else None
        if self._remote and since and self._git.shallow() and not self._ancestor(since, head):
            deepen(self._git, self._remote, self._local)  # who completed it may stand before what is here
        named = [
            item.data
            for item in self._git.get(self._between(since, head))
            if header(item.data, "beacon-intent") == intent
        ]
        try:
            return any(commit_signer(raw) in {commit_signer(proposal.raw), *own} for raw in named)
        except Unverified:
            return False

    def _between(self, since: str | None, until: str | None) -> list[str]:
        """Commits reachable from one and not from another, parents before children."""
        if until is None:
            return []
        self._git.get([oid for oid in (since, until) if oid])
        known = [f"^{since}"] if since else []
        return self._git.demand("rev-list", "--topo-order", "--reverse", until, *known, "--").split()

    def _ancestor(self, old: str, new: str | None) -> bool:
        return new is not None and self._git.run("merge-base", "--is-ancestor", old, new).code == 0

    def _move(self, parent: str | None, new: str, intent: str, wanted: Mapping[str, str | None]) -> None:
        """The commit point without a remote. Refuses before it where files that are checked out are in the way."""
        _, place = checked_out(self._git, self._local)
        head = self.read_commit(parent) if parent else None
        if place and not carried(self._git, place, parent, new, head, self._maker.signer, "-n"):
            self._look()
            self._raise_if_moved(wanted)
            raise Environment(
                "work-tree-in-the-way", f"{place} has changes that are not committed", "commit or stash them"
            )
        self._transact(f"update {self._local} {new} {parent or _NONE}{intent}", wanted)
        if place:
            carried(self._git, place, parent, new, head, self._maker.signer)

    def _follow(self, new: str) -> None:
        """Bring the local branch, and the work tree where it is checked out, forward to the remote's."""
        old, place = checked_out(self._git, self._local)
        if old != new and (
            (old is not None and not self._ancestor(old, new))
            or (
                place is not None and not carried(self._git, place, old, new, self.read_commit(new), self._maker.signer)
            )
            or self._git.run("update-ref", self._local, new, old or _NONE).code
        ):
            say(self._emit, "branch-not-moved", branch=self._local.removeprefix("refs/heads/"), hint="git pull")
