"""`beacon image build`: the same input gives the same digests, whatever machine and whoever's umask."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from runner.cli import main
from runner.edges.imagestore import architecture, opened, read_folder, scratch, unpack
from runner.errors import Invalid
from runner.images.layers import flatten
from tests.images import read

FILES = {"usr/bin/python3.11": b"\x7fELF", "usr/lib/python3.11/os.py": b"import sys\n", "app/who.py": b"print()\n"}


def tree(top: Path, umask: int, backwards: bool, time: int) -> Path:
    """The same files, made by somebody else at another time."""
    before = os.umask(umask)
    try:
        for name, content in sorted(FILES.items(), reverse=backwards):
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o777 & ~umask if "bin" in name else 0o666 & ~umask)
        (top / "usr/bin/python3").symlink_to("python3.11")
        (top / "tmp").mkdir()
        (top / "tmp" / f"left-{time}").write_text("by a build")
        for path in top.rglob("*"):
            os.utime(path, (time, time), follow_symlinks=False)
    finally:
        os.umask(before)
    return top


def build(source: Path, out: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    out.mkdir(exist_ok=True)
    arguments = ["image", "build", str(source), "--gvmi", f"{out}/it.gvmi", "--oci", f"{out}/it.tar", *words, "--json"]
    assert main(arguments) == 0
    found: dict[str, str] = json.loads(capsys.readouterr().out)
    return found


WORDS = ("--workdir", "/app", "--env", "A=1", "--env", "B=2=3", "--command", "python", "--command", "who.py")


def test_the_same_files_give_the_same_digests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = build(tree(tmp_path / "mine", 0o022, False, 1), tmp_path / "a", capsys, *WORDS)
    yours = build(tree(tmp_path / "yours", 0o077, True, 2_000_000_000), tmp_path / "b", capsys, *WORDS)
    assert mine == yours
    assert mine["gvmi"] == hashlib.sha3_224((tmp_path / "a/it.gvmi").read_bytes()).hexdigest()
    for name in ("it.gvmi", "it.tar"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    (tmp_path / "yours/app/who.py").write_bytes(b"print(1)\n")
    assert build(tmp_path / "yours", tmp_path / "c", capsys, *WORDS).keys() == mine.keys()
    assert build(tmp_path / "yours", tmp_path / "c", capsys, *WORDS) != mine


def test_a_golem_image_of_an_oci_archive_is_that_of_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEACON_CACHE", str(tmp_path / "cache"))
    first = build(tree(tmp_path / "files", 0o022, False, 1), tmp_path / "a", capsys, *WORDS)
    again = build(tmp_path / "a/it.tar", tmp_path / "b", capsys, "--command", "python", "--command", "who.py")
    assert again == first


def test_what_is_printed_is_pasted_into_a_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "it.tar")
    assert (
        main(["image", "build", str(tree(tmp_path / "x", 0o022, False, 1)), "--oci", out, "--name", "ghcr.io/a/b"]) == 0
    )
    first, second = capsys.readouterr().out.splitlines()
    assert first == "image:"
    assert second.startswith('  oci: "ghcr.io/a/b@sha256:')


@pytest.mark.parametrize(
    "words",
    [[], ["--oci", "OUT", "--name", "UPPER"], ["--oci", "OUT", "--env", "no"], ["--oci", "OUT", "--workdir", "../x"]],
)
def test_words_that_cannot_be_used(tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(tmp_path / "it.tar") if word == "OUT" else word for word in words]
    assert main(["image", "build", str(tmp_path), *words]) == 2
    assert "image-out" in capsys.readouterr().err
    assert not (tmp_path / "it.tar").exists()


def test_nothing_is_left_where_it_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "root").mkdir()
    assert main(["image", "build", str(tmp_path / "root"), "--oci", str(tmp_path / "it.tar")]) == 1
    assert "image-python" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


def test_a_folder_and_back(tmp_path: Path) -> None:
    made = tree(tmp_path / "made", 0o027, False, 5)
    (made / os.fsdecode(b"n\xc3\xa4me \xff")).write_bytes(b"no text")
    root = {path: node for path, node in read_folder(made).items() if not path.startswith("tmp/")}
    (tmp_path / "back").mkdir()
    unpack(root, tmp_path / "back")
    assert read(read_folder(tmp_path / "back")) == read(root)
    assert "n\u00e4me \udcff" in root


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Invalid, match="/pipe is a device, a socket or a pipe"):
        read_folder(tmp_path)
    (tmp_path / "dev").mkdir()
    (tmp_path / "pipe").rename(tmp_path / "dev/pipe")
    assert list(read_folder(tmp_path)) == ["dev"]


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="it cannot be read: No such file"), opened(tmp_path / "none.tar"):
        pass


def test_scratch_files_have_no_name(tmp_path: Path) -> None:
    with scratch(tmp_path) as files:
        first, second = files(), files()
        first.write(b"x")
        assert (list(tmp_path.iterdir()), second.read()) == ([], b"")
    assert first.closed


def test_every_layer_of_an_archive_stays_readable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(tree(tmp_path / "files", 0o022, False, 1), tmp_path / "a", capsys)
    with opened(tmp_path / "a/it.tar") as archive, scratch(tmp_path) as files:
        root = flatten(archive, archive.image(architecture()), files)
        assert read(root)["app/who.py"] == (b"print()\n", False)
