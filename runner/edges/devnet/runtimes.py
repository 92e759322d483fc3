"""The two runtimes of a devnet provider: where an image comes from, and what stands in the sandbox.

    vm               `hash:sha3:<56 hex>:<url>`: a GVMI, as on the real network; its squashfs becomes the sandbox's root
    beacon-sandbox   `beacon:source:<cid>:<url>`: a tar of a benchmark's folder, prepared as the local executor does

What is fetched has to be what was asked for: the file's SHA3-224, or the folder's CID. Only loopback is asked.
Unpacked images are cached by their hash.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import runner
from runner.edges import environment, sandbox
from runner.edges.devnet.egress import INSIDE
from runner.errors import BeaconError
from runner.ipfs.unixfs import folder_cid

if TYPE_CHECKING:
    import aiohttp

RUNTIMES = ("vm", "beacon-sandbox")
WRAPPER = "/golem/run/beacon-run"
MEMORY_GIB = 4
STORAGE_GIB = 10
CPU_SECONDS = 3_600
_LARGEST = 4 << 30
_TAR_LARGEST = 256 << 20
_PACKAGE = {
    "vm": re.compile(r"hash:sha3:([0-9a-f]{56}):(http://(?:127\.[0-9.]+|localhost)(?::[0-9]+)?/\S+)"),
    "beacon-sandbox": re.compile(
        r"beacon:source:([a-z0-9]{10,100}):(http://(?:127\.[0-9.]+|localhost)(?::[0-9]+)?/\S+)"
    ),
}

MakeBox: TypeAlias = Callable[[tuple[str, ...], Path], sandbox.Box]
"""A sandbox for a command (its entry point first) and the socket that leads out."""


class DeployError(Exception):
    """The image cannot be had, or is not what was asked for. The text goes to the requestor."""


class Asked(NamedTuple):
    """What a demand's task package names."""

    runtime: str
    digest: str
    url: str


def asked(runtime: str, package: str) -> Asked:
    """Read a task package. Raises `DeployError`."""
    found = _PACKAGE[runtime].fullmatch(package)
    if found is None:
        raise DeployError(f"no package that the runtime {runtime} can fetch from loopback: {package[:200]}")
    return Asked(runtime, found[1], found[2])


async def deploy(what: Asked, cache: Path, session: aiohttp.ClientSession) -> MakeBox:
    """Fetch and unpack, unless that was done before. Raises `DeployError`."""
    if what.runtime == "vm":
        place = cache / "vm" / what.digest
        if not place.is_dir():
            await _unpacked(what, place, session)
        config = json.loads((place / "config.json").read_text())
        return lambda command, out: _vm_box(place / "root", config, command, out)
    files = await _source(what, session)
    try:
        prepared = await asyncio.to_thread(environment.prepare, cache, files)
    except BeaconError as error:
        raise DeployError(str(error)) from None
    return lambda command, out: _source_box(prepared, command, out)


def _source_box(prepared: environment.Prepared, command: tuple[str, ...], out: Path) -> sandbox.Box:
    """The local executor's sandbox, with the wrapper bound in and run by the sandbox's Python."""
    wrapper = Path(runner.__file__).parent / "static" / "beacon_run.py"
    return sandbox.Box(
        prepared.files,
        prepared.site,
        ("python", *command) if command[0] == WRAPPER else command,
        memory_bytes=MEMORY_GIB << 30,
        cpu_seconds=CPU_SECONDS,
        binds=((wrapper, WRAPPER), (out, INSIDE)),
        environment={"BEACON_PYTHON": " ".join(sandbox.python())},
    )


def _vm_box(root: Path, config: dict[str, Any], command: tuple[str, ...], out: Path) -> sandbox.Box:
    """The image is the whole file system; its configuration gives variables, the folder, and empty volumes."""
    return sandbox.Box(
        None,
        None,
        command,
        memory_bytes=MEMORY_GIB << 30,
        cpu_seconds=CPU_SECONDS,
        root=root,
        binds=((out, INSIDE),),
        environment=dict(one.split("=", 1) for one in config.get("Env") or () if "=" in one),
        scratch=tuple(config.get("Volumes") or ()),
        folder=config.get("WorkingDir") or None,
    )


