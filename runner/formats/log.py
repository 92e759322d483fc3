"""The log: an append-only Merkle tree (RFC 9162) in plain files (C2SP tlog-tiles), as pure functions.

`read` gives the bytes of a file below the log's folder, or None: a folder, a git tree and a mapping all serve. Nothing
is written here: `append` returns what would change. Proofs come from the tiles alone, for every size up to the tree's,
although partial tiles that a newer one supersedes are dropped. What a reader makes of a proof is in `formats/proof.py`,
written apart from this module, so that a mistake has to be made twice to go unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from runner.errors import Unverified
from runner.formats.tiles import (
    HASH,
    MAX_ENTRY,
    WIDTH,
    Level,
    Read,
    Tiles,
    fold,
    leaf_hash,
    overlay,
    record,
    split,
    tile_path,
    tile_paths,
)
from runner.model.entry import Checkpoint

CHECKPOINT_PATH = "checkpoint"


class Appended(NamedTuple):
    """A log after entries were added: its changed files (None where one goes away), its size and its root."""

    tiles: dict[str, bytes | None]
    size: int
    root: bytes


def append(read: Read, size: int, entries: Sequence[bytes]) -> Appended:
    """Add entries to a log of `size` entries. About 2 hash operations an entry, whatever the size.

    Only the right edge is read, one partial tile a level, and it is trusted: `fsck` judges it before anyone signs."""
    if any(len(entry) > MAX_ENTRY for entry in entries):
        raise ValueError(f"an entry of a log has at most {MAX_ENTRY} bytes")
    before = Tiles(read, size)
    changes, _ = _extend(before, "entries", list(map(record, entries)))
    hashes = [leaf_hash(entry) for entry in entries]
    level = 0
    while hashes:
        changed, full = _extend(before, level, hashes)
        changes |= changed
        hashes = [fold(tile) for tile in full]
        level += 1
    after = size + len(entries)
    return Appended(changes, after, root(overlay(read, changes), after))


def _extend(before: Tiles, level: Level, items: Sequence[bytes]) -> tuple[dict[str, bytes | None], list[bytes]]:
    """One level after items were added: its changed files, and those of them that are full now."""
    count = before.count(level)
    changes: dict[str, bytes | None] = {}
    full: list[bytes] = []
    edge = before.edge(level) if items else b""
    if edge:
        changes[tile_path(level, count // WIDTH, count % WIDTH)] = None
    done = 0
    while done < len(items):
        index, have = divmod(count + done, WIDTH)
        part = items[done : done + WIDTH - have]
        content = edge + b"".join(part)
        edge = b""
        done += len(part)
        changes[tile_path(level, index, have + len(part))] = content
        if have + len(part) == WIDTH:
            full.append(content)
    return changes, full


def root(read: Read, size: int, tree: int | None = None) -> bytes:
    """MTH(D[0:size]), RFC 9162 section 2.1.1, read from the files of a log of `tree` entries (`size` of them unless
    said). Reads the right edge: one tile a level."""
    return Tiles(read, _tree(size, tree)).subtree(0, size)


def entries(read: Read, start: int, end: int, tree: int | None = None) -> Iterator[bytes]:
    """The entries `start` up to, not with, `end`, from the files of a log of `tree` entries (`end` of them unless
    said). One read for 256 entries, when they are asked for."""
    tiles = Tiles(read, _tree(end, tree))
    for index in range(start // WIDTH, -(-end // WIDTH)):
        first = index * WIDTH
        yield from tiles.bundle(index)[max(start - first, 0) : end - first]


def inclusion(read: Read, index: int, size: int) -> tuple[bytes, ...]:
    """PATH(index, D[0:size]) of RFC 9162 section 2.1.3.1, from the leaf's sibling up, at most 63 hashes.

        PATH(0, {d}) = {}
        PATH(m, D[0:n]) = PATH(m, D[0:k]) : MTH(D[k:n])         for m < k
        PATH(m, D[0:n]) = PATH(m - k, D[k:n]) : MTH(D[0:k])     for m >= k

    Reads two tiles a level at most: that of the leaf and the right edge."""
    if not 0 <= index < size:
        raise ValueError(f"a log of {size} entries has no entry {index}")
    siblings: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((start, middle))
            start = middle
    return _hashes(read, size, siblings)


def consistency(read: Read, old: int, new: int) -> tuple[bytes, ...]:
    """PROOF(old, D[0:new]) of RFC 9162 section 2.1.4.1; nothing for an empty old tree or one of the same size.

        PROOF(m, D[0:n]) = SUBPROOF(m, D[0:n], true)
        SUBPROOF(m, D[0:m], true) = {}      SUBPROOF(m, D[0:m], false) = {MTH(D[0:m])}
        SUBPROOF(m, D[0:n], b) = SUBPROOF(m, D[0:k], b) : MTH(D[k:n])              for m <= k
        SUBPROOF(m, D[0:n], b) = SUBPROOF(m - k, D[k:n], false) : MTH(D[0:k])      for m > k

    Reads two tiles a level at most: both right edges."""
    if not 0 <= old <= new:
        raise ValueError(f"a log of {new} entries has no older size {old}")
    ranges: list[tuple[int, int]] = []
    start, end = 0, new
    while old and end != old:
        middle = start + split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:
        ranges.append((start, end))
    return _hashes(read, new, ranges)


def _hashes(read: Read, size: int, ranges: Sequence[tuple[int, int]]) -> tuple[bytes, ...]:
    """The hashes of these ranges, the last one first."""
    tiles = Tiles(read, size)
    return tuple(tiles.subtree(start, end) for start, end in reversed(ranges))


def fsck(read: Read, checkpoint: Checkpoint, since: int = 0, paths: Iterable[str] | None = None) -> None:
    """Derive every tile, and the root, from the entries again. Raises `Unverified` at the first difference.

    With `since`, full tiles of the first `since` entries are taken as they are; but the root is always derived from
    every hash at the edges, so with the older root checked too (`root(read, since, size)`) nothing can hide there.
    `paths`, where given, are the files that exist below the log's folder: exactly the checkpoint and the tiles of this
    size may. About 2 hash operations an entry."""
    tiles = Tiles(read, checkpoint.size)
    first = since // WIDTH * WIDTH
    derived: Iterable[bytes] = (leaf_hash(entry) for entry in entries(read, first, checkpoint.size))
    level = 0
    while first < tiles.count(level):
        derived = _check_level(tiles, level, first, iter(derived))
        first, level = first // WIDTH, level + 1
    found = tiles.subtree(0, checkpoint.size)
    if found != checkpoint.root:
        raise Unverified(
            "log-root-wrong",
            f"{checkpoint.size} entries have the root {found.hex()}, their checkpoint says {checkpoint.root.hex()}",
        )
    if paths is not None:
        _check_paths(checkpoint.size, set(paths))


def _check_level(tiles: Tiles, level: int, first: int, derived: Iterator[bytes]) -> list[bytes]:
    """Compare a level, from hash `first` on, with the hashes derived for it. Returns the next level's, from
    first // 256 on."""
    above = []
    for index in range(first // WIDTH, -(-tiles.count(level) // WIDTH)):
        tile = tiles.tile(level, index)
        known = max(first - index * WIDTH, 0)
        if tile[known * HASH :] != b"".join(islice(derived, WIDTH - known)):
            raise Unverified(
                "log-tile-wrong",
                f"{tile_path(level, index, len(tile) // HASH)} does not follow from the log's entries",
                "a tile or an entry was altered after it was written",
            )
        if len(tile) == WIDTH * HASH:
            above.append(fold(tile))
    return above


def _check_paths(size: int, found: set[str]) -> None:
    expected = {CHECKPOINT_PATH, *tile_paths(size)}
    for code, what, paths in (
        ("log-file-missing", "lacks", expected - found),
        ("log-file-extra", "must not hold", found - expected),
    ):
        if paths:
            raise Unverified(code, f"a log of {size} entries {what} {min(paths)} ({len(paths)} such files)")


def _tree(size: int, tree: int | None) -> int:
    if tree is not None and tree < size:
        raise ValueError(f"a log of {tree} entries has no size {size}")
    return size if tree is None else tree
