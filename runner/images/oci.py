"""Writes an OCI image archive (image-spec 1.1), the same bytes everywhere, that docker, podman and skopeo take.

One layer, and that one uncompressed: what gzip gives differs between its implementations, and the digest is what a
JobSpec pins. The layer is made twice, once for its digest and once into the archive, so nothing large is ever held.
Beside the layout stands Docker's own manifest.json, for `docker load` of engines that know no layout.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from typing import Any, NamedTuple

from runner.images.archive import Archive, Config, Image
from runner.images.rootfs import File, Folder, Link, Node, RootFs, mode, ordered, refused
from runner.model import canonical

EPOCH = "1970-01-01T00:00:00Z"
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


class OciArchive(NamedTuple):
    """An archive that can be written: the manifest's digest, and the bytes in pieces."""

    digest: str
    pieces: Iterator[bytes]


def oci_archive(root: RootFs, config: Config, command: tuple[str, ...], name: str, architecture: str) -> OciArchive:
    """The archive of an image that is called `name`."""
    hashed, size = hashlib.sha256(), 0
    for piece in layer(root):
        hashed.update(piece)
        size += len(piece)
    unpacked = hashed.hexdigest()
    facts = canonical(
        {
            "architecture": architecture,
            "config": configuration(config, command),
            "created": EPOCH,
            "history": [{"created": EPOCH, "created_by": "beacon image build"}],
            "os": "linux",
            "rootfs": {"diff_ids": [f"sha256:{unpacked}"], "type": "layers"},
        }
    )
    manifest = canonical(
        {
            "config": _descriptor(_CONFIG, facts),
            "layers": [{"digest": f"sha256:{unpacked}", "mediaType": _LAYER, "size": size}],
            "mediaType": _MANIFEST,
            "schemaVersion": 2,
        }
    )
    docker = [{"Config": _blob(_hex(facts)), "Layers": [_blob(unpacked)], "RepoTags": [name]}]
    small = {_blob(_hex(facts)): facts, _blob(_hex(manifest)): manifest}
    head = _layout(_descriptor(_MANIFEST, manifest), docker, name, architecture)
    return OciArchive(f"sha256:{_hex(manifest)}", _pieces(head, small, root, _blob(unpacked), size))


def repacked(archive: Archive, image: Image, name: str, architecture: str) -> Iterator[bytes]:
    """An archive of one image of another archive, under a name of ours. Its blobs are the same; tags, other platforms
    and whatever else was in it are not: a loaded archive would give the names that it holds to its own image."""
    parts = [*image.documents, *(layer for layer, _ in image.layers)]
    manifest, config = image.documents
    docker = [
        {
            "Config": _blob(config.digest[7:]),
            "Layers": [_blob(layer.digest[7:]) for layer, _ in image.layers],
            "RepoTags": [name],
        }
    ]
    listed = {"digest": manifest.digest, "mediaType": manifest.kind, "size": manifest.size}
    yield from _layout(listed, docker, name, architecture)
    for part in {part.digest: part for part in parts}.values():
        yield _header(_blob(part.digest[7:]), File(part.size, False, lambda: ()))
        yield from archive.blob(part)
        yield bytes(-part.size % _BLOCK)
    yield _END


def configuration(config: Config, command: tuple[str, ...]) -> dict[str, Any]:
    """Docker's ContainerConfig, which OCI took over."""
    return {
        **({"Cmd": list(command)} if command else {}),
        "Env": [f"{name}={value}" for name, value in sorted(config.environment.items())],
        "Volumes": {volume: {} for volume in config.volumes},
        "WorkingDir": config.folder,
    }


def layer(root: RootFs) -> Iterator[bytes]:
    """A root file system as a tar archive (POSIX 2001), in pieces."""
    for path, node in ordered(root):
        yield _header(path, node)
        if isinstance(node, File):
            size = 0
            for chunk in node.chunks():
                size += len(chunk)
                yield chunk
            if size != node.size:
                found = f"it gave {size:,} bytes instead of {node.size:,}"
                raise refused(path, "image-changed", found, "build it once more")
            yield bytes(-size % _BLOCK)
    yield _END


def _header(path: str, node: Node, plain: bool = False) -> bytes:
    """A member's header. Owner, group and time are 0."""
    member = tarfile.TarInfo(path)
    member.mode = mode(node)
    match node:
        case Folder():
            member.type = tarfile.DIRTYPE
        case Link(target):
            member.type, member.linkname = tarfile.SYMTYPE, target
        case File(size):
            member.size = size
    return member.tobuf(tarfile.USTAR_FORMAT if plain else tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _layout(manifest: dict[str, Any], docker: list[Any], name: str, architecture: str) -> Iterator[bytes]:
    """What stands before the blobs."""
    named = {"annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}}
    listed = manifest | named | {"platform": {"architecture": architecture, "os": "linux"}}
    index = canonical({"manifests": [listed], "mediaType": _INDEX, "schemaVersion": 2})
    yield _small("oci-layout", canonical({"imageLayoutVersion": "1.0.0"}))
    yield _small("index.json", index)
    yield _small("manifest.json", canonical(docker))


def _pieces(head: Iterator[bytes], small: dict[str, bytes], root: RootFs, blob: str, size: int) -> Iterator[bytes]:
    yield from head
    yield from (_small(path, raw) for path, raw in small.items())
    yield _header(blob, File(size, False, lambda: ()))
    yield from layer(root)
    yield bytes(-size % _BLOCK) + _END


def _small(path: str, raw: bytes) -> bytes:
    return _header(path, File(len(raw), False, lambda: ()), plain=True) + raw + bytes(-len(raw) % _BLOCK)


def _descriptor(kind: str, raw: bytes) -> dict[str, Any]:
    return {"digest": f"sha256:{_hex(raw)}", "mediaType": kind, "size": len(raw)}


def _hex(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _blob(name: str) -> str:
    return f"blobs/sha256/{name}"
