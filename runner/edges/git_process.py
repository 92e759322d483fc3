"""Running git, so that it does what is said here and nothing else.

The caller's `GIT_*` variables (a hook's `GIT_DIR`, an index, injected configuration), hooks, replaced objects and
prompts are shut out; how to reach a remote and to authenticate there (ssh, askpass, the user's and the system's
configuration) is let through. No argument ever comes from a tree or a commit: only object ids and the refs of `git.py`.
Objects and refs are on the disk, fsync and all, before git returns (`core.fsync`, git 2.36 and later).
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple, cast

from runner.edges.git_objects import Kind, Object, pack
from runner.errors import Environment

_KEPT = frozenset(
    {
        *(
            "GIT_ALLOW_PROTOCOL",
            "GIT_ASKPASS",
            "GIT_SSH",
            "GIT_SSH_COMMAND",
            "GIT_SSH_VARIANT",
            "GIT_SSL_CAINFO",
            "GIT_SSL_CAPATH",
        ),
        *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH"),
    }
)
_SETTINGS = (
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    "core.fsync=objects,reference",
    "core.fsyncMethod=fsync",
    "core.filesRefLockTimeout=5000",
    "core.packedRefsTimeout=5000",
    "gc.autoDetach=false",
    "repack.writeBitmaps=false",  # in a bare clone git would write them, and cannot where objects were left out
    "pack.window=50",  # versions of the log's files stand apart: a fifth of the space (docs/performance.md)
    "maintenance.autoDetach=false",
    "push.followTags=false",
    "push.gpgSign=false",
    "push.recurseSubmodules=no",
    "fetch.recurseSubmodules=no",
)
_OPTIONS = tuple(option for setting in _SETTINGS for option in ("-c", setting))
_OID = re.compile(r"[0-9a-f]{40}")
LOCKED = "another git works in this repository; or, if none does, one was killed: remove the .lock file"
_AT_ONCE = 1000  # ids of 41 bytes: less than a pipe holds, so that writing them never waits for their answers
_LOOSE = 100  # as git's own fetch.unpackLimit: more objects than this stay in one pack


class Done(NamedTuple):
    """How a git command ended. `out` and `err` are text with surrogates for what is not UTF-8."""

    code: int
    out: str
    err: str

    def complaint(self) -> str:
        """What git said was wrong, on one line."""
        lines = [line.strip() for line in self.err.splitlines() if line.strip()]
        return "; ".join(lines[:4])[:500] or f"exit status {self.code}"

    @property
    def locked(self) -> bool:
        """Whether a lock stood in the way, for as long as git waits for one."""
        return ".lock': File exists" in self.err


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which git runs."""
    kept = {key: value for key, value in environ.items() if not key.startswith("GIT_") or key in _KEPT}
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0"}


