"""What makes a benchmark's image of a root file system: the wrapper, and the folders that providers and engines mount.

The wrapper (`runner/static/beacon_run.py`) becomes /golem/run/beacon-run, started by the image's own Python 3, by its
full path: a provider sets no PATH. The volumes are empty where a benchmark starts, whatever an image has in them.
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.images.archive import Config
from runner.images.rootfs import File, Folder, RootFs, contents, encoded, refused, resolve, with_entries

WRAPPER = "golem/run/beacon-run"
VOLUMES = ("/golem/input", "/golem/output", "/golem/work")
MOUNTED = ("dev", "proc", "sys", "tmp")
"""Folders that are mounted over; what an image has in them is left out."""

_PYTHONS = ("usr/local/bin/python3", "usr/bin/python3", "bin/python3", "opt/python/bin/python3")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def benchmark_image(root: RootFs, wrapper: bytes, where: str) -> RootFs:
    """The root file system with the wrapper and the folders. Raises `Invalid` where no Python 3 is in it, or where a
    volume is in use. `where` names it in errors."""
    python = next((path for path in _PYTHONS if _is_program(root, path)), None)
    if python is None:
        hint = "the wrapper that runs benchmarks is Python: install python3 into the image (3.8 or later)"
        raise refused(where, "image-python", f"it has no Python 3 at {', '.join('/' + one for one in _PYTHONS)}", hint)
    kept = {path: node for path, node in root.items() if not path.startswith(tuple(f"{one}/" for one in MOUNTED))}
    for volume in VOLUMES:
        if any(path.startswith(f"{volume[1:]}/") for path in kept):
            hint = "put the benchmark's files elsewhere, such as /app: a provider mounts an empty folder here"
            raise refused(where, "image-volume", f"there are files in {volume}", hint)
    body = wrapper.split(b"\n", 1)[1] if wrapper.startswith(b"#!") else wrapper
    added: dict[str, File | Folder] = {path: Folder(shared=path == "tmp") for path in MOUNTED}
    added |= {volume[1:]: Folder(shared=True) for volume in VOLUMES}
    added[WRAPPER] = contents(b"#!/" + encoded(python) + b"\n" + body, executable=True)
    whole = with_entries(kept, added)
    above = {path[:at] for path in added for at, letter in enumerate(path) if letter == "/"} | set(added)
    in_the_way = sorted(path for path in above if path in root and type(root[path]) is not type(whole[path]))
    if in_the_way:
        raise refused(where, "image-volume", f"/{in_the_way[0]} is no plain folder", "it has to be one, or absent")
    return whole


def with_defaults(config: Config, environment: Mapping[str, str], folder: str | None) -> Config:
    """A configuration with more variables, another folder to start in, and the volumes."""
    variables = {"PATH": _PATH, **config.environment, **environment}
    return Config(variables, folder or config.folder, tuple(sorted({*config.volumes, *VOLUMES})))


def _is_program(root: RootFs, path: str) -> bool:
    found = resolve(root, path)
    node = root.get(found) if found else None
    return isinstance(node, File) and node.executable
