"""OpenSSH's wire format: length-prefixed strings (RFC 4251 section 5) inside armored, canonical base64.

One reading for one text: whatever is accepted prints again to the same bytes, but for the width of the armor's lines.
Every function that reads raises ValueError with what is wrong; who calls knows whether it was a key or a signature.
"""

from __future__ import annotations

from runner.formats import strictbase64

MAX_ARMOR = 16_384
LINE = 70
MAX_LINE = 76


def string(raw: bytes) -> bytes:
    """Four bytes of length, big-endian, then the bytes."""
    return len(raw).to_bytes(4, "big") + raw


def first_string(raw: bytes) -> bytes:
    """The string that stands first."""
    length = int.from_bytes(raw[:4], "big")
    if len(raw) < 4 + length:
        raise ValueError("it ends too early")
    return raw[4 : 4 + length]


def strings(raw: bytes, count: int) -> list[bytes]:
    """Exactly so many strings, and nothing after them."""
    found, rest = some_strings(raw, count)
    if rest:
        raise ValueError(f"{len(rest)} bytes follow its end")
    return found


def some_strings(raw: bytes, count: int) -> tuple[list[bytes], bytes]:
    """So many strings, and what follows them."""
    found = []
    for _ in range(count):
        found.append(first_string(raw))
        raw = raw[4 + len(found[-1]) :]
    return found, raw


def armor(label: str, blob: bytes) -> bytes:
    """Base64 in lines of 70 between BEGIN and END, as OpenSSH writes it."""
    text = strictbase64.encode(blob)
    lines = [text[at : at + LINE] for at in range(0, len(text), LINE)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def dearmor(label: str, armored: bytes) -> bytes:
    """What stands between BEGIN and END, with nothing around them but one last LF, and lines of one width up to 76."""
    if len(armored) > MAX_ARMOR:
        raise ValueError(f"it has {len(armored)} bytes, more than {MAX_ARMOR}")
    lines = armored.removesuffix(b"\n").split(b"\n")
    first, body, last = lines[0], lines[1:-1], lines[-1]
    if not body or first != f"-----BEGIN {label}-----".encode() or last != f"-----END {label}-----".encode():
        raise ValueError(f"it is not one {label} between its BEGIN and END lines, with LF line ends")
    width = len(body[0])
    if width > MAX_LINE or any(len(line) != width for line in body[:-1]) or not 0 < len(body[-1]) <= width:
        raise ValueError(f"its lines are not of one width, at most {MAX_LINE}")
    return strictbase64.decode(b"".join(body))


def shown(raw: bytes) -> str:
    """Foreign bytes for a message: quoted printable ASCII, at most 60 of them."""
    text = ascii(raw[:60].decode("utf-8", "replace"))
    return text + "…" if len(raw) > 60 else text
