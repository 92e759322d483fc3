"""The second engine: pymerkle's opinion of the log's root, from the same files.

Two programs that share no code must find the same root before a checkpoint is signed. pymerkle (GPL-3.0-or-later, the
extra `audit`) is loaded only here, and only where it is installed. It hashes the entries and builds the tree by itself,
and is never the source of a proof: its consistency proofs are not those of RFC 9162.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from runner.formats.log import entries
from runner.formats.tiles import WIDTH, Read, Tiles


def second_root(read: Read, size: int, since: int = 0) -> bytes | None:
    """The root that pymerkle finds for a log of `size` entries, None where it is not installed.

    About 5 us an entry. With `since`, full tiles of the first `since` entries, which were judged when they were new,
    are taken as they are; so a tick costs what it appends, and a log of any size fits into memory."""
    if find_spec("pymerkle") is None:
        return None
    root: bytes = _tree(read, size, since).get_root()
    return root


def _tree(read: Read, size: int, since: int) -> Any:
    """A pymerkle tree over the log's files. Its `_get_subroot` is no public interface: the version is pinned."""
    tiles = Tiles(read, size)
    base: Any = importlib.import_module("pymerkle").BaseMerkleTree

    class LogTree(base):  # type: ignore[misc]  # pymerkle has no type hints, and may be absent
        """Five methods tell pymerkle where leaves come from; the sixth keeps what it holds in memory small."""

        def _get_size(self) -> int:
            return size

        def _encode_entry(self, data: bytes) -> bytes:
            return data

        def _get_leaf(self, index: int) -> bytes:
            return next(self._get_leaves(index - 1, 1))

        def _get_leaves(self, offset: int, width: int) -> Iterator[bytes]:
            return map(self.hash_buff, entries(read, offset, offset + width, size))

        def _store_leaf(self, data: bytes, digest: bytes) -> int:
            raise TypeError("the log is only read here")

        def _get_subroot(self, offset: int, width: int) -> Any:
            if width >= WIDTH and offset + width <= since:
                return tiles.node(width.bit_length() - 1, offset // width)
            if width <= WIDTH:
                return self._get_subroot_uncached(offset, width)
            half = width // 2
            return self.hash_pair(self._get_subroot(offset, half), self._get_subroot(offset + half, half))

    return LogTree(algorithm="sha256")