async def _source(what: Asked, session: aiohttp.ClientSession) -> dict[str, bytes]:
    """A benchmark's files, out of a tar whose folder has the CID that was asked for."""
    spool = io.BytesIO()
    await _fetch(what.url, session, spool, _TAR_LARGEST)
    spool.seek(0)
    try:
        with tarfile.open(fileobj=spool) as archive:
            files = {item.name: found.read() for item in archive if (found := archive.extractfile(item))}
        cid = folder_cid(files)
    except (tarfile.TarError, EOFError, BeaconError) as error:
        raise DeployError(f"the package is no tar of a folder: {error}") from None
    if cid != what.digest:
        raise DeployError(f"the package's folder has the CID {cid}, not {what.digest}")
    return files


async def _unpacked(what: Asked, place: Path, session: aiohttp.ClientSession) -> None:
    """Unpack a GVMI at `place`, under another name first: a folder at `place` is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=place.parent))
    try:
        scratch.chmod(0o755)
        with (scratch / "image").open("wb") as image:
            await _fetch(what.url, session, image, _LARGEST)
        await asyncio.to_thread(_unpack, scratch / "image", what.digest, scratch)
        with contextlib.suppress(OSError):  # another agent was first
            scratch.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


async def _fetch(url: str, session: aiohttp.ClientSession, into: Any, largest: int) -> None:
    """Download into a file. Raises `DeployError`."""
    import aiohttp

    try:
        async with session.get(url, allow_redirects=False) as answer:
            if answer.status != 200:
                raise DeployError(f"{url} answers {answer.status}")
            async for chunk in answer.content.iter_chunked(1 << 20):
                into.write(chunk)
                if into.tell() > largest:
                    raise DeployError(f"{url} has more than {largest} bytes")
    except (aiohttp.ClientError, TimeoutError) as error:
        raise DeployError(f"{url}: {error!r}") from None


def _unpack(image: Path, digest: str, into: Path) -> None:
    """Make `root` and `config.json` of an image, and remove it. Raises `DeployError`."""
    from PySquashfsImage import SquashFsImage  # type: ignore[import-untyped]

    with image.open("rb") as file:
        found = hashlib.file_digest(file, "sha3_224").hexdigest()
    if found != digest:
        raise DeployError(f"the image has the hash {found}, not {digest}")
    try:
        (into / "config.json").write_text(json.dumps(_config(image)))
        with SquashFsImage.from_file(str(image)) as squashfs:
            _write(squashfs.root, into / "root")
    except (OSError, ValueError) as error:
        raise DeployError(f"the image is no GVMI: {error!r}") from None
    image.unlink()


def _config(image: Path) -> dict[str, Any]:
    """The configuration behind a GVMI's squashfs: CRC-32, JSON, and the JSON's length in 8 digits. Raises
    `ValueError`."""
    with image.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        size = int(file.read(8))
        file.seek(-8 - size - 4, os.SEEK_END)
        crc, document = file.read(4), file.read(size)
    if zlib.crc32(document).to_bytes(4, "little") != crc:
        raise ValueError("the configuration's checksum is wrong")
    config = json.loads(document)
    if not isinstance(config, dict):
        raise ValueError("the configuration is no object")
    return config


def _write(folder: Any, into: Path) -> None:
    into.mkdir()
    for item in folder:
        if not item.name or "/" in item.name or item.name in (".", ".."):
            raise ValueError(f"a file is named {item.name!r}")
        path = into / item.name
        if item.is_dir:
            _write(item, path)
        elif item.is_symlink:
            path.symlink_to(item.readlink())
        elif item.is_file:
            path.write_bytes(item.read_bytes())
            path.chmod(0o755 if item.mode & 0o111 else 0o644)
    into.chmod(0o755)
