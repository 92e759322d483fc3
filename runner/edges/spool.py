"""Finished attempts, kept until their run is published: one file an attempt, in the git directory.

    <folder>/<run, 64 hex>/<target>.<region>.<slot>.<n>.json

A file is the SHA-256 of its second line, then that line: the attempt's canonical JSON, with bytes in Base64. What is
damaged, half or foreign is passed over with the event `spool-ignored`: its attempt runs again, and nothing that was
altered on the disk is ever signed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from runner.edges import durable
from runner.errors import Environment, Unverified
from runner.events import say
from runner.model.canonical import Decimal, Document, from_canonical, sha256
from runner.model.receipt import Executor, Image, Provider, RegionEvidence, Times
from runner.model.run import Attempt, AttemptStatus, Cell, CellStatus
from runner.ports import AttemptResult, CellOutput, Emit

_RUN = re.compile(r"[0-9a-f]{64}")


class _Cell(Document):
    cell: Cell
    seed: int
    status: CellStatus
    output: str | None = None
    finish: str | None = None
    ms: int | None = None
    reason: str | None = None


class _Result(Document):
    kind: Literal["AttemptResult"] = "AttemptResult"
    attempt: Attempt
    status: AttemptStatus
    reason: str | None = None
    retryable: bool
    exit_code: int | None = None
    cells: tuple[_Cell, ...]
    transcript: str
    executor: Executor
    image: Image
    region: RegionEvidence
    provider: Provider
    times: Times
    usage: dict[str, int]
    reserved: Decimal
    observed: Decimal
    invoice: str | None = None


class FolderSpool:
    """A `Spool` in a folder. Raises `Environment` where the folder cannot be written."""

    def __init__(self, folder: Path, emit: Emit) -> None:
        self._folder = folder
        self._emit = emit

    def put(self, result: AttemptResult) -> None:
        """See `Spool.put`."""
        line = _printed(result)
        durable.write(
            self._of(result.attempt.run) / f"{result.attempt.stem}.json", f"{sha256(line)}\n".encode() + line + b"\n"
        )

    def results(self, run: str) -> Sequence[AttemptResult]:
        """See `Spool.results`."""
        found = []
        for path in _inside(self._of(run)):
            if path.name.startswith(durable.TEMPORARY):
                continue
            try:
                if path.is_symlink() or not path.is_file():
                    raise ValueError("it is no plain file")
                result = _parsed(path.read_bytes())
                if (result.attempt.run, f"{result.attempt.stem}.json") != (run, path.name):
                    raise ValueError("it holds another attempt")
                found.append(result)
            except (ValueError, Unverified, OSError) as error:
                why = "it does not fit this version" if isinstance(error, ValidationError) else str(error)
                say(self._emit, "spool-ignored", run=run, file=ascii(path.name), why=why)
        return sorted(found, key=lambda result: order(result.attempt))

    def runs(self) -> Sequence[str]:
        """See `Spool.runs`."""
        return [path.name for path in _inside(self._folder) if _RUN.fullmatch(path.name)]

    def forget(self, run: str) -> None:
        """See `Spool.forget`."""
        durable.remove_folder(self._of(run))

    def _of(self, run: str) -> Path:
        if not _RUN.fullmatch(run):
            raise ValueError(f"{run!r} is no run")
        return self._folder / run


def _inside(folder: Path) -> list[Path]:
    """What stands in a folder, which need not be there."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Environment(
            "read-failed", f"{folder} cannot be read: {error.strerror}", "check the disk and the permissions"
        ) from None


def order(attempt: Attempt) -> tuple[str, str, int, int]:
    """The order of a run's attempts."""
    return attempt.target, attempt.region, attempt.slot, attempt.n


def _printed(result: AttemptResult) -> bytes:
    cells = tuple(
        _Cell(**cell._asdict() | {"output": None if cell.output is None else base64.b64encode(cell.output).decode()})
        for cell in result.cells
    )
    facts = {"cells": cells, "transcript": base64.b64encode(result.transcript).decode(), "usage": dict(result.usage)}
    return _Result(**result._asdict() | facts).canonical()


def _parsed(raw: bytes) -> AttemptResult:
    """The result that a file holds. Raises `ValueError` or `Unverified`."""
    digest, _, rest = raw.partition(b"\n")
    line = rest.removesuffix(b"\n")
    if sha256(line).encode() != digest:
        raise ValueError("its digest does not match")
    kept = _Result.from_json(from_canonical(line, "a spooled attempt"))
    facts = {name: getattr(kept, name) for name in AttemptResult._fields}
    cells = tuple(
        CellOutput(
            **{name: getattr(cell, name) for name in CellOutput._fields}
            | {"output": None if cell.output is None else base64.b64decode(cell.output, validate=True)}
        )
        for cell in kept.cells
    )
    return AttemptResult(**facts | {"cells": cells, "transcript": base64.b64decode(kept.transcript, validate=True)})
