"""OCI archives: what is written is read by others, layers lie over each other as engines lay them, and hostile archives
are refused with a reason while nothing is written."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runner.errors import Invalid, Unverified
from runner.images.benchmark import VOLUMES, benchmark_image, with_defaults
from runner.images.layers import flatten
from runner.images.oci import oci_archive
from runner.images.rootfs import File, Folder, mode, resolve
from tests.images import (
    PLAIN,
    Member,
    archived,
    described,
    digest,
    flat,
    oci,
    opened,
    read,
    rootfs,
    special,
    tar,
)

BASE = tar([("etc", None), ("etc/a", b"a"), ("etc/b", b"b"), ("opt/x/deep", b"deep"), ("link", "/etc")])


def file(raw: bytes) -> tuple[bytes, bool]:
    return raw, False


def code(raw: bytes, wanted: str | None = None, **limits: int) -> str:
    with pytest.raises((Invalid, Unverified)) as caught:
        flat(raw, wanted, **limits)
    assert "image.tar" in str(caught.value)
    return caught.value.code


# -- reading ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [False, True])
def test_layers_lie_over_each_other(zipped: bool) -> None:
    over = tar([("etc/.wh.a", b""), ("etc/c", b"c"), ("opt/x", b"now a file"), ("./etc/b", b"B")])
    assert flat(oci([BASE, over], zipped=zipped)) == {
        "etc": None,
        "etc/b": file(b"B"),
        "etc/c": file(b"c"),
        "opt": None,
        "opt/x": file(b"now a file"),
        "link": "/etc",
    }


def test_opaque_folders_hide_the_layers_below_and_not_their_own() -> None:
    over = tar([("etc/first", b"1"), ("etc/.wh..wh..opq", b""), ("etc/second", b"2"), ("opt/.wh.x", b"")])
    assert flat(oci([BASE, over])) == {
        "etc": None,
        "etc/first": file(b"1"),
        "etc/second": file(b"2"),
        "opt": None,
        "link": "/etc",
    }


def test_whiteout_and_file_of_one_layer_leave_the_file() -> None:
    assert flat(oci([BASE, tar([("etc/a", b"new"), ("etc/.wh.a", b"")])]))["etc/a"] == file(b"new")


def test_parents_that_are_links_are_followed_inside_the_image() -> None:
    over = tar([("link/through", b"1"), ("up", "../../../etc"), ("up/over", b"2"), ("etc/.wh.b", b"")])
    found = flat(oci([BASE, over]))
    assert (found["etc/through"], found["etc/over"], found["link"]) == (file(b"1"), file(b"2"), "/etc")
    assert "etc/b" not in found


def test_whiteouts_of_what_is_not_there_do_nothing() -> None:
    over = tar([("no/such/.wh.thing", b""), (".wh.nothing", b""), ("etc/a/.wh.x", b""), (".wh..wh.plnk", None)])
    assert flat(oci([BASE, over])) == flat(oci([BASE]))


def test_hard_links_become_files() -> None:
    over = tar([special("etc/hard", tarfile.LNKTYPE, "etc/a"), special("soft", tarfile.LNKTYPE, "link")])
    found = flat(oci([BASE, over]))
    assert (found["etc/hard"], found["soft"]) == (file(b"a"), "/etc")


def test_device_nodes_below_dev_are_left_out() -> None:
    assert "dev/null" not in flat(oci([tar([("dev", None), special("dev/null", tarfile.CHRTYPE)])]))


def test_many_gzip_members_and_zeros_behind_them() -> None:
    layer = tar([("a", b"x" * 100_000)])
    packed = gzip.compress(layer[:5000]) + gzip.compress(layer[5000:]) + bytes(64)
    archive = oci([layer], change={"layers": [described(packed, "x.tar.gzip")]}, more=[(blob(packed), packed)])
    assert flat(archive)["a"] == file(b"x" * 100_000)


def blob(raw: bytes) -> str:
    return f"blobs/{digest(raw).replace(':', '/')}"


def test_an_image_is_found_by_platform_or_digest_in_nested_indexes() -> None:
    arm, amd = (oci([tar([("which", name.encode())])], architecture=name) for name in ("arm64", "amd64"))
    blobs: dict[str, bytes] = {}
    manifests = []
    for name, raw in (("arm64", arm), ("amd64", amd)):
        with tarfile.open(fileobj=io.BytesIO(raw)) as inner:
            parts = {one.name: inner.extractfile(one).read() for one in inner}  # type: ignore[union-attr] - all files
        blobs |= {one: parts[one] for one in parts if one.startswith("blobs/")}
        one = json.loads(parts["index.json"])["manifests"][0]
        manifests.append(one | {"platform": {"os": "linux", "architecture": name}})
    attestation = b"{}"
    said = described(attestation, "application/vnd.oci.image.manifest.v1+json")
    manifests.append(said | {"platform": {"os": "unknown", "architecture": "unknown"}})
    inner_index = json.dumps({"manifests": manifests}).encode()
    listed = described(inner_index, "application/vnd.oci.image.index.v1+json")
    whole = archived({"manifests": [listed]}, [*blobs.values(), inner_index, attestation])
    assert flat(whole)["which"] == file(b"amd64")
    assert flat(whole, listed["digest"])["which"] == file(b"amd64")
    assert flat(whole, manifests[1]["digest"])["which"] == file(b"amd64")
    assert code(whole, manifests[0]["digest"]) == "image-platform"
    assert code(whole, digest(b"another")) == "image-platform"


def test_its_configuration() -> None:
    config = {"Env": ["A=1", "B=x=y"], "WorkingDir": "/app/", "Volumes": {"/golem/work": {}}, "Cmd": ["ignored"]}
    found = opened(oci([BASE], config)).image("amd64").config
    assert found == ({"A": "1", "B": "x=y"}, "/app", ("/golem/work",))
    assert opened(oci([BASE])).image("amd64").config == ({}, "/", ())


# -- hostile ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", b"x")],
        [("a/../../evil", b"x")],
        [special("/evil", tarfile.REGTYPE)],
        [special("hard", tarfile.LNKTYPE, "../outside")],
        [special("hard", tarfile.LNKTYPE, "/etc/shadow")],
        [special("hard", tarfile.LNKTYPE, "missing")],
        [("folder", None), special("hard", tarfile.LNKTYPE, "folder")],
        [special("disk", tarfile.BLKTYPE)],
        [special("etc/tty", tarfile.CHRTYPE)],
        [special("pipe", tarfile.FIFOTYPE)],
        [("a", b"1"), ("./a", b"2")],
        [("a", None), ("a", b"2")],
        [("a", b"file"), ("a/b", b"below a file")],
        [("x", "y"), ("y", "x"), ("x/b", b"in circles")],
        [("a/.wh...", b"")],
        [("n" * 300, b"")],
        [("/".join("d" * 100 for _ in range(40)), b"")],
    ],
    ids=lambda members: str(members[-1].name if isinstance(members[-1], tarfile.TarInfo) else members[-1][0])[:20],
)
def test_layers_that_lead_astray_are_refused(members: Sequence[Member]) -> None:
    assert code(oci([tar(members)])) == "image-layer"


def test_links_that_deepen_the_tree_end_somewhere() -> None:
    """Each link leads to the deepest folder so far, so that no name is long and the paths are."""
    deep = "/".join("d" * 50 for _ in range(40))
    layers = [tar([(f"{name}/{deep}", None), (chr(ord(name) + 1), f"/{name}/{deep}")]) for name in "abc"]
    assert code(oci(layers)) == "image-layer"


def test_digests_are_compared() -> None:
    other = tar([("evil", b"x")])
    good = oci([BASE])
    wrong_layer = oci([BASE], change={"layers": [described(other, "a.tar")]}, more=[(blob(other), other)])
    assert code(wrong_layer) == "image-digest"  # it does not unpack to what the configuration says
    assert code(good.replace(b"etc/a", b"etc/z")) == "image-digest"
    at = good.index(b'"os": "linux"')
    assert code(good[:at] + b'"os": "LINUX"' + good[at + 13 :]) == "image-digest"


def test_sizes_are_compared() -> None:
    assert code(oci([BASE], change={"layers": [described(BASE, "x.tar") | {"size": 5}]})) == "image-digest"
    assert code(oci([BASE], change={"layers": [described(BASE, "x.tar") | {"size": 1 << 60}]})) == "image-digest"


def test_bombs_end_at_the_bound() -> None:
    bomb = tar([("zeros", bytes(20 << 20))])
    assert code(oci([bomb], zipped=True), largest=10 << 20) == "image-too-big"
    assert code(oci([tar([(f"{one}", bytes(4 << 20))]) for one in "abc"], zipped=True), largest=10 << 20) == (
        "image-too-big"
    )


def test_indexes_that_name_themselves_end() -> None:
    listed = [described(b"{}", "application/vnd.oci.image.index.v1+json")] * 1000
    inner = json.dumps({"manifests": listed}).encode()
    outer = [described(inner, "application/vnd.oci.image.index.v1+json")] * 1000
    assert code(archived({"manifests": outer}, [inner, b"{}"])) == "image-archive"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "image-archive"),
        (b"not a tar archive at all", "image-archive"),
        (gzip.compress(oci([BASE])), "image-archive"),
        (tar([("index.json", b"{}")]), "image-archive"),
        (tar([("oci-layout", b'{"imageLayoutVersion":"2.0.0"}')]), "image-archive"),
        (tar([("oci-layout", b"\xff")]), "image-archive"),
        (tar([("oci-layout", b"[" * 100_000)]), "image-archive"),
        (oci([BASE], more=[("index.json", b"{}")]), "image-archive"),
        (archived({"manifests": []}, []), "image-platform"),
        (archived({"manifests": "none"}, []), "image-archive"),
        (archived({"manifests": [{"digest": "sha256:../../x"}]}, []), "image-archive"),
        (archived({"manifests": [described(b"absent", "x")]}, []), "image-archive"),
        (archived({"manifests": [described(b"[]", "x")]}, [b"[]"]), "image-archive"),
        (oci([BASE], change={"layers": []}), "image-archive"),
        (oci([BASE], kind="application/vnd.oci.image.layer.v1.tar+zstd"), "image-compression"),
        (oci([BASE], kind="application/vnd.oci.image.layer.v1.tar+gzip"), "image-archive"),
        (oci([BASE], architecture="arm64"), "image-platform"),
        (oci([b"no tar in here"]), "image-archive"),
        (oci([BASE], {"WorkingDir": "/../etc"}), "image-archive"),
        (oci([BASE], {"Env": ["=x"]}), "image-archive"),
        (oci([BASE], {"Env": ["A=\ud800"]}), "image-archive"),
        (oci([BASE], {"Volumes": {"/": {}}}), "image-archive"),
        (oci([BASE], {"Volumes": ["/x"]}), "image-archive"),
    ],
)
def test_what_is_no_archive_of_an_image(raw: bytes, said: str) -> None:
    assert code(raw) == said


def test_every_byte_cut_off_is_noticed() -> None:
    """Cut anywhere, it is refused, or is whole but for the zeros at its end."""
    whole = oci([tar([("a", b"x")])])
    for size in range(0, len(whole), 97):
        try:
            found = flat(whole[:size])
        except (Invalid, Unverified):
            continue
        assert found == {"a": file(b"x")}


def header(size: bytes, kind: bytes) -> bytes:
    raw = bytearray(512)
    raw[:4], raw[100:107], raw[124:136], raw[156:157], raw[257:265] = b"name", b"0000644", size, kind, b"ustar\x0000"
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


@pytest.mark.parametrize("kind", [b"0", b"x", b"g", b"L", b"K", b"5", b"S"])
@pytest.mark.parametrize(
    "size", [b"\xff" * 12, b"\x80" + b"\xff" * 11, b"77777777777\0", b"\xff" * 10 + b"\xfe\x00"], ids=range(4)
)
def test_impossible_sizes_end(kind: bytes, size: bytes) -> None:
    """A name of many gigabytes, a size below zero: tarfile alone would take the memory, or walk back for ever."""
    assert code(header(size, kind) + bytes(1024)) in ("image-archive", "image-layer")
    assert code(oci([header(size, kind) + bytes(1024)])) in ("image-archive", "image-layer")


# -- writing ------------------------------------------------------------------------------------------------------

ROOT = rootfs(
    {
        "usr/bin/python3.11": b"\x7fELF",
        "usr/bin/python3": "python3.11",
        "etc/passwd": b"root:x:0:0::/:/bin/sh\n",
        "app": None,
        "app/" + "long" * 50 + "/" + "name" * 60: b"x" * 1000,
        "app/naïve \udcff": b"no text",
    }
)


def built(root: object = ROOT) -> tuple[bytes, str]:
    archive = oci_archive(root, PLAIN, ("python", "x"), "localhost/tiny:1", "amd64")  # type: ignore[arg-type] - a RootFs
    return b"".join(archive.pieces), archive.digest


def test_what_is_written_is_read_again() -> None:
    raw, named = built()
    assert flat(raw, named) == read(ROOT)
    assert opened(raw).image("amd64").digest == named
    assert opened(raw).image("amd64").config == PLAIN


def test_folders_that_everybody_writes_to_stay_so() -> None:
    raw, _ = built({"tmp": Folder(shared=True), "opt": Folder()})
    archive = opened(raw)
    file = io.BytesIO()
    root = flatten(archive, archive.image("amd64"), lambda: file)
    assert {path: mode(node) for path, node in root.items()} == {"tmp": 0o1777, "opt": 0o755}


def test_the_bytes_are_these() -> None:
    """Pinned by JobSpecs: a change here is a change of format, also where a Python's tarfile makes it."""
    assert built(dict(reversed(list(ROOT.items())))) == built()
    assert built()[1] == "sha256:28689cee3be67d3ad45e4269c132fd37d7a98b5b798c227878c9735116c720d7"
    assert hashlib.sha256(built()[0]).hexdigest() == "899be6b0b1721808ece9e0f526443672ae246d0711162b26d4bc2c00b3a20ba2"


