"""A real Kubo finds what we compute: the same CIDs for the same trees, the same CAR for the same CID, byte for byte."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from runner.edges.trees import read_tree
from runner.ipfs import car
from runner.ipfs.dagpb import parse_cid
from runner.ipfs.unixfs import CHUNK, folder_graph, graph
from tests.bundles import published
from tests.kubo import Kubo
from tests.test_unixfs import tree

ADD = ("add", "--only-hash", "--recursive", "--hidden", "--progress=false")


def write(files: dict[str, bytes], folder: Path) -> Path:
    """A folder on disk."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def added(kubo: Kubo, folder: Path) -> dict[str, str]:
    """What `ipfs add` says of a folder and of all that is in it: path, from the folder's name on, to CID."""
    lines = kubo.command(*ADD, str(folder)).decode().splitlines()
    return {path: cid for _, cid, path in (line.split(" ", 2) for line in lines)}


def test_fifty_random_trees_have_the_cids_of_ipfs_add(kubo: Kubo, tmp_path: Path) -> None:
    """Nested folders, names in several scripts, hidden and empty files, empty folders, files of several chunks. All in
    one folder, whose CID is compared, too. Seeds that are multiples of ten, with 6,000 names, are slow ones."""
    seeds = [seed for seed in range(56) if seed % 10]
    for seed in seeds:
        write(tree(seed), tmp_path / "trees" / str(seed))
        if seed % 3 == 0:
            (tmp_path / "trees" / str(seed) / "empty" / ".hidden").mkdir(parents=True)
    found = added(kubo, tmp_path / "trees")
    assert len(seeds) == 50
    for seed in seeds:
        assert graph(read_tree(tmp_path / "trees" / str(seed))).cid == found[f"trees/{seed}"], seed
    assert graph(read_tree(tmp_path / "trees")).cid == found["trees"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [10, 20, 30])
def test_folders_with_thousands_of_names_have_the_cids_of_ipfs_add(kubo: Kubo, tmp_path: Path, seed: int) -> None:
    write(tree(seed), tmp_path / "tree")
    assert graph(read_tree(tmp_path / "tree")).cid == added(kubo, tmp_path / "tree")["tree"]


def test_a_sharded_folder_has_the_cid_of_ipfs_add(kubo: Kubo, tmp_path: Path) -> None:
    rng = random.Random(1)
    files = {f"many/{rng.randrange(10**180):0200d}": rng.randbytes(9) for _ in range(1500)}
    write(files, tmp_path / "sharded")
    made = graph(read_tree(tmp_path / "sharded"))
    assert made.cid == added(kubo, tmp_path / "sharded")["sharded"]
    assert exported(kubo, made.cid, b"".join(made.car())) == b"".join(made.car())


def exported(kubo: Kubo, cid: str, ours: bytes) -> bytes:
    """What the daemon gives for a CID, once it has taken our CAR."""
    imported = kubo.command("dag", "import", "--pin-roots=false", "--stats", stdin=ours).decode()
    assert "Imported" in imported
    return kubo.command("dag", "export", "--progress=false", cid)


@pytest.mark.parametrize("seed", [1, 2, 3, 5, 7])
def test_our_car_is_the_daemons_export(kubo: Kubo, seed: int) -> None:
    made = folder_graph(tree(seed))
    ours = b"".join(made.car())
    assert exported(kubo, made.cid, ours) == ours


def test_a_large_file_twice_is_exported_alike(kubo: Kubo) -> None:
    rng = random.Random(3)
    made = folder_graph({"a": (large := rng.randbytes(5 * CHUNK + 1)), "b/a": large, "c": b""})
    ours = b"".join(made.car())
    assert exported(kubo, made.cid, ours) == ours


def test_the_bundle_of_every_run_of_this_project_is_alike(kubo: Kubo) -> None:
    for cid, folder in published().values():
        assert added(kubo, folder)["bundle"] == cid
        ours = b"".join(graph(read_tree(folder)).car())
        assert exported(kubo, cid, ours) == ours
        assert car.read([ours])[0] == (parse_cid(cid),)
