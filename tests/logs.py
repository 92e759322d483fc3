"""Logs to test with: one in memory that grows as a runner grows it, and the key of one that others wrote."""

from __future__ import annotations

from runner.formats import log
from runner.model import Checkpoint

TESSERA = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"


class Store(dict):
    """A log's folder in memory, grown as a runner would grow it."""

    def grow(self, size: int, entries: list[bytes]) -> log.Appended:
        appended = log.append(self.get, size, entries)
        for path, content in appended.tiles.items():
            if content is None:
                del self[path]
            else:
                assert path not in self, "what is published is never rewritten"
                self[path] = content
        return appended

    def paths(self) -> set[str]:
        return {*self, log.CHECKPOINT_PATH}


def made(count: int) -> list[bytes]:
    return [b"entry %d" % number * (number % 3) for number in range(count)]


def grown(count: int) -> tuple[Store, Checkpoint]:
    store = Store()
    return store, Checkpoint("o", count, store.grow(0, made(count)).root)
