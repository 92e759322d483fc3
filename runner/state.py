"""The state of a registry at the head of its branch: who is trusted, what is asked for, what the log says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from runner.errors import Environment, Unverified, Usage
from runner.formats import log, note
from runner.history import History, Taken
from runner.model import Checkpoint, JobSpec, Policy, Run, sha256
from runner.model.jobspec import Container
from runner.ports import Keys, Repository, Snapshot
from runner.publish import CHECKPOINT, read_checkpoint, read_log, tiles
from runner.registry import Registry, load
from runner.registry.trust import POLICY, TRUST, Trust, accepts, read_trust


class State(NamedTuple):
    """One commit, read. `tree` is the oid of its `registry/`."""

    head: str | None
    snapshot: Snapshot
    trust: Trust
    registry: Registry
    checkpoint: Checkpoint | None
    history: History
    tree: str | None

    @property
    def policy(self) -> Policy:
        """The maintainers' policy."""
        return self.registry.policy


def read_state(repository: Repository, commit: str | None, known: State | None = None) -> State:
    """The state at a commit; what is the same as in a state that is known is not read again. Raises `Usage` where it
    holds no registry, `Invalid` where the maintainers' files are wrong (a wrong job is only a problem in the registry),
    `Unverified` where the log is."""
    snapshot = repository.snapshot(commit)
    demand_registry(snapshot, f"commit {commit[:12]}" if commit else "a branch without commits")
    tree = repository.read_commit(commit).registry if commit else None
    same = known if known and known.tree == tree else None
    trust = same.trust if same else read_trust(snapshot)
    checkpoint, history = read_log(snapshot, trust.log_vkey, _before(snapshot, trust, known) if known else None)
    if history.trust != trust.digest:
        trust = accepts(history, snapshot)
    registry = same.registry if same else load(snapshot, trust)
    return State(commit, snapshot, trust, registry, checkpoint, history, tree)


def _before(snapshot: Snapshot, trust: Trust, known: State) -> History | None:
    """What is known already of a snapshot's log: all that an earlier one said, if this one goes on from there."""
    old, new = known.checkpoint, read_checkpoint(snapshot, trust.log_vkey)
    if old is None or new is None or old.size > new.size or log.root(tiles(snapshot), old.size, new.size) != old.root:
        return None
    return known.history


def demand_registry(snapshot: Snapshot, place: str) -> None:
    """Say in one line what a dozen missing files mean. Raises `Usage`."""
    if not snapshot.exists(POLICY) and not snapshot.exists(TRUST):
        hint = "`beacon init` starts one; it counts once it is committed, and pushed where there is a remote"
        raise Usage("no-registry", f"{place} holds no registry", hint)


def runner_name(trust: Trust, keys: Keys) -> str:
    """The principal under which `registry/keys/runners` lists this runner's keys. Raises `Environment`."""
    names = {key.principal for key in trust.of("runner-git") if key.public == keys.git.public}
    names &= {key.principal for key in trust.of("runner-receipt") if key.public == keys.receipt.public}
    if not names or note.parse_vkey(trust.log_vkey).public != keys.log.public:
        raise Environment(
            "runner-unknown",
            "the private keys found here are not those of a runner of this registry",
            "registry/keys/runners lists a git and a receipt key under one name, registry/keys/log.vkey the log's",
        )
    return names.pop()


def run_of(state: State, taken: Taken) -> Run:
    """The run that a start began; its seeds come from the log's root up to and with the start."""
    assert state.checkpoint is not None, "a start stands in a signed log"
    root = log.root(tiles(state.snapshot), taken.index + 1, state.checkpoint.size)
    start = taken.start
    return Run(run=start.run, job=start.job, sha256=start.sha256, due=start.due, start=taken.index, root=root.hex())


def job_of(repository: Repository, state: State, taken: Taken) -> tuple[bytes, bytes]:
    """The bytes of the job that a start took, and their signature. Where the head does not hold them any more, they are
    those of the commit that logged the start. Raises `Environment` where that commit is not here, `Unverified` where it
    does not hold them."""
    start, job = taken.start, state.registry.jobs.get(taken.start.job)
    if job is not None and job.sha256 == start.sha256:
        return job.raw, job.signature
    commit = _logged_by(repository, state, taken.index)
    then = repository.snapshot(commit)
    raw, signature = then.read(start.job), then.read(f"{start.job}.sig")
    if raw is None or signature is None or sha256(raw) != start.sha256:
        raise Unverified("job-missing", f"commit {commit[:12]} does not hold {start.job} as its start says")
    return raw, signature


def _logged_by(repository: Repository, state: State, index: int) -> str:
    """The commit that logged an entry: from the head back, the last whose log holds it."""
    assert state.head is not None, "a log stands in a commit"
    commit, origin = state.head, state.policy.log.origin

    def holds(parent: str) -> bool:
        raw = repository.snapshot(parent).read(CHECKPOINT)
        return raw is not None and note.parse_checkpoint(note.split_note(raw)[0], origin).size > index

    while older := next(filter(holds, repository.read_commit(commit).parents), None):
        commit = older
    return commit


def benchmark_files(snapshot: Snapshot, spec: JobSpec) -> Mapping[str, Mapping[str, bytes]]:
    """The folders of a job's `source` images: benchmark to path in its folder to bytes."""
    found: dict[str, Mapping[str, bytes]] = {}
    for target in spec.spec.targets:
        if isinstance(target, Container) and (source := target.image.source) is not None:
            folder = f"registry/benchmarks/{source.benchmark}"
            files = snapshot.read_all(list(snapshot.files(folder)))
            found[source.benchmark] = {path.removeprefix(f"{folder}/"): content for path, content in files.items()}
    return found
