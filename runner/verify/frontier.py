"""Roots of a growing log in one pass over its entries, without its tiles.

    MTH({d}) = SHA-256(0x00 || d)
    MTH(D[0:n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n])), k = 2^i < n <= 2^(i+1)

(RFC 9162 section 2.1.1.) Written apart from `formats/tiles.py`: the seeds of every run and the agreement of every
checkpoint in history rest on these roots, and one mistake should not hide in both.
"""

from __future__ import annotations

import hashlib


class Frontier:
    """The complete subtrees at the right edge, largest first: one for each bit of `size`. Memory: log2(size) hashes."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, entry: bytes) -> None:
        """One more entry. Two hash operations on average."""
        found = hashlib.sha256(b"\x00" + entry).digest()
        merging = self.size
        while merging & 1:
            found = hashlib.sha256(b"\x01" + self._peaks.pop() + found).digest()
            merging >>= 1
        self._peaks.append(found)
        self.size += 1

    def root(self) -> bytes:
        """The root of what was added, 32 bytes. At most log2(size) hash operations."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = hashlib.sha256(b"\x01" + peak + found).digest()
        return found
