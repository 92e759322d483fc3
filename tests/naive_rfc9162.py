"""RFC 9162 section 2.1, read aloud: slow, recursive and independent of the package, to compare with."""

from __future__ import annotations

import hashlib
from functools import cache


def mth(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash of leaf hashes (2.1.1)."""
    return _mth(tuple(leaves))


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]), 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = _k(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def proof(m: int, leaves: list[bytes], b: bool = True) -> list[bytes]:
    """PROOF(m, D[n]) and SUBPROOF(m, D[n], b), 2.1.4.1."""
    if m == len(leaves):
        return [] if b else [mth(leaves)]
    k = _k(len(leaves))
    if m <= k:
        return [*proof(m, leaves[:k], b), mth(leaves[k:])]
    return [*proof(m - k, leaves[k:], False), mth(leaves[:k])]


@cache
def _mth(leaves: tuple[bytes, ...]) -> bytes:
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = _k(len(leaves))
    return hashlib.sha256(b"\x01" + _mth(leaves[:k]) + _mth(leaves[k:])).digest()


def _k(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k
