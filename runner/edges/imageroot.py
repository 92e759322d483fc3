"""A sandbox's `/` made of an image: an unpacked root file system, bound read-only, with room for what we mount.

Nothing is ever written to the image. bubblewrap starts from an empty `/` in memory; each entry of the image is bound
into it by itself, and a folder that one of our places lies in is opened: made anew, its entries bound one by one. What
stands in the way of a place gives way, links above all, since bubblewrap would follow them out of the new root.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from runner.edges.carried import FOLDER

PRELOAD = "/etc/ld.so.preload"
"""Hidden: our own programs start, with more rights than the benchmark, before the user is changed."""


def layout(root: Path, places: Collection[str]) -> list[str]:
    """bubblewrap's words for the image without `places` (absolute, normal paths), whose parents are made."""
    taken = {*places, FOLDER}
    if (root / "etc").is_symlink() or os.path.lexists(f"{root}{PRELOAD}"):
        taken.add(PRELOAD)
    inner = {str(parent) for place in taken for parent in PurePosixPath(place).parents} - {"/"}
    words = list(_bound(root, "", taken, inner))
    return [*words, *folders(taken - {PRELOAD})]


def folders(places: Collection[str]) -> list[str]:
    """The words that make the folders that places lie in. bubblewrap would make them 0700."""
    inner = {parent for place in places for parent in PurePosixPath(place).parents} - {PurePosixPath("/")}
    ordered = sorted(inner, key=lambda path: (len(path.parts), path))
    return [word for path in ordered for word in ("--perms", "0755", "--dir", str(path))]


def _bound(folder: Path, inside: str, taken: Collection[str], inner: Collection[str]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            place = f"{inside}/{entry.name}"
            if place in taken:
                continue
            if place in inner:
                if entry.is_dir(follow_symlinks=False):
                    yield from ("--perms", "0755", "--dir", place)
                    yield from _bound(Path(entry.path), place, taken, inner)
            elif entry.is_symlink():
                yield from ("--symlink", str(Path(entry.path).readlink()), place)
            else:
                yield from ("--ro-bind", entry.path, place)
