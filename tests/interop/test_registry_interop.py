"""A registry that the runner wrote, checked by programs that others wrote, on its own files: ssh-keygen, git,
securesystemslib. The runner, the sandbox, git and the remote are the real ones."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from runner.commands.operate import working
from runner.edges.keys import load_signer
from runner.reconcile import reconcile
from tests import make
from tests.scratch import JOB, Scratch, demand_sandbox, scratch


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A scratch registry after one tick."""
    demand_sandbox()
    made = scratch(tmp_path_factory.mktemp("interop"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEACON_CACHE", str(made.place / "cache"))
        with working(made.clone, made.keys / "runner", "origin", lambda _: None, made.state) as world:
            assert len(reconcile(world).published) == 1
    return made


def ssh_verify(registry: Scratch, namespace: str, content: bytes) -> int:
    if not shutil.which("ssh-keygen"):
        pytest.skip("ssh-keygen is not installed")
    keys = registry.clone / "registry" / "keys" / "allowed_signers"
    signature = registry.clone / f"{JOB}.sig"
    command = ["ssh-keygen", "-Y", "verify", "-f", str(keys), "-I", "alice", "-n", namespace, "-s", str(signature)]
    return subprocess.run(command, input=content, capture_output=True).returncode


def test_ssh_keygen_accepts_the_jobs_signature(registry: Scratch) -> None:
    raw = (registry.clone / JOB).read_bytes()
    assert ssh_verify(registry, f"jobspec.v1@{make.ORIGIN}", raw) == 0
    assert ssh_verify(registry, f"jobspec.v1@{make.ORIGIN}", raw + b"#") != 0
    assert ssh_verify(registry, "jobspec.v1@example.org/another/log", raw) != 0


def verify_commit(clone: Path, signers: Path, commit: str) -> int:
    command = ["git", "-C", str(clone), "-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={signers}"]
    return subprocess.run([*command, "verify-commit", commit], capture_output=True).returncode


def test_git_accepts_each_commit_of_the_runner_and_no_other(registry: Scratch) -> None:
    if not shutil.which("ssh-keygen"):
        pytest.skip("git verifies SSH signatures with ssh-keygen, which is not installed")
    signers = registry.clone / "registry" / "keys" / "runners"
    log = ["git", "-C", str(registry.clone), "log", "--format=%H", "--reverse"]
    everyone = subprocess.run(log, capture_output=True, text=True, check=True).stdout.split()
    runners = subprocess.run([*log, "--", "reports"], capture_output=True, text=True, check=True).stdout.split()
    assert len(runners) == 2
    assert [commit for commit in everyone if verify_commit(registry.clone, signers, commit) == 0] == runners


def test_securesystemslib_accepts_each_receipt(registry: Scratch) -> None:
    public = load_signer(registry.keys / "runner" / "receipt").public
    receipts = sorted((registry.clone / "reports").rglob("*.sigstore.json"))
    assert len(receipts) == 9
    for file in receipts:
        envelope = json.loads(file.read_bytes())["dsseEnvelope"]
        key = SSlibKey(envelope["signatures"][0]["keyid"], "ed25519", "ed25519", {"public": public.hex()})
        Envelope.from_dict(envelope).verify([key], 1)
