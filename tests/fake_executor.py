"""An `Executor` over a function, for tests of what stands above the port: no process, no sandbox, no waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from runner.model import Cell
from runner.model.jobspec import Container
from runner.model.receipt import Provider, Times
from runner.model.run import CellStatus
from runner.ports import AttemptResult, CellOutput, Work
from runner.schedules import instant
from tests import make

Answer: TypeAlias = Callable[[Work, Cell, int], str | CellStatus]
"""From the work, a cell and its seed: the answer, or, for no answer, one of the statuses other than `ok`."""

NO_ANSWER: dict[str, CellStatus] = {
    "error": "error",
    "malformed": "malformed",
    "oversize": "oversize",
    "missing": "missing",
    "timeout": "timeout",
}


def echo(work: Work, cell: Cell, seed: int) -> str:
    """A deterministic answer from prompt, seed and parameters."""
    parameters = " ".join(f"{name}={value}" for name, value in sorted(work.target.parameters.items()))
    return f"{work.prompts[cell.prompt].text} {seed} {parameters}".strip()


class FakeExecutor:
    """Answers at once. `works` are the attempts it was given, in order; `provider` names who serves an attempt."""

    kind = "local"

    def __init__(self, answer: Answer = echo, capacity: int = 2, clock: Callable[[], datetime] | None = None) -> None:
        """Without a clock every attempt took place at 03:00, as in tests whose own clock stands there."""
        self.capacity = capacity
        self._clock = clock
        self.works: list[Work] = []
        self._answer = answer
        self._lock = threading.Lock()

    def refuses(self, target: Container) -> str | None:
        """It takes everything."""
        return None

    def prepare(self, target: Container, files: Mapping[str, bytes]) -> None:
        """Nothing to install."""

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """One result, with a provider that the work does not avoid."""
        with self._lock:
            self.works.append(work)
        outputs = [self._output(work, cell, seed) for cell, seed in work.cells]
        first = f"fake-{work.region.name.lower()}-{work.attempt.slot}"
        names = [first, *(f"{first}-{number}" for number in range(2, len(work.avoid) + 3))]
        provider = next(name for name in names if name not in work.avoid)
        answered = sum(output.status == "ok" for output in outputs)
        return make.result(
            make.run(),
            outputs,
            attempt=work.attempt,
            status="ok" if answered == len(outputs) else "partial" if answered else "failed",
            retryable=answered < len(outputs),
            provider=Provider(id=provider, name="fake"),
            **self._times(),
        )

    def _times(self) -> dict[str, Times]:
        if self._clock is None:
            return {}
        at = instant(self._clock())
        return {"times": Times(queued=at, started=at, finished=at, duration_ms=12)}

    def finish(self, start: int, run: str) -> None:
        """Nothing is ever open."""

    def settlement(self, start: int, run: str) -> None:
        """It costs nothing."""

    def remembered(self) -> tuple[tuple[int, str], ...]:
        """There is no money."""
        return ()

    def settled(self, start: int, run: str) -> None:
        """Nothing is remembered."""

    def _output(self, work: Work, cell: Cell, seed: int) -> CellOutput:
        said = self._answer(work, cell, seed)
        if said in NO_ANSWER:
            return CellOutput(cell, seed, NO_ANSWER[said], None, None, None, f"told to be {said}")
        return CellOutput(cell, seed, "ok", said.encode(), "stop", 1, None)
