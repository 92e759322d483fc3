"""Writes a Golem VM image: a squashfs, and behind it the configuration, as gvmkit-build does.

    squashfs | CRC-32 of the JSON, little-endian | JSON (Docker's ContainerConfig) | its length, 8 decimal digits

The image's hash is SHA3-224 over all of it. Of the configuration providers use the volumes; the command is the run's.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from runner.images.archive import Config
from runner.images.oci import configuration
from runner.images.rootfs import RootFs
from runner.images.squashfs import squashfs
from runner.model import canonical


def gvmi(root: RootFs, config: Config, command: tuple[str, ...]) -> Iterator[bytes]:
    """The image, in pieces."""
    yield from squashfs(root)
    document = canonical(configuration(config, command))
    yield zlib.crc32(document).to_bytes(4, "little") + document + b"%08d" % len(document)
