"""Starting a registry on disk, and signing its trust list: what `init`, `trust` and `demo` have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from runner.edges.folder import FolderSnapshot
from runner.edges.keys import SoftwareKey, load_signer, write_key
from runner.errors import Usage
from runner.model import TrustList
from runner.model.canonical import Id
from runner.model.policy import Branch, Origin
from runner.registry import load_policy
from runner.registry.initialise import registry_files, sign_trust
from runner.registry.trust import covered, trust_list


def start_registry(
    root: Path, keys: Path, origin: str, branch: str, maintainer: str, owner: str, runner: str
) -> list[str]:
    """Write a fresh registry below `root`, with keys in `keys`, one a role. Returns the paths written. Raises
    `Usage` where a registry stands already, or where a name cannot be one: before anything is written."""
    _demand_names(origin, branch, {"--maintainer": maintainer, "--owner": owner, "--runner": runner})
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


def _demand_names(origin: str, branch: str, principals: Mapping[str, str]) -> None:
    """Refuse early what every later verb would refuse."""
    checks: list[tuple[str, Any, str, str]] = [
        ("--origin", Origin, origin, "a URL without https:// and without a slash at its end: example.org/beacon/log"),
        ("--branch", Branch, branch, "letters and digits, and after the first also . _ / -"),
        *((option, Id, name, "a to z, 0 to 9 and inner hyphens") for option, name in principals.items()),
    ]
    for option, kind, value, wanted in checks:
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
