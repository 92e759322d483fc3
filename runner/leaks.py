"""The last look before publication, which is for ever: does a file hold a secret?

Finds known secrets (this runner's own keys and tokens, as bytes) and what looks like anybody's: private keys in armor,
and tokens with a form of their own. It says where, never what. It cannot find a secret that it neither knows nor
recognises; that model outputs may be published at all is for the policy to say.

A receipt's payload is base64, so its text is searched as well. Known secrets are also searched as hex, as base64, and
as JSON writes them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

_SHAPES: Mapping[str, re.Pattern[bytes]] = {
    "private key": re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
    "AWS access key": re.compile(rb"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b(?<!EXAMPLE)"),
    "GitHub token": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{50,255})\b"),
    "GitLab token": re.compile(rb"\bglpat-[A-Za-z0-9_-]{20,255}"),
    "API key (sk-…)": re.compile(rb"\bsk-(?=[A-Za-z_-]{0,80}[0-9])[A-Za-z0-9_-]{20,255}"),
    "Google API key": re.compile(rb"\bAIza[A-Za-z0-9_-]{35}"),
    "Slack token": re.compile(rb"\bxox[abeprs]-[A-Za-z0-9-]{10,255}"),
    "Hugging Face token": re.compile(rb"\bhf_[A-Za-z0-9]{30,255}\b"),
}
_BASE64 = re.compile(rb'"payload":"([A-Za-z0-9+/]+={0,2})"')
_SHORTEST = 8


class Leak(NamedTuple):
    """Where a secret stands: the file, the line (from 1; 0 inside a receipt's payload) and what kind it is."""

    path: str
    line: int
    kind: str


def leaks(files: Mapping[str, bytes], known: Collection[bytes] = ()) -> list[Leak]:
    """Where files hold a known secret or something of a secret's shape: the first place of each kind in each file.

    Known secrets have at least 8 bytes: shorter ones would be found everywhere."""
    assert all(len(secret) >= _SHORTEST for secret in known), f"a known secret has fewer than {_SHORTEST} bytes"
    spellings = sorted({spelling for secret in known for spelling in _spellings(secret)})
    shapes = {"known secret": re.compile(b"|".join(map(re.escape, spellings)))} if spellings else {}
    shapes |= _SHAPES
    found = []
    for path, content in files.items():
        found += [Leak(path, content.count(b"\n", 0, at) + 1, kind) for kind, at in _search(content, shapes)]
        for payload in _BASE64.findall(content) if path.endswith(".sigstore.json") else ():
            text = base64.b64decode(payload + b"==")
            found += [Leak(path, 0, kind) for kind, _ in _search(text, shapes)]
    return found


def _search(content: bytes, shapes: Mapping[str, re.Pattern[bytes]]) -> Iterator[tuple[str, int]]:
    for kind, pattern in shapes.items():
        if match := pattern.search(content):
            yield kind, match.start()


def _spellings(secret: bytes) -> set[bytes]:
    """A secret as it is, and as it is likely to be written."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret).rstrip(b"=")}
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return found
    return found | {json.dumps(text)[1:-1].encode(), json.dumps(text, ensure_ascii=False)[1:-1].encode()}
