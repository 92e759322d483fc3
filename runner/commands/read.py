"""Verbs that read the log and who may write it: log, keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from runner.commands.console import JsonFlag, line, note, put, put_json
from runner.commands.operate import RepoOption
from runner.commands.places import opened, top
from runner.errors import Usage
from runner.formats import log as tree
from runner.formats import note as notes
from runner.formats import proof
from runner.model.canonical import sha256
from runner.publish import CHECKPOINT, LOG, tiles
from runner.rendering.neutral import terminal, terminal_block
from runner.state import State, read_state
from runner.verify import Anchor, format_anchor

log = typer.Typer(add_completion=False, rich_markup_mode=None, help="The Merkle log: show, prove, check, fsck.")


@contextmanager
def at_head(repo: Path) -> Iterator[State]:
    """The state of a clone's branch."""
    with opened(top(repo)) as repository:
        yield read_state(repository, repository.head())


def keys(repo: RepoOption = Path(), as_json: JsonFlag = False) -> None:
    """Who may do what, and between which log entries; and what a verifier needs to know you by."""
    with at_head(repo) as state:
        anchor = format_anchor(Anchor(state.history.genesis, state.trust.log_vkey)) if state.history.genesis else None
        rows = [
            {"role": key.role, "principal": key.principal, "key": public, "added": key.added, "revoked": key.revoked}
            for public, key in state.history.keys.items()
        ]
        if as_json:
            put_json(
                {
                    "log": state.trust.log_vkey,
                    "threshold": state.trust.threshold,
                    "keys": rows,
                    "anchor": anchor,
                },
                "keys",
            )
            return
        line(f"log            {state.trust.log_vkey}")
        for row in rows:
            until = "" if row["revoked"] is None else f" until entry {row['revoked']}"
            line(f"{row['role']:<14} {row['principal']}: {row['key']}, from entry {row['added']}{until}")
        if anchor:
            note(f"tell your readers, elsewhere than in the repository: beacon verify --trust {anchor}")
        else:
            note("the log holds none of these yet: `beacon reconcile` writes it")


@log.command()
def show(
    repo: RepoOption = Path(),
    first: Annotated[int, typer.Option(help="First entry.", min=0)] = 0,
    as_json: JsonFlag = False,
) -> None:
    """The checkpoint, and every entry with its index."""
    with at_head(repo) as state:
        if state.checkpoint is None:
            raise Usage("log-empty", "this registry has no log yet", "`beacon reconcile` writes its first entry")
        size = state.checkpoint.size
        found = list(tree.entries(tiles(state.snapshot), min(first, size), size))
        if as_json:
            root = state.checkpoint.root.hex()
            entries = [{"index": first + i, "entry": json.loads(raw)} for i, raw in enumerate(found)]
            put_json({"origin": state.checkpoint.origin, "size": size, "root": root, "entries": entries}, "log")
            return
        line(terminal_block((state.snapshot.read(CHECKPOINT) or b"").decode()))
        for number, raw in enumerate(found, first):
            line(f"{number:>6}  {terminal(raw.decode())}")


@log.command()
def prove(
    index: Annotated[int, typer.Argument(help="The entry's index.", min=0)],
    repo: RepoOption = Path(),
    as_json: JsonFlag = False,
) -> None:
    """Print the C2SP tlog-proof of an entry."""
    with at_head(repo) as state:
        if state.checkpoint is None or index >= state.checkpoint.size:
            size = state.checkpoint.size if state.checkpoint else 0
            hint = f"it has entries 0 to {size - 1}: `beacon log show`" if size else "`beacon reconcile` begins it"
            raise Usage("entry-unknown", f"the log has no entry {index}", hint)
        path = tree.inclusion(tiles(state.snapshot), index, state.checkpoint.size)
        proved = proof.write_proof(index, path, state.snapshot.read(CHECKPOINT) or b"")
        if as_json:
            put_json({"index": index, "proof": proved.decode()}, "log-prove")
        else:
            put(proved.decode())


@log.command()
def check(
    file: Annotated[Path, typer.Argument(help="A proof, as `beacon log prove` prints it and runs carry it.")],
    entry: Annotated[Path, typer.Option(help="The entry's bytes.")],
    vkey: Annotated[str, typer.Option(help="The log's verifier key, which you trust.")],
    as_json: JsonFlag = False,
) -> None:
    """Check a proof against an entry and a log's key. Needs no clone."""
    origin = notes.parse_vkey(vkey).name
    index = proof.open_proof(_read(file), _read(entry), origin, [vkey])
    if as_json:
        put_json({"index": index, "origin": origin, "sha256": sha256(_read(entry))}, "log-check")
    else:
        line(f"entry {index} of {origin} is what {entry} holds, SHA-256 {sha256(_read(entry))}")


@log.command()
def fsck(repo: RepoOption = Path(), as_json: JsonFlag = False) -> None:
    """Hash all entries and tiles again, and compare with the checkpoint."""
    with at_head(repo) as state:
        if state.checkpoint is None:
            raise Usage("log-empty", "this registry has no log yet", "`beacon reconcile` writes its first entry")
        paths = [path.removeprefix(f"{LOG}/") for path in state.snapshot.files(LOG)]
        tree.fsck(tiles(state.snapshot), state.checkpoint, paths=paths)
        size, root = state.checkpoint.size, state.checkpoint.root.hex()
        if as_json:
            put_json({"size": size, "root": root}, "log-fsck")
        else:
            line(f"{size} entries: every tile hashes to the root {root}")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Usage("file-unreadable", f"{file}: {error.strerror}") from None
