"""The benchmark protocol `beacon/benchmark/v1`: what a benchmark reads, and what it may answer.

On its standard input stands one JSON document, then the end:

    {"protocol": "beacon/benchmark/v1", "target": "…",
     "cells": [{"id": "who.1", "prompt": "…", "seed": 7, "parameters": {…}}, …]}

On its standard output it prints one line of strict JSON (UTF-8, no member twice, no NaN) for each cell, in any order:

    {"id": "who.1", "status": "ok", "output": "…", "finish": "stop", "ms": 812}

`status` is `ok`, with an `output`, or `error`, without. `finish` (why the model stopped, `[a-z0-9_-]`, 40 at most) and
`ms` (an integer) may be absent or null. The raw answer is the UTF-8 of `output`. The error stream is free.

Output is hostile, and this is the whole rule:

- A line that names a cell of the request fails that cell alone where it breaks the rules: `malformed` for a wrong or
  unknown member, `oversize` for more than the limit, `malformed` for a cell that was answered before.
- A line that names no cell (it is not strict JSON, or its id is unknown) ends the reading: nothing after it can be
  told from a forgery, so the cells that were not answered yet stay `missing`. A line too long to be read is told by its
  beginning, where `id` is the first member.
- More output than all longest lines together ends the reading too. Blank lines are skipped.
- Cells that nobody answered are `missing`, or `timeout` where the time ended.

This module reads and writes bytes only; who runs the benchmark, and for how long, is the executor's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from runner.model import Cell, canonical
from runner.model.jobspec import Parameter, Prompt
from runner.model.run import CellStatus
from runner.ports import CellOutput

PROTOCOL = "beacon/benchmark/v1"

_MEMBERS = frozenset({"id", "status", "output", "finish", "ms"})
_FINISH = re.compile(r"[a-z0-9_-]{1,40}")
_FIRST_MEMBER = re.compile(rb'\s*\{\s*"id"\s*:\s*"([a-z0-9.-]{1,80})"\s*,')
_GREATEST = 2**53 - 1


def request(
    target: str,
    cells: Sequence[tuple[Cell, int]],
    prompts: Mapping[str, Prompt],
    parameters: Mapping[str, Parameter],
) -> bytes:
    """What the benchmark reads: canonical JSON of the cells (each with its seed), in the order given."""
    asked = [
        {"id": cell.id, "prompt": prompts[cell.prompt].text, "seed": seed, "parameters": dict(parameters)}
        for cell, seed in cells
    ]
    return canonical({"protocol": PROTOCOL, "target": target, "cells": asked})


class Reader:
    """Reads a benchmark's output as it comes, in any pieces. Holds one line and the answers, never more.

    `broken` says why the reading ended early; `answered` is true once every cell had a line, good or bad;
    `lines` counts lines, blank ones included."""

    def __init__(self, cells: Sequence[tuple[Cell, int]], output_limit: int) -> None:
        """`output_limit` is the most bytes of one answer."""
        self.broken: str | None = None
        self.lines = 0
        self._cells = {cell.id: (cell, seed) for cell, seed in cells}
        self._limit = output_limit
        self._longest = longest_line(output_limit)
        self._allowance = (len(cells) + 1) * self._longest
        self._line = bytearray()
        self._skipping = False
        self._answers: dict[str, _Answer] = {}

    @property
    def begun(self) -> bool:
        """Whether a first answer came."""
        return bool(self._answers)

    @property
    def answered(self) -> bool:
        """Whether every cell had its line."""
        return len(self._answers) == len(self._cells)

    def feed(self, chunk: bytes) -> None:
        """Read on. Does nothing once `broken`."""
        start = 0
        self._allowance -= len(chunk)
        while self.broken is None and start < len(chunk):
            end = chunk.find(b"\n", start)
            self._extend(chunk[start : end if end >= 0 else len(chunk)])
            if end < 0:
                break
            self._end_of_line()
            start = end + 1
        if self._allowance < 0 and self.broken is None:
            self.broken = "more output than all answers together may have"

    def close(self, absent: Literal["missing", "timeout"], reason: str | None) -> tuple[CellOutput, ...]:
        """Every cell's outcome, in the order of the request. Cells without a line get the status `absent`, and
        `reason`, or the reason why the reading ended early."""
        if self._line and self.broken is None:
            self._end_of_line()
        nothing = _Answer(absent, self.broken or reason)
        return tuple(
            CellOutput(cell, seed, answer.status, answer.output, answer.finish, answer.ms, answer.reason)
            for name, (cell, seed) in self._cells.items()
            for answer in [self._answers.get(name, nothing)]
        )

    def _extend(self, piece: bytes) -> None:
        if self._skipping:
            return
        self._line += piece
        if len(self._line) <= self._longest:
            return
        named = _FIRST_MEMBER.match(self._line)
        name = named[1].decode() if named else None
        if name in self._cells:
            self._answer(name, _Answer("oversize", f"a line of more than {self._longest} bytes"))
            self._skipping = True
        else:
            self.broken = f"line {self.lines + 1} has more than {self._longest} bytes and begins with no cell's id"
        self._line.clear()

    def _end_of_line(self) -> None:
        self.lines += 1
        line, skipped = bytes(self._line), self._skipping
        self._line.clear()
        self._skipping = False
        if skipped or not line.strip(b" \t\r"):
            return
        try:
            data = _strict_json(line)
        except (ValueError, RecursionError) as error:
            self.broken = f"line {self.lines} is not strict JSON: {_kind(error)}"
            return
        name = data.get("id") if isinstance(data, dict) else None
        if isinstance(name, str) and name in self._cells:
            self._answer(name, _judge(data, self._limit))
        else:
            self.broken = f"line {self.lines} names no cell of the request"

    def _answer(self, name: str, answer: _Answer) -> None:
        again = name in self._answers
        self._answers[name] = _Answer("malformed", "answered more than once") if again else answer


def longest_line(output_limit: int) -> int:
    """Bytes that a line may need for an answer of `output_limit` bytes: JSON may spend six on one."""
    return 6 * output_limit + 4096


class _Answer(NamedTuple):
    status: CellStatus
    reason: str | None
    output: bytes | None = None
    finish: str | None = None
    ms: int | None = None


def _judge(data: dict[str, Any], limit: int) -> _Answer:
    """What a line that names its cell says. Reasons hold nothing that the benchmark wrote."""
    status, output, finish, ms = (data.get(name) for name in ("status", "output", "finish", "ms"))
    if not data.keys() <= _MEMBERS:
        return _Answer("malformed", "an unknown member")
    if status not in ("ok", "error"):
        return _Answer("malformed", "`status` is neither ok nor error")
    if finish is not None and not (isinstance(finish, str) and _FINISH.fullmatch(finish)):
        return _Answer("malformed", "`finish` is not a short word")
    if ms is not None and not (type(ms) is int and 0 <= ms <= _GREATEST):
        return _Answer("malformed", "`ms` is not a whole number")
    if status == "error":
        return (
            _Answer("error", "the benchmark says: error", None, finish, ms)
            if output is None
            else _Answer("malformed", "an `output` beside the status error")
        )
    if not isinstance(output, str):
        return _Answer("malformed", "`output` is not a text")
    try:
        raw = output.encode()
    except UnicodeEncodeError:
        return _Answer("malformed", "`output` holds half a surrogate pair")
    if len(raw) > limit:
        return _Answer("oversize", f"{len(raw)} bytes, {limit} allowed", None, finish, ms)
    return _Answer("ok", None, raw, finish, ms)


class _Refused(ValueError):
    """JSON for Python, but not strict."""


def _strict_json(line: bytes) -> Any:
    return json.loads(line.decode(), object_pairs_hook=_once, parse_constant=_constant)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("a member stands twice")
    return members


def _constant(name: str) -> None:
    raise _Refused(f"{name} is no number")


def _kind(error: Exception) -> str:
    """A reason of our own words: Python's messages may quote the line."""
    match error:
        case UnicodeDecodeError():
            return f"no UTF-8 at byte {error.start}"
        case json.JSONDecodeError():
            return f"wrong at character {error.pos}"
        case _Refused():
            return str(error)
        case RecursionError():
            return "nested too deeply"
        case _:
            return "a number that is too long"
