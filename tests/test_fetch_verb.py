"""`beacon fetch`: bundles come back from a real Kubo's gateway and RPC and from folders, the same bytes; what came is
verified as far as it goes; hostile graphs leave nothing behind. What gateways may do: `tests/test_gateway.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.commands.places import top
from runner.edges.trees import TreeFiles, read_tree
from runner.ipfs import dagpb
from runner.ipfs.dagpb import DAG_PB, RAW, Link, block
from runner.ipfs.unixfs import CHUNK, FOLDER_DATA, Graph, folder_cid, folder_graph, graph
from tests.bundles import Beacon, published, verbs
from tests.gateways import giving, honest, serving
from tests.kubo import Kubo
from tests.test_gateway import wrong_block

FILES = {"a/b.txt": b"hello", ".hidden": b"", "large": bytes(range(251)) * 9001}


@pytest.fixture
def beacon(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Beacon:
    """The command, in a folder of its own."""
    return verbs(capsys, monkeypatch, tmp_path)


def a_run() -> tuple[str, str, Path]:
    """One published run of this project: id, CID, bundle."""
    run, (cid, folder) = sorted(published().items())[0]
    return run, cid, folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below, by path."""
    return dict(TreeFiles(folder))


def stored(made: Graph, folder: Path) -> str:
    """Put a graph's CAR into a folder, as `beacon pin` does; its CID."""
    folder.mkdir(exist_ok=True)
    (folder / f"{made.cid}.car").write_bytes(b"".join(made.car()))
    return made.cid


def test_a_real_gateway_returns_the_same_bytes(beacon: Beacon, kubo: Kubo, tmp_path: Path) -> None:
    made = folder_graph(FILES)
    kubo.command("dag", "import", "--pin-roots=false", stdin=b"".join(made.car()))
    for number, source in enumerate((f"gateway={kubo.gateway}", f"kubo={kubo.api}")):
        code, out, err = beacon("fetch", made.cid, "--from", source, "--out", f"out{number}")
        assert code == 0, err
        assert out.splitlines()[0] == f"out{number}"
        assert contents(tmp_path / f"out{number}") == FILES


def test_a_run_comes_from_a_real_gateway_and_its_registry_is_verified(
    beacon: Beacon,
    kubo: Kubo,
    tmp_path: Path,
) -> None:
    run, cid, folder = a_run()
    kubo.command("dag", "import", "--pin-roots=false", stdin=b"".join(graph(read_tree(folder)).car()))
    code, out, err = beacon("fetch", run[:12], "--repo", top(folder), "--from", f"gateway={kubo.gateway}", "--json")
    assert code in (0, 1), err
    said = json.loads(out)
    assert (said["cid"], said["run"], said["troubles"]) == (cid, run, {})
    assert said["verify"]["ok"] == (code == 0)
    assert len(said["verify"]["steps"]) == 9
    assert contents(tmp_path / cid) == contents(folder)


def test_a_bundle_alone_says_plainly_what_it_cannot_say(beacon: Beacon, tmp_path: Path) -> None:
    run, cid, folder = a_run()
    stored(graph(read_tree(folder)), tmp_path / "backup")
    code, out, err = beacon("fetch", cid, "--from", "folder=backup")
    assert code == 0, err
    assert f"it calls itself run {run}" in out
    assert "SIMULATED; agrees with itself; who said it, and whether it was published, cannot be known" in out
    for step in (1, 2, 3, 4, 7, 8, 9):
        assert f"({step}) not checked" in out
    assert "no registry at hand" in err
    code, out, _ = beacon("fetch", cid, "--from", "folder=backup", "--out", "again", "--json")
    assert json.loads(out)["alone"]["simulated"] is True
    assert "ok" not in json.loads(out), "nothing claims that a bundle alone is verified"


