"""One canonical encoding, one digest, and the base of every document.

Canonical bytes are RFC 8785 (JCS) without floats. Whatever is signed or hashed is accepted only if printing
what was parsed gives the same bytes back: `from_canonical` holds this.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import Annotated, Any, Literal, Self

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from runner.errors import Unverified

ID_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
Id = Annotated[
    str,
    Field(
        pattern=ID_PATTERN,
        description="Lower-case letters, digits and hyphens between them, at most 63",
        examples=["who-are-you"],
    ),
]
RegionName = Annotated[
    str,
    Field(pattern=r"^[A-Z][A-Z0-9]{0,7}(-[A-Z0-9]{1,7})?$", description="A region of the policy", examples=["EU"]),
]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2 code", examples=["DE"])]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256, lower-case hex")]
ApiVersion = Annotated[Literal["beacon/v1"], Field(description="Version of this format")]
Grade = Annotated[
    Literal["claimed", "listed", "egress", "egress+rtt"],
    Field(description='How well a region is known, weakest first; all mean "traffic left from", never "ran in"'),
]
GRADES: tuple[Grade, ...] = ("claimed", "listed", "egress", "egress+rtt")
"""Weakest first."""
Glm = Annotated[Literal["GLM"], Field(description="Golem's token")]
Cid = Annotated[str, Field(pattern=r"^bafy[a-z2-7]{55}$", description="CIDv1, dag-pb, sha2-256, base32")]
Decimal = Annotated[
    str,
    Field(
        pattern=r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,18})?$",
        description="A decimal number in a string: floats do not exist in anything signed",
        examples=["0.25"],
    ),
]
Instant = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
        description="RFC 3339, UTC, whole seconds",
        examples=["2026-11-22T03:00:00Z"],
    ),
]
Day = Annotated[
    str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="A day, in UTC", examples=["2026-11-22"])
]
Network = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f.:]{2,39}/(24|48)$",
        description="The /24 or /48 of an address: whole addresses are not published",
        examples=["192.0.2.0/24"],
    ),
]
JobPath = Annotated[
    str,
    Field(
        pattern=r"^registry/jobs/[a-z0-9][a-z0-9-]{0,62}(/[a-z0-9][a-z0-9-]{0,62})?/[a-z0-9][a-z0-9-]{0,62}\.yaml$",
        max_length=240,
        description="Where the job's file stands",
        examples=["registry/jobs/examples/who-are-you.yaml"],
    ),
]
MAX_INTEGER = 2**53 - 1
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
PartsPerMillion = Annotated[int, Field(ge=0, le=1_000_000, description="A share, in millionths")]


class Document(BaseModel):
    """A frozen, strict value with camelCase names on paper and snake_case names in code."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The document that JSON data says. Raises `pydantic.ValidationError` with every mistake."""
        return cls.model_validate(_tupled(data), by_alias=True, by_name=False)

    @classmethod
    def from_bytes(cls, raw: bytes, what: str) -> Self:
        """The document that canonical bytes say: one document, one encoding, so that a null, or a default that is not
        written out, is refused too. Raises `Unverified` with the code `not-canonical` or `document-malformed`."""
        try:
            document = cls.model_validate_json(raw, by_alias=True, by_name=False)
        except ValidationError as error:
            if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
                raise Unverified("not-canonical", f"{what} is not JSON: {first_mistake(error)}") from None
            raise Unverified("document-malformed", f"{what}: {first_mistake(error)}") from None
        if document.canonical() != raw:
            raise Unverified("not-canonical", f"{what} is not in canonical form (RFC 8785, every default written out)")
        return document

    def to_json(self) -> dict[str, Any]:
        """JSON data with the names of the schema; absent fields are left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def canonical(self) -> bytes:
        """RFC 8785 bytes of the document."""
        return canonical(self.to_json())


def first_mistake(error: ValidationError) -> str:
    """The first of pydantic's mistakes on one line, with its place."""
    found = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, found["loc"]))
    return f"{place}: {found['msg']}" if place else found["msg"]


def _tupled(data: Any) -> Any:
    """Lists as tuples: strict pydantic takes no list for a tuple, however deep, unless it reads the JSON text itself,
    and what was read by `formats/strictyaml.py` has no JSON text."""
    kind = type(data)
    if kind is list:
        return tuple([item if type(item) is str else _tupled(item) for item in data])
    if kind is dict:
        return {key: value if type(value) is str else _tupled(value) for key, value in data.items()}
    return data


def canonical(data: Any) -> bytes:
    """RFC 8785 bytes of JSON data; floats are refused.

    Nearly all data here is of the kind for which Python's own encoder writes the very same bytes, three times as fast.
    For the rest, and for every refusal, `rfc8785` decides."""
    if _is_simple(data):
        with suppress(UnicodeEncodeError):  # half a surrogate pair, which is no text
            return _ENCODER.encode(data).encode()
    return rfc8785.dumps(_without_floats(data))


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _is_simple(data: Any) -> bool:
    """Whether Python's JSON encoder writes RFC 8785: no float; integers that a double holds; keys of ASCII alone, whose
    order by code points is that by UTF-16 units; nothing but JSON's own types."""
    kind = type(data)
    if kind is str or kind is bool or data is None:
        return True
    if kind is int:
        return bool(-MAX_INTEGER <= data <= MAX_INTEGER)
    if kind is dict:
        for key, value in data.items():
            if type(key) is not str or not key.isascii() or (type(value) is not str and not _is_simple(value)):
                return False
        return True
    return (kind is list or kind is tuple) and all(map(_is_simple, data))


def from_canonical(raw: bytes, what: str = "document") -> Any:
    """The JSON data of canonical bytes. Raises `Unverified` unless printing it gives the same bytes back."""
    try:
        data = json.loads(raw)
        again = canonical(data)
    except (ValueError, RecursionError, rfc8785.CanonicalizationError) as error:
        raise Unverified("not-canonical", f"{what} is not canonical JSON: {error}") from None
    if again != raw:
        raise Unverified("not-canonical", f"{what} is JSON, but not in its canonical form (RFC 8785)")
    return data


def sha256(raw: bytes) -> str:
    """SHA-256 of bytes, in hex."""
    return hashlib.sha256(raw).hexdigest()


def digest(data: Any) -> str:
    """SHA-256, in hex, of the canonical bytes of JSON data."""
    return sha256(canonical(data))


def _without_floats(data: Any) -> Any:
    if isinstance(data, float):
        raise ValueError(f"a float ({data}) cannot be signed; write a decimal string")
    if isinstance(data, dict):
        return {key: _without_floats(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_without_floats(item) for item in data]
    return data
