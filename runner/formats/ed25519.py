"""Ed25519 (RFC 8032): one judge for every signature, so that no two verifiers of this project can disagree.

libsodium, through PyNaCl, is the strictest of the common implementations: it refuses non-canonical scalars and points,
and every public key of small order. OpenSSH and OpenSSL accept such keys: under the identity point one constant
"signature" fits every message there. Whether a sound key is trusted is for others to say.
"""

from __future__ import annotations

from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

KEY_BYTES = 32
SIGNATURE_BYTES = 64


def sound(public: bytes) -> bool:
    """Whether 32 bytes can be an honest public key: a canonical point of the main subgroup, not of small order."""
    return len(public) == KEY_BYTES and crypto_core_ed25519_is_valid_point(public)


def holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature (64 bytes) of a message holds under a public key (32 bytes). About 85 us."""
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        VerifyKey(public).verify(message, signature)
    except BadSignatureError:
        return False
    return True