def test_a_bundle_that_does_not_agree_with_itself_is_a_finding(beacon: Beacon, tmp_path: Path) -> None:
    """Whoever changed it made a new CID for it, so its blocks are fine. More of it: `tests/test_verify_alone.py`."""
    files = contents(a_run()[2])
    cid = stored(folder_graph(files | {"more.txt": b""}), tmp_path / "backup")
    code, out, _ = beacon("fetch", cid, "--from", "folder=backup")
    assert code == 1
    assert "[bundle-file-unknown]" in out
    assert "NOT WHOLE, or does not agree with itself" in out


def test_what_is_no_bundle_is_fetched_all_the_same(beacon: Beacon, tmp_path: Path) -> None:
    cid = stored(folder_graph(FILES), tmp_path / "backup")
    code, out, _ = beacon("fetch", cid, "--from", "folder=backup", "--out", "out")
    assert (code, "it is no run's bundle" in out) == (0, True)
    cid = stored(graph(b"just a file"), tmp_path / "backup")
    assert beacon("fetch", cid, "--from", "folder=backup", "--out", "file")[0] == 0
    assert (tmp_path / "file").read_bytes() == b"just a file"


def test_parts_from_everywhere_make_a_whole(beacon: Beacon, tmp_path: Path) -> None:
    made = folder_graph(FILES | {"more": bytes(2 * CHUNK)})
    cid = stored(made, tmp_path / "backup")
    car = tmp_path / "backup" / f"{cid}.car"
    car.write_bytes(car.read_bytes()[:500])
    with serving(wrong_block, honest({one: made.get(one) for one in made.made})) as servers:
        words = [word for server in servers for word in ("--from", f"gateway={server.url}")]
        code, _, err = beacon("fetch", cid, "--from", "folder=backup", *words, "--out", "out")
    assert code == 0, err
    assert "folder=backup: the CAR is not usable: it ends within a block" in err
    assert servers[0].url in err, "the liar is named"
    assert folder_cid(contents(tmp_path / "out")) == cid


@pytest.mark.parametrize("name", [b"../../outside", b"..", b"/tmp/outside", b"a/../../outside"])
def test_a_graph_that_leads_outside_writes_nothing(beacon: Beacon, tmp_path: Path, name: bytes) -> None:
    leaf = block(RAW, b"gotcha")
    root = block(DAG_PB, dagpb.node([(b"fine", Link(leaf.cid, 6)), (name, Link(leaf.cid, 6))], FOLDER_DATA))
    (tmp_path / "deep" / "er").mkdir(parents=True)
    with serving(honest({leaf.cid: leaf.data, root.cid: root.data})) as [server]:
        words = ("--from", f"gateway={server.url}", "--out", "deep/er/out")
        code, out, err = beacon("fetch", dagpb.cid_text(root.cid), *words)
    assert (code, out) == (1, "")
    assert "path-unsafe" in err
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == ["deep", "deep/er"]


def test_nobody_gives_it(beacon: Beacon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cid = folder_cid(FILES)
    (tmp_path / "backup").mkdir()
    with serving(wrong_block, giving(lambda _: [b"<html>"], Content_Type="text/html")) as servers:
        monkeypatch.setenv("BEACON_GATEWAYS", " ".join(server.url for server in servers))
        code, out, _ = beacon("fetch", cid, "--from", "folder=backup", "--from", "gateway", "--json")
    assert code == 4
    error: dict[str, Any] = json.loads(out)["error"]
    assert error["code"] == "fetch-failed"
    for said in ("folder=backup: ", servers[0].url, servers[1].url, "is it a trustless gateway"):
        assert said in error["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("Qmnot",), 2, "cid-malformed"),
        (("8c89a038",), 2, "cid-malformed"),
        ((folder_cid(FILES), "--from", "nobody"), 2, "fetch-source"),
        ((folder_cid(FILES), "--from", "folder="), 2, "fetch-source"),
        ((folder_cid(FILES), "--from", "gateway=ftp://x"), 2, "gateway-url"),
        ((folder_cid(FILES), "--out", "there"), 2, "target-taken"),
    ],
)
def test_wrong_words(beacon: Beacon, tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    (tmp_path / "there").touch()
    found, _, err = beacon("fetch", *words)
    assert (found, said in err) == (code, True), err
