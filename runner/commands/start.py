"""Starting a registry on disk: keys made where they are missing, files written, the trust list signed."""

from __future__ import annotations

import os
from pathlib import Path

from runner.edges.keys import SoftwareKey, load_signer, write_key
from runner.errors import Usage
from runner.initialise import registry_files, sign_trust


def start_registry(
    root: Path, keys: Path, origin: str, branch: str, maintainer: str, owner: str, runner: str
) -> list[str]:
    """Write a fresh registry below `root`, with keys in `keys`. Returns the paths written. Raises `Usage` where a
    registry stands already: nothing is overwritten."""
    if (root / "registry").exists():
        raise Usage("registry-exists", f"{root / 'registry'} is there already", "change it by pull request")
    if keys.resolve().is_relative_to(root.resolve()):
        raise Usage("keys-inside", f"{keys} is inside the repository", "private keys must never be committed")
    made = {name: _key(keys / name) for name in (maintainer, owner)}
    roles = {role: _key(keys / "runner" / role) for role in ("git", "receipt", "log")}
    files = dict(
        registry_files(
            origin=origin,
            branch=branch,
            maintainers={maintainer: made[maintainer].public},
            threshold=1,
            contributors={owner: made[owner].public},
            runners={runner: (roles["git"].public, roles["receipt"].public)},
            log_public=roles["log"].public,
        )
    )
    signature = sign_trust(files["registry/trust.json"], origin, made[maintainer])
    files[f"registry/trust.sigs/{maintainer}.sig"] = signature
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return sorted(files)


def _key(path: Path) -> SoftwareKey:
    """The key at a path, made where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_key(path, SoftwareKey(os.urandom(32)), path.name)
    return load_signer(path)
