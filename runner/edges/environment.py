"""Where a benchmark of the form `source` finds its files and its packages: two cached folders, content-addressed.

    CACHE/files/<sha256>/   the benchmark's folder, as the registry has it
    CACHE/site/<sha256>/    its packages for this interpreter and platform (`pip install --target`)

Promises: a folder under its final name is whole, whoever was killed and however many processes raced: each is made
under a name of its own and renamed. Nothing of a package runs here: only wheels are installed, each with its hash,
none with dependencies, so no build and no set-up script. Which index serves them is the installer's configuration.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from runner.errors import Environment
from runner.model import canonical, sha256
from runner.registry import requirements

INSTALL_SECONDS = 1_800
_STALE_SECONDS = 86_400
_UNFINISHED = ".unfinished-"


class Prepared(NamedTuple):
    """Folders to bind into the sandbox; `site` is None where nothing is required. `packages`: name to version."""

    files: Path
    site: Path | None
    packages: Mapping[str, str]


def prepare(cache: Path, files: Mapping[str, bytes]) -> Prepared:
    """Write a benchmark's files and install its `requirements.txt`, unless both are there. Raises `Invalid` for a
    requirement that is not pinned, `Environment` where installing fails."""
    _sweep(cache)
    folder = once(cache / "files", _digest_of(files), lambda into: _write(into, files))
    wanted = requirements.parse(files.get("requirements.txt", b""), "requirements.txt")
    if not wanted:
        return Prepared(folder, None, {})
    text = requirements.normal(wanted)
    key = sha256(canonical([text, sys.version, sysconfig.get_platform(), *platform.libc_ver()]))
    site = once(cache / "site", key, lambda into: _install(into, text))
    packages = {item.name: item.version for item in importlib.metadata.distributions(path=[str(site)])}
    return Prepared(folder, site, dict(sorted(packages.items())))


def interpreter() -> str:
    """This machine's Python, such as `CPython 3.11.7`."""
    return f"{platform.python_implementation()} {platform.python_version()}"


@functools.cache
def cpu_model() -> str | None:
    """The CPU's model as the kernel names it, None where it does not."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model") and value.strip():
                return value.strip()[:300]
    return None


def _digest_of(files: Mapping[str, bytes]) -> str:
    return sha256(canonical({name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}))


def once(parent: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """The folder `parent/name`, filled by whoever comes first. Losing a race means using the winner's."""
    final = parent / name
    if final.is_dir():
        return final
    parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=parent))
    try:
        fill(unfinished)
        _readable(unfinished)
        try:
            unfinished.rename(final)
        except OSError:
            if not final.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return final


def _write(into: Path, files: Mapping[str, bytes]) -> None:
    for name, raw in files.items():
        parts = PurePosixPath(name).parts
        if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\0" in name:
            raise Environment(
                "benchmark-path", f"a benchmark's file cannot be named {name!r}", "use plain relative paths"
            )
        path = into.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)


def _readable(folder: Path) -> None:
    """Readable by the sandbox's user, whatever our umask."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _install(into: Path, text: str) -> None:
    """Works in a folder of its own: installers look around where they start, and a checkout is not ours to trust."""
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch, "requirements.txt")
        wanted.write_text(text)
        command = [*_installer(), "--target", str(into), "--requirement", str(wanted)]
        try:
            done = subprocess.run(command, capture_output=True, cwd=scratch, timeout=INSTALL_SECONDS, check=False)  # noqa: S603 - argument list, our own words
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Environment("install-failed", f"the installer did not finish: {type(error).__name__}") from None
    if done.returncode:
        said = " | ".join(done.stderr.decode(errors="replace").strip().splitlines()[-3:])[-400:]
        raise Environment(
            "install-failed",
            f"the benchmark's packages could not be installed: {said}",
            "check that the index is reachable, that the hashes cover this platform, and that each package has a wheel",
        )


def _installer() -> Sequence[str]:
    """uv where it is installed, else pip: this environment's, or that of the Python below it."""
    shared = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--quiet")
    uv = shutil.which("uv")
    if uv:
        return (uv, "pip", "install", "--python", sys.executable, "--compile-bytecode", *shared)
    for python in (sys.executable, str(Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}"))):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:  # noqa: S603 - our own Python
            return (python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", *shared)
    raise Environment(
        "installer-missing",
        "neither uv nor pip is here to install a benchmark's packages",
        "install one of them, for example `python -m ensurepip`",
    )


def _sweep(cache: Path) -> None:
    """Remove what killed processes left, once it is a day old."""
    for path in cache.glob(f"*/{_UNFINISHED}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
