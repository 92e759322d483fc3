"""Codes of images and of what runs them."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "engine-failed": Note(
        "A container engine refused",
        "docker or podman answered with an error; the message holds its words.",
        "try the same with the engine alone: docker run or podman run",
    ),
    "image-archive": Note(
        "This is no OCI archive, or a damaged one",
        "An OCI archive is a tar file with oci-layout, index.json and blobs named by their SHA-256.",
        "docker save (since Docker 25), podman save --format oci-archive, or skopeo copy SOURCE oci-archive:FILE",
    ),
    "image-changed": Note(
        "A file changed while the image was built",
        "It gave other bytes than its size said, so the digests would name something that never was.",
        "build the image again once nothing writes to its folder",
    ),
    "image-compression": Note(
        "A layer is compressed in a way that is not read here",
        "Layers may be uncompressed or gzip; Python's standard library before 3.14 reads no zstd.",
        "skopeo copy --dest-compress-format gzip oci-archive:IN oci-archive:OUT",
    ),
    "image-digest": Note(
        "An image's bytes are not what its digests say",
        "The file is damaged, or somebody changed it.",
        "save the image again from where it was built",
    ),
    "image-file": Note(
        "A file of the folder cannot be part of an image",
        "Images hold folders, files and links; devices, sockets and pipes differ between machines.",
        "remove it from the folder",
    ),
    "image-layer": Note(
        "A layer holds what no honest image does",
        "Names that lead out of the image, links to nothing, devices, or one name twice.",
        "build the image with a common tool, and ask whoever gave it to you",
    ),
    "image-missing": Note(
        "The image is not on this machine",
        "Nothing is fetched unless the operator says so (BEACON_PULL=1, docker and podman).",
        "beacon image add ARCHIVE, with the archive whose manifest has the digest that the job pins",
    ),
    "image-out": Note(
        "The words for an image cannot be used",
        "An image needs a file to be written to; its name, variables and folder stand in JSON that others read.",
        "beacon image build SOURCE --oci FILE --gvmi FILE --env NAME=VALUE --workdir /app",
    ),
    "image-platform": Note(
        "The archive has no single image for this machine",
        "One image for Linux and this processor is needed, or a digest that names one.",
        "save just that image: skopeo copy --override-arch amd64 SOURCE oci-archive:FILE",
    ),
    "image-python": Note(
        "The image has no Python 3",
        "The wrapper that runs a benchmark on a provider's machine is a Python program, 3.8 or later.",
        "install python3 into the image, at /usr/bin or /usr/local/bin",
    ),
    "image-too-big": Note(
        "The image is too big",
        "Sizes and counts are bounded, since a small archive can unpack to a disk full of zeros.",
        "leave out of the image what the benchmark does not need",
    ),
    "image-volume": Note(
        "A folder that providers mount is in use",
        "/golem/work, /golem/input and /golem/output are empty where a benchmark starts.",
        "put the benchmark's files elsewhere, such as /app",
    ),
}
