"""Why an attempt on this machine ended as it did, from what `watch.py` saw and the benchmark answered."""

from __future__ import annotations

from typing import NamedTuple

from runner.edges.watch import Ended
from runner.model.jobspec import Limits
from runner.model.run import AttemptStatus
from runner.ports import CellOutput
from runner.protocol import Reader


class Verdict(NamedTuple):
    """Why it ended, as a reason; None where there is nothing to say."""

    reason: str | None
    timeout: bool = False
    cancelled: bool = False


def judge(ended: Ended | None, reader: Reader, limits: Limits, *, cancelled: bool) -> Verdict:
    """The reason; `ended` is None where it never began."""
    if ended is None:
        if cancelled:
            return Verdict("cancelled: before it began", cancelled=True)
        return Verdict(f"queue: no free CPU within {limits.queue_seconds} s", timeout=True)
    timeouts = {
        "start": f"start: no answer within {limits.start_seconds} s",
        "run": f"run: no end within {limits.run_seconds} s",
        "total": f"total: no end within the {limits.total_seconds} s that were left",
    }
    match ended.cause:
        case "start" | "run" | "total":
            return Verdict(timeouts[ended.cause], timeout=True)
        case "cancelled":
            return Verdict("cancelled: while it ran", cancelled=True)
        case "memory":
            return Verdict(f"memory: more than {limits.memory_mi_b} MiB")
        case "lingered":
            return Verdict("exit: still there after its last answer")
        case "broken" | "exited":
            return Verdict(_of_exit(ended, reader))


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


def status(verdict: Verdict, cells: tuple[CellOutput, ...]) -> AttemptStatus:
    """What counts is the answers: all good is `ok`, whatever came after them."""
    good = sum(cell.status == "ok" for cell in cells)
    if good == len(cells):
        return "ok"
    if verdict.cancelled:
        return "cancelled"
    if verdict.timeout:
        return "timeout"
    return "partial" if good else "failed"
