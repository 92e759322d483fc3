"""What comes out of blocks is what went in, and nothing else: hostile graphs end in a clear error, early, with nothing
written."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.edges.blockfile import BlockFile
from runner.edges.trees import read_tree, write_graph
from runner.errors import BeaconError, Environment, Invalid, Unverified, Usage
from runner.ipfs import dagpb
from runner.ipfs.dagpb import DAG_PB, RAW, Block, Link, block
from runner.ipfs.gather import Gathering
from runner.ipfs.unixfs import CHUNK, DEEPEST, FOLDER_DATA, Folder, file_data, folder_graph, graph, shard_data, tree_cid
from runner.ipfs.unpack import Bounds, unpack

HELLO = block(RAW, b"hello world")
EMPTY = block(RAW, b"")
BOUNDS = Bounds()


class Blocks:
    """A graph made by hand."""

    def __init__(self, *blocks: Block) -> None:
        self.held = {found.cid: found.data for found in (HELLO, EMPTY, *blocks)}
        self.asked = 0

    def node(self, links: Iterable[tuple[bytes, bytes]], data: bytes) -> bytes:
        """Add a node; its CID."""
        made = block(DAG_PB, dagpb.node([(name, Link(cid, 1)) for name, cid in links], data))
        self.held[made.cid] = made.data
        return made.cid

    def folder(self, *links: tuple[bytes, bytes]) -> bytes:
        """Add a plain folder."""
        return self.node(links, FOLDER_DATA)

    def get(self, cid: bytes) -> bytes:
        """A block's bytes."""
        self.asked += 1
        return self.held[cid]


