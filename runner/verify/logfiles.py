"""Step 8: whose log it is, whether its files are whole, and whether it extends the one last seen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from runner.errors import Unverified
from runner.formats import log, note, tiles
from runner.model import Checkpoint
from runner.ports import Snapshot
from runner.verify.anchor import Anchor
from runner.verify.frontier import Frontier
from runner.verify.report import Notebook
from runner.verify.trail import CHECKPOINT

FOLDER = "reports/log/"
VKEY = "registry/keys/log.vkey"


def log_key(snapshot: Snapshot, trust: Anchor | None, book: Notebook) -> str | None:
    """The log's verifier key: the anchor's, which the clone must agree with; without an anchor the clone's own."""
    found = (snapshot.read(VKEY) or b"").decode(errors="replace").removesuffix("\n")
    if trust is not None:
        if found != trust.log_vkey:
            book.find(8, "vkey-foreign", VKEY, f"found {found[:200]!r}, expected {trust.log_vkey}")
        return trust.log_vkey
    try:
        note.parse_vkey(found)
    except Unverified as error:
        book.find(8, error.code, VKEY, error.message)
        return None
    return found


def read_checkpoint(snapshot: Snapshot, vkey: str, book: Notebook) -> tuple[bytes, Checkpoint] | None:
    """The signed note and what it says; None where there is no log, or none that its key signed."""
    raw = snapshot.read(CHECKPOINT)
    if raw is None:
        if snapshot.exists("reports"):
            book.find(8, "checkpoint-missing", CHECKPOINT, "reports/ has no checkpoint: nobody signed what it holds")
        return None
    try:
        checkpoint = note.parse_checkpoint(note.open_note(raw, [vkey]).text, note.parse_vkey(vkey).name)
    except Unverified as error:
        book.find(8, error.code, CHECKPOINT, error.message)
        return None
    book.count(8, "log entries", checkpoint.size)
    return raw, checkpoint


def entries(snapshot: Snapshot, checkpoint: Checkpoint) -> Callable[[], Iterator[bytes]]:
    """The log's entries, read anew at each call."""
    return lambda: log.entries(_files(snapshot), 0, checkpoint.size)


def judge_files(snapshot: Snapshot, checkpoint: Checkpoint, paths: Collection[str], book: Notebook) -> bool:
    """Every tile follows from the entries, and no other file is there. Returns whether at least the entries are those
    that the checkpoint signs: then all that rests on them can still be checked."""
    found = {path.removeprefix(FOLDER) for path in paths if path.startswith(FOLDER)}
    try:
        log.fsck(_files(snapshot), checkpoint, paths=found)
        book.count(8, "log files", len(found))
        return True
    except Unverified as error:
        book.find(8, error.code, FOLDER, error.message)
    frontier = Frontier()
    try:
        for entry in log.entries(_files(snapshot), 0, checkpoint.size):
            frontier.add(entry)
    except Unverified:
        return False
    return frontier.root() == checkpoint.root


def read_seen(last_seen: bytes | None, vkey: str, book: Notebook) -> Checkpoint | None:
    """The checkpoint that the verifier remembers of this log."""
    if last_seen is None:
        return None
    try:
        return note.parse_checkpoint(note.open_note(last_seen, [vkey]).text, note.parse_vkey(vkey).name)
    except Unverified as error:
        book.find(
            8, "last-seen-foreign", CHECKPOINT, f"the checkpoint last seen is not one of this log: {error.message}"
        )
        return None


def judge_genesis(found: str | None, trust: Anchor | None, book: Notebook) -> None:
    """The log begins with the trust list that the verifier's anchor names."""
    if trust is not None and found != trust.genesis:
        book.find(8, "genesis-foreign", "log entry 0", f"found the trust list {found}, expected {trust.genesis}")


def judge_seen(seen: Checkpoint | None, size: int, roots: Mapping[int, bytes] | None, book: Notebook) -> None:
    """The log of `size` entries, with these roots, extends the one last seen. Without roots, only that it is not
    shorter."""
    if seen is None:
        return
    book.count(8, "last seen checkpoints")
    if seen.size > size:
        book.find(8, "rollback", CHECKPOINT, f"the log has {size} entries; {seen.size} were seen before")
    elif roots is not None and roots[seen.size] != seen.root:
        book.find(8, "fork", CHECKPOINT, f"the root of the first {seen.size} entries is {roots[seen.size].hex()}; "
                  f"{seen.root.hex()} was seen before")  # fmt: skip


def _files(snapshot: Snapshot) -> tiles.Read:
    return lambda path: snapshot.read(FOLDER + path)
