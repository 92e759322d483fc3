"""SSH signatures and keys, Ed25519 only, byte for byte as OpenSSH writes them.

Signatures are OpenSSH's PROTOCOL.sshsig, armored, as `ssh-keygen -Y sign` prints them; keys are public key lines and
unencrypted PROTOCOL.key files. Signed commits are git's (`gpg.format=ssh`, namespace `git`).

`verify` and `commit_signer` say which key signed. Whether that key may sign is for the caller to decide.
What other tools write differently is accepted in one respect only: the width of the armor's lines (the specification
says at most 76; OpenSSH writes 70).
"""

from __future__ import annotations

import hashlib
import struct

from nacl.signing import SigningKey

from runner.errors import Environment, Unverified
from runner.formats import ed25519, strictbase64
from runner.formats.sshwire import armor, dearmor, first_string, shown, some_strings, string, strings
from runner.ports import Signer

MAX_PUBLIC_LINE = 8_192
KEY_TYPE = "ssh-ed25519"
GIT_NAMESPACE = "git"

_MAGIC = b"SSHSIG"
_VERSIONED = _MAGIC + struct.pack(">I", 1)
_SIGNATURE_LABEL = "SSH SIGNATURE"
_PRIVATE_LABEL = "OPENSSH PRIVATE KEY"
_PRIVATE_MAGIC = b"openssh-key-v1\0"
# Cipher, key derivation and its options, then the number of keys.
_PRIVATE_HEAD = string(b"none") * 2 + string(b"") + struct.pack(">I", 1)
_HASHES = (b"sha512", b"sha256")


# Signatures


def sign(signer: Signer, message: bytes, namespace: str) -> bytes:
    """The armored signature of a message: the same bytes as `ssh-keygen -Y sign -n NAMESPACE` writes."""
    if not namespace:
        raise ValueError("an SSH signature needs a namespace")
    signature = signer.sign(_signed_data(message, namespace.encode(), b"sha512"))
    blob = _VERSIONED + string(_key_blob(signer.public)) + string(namespace.encode()) + string(b"") + string(b"sha512")
    blob += string(string(KEY_TYPE.encode()) + string(signature))
    return armor(_SIGNATURE_LABEL, blob)


def verify(armored: bytes, message: bytes, namespace: str) -> bytes:
    """The public key (32 bytes) that signed a message for a namespace. Raises `Unverified`."""
    try:
        public, found, algorithm, signature = _parse(armored)
    except ValueError as error:
        raise Unverified(
            "signature-malformed",
            f"the SSH signature cannot be read: {error}",
            f"make it with `beacon sign` or `ssh-keygen -Y sign -n {namespace}`",
        ) from None
    if found != namespace.encode():
        raise Unverified(
            "signature-namespace",
            f"the signature is for {shown(found)}, not for {shown(namespace.encode())}",
            f"sign again with `beacon sign` or `ssh-keygen -Y sign -n {namespace}`",
        )
    if not ed25519.holds(public, _signed_data(message, found, algorithm), signature):
        raise Unverified(
            "signature-wrong",
            f"the signature by {fingerprint(public)} does not fit these bytes",
            "the bytes changed after they were signed, or the signature belongs to another file; sign again",
        )
    return public


