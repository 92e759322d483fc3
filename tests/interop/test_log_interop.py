"""Programs that others wrote read our log and believe it, and refuse it after one bit was changed.

`tlog/` is a small Go program around golang.org/x/mod/sumdb, the code behind Go's checksum database; `fsck` is
Tessera's own. Both are built once, into a cache, and skipped, with the reason, where Go or their source is not to be
had. The first build takes a minute or two, later ones under a second."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from runner.formats import log, note
from runner.formats.proof import write_proof
from runner.model import Checkpoint
from tests.logs import Store, made
from tests.make import ORIGIN, key

TESSERA_VERSION = "v1.0.4"
TESSERA_FSCK = "github.com/transparency-dev/tessera/cmd/fsck"
SOURCE = Path(__file__).parent / "tlog"
LOG = key("log")
VKEY = note.vkey(ORIGIN, LOG.public)
OLDER, SIZE = 300, 66_001
pytestmark = pytest.mark.slow  # a first build of the Go programs takes minutes
PROVEN = (0, 255, 256, 299, 65_535, 65_536, SIZE - 1)


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or tempfile.gettempdir()
    folder = Path(base) / "beacon-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def build(package: str, programs: Path, cwd: Path) -> Path:
    """The folder that `go install` puts a program into. Skips, saying why, where it cannot."""
    if not shutil.which("go"):
        pytest.skip("Go is not installed")
    environ = os.environ | {"GOBIN": str(programs), "GOTOOLCHAIN": "local", "GOFLAGS": "-trimpath -buildvcs=false"}
    done = subprocess.run(["go", "install", package], cwd=cwd, env=environ, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"Go cannot build {package}: {done.stderr.strip()[-300:]}")
    return programs


@pytest.fixture(scope="session")
def tlogcheck() -> Path:
    return build(".", cache() / "tlogcheck", SOURCE) / "tlogcheck"


@pytest.fixture(scope="session")
def fsck() -> Path:
    programs = cache() / f"tessera-{TESSERA_VERSION}"
    if not (programs / "fsck").exists():
        build(f"{TESSERA_FSCK}@{TESSERA_VERSION}", programs, cache())
    return programs / "fsck"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log's folder as a runner publishes it, grown in steps, with an older checkpoint and proofs beside it."""
    beside = tmp_path_factory.mktemp("published")
    folder = beside / "log"
    entries, store, size = made(SIZE), Store(), 0
    for end in (1, 200, OLDER, 65_536, SIZE):
        appended = store.grow(size, entries[size:end])
        size = appended.size
        text = note.checkpoint_text(Checkpoint(ORIGIN, size, appended.root))
        store["checkpoint"] = signed = note.sign(text, ORIGIN, LOG)
        (beside / f"checkpoint.{size}").write_bytes(signed)
        del store["checkpoint"]
    store["checkpoint"] = signed
    for path, content in store.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    for index in PROVEN:
        (beside / f"{index}.proof").write_bytes(write_proof(index, log.inclusion(store.get, index, SIZE), signed))
    return beside


def altered(published: Path, tmp_path: Path, path: str) -> Path:
    """A copy of the log's folder with one bit of one file changed."""
    folder = tmp_path / "log"
    shutil.copytree(published / "log", folder)
    raw = bytearray((folder / path).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / path).write_bytes(raw)
    return folder


def test_golang_sumdb_believes_checkpoint_tiles_entries_and_proofs(tlogcheck: Path, published: Path) -> None:
    proofs = [published / f"{index}.proof" for index in PROVEN]
    command = [tlogcheck, published / "log", VKEY, published / f"checkpoint.{OLDER}", *proofs]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{SIZE} entries")


@pytest.mark.parametrize(
    "path", ["checkpoint", "tile/0/003", "tile/1/000", "tile/2/000.p/1", "tile/entries/001", "tile/entries/257.p/209"]
)
def test_golang_sumdb_refuses_one_changed_bit(tlogcheck: Path, published: Path, tmp_path: Path, path: str) -> None:
    done = subprocess.run([tlogcheck, altered(published, tmp_path, path), VKEY], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout


def test_golang_sumdb_refuses_a_changed_proof(tlogcheck: Path, published: Path, tmp_path: Path) -> None:
    raw = (published / "256.proof").read_bytes()
    moved = tmp_path / "moved.proof"
    moved.write_bytes(raw.replace(b"index 256", b"index 257"))
    done = subprocess.run([tlogcheck, published / "log", VKEY, "-", moved], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout


def run_fsck(fsck: Path, folder: Path, tmp_path: Path) -> str:
    """What Tessera's fsck says. Its exit code is 0 whatever it finds."""
    (tmp_path / "key").write_text(VKEY + "\n")
    options = ["--ui=false", f"--storage_url=file://{folder}", f"--public_key={tmp_path / 'key'}"]
    return subprocess.run([fsck, "-v=1", *options], capture_output=True, text=True, timeout=60).stderr


def test_tessera_fsck_believes_the_whole_log(fsck: Path, published: Path, tmp_path: Path) -> None:
    root = (published / "log" / "checkpoint").read_text().split("\n")[2]
    assert f"Successfully fsck'd log with size {SIZE} and root {root}" in run_fsck(fsck, published / "log", tmp_path)


def test_tessera_fsck_refuses_a_changed_checkpoint(fsck: Path, published: Path, tmp_path: Path) -> None:
    """Of the checkpoint only: at a difference in a tile this version of the program may neither say so nor end."""
    assert "fsck failed" in run_fsck(fsck, altered(published, tmp_path, "checkpoint"), tmp_path)
