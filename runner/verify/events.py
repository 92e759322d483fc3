"""What the log tells, as values: starts, ends, what they left, settlements, later judgements.

Whether an entry may say so is judged in `runner/verify/ledger.py`. Where files belong follows from the entries alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from runner.model import entry as e
from runner.verify.authority import Known
from runner.verify.keylog import KeyLog

LAST_GENERATION = 3


class Began(NamedTuple):
    """A `start`, where it stands, and the log's root up to and with it: its seeds come from there."""

    entry: int
    start: e.Start
    root: bytes

    @property
    def folder(self) -> str:
        """`reports/jobs/<owner>/[<suite>/]<name>/runs/[<YYYY-MM>/]<first 32 hex digits of the run>`."""
        month = f"{self.start.due[:7]}/" if self.start.due else ""
        return f"{self.job_folder}/runs/{month}{self.start.run[:32]}"

    @property
    def job_folder(self) -> str:
        """`reports/jobs/<owner>/[<suite>/]<name>`."""
        return self.start.job.replace("registry/jobs/", "reports/jobs/", 1).removesuffix(".yaml")


class Ended(NamedTuple):
    """An end and the start that it ends."""

    entry: int
    began: Began
    end: e.RunEnd | e.Cancelled | e.Abandoned

    @property
    def folder(self) -> str:
        """The run's."""
        return self.began.folder

    @property
    def final(self) -> bool:
        """Whether the run is over: an abandoned one may be taken again, up to the last generation."""
        return not isinstance(self.end, e.Abandoned) or self.began.start.generation >= LAST_GENERATION


class Late(NamedTuple):
    """What an abandoned start left."""

    entry: int
    began: Began
    end: e.Superseded

    @property
    def folder(self) -> str:
        """`<the run's folder>/superseded/<log index of the start>`."""
        return f"{self.began.folder}/superseded/{self.began.entry}"


class Settled(NamedTuple):
    """A settlement and the start that it settles."""

    entry: int
    began: Began
    end: e.Settlement


class Rejudged(NamedTuple):
    """A published run that a classifier judged again."""

    entry: int
    ended: Ended
    again: e.Rescore

    @property
    def folder(self) -> str:
        """`<the run's folder>/rescored/<classifier, - for />`."""
        return f"{self.ended.began.folder}/rescored/{self.again.classifier.replace('/', '-')}"


class Revision(NamedTuple):
    """The newest bytes of a job that the log knows, and the start that took them first."""

    number: int
    sha256: str
    retired: bool
    start: int


@dataclass
class Ledger:
    """What the log says, as far as it may say so. `roots` holds those of the wanted sizes."""

    size: int = 0
    genesis: str | None = None
    known: Known = field(default_factory=Known)
    keys: KeyLog = field(default_factory=KeyLog)
    roots: dict[int, bytes] = field(default_factory=dict)
    began: list[Began] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    open: dict[str, Began] = field(default_factory=dict)
    last: dict[str, Ended] = field(default_factory=dict)
    settled: dict[int, Settled] = field(default_factory=dict)
    abandoned: dict[int, Began] = field(default_factory=dict)
    superseded: dict[int, Late] = field(default_factory=dict)
    rescored: dict[tuple[str, str], Rejudged] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)
    retired: list[tuple[int, e.Retire]] = field(default_factory=list)


def moment(text: str) -> datetime:
    """The moment that an `Instant` names. Raises ValueError for a day that no calendar has."""
    return datetime.fromisoformat(text)
