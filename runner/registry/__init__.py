"""The registry: what people wrote below `registry/`, judged. Pure: a snapshot in, values and problems out.

A job is used only if the signature beside it holds over its exact bytes, by a key of the folder's owner, for this
very registry, and if nothing is wrong with it. Files are read even where their signature is missing or wrong, so that
their authors see every mistake at once. Bytes are taken from the commit's blobs, never from a work tree.

A job is judged when somebody asks for it, and once: who asks for all of them, as `beacon validate` does, judges all;
a plan asks only for those that the log does not answer for (docs/decisions/0024-judged-when-asked-for.md).

The key files are read in `registry/trust.py`; what a JobSpec says is judged in `registry/jobrules.py`; revisions and
retired jobs against the log in `runner/plan.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

from runner.diagnostics import suggestion
from runner.errors import Invalid, Problem, Unverified
from runner.formats import sshsig
from runner.ipfs.unixfs import folder_cid
from runner.model import JobSpec, Policy, ProviderList, sha256
from runner.model.providers import KnownProvider
from runner.ports import Blob, Snapshot
from runner.registry import documents, jobrules, policyrules
from runner.registry.tree import JOBS, Tree, judge_tree

POLICY = "registry/policy.yaml"
PROVIDERS = "registry/providers.yaml"
PROVIDERS_BYTES = 2 << 20
SUSPENDED = "registry/suspended"
BENCHMARKS = "registry/benchmarks"
_AT_ONCE = 500  # jobs that are read together: their bytes are let go as soon as they are judged


class Keyring(Protocol):
    """Whose keys count: what `registry/trust.py` reads. Keys are 32 bytes."""

    @property
    def contributors(self) -> Mapping[str, frozenset[bytes]]:
        """Owner to the keys that sign for them."""

    @property
    def revoked(self) -> Mapping[bytes, int]:
        """Revoked keys, and the log index from which they are suspect."""


class Known(NamedTuple):
    """A `Keyring` that was read once."""

    contributors: Mapping[str, frozenset[bytes]] = {}
    revoked: Mapping[bytes, int] = {}


class Job(NamedTuple):
    """A job that may run. `key` is the public key (32 bytes) that signed `raw`."""

    path: str
    raw: bytes
    sha256: str
    spec: JobSpec
    signature: bytes
    key: bytes


class Judged(NamedTuple):
    """A job, or what is wrong with it."""

    path: str
    job: Job | None
    problems: tuple[Problem, ...]


class Jobs(Mapping[str, Job]):
    """The jobs that may run, by path. `files` are the paths where one may stand, `judge` judges some of them.

    Asking for one job judges that one; going through them, or counting them, judges all. None is judged twice."""

    def __init__(self, files: Collection[str], judge: Callable[[Sequence[str]], Mapping[str, Judged]]) -> None:
        self.files = files
        self._judge = judge
        self._known: dict[str, Judged] = {}

    def judged(self, paths: Collection[str] | None = None) -> Sequence[Judged]:
        """What is to be said of these files (of all of them where None), in their order."""
        wanted = self.files if paths is None else [path for path in paths if path in self.files]
        new = [path for path in wanted if path not in self._known]
        for at in range(0, len(new), _AT_ONCE):
            self._known |= self._judge(new[at : at + _AT_ONCE])
        return [self._known[path] for path in wanted]

    def __getitem__(self, path: str) -> Job:
        found = self.judged([path])
        if not found or found[0].job is None:
            raise KeyError(path)
        return found[0].job

    def __iter__(self) -> Iterator[str]:
        return (judged.job.path for judged in self.judged() if judged.job is not None)

    def __len__(self) -> int:
        return sum(judged.job is not None for judged in self.judged())


class Registry:
    """Everything that is asked for. A path with a problem is not among the jobs.

    `suspended` are the jobs that must not run now; `mistakes` are the problems that are seen without judging a job:
    those of names and modes, and of the maintainers' own lists; `digests` gives the SHA-256 of files' bytes; `blobs`
    are all files below `registry/`."""

    def __init__(
        self,
        policy: Policy,
        jobs: Jobs,
        suspended: frozenset[str],
        mistakes: tuple[Problem, ...],
        digests: Callable[[Sequence[str]], Mapping[str, str]],
        blobs: Mapping[str, Blob],
    ) -> None:
        self.policy = policy
        self.jobs = jobs
        self.suspended = suspended
        self.mistakes = mistakes
        self.blobs = blobs
        self._digests = digests

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong. Judges every job."""
        return (*self.mistakes, *(problem for judged in self.jobs.judged() for problem in judged.problems))

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """Each job's file to the SHA-256 of its bytes, whatever else is to be said of it."""
        return self._digests(list(self.jobs.files))

    @cached_property
    def misplaced(self) -> frozenset[str]:
        """Files that are wrong whatever they hold."""
        return frozenset(problem.path for problem in self.mistakes)

    def at_any_time(self) -> Registry:
        """The same without windows: what a pull request asks for does not depend on the hour at which it is read."""
        policy = self.policy.model_copy(update={"windows": ()})
        return Registry(policy, self.jobs, self.suspended, self.mistakes, self._digests, self.blobs)

    def holds(self, path: str) -> bool:
        """Whether something stands where a job's file may stand, right or wrong."""
        return path in self.jobs.files or path in self.misplaced


