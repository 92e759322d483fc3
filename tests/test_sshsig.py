"""Signatures and keys are OpenSSH's, byte for byte: its vectors, its programs and git agree with us, and nothing
that was altered, belongs to another namespace or rests on a dishonest key is accepted."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.edges.keys import SoftwareKey
from runner.errors import BeaconError, Environment, Unverified
from runner.formats import ed25519, sshsig, sshwire, strictbase64
from tests.make import key

ALICE = key("alice")
NAMESPACE = "jobspec.v1@example.org/beacon/log"
MESSAGE = b"apiVersion: beacon/v1\n"
SIGNED = sshsig.sign(ALICE, MESSAGE, NAMESPACE)
IDENTITY = b"\x01" + bytes(31)
COMMIT = (
    b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
    b"author A <a@example.org> 1700000000 +0000\ncommitter A <a@example.org> 1700000000 +0000\n"
    b"encoding ISO-8859-1\n\nsubject\n\ngpgsig in the body is no header\n"
)

needs_ssh_keygen = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
needs_git = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


def code(action, *arguments) -> str:
    with pytest.raises(BeaconError) as raised:
        action(*arguments)
    return raised.value.code


def armored(blob: bytes) -> bytes:
    return sshwire.armor("SSH SIGNATURE", blob)


def key_folder(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(ALICE.openssh("alice"))
    path.chmod(0o600)
    path.with_name("key.pub").write_text(sshsig.public_line(ALICE.public) + " alice\n")
    allowed = f'alice namespaces="{NAMESPACE},git" {sshsig.public_line(ALICE.public)}\n'
    path.with_name("allowed").write_text(allowed)
    return path


@pytest.fixture
def openssh(vectors: Path) -> Path:
    return vectors / "sshsig/regress/unittests/sshsig/testdata"


def test_openssh_ed25519_vector_verifies_and_is_reproduced(openssh: Path) -> None:
    message, namespace = (openssh / "signed-data").read_bytes(), (openssh / "namespace").read_text()
    public = sshsig.parse_public_line((openssh / "ed25519.pub").read_text())
    signature = (openssh / "ed25519.sig").read_bytes()
    assert sshsig.verify(signature, message, namespace) == public
    signer = SoftwareKey(sshsig.seed_of_openssh((openssh / "ed25519").read_bytes()))
    assert signer.public == public
    assert sshsig.sign(signer, message, namespace) == signature


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519_sk"])
def test_openssh_vectors_of_other_types_are_refused_by_name(openssh: Path, kind: str) -> None:
    message, namespace = (openssh / "signed-data").read_bytes(), (openssh / "namespace").read_text()
    assert code(sshsig.verify, (openssh / f"{kind}.sig").read_bytes(), message, namespace) == "key-type-unsupported"
    assert code(sshsig.parse_public_line, (openssh / f"{kind}.pub").read_text()) == "key-type-unsupported"


def test_wycheproof_ed25519_is_judged_right_throughout(vectors: Path) -> None:
    data = json.loads((vectors / "wycheproof/testvectors_v1/ed25519_test.json").read_text())
    judged = 0
    for group in data["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            holds = ed25519.holds(public, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            assert holds == (case["result"] == "valid"), case
            judged += 1
    assert judged == data["numberOfTests"] > 100


@needs_ssh_keygen
@pytest.mark.parametrize("message", [b"", MESSAGE, bytes(range(256)) * 40])
def test_ssh_keygen_writes_the_same_bytes_and_accepts_ours(tmp_path: Path, message: bytes) -> None:
    private = key_folder(tmp_path)
    (tmp_path / "m").write_bytes(message)
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", private, tmp_path / "m"], check=True, capture_output=True
    )
    theirs = (tmp_path / "m.sig").read_bytes()
    assert theirs == sshsig.sign(ALICE, message, NAMESPACE)
    assert sshsig.verify(theirs, message, NAMESPACE) == ALICE.public
    arguments = ["-f", tmp_path / "allowed", "-I", "alice", "-n", NAMESPACE, "-s", tmp_path / "m.sig"]
    verified = subprocess.run(["ssh-keygen", "-Y", "verify", *arguments], input=message, capture_output=True)
    assert verified.returncode == 0, verified.stderr


@needs_ssh_keygen
def test_ssh_keygen_with_sha256_is_accepted(tmp_path: Path) -> None:
    private = key_folder(tmp_path)
    command = ["ssh-keygen", "-Y", "sign", "-O", "hashalg=sha256", "-n", NAMESPACE, "-f", private]
    theirs = subprocess.run(command, input=MESSAGE, check=True, capture_output=True).stdout
    assert theirs != SIGNED
    assert sshsig.verify(theirs, MESSAGE, NAMESPACE) == ALICE.public


@needs_ssh_keygen
def test_ssh_keygen_reads_our_keys_and_we_read_its(tmp_path: Path) -> None:
    private = key_folder(tmp_path)
    printed = subprocess.run(["ssh-keygen", "-y", "-f", private], check=True, capture_output=True, text=True).stdout
    assert sshsig.parse_public_line(printed) == ALICE.public
    shown = subprocess.run(["ssh-keygen", "-l", "-f", private], check=True, capture_output=True, text=True).stdout
    assert sshsig.fingerprint(ALICE.public) in shown
    theirs = tmp_path / "theirs"
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-C", "two words", "-f", theirs, "-N"]
    subprocess.run([*make, ""], check=True, capture_output=True)
    signer = SoftwareKey(sshsig.seed_of_openssh(theirs.read_bytes()))
    assert signer.public == sshsig.parse_public_line(theirs.with_suffix(".pub").read_text())
    theirs.unlink()
    theirs.with_suffix(".pub").unlink()
    subprocess.run([*make, "a passphrase", "-a", "1"], check=True, capture_output=True)
    assert code(sshsig.seed_of_openssh, theirs.read_bytes()) == "key-encrypted"


@needs_ssh_keygen
@needs_git
def test_git_accepts_our_commits_and_writes_the_same(tmp_path: Path) -> None:
    private = key_folder(tmp_path)
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}

    def git(*arguments: str, data: bytes | None = None) -> bytes:
        options = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "gpg.format=ssh"]
        options += ["-c", f"user.signingKey={private}", "-c", f"gpg.ssh.allowedSignersFile={tmp_path}/allowed"]
        done = subprocess.run(
            ["git", *options, *arguments], cwd=tmp_path, env=quiet, input=data, capture_output=True, check=True
        )
        return done.stdout

    git("init", "-q")
    git("hash-object", "-w", "-t", "tree", "--stdin", data=b"")
    raw = sshsig.sign_commit(ALICE, COMMIT)
    ours = git("hash-object", "-w", "-t", "commit", "--stdin", data=raw).decode().strip()
    git("verify-commit", ours)
    git("fsck", "--strict")
    git("commit", "-q", "--allow-empty", "-S", "-m", "subject\n\nbody")
    theirs = git("cat-file", "commit", "HEAD")
    assert sshsig.commit_signer(theirs) == ALICE.public
    headers, _, body = theirs.partition(b"\n\n")
    payload = headers[: headers.index(b"\ngpgsig ")] + b"\n\n" + body
    assert sshsig.sign_commit(ALICE, payload) == theirs


def test_a_commit_is_signed_by_exactly_one_signature_of_all_the_rest() -> None:
    raw = sshsig.sign_commit(ALICE, COMMIT)
    assert sshsig.commit_signer(raw) == ALICE.public
    assert code(sshsig.commit_signer, COMMIT) == "commit-unsigned"
    assert code(sshsig.commit_signer, raw.replace(b"subject", b"Subject")) == "signature-wrong"
    assert code(sshsig.commit_signer, raw.replace(b"tree 4", b"tree 5")) == "signature-wrong"
    header = raw[raw.index(b"gpgsig ") : raw.index(b"-----END SSH SIGNATURE-----\n") + 28]
    assert code(sshsig.commit_signer, raw.replace(header, header * 2)) == "commit-malformed"
    assert code(sshsig.commit_signer, raw.replace(b"\ngpgsig ", b"\ngpgsig-sha256 ")) == "commit-malformed"
    assert code(sshsig.commit_signer, raw.replace(b"in the", b"in\0the")) == "commit-malformed"
    assert code(sshsig.commit_signer, b"tree\n") == "commit-malformed"
    other = sshsig.sign(ALICE, COMMIT, NAMESPACE).removesuffix(b"\n").replace(b"\n", b"\n ")
    replayed = COMMIT.replace(b"\n\n", b"\ngpgsig " + other + b"\n\n", 1)
    assert code(sshsig.commit_signer, replayed) == "signature-namespace"
    with pytest.raises(ValueError, match="no signature yet"):
        sshsig.sign_commit(ALICE, raw)


def test_one_signature_serves_one_message_and_one_namespace() -> None:
    assert sshsig.verify(SIGNED, MESSAGE, NAMESPACE) == ALICE.public
    assert code(sshsig.verify, SIGNED, MESSAGE + b"\n", NAMESPACE) == "signature-wrong"
    assert code(sshsig.verify, SIGNED, MESSAGE, "jobspec.v1@example.org/other/log") == "signature-namespace"
    with pytest.raises(ValueError, match="namespace"):
        sshsig.sign(ALICE, MESSAGE, "")


@pytest.mark.parametrize(
    "mangled",
    [
        b"",
        b"\n",
        b" " + SIGNED,
        SIGNED + b"\n",
        SIGNED.replace(b"\n", b"\r\n"),
        SIGNED.replace(b"SSH SIGNATURE", b"PGP SIGNATURE"),
        SIGNED.replace(b"BEGIN SSH", b"BEGIN  SSH"),
        SIGNED.replace(b"U1NI", b"U1NI\n"),
        SIGNED.replace(b"U1NI", b"U1N!"),
        b"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        b"A" * (sshwire.MAX_ARMOR + 1),
    ],
)
def test_armor_has_one_spelling(mangled: bytes) -> None:
    assert code(sshsig.verify, mangled, MESSAGE, NAMESPACE) == "signature-malformed"


def test_armor_of_other_widths_and_without_last_line_end_is_read() -> None:
    blob = base64.b64encode(sshwire.dearmor("SSH SIGNATURE", SIGNED))
    for width in (64, 76):
        lines = [blob[at : at + width] for at in range(0, len(blob), width)]
        text = b"\n".join([b"-----BEGIN SSH SIGNATURE-----", *lines, b"-----END SSH SIGNATURE-----"])
        assert sshsig.verify(text, MESSAGE, NAMESPACE) == ALICE.public


def test_base64_has_one_spelling() -> None:
    assert strictbase64.decode(b"QQ==") == b"A"
    for text in (b"QR==", b"QQ=", b"QQ", b"QQ==\n", b" QQ==", b"QQ== ", b"=", b"Q_=="):
        with pytest.raises(ValueError, match="base64"):
            strictbase64.decode(text)


def test_the_blob_has_one_shape() -> None:
    blob = sshwire.dearmor("SSH SIGNATURE", SIGNED)
    key_blob, namespace, _, algorithm, signature = sshwire.strings(blob[10:], 5)
    string = sshwire.string

    def made(*fields: bytes) -> bytes:
        return armored(blob[:10] + b"".join(map(string, fields)))

    assert made(key_blob, namespace, b"", algorithm, signature) == SIGNED
    for mangled in (
        made(key_blob, namespace, b"x", algorithm, signature),
        made(key_blob, namespace, b"", b"sha1", signature),
        made(key_blob, namespace, b"", algorithm),
        made(key_blob, namespace, b"", algorithm, signature, b""),
        made(key_blob[:-1], namespace, b"", algorithm, signature),
        made(key_blob + string(b""), namespace, b"", algorithm, signature),
        made(key_blob, namespace, b"", algorithm, signature[:-64] + string(b"short")),
        armored(blob[:-1]),
        armored(blob + b"x"),
        armored(b"SSHSIG\0\0\0\2" + blob[10:]),
    ):
        assert code(sshsig.verify, mangled, MESSAGE, NAMESPACE) == "signature-malformed"


def test_a_key_for_which_anyone_can_sign_is_refused_everywhere() -> None:
    assert not ed25519.sound(IDENTITY)
    assert code(sshsig.parse_public_line, sshsig.public_line(IDENTITY)) == "key-small-order"
    forged = sshwire.dearmor("SSH SIGNATURE", SIGNED)
    _, namespace, reserved, algorithm, _ = sshwire.strings(forged[10:], 5)
    kind, string = sshwire.string(b"ssh-ed25519"), sshwire.string
    fields = (kind + string(IDENTITY), namespace, reserved, algorithm, kind + string(IDENTITY + bytes(32)))
    constant = armored(forged[:10] + b"".join(map(string, fields)))
    assert code(sshsig.verify, constant, MESSAGE, NAMESPACE) == "signature-wrong"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "key-malformed"),
        ("ssh-ed25519", "key-malformed"),
        ("ssh-rsa AAAA", "key-type-unsupported"),
        ("ssh-ed25519 AAAA", "key-malformed"),
        ("ssh-ed25519 !!!!", "key-malformed"),
        ("ssh-ed25519  " + sshsig.public_line(ALICE.public)[12:], "key-malformed"),
        (sshsig.public_line(ALICE.public)[:-1], "key-malformed"),
        (sshsig.public_line(ALICE.public) + "\nssh-ed25519", "key-malformed"),
        (sshsig.public_line(ALICE.public) + " " + "x" * sshsig.MAX_PUBLIC_LINE, "key-malformed"),
        ("ssh-ed25519 \udc80", "key-malformed"),
    ],
)
def test_public_lines_that_are_none(text: str, expected: str) -> None:
    assert code(sshsig.parse_public_line, text) == expected


def test_public_lines_print_what_they_parse() -> None:
    line = sshsig.public_line(ALICE.public)
    for written in (line, line + "\n", line + " alice@example.org on the road\n"):
        assert sshsig.public_line(sshsig.parse_public_line(written)) == line


def test_a_private_key_with_any_flaw_is_refused_without_being_quoted() -> None:
    pem = sshsig.openssh_private(b"s" * 32, "me")
    assert sshsig.seed_of_openssh(pem) == b"s" * 32
    blob = sshwire.dearmor("OPENSSH PRIVATE KEY", pem)
    comment = blob.index(b"me", 100)
    for at in set(range(len(blob))) - {comment, comment + 1}:
        flipped = sshwire.armor("OPENSSH PRIVATE KEY", blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :])
        with pytest.raises(Environment) as raised:
            sshsig.seed_of_openssh(flipped)
        assert raised.value.code in {"key-unreadable", "key-encrypted"}
        assert "sss" not in str(raised.value)


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=300), st.text(min_size=1, max_size=20), st.binary(min_size=32, max_size=32))
def test_whatever_is_signed_verifies(message: bytes, namespace: str, seed: bytes) -> None:
    signer = SoftwareKey(seed)
    assert sshsig.verify(sshsig.sign(signer, message, namespace), message, namespace) == signer.public
    assert sshsig.seed_of_openssh(sshsig.openssh_private(seed, namespace)) == seed


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.integers(0, len(SIGNED) - 2), st.integers(1, 255))
def test_no_signature_survives_a_changed_byte(at: int, bits: int) -> None:
    with pytest.raises(Unverified):
        sshsig.verify(SIGNED[:at] + bytes([SIGNED[at] ^ bits]) + SIGNED[at + 1 :], MESSAGE, NAMESPACE)


@settings(derandomize=True, deadline=None)
@given(st.integers(0, len(MESSAGE) - 1), st.integers(1, 255))
def test_no_message_survives_a_changed_byte(at: int, bits: int) -> None:
    with pytest.raises(Unverified):
        sshsig.verify(SIGNED, MESSAGE[:at] + bytes([MESSAGE[at] ^ bits]) + MESSAGE[at + 1 :], NAMESPACE)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_noise_is_refused_as_what_it_is(noise: bytes) -> None:
    for attempt in (noise, armored(noise), armored(b"SSHSIG\0\0\0\1" + noise)):
        with pytest.raises(Unverified):
            sshsig.verify(attempt, MESSAGE, NAMESPACE)
    for attempt in (noise, sshwire.armor("OPENSSH PRIVATE KEY", b"openssh-key-v1\0" + noise)):
        with pytest.raises(Environment):
            sshsig.seed_of_openssh(attempt)
    with pytest.raises(Unverified):
        sshsig.commit_signer(noise)
