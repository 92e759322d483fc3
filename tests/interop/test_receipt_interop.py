"""Programs that others wrote verify our receipts, and refuse them after one byte was changed: securesystemslib,
OpenSSL's command line, and Sigstore's JavaScript library (skipped where a program is missing)."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import SSlibKey

from tests import make

SIGSTORE = Path(__file__).parent / "sigstore"
KEY = make.key("receipt")


@pytest.fixture(scope="module")
def raw() -> bytes:
    """A receipt's file."""
    return make.bundle(lambda cell: f"I am {cell.id}").files["receipts/smollm2.EU.1.1.sigstore.json"]


@pytest.fixture(scope="module")
def receipt(raw: bytes) -> dict[str, Any]:
    """The same, as any JSON parser reads it."""
    return json.loads(raw)


def flipped(receipt: dict[str, Any], part: str) -> dict[str, Any]:
    """The same with one bit of the payload, of its type or of the signature changed."""
    envelope = json.loads(json.dumps(receipt["dsseEnvelope"]))
    if part == "payload":
        envelope["payload"] = flip(envelope["payload"])
    elif part == "type":
        envelope["payloadType"] = envelope["payloadType"].replace("in-toto", "in-totp")
    else:
        envelope["signatures"][0]["sig"] = flip(envelope["signatures"][0]["sig"])
    return receipt | {"dsseEnvelope": envelope}


def flip(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[20] ^= 1
    return base64.b64encode(raw).decode()


FLIPS = pytest.mark.parametrize("part", ["payload", "type", "signature"])


def verify_with_securesystemslib(receipt: dict[str, Any]) -> None:
    envelope = receipt["dsseEnvelope"]
    key = SSlibKey(envelope["signatures"][0]["keyid"], "ed25519", "ed25519", {"public": KEY.public.hex()})
    Envelope.from_dict(json.loads(json.dumps(envelope))).verify([key], 1)


def test_securesystemslib_verifies(receipt: dict[str, Any]) -> None:
    verify_with_securesystemslib(receipt)


@FLIPS
def test_securesystemslib_refuses_a_flip(receipt: dict[str, Any], part: str) -> None:
    with pytest.raises((UnverifiedSignatureError, VerificationError)):
        verify_with_securesystemslib(flipped(receipt, part))


def pem(folder: Path) -> Path:
    path = folder / "receipt.pub.pem"
    key = Ed25519PublicKey.from_public_bytes(KEY.public)
    path.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def openssl_verifies(receipt: dict[str, Any], folder: Path) -> bool:
    """DSSE's pre-authentication encoding is built here from the specification, not with our function."""
    if not shutil.which("openssl"):
        pytest.skip("no `openssl` on PATH")
    envelope = receipt["dsseEnvelope"]
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
    parts = [b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload]
    (folder / "pae").write_bytes(b" ".join(parts))
    (folder / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", pem(folder), "-rawin"]
    done = subprocess.run([*command, "-in", folder / "pae", "-sigfile", folder / "sig"], capture_output=True, text=True)
    if "rawin" in done.stderr:
        pytest.skip(f"this openssl cannot verify Ed25519 on its command line: {done.stderr.strip()}")
    return done.returncode == 0 and "Signature Verified Successfully" in done.stdout


def test_openssl_verifies(receipt: dict[str, Any], tmp_path: Path) -> None:
    assert openssl_verifies(receipt, tmp_path)


@FLIPS
def test_openssl_refuses_a_flip(receipt: dict[str, Any], tmp_path: Path, part: str) -> None:
    assert not openssl_verifies(flipped(receipt, part), tmp_path)


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Sigstore's library installed as locked; skipped where that is not possible."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no `node` and `npm` on PATH")
    folder = tmp_path_factory.mktemp("sigstore")
    for name in ("package.json", "package-lock.json", "verify.js"):
        shutil.copy(SIGSTORE / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=0"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not install @sigstore/verify within a minute")
    if done.returncode:
        pytest.skip(f"npm cannot install @sigstore/verify: {done.stderr.strip().splitlines()[0]}")
    return folder


def test_sigstore_verifies_and_refuses_a_flip(raw: bytes, receipt: dict[str, Any], sigstore: Path) -> None:
    files = {"whole": raw}
    files |= {part: json.dumps(flipped(receipt, part)).encode() for part in ("payload", "type", "signature")}
    for name, content in files.items():
        (sigstore / f"{name}.sigstore.json").write_bytes(content)
    command = ["node", "verify.js", pem(sigstore), *(f"{name}.sigstore.json" for name in files)]
    done = subprocess.run(command, cwd=sigstore, capture_output=True, text=True, check=True)
    assert [line.split(": ")[1].split()[0] for line in done.stdout.splitlines()] == ["verified"] + ["refused"] * 3


def test_no_lock_file_names_a_registry() -> None:
    lock = json.loads((SIGSTORE / "package-lock.json").read_text())
    assert all(
        "resolved" not in package and package.get("integrity") for name, package in lock["packages"].items() if name
    )