def test_skopeo_and_umoci_read_it(tmp_path: Path) -> None:
    if shutil.which("skopeo") is None or shutil.which("umoci") is None:
        pytest.skip("no skopeo or no umoci here")
    raw, named = built(read_only_text := {path: node for path, node in ROOT.items() if path.isprintable()})
    archive = tmp_path / "image.tar"
    archive.write_bytes(raw)

    def run(*words: str) -> str:
        done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path)})
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = json.loads(run("skopeo", "inspect", f"oci-archive:{archive}"))
    assert (said["Digest"], said["Architecture"], said["Env"]) == (named, "amd64", ["PATH=/usr/bin"])
    assert json.loads(run("skopeo", "inspect", f"docker-archive:{archive}"))["Os"] == "linux"
    run("skopeo", "copy", "--insecure-policy", f"oci-archive:{archive}", f"oci:{tmp_path}/layout:tiny")
    run("umoci", "unpack", "--rootless", "--image", f"{tmp_path}/layout:tiny", str(tmp_path / "bundle"))
    unpacked = tmp_path / "bundle" / "rootfs"
    found = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*")}
    assert found == set(read_only_text)
    assert (unpacked / "usr/bin/python3").read_bytes() == b"\x7fELF"


# -- a benchmark's image ------------------------------------------------------------------------------------------


