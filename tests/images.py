"""Root file systems as values, and OCI archives put together by hand, honest ones and others."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from runner.images.archive import Archive, Config, Image
from runner.images.layers import flatten
from runner.images.rootfs import File, Folder, Link, Node, RootFs, contents, with_entries

PLAIN = Config({"PATH": "/usr/bin"}, "/app", ())


def rootfs(entries: Mapping[str, bytes | str | None]) -> RootFs:
    """From bytes (a file, executable below usr/bin), text (a link) and None (a folder)."""
    nodes: dict[str, Node] = {}
    for path, entry in entries.items():
        nodes[path] = (
            Folder()
            if entry is None
            else Link(entry)
            if isinstance(entry, str)
            else contents(entry, path.startswith("usr/bin/"))
        )
    return with_entries({}, nodes)


def read(root: RootFs) -> dict[str, object]:
    """The same as plain values: what a file holds and whether it can be executed, where a link leads, or None."""
    return {
        path: (b"".join(node.chunks()), node.executable)
        if isinstance(node, File)
        else node.target
        if isinstance(node, Link)
        else None
        for path, node in root.items()
    }


Member = tuple[str, bytes | str | None] | tarfile.TarInfo


def tar(members: Sequence[Member]) -> bytes:
    """A tar archive: bytes make a file, text a link, None a folder; or any header."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            name, entry = member
            header = tarfile.TarInfo(name)
            header.type = {bytes: tarfile.REGTYPE, str: tarfile.SYMTYPE}.get(type(entry), tarfile.DIRTYPE)
            header.linkname = entry if isinstance(entry, str) else ""
            header.size = len(entry) if isinstance(entry, bytes) else 0
            archive.addfile(header, io.BytesIO(entry if isinstance(entry, bytes) else b""))
    return stream.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A header of a link, a device or whatever."""
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, target
    return header


def digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def oci(
    layers: Sequence[bytes],
    config: Mapping[str, Any] | None = None,
    zipped: bool = False,
    kind: str | None = None,
    more: Sequence[Member] = (),
    change: Mapping[str, Any] | None = None,
    architecture: str = "amd64",
) -> bytes:
    """An OCI archive of layers (tar archives). `change` is laid over the manifest, `more` are more members."""
    blobs = [gzip.compress(layer) if zipped else layer for layer in layers]
    media = kind or "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if zipped else "")
    facts = json.dumps(
        {
            "os": "linux",
            "architecture": architecture,
            "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "config": described(facts, "application/vnd.oci.image.config.v1+json"),
            "layers": [described(blob, media) for blob in blobs],
            **(change or {}),
        }
    ).encode()
    index = {"schemaVersion": 2, "manifests": [described(manifest, "application/vnd.oci.image.manifest.v1+json")]}
    return archived(index, [*blobs, facts, manifest], more)


def archived(index: object, blobs: Sequence[bytes], more: Sequence[Member] = ()) -> bytes:
    named = {f"blobs/{digest(blob).replace(':', '/')}": blob for blob in blobs}
    head: list[Member] = [("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", json.dumps(index).encode())]
    return tar([*head, *named.items(), *more])


def described(raw: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(raw), "size": len(raw)}


def opened(raw: bytes) -> Archive:
    return Archive(io.BytesIO(raw), "image.tar")


def flat(raw: bytes, wanted: str | None = None, **limits: int) -> dict[str, object]:
    """What an archive unpacks to."""
    archive = opened(raw)
    image: Image = archive.image("amd64", wanted)
    files = [tempfile.TemporaryFile() for _ in image.layers]  # noqa: SIM115 - closed below
    try:
        left = iter(files)
        return read(flatten(archive, image, lambda: next(left), **limits))
    finally:
        for file in files:
            file.close()
