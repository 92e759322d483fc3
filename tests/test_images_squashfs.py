"""The squashfs and GVMI writers: the same bytes everywhere, and every reader that we did not write agrees."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import zlib
from pathlib import Path

import pytest

from runner.errors import Invalid
from runner.images.gvmi import gvmi
from runner.images.rootfs import File, Folder, Link, Node, RootFs, contents, mode
from runner.images.squashfs import BLOCK, squashfs
from tests.images import PLAIN, read, rootfs

MANY = {f"many/file-with-a-name-of-its-own-{number:05}": b"%d" % number for number in range(3000)}
WHOLE = rootfs(
    {
        "empty": b"",
        "usr/bin/program": b"#!/bin/sh\n",
        "one-block": bytes(range(256)) * (BLOCK // 256),
        "two-blocks": os.urandom(BLOCK + 1),
        "link": "usr/bin/program",
        "away": "/no/such/place",
        "nothing": None,
        "deep/er/and/deeper": b"x",
        "zeros": bytes(3 * BLOCK),
        "naïve \udcff\n": b"a name that is no text",
        **MANY,
    }
)


def image(root: RootFs) -> bytes:
    return b"".join(squashfs(root))


def test_the_bytes_are_these() -> None:
    """Pinned by JobSpecs: a change here is a change of format."""
    small = image(rootfs({"usr/bin/program": b"#!/bin/sh\n", "link": "usr", "nothing": None}))
    assert len(small) == 4096
    assert hashlib.sha256(small).hexdigest() == "38cb76f5dd602caac4b6ca59dc0b76d31b0c2d7b39aee2f94d15032afb35ad90"


def test_order_does_not_matter() -> None:
    backwards = dict(reversed(list(WHOLE.items())))
    assert image(backwards) == image(WHOLE)
    assert len(image(WHOLE)) % 4096 == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pysquashfsimage_reads_it(tmp_path: Path) -> None:
    from PySquashfsImage import SquashFsImage

    file = tmp_path / "image"
    wanted = {path: node for path, node in WHOLE.items() if path.isprintable()}  # it can name no others
    file.write_bytes(image(wanted))
    found: dict[str, object] = {}
    with SquashFsImage.from_file(str(file)) as archive:
        for entry in archive:
            path = entry.path.lstrip("/")
            assert stat.S_IMODE(entry.mode) == (mode(WHOLE[path]) if path else 0o755)
            assert (entry.uid, entry.gid, int(entry.time)) == (0, 0, 0)
            if entry.is_symlink:
                found[path] = entry.readlink()
            elif entry.is_dir:
                found[path] = None
            else:
                found[path] = (entry.read_bytes(), bool(entry.mode & 0o100))
    found.pop("")
    assert found == read(wanted)


def test_unsquashfs_reads_it(tmp_path: Path) -> None:
    if shutil.which("unsquashfs") is None:
        pytest.skip("no unsquashfs here (Debian: squashfs-tools)")
    (tmp_path / "image").write_bytes(b"".join(gvmi(WHOLE, PLAIN, ())))
    done = subprocess.run(
        ["unsquashfs", "-q", "-n", "-no-xattrs", "-d", tmp_path / "out", tmp_path / "image"], capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert on_disk(tmp_path / "out") == read(WHOLE)


def test_the_kernel_mounts_it(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(b"".join(gvmi(WHOLE, PLAIN, ())))
    (tmp_path / "mounted").mkdir()
    options = ("-t", "squashfs", "-o", "loop,ro,nodev,nosuid")
    done = subprocess.run(["mount", *options, tmp_path / "image", tmp_path / "mounted"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this machine mounts no squashfs: {done.stderr.strip()[:100]}")
    try:
        assert on_disk(tmp_path / "mounted") == read(WHOLE)
    finally:
        subprocess.run(["umount", tmp_path / "mounted"], check=True)


def on_disk(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = None if path.is_dir() else (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return found


def test_more_than_four_gibibytes_need_long_inodes(tmp_path: Path) -> None:
    """Only the beginning and the tables are kept: the contents are zeros that nobody holds."""
    if shutil.which("unsquashfs") is None:
        pytest.skip("no unsquashfs here (Debian: squashfs-tools)")
    chunk = bytes(1 << 20)
    big = File(5 << 30, False, lambda: (chunk for _ in range(5 << 10)))
    root: dict[str, Node] = {"big": big, "later": contents(b"behind it")}
    with (tmp_path / "image").open("wb") as file:
        for piece in squashfs(root):
            if piece is chunk:
                file.seek(len(chunk), 1)  # a hole reads as zeros
            else:
                file.write(piece)
    done = subprocess.run(["unsquashfs", "-ll", tmp_path / "image"], capture_output=True, text=True)
    assert f" {5 << 30} " in done.stdout
    done = subprocess.run(["unsquashfs", "-cat", tmp_path / "image", "later"], capture_output=True)
    assert done.stdout == b"behind it"


def test_a_file_that_changes_meanwhile_is_noticed() -> None:
    with pytest.raises(Invalid, match="gave 3 bytes instead of 2"):
        image({"file": File(2, False, lambda: (b"abc",))})


def test_gvmi_ends_with_its_configuration() -> None:
    raw = b"".join(gvmi(rootfs({"a": b"x"}), PLAIN._replace(volumes=("/golem/work",)), ("python", "x.py")))
    length = int(raw[-8:])
    document, checksum = raw[-8 - length : -8], raw[-12 - length : -8 - length]
    assert zlib.crc32(document).to_bytes(4, "little") == checksum
    assert json.loads(document) == {
        "Cmd": ["python", "x.py"],
        "Env": ["PATH=/usr/bin"],
        "Volumes": {"/golem/work": {}},
        "WorkingDir": "/app",
    }
    assert raw[: -12 - length] == image(rootfs({"a": b"x"}))


def test_an_empty_root() -> None:
    assert image({"only": Folder(), "link": Link("only")})[:4] == b"hsqs"
    assert image({})[:4] == b"hsqs"
