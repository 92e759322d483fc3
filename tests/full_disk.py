"""A tick on a disk that is too small, and one with room: `python -m tests.full_disk TEMPLATE PLACE KIB`.

PLACE becomes a file system in memory with so much room beyond what the registry takes; it is seen by this process
alone, which therefore needs a namespace of its own (`unshare --user --map-root-user --mount`). Prints, as one line of
JSON, the two ticks and the tree that stands at the end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.disturbed_runner import Case, forked, tree
from tests.scratch import Scratch


def mount(place: Path, options: str) -> None:
    """Mount, or mount again."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], check=True)


def used(place: Path) -> int:
    """KiB that are taken."""
    shown = subprocess.run(["df", "--output=used", "-k", str(place)], capture_output=True, text=True, check=True).stdout
    return int(shown.split()[-1])


def main(template: Path, place: Path, kib: int) -> None:
    """Both ticks."""
    mount(place, "size=64m")
    registry = Scratch(template).copy(place / "registry")
    mount(place, f"remount,size={used(place) + kib}k")
    case = Case(str(template), str(registry.place))
    full = forked(case, "calm", 0)
    mount(place, "remount,size=64m")
    room = forked(case, "calm", 1)
    subprocess.run(["git", "-C", str(registry.remote), "fsck", "--strict"], check=True, capture_output=True)
    print(json.dumps([full, room, tree(registry, "origin")]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
