"""Reading many files of a commit, some at a time: few round trips, little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from runner.ports import Snapshot

_AT_ONCE = 256


def contents(snapshot: Snapshot, paths: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
    """Each path with its bytes, None where there is no plain file, in the given order."""
    left = iter(paths)
    while some := list(islice(left, _AT_ONCE)):
        found = snapshot.read_all(some)
        yield from ((path, found.get(path)) for path in some)
