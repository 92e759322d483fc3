"""`beacon image`: the CID of a benchmark's folder, an image built in both forms, an archive kept for the executor."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from runner.commands.console import JsonFlag, line, note, put_json
from runner.commands.places import cache_folder, images_folder
from runner.edges.folder import FolderSnapshot
from runner.edges.imagestore import ImageStore, architecture, opened, read_folder, scratch, write
from runner.errors import Usage
from runner.images.archive import Config, is_place
from runner.images.benchmark import benchmark_image, with_defaults
from runner.images.gvmi import gvmi
from runner.images.layers import flatten
from runner.images.oci import oci_archive
from runner.images.rootfs import RootFs
from runner.ipfs.unixfs import folder_cid

image = typer.Typer(add_completion=False, rich_markup_mode=None)
_NAME = re.compile(r"[a-z0-9][a-z0-9./:_-]{0,199}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}=[^\0]{0,4096}")


@image.callback()
def _image() -> None:
    """Benchmarks' images."""


@image.command()
def cid(
    folder: Annotated[Path, typer.Argument(help="A benchmark's folder, such as registry/benchmarks/NAME.")],
    as_json: JsonFlag = False,
) -> None:
    """Print the CID by which a JobSpec names a folder of source."""
    snapshot = FolderSnapshot(folder)
    found = snapshot.read_all(list(snapshot.files("")))
    if not found:
        raise Usage("folder-empty", f"{folder} is no folder with files")
    if as_json:
        put_json({"cid": folder_cid(found)}, "image")
    else:
        line(folder_cid(found))


@image.command()
def build(
    source: Annotated[Path, typer.Argument(help="A root file system's folder, or an OCI archive.")],
    gvmi_out: Annotated[Path | None, typer.Option("--gvmi", help="Write a Golem VM image to this file.")] = None,
    oci_out: Annotated[Path | None, typer.Option("--oci", help="Write an OCI archive to this file.")] = None,
    name: Annotated[str, typer.Option(help="What the OCI image is called; the digest is what counts.")] = (
        "localhost/benchmark"
    ),
    command: Annotated[list[str] | None, typer.Option(help="A word of the image's command; may be repeated.")] = None,
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for the image; may be repeated.")] = None,
    workdir: Annotated[str | None, typer.Option(help="The folder, in the image, in which the command starts.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Build a benchmark's image from a root file system, the same bytes on every machine, without an engine."""
    if gvmi_out is None and oci_out is None:
        raise Usage("image-out", "no file to write is named", "give --gvmi FILE, --oci FILE, or both")
    variables = dict(_variable(one) for one in env or ())
    if not _NAME.fullmatch(name) or (workdir is not None and not is_place(workdir)):
        wrong = name if not _NAME.fullmatch(name) else workdir
        raise Usage("image-out", f"{wrong!r} cannot be used", "a name like localhost/who, a folder like /app")
    wrapper = files("runner").joinpath("static/beacon_run.py").read_bytes()
    words = tuple(command or ())
    made: dict[str, str] = {}
    with _read(source) as (found, config):
        root = benchmark_image(found, wrapper, str(source))
        config = with_defaults(config, variables, workdir)
        if oci_out is not None:
            archive = oci_archive(root, config, words, name, architecture())
            write(oci_out, archive.pieces)
            made["oci"] = f"{name}@{archive.digest}"
        if gvmi_out is not None:
            made["gvmi"] = _hashed(gvmi_out, gvmi(root, config, words))
    if as_json:
        put_json(made, "image")
    else:
        line("image:")
        for form, pinned in made.items():
            line(f'  {form}: "{pinned}"')  # a hash can look like a number


@image.command()
def add(
    archive: Annotated[Path, typer.Argument(help="An OCI archive, as `beacon image build --oci` writes it.")],
    as_json: JsonFlag = False,
) -> None:
    """Keep an OCI archive where the local executor finds it, by its digest."""
    store = ImageStore(images_folder(), cache_folder())
    digest = store.add(archive)
    if as_json:
        put_json({"digest": digest, "file": str(store.path(digest))}, "image")
    else:
        line(digest)
        note(f"kept as {store.path(digest)}")


@contextlib.contextmanager
def _read(source: Path) -> Iterator[tuple[RootFs, Config]]:
    """A root file system and its configuration; good until the context ends."""
    if source.is_dir():
        yield read_folder(source), Config({}, "/", ())
        return
    cache_folder().mkdir(parents=True, exist_ok=True)
    with opened(source) as archive, scratch(cache_folder()) as unpacked:
        found = archive.image(architecture())
        yield flatten(archive, found, unpacked), found.config


def _hashed(path: Path, pieces: Iterable[bytes]) -> str:
    """Write a Golem VM image; its hash, SHA3-224 in hex."""
    digest = hashlib.sha3_224()

    def counted() -> Iterator[bytes]:
        for piece in pieces:
            digest.update(piece)
            yield piece

    write(path, counted())
    return digest.hexdigest()


def _variable(word: str) -> tuple[str, str]:
    if not _VARIABLE.fullmatch(word):
        raise Usage("image-out", f"--env {word!r} is not NAME=VALUE", "letters, digits and _ before the =")
    name, _, value = word.partition("=")
    return name, value
