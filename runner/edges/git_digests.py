"""A table beside git's objects: blob id to the SHA-256 of its bytes, so that a large registry need not be read again.

    <git directory>/beacon/digests      16 bytes of a name with the version, rows of 20 + 32 bytes, SHA-256 of all that

It may be deleted at any time; one that is damaged, foreign or of another version counts as absent and is written anew.
It decides only what is looked at: whatever is signed, verified or taken is hashed from its bytes (git's ids are SHA-1).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import chain
from pathlib import Path
from struct import iter_unpack

from runner.edges.git_objects import Objects

_NAME = b"beacon digests 1"
_END = 32
_WORTH = 256  # fewer files than this are read as quickly as the table
_AT_ONCE = 1000


class DigestTable:
    """The table at a path. Two processes may use it at once: the last to write wins, and nothing is lost but time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def digests(self, objects: Objects, oids: Sequence[str]) -> Mapping[str, str]:
        """Each blob's id to the SHA-256 of its bytes, in hex. Reads those that the table does not know."""
        if len(oids) < _WORTH:
            return hashed(objects, oids)
        known = self._load()
        wanted = {oid: bytes.fromhex(oid) for oid in oids}
        new = hashed(objects, [oid for oid, key in wanted.items() if key not in known])
        if new:
            known |= {wanted[oid]: bytes.fromhex(digest) for oid, digest in new.items()}
            if len(known) > 2 * len(wanted):  # most of it is of files that have gone
                known = {key: known[key] for key in wanted.values()}
            self._save(known)
        return {oid: known[key].hex() for oid, key in wanted.items()}

    def _load(self) -> dict[bytes, bytes]:
        try:
            raw = self._path.read_bytes()
        except OSError:
            return {}
        body, rows = memoryview(raw)[:-_END], memoryview(raw)[len(_NAME) : -_END]
        if not raw.startswith(_NAME) or len(rows) % 52 or sha256(body).digest() != raw[-_END:]:
            return {}
        return dict(iter_unpack("20s32s", rows))

    def _save(self, rows: Mapping[bytes, bytes]) -> None:
        """Replace the table. Where that cannot be, the next one reads more."""
        body = b"".join([_NAME, *chain.from_iterable(rows.items())])
        beside = self._path.with_name(f".new-{secrets.token_hex(8)}")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(exist_ok=True)
            try:
                beside.write_bytes(body + sha256(body).digest())
                beside.replace(self._path)
            finally:
                beside.unlink(missing_ok=True)


def hashed(objects: Objects, oids: Sequence[str]) -> dict[str, str]:
    """Each blob's id to the SHA-256 of its bytes, in hex, from the bytes. They are not kept."""
    found: dict[str, str] = {}
    for at in range(0, len(oids), _AT_ONCE):
        part = oids[at : at + _AT_ONCE]
        found |= {oid: sha256(item.data).hexdigest() for oid, item in zip(part, objects.get(part), strict=True)}
    return found
