"""The local executor: benchmarks of the form `source`, in this machine's sandbox.

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

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import runner
from runner.edges import environment, sandbox
from runner.edges.watch import GRACE, Bounds, Ended, Stream, watch
from runner.errors import Environment, Unverified
from runner.model import canonical
from runner.model.jobspec import Container, Limits
from runner.model.policy import Serve
from runner.model.receipt import Executor as ExecutorFacts
from runner.model.receipt import Image, Provider, RegionEvidence, Times
from runner.model.run import AttemptStatus
from runner.ports import AttemptResult, CellOutput, Work
from runner.protocol import Reader, request
from runner.unixfs import folder_cid

_TICK = 0.1


class LocalExecutor:
    """An `Executor` on this machine. `cache` may be deleted at any time; `capacity` is the number of usable CPUs."""

    kind = "local"

    def __init__(
        self,
        cache: Path,
        serve: Mapping[str, Mapping[str, Serve]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._cpus = _Cpus(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0})
        self.capacity = self._cpus.count
        self._cache = cache
        self._serve = serve
        self._now = now
        self._lock = threading.Lock()
        self._tested: tuple[sandbox.Sandbox, str] | None = None
        self._prepared: dict[str, environment.Prepared] = {}

    def refuses(self, target: Container) -> str | None:
        """Why it cannot run here: no `source` form, or no sandbox program. `prepare` tests whether that works."""
        if target.image.source is None:
            return "the image has no form `source`, and the local executor runs no other"
        try:
            sandbox.find()
        except Environment as error:
            return f"{error.message} ({error.hint})"
        return None

    def prepare(self, target: Container, files: Mapping[str, bytes]) -> None:
        """Test the sandbox, check the files against the image's CID, and install the benchmark's packages."""
        self._ready(target, files)

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """Run one attempt in a sandbox of its own. Raises only for this machine's faults (`Environment`)."""
        queued, asked = self._now(), time.monotonic()
        box_of, prepared, version = self._ready(work.target, work.files)
        served = self._serve.get(work.job_path, {}).get(work.region.name)
        parameters = dict(work.target.parameters) | dict(served.parameters if served else {})
        document = request(work.target.name, work.cells, work.prompts, parameters)
        reader = Reader(work.cells, work.limits.output_ki_b << 10)
        limits, ended, started = work.limits, None, None
        with self._cpus.taken(limits.cpus, min(limits.queue_seconds, limits.total_seconds), cancel) as cpus:
            if cpus:
                started = self._now()
                bounds = _bounds(limits, time.monotonic() - asked)
                box = sandbox.Box(
                    prepared.files,
                    prepared.site,
                    work.target.command,
                    memory_bytes=limits.memory_mi_b << 20,
                    cpu_seconds=limits.run_seconds * limits.cpus + 1,
                )
                ended = watch(lambda status: box_of.argv(box, status), document, reader, bounds, cpus, cancel)
        verdict = _judge(ended, reader, limits, cancelled=cancel.is_set())
        cells = reader.close("timeout" if ended and verdict.timeout else "missing", verdict.reason)
        source = work.target.image.source
        assert source is not None
        status = _status(verdict, cells)
        return AttemptResult(
            attempt=work.attempt,
            status=status,
            reason=verdict.reason,
            retryable=status != "ok",
            exit_code=ended.exit_code if ended else None,
            cells=cells,
            transcript=_transcript(document, ended),
            executor=ExecutorFacts(
                kind="local",
                version=runner.__version__,
                network="none",
                simulated=True,
                altered=served is not None,
                sandbox=version,
                interpreter=environment.interpreter(),
                packages=dict(prepared.packages),
                cpu=environment.cpu_model(),
            ),
            image=Image(form="source", digest=source.cid),
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

    def settled(self, start: int, run: str) -> None:
        """Nothing is remembered."""

    def _ready(
        self, target: Container, files: Mapping[str, bytes]
    ) -> tuple[sandbox.Sandbox, environment.Prepared, str]:
        source = target.image.source
        if source is None:
            raise Environment("image-form", "the image has no form `source`", "name a benchmark's folder and its CID")
        with self._lock:
            if self._tested is None:
                found = sandbox.find()
                found.self_test()
                self._tested = found, found.version()
            if source.cid not in self._prepared:
                cid = folder_cid(files)
                if cid != source.cid:
                    raise Unverified(
                        "benchmark-cid",
                        f"the files of benchmark {source.benchmark} have the CID {cid}, the job names {source.cid}",
                        "sign the job again for the benchmark as it is now, or bring the benchmark's files back",
                    )
                self._prepared[source.cid] = environment.prepare(self._cache, files)
            return self._tested[0], self._prepared[source.cid], self._tested[1]


class _Cpus:
    """The CPUs that attempts share: each is one attempt's at a time. Where the process may use them, it starts at
    another one than its neighbours would."""

    def __init__(self, usable: set[int]) -> None:
        order = sorted(usable)
        turn = os.getpid() % len(order)
        self._free = order[turn:] + order[:turn]
        self._change = threading.Condition()
        self.count = len(order)

    @contextlib.contextmanager
    def taken(self, wanted: int, seconds: float, cancel: threading.Event) -> Iterator[frozenset[int]]:
        """As many CPUs as wanted, at most all; none after `seconds`, or once `cancel` is set."""
        count = min(wanted, self.count)
        until = time.monotonic() + seconds
        with self._change:
            while len(self._free) < count and not cancel.is_set() and time.monotonic() < until:
                self._change.wait(_TICK)
            enough = len(self._free) >= count and not cancel.is_set()
            mine = [self._free.pop(0) for _ in range(count)] if enough else []
        try:
            yield frozenset(mine)
        finally:
            with self._change:
                self._free += mine
                self._change.notify_all()


class _Verdict(NamedTuple):
    """Why it ended, as a reason; None where there is nothing to say."""

    reason: str | None
    timeout: bool = False
    cancelled: bool = False


def _judge(ended: Ended | None, reader: Reader, limits: Limits, *, cancelled: bool) -> _Verdict:
    if ended is None:
        if cancelled:
            return _Verdict("cancelled: before it began", cancelled=True)
        return _Verdict(f"queue: no free CPU within {limits.queue_seconds} s", timeout=True)
    timeouts = {
        "start": f"start: no answer within {limits.start_seconds} s",
        "run": f"run: no end within {limits.run_seconds} s",
        "total": f"total: no end within the {limits.total_seconds} s that were left",
    }
    match ended.cause:
        case "start" | "run" | "total":
            return _Verdict(timeouts[ended.cause], timeout=True)
        case "cancelled":
            return _Verdict("cancelled: while it ran", cancelled=True)
        case "memory":
            return _Verdict(f"memory: more than {limits.memory_mi_b} MiB")
        case "lingered":
            return _Verdict(f"exit: still there {GRACE:.0f} s after the last answer")
        case "broken" | "exited":
            return _Verdict(_of_exit(ended, reader))


def _of_exit(ended: Ended, reader: Reader) -> str | None:
    if reader.broken:
        return f"protocol: {reader.broken}"
    if not ended.began or ended.exit_code is None:
        return "sandbox: it did not start; the transcript's error stream says why"
    if ended.exit_code > 128:
        return f"exit: killed by signal {ended.exit_code - 128}"
    if ended.exit_code:
        return f"exit: code {ended.exit_code}"
    return None if reader.answered else "exit: left without answering every cell"


def _status(verdict: _Verdict, cells: tuple[CellOutput, ...]) -> AttemptStatus:
    """What counts is the answers: all good is `ok`, whatever came after them."""
    good = sum(cell.status == "ok" for cell in cells)
    if good == len(cells):
        return "ok"
    if verdict.cancelled:
        return "cancelled"
    if verdict.timeout:
        return "timeout"
    return "partial" if good else "failed"


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
