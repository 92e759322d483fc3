"""Answers of verbs that read and check: events, keys, log, verify, report, describe, diff; and that make files."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from runner.model.answers.base import Answer
from runner.model.answers.work import Held
from runner.model.canonical import Sha256
from runner.model.entry import LogEntry


class Event(Answer):
    """One line of `beacon events`."""

    index: int
    entry: LogEntry
    job: str | None
    verdict: str | None


class Key(Answer):
    """A key's life in the log, by indexes."""

    role: str
    principal: str
    key: str
    added: int
    revoked: int | None


class Keys(Answer):
    """`log` is the log's verifier key; `anchor` is what a verifier trusts."""

    log: str
    threshold: int
    keys: list[Key]
    anchor: str | None


class Logged(Answer):
    """An entry at its index."""

    index: int
    entry: LogEntry


class LogShow(Answer):
    """The checkpoint's size and root, and entries."""

    origin: str
    size: int
    root: str
    entries: list[Logged]


class LogProof(Answer):
    """A C2SP tlog-proof, as text."""

    index: int
    proof: str


class LogCheck(Answer):
    """The entry that a proof is of."""

    index: int
    origin: str
    sha256: Sha256


class LogFsck(Answer):
    """What all tiles hash to."""

    size: int
    root: str


class Finding(Answer):
    """What does not hold."""

    code: str
    where: str
    message: str


class Step(Answer):
    """One of the nine steps."""

    number: int
    title: str
    outcome: str
    findings: list[Finding]
    more_findings: int
    checked: dict[str, int]
    not_checked: list[str]
    listed: list[str]


class Verify(Answer):
    """`checkpoint` is the signed note; `result` the last line that people see."""

    ok: bool
    result: str
    commit: str | None
    origin: str | None
    size: int | None
    identity_pinned: bool
    first_use: bool
    checkpoint: str | None
    work_tree: list[str]
    steps: list[Step]


class Reported(Answer):
    """A published run's diff.json, and where it stands."""

    model_config = ConfigDict(extra="allow")
    run: Sha256
    job: str
    verdict: str
    simulated: bool
    sentence: str
    folder: str
    cid: str


class Report(Answer):
    """Published runs, newest first."""

    runs: list[Reported]


class Check(Answer):
    """One thing that a runner needs."""

    name: str
    ok: bool | None
    said: str
    mend: str


class Doctor(Answer):
    """All of them."""

    ok: bool
    checks: list[Check]


class Signed(Answer):
    """A file and its signature."""

    file: str
    signature: str
    namespace: str


class Sign(Answer):
    """All that were signed."""

    signed: list[Signed]


class Made(Answer):
    """A key pair's public half."""

    public: str
    fingerprint: str


class Keygen(Answer):
    """By the file of the private half."""

    keys: dict[str, Made]


class Files(Answer):
    """Files that were written."""

    files: list[str]


class BundleCid(Answer):
    """A folder's or a bundle's CID, and what was written."""

    cid: str
    bytes: int = 0
    blocks: int = 0
    file: str = ""
    folder: str = ""


class Explained(Answer):
    """A code's entry, or all codes."""

    codes: list[str]
    text: str | None


class Names(Answer):
    """Names of schemas."""

    schemas: list[str]


class Provider(Answer):
    """A provider, by the maintainers' list and by the ledger."""

    model_config = ConfigDict(extra="allow")
    node: str
    country: str | None
    attempts: int
    score: float


class Providers(Answer):
    """All that are known, best first."""

    providers: list[Provider]


class Described(Answer):
    """What is recorded of a run."""

    model_config = ConfigDict(extra="allow")
    run: Sha256
    job: str
    folder: str
    due: str | None
    starts: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    cut_short: list[dict[str, Any]]
    kept: dict[str, Held]


class Diff(Answer):
    """How answers differ, pair by pair."""

    a: dict[str, Any]
    b: dict[str, Any]
    ignored: list[str]
    measures: list[dict[str, Any]]
    counts: dict[str, int]
    pairs: list[dict[str, Any]]
    alone: dict[str, list[str]]
