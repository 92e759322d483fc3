"""Who is trusted: the trust list, the key files that it covers, and the maintainers who signed it.

`registry/trust.json` holds the SHA-256 of the policy, the providers and every file of `registry/keys/`, so that one
signature a maintainer (`registry/trust.sigs/<principal>.sig`, SSHSIG, namespace `trust.v1@<origin>`) answers for them
all. It counts when as many maintainers of `registry/keys/root` signed it as its first line asks for. A later list
counts only if the threshold of the maintainers before it signed it too, as a TUF root does (TUF specification,
section 5.3): then the old maintainers chose the new ones.

Everything here is a function of one snapshot, and of the log where a list follows another. What a list changes in the
log (`trust`, `key-add`, `key-revoke`) is written by `runner/claim.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runner.errors import Invalid, Problem, Unverified
from runner.formats import sshsig
from runner.history import History
from runner.model import Policy, TrustList, sha256
from runner.model.entry import Role
from runner.ports import Snapshot
from runner.registry import documents
from runner.registry.keyfiles import FOLDER, PATHS, Key, parse

POLICY = "registry/policy.yaml"
PROVIDERS = "registry/providers.yaml"
TRUST = "registry/trust.json"
SIGNATURES = "registry/trust.sigs"

_SIGN = "maintainers sign with `beacon trust NAME --key KEY`, and every further one with `--keep` too"


class Trust(NamedTuple):
    """A trust list that its own maintainers signed, and what its files say.

    `digest` is the SHA-256 of trust.json; `threshold` the number of maintainers that the next list needs; `revoked`
    maps a public key to the log index from which on it is doubtful; no revoked key is among `keys`."""

    digest: str
    serial: int
    origin: str
    threshold: int
    keys: tuple[Key, ...]
    revoked: Mapping[bytes, int]
    log_vkey: str

    def of(self, role: Role) -> tuple[Key, ...]:
        """The keys of one role, in the order of their file."""
        return tuple(key for key in self.keys if key.role == role)

    @property
    def contributors(self) -> Mapping[str, frozenset[bytes]]:
        """Each contributor's public keys."""
        return _by_principal(self.of("contributor"))


def namespace(origin: str) -> str:
    """What a maintainer's signature of a trust list is for."""
    return f"trust.v1@{origin}"


def covered(snapshot: Snapshot) -> tuple[str, ...]:
    """The paths that a trust list of this snapshot names: those of the files that decide who may do what."""
    return tuple(sorted([path for path in (POLICY, PROVIDERS) if snapshot.exists(path)] + [*snapshot.files(FOLDER)]))


def trust_list(files: Mapping[str, bytes], origin: str, serial: int) -> bytes:
    """The canonical bytes of a new trust.json. `files`: every covered path to its bytes."""
    digests = {path: sha256(content) for path, content in files.items()}
    return TrustList(
        api_version="beacon/v1", kind="TrustList", origin=origin, serial=serial, files=digests
    ).canonical()  # fmt: skip


def read_trust(snapshot: Snapshot) -> Trust:
    """The trust list of a snapshot. Raises `Invalid` with every mistake in it, in the key files, in the policy's form,
    and in the signatures, or with the one that too few maintainers signed."""
    return _read(snapshot)[0]


def accepts(previous: History, snapshot: Snapshot) -> Trust:
    """The trust list of a snapshot, if it may follow what the log says: the same list, or one with a higher serial that
    the threshold of the log's maintainers signed too, and that brings no key back. An empty log takes any."""
    trust, signers = _read(snapshot)
    if previous.trust in (None, trust.digest):
        return trust
    problems = [*_returned(previous, trust)]
    if trust.serial <= previous.serial:
        message = f"the serial is {trust.serial}, but the log holds a list with {previous.serial} already"
        hint = "write the list anew with `beacon trust NAME --key KEY`"
        problems.append(Problem(TRUST, 0, 0, "trust-serial", message, hint))
    living = [
        Key("maintainer", life.principal, sshsig.parse_public_line(line))
        for line, life in previous.keys.items()
        if life.role == "maintainer" and life.revoked is None
    ]
    problems += _too_few(living, signers, previous.threshold, "trust-threshold-previous", "of those until now, ")
    if problems:
        raise Invalid(problems)
    return trust


