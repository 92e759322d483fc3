"""Entries of the catalogue: about a document, with examples, or about evidence and machines, with what helps."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Entry(NamedTuple):
    """What `beacon explain` says of one code. `of` says what the examples are: a whole file of strict YAML, parts of a
    JobSpec or a policy, paths below the registry, or words about something that no example can show."""

    of: Literal["yaml", "job", "policy", "path", "words"]
    title: str
    why: str
    bad: str
    good: str


class Note(NamedTuple):
    """What `beacon explain` says of a code that no document shows. `mend` is what helps."""

    title: str
    why: str
    mend: str = "compare with another clone of the registry; where it stands there too, ask its maintainers"
