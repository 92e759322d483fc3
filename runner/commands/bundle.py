"""`beacon bundle`: the CID of a folder or a run, its CAR, and a CAR unpacked again. No daemon, no network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.commands.console import JsonFlag, line, note, put_json
from runner.edges.blockfile import BlockFile
from runner.edges.trees import read_tree, refuse_taken, write_file, write_graph
from runner.errors import Usage
from runner.ipfs import car as cars
from runner.ipfs.car import Limit
from runner.ipfs.dagpb import cid_text, parse_cid
from runner.ipfs.gather import Gathering
from runner.ipfs.unixfs import Graph, graph
from runner.ipfs.unpack import Bounds

if TYPE_CHECKING:
    from runner.ipfs.pinning import Bundle
    from runner.state import State

bundle = typer.Typer(add_completion=False, rich_markup_mode=None)
_READ = 256 << 10
MIB = 1 << 20

RepoOption = Annotated[Path, typer.Option("--repo", help="The registry's clone; default: this folder.")]
Target = Annotated[str, typer.Argument(metavar="FOLDER|RUN", help="A folder or file, or a run by its first digits.")]
Most = Annotated[int, typer.Option("--most", metavar="MIB", min=1, help="The most to read and to write, in MiB.")]


@bundle.callback()
def _bundle() -> None:
    """A run's evidence as one CID, and as one file that any IPFS node takes."""


@bundle.command()
def cid(target: Target, repo: RepoOption = Path(), as_json: JsonFlag = False) -> None:
    """Print the CID (profile unixfs-v1-2025) of a folder or file, or of a run's bundle as it is committed."""
    found = _graph(target, repo)
    if as_json:
        put_json({"cid": found.cid})
    else:
        line(found.cid)


@bundle.command()
def car(
    target: Target,
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    repo: RepoOption = Path(),
    as_json: JsonFlag = False,
) -> None:
    """Write a folder, or a run's bundle, as CARv1: byte for byte what `ipfs dag export` gives for its CID."""
    refuse_taken(out)
    found = _graph(target, repo)
    size = write_file(found.car(), out)
    _tell(as_json, found.cid, f"{size} bytes, {len(found.made)} blocks: {out}", {"bytes": size, "file": str(out)})


@bundle.command()
def extract(
    file: Annotated[Path, typer.Argument(metavar="CAR", help="A CARv1, in any order of its blocks.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to make; nothing may stand there.")],
    root: Annotated[str | None, typer.Option("--cid", help="The CID to unpack; default: the CAR's only root.")] = None,
    most: Most = 1024,
    as_json: JsonFlag = False,
) -> None:
    """Unpack a CAR, every block checked. Nothing is written unless all of it holds."""
    refuse_taken(out)
    limit, wanted = Limit(most * MIB), parse_cid(root) if root else None
    with BlockFile(out.absolute().parent) as store:
        roots, blocks = cars.read(_pieces(file), limit)
        if wanted is None and len(roots) != 1:
            raise Usage("car-roots", f"{file} has {len(roots)} roots", "say which CID to unpack, with --cid")
        gathering = Gathering(wanted or roots[0], store)
        for block in blocks:
            gathering.add(block)
        for missing in gathering.missing():
            store.get(missing)
        write_graph(gathering.root, store.get, out, Bounds(limit.size))
    told = f"{gathering.count} blocks checked, unpacked to {out}"
    _tell(as_json, cid_text(gathering.root), told, {"blocks": gathering.count, "folder": str(out)})


def logged(state: State, which: str) -> Bundle:
    """The bundle of a run, named by the first digits of its id or by its job. Raises `Usage` where there is none."""
    from runner.dossier import find_run
    from runner.ipfs.pinning import bundles

    run = find_run(state, which)
    found = next((one for one in bundles(state.history) if one.run == run), None)
    if found is None:
        raise Usage("bundle-none", f"run {run[:12]} published no bundle", "`beacon describe RUN` tells where it stands")
    return found


def _graph(target: str, repo: Path) -> Graph:
    """The blocks of something on disk, or of a run's bundle in the repository's last commit."""
    if os.path.lexists(target):
        return graph(read_tree(Path(target)))
    from runner.commands.holding import graphs
    from runner.commands.read import at_head

    with at_head(repo) as state:
        return graphs(state.snapshot)(logged(state, target))


def _pieces(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            while piece := opened.read(_READ):
                yield piece
    except OSError as error:
        raise Usage("file-unreadable", f"{file}: {error.strerror}", "give a CAR") from None


def _tell(as_json: bool, found: str, told: str, facts: dict[str, int | str]) -> None:
    if as_json:
        put_json({"cid": found, **facts})
    else:
        line(found)
        note(told)