def namespace(policy: Policy) -> str:
    """What job signatures are made for: no signature holds in another registry."""
    return f"jobspec.v1@{policy.log.origin}"


def load_policy(snapshot: Snapshot) -> Policy:
    """The maintainers' policy. Raises `Invalid`."""
    raw = snapshot.read(POLICY)
    if raw is None:
        raise Invalid([Problem(POLICY, 0, 0, "policy-missing", "there is no policy", "`beacon init` writes one")])
    policy, parsed = documents.read(Policy, raw, POLICY)
    if wrong := tuple(policyrules.judge(policy, parsed)):
        raise Invalid(wrong)
    return policy


def load_providers(snapshot: Snapshot) -> Mapping[str, KnownProvider]:
    """The nodes that the maintainers know, by id; none where there is no list. Raises `Invalid`."""
    raw = snapshot.read(PROVIDERS)
    return {} if raw is None else documents.read(ProviderList, raw, PROVIDERS, PROVIDERS_BYTES)[0].providers


def load(snapshot: Snapshot, keyring: Keyring, policy: Policy | None = None) -> Registry:
    """Everything below `registry/`, to be judged by its own policy or by another one, as for a pull request. Raises
    `Invalid` only where its own policy is wrong."""
    blobs = snapshot.files("registry")
    tree = judge_tree(blobs)
    if wrong := [problem for problem in tree.problems if problem.path == POLICY]:
        raise Invalid(wrong)
    policy = policy or load_policy(snapshot)
    benchmarks = Benchmarks(snapshot, tree.benchmarks)
    known = Known(keyring.contributors, keyring.revoked)
    misplaced = {problem.path for problem in tree.problems}
    signatures = frozenset(tree.signatures)

    def judge(paths: Sequence[str]) -> Mapping[str, Judged]:
        beside = [file for path in paths if (file := f"{path}.sig") in signatures]
        contents = snapshot.read_all([*paths, *beside])
        found: dict[str, Judged] = {}
        for path in paths:
            judged = judge_job(path, contents[path], contents.get(f"{path}.sig"), policy, known, benchmarks)
            found[path] = judged if path not in misplaced else Judged(path, None, judged.problems)
        return found

    files = dict.fromkeys(tree.jobs)
    suspended, unknown = _suspended(snapshot.read(SUSPENDED) or b"", tree)
    mistakes = (*tree.problems, *_wrong_providers(snapshot), *unknown)
    return Registry(policy, Jobs(files, judge), suspended, mistakes, snapshot.digests, blobs)


