"""The verifier's own root of trust, `<genesis sha256>+<log vkey>`: it comes from elsewhere, never from the clone.

Two things fix who a registry is: the SHA-256 of its first trust list, which the log's entry 0 names, and the log's C2SP
verifier key. Both stay for the life of the log, so one line, copied from a website or a paper, pins everything after.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from runner.errors import Unverified, Usage
from runner.formats import note

_GENESIS = re.compile(r"[0-9a-f]{64}")


class Anchor(NamedTuple):
    """Whom the verifier means. `genesis` is hex, `log_vkey` one line."""

    genesis: str
    log_vkey: str


def parse_anchor(text: str) -> Anchor:
    """The anchor that `--trust` names. Raises `Usage`."""
    genesis, _, vkey = text.strip().partition("+")
    try:
        if not _GENESIS.fullmatch(genesis):
            raise ValueError("it does not begin with 64 hex digits and a plus sign")
        note.parse_vkey(vkey)
    except (ValueError, Unverified) as error:
        raise Usage(
            "anchor-malformed",
            f"this is no anchor: {getattr(error, 'message', error)}",
            "write <genesis sha256>+<log vkey>, as the registry's owners publish it",
        ) from None
    return Anchor(genesis, vkey)


def format_anchor(anchor: Anchor) -> str:
    """The line that `parse_anchor` reads."""
    return f"{anchor.genesis}+{anchor.log_vkey}"
