"""Every Python of this machine that the product supports, each with an environment of its own.

Found on the PATH and below pyenv, whose shims may stand on the PATH without working. An environment holds what
`requirements.txt` pins, hashes checked, and stands in a cache outside the checkout: `BEACON_CACHE`, else the system's
folder for temporary files. The first use installs it, which takes a minute and needs a package registry.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

OLDEST, TOO_NEW = (3, 11), (3, 14)
"""As `requires-python` in `pyproject.toml` has it."""
_TELL = "import sys, unicodedata; print(*sys.version_info[:3], unicodedata.unidata_version, sys.executable)"
_REQUIREMENTS = ROOT / "requirements.txt"


class Python(NamedTuple):
    """An interpreter that answered: its version, that of its Unicode tables, and its program."""

    version: tuple[int, int, int]
    unicode: str
    program: Path

    @property
    def name(self) -> str:
        """`3.13.0`."""
        return ".".join(map(str, self.version))

    @property
    def supported(self) -> bool:
        """Whether the product says that it runs on it."""
        return OLDEST <= self.version < TOO_NEW


class CannotInstall(Exception):
    """An environment cannot be made here; the message says why."""


@cache
def pythons() -> tuple[Python, ...]:
    """One for each version of Python 3 that is here, oldest first, supported or not."""
    found = {python.version: python for path in _candidates() if (python := _ask(path))}
    return tuple(found[version] for version in sorted(found))


def environment(python: Python) -> Path:
    """The interpreter of an environment with the pinned requirements. Raises `CannotInstall`."""
    base = Path(os.environ.get("BEACON_CACHE") or Path(tempfile.gettempdir(), "beacon-tests"), "pythons")
    digest = hashlib.sha256(_REQUIREMENTS.read_bytes() + str(python.program).encode()).hexdigest()[:16]
    folder = base / f"{python.name}-{digest}"
    stamp, program = folder / "complete", folder / "bin" / "python"
    base.mkdir(parents=True, exist_ok=True)
    with (base / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test processes at once: the second finds the work done
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run([str(python.program), "-m", "venv", str(folder)])
            quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
            _run([str(program), "-m", "pip", "install", *quiet, "--require-hashes", "-r", str(_REQUIREMENTS)])
            stamp.touch()
    return program


def _candidates() -> Iterator[Path]:
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True).stdout.strip()
        folders += sorted(Path(root, "versions").glob("*/bin")) if root else []
    for folder in dict.fromkeys(folders):
        yield from sorted(path for path in folder.glob("python3.*") if re.fullmatch(r"python3\.[0-9]+", path.name))


def _ask(path: Path) -> Python | None:
    """What an interpreter says of itself; None of what does not run, as shims of versions that are switched off."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        told = subprocess.run([path, "-I", "-c", _TELL], capture_output=True, text=True, timeout=60, env=environ)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = told.stdout.split(maxsplit=4)
    if told.returncode or len(words) != 5:
        return None
    major, minor, micro = map(int, words[:3])
    return Python((major, minor, micro), words[3], Path(words[4].strip()))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it says nothing"]
        raise CannotInstall(f"{' '.join(command[:4])}: {last[0][:300]}")


if __name__ == "__main__":
    for one in pythons():
        print(
            one.name, one.unicode, one.program, environment(one) if one.supported else "not supported", file=sys.stderr
        )
