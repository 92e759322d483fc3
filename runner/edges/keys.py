"""Private keys: Ed25519 seeds held in memory. Reading them from a folder or the environment is here too."""

from __future__ import annotations

from nacl.signing import SigningKey


class SoftwareKey:
    """A `Signer` over a 32-byte Ed25519 seed (RFC 8032)."""

    def __init__(self, seed: bytes) -> None:
        self._key = SigningKey(seed)
        self.public = bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same message gives the same signature."""
        return self._key.sign(message).signature
