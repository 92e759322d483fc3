"""Where bundles are held and where they are not: desired minus actual, as steps. Pure; `ipfs/keeping.py` takes them.

Desired is every bundle that the log names, at every target of the policy. Actual is what each target says and gives
back. For one bundle at one target:

    unknown ──ask──> absent ──put──> put ──pin──> pinned ──verify──> held ──(verify again, after days)──> held
                       ^                ^           │ ^                 │
                       │                │        pending (asked again)  └──> lost: said no more, or gave back less
                       └── missing ─────┘           └──> lied: said that it keeps it, and gave back nothing or else

Each arrow is a step of its own that may be repeated, and ends in a record that a later process goes on from. Only
`held` counts, and only a fetch that gave back every block, byte for byte, leads there. Losing the records loses time:
the first step asks the target. A liar and a loser are given the bundle again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from runner.history import End, History, Late
from runner.model import entry as e
from runner.model.run import run_folder
from runner.ports import Standing

Step: TypeAlias = Literal["ask", "put", "pin", "verify"]
Stage: TypeAlias = Literal["unknown", "absent", "put", "pending", "pinned", "held", "lied", "lost"]
STAGES: frozenset[str] = frozenset(("unknown", "absent", "put", "pending", "pinned", "held", "lied", "lost"))
_STEPS: Mapping[Stage, Step] = {
    "unknown": "ask",
    "absent": "put",
    "put": "pin",
    "pending": "ask",
    "pinned": "verify",
    "lied": "put",
    "lost": "put",
}
DAY = 86_400


class Bundle(NamedTuple):
    """A bundle that the log names. `folder` is the one that it stands in, from the repository's root: the run's, or,
    where it is `late`, that of what an abandoned start left."""

    cid: str
    run: str
    folder: str
    late: bool = False


class Record(NamedTuple):
    """What is known of a bundle at a target. `target` is its kind and address. `at` and `held` are Unix seconds: when
    the stage was reached, and when it was last fetched back (0: never). `why` is the last thing that went wrong."""

    target: str
    cid: str
    stage: Stage = "unknown"
    at: int = 0
    held: int = 0
    why: str = ""


class Backoff(NamedTuple):
    """How long to wait after a failure: doubling from `first` to `most` seconds, and up to half of it less by chance,
    so that many who failed together do not come back together."""

    first: float = 0.2
    most: float = 20.0
    tries: int = 8

    def delay(self, failures: int, chance: float) -> float:
        """Seconds before the next try. `failures` counts from 1, `chance` is from 0 to 1."""
        return min(self.most, self.first * 2.0 ** min(failures - 1, 60)) * (1 - chance / 2)


def bundles(history: History) -> Sequence[Bundle]:
    """Every bundle that is to be kept, oldest first."""
    found = []
    events: list[End | Late] = [*history.ended.values(), *history.superseded.values()]
    for event in sorted(events, key=lambda event: event.index):
        start = event.start
        folder = run_folder(start.job.removeprefix("registry/jobs/").removesuffix(".yaml"), start.run, start.due)
        if isinstance(event, Late):
            found.append(Bundle(event.entry.cid, start.run, f"{folder}/{event.entry.folder}", late=True))
        elif e.bundled(event.end) and event.end.cid is not None:
            found.append(Bundle(event.end.cid, start.run, folder))
    return found


def seen(record: Record, said: Standing | None) -> Record:
    """A record in the light of what the target's list says; None where it was not in the list. What was held and is
    said no more has to be asked for."""
    if record.stage in ("held", "pinned") and said != "pinned":
        return record._replace(stage="unknown")
    if record.stage in ("unknown", "pending") and said == "pinned":
        return record._replace(stage="pinned")
    return record


def step(record: Record, now: int, fresh: int) -> Step | None:
    """What is to be done next; None where nothing is. What was fetched back within `fresh` seconds is left alone, a
    moment in the future is not believed."""
    if record.stage != "held":
        return _STEPS[record.stage]
    return None if 0 <= now - record.held < fresh else "verify"


def said(record: Record, standing: Standing, now: int) -> Record:
    """After `ask` and `pin`: what the target says. To have held a bundle and to know nothing of it is to have lost it;
    to have agreed to keep it, a lie."""
    stage: Stage = standing
    if standing == "absent" and record.held:
        return record._replace(stage="lost", at=now, why="it said once that it keeps it, and does no more")
    return record._replace(stage=stage, at=now, why="")


def put(record: Record, now: int) -> Record:
    """After `put`: the target took the blocks."""
    return record._replace(stage="put", at=now, why="")


def judged(record: Record, wrong: str | None, now: int) -> Record:
    """After `verify`, which says what is wrong with what came back, or None."""
    if wrong is None:
        return record._replace(stage="held", at=now, held=now, why="")
    return record._replace(stage="lost" if record.held else "lied", at=now, why=wrong)


class Account(NamedTuple):
    """One bundle and its targets, by their names."""

    bundle: Bundle
    records: Mapping[str, Record]

    @property
    def held(self) -> Sequence[str]:
        """The targets that hold it, by what was last fetched back."""
        return [name for name, record in self.records.items() if record.stage == "held"]

    @property
    def untrue(self) -> Mapping[str, Record]:
        """Targets that lied or lost it, and have not made it good."""
        return {name: record for name, record in self.records.items() if record.stage in ("lied", "lost")}


def accounts(
    wanted: Collection[Bundle], targets: Mapping[str, str], known: Mapping[tuple[str, str], Record]
) -> Sequence[Account]:
    """What is known of each bundle. `targets` maps names to identities; `known` is by identity and CID."""
    return [
        Account(
            bundle,
            {name: known.get((id_, bundle.cid), Record(id_, bundle.cid)) for name, id_ in targets.items()},
        )
        for bundle in wanted
    ]
