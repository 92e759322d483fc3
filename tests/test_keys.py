"""Private keys come from a folder that nobody else can read, or from the environment; what is missing or unusable is
said all at once, and no message and no second writing can cost anyone a key."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

from runner.edges.keys import load_keys, load_signer, secrets, write_key
from runner.errors import Environment
from runner.formats import sshsig
from runner.ports import Keys
from runner.registry.leaks import leaks
from tests.make import key

ROLES = ("git", "receipt", "log")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for role in ROLES:
        write_key(tmp_path / role, key(role), f"{role} of a test")
    return tmp_path


def failure(action, *arguments) -> Environment:
    with pytest.raises(Environment) as raised:
        action(*arguments)
    return raised.value


def publics(keys) -> list[bytes]:
    return [signer.public for signer in keys]


def test_a_folder_holds_one_key_for_each_role(folder: Path) -> None:
    expected = [key(role).public for role in ROLES]
    assert publics(load_keys(folder, {})) == expected
    assert publics(load_keys(None, {"BEACON_KEYS": str(folder)})) == expected
    elsewhere = {"BEACON_KEYS": "/nowhere", "BEACON_KEY_GIT": "nonsense"}
    assert publics(load_keys(folder, elsewhere)) == expected


def test_the_environment_holds_files_or_seeds() -> None:
    seeds = {role: bytes([number]) * 32 for number, role in enumerate(ROLES)}
    environ = {
        "BEACON_KEY_GIT": sshsig.openssh_private(seeds["git"], "").decode(),
        "BEACON_KEY_RECEIPT": sshsig.openssh_private(seeds["receipt"], "").decode().strip(),
        "BEACON_KEY_LOG": base64.b64encode(seeds["log"]).decode() + "\n",
    }
    keys = load_keys(None, environ)
    assert [sshsig.seed_of_openssh(signer.openssh("")) for signer in keys] == list(seeds.values())
    lines = {name: base64.b64encode(text.encode()).decode() for name, text in environ.items() if "GIT" in name}
    assert load_keys(None, environ | lines).git.public == keys.git.public


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    error = failure(load_keys, None, {"BEACON_KEY_GIT": base64.b64encode(bytes(32)).decode()})
    assert error.code == "key-missing"
    assert "BEACON_KEY_RECEIPT" in error.message
    assert "BEACON_KEY_LOG" in error.message
    assert "BEACON_KEY_GIT" not in error.message
    error = failure(load_keys, tmp_path, {})
    assert [str(tmp_path / role) in error.message for role in ROLES] == [True] * 3


def test_different_troubles_are_told_together(folder: Path) -> None:
    (folder / "git").chmod(0o640)
    (folder / "log").write_bytes(b"no key")
    error = failure(load_keys, folder, {})
    assert error.code == "keys-unusable"
    assert "0640" in error.message
    assert "chmod 600" in error.hint
    assert f"{folder / 'log'}: " in error.message
    assert "receipt" not in error.message.replace(str(folder), "")


def test_one_key_cannot_serve_two_roles(folder: Path) -> None:
    (folder / "log").write_bytes((folder / "git").read_bytes())
    assert failure(load_keys, folder, {}).code == "keys-shared"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_can_reach_is_refused(folder: Path, mode: int) -> None:
    (folder / "git").chmod(mode)
    assert failure(load_signer, folder / "git").code == "key-exposed"


def test_what_is_no_key_is_refused_without_being_quoted(folder: Path) -> None:
    assert failure(load_signer, folder / "absent").code == "key-missing"
    assert failure(load_signer, folder / "git" / "below").code == "key-unreadable"
    (folder / "git.pub").chmod(0o600)
    assert failure(load_signer, folder / "git.pub").code == "key-unreadable"
    os.mkfifo(folder / "pipe", 0o600)
    assert failure(load_signer, folder / "pipe").code == "key-unreadable"
    (folder / "dir").mkdir(0o700)
    assert failure(load_signer, folder / "dir").code == "key-unreadable"
    (folder / "git").write_bytes(b"s3cret" * 10_000)
    error = failure(load_signer, folder / "git")
    assert (error.code, "s3cret" in str(error)) == ("key-unreadable", False)
    error = failure(load_keys, None, {f"BEACON_KEY_{role.upper()}": "s3cret" for role in ROLES})
    assert (error.code, "s3cret" in str(error)) == ("key-unreadable", False)
    short = {f"BEACON_KEY_{role.upper()}": "AAAA" for role in ROLES}
    assert "3 bytes" in failure(load_keys, None, short).message


def test_an_encrypted_key_names_the_way_to_sign(tmp_path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", "a passphrase", "-f", tmp_path / "key"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("ssh-keygen is not installed")
    error = failure(load_signer, tmp_path / "key")
    assert error.code == "key-encrypted"
    assert "ssh-keygen -Y sign" in error.hint


def test_a_key_is_written_once_for_its_owner_alone(folder: Path) -> None:
    private, public = folder / "git", folder / "git.pub"
    assert private.stat().st_mode & 0o777 == 0o600
    assert public.read_text() == sshsig.public_line(key("git").public) + " git of a test\n"
    before = private.read_bytes()
    assert failure(write_key, private, key("other"), "again").code == "key-exists"
    assert private.read_bytes() == before
    private.unlink()
    assert failure(write_key, private, key("other"), "again").code == "key-exists"
    assert not private.exists(), "no half pair is left"
    assert failure(write_key, folder / "absent" / "git", key("other"), "").code == "key-unwritable"


def test_what_must_never_be_published_is_found_in_its_file(tmp_path: Path) -> None:
    keys = Keys(key("git"), key("receipt"), key("log"))
    write_key(tmp_path / "git", key("git"), "somebody's comment")
    raw = (tmp_path / "git").read_bytes()
    seed, _ = key("git").secrets
    assert len(secrets(keys)) == 6
    assert sshsig.seed_of_openssh(raw) == seed
    for spelled in (seed, seed.hex().encode(), base64.b64encode(seed), raw):
        assert leaks({"answer.txt": b"see: " + spelled}, secrets(keys))
    assert not leaks({"answer.txt": sshsig.public_line(key("git").public).encode()}, secrets(keys))
