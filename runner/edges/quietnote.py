"""The note of a tick with nothing to do, as a file in the git directory: see `runner/quiet.py`.

It may be deleted at any time; one that is damaged, foreign or of another version counts as absent.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from runner.edges import durable
from runner.errors import Environment, Unverified
from runner.quiet import Quiet

_MOST_BYTES = 1 << 20


class QuietNote:
    """The note at a path."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Quiet | None:
        """What was kept last, None where there is nothing that can be read."""
        try:
            with self._path.open("rb") as file:
                return Quiet.from_bytes(file.read(_MOST_BYTES), "the note")
        except (OSError, Unverified):
            return None

    def save(self, note: Quiet) -> None:
        """Keep it in the place of the last one. Where that cannot be, the next tick is a full one."""
        with contextlib.suppress(Environment):
            durable.write(self._path, note.canonical())