def run(
    folder: Path, environ: Mapping[str, str], arguments: Sequence[str], stdin: bytes = b"", seconds: float | None = None
) -> Done:
    """One git command in a folder. Whatever ends the wait, a signal or too many seconds, ends git and its helpers too.
    Raises `Environment` where git is missing, the folder is, or the time is up."""
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell, and no argument is foreign text: see above
            ["git", *_OPTIONS, *arguments],  # noqa: S607 - the user's git, as PATH finds it
            cwd=folder,
            env=environment(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise Environment(
            "git-missing", f"git cannot be started in {folder}: {error}", "install git 2.36 or later"
        ) from None
    try:
        out, err = process.communicate(stdin, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Environment(
            "git-timeout", f"git {arguments[0]} did not end within {seconds} s", "check the network and try again"
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return Done(process.returncode, out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "replace"))


class Git:
    """One repository on this machine, with one long-lived process that reads its objects. For one thread at a time.

    `bring` is asked once for objects that are not here, and says whether it fetched them; without one nothing is ever
    fetched that was not asked for by a command."""

    bring: Callable[[Sequence[str]], bool] | None = None

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """Raises `Environment` where there is no repository, or one whose ids are not SHA-1."""
        self._environ = environ
        self._batch: subprocess.Popen[bytes] | None = None
        found = run(
            folder, environ, ["rev-parse", "--path-format=absolute", "--git-common-dir", "--show-object-format"]
        )
        if found.code:
            raise Environment(
                "git-repository-missing", f"{folder} is no git repository: {found.complaint()}", "beacon init"
            )
        common, _, algorithm = found.out.rstrip("\n").rpartition("\n")
        if algorithm != "sha1":
            raise Environment("git-object-format", f"{folder} names its objects by {algorithm}, not by sha1")
        top = run(folder, environ, ["rev-parse", "--show-toplevel"])
        self.top = None if top.code else Path(top.out.rstrip("\n"))
        self.folder = folder
        self.dir = Path(common)

    def run(
        self, *arguments: str, stdin: bytes = b"", seconds: float | None = None, folder: Path | None = None
    ) -> Done:
        """A git command in this repository, or in another work tree of it; the caller judges how it ended."""
        return run(folder or self.folder, self._environ, arguments, stdin, seconds)

    def demand(self, *arguments: str, stdin: bytes = b"") -> str:
        """What a git command prints. Raises `Environment` where it fails."""
        done = self.run(*arguments, stdin=stdin)
        if done.code:
            hint = LOCKED if done.locked else "see `git fsck`, and the free space"
            raise Environment("git-failed", f"git {arguments[0]}: {done.complaint()}", hint)
        return done.out

    def refs(self, *patterns: str) -> dict[str, str]:
        """Local refs, by exact name or by prefix with its slash, to their ids."""
        rows = self.demand("for-each-ref", "--format=%(objectname) %(refname)", "--", *patterns).splitlines()
        return {name: oid for oid, _, name in (row.partition(" ") for row in rows)}

    def get(self, oids: Sequence[str]) -> list[Object]:
        """The objects, in that order. Raises `Environment` where one is missing."""
        try:
            return self._all(oids)
        except _Lost as lost:
            if self.bring is not None and self.bring(oids):
                with contextlib.suppress(_Lost):
                    return self._all(oids)
            raise self._missing(lost.oid) from None

    def store(self, items: Sequence[Object]) -> None:
        """Keep objects durably: few of them as files of their own, many in one pack. No ref points to them yet."""
        if len(items) <= _LOOSE:
            self.demand("unpack-objects", "-q", stdin=pack(items))
        else:
            self.demand("index-pack", "--stdin", "--fix-thin", stdin=pack(items))

    def close(self) -> None:
        """End the reading process. The repository may be used on: reading starts another."""
        if self._batch is not None:
            batch, self._batch = self._batch, None
            for pipe in (batch.stdin, batch.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
            batch.wait()

    def shallow(self) -> bool:
        """Whether this clone has only the newest commits (`--depth`)."""
        return (self.dir / "shallow").exists()

    def partial(self) -> bool:
        """Whether this clone may lack what a remote promised to keep (`--filter`)."""
        return self.run("config", "--get-regexp", r"^remote\..*\.promisor$").code == 0

    def _missing(self, oid: str) -> Environment:
        if self.partial():
            return Environment(
                "clone-partial",
                f"this clone left {oid} out (git clone --filter), and only verbs with a remote fetch what they need",
                "git fetch --refetch --no-filter, or clone again without --filter",
            )
        if self.shallow():
            return Environment(
                "clone-shallow", f"this clone has only the newest commits, and {oid} is older", "git fetch --unshallow"
            )
        return Environment("git-object-missing", f"no object {oid} in {self.dir}", "see `git fsck`; fetch again")

    def _all(self, oids: Sequence[str]) -> list[Object]:
        found: list[Object] = []
        for at in range(0, len(oids), _AT_ONCE):
            found += self._some(oids[at : at + _AT_ONCE])
        return found

    def _some(self, oids: Sequence[str]) -> list[Object]:
        for oid in oids:
            if not _OID.fullmatch(oid):
                raise ValueError(f"{oid!r} is no object id")
        batch = self._batch = self._batch or self._reader()
        requests, answers = cast("IO[bytes]", batch.stdin), cast("IO[bytes]", batch.stdout)
        found: list[Object | None] = []
        try:
            requests.write("".join(f"{oid}\n" for oid in oids).encode())
            requests.flush()
            found += (_answer(answers) for _ in oids)
        except BaseException as error:
            self.close()  # what was asked and not read would be taken for the next answer
            if isinstance(error, BrokenPipeError):
                if self.partial():  # git before 2.45 ends where it may not fetch
                    raise _Lost(oids[len(found)]) from None
                raise Environment("git-failed", "git cat-file ended early", "see `git fsck`") from None
            raise
        for oid, item in zip(oids, found, strict=True):
            if item is None:
                raise _Lost(oid)
        return cast("list[Object]", found)

    def _reader(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - constants only
            ["git", *_OPTIONS, "cat-file", "--batch"],  # noqa: S607 - the user's git, as PATH finds it
            cwd=self.folder,
            env=environment(self._environ) | {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


class _Lost(Exception):
    """An object that is not here."""

    def __init__(self, oid: str) -> None:
        self.oid = oid


def _answer(answers: IO[bytes]) -> Object | None:
    """One object as `git cat-file --batch` prints it, None where it is missing."""
    words = answers.readline().split()
    if len(words) == 2:
        return None
    if len(words) != 3:
        raise BrokenPipeError
    size = int(words[2])
    data = answers.read(size + 1)
    if len(data) != size + 1:
        raise BrokenPipeError
    return Object(cast("Kind", words[1].decode()), data[:size])
