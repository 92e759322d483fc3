"""The seams between the core and the world. Each has at least two real implementations in `runner/edges/`.

    Repository   git.py (a clone, with or without a remote) · memory.py
    Executor     local.py (sandbox on this machine) · golem/ (yagna's network, or a devnet) · a function, in tests
    Spool        spool.py (folder in the git directory) · memory.py
    Signed       state.py (folder outside the clone) · memory, in tests
    Pinner       ipfs/kubo.py · ipfs/legacy.py · ipfs/service.py · ipfs/folder.py
    Emit         progress on a terminal or in lines (`runner/commands/progress.py`) · memory.py

Promises are written here in words; implementations are tested against them with the same contract tests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:  # a seam makes no document, and whoever has one has imported it
    from runner.model.entry import Checkpoint
    from runner.model.jobspec import Container, Limits, Prompt, Region
    from runner.model.receipt import Executor as ExecutorFacts
    from runner.model.receipt import Image, Provider, RegionEvidence, Times
    from runner.model.run import Attempt, AttemptStatus, Cell, CellStatus
    from runner.model.settlement import Settlement

Changes: TypeAlias = Mapping[str, bytes | None]
"""What one commit changes: path to new bytes, or to None where the file goes away."""


class Blob(NamedTuple):
    """One file of a tree. `mode` is git's, `100644` for plain files; `oid` names its bytes."""

    mode: str
    oid: str


class Snapshot(Protocol):
    """The tree of one commit, or of none (then empty). Never changes."""

    commit: str | None

    def files(self, prefix: str) -> Mapping[str, Blob]:
        """Every file below a folder (no slash at its end), full path to blob, sorted; links and submodules too."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or None where there is none."""

    def read_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """The bytes of many files in one go; missing ones are left out."""

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        """The SHA-256 of the bytes of many files; missing ones are left out. May be remembered, so what is signed or
        verified is hashed anew by whoever needs it."""

    def exists(self, path: str) -> bool:
        """Whether a file or a folder stands at the path. One look-up."""


class CommitInfo(NamedTuple):
    """One commit. `raw` is the commit object, `reports` and `registry` the oids of those trees, or None."""

    oid: str
    parents: tuple[str, ...]
    raw: bytes
    reports: str | None
    registry: str | None


class Repository(Protocol):
    """A branch of a git repository, and a second ref, the intent, that serialises writers."""

    def refresh(self) -> None:
        """Fetch the branch and the intent from the remote, where there is one. Raises `Environment`."""

    def head(self) -> str | None:
        """The branch's commit as last refreshed, None before the first."""

    def intent(self) -> str | None:
        """The intent's commit as last refreshed, None where nobody writes."""

    def snapshot(self, commit: str | None) -> Snapshot:
        """The tree of a commit."""

    def read_commit(self, commit: str) -> CommitInfo:
        """One commit: its parents, and the raw object whose signature can be checked."""

    def propose(self, parent: str | None, changes: Changes, message: str) -> str:
        """Create the intent: a signed commit on top of `parent` with the changes. Durable and visible to all before it
        returns. Raises `Conflict` where an intent stands already or the branch is no longer at `parent`. With a remote
        the branch may move in the very moment: `head` says afterwards where it was when the intent stood."""

    def withdraw(self, intent: str) -> None:
        """Drop an intent that nobody signs, as far as the remote allows, and refresh. Does nothing where it is not the
        one that stands."""

    def commit(
        self,
        parent: str | None,
        changes: Changes,
        message: str,
        intent: str | None = None,
        merge_into: str | None = None,
    ) -> str:
        """THE ONE WRITE. A signed commit on top of `parent` becomes the branch's head, and the intent, where one is
        given, goes away in the same step. All or nothing; compare-and-swap on the branch and on the intent.
        Durable when it returns. Raises `Conflict` where somebody was faster: then nothing changed.

        The branch is at `parent`, or, where people have moved it on since, at `merge_into`: then the head becomes a
        signed merge of the new commit into that one, with the same changes."""

    def difference(self, old: str | None, new: str, folder: str) -> Changes:
        """What changed below a folder between two commits, with the new bytes. Costs what changed, not what stands."""

    def cancellations(self) -> frozenset[str]:
        """Runs, by the first 32 hex digits, that somebody asked to cancel (refs `refs/beacon/cancel/<run>`), as last
        refreshed."""

    def request_cancel(self, run: str) -> None:
        """Ask for a run to be cancelled. Durable and visible to all when it returns."""

    def forget_cancel(self, runs: Collection[str]) -> None:
        """Drop the requests to cancel these runs, which are over, as far as the remote allows: one that stays does no
        harm. Raises nothing for requests that are gone already."""

    def history(self, since: str | None = None) -> Sequence[CommitInfo]:
        """Every commit reachable from the head and not from `since`, parents before children."""


class Work(NamedTuple):
    """What an executor needs to run one attempt.

    `files` is the benchmark's folder for a `source` image: relative path to bytes. `avoid` names providers that
    failed this slot or serve another slot of the region. `parameters` are the target's own. `limits` are the job's,
    but for the total one: that is what is left of it when the attempt begins. `start` is the log index of the run's
    start, `budget` what the region may spend in the whole run (GLM, a decimal string), `reserved` the most that one
    attempt may cost."""

    attempt: Attempt
    target: Container
    files: Mapping[str, bytes]
    region: Region
    countries: tuple[str, ...]
    job_path: str
    prompts: Mapping[str, Prompt]
    cells: tuple[tuple[Cell, int], ...]
    limits: Limits
    avoid: frozenset[str]
    start: int
    min_grade: str
    budget: str
    reserved: str


