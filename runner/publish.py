"""Win first, sign after: how a new state of the log becomes the branch's head.

A log must never sign two checkpoints of one size. So a writer first *wins*: it proposes a commit with the whole new
tree, its checkpoint still unsigned, as the intent (compare-and-swap). Only the intent that stands is ever signed, by
whoever finds it; Ed25519 is deterministic, so every completion signs the same bytes. Then the branch moves and the
intent goes away in one atomic step, the commit point.

Completing is one path: the writer takes it after proposing, and so does the next tick after a crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from runner import audit
from runner.errors import Conflict, Environment, Unverified
from runner.events import say
from runner.formats import log, note, proof
from runner.formats.sshsig import commit_signer, public_line
from runner.formats.tiles import Read
from runner.history import History, fold
from runner.model import Checkpoint, LogEntry
from runner.model import entry as e
from runner.model.canonical import canonical
from runner.model.run import run_folder
from runner.ports import Changes, Emit, Keys, Repository, Signed, Snapshot
from runner.registry.trust import Trust

LOG = "reports/log"
CHECKPOINT = f"{LOG}/checkpoint"
_FOREIGN = "find out who could push it, then delete refs/beacon/intent by hand"


class Desk(NamedTuple):
    """What a writer of the log works with."""

    repository: Repository
    keys: Keys
    signed: Signed
    emit: Emit


def tiles(snapshot: Snapshot) -> Read:
    """The log's files in a snapshot, by their path below the log's folder."""
    return lambda path: snapshot.read(f"{LOG}/{path}")


def read_checkpoint(snapshot: Snapshot, vkey: str) -> Checkpoint | None:
    """The signed checkpoint of a snapshot, None before the first. Raises `Unverified`."""
    raw = snapshot.read(CHECKPOINT)
    if raw is None:
        return None
    return note.parse_checkpoint(note.open_note(raw, [vkey]).text, note.parse_vkey(vkey).name)


def read_log(snapshot: Snapshot, vkey: str, known: History | None = None) -> tuple[Checkpoint | None, History]:
    """The signed checkpoint of a snapshot, and what its entries say; `known` is what the first of them said before.
    Raises `Unverified`."""
    checkpoint = read_checkpoint(snapshot, vkey)
    if checkpoint is None:
        return None, History()
    known = known or History()
    return checkpoint, fold(log.entries(tiles(snapshot), known.size, checkpoint.size), known)


def draft(snapshot: Snapshot, origin: str, size: int, entries: Iterable[LogEntry]) -> dict[str, bytes | None]:
    """What appending these entries changes: tiles, and the checkpoint's text without a signature."""
    appended = log.append(tiles(snapshot), size, [canonical(entry.to_json()) for entry in entries])
    changes = {f"{LOG}/{path}": content for path, content in appended.tiles.items()}
    text = note.checkpoint_text(Checkpoint(origin, appended.size, appended.root))
    return {**changes, CHECKPOINT: text.encode()}


def check_not_behind(desk: Desk, trust: Trust, checkpoint: Checkpoint | None) -> None:
    """Stop where the remote is older than, or inconsistent with, what this runner signed last; unless the intent that
    stands is just that checkpoint. Never planned over: a person must look."""
    highest = desk.signed.highest()
    if highest is None:
        return
    found = checkpoint.size if checkpoint else 0
    head = desk.repository.snapshot(desk.repository.head())
    if found >= highest.size:
        if log.root(tiles(head), highest.size, found) == highest.root:
            return
    elif (intent := desk.repository.intent()) is not None and highest == _proposed(
        desk.repository.snapshot(intent), note.parse_vkey(trust.log_vkey).name
    ):
        return
    raise Environment(
        "log-behind",
        f"the branch holds a log of {found} entries that is older than, or differs from, the {highest.size} entries "
        "that this runner has signed",
        "somebody moved the branch back or rewrote it; compare `beacon log show` with the runner's own state",
    )


def complete(desk: Desk, trust: Trust) -> str:
    """Sign the intent that stands and move the branch to it. Returns the new head.

    The commit stands on the intent's own parent, so that its log entries always stand beside the very jobs and trust
    list that they are about. Where people have merged other things since, it is merged into the branch: only runners
    write `reports/`, so nothing can clash. Raises `Conflict` where somebody else completed it first.
    """
    repository = desk.repository
    head, intent = repository.head(), repository.intent()
    assert intent is not None, "complete() needs an intent"
    proposal = repository.read_commit(intent)
    base = proposal.parents[0] if proposal.parents else None
    _check_proposer(proposal.raw, trust)
    if _reports(repository, head) != _reports(repository, base):
        _drop_late(desk, trust, base, intent)
        raise Environment(
            "intent-stale",
            f"the intent {intent[:12]} was made for another state of reports/ than the branch has",
            "somebody wrote reports/ without the intent; compare both, then delete refs/beacon/intent by hand",
        )
    after = repository.snapshot(intent)
    changes = dict(repository.difference(base, intent, "reports"))
    vkey = trust.log_vkey
    origin = note.parse_vkey(vkey).name
    before = read_checkpoint(repository.snapshot(head), vkey)
    size = before.size if before else 0
    checkpoint = _proposed(after, origin)
    _gate(desk, after, before, checkpoint)
    desk.signed.remember(checkpoint)
    signed = note.sign(note.checkpoint_text(checkpoint), origin, desk.keys.log)
    say(desk.emit, "checkpoint-signed", size=checkpoint.size, root=checkpoint.root.hex())
    new = _entries(after, checkpoint, size, checkpoint.size)
    changes |= {CHECKPOINT: signed, **_proofs(after, new, size, checkpoint, signed)}
    commit = repository.commit(base, changes, message(new), intent, merge_into=head if head != base else None)
    say(desk.emit, "committed", commit=commit, size=checkpoint.size)
    return commit