def _read(snapshot: Snapshot) -> tuple[Trust, frozenset[bytes]]:
    """The trust list, and the public keys that signed it."""
    files = snapshot.read_all(covered(snapshot))
    raw = snapshot.read(TRUST)
    problems = _missing(files)
    listed = _listed(raw, files, problems)
    origin = _origin(files.get(POLICY), problems) or (listed.origin if listed else None)
    if raw is None or listed is None or origin is None:
        raise Invalid(problems)
    if listed.origin != origin:
        message = f'the trust list is that of "{listed.origin}", the policy\'s log has the origin "{origin}"'
        problems.append(Problem(TRUST, 0, 0, "trust-origin", message, "the origin is fixed for the life of the log"))
    keys, mistakes = parse(files, origin)
    problems += mistakes
    maintainers = [key for key in keys.keys if key.role == "maintainer"]
    signers = _signers(snapshot, raw, origin, problems)
    if not problems:
        problems += _too_few(maintainers, signers, keys.threshold, "trust-threshold")
    if problems:
        raise Invalid(problems)
    return Trust(sha256(raw), listed.serial, origin, *keys), signers


def _missing(files: Mapping[str, bytes]) -> list[Problem]:
    """Files without which nobody can be trusted. Links and submodules are no files."""
    hint = "`beacon init` writes them all; a key file without keys holds comments only"
    message = "this plain file must exist"
    return [Problem(path, 0, 0, "trust-file-missing", message, hint) for path in (POLICY, *PATHS) if path not in files]


def _origin(policy: bytes | None, problems: list[Problem]) -> str | None:
    """The log's origin, as the policy says it."""
    if policy is None:
        return None
    try:
        return documents.read(Policy, policy, POLICY)[0].log.origin
    except Invalid as error:
        problems += error.problems
        return None


def _listed(raw: bytes | None, files: Mapping[str, bytes], problems: list[Problem]) -> TrustList | None:
    """The trust list, held against the files that exist."""
    if raw is None:
        message = "there is no trust list: nobody answers for the policy and the keys"
        problems.append(Problem(TRUST, 0, 0, "trust-missing", message, _SIGN))
        return None
    try:
        listed = TrustList.from_bytes(raw, "the trust list")
    except Unverified as error:
        hint = "write it with `beacon trust NAME --key KEY`, not by hand"
        problems.append(Problem(TRUST, 0, 0, error.code, error.message, hint))
        return None
    for path in sorted(files.keys() | listed.files):
        if path not in files:
            message = f"{path} is listed, but there is no such plain file"
        elif path not in listed.files:
            message = f"{path} is not listed"
        elif listed.files[path] != sha256(files[path]):
            message = f"{path} is not the file that was listed: it has changed"
        else:
            continue
        problems.append(Problem(TRUST, 0, 0, "trust-stale", message, f"see what changed; {_SIGN}"))
    return listed


def _signers(snapshot: Snapshot, message: bytes, origin: str, problems: list[Problem]) -> frozenset[bytes]:
    """The public keys that signed the list, known or not: a maintainer who leaves signs the list that says so.

    Whose a signature is, its key says; the file's name helps people only. One that does not hold is a problem, even
    where enough others do: somebody meant to sign, and what was signed is not this."""
    signers = set()
    for path in snapshot.files(SIGNATURES):
        try:
            signers.add(sshsig.verify(snapshot.read(path) or b"", message, namespace(origin)))
        except Unverified as error:
            hint = "sign again with `beacon trust NAME --key KEY --keep`, or remove the file"
            problems.append(Problem(path, 0, 0, error.code, error.message, hint))
    return frozenset(signers)


def _too_few(
    maintainers: Sequence[Key], signers: frozenset[bytes], threshold: int, code: str, those: str = ""
) -> list[Problem]:
    """The problem that not enough distinct maintainers signed, if it is one."""
    signed = {key.principal for key in maintainers if key.public in signers}
    if len(signed) >= threshold:
        return []
    missing = sorted({key.principal for key in maintainers} - signed)
    message = (
        f"{those}{threshold} maintainers must sign the trust list; signed: {', '.join(sorted(signed)) or 'nobody'}"
    )
    return [Problem(TRUST, 0, 0, code, message, f"still to sign: any of {', '.join(missing)}; {_SIGN}")]


def _returned(previous: History, trust: Trust) -> list[Problem]:
    """Keys that left, or that change their role or their holder: in the log, a key has one life."""
    problems = []
    for key in trust.keys:
        life = previous.keys.get(sshsig.public_line(key.public))
        if life is not None and (life.revoked is not None or (life.role, life.principal) != (key.role, key.principal)):
            message = f"{sshsig.fingerprint(key.public)} of {key.principal} was the {life.role} key of {life.principal}"
            message += " and has left" if life.revoked is not None else " until now"
            hint = "a key has one role, one holder and one life: make another with `beacon keygen`"
            problems.append(Problem(TRUST, 0, 0, "key-returned", message, hint))
    return problems


def _by_principal(keys: Sequence[Key]) -> Mapping[str, frozenset[bytes]]:
    found: dict[str, set[bytes]] = {}
    for key in keys:
        found.setdefault(key.principal, set()).add(key.public)
    return {name: frozenset(publics) for name, publics in found.items()}
