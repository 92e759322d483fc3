"""A folder on disk as a snapshot: its files, their modes, and nothing behind a link."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from runner.edges.folder import FolderSnapshot


@pytest.fixture
def snapshot(tmp_path: Path) -> FolderSnapshot:
    """A folder of some depth, with what is left out."""
    for path in ("registry/b", "registry/a/c.yaml", "registry/a-b", "registry/__pycache__/x", ".git/config", "top"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    (tmp_path / "registry/run").write_text("x")
    (tmp_path / "registry/run").chmod(0o755)
    (tmp_path / "registry/link").symlink_to("a")
    (tmp_path / "outside").symlink_to("registry")
    return FolderSnapshot(tmp_path)


def test_it_lists_files_with_gits_modes(snapshot: FolderSnapshot) -> None:
    assert {path: blob.mode for path, blob in snapshot.files("registry").items()} == {
        "registry/a-b": "100644",
        "registry/a/c.yaml": "100644",
        "registry/b": "100644",
        "registry/link": "120000",
        "registry/run": "100755",
    }
    assert list(snapshot.files("registry")) == sorted(snapshot.files("registry"))
    assert set(snapshot.files("")) == {"outside", "top", *snapshot.files("registry")}


@pytest.mark.parametrize("prefix", ["no", "top", "outside", "registry/link"])
def test_what_is_no_folder_holds_nothing(snapshot: FolderSnapshot, prefix: str) -> None:
    assert snapshot.files(prefix) == {}


def test_it_hashes_what_it_reads(snapshot: FolderSnapshot) -> None:
    assert snapshot.digests(["top", "none", "registry/link"]) == {"top": sha256(b"top").hexdigest()}