class CellOutput(NamedTuple):
    """One cell as the benchmark answered it. `output` are the raw bytes, None where the status is not `ok`."""

    cell: Cell
    seed: int
    status: CellStatus
    output: bytes | None
    finish: str | None
    ms: int | None
    reason: str | None


class AttemptResult(NamedTuple):
    """What happened. `transcript` is canonical JSON: the request, the lines read, the error stream, marked where cut.
    Cells that the provider never got to are `missing`; none is left out."""

    attempt: Attempt
    status: AttemptStatus
    reason: str | None
    retryable: bool
    exit_code: int | None
    cells: tuple[CellOutput, ...]
    transcript: bytes
    executor: ExecutorFacts
    image: Image
    region: RegionEvidence
    provider: Provider
    times: Times
    usage: Mapping[str, int]
    reserved: str
    observed: str
    invoice: str | None = None


class Executor(Protocol):
    """Runs attempts. Never raises for what a benchmark or a provider does: that is a result with a reason."""

    kind: str
    capacity: int

    def refuses(self, target: Container) -> str | None:
        """Why this executor cannot run a target here, or None where it can. Cheap."""

    def prepare(self, target: Container, files: Mapping[str, bytes]) -> None:
        """Install what the image needs, once, before anything is claimed. Raises `Environment`."""

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """Run one attempt; returns within its limits, or soon after `cancel` is set, with nothing left running."""

    def finish(self, start: int, run: str) -> None:
        """Nothing more is attempted for this start of a run: end what is open, pay what is owed as far as it is asked
        for by now, release what is reserved. Idempotent; also for starts whose attempts another process made."""

    def settlement(self, start: int, run: str) -> Settlement | None:
        """What a finished start was paid, once nothing of it is open; None before, and where running costs nothing."""

    def remembered(self) -> Sequence[tuple[int, str]]:
        """Starts, with their runs, whose money is remembered. Reaches for nothing but this machine's folders."""

    def settled(self, start: int, run: str) -> None:
        """The settlement is published: nothing need be remembered of it."""


class Spool(Protocol):
    """Finished attempts that are not yet published. Losing it loses money, never truth."""

    def put(self, result: AttemptResult) -> None:
        """Keep a result, durably, replacing one of the same attempt."""

    def results(self, run: str) -> Sequence[AttemptResult]:
        """The results kept for a run, in the order of their attempts."""

    def runs(self) -> Sequence[str]:
        """The runs of which something is kept."""

    def forget(self, run: str) -> None:
        """Drop a run that was published."""


class Signed(Protocol):
    """The highest checkpoint that this runner ever signed for a log. Kept outside the clone."""

    def highest(self) -> Checkpoint | None:
        """What was remembered last, or None."""

    def remember(self, checkpoint: Checkpoint) -> None:
        """Durable when it returns. Raises `Environment` for a size below the highest, or the same size with another
        root: a log must never sign that."""


Standing: TypeAlias = Literal["absent", "pending", "pinned"]
"""What a target says of a bundle: nothing of it, that it is fetching it, that it keeps it."""


class PinFailed(Exception):
    """A step at a target did not work. `why` is for people. `retryable`: the same step may work in a moment. `missing`:
    the target lacks blocks, so that they have to be put there again. `away`: nobody answers there at all."""

    def __init__(self, why: str, *, retryable: bool = True, missing: bool = False, away: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.retryable = retryable
        self.missing = missing
        self.away = away


class Pinner(Protocol):
    """A place that keeps bundles. Every method is one short step that may be repeated at any time, ends within a bound
    and raises nothing but `PinFailed`. May be used from several threads. What it says is believed by nobody: a bundle
    is held once `fetch` gave it back."""

    def standings(self, cids: Collection[str]) -> Mapping[str, Standing]:
        """What the target says of these bundles. Of one, it is certain; of many, those that are left out may be there
        all the same."""

    def put(self, cid: str, car: Callable[[], Iterable[bytes]]) -> None:
        """Bring the blocks to where `pin` finds them. `car` gives the CAR from its beginning, in pieces."""

    def pin(self, cid: str, name: str) -> Standing:
        """Ask that a bundle be kept, under a name for people; a bundle that is kept already stays so. What the target
        says of it now."""

    def fetch(self, cid: str) -> Iterator[bytes]:
        """The bundle as a CAR, from the target's own store. Closing the iterator ends it early."""

    def close(self) -> None:
        """Let go of connections."""


class Signer(Protocol):
    """An Ed25519 key of one role. `public` has 32 bytes, a signature 64."""

    public: bytes

    def sign(self, message: bytes) -> bytes:
        """The signature (RFC 8032) of a message."""


class Keys(NamedTuple):
    """The runner's three keys, never shared between roles."""

    git: Signer
    receipt: Signer
    log: Signer


class Event(NamedTuple):
    """Something happened. `name` is stable (`runner/events.py` lists them all); `facts` are for people and programs."""

    name: str
    facts: Mapping[str, str | int | None]


Emit: TypeAlias = Callable[[Event], None]
