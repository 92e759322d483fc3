"""Base64 with one spelling for each value (RFC 4648 section 4, canonical as in section 3.5).

The standard library's decoder skips stray characters and ignores the last bits; whatever is signed or hashed must not
have a second spelling, so decoding accepts only what encoding would print.
"""

from __future__ import annotations

import base64
import binascii


def encode(raw: bytes) -> str:
    """Base64 with padding, on one line."""
    return base64.b64encode(raw).decode()


def decode(text: str | bytes) -> bytes:
    """The bytes whose `encode` is exactly this text. Raises ValueError, never quoting the text."""
    try:
        written = text.encode("ascii") if isinstance(text, str) else text
        raw = binascii.a2b_base64(written, strict_mode=True)
    except ValueError:
        raise ValueError("its base64 is broken") from None
    if base64.b64encode(raw) != written:
        raise ValueError("its base64 is not canonical")
    return raw
