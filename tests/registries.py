"""A small registry for tests: a snapshot over plain values, its policy, keys and a signed job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from runner.formats import sshsig
from runner.ipfs.unixfs import folder_cid
from runner.model import sha256
from runner.ports import Blob
from tests.make import ORIGIN, job_data, key

NAMESPACE = f"jobspec.v1@{ORIGIN}"
JOB = "registry/jobs/alice/who.yaml"
BENCHMARK = {"benchmark.py": b"print('echo')\n"}
CID = folder_cid(BENCHMARK)
POLICY: dict[str, Any] = {
    "apiVersion": "beacon/v1",
    "kind": "Policy",
    "log": {"origin": ORIGIN},
    "regions": {"EU": ["DE", "FR"], "US": ["US"], "APAC": ["SG", "JP"]},
    "images": {"oci": ["docker.io/acme"]},
    "services": ["openrouter"],
    "budgets": {"job": {"GLM": "10"}, "ownerMonth": {"GLM": "50"}},
    "content": {"refusePrompts": ["confidential"]},
}


class Quoting(yaml.SafeDumper):
    """Writes every text in double quotes, so that no word of it is ambiguous."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def dump(data: Any) -> bytes:
    """Strict YAML of JSON data."""
    return yaml.dump(data, Dumper=Quoting, sort_keys=False, allow_unicode=True).encode()


def merged(base: Any, changes: Any) -> Any:
    """Mappings merged, everything else replaced."""
    if isinstance(base, dict) and isinstance(changes, dict):
        return base | {name: merged(base.get(name), value) for name, value in changes.items()}
    return changes


def data(**changes: Any) -> dict[str, Any]:
    """Data of alice's job under the policy above; `changes` are merged into it."""
    base = job_data()
    base["spec"]["targets"][0]["image"]["source"]["cid"] = CID
    return merged(base, changes)


def signed(files: Mapping[str, bytes], signer: str = "alice", namespace: str = NAMESPACE) -> dict[str, bytes]:
    """The files, and a signature beside each."""
    made = {f"{path}.sig": sshsig.sign(key(signer), raw, namespace) for path, raw in files.items()}
    return {**files, **made}


class Keys(NamedTuple):
    """Whose keys count."""

    contributors: Mapping[str, frozenset[bytes]] = {
        "alice": frozenset([key("alice").public]),
        "bob": frozenset([key("bob").public]),
    }
    revoked: Mapping[bytes, int] = {}


class Files:
    """A `Snapshot` over files; `modes` where they are not plain."""

    commit: str | None = "0" * 40

    def __init__(self, files: Mapping[str, bytes], modes: Mapping[str, str] | None = None) -> None:
        self._files = dict(sorted(files.items()))
        self._modes = modes or {}

    def files(self, prefix: str) -> Mapping[str, Blob]:
        paths = (path for path in self._files if path.startswith(f"{prefix}/"))
        return {path: Blob(self._modes.get(path, "100644"), "oid") for path in paths}

    def read(self, path: str) -> bytes | None:
        return self._files.get(path)

    def read_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        return {path: self._files[path] for path in paths if path in self._files}

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        return {path: sha256(self._files[path]) for path in paths if path in self._files}

    def exists(self, path: str) -> bool:
        return any(f"{name}/".startswith(f"{path}/") for name in self._files)


def files(jobs: Mapping[str, bytes], policy: Any = POLICY) -> dict[str, bytes]:
    """A registry's files: the policy, the benchmark `echo`, and these."""
    source = {f"registry/benchmarks/echo/{name}": raw for name, raw in BENCHMARK.items()}
    return {"registry/policy.yaml": dump(policy), "registry/README.md": b"# Jobs\n", **source, **jobs}
