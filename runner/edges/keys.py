"""Private keys: Ed25519 seeds, read from files or from the environment, held in memory.

A folder holds one file a role (`git`, `receipt`, `log`), in OpenSSH's format, readable by its owner alone. Where there
is no folder, as in CI, `BEACON_KEY_GIT`, `BEACON_KEY_RECEIPT` and `BEACON_KEY_LOG` hold the same text, or, on one line
as some forges want it, base64 of the file or of a 32-byte seed. Keys are never shared between roles, never overwritten,
and never quoted in a message.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from nacl.signing import SigningKey

from runner.errors import Environment
from runner.formats import sshsig, strictbase64
from runner.formats.sshwire import MAX_ARMOR
from runner.ports import Keys

FOLDER_VARIABLE = "BEACON_KEYS"
_SEED_BYTES = 32
_ARMOR = b"-----BEGIN OPENSSH"


class SoftwareKey:
    """A `Signer` over a 32-byte Ed25519 seed (RFC 8032)."""

    def __init__(self, seed: bytes) -> None:
        self._key = SigningKey(seed)
        self.public = bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same message gives the same signature."""
        return self._key.sign(message).signature

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """What must never be published: the seed, and the key as a file without comment."""
        return bytes(self._key), self.openssh("")

    def openssh(self, comment: str) -> bytes:
        """The private key as an unencrypted OpenSSH file."""
        return sshsig.openssh_private(bytes(self._key), comment)


def load_keys(folder: Path | None, environ: Mapping[str, str]) -> Keys:
    """The runner's three keys: from `folder`, else from the folder that `BEACON_KEYS` names, else from the environment.

    Raises `Environment` that names everything that is missing or unusable at once."""
    if folder is None and environ.get(FOLDER_VARIABLE):
        folder = Path(environ[FOLDER_VARIABLE])
    found: dict[str, SoftwareKey] = {}
    troubles: list[Environment] = []
    for role in Keys._fields:
        try:
            found[role] = _from_variable(role, environ) if folder is None else load_signer(folder / role)
        except Environment as error:
            if folder is not None and error.code == "key-missing":
                error.hint = f"name their folder with --keys or {FOLDER_VARIABLE}; `beacon keygen --runner` makes one"
            troubles.append(error)
    if len(troubles) == 1:
        raise troubles[0]
    if troubles:
        hints = dict.fromkeys(trouble.hint for trouble in troubles)
        codes = {trouble.code for trouble in troubles}
        raise Environment(
            codes.pop() if len(codes) == 1 else "keys-unusable",
            "; ".join(trouble.message for trouble in troubles),
            "; ".join(hints),
        )
    if len({key.public for key in found.values()}) < len(found):
        raise Environment(
            "keys-shared",
            f"the keys {', '.join(found)} are not three different ones",
            "make one for each role with `beacon keygen`: a key that serves two roles can be replayed between them",
        )
    return Keys(**found)


def secrets(keys: Keys) -> tuple[bytes, ...]:
    """What must never be published of these keys, as far as this process holds it."""
    return tuple(secret for key in keys if isinstance(key, SoftwareKey) for secret in key.secrets)


def load_signer(path: Path) -> SoftwareKey:
    """The key in an OpenSSH private key file that only its owner can read. Raises `Environment`."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise Environment("key-unreadable", f"{path} is not a plain file", "name the key's own file")
            raw = file.read(MAX_ARMOR + 1)
            if raw.startswith(b"ssh-"):
                raise Environment("key-unreadable", f"{path} is a public key", "name the private one, without .pub")
            if mode & 0o077:
                raise Environment(
                    "key-exposed",
                    f"{path} has mode {stat.S_IMODE(mode):04o}: others than its owner can read or change it",
                    f"run `chmod 600 {path}`; if others had access, make a new key",
                )
    except FileNotFoundError:
        raise Environment(
            "key-missing",
            f"there is no key {path}",
            "name another, or make one with `beacon keygen`",
        ) from None
    except OSError as error:
        raise Environment("key-unreadable", f"{path} cannot be read: {error.strerror}", "check whose it is") from None
    return _named(str(path), raw)


def write_key(path: Path, key: SoftwareKey, comment: str) -> None:
    """Write the private key, mode 0600, and its public line beside it as `.pub`. Never overwrites either; durable
    when it returns. Raises `Environment`."""
    public = path.with_name(path.name + ".pub")
    contents = {path: (0o600, key.openssh(comment)), public: (0o644, _public_file(key, comment))}
    created: list[Path] = []
    try:
        for target, (mode, content) in contents.items():
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
                created.append(target)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        for target in created:
            target.unlink()
        if isinstance(error, FileExistsError):
            raise Environment(
                "key-exists", f"{error.filename} exists already", "keys are never overwritten; choose another name"
            ) from None
        raise Environment(
            "key-unwritable",
            f"{error.filename or path} cannot be written: {error.strerror}",
            "name a folder that is there, and yours",
        ) from None


def _open_at_once(path: str, flags: int) -> int:
    """Without O_NONBLOCK, opening a named pipe would wait for ever."""
    return os.open(path, flags | os.O_NONBLOCK)


def _public_file(key: SoftwareKey, comment: str) -> bytes:
    return f"{sshsig.public_line(key.public)} {comment}".strip().encode() + b"\n"


def _from_variable(role: str, environ: Mapping[str, str]) -> SoftwareKey:
    name = f"BEACON_KEY_{role.upper()}"
    text = environ.get(name, "").strip()
    if not text:
        raise Environment(
            "key-missing",
            f"{name} is not set",
            f"set it to an OpenSSH private key, or name a folder of keys with --keys or {FOLDER_VARIABLE}",
        )
    try:
        seed = strictbase64.decode(text)
    except ValueError:
        return _named(name, text.encode())
    if seed.startswith(_ARMOR):
        return _named(name, seed)
    if len(seed) != _SEED_BYTES:
        raise Environment("key-unreadable", f"{name} is the base64 of {len(seed)} bytes, not {_SEED_BYTES}")
    return SoftwareKey(seed)


def _named(where: str, raw: bytes) -> SoftwareKey:
    """The key that a file's bytes say, or its error with the place in it."""
    try:
        return SoftwareKey(sshsig.seed_of_openssh(raw))
    except Environment as error:
        raise Environment(error.code, f"{where}: {error.message}", error.hint) from None