def judge_job(
    path: str,
    raw: bytes,
    signature: bytes | None,
    policy: Policy,
    keyring: Keyring,
    benchmarks: Mapping[str, str],
) -> Judged:
    """Judge one job file, bytes first. `benchmarks` maps the folders of `registry/benchmarks/` to their CIDs."""
    problems: list[Problem] = []
    key: bytes | None = None
    try:
        key = _signer(path, raw, signature, policy, keyring)
    except Unverified as error:
        problems.append(Problem(path, 0, 0, error.code, error.message, error.hint))
    spec, found = jobrules.read_job(raw, path, policy, benchmarks)
    problems += found
    if problems or spec is None or key is None or signature is None:
        return Judged(path, None, tuple(problems))
    return Judged(path, Job(path, raw, sha256(raw), spec, signature, key), ())


def _signer(path: str, raw: bytes, signature: bytes | None, policy: Policy, keyring: Keyring) -> bytes:
    """The owner's key that signed a file. Raises `Unverified`."""
    owner = path.removeprefix(JOBS).split("/", 1)[0]
    again = f"sign with a key that registry/keys/allowed_signers lists for {owner}: beacon sign {path} --key KEY"
    if signature is None:
        raise Unverified("signature-missing", f"there is no signature {path.rpartition('/')[2]}.sig", again)
    key = sshsig.verify(signature, raw, namespace(policy))
    if key in keyring.revoked:
        raise Unverified("key-revoked", f"signed with {sshsig.fingerprint(key)}, which is revoked", again)
    if key in keyring.contributors.get(owner, frozenset()):
        return key
    holders = sorted(principal for principal, keys in keyring.contributors.items() if key in keys)
    if holders:
        raise Unverified("signer-not-owner", f"signed by {', '.join(holders)}; the folder is {owner}'s", again)
    message = f"signed with {sshsig.fingerprint(key)}, which registry/keys/allowed_signers does not list"
    raise Unverified("signer-unknown", message, f"have the key added by a pull request first, or {again}")


class Benchmarks(Mapping[str, str]):
    """Folders of `registry/benchmarks/` and their CIDs; one is read when a job first names it."""

    def __init__(self, snapshot: Snapshot, folders: Mapping[str, Sequence[str]]) -> None:
        self._snapshot = snapshot
        self._folders = folders
        self._cids: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._cids:
            files = self._snapshot.read_all(self._folders[name])
            prefix = f"{BENCHMARKS}/{name}/"
            self._cids[name] = folder_cid({path.removeprefix(prefix): raw for path, raw in files.items()})
        return self._cids[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._folders)

    def __len__(self) -> int:
        return len(self._folders)

    def __contains__(self, name: object) -> bool:
        return name in self._folders


def _wrong_providers(snapshot: Snapshot) -> tuple[Problem, ...]:
    """Mistakes in the list of providers. Jobs are judged without it."""
    try:
        load_providers(snapshot)
    except Invalid as error:
        return error.problems
    return ()


def _suspended(raw: bytes, tree: Tree) -> tuple[frozenset[str], list[Problem]]:
    """The jobs that must not run now. A line that names none is a problem: its author meant one."""
    jobs = frozenset(tree.jobs)
    paths: set[str] = set()
    problems: list[Problem] = []
    for number, line in enumerate(raw.decode(errors="replace").split("\n"), 1):
        path = line.strip()
        if not path or path.startswith("#"):
            continue
        paths.add(path)
        if path not in jobs:
            hint = suggestion(path, jobs, "jobs")
            message = f'"{path[:100]}" is not a job of this registry'
            problems.append(
                Problem(SUSPENDED, number, 1, "suspended-unknown", message, hint, line, len(line), severity="warning")
            )
    return frozenset(paths), problems
