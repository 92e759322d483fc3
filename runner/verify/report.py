"""What a verification found, as values, and the notebook in which it is written down.

Nine steps, with the same numbers in code, tests and `docs/evidence.md`. Each ends *ok*, *finding*, or *not checked*
with the reason; one finding never hides another, and what was not checked is said again in the last line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

STEPS: Mapping[int, str] = {
    1: "commits that change reports/ are signed by known runners",
    2: "reports/ never changed otherwise, and the log only grew",
    3: "trust lists, keys, jobs and revisions",
    4: "receipts: signatures, seeds, cells, times",
    5: "transcripts and outputs hash to their receipts",
    6: "CID and manifest of each run, settlement records, and no other file",
    7: "log entries, inclusion proofs, starts, ends and settlements",
    8: "tiles, checkpoint, last seen checkpoint, identity",
    9: "diff.json derived again, pages rendered again",
}
MOST_FINDINGS = 1_000
"""For one step. Further ones are counted, so that a hostile repository cannot fill the memory."""

Outcome: TypeAlias = Literal["ok", "finding", "not checked"]


class Finding(NamedTuple):
    """One thing that does not hold. `where` is a path, `commit <oid>` or `log entry <index>`; `message` says what was
    found and what was expected."""

    step: int
    code: str
    where: str
    message: str


class Step(NamedTuple):
    """How one step ended. `counts` says how much was checked, `unchecked` what was not and why, `listed` what is no
    finding but should be known. `more` findings were counted and not kept."""

    number: int
    title: str
    findings: tuple[Finding, ...]
    more: int
    counts: Mapping[str, int]
    unchecked: tuple[str, ...]
    listed: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """A finding outweighs what was not checked, and that outweighs the rest."""
        return "finding" if self.findings else "not checked" if self.unchecked else "ok"


class Report(NamedTuple):
    """A verification. `checkpoint` is the signed note to remember as last seen, None where it must not be. `work_tree`
    says where files on disk differ from `commit`, which alone was verified."""

    commit: str
    origin: str | None
    size: int
    pinned: bool
    first_use: bool
    steps: tuple[Step, ...]
    checkpoint: bytes | None
    work_tree: tuple[str, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all steps, in their order."""
        return tuple(finding for step in self.steps for finding in step.findings)

    @property
    def ok(self) -> bool:
        """Whether nothing was found. What was not checked is no finding."""
        return not self.findings

    @property
    def last_line(self) -> str:
        """The result in one sentence."""
        found = sum(len(step.findings) + step.more for step in self.steps)
        if found:
            steps = ", ".join(str(step.number) for step in self.steps if step.findings)
            said = [
                f"NOT VERIFIED: {found} finding{'s' if found > 1 else ''} in step{'s' if ',' in steps else ''} {steps}"
            ]
        else:
            said = ["verified" if self.pinned else "self-consistent; identity not pinned"]
        unchecked = [f"step {step.number} ({'; '.join(step.unchecked)})" for step in self.steps if step.unchecked]
        said += [f"not checked: {', '.join(unchecked)}"] if unchecked else []
        said += ["first use: rollback before now cannot be known"] if self.first_use else []
        return "; ".join(said)


class Notebook:
    """Where the steps write down what they find."""

    def __init__(self) -> None:
        self._findings: dict[int, dict[Finding, None]] = {number: {} for number in STEPS}
        self._more: Counter[int] = Counter()
        self._counts: dict[int, Counter[str]] = {number: Counter() for number in STEPS}
        self._unchecked: dict[int, dict[str, None]] = {number: {} for number in STEPS}
        self._skipped: dict[int, Counter[str]] = {number: Counter() for number in STEPS}
        self._listed: dict[int, dict[str, None]] = {number: {} for number in STEPS}

    def find(self, step: int, code: str, where: str, message: str) -> None:
        """A finding."""
        kept = self._findings[step]
        if len(kept) < MOST_FINDINGS:
            kept[Finding(step, code, where, message)] = None
        else:
            self._more[step] += 1

    def count(self, step: int, what: str, number: int = 1) -> None:
        """So many more were checked."""
        self._counts[step][what] += number

    def unchecked(self, steps: Iterable[int], why: str) -> None:
        """Something of these steps was not checked."""
        for step in steps:
            self._unchecked[step].setdefault(why)

    def skip(self, step: int, what: str) -> None:
        """One more of these was not checked; they are counted."""
        self._skipped[step][what] += 1

    def listed(self, step: int, text: str) -> None:
        """Something to know that is no finding."""
        if len(self._listed[step]) < MOST_FINDINGS:
            self._listed[step].setdefault(text)

    def found(self, *steps: int) -> int:
        """How many findings these steps have so far."""
        return sum(len(self._findings[step]) + self._more[step] for step in steps)

    def steps(self) -> tuple[Step, ...]:
        """Every step as it stands."""
        return tuple(
            Step(
                number,
                title,
                tuple(self._findings[number]),
                self._more[number],
                dict(self._counts[number]),
                (*self._unchecked[number], *(f"{n} {what}" for what, n in sorted(self._skipped[number].items()))),
                tuple(self._listed[number]),
            )
            for number, title in STEPS.items()
        )
