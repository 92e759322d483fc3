"""`beacon bundle`: the CID of a folder or a run, its CAR, and a CAR unpacked again. No daemon, no network.

Reads its arguments by argparse, not by typer as the other verbs do: it is measured against a binary, whole process
against whole process, and typer takes longer to be imported than a thousand files to be hashed. For the same reason
it imports in its functions what only some calls need (docs/decisions/0011-verbs-in-a-table.md).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli import ending
from runner.commands.console import JSON_HELP, line, note, put_json
from runner.edges.trees import read_tree, refuse_taken, write_file, write_graph
from runner.errors import Usage
from runner.ipfs.unixfs import Graph, graph

if TYPE_CHECKING:
    from runner.ipfs.pinning import Bundle
    from runner.state import State

_READ = 256 << 10
MIB = 1 << 20


class _Help(argparse.HelpFormatter):
    """Of a fixed width: argparse asks for the terminal's with each argument that is added, and imports shutil to."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def bundle(arguments: Sequence[str]) -> int:
    """Run `cid`, `car` or `extract`. Returns the exit code; exits with 2 where the arguments are wrong."""
    chosen = parser().parse_args(arguments)
    chosen.call(chosen)
    return 0


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    words = "A run's evidence as one CID, and as one file that any IPFS node takes."
    top = argparse.ArgumentParser(
        "beacon bundle", description=words, epilog=ending("bundle"), allow_abbrev=False, formatter_class=_Help
    )
    verbs = top.add_subparsers(title="Commands", metavar="COMMAND", required=True)
    for call in (cid, car, extract):
        words = " ".join((call.__doc__ or "").split())
        verb = verbs.add_parser(call.__name__, help=words, description=words, allow_abbrev=False, formatter_class=_Help)
        verb.set_defaults(call=call)
        if call is extract:
            verb.add_argument("file", metavar="CAR", type=Path, help="A CARv1, in any order of its blocks.")
        else:
            verb.add_argument("target", metavar="FOLDER|RUN", help="A folder or file, or a run by its first digits.")
            help_repo = "The registry's clone; default: this folder."
            verb.add_argument("--repo", metavar="PATH", type=Path, default=Path(), help=help_repo)
        if call is car:
            verb.add_argument("--out", metavar="PATH", type=Path, required=True, help="The file to write.")
        if call is extract:
            help_out = "The folder to make; nothing may stand there."
            verb.add_argument("--out", metavar="PATH", type=Path, required=True, help=help_out)
            verb.add_argument("--cid", metavar="CID", help="The CID to unpack; default: the CAR's only root.")
            help_most = "The most to read and to write, in MiB; default: 1024."
            verb.add_argument("--most", metavar="MIB", type=_count, default=1024, help=help_most)
        verb.add_argument("--json", action="store_true", help=JSON_HELP)
    return top


def cid(chosen: argparse.Namespace) -> None:
    """Print the CID (profile unixfs-v1-2025) of a folder or file, or of a run's bundle as it is committed."""
    found = _graph(chosen.target, chosen.repo)
    if chosen.json:
        put_json({"cid": found.cid}, "bundle")
    else:
        line(found.cid)


def car(chosen: argparse.Namespace) -> None:
    """Write a folder, or a run's bundle, as CARv1: byte for byte what `ipfs dag export` gives for its CID."""
    refuse_taken(chosen.out)
    found = _graph(chosen.target, chosen.repo)
    size = write_file(found.car(), chosen.out)
    told = f"{size} bytes, {len(found.made)} blocks: {chosen.out}"
    _tell(chosen.json, found.cid, told, {"bytes": size, "file": str(chosen.out)})


def extract(chosen: argparse.Namespace) -> None:
    """Unpack a CAR, every block checked. Nothing is written unless all of it holds."""
    from runner.edges.blockfile import BlockFile
    from runner.ipfs import car as cars
    from runner.ipfs.dagpb import cid_text, parse_cid
    from runner.ipfs.gather import Gathering
    from runner.ipfs.unpack import Bounds

    refuse_taken(chosen.out)
    limit, wanted = cars.Limit(chosen.most * MIB), parse_cid(chosen.cid) if chosen.cid else None
    with BlockFile(chosen.out.absolute().parent) as store:
        roots, blocks = cars.read(_pieces(chosen.file), limit)
        if wanted is None and len(roots) != 1:
            raise Usage("car-roots", f"{chosen.file} has {len(roots)} roots", "say which CID to unpack, with --cid")
        gathering = Gathering(wanted or roots[0], store)
        for block in blocks:
            gathering.add(block)
        for missing in gathering.missing():
            store.get(missing)
        write_graph(gathering.root, store.get, chosen.out, Bounds(limit.size))
    told = f"{gathering.count} blocks checked, unpacked to {chosen.out}"
    _tell(chosen.json, cid_text(gathering.root), told, {"blocks": gathering.count, "folder": str(chosen.out)})


def logged(state: State, which: str) -> Bundle:
    """The bundle of a run, named by the first digits of its id or by its job. Raises `Usage` where there is none."""
    from runner.dossier import find_run
    from runner.ipfs.pinning import bundles

    run = find_run(state, which)
    found = next((one for one in bundles(state.history) if one.run == run and not one.late), None)
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


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def _pieces(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            while piece := opened.read(_READ):
                yield piece
    except OSError as error:
        raise Usage("file-unreadable", f"{file}: {error.strerror}", "give a CAR") from None


def _tell(as_json: bool, found: str, told: str, facts: dict[str, int | str]) -> None:
    if as_json:
        put_json({"cid": found, **facts}, "bundle")
    else:
        line(found)
        note(told)
