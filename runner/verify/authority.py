"""Step 3, the maintainers' part: does a trust list at a commit carry what the log says of it?

The verifier's own reading of `registry/trust.json`, `registry/trust.sigs/` and `registry/keys/` (formats in
`runner/registry/`: `trust.py` and `keyfiles.py`): every listed file hashes, no covered file is unlisted, enough
maintainers signed, by their own threshold and by that of the maintainers whom the log knew before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from runner.errors import Unverified
from runner.formats import sshsig
from runner.model import TrustList, sha256
from runner.model.entry import Role
from runner.ports import Snapshot
from runner.verify.keylog import KeyLog
from runner.verify.report import Notebook

LIST, SIGNATURES, KEYS = "registry/trust.json", "registry/trust.sigs", "registry/keys"
_COVERED = ("registry/policy.yaml", "registry/providers.yaml")
_THRESHOLD = re.compile(r"# threshold: ([1-9][0-9]?)")
_SIGNER = re.compile(r'([a-z0-9-]{1,63}) namespaces="([^"]+)" (ssh-ed25519 [A-Za-z0-9+/]{68})( .*)?')
_REVOKED = re.compile(r"(ssh-ed25519 [A-Za-z0-9+/]{68}) suspectFrom=(0|[1-9][0-9]{0,14})( .*)?")


class Known(NamedTuple):
    """The trust list that the log holds: its digest, serial and threshold. Empty before the first."""

    digest: str = ""
    serial: int = 0
    threshold: int = 0


class Listed(NamedTuple):
    """What a trust list and its files say. `keys` maps a public line to role and holder, `revoked` to the first
    suspect log index."""

    known: Known
    keys: Mapping[str, tuple[Role, str]]
    revoked: Mapping[str, int]


def read_listed(snapshot: Snapshot, origin: str, vkey: str) -> Listed:
    """The trust list of a snapshot, if it is the list of just these files. Raises `Unverified`."""
    raw = snapshot.read(LIST)
    if raw is None:
        raise Unverified("trust-missing", f"there is no {LIST}")
    listed = TrustList.from_bytes(raw, LIST)
    if listed.origin != origin:
        raise Unverified("trust-origin", f"{LIST} is of {listed.origin!r}, the log of {origin!r}")
    files = snapshot.read_all([*listed.files, *_COVERED, *snapshot.files(KEYS)])
    for path in sorted(files.keys() | listed.files):
        found = sha256(files[path]) if path in files else "no such file"
        if listed.files.get(path, "not listed") != found:
            message = f"{path}: found {found}, {LIST} says {listed.files.get(path, 'nothing of it')}"
            raise Unverified("trust-stale", message)
    texts = {name: files.get(f"{KEYS}/{name}", b"").decode(errors="replace") for name in
             ("root", "allowed_signers", "runners", "revoked", "log.vkey")}  # fmt: skip
    if texts["log.vkey"].removesuffix("\n") != vkey:
        raise Unverified(
            "trust-vkey", f"{KEYS}/log.vkey is {texts['log.vkey'].strip()[:200]!r}, the log's key is {vkey}"
        )
    threshold = _THRESHOLD.fullmatch(texts["root"].partition("\n")[0])
    if threshold is None:
        raise Unverified("key-file-malformed", f"{KEYS}/root does not begin with a threshold")
    known = Known(sha256(raw), listed.serial, int(threshold[1]))
    keys, revoked = dict(_keys(texts, origin)), dict(_revoked(texts["revoked"]))
    if both := sorted(keys.keys() & revoked.keys()):
        raise Unverified("key-file-malformed", f"{both[0]} is listed, and revoked as well")
    return Listed(known, keys, revoked)


def judge_listed(
    snapshot: Snapshot, listed: Listed, before: Known, keys: KeyLog, origin: str, where: str, book: Notebook
) -> bool:
    """Whether a list may follow what the log knew `before`: signed by its own threshold and by that one's, with a
    higher serial. What is wrong is written down."""
    found = book.found(3)
    signers: set[str] = set()
    message = snapshot.read(LIST) or b""
    for path in snapshot.files(SIGNATURES):
        try:
            public = sshsig.verify(snapshot.read(path) or b"", message, f"trust.v1@{origin}")
            signers.add(sshsig.public_line(public))
        except Unverified as error:
            book.find(3, error.code, f"{where}: {path}", error.message)
    own = {principal for line, (role, principal) in listed.keys.items() if role == "maintainer" and line in signers}
    if len(own) < listed.known.threshold:
        book.find(
            3, "trust-threshold", where, f"signed by {_names(own)}; its own threshold is {listed.known.threshold}"
        )
    if before.digest and listed.known.digest != before.digest:
        old = {life.principal for line, life in keys.living().items() if life.role == "maintainer" and line in signers}
        if len(old) < before.threshold:
            book.find(3, "trust-threshold-previous", where,
                      f"of the maintainers until then {_names(old)} signed; {before.threshold} had to")  # fmt: skip
        if listed.known.serial <= before.serial:
            book.find(3, "trust-serial", where, f"serial {listed.known.serial} follows serial {before.serial}")
    return book.found(3) == found


def _keys(texts: Mapping[str, str], origin: str) -> Iterator[tuple[str, tuple[Role, str]]]:
    roles: Mapping[tuple[str, str], Role] = {
        ("root", f"trust.v1@{origin}"): "maintainer",
        ("allowed_signers", f"jobspec.v1@{origin}"): "contributor",
        ("runners", "git"): "runner-git",
        ("runners", f"receipt.v1@{origin}"): "runner-receipt",
    }
    seen: set[str] = set()
    for name in ("root", "allowed_signers", "runners"):
        for text in _lines(texts[name]):
            match = _SIGNER.fullmatch(text)
            role = roles.get((name, match[2])) if match else None
            if match is None or role is None or match[3] in seen:
                raise Unverified(
                    "key-file-malformed", f"{KEYS}/{name}: {text[:200]!r} is no key of this file, or a second one"
                )
            sshsig.parse_public_line(match[3])
            seen.add(match[3])
            yield match[3], (role, match[1])


def _revoked(text: str) -> Iterator[tuple[str, int]]:
    for line in _lines(text):
        match = _REVOKED.fullmatch(line)
        if match is None:
            raise Unverified("key-file-malformed", f"{KEYS}/revoked: {line[:200]!r} is no revoked key")
        yield match[1], int(match[2])


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line and not line.startswith("#")]


def _names(principals: set[str]) -> str:
    return ", ".join(sorted(principals)) or "nobody"
