"""A small root file system, made of this machine's own Python: enough to run a benchmark, without a network."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PACKAGES = ("encodings", "json", "re", "collections", "importlib", "urllib")
BUILT = "math _struct zlib select _socket _random _json _posixsubprocess binascii _bisect _heapq fcntl resource array"
MORE = "unicodedata _sha1 _sha2 _sha256 _sha512 _sha3 _blake2 _md5 _datetime _opcode grp"


def make(root: Path, files: dict[str, bytes]) -> Path:
    """Fill the folder `root`: Python at /usr/bin/python3 with the greater part of its library, /usr/bin/env, and
    `files` by their paths."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    prefix = Path(sys.base_prefix).resolve()
    (root / "usr/bin").mkdir(parents=True)
    for name in ("lib", "lib64", "bin"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "usr/lib64").symlink_to("lib")
    (root / "etc").mkdir()
    (root / "etc/hostname").write_text("tiny\n")
    copied = root / "usr/lib" / version
    _standard_library(copied)
    programs = {prefix / "bin" / version: f"usr/bin/{version}", Path("/usr/bin/env"): "usr/bin/env"}
    for program, place in programs.items():
        shutil.copy(program, root / place)
    for program in (*programs, *(copied / "lib-dynload").iterdir()):
        for library, target in _libraries(program).items():
            (root / target.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, root / target.lstrip("/"))
    (root / "usr/bin/python3").symlink_to(version)
    (root / "usr/bin/python").symlink_to("python3")
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def _standard_library(copied: Path) -> None:
    """The modules of one file, some packages, and what is compiled of those."""
    standard = Path(sysconfig.get_path("stdlib"))
    copied.mkdir(parents=True)
    for path in standard.glob("*.py"):
        shutil.copy(path, copied)
    for package in PACKAGES:
        if (standard / package).is_dir():
            shutil.copytree(standard / package, copied / package, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / "lib-dynload").mkdir()
    for name in f"{BUILT} {MORE}".split():
        for path in (standard / "lib-dynload").glob(f"{name}.*.so"):
            shutil.copy(path, copied / "lib-dynload")


def _libraries(program: Path) -> dict[Path, str]:
    """Libraries and the loader: where each is, and where it belongs in the image."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    found = [Path(path) for path in re.findall(r"(/\S+) \(0x", listed)]
    return {path.resolve(): f"usr/lib/{path.name}" if "ld-" not in path.name else str(path) for path in found}
