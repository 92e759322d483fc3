"""A benchmark's folders: whole or absent, whoever raced or was killed; packages only as pinned, and none of their code.

Installs a wheel made here, from a folder, with no index. Skipped where neither uv nor pip is to be found."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.edges import environment
from runner.edges.environment import Prepared, cpu_model, interpreter, prepare
from runner.errors import BeaconError, Environment, Invalid


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `tiny` 1.0 in a folder that is the only place to install from."""
    try:
        environment._installer()
    except Environment as error:
        pytest.skip(str(error))
    index = tmp_path / "index"
    index.mkdir()
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(index)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
        monkeypatch.setenv(f"UV_{name}", value)
    files = {
        "tiny/__init__.py": b"WORD = 'tiny'\n",
        "tiny-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_b64(raw)},{len(raw)}\n" for name, raw in files.items())
    files["tiny-1.0.dist-info/RECORD"] = f"{record}tiny-1.0.dist-info/RECORD,,\n".encode()
    path = index / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return path


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


def benchmark(wheel: Path) -> dict[str, bytes]:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return {"benchmark.py": b"import tiny\n", "requirements.txt": f"tiny==1.0 --hash=sha256:{digest}\n".encode()}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_files_alone(tmp_path: Path) -> None:
    found = prepare(tmp_path, {"benchmark.py": b"pass", "data/words.txt": b"\xff"})
    assert (found.site, found.packages) == (None, {})
    assert (found.files / "data/words.txt").read_bytes() == b"\xff"


def test_packages_are_installed_once_and_named(tmp_path: Path, wheel: Path) -> None:
    files = benchmark(wheel)
    found = prepare(tmp_path, files)
    assert found.packages == {"tiny": "1.0"}
    assert found.site is not None
    assert (found.site / "tiny/__init__.py").read_bytes() == b"WORD = 'tiny'\n"
    wheel.unlink()
    assert prepare(tmp_path, files) == found


def test_racing_processes_share_one_whole_folder(tmp_path: Path, wheel: Path) -> None:
    files = benchmark(wheel)
    with ThreadPoolExecutor(2) as pool:
        found: list[Prepared] = list(pool.map(lambda _: prepare(tmp_path, files), range(2)))
    assert len(set(map(str, found))) == 1
    assert len(names(tmp_path / "site")) == 1


def test_what_a_killed_process_left_is_never_used_and_later_swept(tmp_path: Path) -> None:
    prepare(tmp_path, {"benchmark.py": b"one"})
    fresh, stale = tmp_path / "files/.unfinished-fresh", tmp_path / "files/.unfinished-stale"
    for folder in (fresh, stale):
        folder.mkdir()
        (folder / "benchmark.py").write_bytes(b"half")
    os.utime(stale, (0, 0))
    assert (prepare(tmp_path, {"benchmark.py": b"two"}).files / "benchmark.py").read_bytes() == b"two"
    assert fresh.is_dir()
    assert not stale.exists()


def test_readable_for_the_sandbox_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        found = prepare(tmp_path, {"data/words.txt": b"x"})
    finally:
        os.umask(before)
    assert oct((found.files / "data/words.txt").stat().st_mode & 0o777) == "0o644"
    assert oct((found.files / "data").stat().st_mode & 0o777) == "0o755"
    assert oct(found.files.stat().st_mode & 0o777) == "0o755"


def test_wrong_hash_installs_nothing(tmp_path: Path, wheel: Path) -> None:
    files = {"requirements.txt": f"tiny==1.0 --hash=sha256:{'0' * 64}\n".encode()}
    with pytest.raises(Environment) as caught:
        prepare(tmp_path, files)
    assert caught.value.code == "install-failed"
    assert names(tmp_path / "site") == set()


def test_package_that_would_have_to_be_built_is_refused(tmp_path: Path, wheel: Path) -> None:
    source = wheel.with_name("tiny-2.0.tar.gz")
    source.write_bytes(b"not even an archive")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    with pytest.raises(Environment) as caught:
        prepare(tmp_path, {"requirements.txt": f"tiny==2.0 --hash=sha256:{digest}\n".encode()})
    assert caught.value.code == "install-failed"


def test_requirement_without_a_hash_is_refused_before_any_installer(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        prepare(tmp_path, {"requirements.txt": b"tiny==1.0\n"})


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "a\0b", ""])
def test_files_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(BeaconError):
        prepare(tmp_path / "cache", {name: b"x"})
    assert names(tmp_path) <= {"cache"}


def test_facts_of_this_machine() -> None:
    assert interpreter().split()[1][:2] == "3."
    assert cpu_model() != ""
