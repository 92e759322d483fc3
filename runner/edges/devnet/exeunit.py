"""The exe-unit: what runs a requestor's scripts on a provider. One for each activity.

As the real one (golemfactory/yagna, `exe-unit/src`) as far as a requestor can see: the states and which command each
allows, results that pile up until `isBatchFinished`, the words `ExeScript command exited with code N`, output only
where it is captured. A command runs in a sandbox, never plainly. Not here: transfers, VPN, streamed results.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

from runner.edges.devnet.faults import Faults

State: TypeAlias = Literal["Initialized", "Deployed", "Ready", "Terminated"]

DEATH_AFTER = 0.3
"""Seconds that a command runs before its exe-unit dies of a fault."""

_WHEN = {
    "deploy": ("Initialized", "This command is not allowed when activity is in the {} state"),
    "start": ("Deployed", "Activity is {} - deploy() command is expected now"),
    "run": ("Ready", "Activity is {} - start() command is expected now"),
}


class Finished(NamedTuple):
    """How a command ended in its sandbox. `exit_code` is None where it was killed."""

    exit_code: int | None
    stdout: bytes
    stderr: bytes
    cpu_ms: int


Command: TypeAlias = Callable[[tuple[str, ...], threading.Event], Awaitable[Finished]]
"""Runs a command (entry point and arguments) until it ends or the event is set."""

Deploy: TypeAlias = Callable[[], Awaitable[Command]]
"""Fetches the image. Raises with a text for the requestor."""


class Dead(Exception):
    """The exe-unit died of a fault; `silent` where nobody may be told."""

    def __init__(self, silent: bool) -> None:
        super().__init__("the exe-unit died")
        self.silent = silent


class _Batch:
    """A script under way. `results` only grows."""

    def __init__(self, script: Sequence[Mapping[str, Any]]) -> None:
        self.script = script
        self.results: list[dict[str, Any]] = []
        self.finished = asyncio.Event()


class ExeUnit:
    """One activity's exe-unit. `died` is called when a fault ends it."""

    def __init__(
        self,
        deploy: Deploy,
        faults: Faults,
        died: Callable[[bool], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state: State = "Initialized"
        self._deploy = deploy
        self._faults = faults
        self._died = died
        self._monotonic = monotonic
        self._begun = monotonic()
        self._ended: float | None = None
        self._cpu_ms = 0
        self._command: Command | None = None
        self._cancel = threading.Event()
        self._batches: dict[str, _Batch] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether a script is under way."""
        return any(not batch.finished.is_set() for batch in self._batches.values())

    def usage(self) -> list[float]:
        """Seconds since it began, and CPU seconds, in the order of the offer's usage vector."""
        until = self._ended if self._ended is not None else self._monotonic()
        return [round(until - self._begun, 3), self._cpu_ms / 1000]

    async def call(self, method: str, body: Mapping[str, Any]) -> Any:
        """Answer a call from the bus. Raises `LookupError` for what does not exist."""
        match method:
            case "Exec":
                return self._exec(body["batchId"], body["exeScript"])
            case "GetExecBatchResults":
                return await self._results(body["batchId"], body.get("timeout") or 0.0)
            case "GetActivityState":
                return {"state": [self.state, None]}
            case "GetActivityUsage":
                return {"currentUsage": self.usage(), "timestamp": int(self._now().timestamp())}
        raise LookupError(f"no method {method}")

    async def end(self) -> None:
        """Kill what runs and end. Returns when no process is left."""
        self._cancel.set()
        if self.state != "Terminated":
            self.state, self._ended = "Terminated", self._monotonic()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _exec(self, batch_id: str, script: Sequence[Mapping[str, Any]]) -> str:
        if self.state == "Terminated":
            raise LookupError("the activity has ended")
        batch = self._batches[batch_id] = _Batch(script)
        task = asyncio.create_task(self._run(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return batch_id

    async def _results(self, batch_id: str, seconds: float) -> list[dict[str, Any]]:
        batch = self._batches.get(batch_id)
        if batch is None:
            raise LookupError(f"no batch {batch_id}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(batch.finished.wait(), seconds)
        return batch.results

    async def _run(self, batch: _Batch) -> None:
        """Run a script's commands until the first that fails."""
        for index, command in enumerate(batch.script):
            name, body = next(iter(command.items())) if isinstance(command, Mapping) else (str(command), {})
            try:
                result = await self._step(name, body or {})
            except Dead as death:
                self._died(death.silent)
                return
            except Exception as error:
                result = {"result": "Error", "message": str(error)}
            failed = result["result"] != "Ok"
            empty = {"stdout": None, "stderr": None, "message": None}
            last = failed or index == len(batch.script) - 1
            facts = {"index": index, "isBatchFinished": last, "eventDate": _instant(self._now())}
            batch.results.append({**empty, **result, **facts})
            if failed:
                break
        batch.finished.set()

    async def _step(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if name == "terminate":
            self.state = "Initialized"
            return {"result": "Ok"}
        if name not in _WHEN:
            raise LookupError(f"Unsupported command: {name}")
        needed, words = _WHEN[name]
        if self.state != needed:
            return {"result": "Error", "message": words.format(self.state.lower())}
        match name:
            case "deploy":
                return await self._deployed()
            case "start":
                self.state = "Ready"
                return {"result": "Ok"}
            case _:
                return await self._ran(body)

    async def _deployed(self) -> dict[str, Any]:
        if self._faults.strike("deploy-fail") is not None:
            raise ValueError("Local service error: Transfer error: Send error: bad gateway while downloading the image")
        self._command = await self._deploy()
        self.state = "Deployed"
        return {"result": "Ok", "stdout": json.dumps({"valid": {"Ok": ""}, "vols": [], "startMode": "blocking"})}

    async def _ran(self, body: Mapping[str, Any]) -> dict[str, Any]:
        argv = (str(body["entry_point"]), *map(str, body.get("args") or ()))
        finished = await self._with_faults(argv)
        self._cpu_ms += finished.cpu_ms
        capture = body.get("capture") or {}
        streams = {
            "stdout": captured(capture.get("stdout"), finished.stdout),
            "stderr": captured(capture.get("stderr"), finished.stderr),
        }
        if finished.exit_code == 0:
            return {"result": "Ok", **streams}
        code = -1 if finished.exit_code is None else finished.exit_code
        return {"result": "Error", "message": f"ExeScript command exited with code {code}", **streams}

    async def _with_faults(self, argv: tuple[str, ...]) -> Finished:
        assert self._command is not None, "Ready comes after deploy"
        if slow := self._faults.strike("slow"):
            await self._pause(slow["seconds"])
        if flood := self._faults.strike("flood"):
            return Finished(0, b"A" * int(flood["bytes"]), b"", 0)
        if self._faults.strike("binary") is not None:
            return Finished(0, bytes(range(128, 256)) * 32, b"", 0)
        if swap := self._faults.strike("swap"):
            argv = (argv[0], *swapped(argv[1:], swap["parameters"]))
        for kind, silent in (("die-mid-batch", False), ("crash", True)):
            if self._faults.strike(kind) is not None:
                await self._die(argv, silent)
        return await self._command(argv, self._cancel)

    async def _die(self, argv: tuple[str, ...], silent: bool) -> None:
        """Begin the command, and be gone."""
        assert self._command is not None, "Ready comes after deploy"
        running = asyncio.ensure_future(self._command(argv, self._cancel))
        await asyncio.wait([running], timeout=DEATH_AFTER)
        self._cancel.set()
        await asyncio.wait([running])
        raise Dead(silent)

    async def _pause(self, seconds: float) -> None:
        """Sleep, unless the activity ends."""
        until = self._monotonic() + seconds
        while self._monotonic() < until and not self._cancel.is_set():
            await asyncio.sleep(0.05)

    def _now(self) -> datetime:
        """The provider's clock, which a fault may skew."""
        ahead = self._faults.strike("clock")
        return datetime.now(UTC) + timedelta(seconds=ahead["seconds"] if ahead else 0)


def captured(mode: Mapping[str, Any] | None, data: bytes) -> str | list[int] | None:
    """What a capture gives back: nothing where none was asked for, else the part and the form that were asked for."""
    if not mode:
        return None
    how = mode.get("atEnd") or mode.get("stream") or {}
    if how.get("head") is not None:
        data = data[: how["head"]]
    elif how.get("tail") is not None:
        data = data[max(0, len(data) - how["tail"]) :]
    elif how.get("headTail") is not None and len(data) > how["headTail"]:
        half = how["headTail"] // 2
        data = data[:half] + data[len(data) - half :]
    return list(data) if how.get("format") == "bin" else data.decode(errors="replace")


def swapped(pieces: Sequence[str], parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """A wrapper's request in which other parameters are asked for: what a provider that serves another model does."""
    from runner.model import canonical
    from runner.wrapped import decode_request, encode_request

    request = decode_request(pieces)
    document = json.loads(request.stdin)
    for cell in document["cells"]:
        cell["parameters"] = {**cell["parameters"], **parameters}
    return encode_request(request._replace(stdin=canonical(document)))


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
