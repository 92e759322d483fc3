"""What must outlive every clone: the highest checkpoint that a runner signed, and the last one that a verifier saw.

    <folder>/<SHA-256 of the origin>/signed     canonical JSON: origin, size, root (hex)
    <folder>/<SHA-256 of the origin>/seen       the signed note, as it was read

Whoever rewinds or replaces a repository cannot rewind these. So nothing here is ever guessed: a file that cannot be
read stops the work until a person has looked.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import Field, ValidationError

from runner.edges import durable
from runner.errors import Environment, Unverified
from runner.model import Checkpoint
from runner.model.canonical import Count, Document, Sha256, from_canonical, sha256


class _Signed(Document):
    origin: str = Field(min_length=1, max_length=300)
    size: Count
    root: Sha256


class SignedState:
    """See `Signed`. Several processes of one machine may share it."""

    def __init__(self, folder: Path, origin: str) -> None:
        self._origin = origin
        self._path = folder / sha256(origin.encode()) / "signed"

    def highest(self) -> Checkpoint | None:
        """See `Signed.highest`. Raises `Environment` for a file that cannot be read."""
        raw = _read(self._path)
        if raw is None:
            return None
        try:
            kept = _Signed.from_json(from_canonical(raw, "the state"))
        except (ValidationError, Unverified) as error:
            raise _damaged(self._path, str(error)) from None
        if kept.origin != self._origin:
            raise _damaged(self._path, f"it is about {kept.origin!r}")
        return Checkpoint(kept.origin, kept.size, bytes.fromhex(kept.root))

    def remember(self, checkpoint: Checkpoint) -> None:
        """See `Signed.remember`."""
        if checkpoint.origin != self._origin:
            raise ValueError(f"a checkpoint of {checkpoint.origin!r} is not one of {self._origin!r}")
        with _alone(self._path):
            highest = self.highest()
            if checkpoint == highest:
                return
            if highest is not None and checkpoint.size <= highest.size:
                raise Environment(
                    "log-forked",
                    f"a log of {highest.size} entries with root {highest.root.hex()} was signed here; one of "
                    f"{checkpoint.size} with root {checkpoint.root.hex()} must not be",
                    "the repository was wound back, or another copy of the log's key is at work: a person must look",
                )
            kept = _Signed(origin=checkpoint.origin, size=checkpoint.size, root=checkpoint.root.hex())
            durable.write(self._path, kept.canonical())


class SeenState:
    """The last checkpoint of a log that a verifier accepted, as the signed note it was read from."""

    def __init__(self, folder: Path, origin: str) -> None:
        self._path = folder / sha256(origin.encode()) / "seen"

    def last(self) -> bytes | None:
        """The note that was remembered last, or None at first use."""
        return _read(self._path)

    def remember(self, note: bytes) -> None:
        """Durable when it returns. Whether the note follows from the last one is the verifier's to judge, before."""
        durable.write(self._path, note)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes out while the highest size is compared and raised."""
    try:
        durable.make_folder(path.parent)
        descriptor = os.open(path.parent / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Environment(
            "write-failed", f"{path.parent} cannot be written: {error.strerror}", "check the permissions"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _damaged(path, str(error.strerror)) from None


def _damaged(path: Path, why: str) -> Environment:
    return Environment(
        "state-damaged",
        f"{path} cannot be trusted: {why}",
        "compare the log's checkpoint with other clones; delete the file only if it holds",
    )
