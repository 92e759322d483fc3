"""Receipt: what the runner says of one attempt. An in-toto Statement v1 with a predicate of our own.

Field names follow SLSA and in-toto where those have one. Durations are milliseconds of a monotonic clock, moments are
wall-clock. What could not be observed is absent, never invented.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runner.model.canonical import Count, Country, Decimal, Document, Id, Instant, JobPath, RegionName, Sha256
from runner.model.run import Attempt, AttemptStatus, CellStatus

PREDICATE_TYPE: Literal["https://beacon-runner.github.io/receipt/v1"] = "https://beacon-runner.github.io/receipt/v1"
STATEMENT_TYPE: Literal["https://in-toto.io/Statement/v1"] = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

Grade = Literal["claimed", "listed", "egress", "egress+rtt"]
Text = Annotated[str, Field(max_length=300)]


class Digest(Document):
    """A digest set with the one algorithm that is used here."""

    sha256: Sha256


class Subject(Document):
    """One file of the bundle that the receipt answers for."""

    name: str = Field(min_length=1, max_length=300, description="Path below `bundle/`")
    digest: Digest


class Job(Document):
    """The job whose bytes were run."""

    path: JobPath
    digest: Digest


class Executor(Document):
    """Who executed."""

    kind: Literal["local", "golem"]
    version: Text
    network: Text = Field(description="`none` for the local sandbox, else the Golem network's name")
    simulated: bool
    altered: bool = Field(False, description="The policy had this region served unlike the others")
    sandbox: Text | None = None
    interpreter: Text | None = None
    packages: dict[str, Text] | None = Field(None, description="Installed for the benchmark: name to version")
    cpu: Text | None = Field(None, description="CPU model, since floating-point results depend on it")


class Image(Document):
    """Which form of the image ran."""

    form: Literal["oci", "gvmi", "source"]
    digest: str = Field(min_length=16, max_length=300)


class RegionEvidence(Document):
    """Where the answers left from, as far as it was seen."""

    requested: RegionName
    observed: RegionName | None = None
    country: Country | None = None
    grade: Grade
    evidence: Text


class Provider(Document):
    """Whose machine it was."""

    id: str = Field(min_length=1, max_length=120)
    name: Text
    agreement: Text | None = None
    activity: Text | None = None


class Times(Document):
    """Moments by the wall clock, and the run's length by a monotonic one."""

    queued: Instant
    agreed: Instant | None = None
    started: Instant | None = None
    finished: Instant
    duration_ms: Count


class CellResult(Document):
    """How one cell ended. `output` is the digest of the raw answer's bytes."""

    prompt: Id
    replica: int = Field(ge=1, le=64)
    seed: Count
    status: CellStatus
    output: Sha256 | None = None
    ms: Count | None = None
    finish: Text | None = None
    reason: Text | None = None


class Cost(Document):
    """Money, in decimal strings."""

    currency: Literal["GLM"] = "GLM"
    reserved: Decimal = "0"
    observed: Decimal = "0"


class RunnerIdentity(Document):
    """Which software says so."""

    version: Text
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")] | None = None


class Predicate(Document):
    """The facts of one attempt."""

    job: Job
    attempt: Attempt
    status: AttemptStatus
    reason: Text | None = None
    exit_code: int | None = Field(None, ge=-255, le=255)
    executor: Executor
    image: Image
    region: RegionEvidence
    provider: Provider
    times: Times
    cells: tuple[CellResult, ...]
    usage: dict[Id, Count] = Field(default_factory=dict)
    cost: Cost = Field(default_factory=lambda: Cost.from_json({}))
    runner: RunnerIdentity
    grade: Literal["runner-attested", "payment-settled", "recomputed"] = "runner-attested"


class Receipt(Document):
    """An in-toto Statement v1 (https://in-toto.io/Statement/v1). Subjects: the transcript, then each answer."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(STATEMENT_TYPE, alias="_type")
    subject: tuple[Subject, ...] = Field(min_length=1)
    predicate_type: Literal["https://beacon-runner.github.io/receipt/v1"] = PREDICATE_TYPE
    predicate: Predicate
