"""Every checkpoint that was ever signed, found where nobody would look: among all objects, reachable or not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from runner.formats import note


def checkpoints(repository: Path) -> Iterator[bytes]:
    """The signed checkpoints of a repository."""
    listed = subprocess.run(
        ["git", "-C", str(repository), "cat-file", "--batch-all-objects", "--batch", "--unordered"],
        capture_output=True,
        check=True,
    ).stdout
    at = 0
    while at < len(listed):
        begins = listed.index(b"\n", at) + 1
        _, kind, size = listed[at:begins].split()
        content = listed[begins : begins + int(size)]
        at = begins + int(size) + 1
        if kind == b"blob" and content.count(b"\n\n\xe2\x80\x94 ") == 1 and not content.startswith(b"c2sp.org"):
            yield content


def roots(repositories: Iterable[Path], vkey: str) -> dict[int, set[bytes]]:
    """Log size to the roots that were signed for it. One that was signed with another key raises `Unverified`."""
    found: dict[int, set[bytes]] = {}
    for repository in repositories:
        for raw in checkpoints(repository):
            checkpoint = note.parse_checkpoint(note.open_note(raw, [vkey]).text, note.parse_vkey(vkey).name)
            found.setdefault(checkpoint.size, set()).add(checkpoint.root)
    return found
