"""Receipts on paper: an in-toto Statement in a signed DSSE envelope, stored as a Sigstore bundle.

    bundle     https://docs.sigstore.dev/about/bundle/, v0.3, with a public key's fingerprint as hint
    envelope   DSSE v1, https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, one Ed25519 signature
    payload    RFC 8785 bytes of `Receipt`, a Statement v1 of in-toto

There is one way to write a receipt, and only that is read: parse, print, compare. What is verified are the payload's
exact bytes, and those bytes, not the envelope, are parsed afterwards. The hint (`keyid`) finds a key among those that
the caller trusts; it decides nothing. Which keys count at which place in the log is for the caller to say, and whether
what a receipt says is consistent with its bundle is judged in `runner/bundle.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from runner.errors import Unverified
from runner.formats import ed25519, strictbase64
from runner.formats.sshsig import fingerprint
from runner.model.receipt import PAYLOAD_TYPE, Receipt
from runner.ports import Signer

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_RECEIPT = 32 << 20
"""Bytes. The largest slot, 200 prompts x 64 replicas that all failed with a long reason, stays below."""

_BUNDLE = (
    '{{"dsseEnvelope":{{"payload":"{payload}","payloadType":"' + PAYLOAD_TYPE + '",'
    '"signatures":[{{"keyid":"{hint}","sig":"{signature}"}}]}},'
    '"mediaType":"' + MEDIA_TYPE + '","verificationMaterial":{{"publicKey":{{"hint":"{hint}"}}}}}}'
)
_FORM = re.compile(
    re.escape(_BUNDLE.format(payload="<payload>", hint="<hint>", signature="<signature>"))
    .replace("<payload>", "([A-Za-z0-9+/]*={0,2})")
    .replace("<hint>", "(SHA256:[A-Za-z0-9+/]{43})", 1)
    .replace("<signature>", "([A-Za-z0-9+/]{86}==)")
    .replace("<hint>", r"\2")
    .encode()
)


class Envelope(NamedTuple):
    """What a file says before anything is checked. `payload` are the signed document's bytes, `hint` names the key."""

    payload: bytes
    signature: bytes
    hint: str


def seal(receipt: Receipt, signer: Signer) -> bytes:
    """A receipt's file. The same receipt and key give the same bytes."""
    payload = receipt.canonical()
    signature = signer.sign(pae(PAYLOAD_TYPE, payload))
    return _print(Envelope(payload, signature, fingerprint(signer.public)))


def open_receipt(raw: bytes, keys: Iterable[bytes]) -> tuple[Receipt, bytes]:
    """The receipt, and which of these public keys (32 bytes each) signed it. Raises `Unverified`."""
    envelope = _envelope(raw)
    public = next((key for key in keys if fingerprint(key) == envelope.hint), None)
    if public is None:
        raise Unverified(
            "receipt-key-unknown",
            f"the receipt names the key {envelope.hint}, which is none of the known receipt keys",
            "a runner's receipt key stands in registry/keys/runners and in a key-add entry of the log",
        )
    if not ed25519.holds(public, pae(PAYLOAD_TYPE, envelope.payload), envelope.signature):
        raise Unverified(
            "receipt-signature",
            f"the receipt's signature does not hold under the key {envelope.hint}",
            "the file was changed after it was signed; restore it from the log's clone or from IPFS",
        )
    return _statement(envelope), public


def read_receipt(raw: bytes) -> Receipt:
    """The receipt that a file holds, by whomever: its signature is NOT checked. Raises `Unverified` for its form."""
    return _statement(_envelope(raw))


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding, the bytes that are signed."""
    return b"DSSEv1 %d %b %d %b" % (len(payload_type.encode()), payload_type.encode(), len(payload), payload)


def _print(envelope: Envelope) -> bytes:
    """RFC 8785 bytes of the bundle: base64 and fingerprints need no escapes."""
    payload, signature = (strictbase64.encode(part) for part in (envelope.payload, envelope.signature))
    return _BUNDLE.format(payload=payload, hint=envelope.hint, signature=signature).encode()


def _envelope(raw: bytes) -> Envelope:
    if len(raw) > MAX_RECEIPT:
        raise Unverified("receipt-too-large", f"the receipt has {len(raw)} bytes, more than {MAX_RECEIPT}")
    form = _FORM.fullmatch(raw)
    if not form:
        raise _malformed("it is not the one form of a Sigstore bundle v0.3 that a receipt has")
    payload, hint, signature = form.groups()
    try:
        return Envelope(strictbase64.decode(payload), strictbase64.decode(signature), hint.decode())
    except ValueError as error:
        raise _malformed(str(error)) from None


def _statement(envelope: Envelope) -> Receipt:
    return Receipt.from_bytes(envelope.payload, "the receipt's payload")


def _malformed(why: str) -> Unverified:
    return Unverified(
        "receipt-malformed", f"the receipt cannot be read: {why}", "a runner writes receipts, nobody else"
    )