def test_a_benchmarks_image_has_wrapper_and_volumes() -> None:
    root = benchmark_image(
        rootfs({"usr/bin/python3.9": b"\x7fELF", "usr/bin/python3": "python3.9", "tmp/left": b"over", "proc/1/x": b""}),
        b"#!/usr/bin/env python3\nprint()\n",
        "it",
    )
    wrapper = root["golem/run/beacon-run"]
    assert isinstance(wrapper, File)
    assert (b"".join(wrapper.chunks()), wrapper.executable) == (b"#!/usr/bin/python3\nprint()\n", True)
    assert {"dev", "proc", "sys", "tmp", "golem/work", "golem/input", "golem/output"} < set(root)
    assert "tmp/left" not in root
    assert [path for path, node in sorted(root.items()) if mode(node) == 0o1777] == [
        "golem/input",
        "golem/output",
        "golem/work",
        "tmp",
    ]
    assert benchmark_image(root, b"#!/usr/bin/env python3\nprint()\n", "again").keys() == root.keys()
    assert with_defaults(PLAIN, {"A": "b"}, None) == ({"PATH": "/usr/bin", "A": "b"}, "/app", VOLUMES)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"usr/bin/perl": b"x"}, "image-python"),
        ({"usr/bin/python3": "python3"}, "image-python"),
        ({"usr/bin/python3": None}, "image-python"),
        ({"bin/python3": b"not executable"}, "image-python"),
        ({"usr/bin/python3": b"x", "golem/work/data": b"lost"}, "image-volume"),
        ({"usr/bin/python3": b"x", "golem": "/elsewhere"}, "image-volume"),
        ({"usr/bin/python3": b"x", "tmp": "/var/tmp"}, "image-volume"),
    ],
)
def test_images_that_cannot_be_a_benchmarks(entries: dict[str, bytes | str | None], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        benchmark_image(rootfs(entries), b"#!x\n", "it")
    assert caught.value.code == said


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("bin/tool", "usr/bin/tool"),
        ("/abs", "usr/bin/tool"),
        ("up", "usr/bin/tool"),
        ("loop", None),
        ("usr/bin/tool/below", None),
        ("missing", None),
    ],
)
def test_links_are_resolved_inside(path: str, found: str | None) -> None:
    links = {"bin": "usr/bin", "abs": "/bin/tool", "up": "../../bin/../bin/tool", "loop": "loop"}
    assert resolve(rootfs({"usr/bin/tool": b"x", **links}), path) == found


