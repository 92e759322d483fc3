"""What a runner did with money, on disk before it does it: so that a kill at any moment leaves nothing unexplained.

    <state>/golem/<identity>/id                  16 hex digits: the tag of this journal in every demand
    <state>/golem/<identity>/lock                held by the one Beacon that works for the identity
    <state>/golem/<identity>/<start>-<run>.jsonl one line a step, for each start of a run

A line is a JSON object: `step`, facts, and when: `at` by the wall clock, `ms` by the machine's monotonic one, since the
boot `boot`. Each step that opens something has a line before and a line after it; each line is on the disk before the
call returns. A last line that was cut by a kill is dropped: its step had not begun. What lines mean: `books.py`.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from runner.edges import durable
from runner.errors import Environment

Line: TypeAlias = Mapping[str, Any]

_NAME = re.compile(r"(0|[1-9][0-9]{0,15})-([0-9a-f]{64})\.jsonl")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Stamp(NamedTuple):
    """A moment, by both clocks."""

    at: str
    ms: int
    boot: str

    def since(self, earlier: Stamp) -> float:
        """Seconds between two moments: by the monotonic clock, or, over a reboot, by the wall clock."""
        if self.boot == earlier.boot and self.boot:
            return max(0, self.ms - earlier.ms) / 1000
        return max(0.0, (_moment(self.at) - _moment(earlier.at)).total_seconds())


def remembered(folder: Path) -> list[tuple[int, str]]:
    """The starts in the journals of every identity, in the order of the log."""
    names = [_NAME.fullmatch(path.name) for path in folder.glob("*/*.jsonl")]
    return sorted((int(name[1]), name[2]) for name in names if name)


def stamp() -> Stamp:
    """Now."""
    boot = _BOOT.read_text().strip() if _BOOT.exists() else ""
    return Stamp(datetime.now(UTC).isoformat(timespec="milliseconds"), time.monotonic_ns() // 1_000_000, boot)


class Journal:
    """The journal of one identity. `written` hears of every line, once it is on the disk."""

    def __init__(self, folder: Path, written: Callable[[Line], None] = lambda _: None) -> None:
        self._folder = folder
        self._written = written

    @contextmanager
    def held(self) -> Iterator[Journal]:
        """Keep other Beacons of this identity out. Raises `Environment` where one is at work."""
        durable.make_folder(self._folder)
        with (self._folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Environment(
                    "golem-busy",
                    "another Beacon works with this Golem identity",
                    "wait, or give it an identity of its own",
                ) from None
            yield self

    def id(self) -> str:
        """The tag, made at first use."""
        path = self._folder / "id"
        if not path.exists():
            durable.write(path, secrets.token_hex(8).encode())
        return path.read_text()

    def starts(self) -> list[tuple[int, str]]:
        """Every start of a run that is not forgotten, in the order of the log."""
        names = [_NAME.fullmatch(path.name) for path in self._folder.glob("*.jsonl")]
        return sorted((int(name[1]), name[2]) for name in names if name)

    def read(self, start: int, run: str) -> list[Line]:
        """The lines of a start, none where there is no file. Raises `Environment` for a damaged one."""
        path = self._path(start, run)
        if not path.exists():
            return []
        whole, _, _ = path.read_bytes().rpartition(b"\n")
        try:
            lines = [json.loads(line) for line in whole.split(b"\n") if line]
            if not all(isinstance(line, dict) and {"step", "at", "ms", "boot"} <= line.keys() for line in lines):
                raise ValueError
        except ValueError:
            raise Environment(
                "golem-journal", f"{path} cannot be read", "look at it; beacon sweep ends what it does not explain"
            ) from None
        return lines

    def write(self, start: int, run: str, step: str, facts: Mapping[str, Any]) -> Line:
        """Add a line. On the disk when it returns. Raises `Environment`."""
        line = {**facts, "step": step, **stamp()._asdict()}
        path = self._path(start, run)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.ftruncate(descriptor, _whole(descriptor))
                os.lseek(descriptor, 0, os.SEEK_END)
                os.write(descriptor, json.dumps(line).encode() + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            durable.sync(self._folder)
        except OSError as error:
            raise Environment(
                "write-failed", f"{path} cannot be written: {error.strerror}", "check the free space"
            ) from None
        self._written(line)
        return line

    def forget(self, start: int, run: str) -> None:
        """Drop a start that is settled."""
        self._path(start, run).unlink(missing_ok=True)

    def _path(self, start: int, run: str) -> Path:
        return self._folder / f"{start}-{run}.jsonl"


def _whole(descriptor: int) -> int:
    """The size of a file up to its last whole line."""
    size = os.fstat(descriptor).st_size
    end = size
    while end:
        begin = max(0, end - 4096)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
