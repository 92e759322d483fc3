"""Blocks in a nameless file, found by their CIDs: for graphs larger than the memory. Gone when it is closed."""

from __future__ import annotations

import os
from pathlib import Path

from runner.errors import Environment, Unverified
from runner.ipfs.dagpb import Block, cid_text


class BlockFile:
    """Implements `gather.Store`. `folder` is where there is room; nothing can be seen there."""

    def __init__(self, folder: Path) -> None:
        import tempfile

        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - it lives as long as this does
        except OSError as error:
            raise Environment(
                "write-failed", f"{folder}: {error.strerror}", "is the folder there, and yours?"
            ) from None
        self._places: dict[bytes, tuple[int, int]] = {}
        self._end = 0

    def __enter__(self) -> BlockFile:
        return self

    def __exit__(self, *ended: object) -> None:
        self._file.close()

    def __contains__(self, cid: bytes) -> bool:
        return cid in self._places

    def add(self, block: Block) -> None:
        """Keep a block. Raises `Environment` where the disk is full."""
        if block.cid in self._places:
            return
        left = memoryview(block.data)
        try:
            while left:
                left = left[os.pwrite(self._file.fileno(), left, self._end + len(block.data) - len(left)) :]
        except OSError as error:
            raise Environment("write-failed", f"no room for blocks: {error.strerror}", "check the free space") from None
        self._places[block.cid] = (self._end, len(block.data))
        self._end += len(block.data)

    def get(self, cid: bytes) -> bytes:
        """The bytes of a block. Raises `Unverified` where it never came."""
        place = self._places.get(cid)
        if place is None:
            message = f"the block {cid_text(cid)} is not among the {len(self._places)} that are here"
            raise Unverified("block-missing", message, "the CAR is not whole: get it from somewhere else")
        return os.pread(self._file.fileno(), place[1], place[0])
