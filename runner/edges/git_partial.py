"""Objects that a clone left out: bringing them from its remote in one go.

A partial clone (`--filter=blob:none`, git's partial-clone.txt) has every commit but few contents, a shallow one
(`--depth`, shallow.txt) only the newest commits. Git itself would fetch each object that is missed in a connection of
its own. Here a miss brings all that is asked for at that moment; the first time at a head, all of `registry/` and
`reports/log/` there, which a tick reads in full; and with a single file below `reports/` all of its name, because who
reads one run's `diff.json` reads the next one's too. What else old runs left stays where it is.

Whether the remote may be reached at all is the caller's choice: a stranger's clone can name a remote that starts a
program, so `git_process.py` never lets git fetch by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.edges.git_process import Git
from runner.edges.git_remote import FETCH, NETWORK_SECONDS, unreachable
from runner.errors import Environment

_WHOLE = ("registry", "reports/log")


class Missing:
    """What a clone lacks, and where it comes from. Called with ids that `Git.get` did not find."""

    def __init__(self, git: Git, remote: str) -> None:
        self._git = git
        self._remote = remote
        self._heads: set[str] = set()

    def bring(self, oids: Sequence[str], head: str | None) -> bool:
        """Fetch those of the objects that are not here. False where this clone is whole: then they are lost. Raises
        `Environment` where the remote does not give them."""
        partial, shallow = self._git.partial(), self._git.shallow()
        if not partial and not shallow:
            return False
        wanted = self._lacking(oids)
        if partial and head is not None and head not in self._heads:
            self._heads.add(head)
            wanted += self._below(head)
        if partial and head is not None and len(oids) == 1:
            wanted += self._namesakes(head, oids[0])
        filtered = ("--filter=blob:none",) if partial else ()
        done = self._git.run(
            *("-c", "fetch.negotiationAlgorithm=noop", "fetch", *FETCH, *filtered, "--stdin", "--", self._remote),
            stdin="".join(f"{oid}\n" for oid in dict.fromkeys(wanted)).encode(),
            seconds=NETWORK_SECONDS,
        )
        if "unadvertised object" in done.err:
            raise Environment(
                "remote-withholds",
                f"the remote gives no single objects, and this clone left {len(wanted)} out (--filter, --depth)",
                "on the server: git config uploadpack.allowAnySHA1InWant true, or AcceptEnv GIT_PROTOCOL for its sshd; "
                "or clone again without these options",
            )
        if done.code:
            raise unreachable(done.complaint())
        return True

    def _lacking(self, oids: Sequence[str]) -> list[str]:
        """Those that are not here, as far as git can tell without fetching. One that stands below another may be named
        though it is here, which costs its transfer."""
        options = ("--objects", "--no-object-names", "--no-walk", "--filter=tree:0", "--ignore-missing", "--stdin")
        stdin = "".join(f"{oid}\n" for oid in oids).encode()
        here = set(self._git.demand("rev-list", "--missing=print", *options, stdin=stdin).split())
        return [oid for oid in oids if oid not in here]

    def _below(self, head: str) -> list[str]:
        """What a tick reads in full at a commit, and is not here."""
        found: list[str] = []
        for folder in _WHOLE:
            done = self._git.run("rev-list", "--missing=print", "--objects", "--no-object-names", f"{head}:{folder}")
            found += [line[1:] for line in done.out.splitlines() if line.startswith("?")]
        return found

    def _namesakes(self, head: str, oid: str) -> list[str]:
        """The files below `reports/` that are called like this one, and are not here."""
        rows = self._git.run("ls-tree", "-r", "--format=%(objectname) %(path)", f"{head}:reports").out.splitlines()
        names = {row[41:].rpartition("/")[2] for row in rows if row.startswith(oid)}
        return self._lacking([row[:40] for row in rows if row[41:].rpartition("/")[2] in names])


def deepen(git: Git, remote: str, branch: str) -> None:
    """Bring the whole history of a branch into a shallow clone. Moves no ref. Raises `Environment`."""
    done = git.run("fetch", *FETCH, "--unshallow", "--", remote, branch, seconds=NETWORK_SECONDS)
    if done.code:
        raise unreachable(done.complaint())