def refused(blocks: Blocks, root: bytes, folder: Path, bounds: Bounds = BOUNDS) -> BeaconError:
    """Why a graph is not written; the folder is as empty as before."""
    with pytest.raises(BeaconError) as caught:
        write_graph(root, blocks.get, folder / "out", bounds)
    assert list(folder.iterdir()) == []
    return caught.value


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below."""
    found = sorted(folder.rglob("*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in found}


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.dictionaries(st.sampled_from(["a", "b/c", "b/d", "é/ü/x", ".hidden", "z/" * 20 + "end"]), st.binary()))
def test_what_went_in_comes_out(files: dict[str, bytes]) -> None:
    made = folder_graph(files)
    found = {entry.path: b"".join(entry.pieces) for entry in unpack(made.root, made.get) if entry.pieces is not None}
    assert found == files


def test_large_files_empty_folders_and_many_names_come_out_on_disk(tmp_path: Path) -> None:
    rng = random.Random(5)
    many: Folder = {b"%0200d" % (rng.randrange(10**9) * 2000 + number): b"same" for number in range(1100)}
    folder: Folder = {b"large": rng.randbytes(3 * CHUNK + 7), b"even": bytes(2 * CHUNK), b"empty": {}, b"many": many}
    made = graph(folder)
    write_graph(made.root, made.get, tmp_path / "out")
    assert tree_cid(read_tree(tmp_path / "out")) == made.cid
    assert (tmp_path / "out/large").read_bytes() == folder[b"large"]
    assert (tmp_path / "out/empty").is_dir()
    assert len(list((tmp_path / "out/many").iterdir())) == 1100


def test_a_single_file_comes_out_as_one(tmp_path: Path) -> None:
    for name, data in (("small", b"x"), ("large", bytes(CHUNK + 1))):
        made = graph(data)
        write_graph(made.root, made.get, tmp_path / name)
        assert (tmp_path / name).read_bytes() == data
        assert graph(read_tree(tmp_path / name)).root == made.root


@pytest.mark.parametrize(
    "name",
    [b"", b".", b"..", b"../up", b"/etc/passwd", b"a/b", b"a\0b", b"\xff", b"n" * 256],
    ids=repr,
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: bytes) -> None:
    blocks = Blocks()
    root = blocks.folder((b"fine", HELLO.cid), (name, HELLO.cid))
    (tmp_path / "here").mkdir()
    assert refused(blocks, root, tmp_path / "here").code == "path-unsafe"
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    blocks = Blocks()
    below = blocks.folder((b"x", HELLO.cid))
    for second in (HELLO.cid, EMPTY.cid, below):
        assert refused(blocks, blocks.folder((b"a", below), (b"a", second)), tmp_path).code == "path-unsafe"


@pytest.mark.parametrize(
    ("links", "data"),
    [
        ([], b"\x08\x04\x12\x0b/etc/passwd"),
        ([], b"\x08\x00\x12\x05hello\x18\x05"),
        ([], b"\x08\x03"),
        ([], b"\x08\x63"),
        ([], b""),
        ([], b"\x12\x05hello"),
        ([], FOLDER_DATA + dagpb.numbered(7, 0o777)),
        ([], FOLDER_DATA + dagpb.tagged(8, b"\x08\x01")),
        ([], b"\x08\x02\x12\x05hello\x18\x05"),
        ([], file_data([])),
        ([(b"", HELLO.cid)], file_data([10])),
        ([(b"", HELLO.cid)], file_data([11, 11])),
        ([(b"name", HELLO.cid)], file_data([11])),
        ([(b"", HELLO.cid)], file_data([11]) + dagpb.numbered(7, 0o4755)),
        ([(b"", HELLO.cid)], b"\x08\x02\x18\x0c\x20\x0b"),
        ([(b"", HELLO.cid)], file_data([11])),
        ([(b"b", HELLO.cid), (b"a", HELLO.cid)], FOLDER_DATA),
        ([(b"00name", HELLO.cid)], shard_data(1)),
        ([(b"ZZname", HELLO.cid)], shard_data(1)),
        ([(b"0", HELLO.cid)], shard_data(1)),
        ([(b"00", HELLO.cid)], shard_data(1)),
    ],
)
def test_nodes_that_the_profile_does_not_write_are_refused(
    tmp_path: Path, links: list[tuple[bytes, bytes]], data: bytes
) -> None:
    """Symlinks, modes, inlined bytes, sizes that lie, shards that lie; and well-formed ones, laid out another way."""
    blocks = Blocks()
    for root in (blocks.node(links, data), blocks.folder((b"below", blocks.node(links, data)))):
        error = refused(blocks, root, tmp_path)
        assert error.code == "unixfs-foreign", error
        assert "expected" in error.message or "profile" in error.message


def test_a_shard_that_goes_round_in_depth_ends(tmp_path: Path) -> None:
    blocks = Blocks()
    root = blocks.node([(b"00x", HELLO.cid)], shard_data(1))
    for _ in range(20):
        root = blocks.node([(b"00", root)], shard_data(1))
    assert refused(blocks, root, tmp_path).code == "unixfs-foreign"


NAMES = st.sampled_from([b"a", b"b", b"..", b"../x", b"/x", b"", b"a/b", b"00", b"00a", b"FFa", b"9A", "ü".encode()])
DATA = st.sampled_from(
    [
        FOLDER_DATA,
        file_data([11]),
        file_data([11, 11]),
        shard_data(1),
        shard_data(3),
        b"\x08\x04\x12\x01/",
        b"",
        b"\x08",
    ]
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.lists(st.tuples(NAMES, st.integers(0, 9)), max_size=4), DATA), min_size=1, max_size=8))
def test_whatever_is_linked_together_unpacks_to_plain_paths_or_an_error(
    nodes: list[tuple[list[tuple[bytes, int]], bytes]],
) -> None:
    blocks = Blocks()
    made = [HELLO.cid]
    for links, data in nodes:
        made.append(blocks.node([(name, made[number % len(made)]) for name, number in links], data))
    seen, code = set(), ""
    try:
        for path, pieces in unpack(made[-1], blocks.get, Bounds(10_000, 500)):
            assert path not in seen
            assert not path.startswith("/")
            assert not {"..", "."} & set(path.split("/"))
            seen.add(path)
            if pieces is not None:
                assert set(pieces) <= {b"hello world"}
    except Unverified as error:
        code = error.code
    assert code in ("", "path-unsafe", "unixfs-foreign", "unpacked-too-big", "node-malformed")
    assert blocks.asked <= 500


def test_depth_is_bounded(tmp_path: Path) -> None:
    made = folder_graph({"/".join("d" * DEEPEST): b"hello world"})
    write_graph(made.root, made.get, tmp_path / "fits")
    assert (tmp_path / "fits" / "/".join("d" * DEEPEST)).read_bytes() == b"hello world"
    blocks = Blocks(*(Block(cid, made.get(cid)) for cid in made.made))
    (tmp_path / "none").mkdir()
    assert refused(blocks, blocks.folder((b"d", made.root)), tmp_path / "none").code == "path-unsafe"


def test_few_blocks_that_stand_for_endless_folders_are_bounded(tmp_path: Path) -> None:
    blocks = Blocks()
    root = blocks.folder()
    for _ in range(60):
        root = blocks.folder(*[(b"%d" % number, root) for number in range(9)])
    assert refused(blocks, root, tmp_path, Bounds(links=300)).code == "unpacked-too-big"
    assert blocks.asked <= 300


def test_few_blocks_that_stand_for_an_endless_file_are_bounded(tmp_path: Path) -> None:
    chunk = block(RAW, bytes(CHUNK))
    blocks = Blocks(chunk)
    root, size = chunk.cid, CHUNK
    for _ in range(4):
        root = blocks.node([(b"", root)] * 1000, file_data([size] * 1000))
        size *= 1000
    assert refused(blocks, root, tmp_path).code == "unpacked-too-big"
    assert blocks.asked < 3, "the size is refused where it is said, before a chunk is read"


def test_a_file_of_endless_empty_chunks_is_bounded(tmp_path: Path) -> None:
    blocks = Blocks()
    root = blocks.node([(b"", EMPTY.cid)] * 900, file_data([0] * 900))
    root = blocks.node([(b"", root)] * 900, file_data([0] * 900))
    assert refused(blocks, root, tmp_path, Bounds(links=3000)).code == "unpacked-too-big"
    assert blocks.asked <= 3000


def test_a_block_that_is_not_what_its_cid_says_is_found(tmp_path: Path) -> None:
    blocks = Blocks()
    root = blocks.folder((b"a", HELLO.cid))
    blocks.held[HELLO.cid] = b"hello w0rld"
    assert refused(blocks, root, tmp_path).code == "block-wrong"


def test_a_missing_block_is_named(tmp_path: Path) -> None:
    root = Blocks().folder((b"a", HELLO.cid))
    with BlockFile(tmp_path) as store:
        with pytest.raises(Unverified) as caught:
            store.get(root)
        assert caught.value.code == "block-missing"
        assert dagpb.cid_text(root) in caught.value.message


def test_nothing_is_written_over_what_is_there(tmp_path: Path) -> None:
    made = graph(b"x")
    for taken in ("file", "link", "folder"):
        path = tmp_path / taken
        path.touch() if taken == "file" else path.symlink_to("nowhere") if taken == "link" else path.mkdir()
        with pytest.raises(Usage) as caught:
            write_graph(made.root, made.get, path)
        assert caught.value.code == "target-taken"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]
    with pytest.raises(Environment):
        write_graph(made.root, made.get, tmp_path / "nowhere" / "out")


def test_a_folder_with_what_no_bundle_holds_is_refused_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "fine").write_text("x")
    (tmp_path / "link").symlink_to("fine")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "out").symlink_to("/")
    os.mkfifo(tmp_path / "below" / "pipe")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).touch()
    with pytest.raises(Invalid) as caught:
        read_tree(tmp_path)
    assert {problem.code for problem in caught.value.problems} == {"bundle-file-kind"}
    assert len(caught.value.problems) == 4
    with pytest.raises(Usage):
        read_tree(tmp_path / "nothing")


def test_blocks_may_come_in_any_order_and_more_than_once(tmp_path: Path) -> None:
    made = folder_graph({"a/b/c": b"1", "a/b/d": b"2", "e": bytes(2 * CHUNK)})
    for seed in range(20):
        come = [Block(cid, made.get(cid)) for cid in made.made] * 2 + [HELLO]
        random.Random(seed).shuffle(come)
        with BlockFile(tmp_path) as store:
            gathering = Gathering(made.root, store)
            for number, found in enumerate(come):
                assert gathering.whole == (set(made.made) <= {one.cid for one in come[:number]})
                gathering.add(found)
            assert gathering.whole
            assert gathering.count == len(made.made)
            assert {entry.path for entry in unpack(made.root, store.get)} >= {"a/b/c", "a/b/d", "e"}


def test_what_is_missing_is_known(tmp_path: Path) -> None:
    made = folder_graph({"a/b": b"1", "c": b"2"})
    with BlockFile(tmp_path) as store:
        gathering = Gathering(made.root, store)
        assert list(gathering.missing()) == [made.root]
        gathering.add(Block(made.root, made.get(made.root)))
        assert len(list(gathering.missing())) == 2
        assert (gathering.whole, gathering.count) == (False, 1)
