"""Programs of this machine, carried into a sandbox whose `/` is somebody's image.

An image need not hold `prlimit` or `chroot`, and its own could not be trusted before the user is changed. So each comes
from this machine with its libraries, below /.beacon, and is started through this machine's dynamic loader, which finds
those libraries first. None of them may read what the image says of users or languages: ids are given as `+number`, and
no variable of the image's is set yet. What the loader would read for itself, /etc/ld.so.preload, is hidden by
`imageroot.py`.
"""

from __future__ import annotations

import functools
import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

from runner.errors import Environment

FOLDER = "/.beacon"
_PATH = "/usr/bin:/usr/sbin:/bin:/sbin"
_PT_INTERP = 3


class Carried(NamedTuple):
    """Files to bind, each with its place inside, and the words that start the program there."""

    binds: tuple[tuple[Path, str], ...]
    argv: tuple[str, ...]


@functools.cache
def carried(name: str) -> Carried:
    """One program of this machine. Raises `Environment` where it is missing or cannot be carried."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise Environment("sandbox-missing", f"no {name} on this machine", "install `util-linux` and `coreutils`")
    program = Path(found).resolve()
    inside = f"{FOLDER}/{name}"
    loader = _loader(program)
    if loader is None:
        return Carried(((program, inside),), (inside,))
    libraries = {library.name: library.resolve() for library in _libraries(loader, program)}
    binds = [(path, f"{FOLDER}/lib/{name}") for name, path in sorted(libraries.items())]
    return Carried(
        ((program, inside), (loader.resolve(), f"{FOLDER}/loader"), *binds),
        (f"{FOLDER}/loader", "--library-path", f"{FOLDER}/lib", inside),
    )


def _loader(program: Path) -> Path | None:
    """The dynamic loader that an ELF file asks for (PT_INTERP, 64 bits, this machine's byte order); None: static."""
    raw = program.read_bytes()
    if raw[:5] != b"\x7fELF\x02":
        raise Environment("sandbox-missing", f"{program} is no 64-bit program", "use a 64-bit Linux")
    (table,) = struct.unpack_from("=Q", raw, 32)
    size, count = struct.unpack_from("=HH", raw, 54)
    for number in range(count):
        kind, _, offset, _, _, length = struct.unpack_from("=IIQQQQ", raw, table + number * size)
        if kind == _PT_INTERP:
            return Path(raw[offset : offset + length].rstrip(b"\0").decode())
    return None


def _libraries(loader: Path, program: Path) -> list[Path]:
    """What the loader would load, as it says itself."""
    listed = subprocess.run([loader, "--list", program], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - the system's own loader
    if listed.returncode:
        raise Environment("sandbox-missing", f"the loader cannot list {program}: {listed.stderr.strip()[-200:]}")
    return [Path(path) for path in re.findall(r"=> (/\S+)", listed.stdout)]
