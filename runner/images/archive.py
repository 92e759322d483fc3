"""An OCI image in one tar file (OCI image-spec 1.1: image layout, index, manifest, configuration).

Every blob is read by its digest and compared with it; what its name or a tag says counts for nothing. Of several
images in one archive the one for this platform is taken. The layers' contents are `layers.py`'s.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from runner.errors import Unverified
from runner.images.rootfs import refused
from runner.images.tar import clean, members, slices

LARGEST_DOCUMENT = 4 << 20
DEEPEST = 3
"""Indexes inside indexes, as `docker buildx` nests them."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_VARIABLE = re.compile(r"[^=\0\ud800-\udfff]{1,200}=[^\0\ud800-\udfff]{0,32768}")
_PLACE = re.compile(r"(/[A-Za-z0-9._@+-]{1,100}){1,16}")
_LAYOUT_HINT = "`docker save` writes one since Docker 25; else `skopeo copy docker-archive:IN oci-archive:OUT`"


class Descriptor(NamedTuple):
    """Names a blob: media type, digest (`sha256:…`) and size."""

    kind: str
    digest: str
    size: int


class Config(NamedTuple):
    """What an image says of how it is run. Its entry point and command are left out: the JobSpec has its own."""

    environment: Mapping[str, str]
    folder: str
    volumes: tuple[str, ...]


class Image(NamedTuple):
    """One image of an archive: its manifest, whose digest a JobSpec pins, and its configuration's document; what that
    says; and the layers with the digests of what they unpack to."""

    documents: tuple[Descriptor, Descriptor]
    config: Config
    layers: tuple[tuple[Descriptor, str], ...]

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return self.documents[0].digest


class Archive:
    """An OCI archive in a file that can be read anywhere, and stays open. `name` is for errors."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Read the table of contents. Raises `Invalid` where it is no OCI archive."""
        self.name = name
        self._file = file
        self._places: dict[str, tuple[int, int]] = {}
        for member in members(file, name):
            path = clean(member.name, name)
            if path in self._places:
                raise refused(name, "image-archive", f"it holds {path!r} twice")
            if member.isreg():
                self._places[path] = (member.offset_data, member.size)
        layout = self._document("oci-layout") if "oci-layout" in self._places else None
        if not isinstance(layout, dict) or layout.get("imageLayoutVersion") != "1.0.0":
            raise refused(name, "image-archive", "it has no oci-layout 1.0.0, so it is no OCI archive", _LAYOUT_HINT)

    def image(self, architecture: str, digest: str | None = None) -> Image:
        """The image for an architecture, as Go names it (`amd64`), or the one with this digest: a manifest's, or an
        index's that has one for the architecture. Raises `Invalid`, or `Unverified` where a digest does not hold."""
        index = self._document("index.json")
        found = {
            one.digest: one for one in self._manifests(index, architecture, digest, digest is None, DEEPEST, set())
        }
        if len(found) != 1:
            what = f"the digest {digest}" if digest else f"linux/{architecture}"
            held = ", ".join(sorted(found)) or "none"
            raise refused(
                self.name, "image-platform", f"it should hold one image for {what}; found: {held}", "save just that one"
            )
        return self._image(next(iter(found.values())), architecture)

    def blob(self, wanted: Descriptor) -> Iterator[bytes]:
        """A blob's bytes. Raises `Invalid` where it is absent, `Unverified`, at its end, for other bytes."""
        place = self._places.get("blobs/" + wanted.digest.replace(":", "/"))
        if place is None:
            raise refused(self.name, "image-archive", f"the blob {wanted.digest} is not in it", "save the whole image")
        if place[1] != wanted.size:
            raise _mismatch(self.name, f"{wanted.digest} has {place[1]:,} bytes, not {wanted.size:,}")
        hashed = hashlib.sha256()
        for chunk in slices(self._file, *place):
            hashed.update(chunk)
            yield chunk
        if f"sha256:{hashed.hexdigest()}" != wanted.digest:
            raise _mismatch(self.name, f"the blob {wanted.digest} has the digest sha256:{hashed.hexdigest()}")

    def _manifests(
        self, index: object, architecture: str, digest: str | None, inside: bool, depth: int, seen: set[str]
    ) -> Iterator[Descriptor]:
        """Manifests for the architecture below an index; `inside` once the wanted digest was passed. An index that was
        `seen` is not read again: a few that name each other would take for ever."""
        for listed in _list(index, "manifests", self.name):
            one = _descriptor(listed, self.name)
            hit = inside or one.digest == digest
            if "index" in one.kind or "manifest.list" in one.kind:
                if depth and one.digest not in seen:
                    seen.add(one.digest)
                    yield from self._manifests(self._json(one), architecture, digest, hit, depth - 1, seen)
            elif hit and (one.digest == digest or _platform(listed) in (None, ("linux", architecture))):
                yield one

    def _image(self, manifest: Descriptor, architecture: str) -> Image:
        document = self._json(manifest)
        config = _descriptor(document.get("config"), self.name)
        facts = self._json(config)
        if (facts.get("os"), facts.get("architecture")) != ("linux", architecture):
            found = f"{str(facts.get('os'))[:40]}/{str(facts.get('architecture'))[:40]}"
            raise refused(self.name, "image-platform", f"the image is for {found}, not for linux/{architecture}")
        layers = [_descriptor(layer, self.name) for layer in _list(document, "layers", self.name)]
        root = facts.get("rootfs")
        unpacked = _list(root, "diff_ids", self.name)
        if len(unpacked) != len(layers) or not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in unpacked):
            raise refused(self.name, "image-archive", "its manifest and its configuration name different layers")
        said = _config(facts.get("config"), self.name)
        return Image((manifest, config), said, tuple(zip(layers, unpacked, strict=True)))

    def _document(self, path: str) -> Any:
        place = self._places.get(path)
        if place is None:
            raise refused(self.name, "image-archive", f"it has no {path}", _LAYOUT_HINT)
        if place[1] > LARGEST_DOCUMENT:
            raise refused(self.name, "image-too-big", f"{path} has {place[1]:,} bytes")
        return self._parsed(path, b"".join(slices(self._file, *place)))

    def _json(self, wanted: Descriptor) -> dict[str, Any]:
        if wanted.size > LARGEST_DOCUMENT:
            raise refused(self.name, "image-too-big", f"the document {wanted.digest} has {wanted.size:,} bytes")
        found = self._parsed(wanted.digest, b"".join(self.blob(wanted)))
        if not isinstance(found, dict):
            raise refused(self.name, "image-archive", f"{wanted.digest} is no JSON object")
        return found

    def _parsed(self, what: str, raw: bytes) -> Any:
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            raise refused(self.name, "image-archive", f"{what} is not JSON") from None


