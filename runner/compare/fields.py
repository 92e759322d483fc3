"""Two JSON answers compared as JSON: which fields differ, by JSON pointer (RFC 6901).

Keys and values are an answer's own words, and hostile: whoever shows one neutralises it. What `diff.json` holds passed
`visible` here already, because a lone surrogate, which JSON can spell, has no canonical form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from runner.compare.leaves import Leaves
from runner.model.report import JsonChange, JsonChanges
from runner.rendering.neutral import visible

MOST = 20
"""Fields that are shown of a pair."""
LONGEST = 120
"""Characters of a pointer that are shown."""


class Field(NamedTuple):
    """A field in which two documents differ. `before` and `after` are JSON text, not cut; None where
    the document has no such field."""

    pointer: str
    before: str | None
    after: str | None


def differing(a: Leaves, b: Leaves) -> list[Field]:
    """The fields in which two documents differ, in the order of their pointers, elements of arrays by number."""
    paths = [path for path in a.keys() | b.keys() if a.get(path) != b.get(path)]
    return [Field(pointer(path), _text(a.get(path)), _text(b.get(path))) for path in sorted(paths, key=_place)]


def pointer(path: Sequence[str]) -> str:
    """A path as a JSON pointer; empty for the whole document."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)


def changes(a: Leaves | None, b: Leaves | None, room: int) -> JsonChanges | None:
    """What `diff.json` says of a pair: at most `MOST` fields, nor more than `room`, and how many there are beside them.
    None where one is no JSON, or where all fields are alike."""
    fields = differing(a, b) if a is not None and b is not None else []
    if not fields:
        return None
    shown = fields[: min(MOST, room)]
    return JsonChanges(
        fields=tuple(
            JsonChange(path=_cut(visible(field.pointer[: LONGEST + 1])), only=_only(field)) for field in shown
        ),
        more=len(fields) - len(shown),
    )


def _only(field: Field) -> Literal["a", "b"] | None:
    return "b" if field.before is None else "a" if field.after is None else None


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _text(leaf: str | None) -> str | None:
    """A leaf as JSON would nearly have it: strings between quotes."""
    return leaf + '"' if leaf is not None and leaf.startswith('"') else leaf


def _place(path: tuple[str, ...]) -> list[tuple[int, int, str]]:
    return [(0, len(key), key) if key.isascii() and key.isdigit() else (1, 0, key) for key in path]
