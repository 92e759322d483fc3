"""Starting a registry on disk, and signing its trust list: what `init`, `trust` and `demo` have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from runner.commands.console import note
from runner.edges.folder import FolderSnapshot
from runner.edges.keys import SoftwareKey, load_signer, write_key
from runner.errors import Usage
from runner.formats.sshsig import public_line
from runner.model import TrustList
from runner.model.canonical import Id
from runner.model.policy import Branch, Origin
from runner.registry import load_policy
from runner.registry.initialise import registry_files, sign_trust
from runner.registry.keyfiles import CONTRIBUTORS, ROOT
from runner.registry.trust import covered, trust_list


def start_registry(
    root: Path, keys: Path, origin: str, branch: str, maintainer: str, owner: str, runner: str
) -> list[str]:
    """Write a fresh registry below `root`, with keys in `keys`, one a role. Returns the paths written. Raises
    `Usage` where a registry stands already, or where a name cannot be one: before anything is written."""
    _demand_names(origin, branch)
    _demand_ids({"--maintainer": maintainer, "--owner": owner, "--runner": runner})
    if (root / "registry" / "policy.yaml").exists():
        raise Usage("registry-exists", f"{root / 'registry'} is a registry already", "change it by pull request")
    if keys.resolve().is_relative_to(root.resolve()):
        raise Usage("keys-inside", f"{keys} is inside the repository", "private keys must never be committed")
    chief, contributor = _key(keys / "maintainer"), _key(keys / "contributor")
    roles = {role: _key(keys / "runner" / role) for role in ("git", "receipt", "log")}
    files = registry_files(
        origin=origin,
        branch=branch,
        maintainers={maintainer: chief.public},
        threshold=1,
        contributors={owner: contributor.public},
        runners={runner: (roles["git"].public, roles["receipt"].public)},
        log_public=roles["log"].public,
    )
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        with (root / path).open("ab") as file:  # .gitattributes may be there: its last line counts
            file.write(content)
    return [*sorted(files), write_trust(root, maintainer, chief, keep=True)]


def write_trust(root: Path, maintainer: str, signer: SoftwareKey, keep: bool) -> str:
    """Sign registry/trust.json, after listing the files anew unless `keep` is set. Signatures of another list go away,
    since they no longer say anything. Returns the signature's path."""
    _demand_ids({"NAME": maintainer})
    folder = FolderSnapshot(root)
    origin = load_policy(folder).log.origin
    listed = root / "registry" / "trust.json"
    signatures = root / "registry" / "trust.sigs"
    if not keep:
        old = TrustList.from_bytes(listed.read_bytes(), "registry/trust.json")
        files = folder.read_all(covered(folder))
        if trust_list(files, origin, old.serial) != listed.read_bytes():
            listed.write_bytes(trust_list(files, origin, old.serial + 1))
            for stale in signatures.glob("*.sig"):
                stale.unlink()
    signatures.mkdir(exist_ok=True)
    target = signatures / f"{maintainer}.sig"
    target.write_bytes(sign_trust(listed.read_bytes(), origin, signer))
    return target.relative_to(root).as_posix()


def warn_unlisted(root: Path, job: str, public: bytes) -> None:
    """Say so where a registry's contributors, as they are on disk, do not list the key that signed a job."""
    owner = job.removeprefix("registry/jobs/").partition("/")[0]
    if job.startswith("registry/jobs/") and not _lists(root / CONTRIBUTORS, owner, public):
        note(f"{CONTRIBUTORS} does not list this key for {owner}: the signature counts for nothing before it does")


def warn_no_maintainer(root: Path, name: str, public: bytes) -> None:
    """Say so where the maintainers, as they are on disk, do not count one of this name with this key."""
    if not _lists(root / ROOT, name, public):
        note(f"{ROOT} does not list this key for {name}: it counts only where the list before did")


def _lists(file: Path, principal: str, public: bytes) -> bool:
    """Whether a file of keys, which may hold anything, names a key for somebody."""
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    return any(line.split(" ", 1)[0] == principal and public_line(public) in line for line in lines)


def _demand_names(origin: str, branch: str) -> None:
    """Refuse early what every later verb would refuse."""
    wanted = "a URL without https:// and without a slash at its end: example.org/beacon/log"
    _demand("--origin", Origin, origin, wanted)
    _demand("--branch", Branch, branch, "letters and digits, and after the first also . _ / -")


def _demand_ids(principals: Mapping[str, str]) -> None:
    """Principals become names of files."""
    for option, name in principals.items():
        _demand(option, Id, name, "a to z, 0 to 9 and inner hyphens")


def _demand(option: str, kind: Any, value: str, wanted: str) -> None:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        raise Usage("name-malformed", f"{option} cannot be {value!r}", f"it needs {wanted}") from None


def _key(path: Path) -> SoftwareKey:
    """The key at a path, made where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_key(path, SoftwareKey(os.urandom(32)), path.name)
    return load_signer(path)