# -- at random ----------------------------------------------------------------------------------------------------

ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    1 << 70,
    1.5,
    "",
    "x",
    "sha256:" + "0" * 64,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": None},
]


def changed(rng: random.Random, value: Any) -> Any:
    """A JSON value with one part of it replaced by something odd."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(sorted(value))
        return value | {name: changed(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], changed(rng, value[at]), *value[at + 1 :]]
    return rng.choice(ODD)


def test_odd_documents_are_refused_or_read() -> None:
    """Nothing but the two errors comes out of it, whatever a member of a document is."""
    rng = random.Random(7)
    kinds = ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.manifest.v1+json")
    said = {"Env": ["A=1"], "WorkingDir": "/app", "Volumes": {"/golem/work": {}}}
    for number in range(600):
        config: Any = {"os": "linux", "architecture": "amd64", "config": said, "rootfs": {"diff_ids": [digest(BASE)]}}
        config = changed(rng, config) if number % 3 == 0 else config
        facts = json.dumps(config).encode()
        manifest: Any = {"config": described(facts, kinds[0]), "layers": [described(BASE, "x.tar")]}
        manifest = changed(rng, manifest) if number % 3 == 1 else manifest
        whole = json.dumps(manifest).encode()
        index: Any = {
            "manifests": [described(whole, kinds[1]) | {"platform": {"os": "linux", "architecture": "amd64"}}]
        }
        index = changed(rng, index) if number % 3 == 2 else index
        with suppress(Invalid, Unverified):
            assert flat(archived(index, [BASE, facts, whole]))["etc/a"] == file(b"a")


def test_damaged_layers_are_refused_or_read() -> None:
    """Bytes of headers are changed and the checksums mended, so that tarfile believes them."""
    rng = random.Random(8)
    base = tar([("etc/a", b"a"), ("a" * 150 + "/" + "b" * 90, b"long"), ("link", "../x"), ("etc/.wh.b", b"")])
    for _ in range(400):
        layer = bytearray(base)
        for _ in range(rng.randint(1, 5)):
            layer[rng.randrange(len(layer))] = rng.choice([0, 0x80, 0xFF, rng.randrange(256), *b"xgLKS5"])
        for at in range(0, len(layer), 512):
            if layer[at + 257 : at + 262] == b"ustar":
                layer[at + 148 : at + 156] = b" " * 8
                layer[at + 148 : at + 156] = b"%06o\0 " % sum(layer[at : at + 512])
        with suppress(Invalid, Unverified):
            for path in flat(oci([bytes(layer)])):
                assert path
                assert not path.startswith("/")
                assert not {"", ".", ".."} & set(path.split("/"))
