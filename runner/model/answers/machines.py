"""Answers of verbs about images, providers and machines: image, fetch, devnet, vantage, gc, daemon and others."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from runner.model.answers.base import Answer
from runner.model.canonical import Instant


class Image(Answer):
    """What a job names an image by, and where it is kept here."""

    cid: str = ""
    oci: str = ""
    gvmi: str = ""
    digest: str = ""
    file: str = ""


class Fetch(Answer):
    """What came. `verify` with a registry, `alone` without."""

    cid: str
    folder: str
    blocks: int
    troubles: dict[str, str]
    run: str | None
    verify: dict[str, Any] | None = None
    alone: dict[str, Any] | None = None


class Provider(Answer):
    """What is known of one provider, and what its score is made of."""

    model_config = ConfigDict(extra="allow")
    node: str
    country: str | None
    attempts: int


class Scan(Answer):
    """Whom the market showed, and the list that would be proposed."""

    offers: int
    unreadable: int
    nodes: list[dict[str, Any]]
    changes: list[str]
    providers: dict[str, dict[str, Any]]
    written: str | None


class Devnet(Answer):
    """Its state, and the facts by which it is reached."""

    model_config = ConfigDict(extra="allow")


class Vantage(Answer):
    """Where it listens."""

    name: str
    listen: str
    control: str


class Rescore(Answer):
    """Runs that were judged again, and those that were left."""

    head: str | None
    classifier: str
    rescored: list[dict[str, Any]]
    left: list[dict[str, str]]


class Exported(Answer):
    """What was written."""

    file: str = ""
    run: str = ""
    folder: str = ""
    files: int = 0


class Gc(Answer):
    """A git directory before and, where something was done, after."""

    before: dict[str, Any]
    leftovers: list[dict[str, Any]]
    after: dict[str, Any] | None


class Told(Answer):
    """Something that a daemon did, one document a line. Names of events are stable; their facts may become more."""

    at: Instant
    event: str
    facts: dict[str, str | int | None]


class Executed(Answer):
    """Runs that a stage executed, and the digest of its results."""

    digest: str
    executed: list[str]
