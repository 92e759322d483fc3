"""What a pull request does with each job: adds, changes or removes it, and which fields differ. Pure.

A field is named as its author wrote it, `spec.prompts[capital].text`: an item of a list by its `id` or `name` where it
has one, else by its place. Values are JSON. Whether `registry/suspended` lists a job is told like a field of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from runner.model import JobSpec
from runner.registry import SUSPENDED, Registry

MOST = 100
"""How many fields of a job are told; `more` counts the rest."""
_WIDEST = 1000


class Field(NamedTuple):
    """One field. None where it is absent."""

    field: str
    before: str | None
    after: str | None


class Change(NamedTuple):
    """One job."""

    job: str
    change: Literal["add", "change", "remove"]
    fields: tuple[Field, ...] = ()
    more: int = 0


def as_json(change: Change) -> dict[str, Any]:
    """A change as JSON data."""
    return change._asdict() | {"fields": [field._asdict() for field in change.fields]}


def changed(news: Registry, after: Registry, before: Registry) -> tuple[Change, ...]:
    """The jobs of `news` (what `brought` gives of `after` and `before`), and those that are gone. One that is wrong is
    in neither: its problems say so."""
    found = []
    for path, job in news.jobs.items():
        old = before.jobs.get(path)
        if old is None:
            found.append(Change(path, "change" if before.holds(path) else "add"))
        else:
            differ = (*_suspended(path, before, after), *_differ(old.spec, job.spec))
            found.append(Change(path, "change", differ[:MOST], max(0, len(differ) - MOST)))
    gone = [Change(path, "remove") for path in before.jobs.files if not after.holds(path)]
    return tuple(sorted([*found, *gone]))


def _suspended(path: str, before: Registry, after: Registry) -> Iterator[Field]:
    old, new = (json.dumps(path in registry.suspended) for registry in (before, after))
    if old != new:
        yield Field(SUSPENDED, old, new)


def _differ(before: JobSpec, after: JobSpec) -> Iterator[Field]:
    old, new = dict(_leaves("", before.to_json())), dict(_leaves("", after.to_json()))
    for name in [*new, *(name for name in old if name not in new)]:
        if old.get(name) != new.get(name):
            yield Field(name, old.get(name), new.get(name))


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every value that holds no other, by the name of its place; an empty list or mapping is one, too."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list | tuple) and value:
        for place, inner in enumerate(value):
            yield from _leaves(f"{name}[{_called(inner, place)}]", inner)
    else:
        text = json.dumps(value, ensure_ascii=False)
        yield name[:200], text if len(text) <= _WIDEST else f"{text[:_WIDEST]}…"


def _called(item: Any, place: int) -> str:
    if isinstance(item, Mapping):
        for key in ("id", "name"):
            if isinstance(item.get(key), str):
                return str(item[key])
    return str(place)
