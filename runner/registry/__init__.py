"""The registry: what people wrote below `registry/`, judged. Pure: a snapshot in, values and problems out.

A job is used only if the signature beside it holds over its exact bytes, by a key of the folder's owner, for this
very registry, and if nothing is wrong with it. Files are read even where their signature is missing or wrong, so that
their authors see every mistake at once. Bytes are taken from the commit's blobs, never from a work tree.

The key files are read in `registry/trust.py`; what a JobSpec says is judged in `registry/jobrules.py`; revisions and
retired jobs against the log in `runner/plan.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from runner.diagnostics import suggestion
from runner.errors import Invalid, Problem, Unverified
from runner.formats import sshsig
from runner.ipfs.unixfs import folder_cid
from runner.model import JobSpec, Policy, ProviderList, sha256
from runner.model.providers import KnownProvider
from runner.ports import Snapshot
from runner.registry import documents, jobrules
from runner.registry.tree import JOBS, Tree, judge_tree

POLICY = "registry/policy.yaml"
PROVIDERS = "registry/providers.yaml"
PROVIDERS_BYTES = 2 << 20
SUSPENDED = "registry/suspended"
BENCHMARKS = "registry/benchmarks"


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

    job: Job | None
    problems: tuple[Problem, ...]


class Registry(NamedTuple):
    """Everything that is asked for. A path with a problem is not among the jobs."""

    policy: Policy
    jobs: Mapping[str, Job]
    suspended: frozenset[str]
    problems: tuple[Problem, ...]


def namespace(policy: Policy) -> str:
    """What job signatures are made for: no signature holds in another registry."""
    return f"jobspec.v1@{policy.log.origin}"


def load_policy(snapshot: Snapshot) -> Policy:
    """The maintainers' policy. Raises `Invalid`."""
    raw = snapshot.read(POLICY)
    if raw is None:
        raise Invalid([Problem(POLICY, 0, 0, "policy-missing", "there is no policy", "`beacon init` writes one")])
    return documents.read(Policy, raw, POLICY)[0]


def load_providers(snapshot: Snapshot) -> Mapping[str, KnownProvider]:
    """The nodes that the maintainers know, by id; none where there is no list. Raises `Invalid`."""
    raw = snapshot.read(PROVIDERS)
    return {} if raw is None else documents.read(ProviderList, raw, PROVIDERS, PROVIDERS_BYTES)[0].providers


def load(snapshot: Snapshot, keyring: Keyring, policy: Policy | None = None) -> Registry:
    """Judge everything below `registry/`, by its own policy or by another one, as for a pull request. Raises `Invalid`
    only where its own policy is wrong."""
    tree = judge_tree(snapshot.files("registry"))
    if wrong := [problem for problem in tree.problems if problem.path == POLICY]:
        raise Invalid(wrong)
    policy = policy or load_policy(snapshot)
    contents = snapshot.read_all([*tree.jobs, *tree.signatures, SUSPENDED])
    benchmarks = Benchmarks(snapshot, tree.benchmarks)
    known = Known(keyring.contributors, keyring.revoked)
    jobs: dict[str, Job] = {}
    problems = [*tree.problems, *_wrong_providers(snapshot)]
    misplaced = {problem.path for problem in tree.problems}
    for path in tree.jobs:
        judged = judge_job(path, contents[path], contents.get(f"{path}.sig"), policy, known, benchmarks)
        problems += judged.problems
        if judged.job is not None and path not in misplaced:
            jobs[path] = judged.job
    suspended, unknown = _suspended(contents.get(SUSPENDED, b""), tree)
    return Registry(policy, jobs, suspended, (*problems, *unknown))


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
    try:
        spec, parsed = documents.read(JobSpec, raw, path)
    except Invalid as error:
        return Judged(None, (*problems, *error.problems))
    problems += jobrules.judge(spec, parsed, policy, benchmarks)
    if problems or key is None or signature is None:
        return Judged(None, tuple(problems))
    return Judged(Job(path, raw, sha256(raw), spec, signature, key), ())


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
