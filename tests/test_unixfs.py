"""CIDs are those of other implementations: Kubo's published vectors for IPIP-499. A running Kubo is asked in
`tests/test_kubo_formats.py`.

The vectors are the ones of Kubo's `test/cli/cid_profiles_test.go`; their inputs are ChaCha20 key streams, made again
here. Folders that cannot be one are refused."""

from __future__ import annotations

import hashlib
import random

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import Unverified
from runner.ipfs.unixfs import CHUNK, WIDTH, Block, file_cid, folder_blocks, folder_cid

EMPTY_FOLDER = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"
ALPHABET = "abcdefghijklmnopqrstuvwxyz01234567890-_"


def stream(seed: str, size: int) -> bytes:
    """The key stream of ChaCha20 under SHA-256(seed), nonce and counter zero."""
    cipher = Cipher(algorithms.ChaCha20(hashlib.sha256(seed.encode()).digest(), bytes(16)), None).encryptor()
    return b"".join(cipher.update(bytes(min(CHUNK, size - start))) for start in range(0, size, CHUNK))


def names(count: int, length: int, last: int) -> list[str]:
    """File names as Kubo's test draws them: the last one is as long as the threshold under test needs."""
    sizes = [length] * (count - 1) + [last]
    raw = stream("hamt-unixfs-v1-2025", sum(sizes))
    letters = "".join(ALPHABET[byte % len(ALPHABET)] for byte in raw)
    return [letters[start * length : start * length + size] for start, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("data", "cid"),
    [
        (b"hello world", "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
        (stream("chunk-v1-seed", CHUNK), "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta"),
        (stream("chunk-v1-seed", CHUNK + 1), "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64"),
    ],
    ids=["one small chunk", "one whole chunk", "one byte more"],
)
def test_files_of_kubo(data: bytes, cid: str) -> None:
    assert file_cid(data) == cid


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "cid"),
    [
        (0, "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm"),
        (1, "bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe"),
    ],
    ids=["one full node", "one more level"],
)
def test_files_of_kubo_with_a_gibibyte(extra: int, cid: str) -> None:
    assert file_cid(stream("v1-2025-seed", WIDTH * CHUNK + extra)) == cid


@pytest.mark.parametrize(
    ("last", "cid", "sharded"),
    [
        (21, "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4", False),
        (22, "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu", True),
    ],
    ids=["exactly 256 KiB is a plain folder", "one byte more is a HAMT"],
)
def test_folders_of_kubo(last: int, cid: str, sharded: bool) -> None:
    files = dict.fromkeys(names(4766, 11, last), b"x")
    assert len(files) == 4766
    *_, root = folder_blocks(files)
    assert (folder_cid(files), len(root.data) < 256 << 10) == (cid, sharded)


def test_empty() -> None:
    assert folder_cid({}) == EMPTY_FOLDER
    assert file_cid(b"") == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from(["a", "b/c", "b/d", "é/ü/x", "z/" * 20 + "end"]), st.binary(max_size=40)))
def test_blocks_hash_to_their_cid_and_the_root_is_last(files: dict[str, bytes]) -> None:
    blocks = list(folder_blocks(files))
    assert all(block.cid[-32:] == hashlib.sha256(block.data).digest() for block in blocks)
    assert all(_named_by_a_later(blocks, number) for number in range(len(blocks) - 1))
    assert folder_cid(dict(reversed(files.items()))) == folder_cid(files), "the order of the mapping does not count"


def _named_by_a_later(blocks: list[Block], number: int) -> bool:
    return any(blocks[number].cid in block.data for block in blocks[number + 1 :])


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(1, 9), st.sampled_from(["data", "name", "gone", "more"]))
def test_every_change_changes_the_cid(seed: int, kind: str) -> None:
    files = tree(seed)
    path = sorted(files)[seed % len(files)]
    changed = dict(files)
    data = changed.pop(path)
    if kind == "data":
        changed[path] = data + b"\0"
    elif kind == "name":
        changed[path + "-"] = data
    elif kind == "more":
        changed |= {path: data, path + "-": b""}
    assert folder_cid(changed) != folder_cid(files)


@pytest.mark.parametrize(
    "paths",
    [
        [""],
        ["/a"],
        ["a/"],
        ["a//b"],
        ["."],
        ["a/../b"],
        ["a\0b"],
        ["a\udcff"],
        ["a", "a/b"],
        ["a/b", "a"],
        ["a/b/c", "a/b"],
        ["a/" * 64 + "b"],
    ],
)
def test_paths_that_make_no_folder_are_refused(paths: list[str]) -> None:
    with pytest.raises(Unverified) as caught:
        folder_cid(dict.fromkeys(paths, b""))
    assert caught.value.code == "path-unsafe"


def tree(seed: int) -> dict[str, bytes]:
    """A random folder: nested, with empty, small and large files, and now and then enough names for a HAMT."""
    rng = random.Random(seed)
    files = {}
    for _ in range(rng.choice([1, 5, 50])):
        folders = [f"folder {rng.randrange(3)}" for _ in range(rng.randrange(4))]
        name = "".join(rng.choice("abcé日-_ .") for _ in range(rng.randrange(1, 12))).strip(".") or "x"
        files["/".join([*folders, name + ".txt"])] = rng.randbytes(rng.choice([0, 1, 100, 10_000]))
    if seed % 5 == 0:
        files["large"] = rng.randbytes(CHUNK * 3 + rng.randrange(CHUNK))
    if seed % 10 == 0:
        files |= {f"many/{rng.randrange(10**12)}-{number}": b"same" for number in range(6000)}
    return files
