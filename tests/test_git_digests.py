"""The table of digests: right without it, with it, and with anything else in its place."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from runner.edges.git_digests import DigestTable
from runner.edges.git_objects import Object

BLOBS = [Object("blob", b"job %d\n" % number) for number in range(300)]
OIDS = [blob.oid for blob in BLOBS]
RIGHT = {blob.oid: sha256(blob.data).hexdigest() for blob in BLOBS}


class Store:
    """Objects, and how often each was read."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.objects = {blob.oid: blob for blob in BLOBS}

    def get(self, oids: Sequence[str]) -> list[Object]:
        self.reads += oids
        return [self.objects[oid] for oid in oids]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a table of all blobs stands, in a folder that only it made."""
    found = tmp_path / "beacon" / "digests"
    assert DigestTable(found).digests(Store(), OIDS) == RIGHT
    assert [file.name for file in found.parent.iterdir()] == ["digests"]
    return found


def test_what_is_known_is_not_read(path: Path) -> None:
    store = Store()
    assert DigestTable(path).digests(store, OIDS) == RIGHT
    assert store.reads == []


def test_what_is_new_is_read_and_kept(path: Path) -> None:
    new = Object("blob", b"new\n")
    store = Store()
    store.objects[new.oid] = new
    for reads in ([new.oid], []):
        store.reads.clear()
        found = DigestTable(path).digests(store, [*OIDS, new.oid])
        assert found == {**RIGHT, new.oid: sha256(b"new\n").hexdigest()}
        assert store.reads == reads


def test_a_few_files_leave_the_table_alone(path: Path) -> None:
    before = path.read_bytes()
    new = Object("blob", b"new\n")
    store = Store()
    store.objects[new.oid] = new
    assert DigestTable(path).digests(store, [new.oid, OIDS[0]]) == {
        new.oid: sha256(b"new\n").hexdigest(),
        OIDS[0]: RIGHT[OIDS[0]],
    }
    assert path.read_bytes() == before


def test_what_is_gone_is_forgotten(path: Path) -> None:
    others = [Object("blob", b"other %d\n" % number) for number in range(1000)]
    store = Store()
    store.objects |= {blob.oid: blob for blob in others}
    for asked, kept in ((others, 1300), (others[:400], 1300), (BLOBS, 1300), ([*BLOBS, Object("blob", b"")], 301)):
        store.objects |= {blob.oid: blob for blob in asked}
        DigestTable(path).digests(store, [blob.oid for blob in asked])
        assert path.stat().st_size == 16 + kept * 52 + 32


KINDS = ["absent", "empty", "short", "flip", "last", "other version", "foreign", "folder", "row"]


@pytest.mark.parametrize("kind", KINDS)
def test_anything_else_counts_as_absent(path: Path, kind: str) -> None:
    raw = path.read_bytes()
    half = len(raw) // 2
    body = raw[16:-32] + b"x"
    told = {
        "empty": b"",
        "short": raw[:-1],
        "flip": raw[:half] + bytes([raw[half] ^ 1]) + raw[half + 1 :],
        "last": raw[:-1] + bytes([raw[-1] ^ 1]),
        "other version": b"beacon digests 2" + raw[16:-32],
        "foreign": b"SQLite format 3\0" + raw[16:-32],
        "row": raw[:16] + body,
    }
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind in ("other version", "foreign", "row"):
        path.write_bytes(told[kind] + sha256(told[kind]).digest())
    elif kind != "absent":
        path.write_bytes(told[kind])
    store = Store()
    assert DigestTable(path).digests(store, OIDS) == RIGHT
    assert store.reads == OIDS
    if kind != "folder":
        assert path.read_bytes() == raw, "it is written anew"
    assert [file.name for file in path.parent.iterdir()] == ["digests"]


def test_a_git_directory_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "beacon").write_text("a file where the folder should be")
    assert DigestTable(tmp_path / "beacon" / "digests").digests(Store(), OIDS) == RIGHT
