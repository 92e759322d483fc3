"""A benchmark's `requirements.txt`, as strict as it must be to install it outside the sandbox.

What pip reads may name other indexes, other files, local folders and addresses, and may ask to build, which runs the
package's own code. None of it is accepted: each requirement is a name, an exact version, an optional environment
marker (PEP 508) and SHA-256 hashes, over as many lines as backslashes join. `normal` prints exactly that again, and
only that is given to an installer. Installing is `runner/edges/environment.py`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runner.errors import Invalid, Problem

_HASHES = r"(?P<hashes>(?:\s+--hash=sha256:[0-9a-f]{64})+)"
_PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_]{0,60})"
    r"""(?:\s*;\s*(?P<marker>[A-Za-z0-9_.<>=!"' ()]{1,300}?))?""" + _HASHES
)
_HELP = "write `name==version --hash=sha256:…`, one package an entry, nothing else (`pip-compile --generate-hashes`)"


class Requirement(NamedTuple):
    """One package at one version. `hashes` are SHA-256 in hex, of each file that may be installed."""

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]


def parse(raw: bytes, path: str) -> tuple[Requirement, ...]:
    """The requirements of a file. Raises `Invalid` with every entry that is not pinned and hashed."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Invalid([Problem(path, 0, 0, "requirements-not-text", "the file is not UTF-8", _HELP)]) from None
    found: list[Requirement] = []
    problems: list[Problem] = []
    for number, entry in _entries(text):
        match = _PINNED.fullmatch(entry)
        if match is None:
            problems.append(
                Problem(
                    path, number, 1, "requirement-not-pinned", "not a pinned and hashed package", _HELP, entry[:120]
                )
            )
        else:
            hashes = tuple(sorted(set(re.findall(r"[0-9a-f]{64}", match["hashes"]))))
            found.append(Requirement(match["name"], match["version"], match["marker"], hashes))
    if problems:
        raise Invalid(problems)
    return tuple(found)


def normal(requirements: tuple[Requirement, ...]) -> str:
    """The same requirements, one a line."""
    return "".join(
        f"{entry.name}=={entry.version}{f' ; {entry.marker}' if entry.marker else ''}"
        f"{''.join(f' --hash=sha256:{digest}' for digest in entry.hashes)}\n"
        for entry in requirements
    )


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """Joined lines without comments, with the number of the first line of each."""
    pending, first = "", 0
    for number, line in enumerate([*text.split("\n"), ""], 1):
        stripped = re.sub(r"(^|\s)#.*$", "", line).strip()
        first = first if pending else number
        pending += f" {stripped.removesuffix(chr(92)).rstrip()}"
        if stripped.endswith("\\"):
            continue
        if pending.strip():
            yield first, pending.strip()
        pending = ""
    if pending.strip():
        yield first, pending.strip()
