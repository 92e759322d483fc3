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

# Each begins with plain bytes, which makes the search quick; that no word may end in them is looked at afterwards.
_SHAPES: Mapping[str, re.Pattern[bytes]] = {
    "private key": re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
    "AWS access key": re.compile(rb"A(?:KIA|SIA)(?<!\w.{4})[A-Z2-7]{16}\b(?<!EXAMPLE)"),
    "GitHub token": re.compile(rb"gh[pousr]_(?<!\w.{4})[A-Za-z0-9]{36,255}\b"),
    "GitHub token, fine-grained": re.compile(rb"github_pat_(?<!\w.{11})[A-Za-z0-9_]{50,255}\b"),
    "GitLab token": re.compile(rb"glpat-(?<!\w.{6})[A-Za-z0-9_-]{20,255}"),
    "API key (sk-…)": re.compile(rb"sk-(?<!\w.{3})(?=[A-Za-z_-]{0,80}[0-9])[A-Za-z0-9_-]{20,255}"),
    "Google API key": re.compile(rb"AIza(?<!\w.{4})[A-Za-z0-9_-]{35}"),
    "Slack token": re.compile(rb"xox[abeprs]-(?<!\w.{5})[A-Za-z0-9-]{10,255}"),
    "Hugging Face token": re.compile(rb"hf_(?<!\w.{3})[A-Za-z0-9]{30,255}\b"),
}
_PAYLOAD = re.compile(rb'"payload":"((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)"')
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
    spellings = {spelling for secret in known for spelling in _spellings(secret)}
    found = []
    for path, content in files.items():
        found += [Leak(path, content.count(b"\n", 0, at) + 1, kind) for kind, at in _search(content, spellings)]
        for payload in _PAYLOAD.findall(content) if path.endswith(".sigstore.json") else ():
            found += [Leak(path, 0, kind) for kind, _ in _search(base64.b64decode(payload), spellings)]
    return found


def _search(content: bytes, spellings: Collection[bytes]) -> Iterator[tuple[str, int]]:
    """The kinds of secrets in a text, each with the place of the first one."""
    if exact := [at for spelling in spellings if (at := content.find(spelling)) >= 0]:
        yield "known secret", min(exact)
    for kind, pattern in _SHAPES.items():
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
