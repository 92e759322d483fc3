"""Which blocks below a root are still missing, while blocks come from several strangers in any order.

Promises that a graph is called whole only when every block that the root leads to is in the store. Blocks that nobody
asked for are kept, since they may be wanted later; how many may come is the reader's limit (`ipfs/car.py`).
Every block is one that a `Decoder` or `check_block` has held against its CID. Pure but for the store.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from runner.ipfs import dagpb
from runner.ipfs.dagpb import DAG_PB, Block


class Store(Protocol):
    """Where blocks are put. In memory a dict could do it; `runner/edges/blockfile.py` keeps them in a file."""

    def add(self, block: Block) -> None:
        """Keep a block; one that is there already is left alone."""

    def get(self, cid: bytes) -> bytes:
        """The bytes of a block. Raises `Unverified` where it is not there."""

    def __contains__(self, cid: bytes) -> bool:
        """Whether a block is there."""


class Gathering:
    """What was reached from the root, and what is missing of it. Memory: the CIDs."""

    def __init__(self, root: bytes, store: Store) -> None:
        self.root = root
        self._store = store
        self._known = {root}
        self._missing = {root: None}

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not self._missing

    @property
    def count(self) -> int:
        """How many blocks of the graph are there."""
        return len(self._known) - len(self._missing)

    def missing(self) -> Iterator[bytes]:
        """What is known to be missing now; more may be below it."""
        yield from tuple(self._missing)

    def add(self, block: Block) -> None:
        """A block has come. Raises `Unverified` where it is no node, though its bytes are those that its CID names."""
        self._store.add(block)
        left = [block] if block.cid in self._missing else []
        while left:
            found = left.pop()
            del self._missing[found.cid]
            for cid in dagpb.links(found):
                if cid not in self._known:
                    self._known.add(cid)
                    self._missing[cid] = None
                    if cid in self._store:
                        left.append(Block(cid, self._store.get(cid) if cid[1] == DAG_PB else b""))
