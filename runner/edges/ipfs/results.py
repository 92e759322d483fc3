"""The last results of pinning, in a cache outside git: one line of JSON for each record, the newest of a pair counts.

It saves time and proves nothing: a lost line is asked for again, a line that cannot be read is left out. Lines are
appended, so that a kill loses at most the one that was being written; where most are outdated, they are written anew.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path

from runner.edges import durable
from runner.errors import Environment
from runner.ipfs.pinning import STAGES, Record
from runner.model import sha256

_STALE = 1000


class Results:
    """The records of one log, by target and CID. Several processes may append at once."""

    def __init__(self, cache: Path, origin: str) -> None:
        self._path = cache / "pinning" / f"{sha256(origin.encode())}.jsonl"
        self._alone = threading.Lock()

    def read(self) -> Mapping[tuple[str, str], Record]:
        """Every pair's newest record; none where there is no cache."""
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return {}
        found = {(one.target, one.cid): one for one in map(_record, lines) if one is not None}
        if len(lines) > 2 * len(found) + _STALE:
            durable.write(self._path, b"".join(map(_line, found.values())))
        return found

    def put(self, record: Record) -> None:
        """Keep a record. A later process of this machine finds it, even if this one is killed. Raises `Environment`."""
        try:
            with self._alone:
                durable.make_folder(self._path.parent)
                with self._path.open("ab", buffering=0) as file:
                    if file.tell() and not _ends_well(self._path):
                        file.write(b"\n")
                    file.write(_line(record))
        except OSError as error:
            mend = "check the free space and the permissions, or set BEACON_CACHE"
            raise Environment("write-failed", f"{self._path} cannot be written: {error.strerror}", mend) from None


def _line(record: Record) -> bytes:
    return json.dumps(record._asdict()).encode() + b"\n"


def _ends_well(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def _record(line: bytes) -> Record | None:
    """What a line says, or None."""
    try:
        found = Record(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = all(isinstance(one, str) for one in (found.target, found.cid, found.why))
    numbers = all(isinstance(one, int) for one in (found.at, found.held))
    return found if texts and numbers and found.stage in STAGES else None