def _parse(armored: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Public key, namespace, hash and raw signature (PROTOCOL.sshsig section 2)."""
    blob = dearmor(_SIGNATURE_LABEL, armored)
    if not blob.startswith(_VERSIONED):
        raise ValueError("it does not begin as version 1 of SSHSIG does")
    key, namespace, reserved, algorithm, signed = strings(blob[len(_VERSIONED) :], 5)
    if algorithm not in _HASHES:
        raise ValueError(f"its hash is {shown(algorithm)}, not sha512 or sha256")
    if reserved:
        raise ValueError(f"{len(reserved)} bytes stand in its reserved field")
    return _typed(key, ed25519.KEY_BYTES), namespace, algorithm, _typed(signed, ed25519.SIGNATURE_BYTES)


def _signed_data(message: bytes, namespace: bytes, algorithm: bytes) -> bytes:
    """What the key signs (PROTOCOL.sshsig section 3): everything but the message itself, which goes in as its hash."""
    hashed = hashlib.new(algorithm.decode(), message).digest()
    return _MAGIC + string(namespace) + string(b"") + string(algorithm) + string(hashed)


def _typed(blob: bytes, length: int) -> bytes:
    """The raw part of an Ed25519 key (32 bytes) or signature (64 bytes), which OpenSSH keeps beside its type."""
    if (kind := first_string(blob)) != KEY_TYPE.encode():
        raise _other_type(kind)
    raw = strings(blob, 2)[1]
    if len(raw) != length:
        raise ValueError(f"{len(raw)} bytes stand where {length} belong")
    return raw


def _other_type(kind: bytes) -> Unverified:
    return Unverified(
        "key-type-unsupported",
        f"a key of type {shown(kind)}; only {KEY_TYPE} is accepted",
        "make a key with `ssh-keygen -t ed25519`",
    )


# Commits


def sign_commit(signer: Signer, payload: bytes) -> bytes:
    """A raw commit object with its signature as the last header, as `git commit -S` writes it.

    `payload` is the raw commit object without a signature."""
    headers, blank, body = payload.partition(b"\n\n")
    if not blank or any(_is_signature(header) for header in _headers(headers)):
        raise ValueError("a commit to be signed has headers, an empty line, and no signature yet")
    armored = sign(signer, payload, GIT_NAMESPACE).removesuffix(b"\n")
    return headers + b"\ngpgsig " + armored.replace(b"\n", b"\n ") + blank + body


def commit_signer(raw: bytes) -> bytes:
    """The public key (32 bytes) that signed a raw commit object. Raises `Unverified` unless exactly one SSH signature
    stands in the headers and holds for all the rest."""
    headers, blank, body = raw.partition(b"\n\n")
    if not blank or b"\0" in raw or headers.startswith(b" "):
        raise Unverified("commit-malformed", "the commit object has no empty line after its headers, or holds a NUL")
    signatures: list[bytes] = []
    others: list[bytes] = []
    for header in _headers(headers):
        (signatures if _is_signature(header) else others).append(header)
    if not signatures:
        raise Unverified("commit-unsigned", "the commit carries no signature")
    if len(signatures) > 1 or not signatures[0].startswith(b"gpgsig "):
        raise Unverified("commit-malformed", "the commit carries something else than exactly one `gpgsig` header")
    armored = signatures[0].removeprefix(b"gpgsig ").replace(b"\n ", b"\n")
    return verify(armored, b"\n".join(others) + blank + body, GIT_NAMESPACE)


def _headers(raw: bytes) -> list[bytes]:
    """The headers of a commit object; a line that begins with a space continues the header before it."""
    headers: list[bytes] = []
    for line in raw.split(b"\n"):
        if line.startswith(b" ") and headers:
            headers[-1] += b"\n" + line
        else:
            headers.append(line)
    return headers


def _is_signature(header: bytes) -> bool:
    """Any spelling git knows: `gpgsig`, and `gpgsig-sha256` of a translated commit."""
    return header.startswith(b"gpgsig")


# Public keys


def public_line(public: bytes) -> str:
    """`ssh-ed25519 AAAA…`, without a comment."""
    return f"{KEY_TYPE} {strictbase64.encode(_key_blob(public))}"


def parse_public_line(text: str) -> bytes:
    """The 32 bytes of an OpenSSH public key line, after which a comment may stand. Raises `Unverified`, and refuses
    keys of small order, for which anyone can sign."""
    words = text.removesuffix("\n").split(" ", 2)
    try:
        if len(text) > MAX_PUBLIC_LINE or "\n" in text.removesuffix("\n") or len(words) < 2:
            raise ValueError("it is not one line of two words and a comment")
        if words[0] != KEY_TYPE:
            raise _other_type(words[0].encode())
        public = _typed(strictbase64.decode(words[1]), ed25519.KEY_BYTES)
    except ValueError as error:
        raise Unverified(
            "key-malformed",
            f"the public key cannot be read: {error}",
            "it looks like `ssh-ed25519 AAAA… comment`, as `ssh-keygen -t ed25519` writes it into the .pub file",
        ) from None
    if not ed25519.sound(public):
        raise Unverified(
            "key-small-order",
            f"{fingerprint(public)} is no honest Ed25519 key: its point is not one of the main subgroup",
            "such a key can fit signatures of anyone; make a new one with `ssh-keygen -t ed25519`",
        )
    return public


def fingerprint(public: bytes) -> str:
    """`SHA256:…`, as `ssh-keygen -l` prints it."""
    return "SHA256:" + strictbase64.encode(hashlib.sha256(_key_blob(public)).digest()).rstrip("=")


def _key_blob(public: bytes) -> bytes:
    return string(KEY_TYPE.encode()) + string(public)


# Private keys


def openssh_private(seed: bytes, comment: str) -> bytes:
    """An unencrypted OpenSSH private key file (PROTOCOL.key) of a 32-byte seed.

    The two check numbers, random in OpenSSH, come from the seed's hash: the same seed gives the same file."""
    public = bytes(SigningKey(seed).verify_key)
    check = hashlib.sha256(b"openssh-key-v1 check" + seed).digest()[:4]
    secret = check * 2 + _key_blob(public) + string(seed + public) + string(comment.encode())
    secret += bytes(range(1, 1 + -len(secret) % 8))
    return armor(_PRIVATE_LABEL, _PRIVATE_MAGIC + _PRIVATE_HEAD + string(_key_blob(public)) + string(secret))


def seed_of_openssh(pem: bytes) -> bytes:
    """The 32-byte seed in an unencrypted OpenSSH private key file. Raises `Environment`, never quoting the key."""
    try:
        blob = dearmor(_PRIVATE_LABEL, pem)
        if not blob.startswith(_PRIVATE_MAGIC):
            raise ValueError("it is no openssh-key-v1")
        keys = blob[len(_PRIVATE_MAGIC) :]
        if first_string(keys) != b"none":
            raise Environment(
                "key-encrypted",
                "the private key is protected by a passphrase, which is not asked for here",
                "sign with `ssh-keygen -Y sign`, which asks for it, or use a key without one",
            )
        if not keys.startswith(_PRIVATE_HEAD):
            raise ValueError("it does not hold exactly one key")
        return _seed(*strings(keys[len(_PRIVATE_HEAD) :], 2))
    except ValueError as error:
        raise Environment(
            "key-unreadable",
            f"this is no OpenSSH Ed25519 private key: {error}",
            "make one with `beacon keygen` or `ssh-keygen -t ed25519 -N ''`",
        ) from None


def _seed(outer: bytes, secret: bytes) -> bytes:
    """The seed inside a private section, whose every byte is checked against it and the public half outside."""
    (kind, public, pair, _), padding = some_strings(secret[8:], 4)
    if kind != KEY_TYPE.encode():
        raise ValueError(f"its type is {shown(kind)}")
    if secret[:4] != secret[4:8] or len(secret) % 8 or padding != bytes(range(1, 8))[: len(padding)]:
        raise ValueError("its check numbers or its padding are wrong")
    if len(pair) != 2 * ed25519.KEY_BYTES:
        raise ValueError(f"it holds {len(pair)} bytes of key, not {2 * ed25519.KEY_BYTES}")
    seed = pair[: ed25519.KEY_BYTES]
    derived = bytes(SigningKey(seed).verify_key)
    if not (derived == public == pair[ed25519.KEY_BYTES :] and outer == _key_blob(public)):
        raise ValueError("its public and its private half do not belong together")
    return seed
