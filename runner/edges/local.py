"""The local executor: benchmarks in a sandbox on this machine, in the first form that works here (`forms.py`).

Regions and providers are labels, so every receipt says `simulated`, grade `claimed`, network `none`. What is real: the
isolation, the limits, the answers. A policy may have one region of a job served unlike the others (`local.serve`);
the receipt then says `altered`.

The timeouts, and how a reason names them: `queue` until enough CPUs are free; `start` from the start of the sandbox
until the first answer, so it covers loading a model and one answer; `run` from the start until the end; `total` from
the call until the end: the caller hands over, as the total limit, what is left of the run's. Each reason begins with
one word, a colon, and holds nothing that a benchmark wrote: queue, start, run, total, memory, exit, protocol,
sandbox, cancelled.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import runner
from runner.edges import environment
from runner.edges.cpus import Cpus
from runner.edges.engine import Engine
from runner.edges.forms import BubblewrapOci, BubblewrapSource, Form, Forms
from runner.edges.imagestore import ImageStore
from runner.edges.verdict import judge, status
from runner.edges.watch import Bounds, Ended, Stream, watch
from runner.model import canonical
from runner.model.jobspec import Container, Limits
from runner.model.policy import Serve
from runner.model.receipt import Executor as ExecutorFacts
from runner.model.receipt import Provider, RegionEvidence, Times
from runner.ports import AttemptResult, Work
from runner.protocol import Reader, request


class LocalExecutor:
    """An `Executor` on this machine. `cache` may be deleted at any time; `capacity` is the number of usable CPUs."""

    kind = "local"

    def __init__(
        self,
        cache: Path,
        serve: Mapping[str, Mapping[str, Serve]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """`environ` is the operator's: BEACON_IMAGES, BEACON_PULL, and what the container engines read."""
        self._cpus = Cpus(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0})
        self.capacity = self._cpus.count
        self._serve = serve
        self._now = now
        self._forms = Forms(forms(cache, environ))

    def refuses(self, target: Container) -> str | None:
        """Why it cannot run here: no form that this executor knows, no sandbox for it, or the image is not here.
        `prepare` tests whether the sandbox works."""
        return self._forms.refuses(target)

    def prepare(self, target: Container, files: Mapping[str, bytes]) -> None:
        """Choose the form, test its sandbox, check the image against its digest, and install or unpack it."""
        self._forms.ready(target, files)

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """Run one attempt in a sandbox of its own. Raises only for this machine's faults (`Environment`)."""
        queued, asked = self._now(), time.monotonic()
        ready = self._forms.ready(work.target, work.files)
        served = self._serve.get(work.job_path, {}).get(work.region.name)
        parameters = dict(work.target.parameters) | dict(served.parameters if served else {})
        document = request(work.target.name, work.cells, work.prompts, parameters)
        reader = Reader(work.cells, work.limits.output_ki_b << 10)
        limits, ended, started = work.limits, None, None
        with self._cpus.taken(limits.cpus, min(limits.queue_seconds, limits.total_seconds), cancel) as cpus:
            if cpus:
                started = self._now()
                with ready.start(limits) as start:
                    bounds = _bounds(limits, time.monotonic() - asked)
                    ended = watch(start, document, reader, bounds, cpus, cancel)
        verdict = judge(ended, reader, limits, cancelled=cancel.is_set())
        cells = reader.close("timeout" if ended and verdict.timeout else "missing", verdict.reason)
        facts = ready.facts
        outcome = status(verdict, cells)
        return AttemptResult(
            attempt=work.attempt,
            status=outcome,
            reason=verdict.reason,
            retryable=outcome != "ok",
            exit_code=ended.exit_code if ended else None,
            cells=cells,
            transcript=_transcript(document, ended),
            executor=ExecutorFacts(
                kind="local",
                version=runner.__version__,
                network="none",
                simulated=True,
                altered=served is not None,
                sandbox=facts.sandbox,
                interpreter=facts.interpreter,
                packages=dict(facts.packages) if facts.packages is not None else None,
                cpu=environment.cpu_model(),
            ),
            image=facts.image,
            region=RegionEvidence(
                requested=work.region.name,
                grade="claimed",
                evidence="a label of the local executor; nothing was observed",
            ),
            provider=Provider(id=_provider(work), name="this machine"),
            times=Times(
                queued=_instant(queued),
                started=_instant(started) if started else None,
                finished=_instant(self._now()),
                duration_ms=ended.wall_ms if ended else 0,
            ),
            usage=_usage(ended),
            reserved="0",
            observed="0",
        )

    def finish(self, start: int, run: str) -> None:
        """Nothing is ever open here: each attempt ends what it began."""

    def settlement(self, start: int, run: str) -> None:
        """Running here costs nothing."""

    def remembered(self) -> tuple[tuple[int, str], ...]:
        """There is no money."""
        return ()

    def settled(self, start: int, run: str) -> None:
        """Nothing is remembered."""


def forms(cache: Path, environ: Mapping[str, str]) -> tuple[Form, ...]:
    """The forms that this machine may be able to run, best first."""
    store = ImageStore(Path(environ.get("BEACON_IMAGES") or cache / "images"), cache)
    engines = (Engine(program, store, environ) for program in ("docker", "podman"))
    return (*engines, BubblewrapOci(store), BubblewrapSource(cache))


def _bounds(limits: Limits, waited: float) -> Bounds:
    left = max(0.0, limits.total_seconds - waited)
    return Bounds(limits.start_seconds, limits.run_seconds, left, limits.memory_mi_b << 10)


def _provider(work: Work) -> str:
    """A label that the work does not avoid: `local-eu-1`, then `local-eu-1-2` and so on."""
    first = f"local-{work.region.name.lower()}-{work.attempt.slot}"
    names = [first, *(f"{first}-{number}" for number in range(2, len(work.avoid) + 3))]
    return next(name for name in names if name not in work.avoid)


def _usage(ended: Ended | None) -> dict[str, int]:
    """What was measured, and nothing else: an attempt that ended before the first look has no CPU or memory."""
    if ended is None:
        return {}
    usage = {"wall-ms": ended.wall_ms, "output-bytes": ended.stdout.size}
    if ended.usage:
        usage |= {"cpu-ms": ended.usage.cpu_ms, "memory-kib": ended.usage.memory_kib}
    return usage


def _transcript(document: bytes, ended: Ended | None) -> bytes:
    """Canonical JSON of what was asked and what was printed. Bytes that are not UTF-8 stand as `\\xNN` (`escaped`)."""
    printed = {"stdout": _shown(ended.stdout), "stderr": _shown(ended.stderr)} if ended else {}
    return canonical({"request": json.loads(document), **printed})


def _shown(stream: Stream) -> dict[str, Any]:
    text = stream.head.decode(errors="backslashreplace")
    escaped = text.encode() != stream.head
    return {"text": text, "bytes": stream.size, "cut": stream.size > len(stream.head), "escaped": escaped}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
