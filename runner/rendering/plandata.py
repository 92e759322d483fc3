"""A plan, problems and the outcome of a tick, as JSON that somebody else may have written: read strictly, into values.

`beacon ci` reads them from artifacts of a workflow that ran a stranger's pull request. So sizes and numbers are
bounded, amounts are decimal numbers, anything unknown is not read, and every text is only ever shown through
`rendering/neutral.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from runner.errors import Unverified
from runner.model.canonical import Count, Decimal, first_mistake

MOST_BYTES = 4 << 20
"""The largest file of a stranger that is read."""
MOST_OF_OURS = 256 << 20
"""The largest that the same job wrote: a large registry may begin 100,000 runs at once."""
MOST = 2000
"""The longest list that is read. A pull request on GitHub shows 300 files."""

Text = Annotated[str, Field(max_length=4000)]
Name = Annotated[str, Field(max_length=500)]
Money = Annotated[Mapping[Name, Decimal], Field(max_length=4)]


class Given(BaseModel):
    """A value that a stranger wrote."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", alias_generator=to_camel)


class Planned(Given):
    """A run that would be started."""

    job: Name
    run: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    due: Name | None
    regions: Annotated[Mapping[Name, Annotated[list[Name], Field(max_length=300)]], Field(max_length=100)]
    answers: Count
    worst_case: Money
    monthly_runs: Count
    monthly_cost: Money
    reaches_alpha: bool
    signer: Name


class Left(Given):
    """A job that would not be started, and why."""

    path: Name
    code: Name
    why: Text


class Purse(Given):
    """A month's budget, in GLM."""

    name: Name
    cap: Decimal
    committed: Decimal
    planned: Decimal
    left: Decimal


class FieldChange(Given):
    """A field of a job, with its value before and after as JSON; None where it is absent."""

    field: Name
    before: Text | None
    after: Text | None


class JobChange(Given):
    """A job that a pull request adds, changes or removes."""

    job: Name
    change: Literal["add", "change", "remove"]
    fields: Annotated[list[FieldChange], Field(max_length=MOST)] = []
    more: Count = 0


class PlanData(Given):
    """What `beacon plan --base BASE --json` says."""

    pending: Annotated[list[Planned], Field(max_length=MOST)]
    idle: Annotated[list[Left], Field(max_length=MOST)]
    budgets: Annotated[list[Purse], Field(max_length=MOST)] = []
    changes: Annotated[list[JobChange], Field(max_length=MOST)] = []


class Trouble(Given):
    """A problem, as `beacon validate --json` tells it."""

    path: Name
    line: Count
    column: Count
    severity: Literal["error", "warning"]
    code: Name
    message: Text
    help: Text = ""


class Troubles(Given):
    """All of them."""

    problems: Annotated[list[Trouble], Field(max_length=10 * MOST)]


class Waiting(Given):
    """What of a tick's plan is still to be told when the tick is over."""

    idle: list[Left]
    budgets: list[Purse] = []


class Tick(Given):
    """What `beacon reconcile --json` says: ids of runs. This machine's own, so that as many are read as there are."""

    head: Name | None
    started: list[Name]
    published: list[Name]
    cancelled: list[Name]
    remaining: list[Name]
    plan: Waiting


class Error(Given):
    """Why a verb gave no answer."""

    code: Name
    message: Text
    hint: Text = ""


class Failure(Given):
    """What any verb says with `--json` where it could not do what it was asked."""

    error: Error


G = TypeVar("G", bound=Given)


def read(model: type[G], raw: bytes, what: str, most: int = MOST_BYTES) -> G:
    """The value in a JSON file. Raises `Unverified` with the first mistake."""
    if len(raw) > most:
        raise _malformed(what, f"it has more than {most} bytes")
    try:
        data = json.loads(raw)
        return model.model_validate(_whole(data) if b"\\u" in raw else data)
    except ValidationError as error:
        raise _malformed(what, first_mistake(error)) from None
    except (ValueError, RecursionError):
        raise _malformed(what, "it is no JSON") from None


def _whole(data: Any) -> Any:
    """Data without halves of characters, as names of files may hold them that are not UTF-8."""
    if isinstance(data, str):
        return data.encode("utf-8", "replace").decode()
    if isinstance(data, dict):
        return {_whole(key): _whole(value) for key, value in data.items()}
    return [_whole(item) for item in data] if isinstance(data, list) else data


def _malformed(what: str, why: str) -> Unverified:
    return Unverified(
        "artifact-malformed",
        f"{what} is not what `beacon` writes: {why}",
        "its workflow ran another version, or the pull request changed it; nothing of it is shown",
    )