def _mismatch(name: str, message: str) -> Unverified:
    return Unverified("image-digest", f"{name}: {message}", "save the image again; this file is damaged or was changed")


def _list(document: object, member: str, name: str) -> list[Any]:
    found = document.get(member) if isinstance(document, dict) else None
    if not isinstance(found, list) or len(found) > 1000:
        raise refused(name, "image-archive", f"`{member}` is no list, or one too long")
    return found


def _descriptor(found: object, name: str) -> Descriptor:
    if isinstance(found, dict):
        kind, digest, size = (found.get(key) for key in ("mediaType", "digest", "size"))
        if isinstance(kind, str) and isinstance(digest, str) and _DIGEST.fullmatch(digest) and type(size) is int:
            return Descriptor(kind, digest, size)
    raise refused(name, "image-archive", f"{str(found)[:200]!r} names no blob by media type, sha256 and size")


def _platform(listed: dict[str, Any]) -> tuple[object, object] | None:
    found = listed.get("platform")
    return (found.get("os"), found.get("architecture")) if isinstance(found, dict) else None


def _config(found: object, name: str) -> Config:
    facts = found if isinstance(found, dict) else {}
    variables = facts.get("Env") or []
    folder = facts.get("WorkingDir") or "/"
    volumes = facts.get("Volumes") or {}
    good = (
        isinstance(variables, list)
        and len(variables) <= 1000
        and all(isinstance(one, str) and _VARIABLE.fullmatch(one) for one in variables)
        and isinstance(folder, str)
        and is_place(folder)
        and isinstance(volumes, dict)
        and len(volumes) <= 16
        and all(is_place(one) and one != "/" for one in volumes)
    )
    if not good:
        hint = "Env is a list of NAME=value, WorkingDir and Volumes are plain absolute paths"
        raise refused(name, "image-archive", "its configuration cannot be used here", hint)
    environment = dict(one.split("=", 1) for one in variables)
    return Config(environment, folder.rstrip("/") or "/", tuple(sorted(one.rstrip("/") for one in volumes)))


def is_place(path: str) -> bool:
    """Whether a path is absolute and plain, so that it may be mounted over."""
    plain = path.rstrip("/")
    return (
        path.startswith("/") and (not plain or bool(_PLACE.fullmatch(plain))) and not {".", ".."} & set(path.split("/"))
    )
