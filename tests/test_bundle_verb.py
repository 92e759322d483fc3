"""`beacon bundle`: folders and published runs become CIDs and CARs, and CARs become folders, whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.ipfs import car
from runner.ipfs.dagpb import Block, parse_cid
from runner.ipfs.unixfs import CHUNK, folder_cid, folder_graph
from tests.bundles import Beacon, published, verbs
from tests.conftest import ROOT

FILES = {"job.yaml": b"job", "outputs/a/1.txt": b"same", "outputs/b/1.txt": b"same", "large": bytes(2 * CHUNK + 1)}


@pytest.fixture
def beacon(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Beacon:
    """The command, in a folder of its own."""
    return verbs(capsys, monkeypatch, tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `FILES`."""
    for path, data in FILES.items():
        (tmp_path / "folder" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / path).write_bytes(data)
    return tmp_path / "folder"


def test_folder_to_car_and_back(beacon: Beacon, folder: Path, tmp_path: Path) -> None:
    cid = folder_cid(FILES)
    assert beacon("bundle", "cid", folder) == (0, f"{cid}\n", "")
    code, out, err = beacon("bundle", "car", folder, "--out", "b.car")
    assert (code, out) == (0, f"{cid}\n")
    raw = (tmp_path / "b.car").read_bytes()
    assert raw == b"".join(folder_graph(FILES).car())
    assert f"{len(raw)} bytes" in err
    code, out, _ = beacon("bundle", "extract", "b.car", "--out", "back", "--json")
    assert (code, json.loads(out)["cid"]) == (0, cid)
    back = tmp_path / "back"
    assert {path.relative_to(back).as_posix(): path.read_bytes() for path in back.rglob("*") if path.is_file()} == FILES


def test_blocks_in_any_order_unpack_alike(beacon: Beacon, tmp_path: Path) -> None:
    made = folder_graph(FILES)
    blocks = [Block(cid, made.get(cid)) for cid in made.made]
    (tmp_path / "b.car").write_bytes(b"".join(car.write(made.root, blocks + blocks[:2])))
    assert beacon("bundle", "extract", "b.car", "--out", "back")[:2] == (0, f"{made.cid}\n")
    assert beacon("bundle", "cid", "back")[1] == f"{made.cid}\n"


def test_a_part_of_a_car_unpacks_by_its_cid(beacon: Beacon, folder: Path, tmp_path: Path) -> None:
    beacon("bundle", "car", folder, "--out", "b.car")
    part = folder_cid({"a/1.txt": b"same", "b/1.txt": b"same"})
    assert beacon("bundle", "extract", "b.car", "--cid", part, "--out", "outputs")[0] == 0
    assert (tmp_path / "outputs/b/1.txt").read_bytes() == b"same"
    code, _, err = beacon("bundle", "extract", "b.car", "--cid", folder_cid({"x": b"other"}), "--out", "none")
    assert (code, "block-missing" in err) == (1, True)
    code, _, err = beacon("bundle", "extract", "b.car", "--cid", "Qmno", "--out", "none")
    assert (code, "cid-malformed" in err) == (1, True)


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda raw: raw[:-1], "car-truncated"),
        (lambda raw: raw[:-1] + b"x", "block-wrong"),
        (lambda raw: raw + b"\x05abcde", "cid-unknown"),
        (lambda raw: b"PK\x03\x04" + raw, "car-malformed"),
        (lambda raw: raw[:59], "block-missing"),
        (lambda raw: b"", "car-truncated"),
    ],
)
def test_a_damaged_car_leaves_nothing_behind(
    beacon: Beacon, folder: Path, tmp_path: Path, harm: Callable[[bytes], bytes], code: str
) -> None:
    (tmp_path / "b.car").write_bytes(harm(b"".join(folder_graph({"a": b"1", "b": b"2"}).car())))
    before = sorted(tmp_path.iterdir())
    exit_code, out, err = beacon("bundle", "extract", "b.car", "--out", "back")
    assert (exit_code, out) == (1, "")
    assert code in err
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_too_large_is_refused(beacon: Beacon, tmp_path: Path) -> None:
    (tmp_path / "b.car").write_bytes(b"".join(folder_graph({"a": bytes(CHUNK), "b": bytes(CHUNK)}).car()))
    code, _, err = beacon("bundle", "extract", "b.car", "--out", "back", "--most", "1")
    assert (code, "car-too-big" in err) == (1, True), err
    made = folder_graph({"a": bytes(CHUNK), "b": bytes(CHUNK)})
    assert len(b"".join(made.car())) < 2 * CHUNK, "equal chunks are one block"


def test_wrong_words(beacon: Beacon, folder: Path, tmp_path: Path) -> None:
    (folder / "link").symlink_to("/etc/passwd")
    code, _, err = beacon("bundle", "cid", folder)
    assert (code, "bundle-file-kind" in err) == (1, True)
    (folder / "link").unlink()
    (tmp_path / "there").touch()
    for words in (("car", folder, "--out", "there"), ("extract", "none.car", "--out", "there")):
        code, _, err = beacon("bundle", *words)
        assert (code, "target-taken" in err) == (2, True)
    assert (tmp_path / "there").read_bytes() == b""
    code, _, err = beacon("bundle", "extract", "none.car", "--out", "back")
    assert (code, "file-unreadable" in err) == (2, True)


def test_every_run_of_this_project_gives_the_cid_that_the_log_names(beacon: Beacon, tmp_path: Path) -> None:
    runs = published()
    assert runs
    for run, (cid, _) in runs.items():
        assert beacon("bundle", "cid", run, "--repo", ROOT)[1] == f"{cid}\n"
    run, (cid, _) = next(iter(runs.items()))
    assert beacon("bundle", "car", run[:12], "--repo", ROOT, "--out", "run.car")[0] == 0
    assert car.read([(tmp_path / "run.car").read_bytes()])[0] == (parse_cid(cid),)
    code, _, err = beacon("bundle", "cid", "0000000000", "--repo", ROOT)
    assert (code, "run-unknown" in err) == (2, True)


def test_a_folders_cid_waits_for_nothing_heavy() -> None:
    """Models, git and HTTP are for runs and fetching; a folder's CID needs none of them, and half of its time is the
    start."""
    program = (
        "import sys, runner.commands.bundle; print(*{'pydantic', 'httpx2', 'asyncio', 'jinja2'} & sys.modules.keys())"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == []
