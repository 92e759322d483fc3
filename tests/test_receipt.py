"""A receipt has one form: what is sealed opens again, and every other spelling, key or byte is refused with a code."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import Unverified
from runner.formats.receipt import MAX_RECEIPT, MEDIA_TYPE, open_receipt, pae, read_receipt, seal
from runner.formats.sshsig import fingerprint
from runner.model import canonical
from runner.model.receipt import PAYLOAD_TYPE
from tests import make

KEY = make.key("receipt")
RAW = make.bundle(lambda cell: "I am a model.\n").files["receipts/smollm2.EU.1.1.sigstore.json"]
RECEIPT = read_receipt(RAW)


def code(raw: bytes, *keys: bytes) -> str:
    with pytest.raises(Unverified) as caught:
        open_receipt(raw, keys or [KEY.public])
    return caught.value.code


def bundle(payload: bytes, **changes: Any) -> dict[str, Any]:
    """A signed Sigstore bundle of any payload, as JSON data."""
    return {
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {
                    "keyid": fingerprint(KEY.public),
                    "sig": base64.b64encode(KEY.sign(pae(PAYLOAD_TYPE, payload))).decode(),
                }
            ],
        },
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": fingerprint(KEY.public)}},
    } | changes


def test_pae_is_the_specifications() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_a_sealed_receipt_opens_and_names_its_key() -> None:
    raw = seal(RECEIPT, KEY)
    assert raw == RAW == seal(RECEIPT, KEY)
    assert open_receipt(raw, [make.key("other").public, KEY.public]) == (RECEIPT, KEY.public)


def test_the_file_is_canonical_json_of_a_sigstore_bundle() -> None:
    assert canonical(bundle(RECEIPT.canonical())) == RAW


def test_keys() -> None:
    other = make.key("other").public
    assert code(RAW, other) == "receipt-key-unknown"
    renamed = RAW.replace(fingerprint(KEY.public).encode(), fingerprint(other).encode())
    assert code(renamed, other, KEY.public) == "receipt-signature"
    assert code(renamed, KEY.public) == "receipt-key-unknown"


def test_the_hint_decides_nothing() -> None:
    """An attacker's signature under the hint of a trusted key."""
    forged = seal(RECEIPT, make.key("attacker")).replace(
        fingerprint(make.key("attacker").public).encode(), fingerprint(KEY.public).encode()
    )
    assert code(forged) == "receipt-signature"


def test_every_flipped_bit_is_refused() -> None:
    for position in range(len(RAW)):
        raw = bytearray(RAW)
        raw[position] ^= 1 << position % 8
        assert code(bytes(raw)) in {"receipt-malformed", "receipt-signature", "receipt-key-unknown"}


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(0, len(RAW)), st.integers(0, 9), st.binary(max_size=9))
def test_every_splice_is_refused(start: int, cut: int, paste: bytes) -> None:
    raw = RAW[:start] + paste + RAW[start + cut :]
    if raw != RAW:
        code(raw)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.binary(max_size=300))
def test_anything_else_is_malformed(raw: bytes) -> None:
    assert code(raw) == "receipt-malformed"


@pytest.mark.parametrize(
    "raw",
    [
        RAW + b"\n",
        b" " + RAW,
        json.dumps(json.loads(RAW), indent=1).encode(),
        canonical(bundle(RECEIPT.canonical(), more={})),
        canonical(bundle(RECEIPT.canonical(), mediaType=MEDIA_TYPE.replace("v0.3", "v0.2"))),
        canonical(bundle(RECEIPT.canonical(), verificationMaterial={"publicKey": {"hint": "other"}})),
        RAW.replace(b'{"dsseEnvelope":', b'{"dsseEnvelope":{},"dsseEnvelope":'),
        RAW.replace(b'","payloadType"', b'=","payloadType"'),
        RAW.replace(b"application/vnd.in-toto+json", b"application/vnd.in-toto\\u002bjson"),
    ],
    ids=["LF", "space", "indented", "member", "version", "hints differ", "member twice", "padding", "escape"],
)
def test_other_spellings_of_the_envelope(raw: bytes) -> None:
    assert code(raw) == "receipt-malformed"


def test_base64_with_stray_bits() -> None:
    signature = json.loads(RAW)["dsseEnvelope"]["signatures"][0]["sig"]
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    stray = signature[:-3] + last[last.index(signature[-3]) | 1] + "=="
    assert base64.b64decode(stray) == base64.b64decode(signature), "Python's own decoder takes both"
    assert code(RAW.replace(signature.encode(), stray.encode())) == "receipt-malformed"


DATA = RECEIPT.to_json()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (RECEIPT.canonical() + b" ", "not-canonical"),
        (json.dumps(DATA).encode(), "not-canonical"),
        (canonical(DATA).replace(b'{"_type"', b'{"_type":"","_type"'), "not-canonical"),
        (b"", "not-canonical"),
        (b"[" * 100_000, "not-canonical"),
        (b'"\xff"', "not-canonical"),
        (b'{"a":NaN}', "document-malformed"),
        (b'{"a":1.5}', "document-malformed"),
        (b'"\\ud800"', "not-canonical"),
        (b"{}", "document-malformed"),
        (canonical(DATA | {"predicateType": "https://slsa.dev/provenance/v1"}), "document-malformed"),
        (canonical(DATA | {"subject": []}), "document-malformed"),
        (canonical(DATA | {"more": 1}), "document-malformed"),
        (canonical(DATA | {"predicate": DATA["predicate"] | {"reason": None}}), "not-canonical"),
        (
            canonical(DATA | {"predicate": {k: v for k, v in DATA["predicate"].items() if k != "grade"}}),
            "not-canonical",
        ),
    ],
)
def test_payloads_that_are_signed_and_still_refused(payload: bytes, expected: str) -> None:
    assert code(canonical(bundle(payload))) == expected


def test_too_large() -> None:
    assert code(b"{" * (MAX_RECEIPT + 1)) == "receipt-too-large"


def test_the_largest_slot_fits() -> None:
    cell = DATA["predicate"]["cells"][0] | {
        "prompt": "p" * 63,
        "ms": 2**53 - 1,
        "finish": "f" * 40,
        "reason": "r" * 300,
    }
    subject = DATA["subject"][1]
    subject = subject | {"name": subject["name"].replace("who", "p" * 63).replace("smollm2", "t" * 63)}
    assert (len(canonical(cell)) + len(canonical(subject)) + 2) * 200 * 64 * 4 / 3 < MAX_RECEIPT


def test_reading_does_not_verify() -> None:
    """`read_receipt` says what stands there, whoever signed."""
    forged = seal(RECEIPT, make.key("attacker"))
    assert read_receipt(forged) == RECEIPT