def _drop_late(desk: Desk, trust: Trust, base: str | None, intent: str) -> None:
    """Withdraw an intent that came when another one, made for the same branch, had just been completed; then raises
    `Conflict`. The log has grown since its parent, which only the completion of an intent does, and no two stand at one
    time; so this one never stood beside the branch that it was made for, and nobody has signed it."""
    repository = desk.repository
    now, then = (read_checkpoint(repository.snapshot(at), trust.log_vkey) for at in (repository.head(), base))
    if now is not None and now.size > (then.size if then else 0):
        repository.withdraw(intent)
        raise Conflict("intent-late", f"the intent {intent[:12]} came after another one had taken its turn")


def publish(desk: Desk, trust: Trust, parent: str | None, changes: Changes, entries: Iterable[LogEntry]) -> str:
    """Propose the changes on top of `parent` and complete them. Returns the new head; raises `Conflict`."""
    intent = desk.repository.propose(parent, changes, message(list(entries)))
    say(desk.emit, "intent-won", commit=intent)
    return complete(desk, trust)


def message(entries: list[LogEntry]) -> str:
    """The commit's message: what the log says more, counted by type."""
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.type] = counts.get(entry.type, 0) + 1
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"beacon: log {said}\n"


def _proposed(snapshot: Snapshot, origin: str) -> Checkpoint:
    """The checkpoint of an intent, which nobody has signed yet."""
    return note.parse_checkpoint((snapshot.read(CHECKPOINT) or b"").decode("utf-8", "replace"), origin)


def _check_proposer(raw: bytes, trust: Trust) -> None:
    """Whoever can push a ref could propose; only a known runner's proposal is signed."""
    try:
        proposer = commit_signer(raw)
    except Unverified as error:
        raise Unverified("intent-foreign", f"the intent is no runner's: {error.message}", _FOREIGN) from None
    if proposer not in {key.public for key in trust.of("runner-git")}:
        raise Unverified(
            "intent-foreign", f"the intent is signed by {public_line(proposer)}, not by a known runner", _FOREIGN
        )


def _reports(repository: Repository, commit: str | None) -> str | None:
    return repository.read_commit(commit).reports if commit else None


def _gate(desk: Desk, after: Snapshot, before: Checkpoint | None, checkpoint: Checkpoint) -> None:
    """What must hold before a checkpoint is signed: it extends the last, its tiles hash, and a second engine agrees."""
    if before and (
        checkpoint.size <= before.size or log.root(tiles(after), before.size, checkpoint.size) != before.root
    ):
        raise Unverified("log-inconsistent", f"{checkpoint.size} entries do not extend the {before.size} signed ones")
    log.fsck(tiles(after), checkpoint, since=before.size if before else 0)
    second = audit.second_root(tiles(after), checkpoint.size, since=before.size if before else 0)
    say(desk.emit, "second-engine", agrees=None if second is None else int(second == checkpoint.root))
    if second is not None and second != checkpoint.root:
        raise Unverified(
            "log-engines-disagree", f"pymerkle finds the root {second.hex()}, this package {checkpoint.root.hex()}"
        )


def _entries(after: Snapshot, checkpoint: Checkpoint, start: int, end: int) -> list[LogEntry]:
    """Some entries of a log."""
    return list(e.parse_entries(log.entries(tiles(after), start, end, checkpoint.size), start))


def _proofs(
    after: Snapshot, new: Sequence[LogEntry], size: int, checkpoint: Checkpoint, signed: bytes
) -> Mapping[str, bytes]:
    """A C2SP proof beside each bundle that these entries, which follow the first `size`, publish."""
    proofs: dict[str, bytes] = {}
    for index, end in enumerate(new, size):
        if not isinstance(end, e.RunEnd | e.Cancelled | e.Superseded) or end.manifest is None:
            continue
        [start] = _entries(after, checkpoint, end.start, end.start + 1)
        if isinstance(start, e.Start):
            job = start.job.removeprefix("registry/jobs/").removesuffix(".yaml")
            folder = run_folder(job, end.run, start.due)
            folder = f"{folder}/{end.folder}" if isinstance(end, e.Superseded) else folder
            path = log.inclusion(tiles(after), index, checkpoint.size)
            proofs[f"{folder}/proof.tlog"] = proof.write_proof(index, path, signed)
    return proofs
