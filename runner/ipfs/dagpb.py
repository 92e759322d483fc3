"""Blocks, the CIDs that name them, and DAG-PB nodes: what every IPFS format of this project is made of.

Only what the profile `unixfs-v1-2025` makes is known: CIDv1 in base32, SHA2-256, the codecs raw and dag-pb. Reading is
strict: what was read is printed again and has to be the same bytes. What nodes mean is left to `ipfs/unixfs.py`.

CID: https://github.com/multiformats/cid ; DAG-PB: https://ipld.io/specs/codecs/dag-pb/spec/ ; numbers are protobuf's
varints (https://protobuf.dev/programming-guides/encoding/), in their shortest form.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from runner.errors import Unverified

RAW, DAG_PB = 0x55, 0x70
CID_LENGTH = 36
LARGEST_BLOCK = 2 << 20
"""Bytes. No IPFS peer or gateway hands on larger blocks; the profile's own stay below 1.1 MiB."""
_SHA2_256 = b"\x12\x20"
_WIRES = (0, 2)
_CID_FIELD = bytes([1 << 3 | 2, CID_LENGTH])
_TOTAL_FIELD = bytes([3 << 3])


class Block(NamedTuple):
    """One node of the graph: its binary CID (36 bytes) and the bytes that it names."""

    cid: bytes
    data: bytes


class Link(NamedTuple):
    """How a node is seen from above. `total` counts the bytes of all its blocks, `size` those of the file itself, which
    DAG-PB does not say: 0 where a link was read."""

    cid: bytes
    total: int
    size: int = 0


Get: TypeAlias = Callable[[bytes], bytes]
"""The bytes of a block by its binary CID. Raises a `BeaconError` where there is none."""


def block(codec: int, data: bytes) -> Block:
    """Bytes under their CID: version 1, codec, multihash (SHA2-256, 32 bytes)."""
    return Block(b"\x01" + bytes([codec]) + _SHA2_256 + hashlib.sha256(data).digest(), data)


def check_block(cid: bytes, data: bytes) -> Block:
    """The block, if the bytes hash to the CID. Raises `Unverified`."""
    if hashlib.sha256(data).digest() != cid[4:]:
        found = hashlib.sha256(data).hexdigest()
        message = f"a block of {len(data)} bytes hashes to {found}; its CID {cid_text(cid)} says {cid[4:].hex()}"
        raise Unverified("block-wrong", message, "take it from somewhere else")
    return Block(cid, data)


def check_cid(cid: bytes) -> bytes:
    """The binary CID, if it is of the kind that the profile makes. Raises `Unverified`."""
    if len(cid) != CID_LENGTH or cid[0] != 1 or cid[1] not in (RAW, DAG_PB) or cid[2:4] != _SHA2_256:
        raise Unverified(
            "cid-unknown",
            f"found a CID that begins with {cid[:4].hex()} and has {len(cid)} bytes; expected CIDv1, raw or dag-pb, "
            "SHA2-256, in 36 bytes",
            "only folders and files of the profile unixfs-v1-2025 are read here",
        )
    return cid


def cid_text(cid: bytes) -> str:
    """A binary CID as text: multibase base32, `bafybei…` or `bafkrei…`."""
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


def parse_cid(text: str) -> bytes:
    """The binary CID of a text. Raises `Unverified` for everything that this project never writes."""
    padded = text[1:].upper() + "=" * (-len(text[1:]) % 8)
    try:
        cid = base64.b32decode(padded) if text.startswith("b") and text.isascii() else b""
    except ValueError:
        cid = b""
    if not cid or cid_text(cid) != text:
        shown = text if len(text) <= 100 else text[:99] + "…"
        hint = "it looks like bafybei… (a folder or a large file) or bafkrei…; ipfs cid base32 CID converts others"
        raise Unverified("cid-malformed", f"{shown!r} is no CIDv1 in base32", hint)
    return check_cid(cid)


def node(links: Sequence[tuple[bytes, Link]], data: bytes) -> bytes:
    """DAG-PB: the links (field 2: Hash, Name, Tsize) come before the data (field 1)."""
    listed = [
        tagged(2, _CID_FIELD + link.cid + tagged(2, name) + _TOTAL_FIELD + varint(link.total)) for name, link in links
    ]
    return b"".join(listed) + tagged(1, data)


def read_node(raw: bytes) -> tuple[list[tuple[bytes, Link]], bytes]:
    """The named links of a node, and its data. Raises `Unverified` for bytes that `node` would not write."""
    links: list[tuple[bytes, Link]] = []
    data = b""
    for field, value in fields(raw):
        if field == 2 and isinstance(value, bytes):
            links.append(_read_link(value))
        elif field == 1 and isinstance(value, bytes):
            data = value
    if node(links, data) != raw:
        raise Unverified("node-malformed", f"a node of {len(raw)} bytes is not the one encoding of what it says")
    return links, data


def links(found: Block) -> list[bytes]:
    """The CIDs that a block links to, in their order; a raw one has none."""
    return [link.cid for _, link in read_node(found.data)[0]] if found.cid[1] == DAG_PB else []


def fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: number, and a varint or bytes. Raises `Unverified`."""
    at = 0
    while at < len(raw):
        tag, at = read_varint(raw, at)
        value, at = read_varint(raw, at)
        if tag & 7 not in _WIRES:
            raise Unverified("node-malformed", f"found wire type {tag & 7} in a node; expected a varint or bytes")
        if tag & 7 == 2:
            if value > len(raw) - at:
                raise Unverified("node-malformed", f"a node's field wants {value} bytes; {len(raw) - at} are left")
            yield tag >> 3, raw[at : at + value]
            at += value
        else:
            yield tag >> 3, value


def tagged(field: int, value: bytes) -> bytes:
    """A field of bytes (numbers up to 15)."""
    return bytes([field << 3 | 2]) + varint(len(value)) + value


def numbered(field: int, value: int) -> bytes:
    """A field with a varint (numbers up to 15)."""
    return bytes([field << 3]) + varint(value)


@lru_cache(maxsize=1024)
def varint(value: int) -> bytes:
    """A number, 7 bits a byte, the lowest first."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(raw: bytes | bytearray, at: int) -> tuple[int, int]:
    """The number that begins at an offset, and where it ends. Raises `Unverified` for one that is cut, longer than 9
    bytes (63 bits), or longer than it need be."""
    value = shift = 0
    for position in range(at, min(at + 9, len(raw))):
        byte = raw[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:
                break
            return value, position + 1
        shift += 7
    raise Unverified("node-malformed", f"the number at byte {at} is cut, too long, or not in its shortest form")


def _read_link(raw: bytes) -> tuple[bytes, Link]:
    cid, name, total = b"", b"", 0
    for field, value in fields(raw):
        if field == 1 and isinstance(value, bytes):
            cid = check_cid(value)
        elif field == 2 and isinstance(value, bytes):
            name = value
        elif field == 3 and isinstance(value, int):
            total = value
    return name, Link(check_cid(cid), total)
