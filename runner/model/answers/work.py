"""Answers of verbs that judge, plan, run and change: validate, plan, reconcile, status, suspend, pin, sweep."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field

from runner.model.answers.base import Answer
from runner.model.canonical import Sha256

Glm: TypeAlias = Annotated[dict[Literal["GLM"], str], Field(description="A decimal number in a string")]
Runs: TypeAlias = Annotated[list[str], Field(description="Ids of runs")]


class Problem(Answer):
    """One mistake in one place. Lines and columns count from 1; 0 means the whole file."""

    path: str
    line: int
    column: int
    width: int
    severity: Literal["error", "warning"]
    code: str
    message: str
    help: str = ""
    excerpt: str = ""


class Problems(Answer):
    """Where the input is wrong; exit code 1."""

    problems: list[Problem]


class Failure(Answer):
    """Why a verb ended."""

    code: str
    message: str
    hint: str


class Error(Answer):
    """Where a verb ended otherwise."""

    error: Failure


class Validate(Problems):
    """`jobs` is how many may run, of those that were judged."""

    jobs: int


class Pending(Answer):
    """A run that would be started."""

    job: str
    run: Sha256
    due: str | None
    generation: int
    regions: dict[str, list[str]]
    answers: int
    attempt_cost: Glm
    region_budget: Glm
    worst_case: Glm
    monthly_runs: int
    monthly_cost: Glm
    smallest_p: Annotated[dict[str, Any], Field(description="count of ways, of all; whether that is exact")]
    reaches_alpha: bool
    signer: str


class Idle(Answer):
    """A job that would not be started, and why."""

    path: str
    code: str
    why: str


class Revision(Answer):
    """The last revision of a job that is gone."""

    job: str
    revision: int


class Budget(Answer):
    """A budget of the policy, in GLM."""

    name: str
    cap: str
    committed: str
    planned: str
    left: str


class FieldChange(Answer):
    """A field of a job, before and after."""

    field: str
    before: str | None
    after: str | None


class Change(Answer):
    """A job that a pull request adds, changes or removes."""

    job: str
    change: Literal["add", "change", "remove"]
    fields: list[FieldChange]
    more: int


class Plan(Answer):
    """What would run, and what would not. `changes` only with --base."""

    pending: list[Pending]
    idle: list[Idle]
    resumed: Runs
    expired: Runs
    cancelled: Runs
    retired: list[Revision]
    budgets: list[Budget]
    changes: list[Change] = Field([])


class Reconcile(Answer):
    """What a tick did. `head` is the branch's commit after it."""

    head: str | None
    started: Runs
    published: Runs
    cancelled: Runs
    superseded: Runs
    remaining: Runs
    plan: Plan


class Standing(Answer):
    """A job, and where it stands."""

    job: str
    state: str
    why: str
    verdict: Annotated[str | None, Field(description="Of its newest published run")]


class Status(Answer):
    """Every job."""

    jobs: list[Standing]


class Suspended(Answer):
    """`suspended` are all jobs that are listed now."""

    jobs: list[str]
    changed: bool
    suspended: list[str]


class Rerun(Answer):
    """A job with its new revision."""

    job: str
    revision: int
    signature: str


class Comments(Answer):
    """What became of the comment below each pull request, by number."""

    comments: dict[str, Literal["created", "updated", "unchanged", "needless"]]


class Cancel(Answer):
    """The run that was asked to be stopped."""

    run: str


class Held(Answer):
    """How a target stands to a bundle. Moments are Unix seconds."""

    stage: str
    at: int
    fetched_back: int | None
    why: str | None


class Pinned(Answer):
    """A bundle, and where it is."""

    run: str
    cid: str
    held: bool
    targets: dict[str, Held]


class Pin(Answer):
    """All bundles. `held` counts those that enough targets hold."""

    at_least: int
    held: int
    bundles: list[Pinned]


class Swept(Answer):
    """What was ended, paid or released."""

    model_config = ConfigDict(extra="allow")
    did: str
    what: str
    id: str
    why: str


class Sweep(Answer):
    """All of it."""

    swept: list[Swept]
