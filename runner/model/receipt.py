"""Receipt: what the runner says of one attempt. An in-toto Statement v1 with a predicate of our own.

Field names follow SLSA and in-toto where those have one. Durations are milliseconds of a monotonic clock, moments are
wall-clock. What could not be observed is absent, never invented.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runner.model.canonical import (
    Count,
    Country,
    Day,
    Decimal,
    Document,
    Glm,
    Grade,
    Id,
    Instant,
    JobPath,
    Network,
    RegionName,
    Sha256,
)
from runner.model.run import Attempt, AttemptStatus, CellStatus

PREDICATE_TYPE: Literal["https://beacon-runner.github.io/receipt/v1"] = "https://beacon-runner.github.io/receipt/v1"
STATEMENT_TYPE: Literal["https://in-toto.io/Statement/v1"] = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

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

    kind: Literal["local", "golem"] = Field(description="local: a sandbox on the runner's machine; golem: the network")
    version: Text = Field(description="Version of that software")
    network: Text = Field(description="`none` for the local sandbox, else the Golem network's name")
    simulated: bool = Field(description="Regions and providers are labels, or the network is a test network")
    altered: bool = Field(False, description="The policy had this region served unlike the others")
    sandbox: Text | None = Field(None, description="What kept the benchmark in, with its version")
    interpreter: Text | None = Field(None, description="What ran a `source` image")
    packages: dict[str, Text] | None = Field(None, description="Installed for the benchmark: name to version")
    cpu: Text | None = Field(None, description="CPU model, since floating-point results depend on it")


class Image(Document):
    """Which form of the image ran."""

    form: Literal["oci", "gvmi", "source"] = Field(description="One of the image's forms in the JobSpec")
    digest: str = Field(min_length=16, max_length=300, description="As the JobSpec pins it")


class RegionEvidence(Document):
    """Where the answers left from, as far as it was seen."""

    requested: RegionName
    observed: RegionName | None = Field(None, description="Where it was seen; absent if nothing was seen")
    country: Country | None = Field(None, description="The country that was seen (ISO 3166-1 alpha-2)")
    grade: Grade
    evidence: Text = Field(description="What the grade rests on, in words, with sources and dates")
    network: Network | None = Field(None, description="Network that the calls to our vantages came from")
    asn: Annotated[int, Field(ge=1, le=2**32 - 1)] | None = Field(
        None, description="Autonomous system of that address, where the source knows it"
    )
    source: Text | None = Field(None, description="What told the country of an address: name and digest, or version")
    source_date: Day | None = Field(None, description="Day on which that source was made")
    vantage: Id | None = Field(None, description="Our vantage in the requested region that it answered fastest")
    rtt_us: Count | None = Field(None, description="Least round trip to that vantage, in microseconds")


class Provider(Document):
    """Whose machine it was."""

    id: str = Field(min_length=1, max_length=120, description="The network's name of the node")
    name: Text = Field(description="What it calls itself")
    payee: Text | None = Field(None, description="The account that is paid for it")
    agreement: Text | None = Field(None, description="The network's id of the agreement")
    activity: Text | None = Field(None, description="The network's id of the activity")


class Times(Document):
    """Moments by the wall clock, and the run's length by a monotonic one."""

    queued: Instant
    agreed: Instant | None = Field(None, description="A provider accepted")
    started: Instant | None = Field(None, description="The benchmark was ready")
    finished: Instant
    duration_ms: Count = Field(description="Milliseconds from start to end, by a monotonic clock")


class CellResult(Document):
    """How one cell ended. `output` is the digest of the raw answer's bytes."""

    prompt: Id
    replica: int = Field(ge=1, le=64, description="Which of the provider's answers to the prompt")
    seed: Count = Field(description="Derived from the log's root, see `runner/model/run.py`")
    status: CellStatus = Field(description="ok, or why there is no answer")
    output: Sha256 | None = Field(None, description="SHA-256 of the answer's bytes, where the status is ok")
    ms: Count | None = Field(None, description="Milliseconds that the answer took, as the benchmark says")
    finish: Text | None = Field(None, description="Why the model stopped, as the benchmark says")
    reason: Text | None = Field(None, description="Why there is no answer")


class Cost(Document):
    """Money, in decimal strings."""

    currency: Glm = "GLM"
    reserved: Decimal = Field("0", description="The most that this attempt could cost")
    observed: Decimal = Field("0", description="What it cost as far as the runner saw")
    invoice: Text | None = Field(None, description="The network's id of the invoice that was accepted")


class RunnerIdentity(Document):
    """Which software says so."""

    version: Text = Field(description="Version of Beacon Runner")
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")] | None = Field(
        None, description="Git commit of that software, where it ran from a clone"
    )


class Predicate(Document):
    """The facts of one attempt."""

    job: Job
    attempt: Attempt
    status: AttemptStatus = Field(description="partial: some cells were answered, not all")
    reason: Text | None = Field(None, description="What went wrong, where something did")
    exit_code: int | None = Field(None, ge=-255, le=255, description="Of the benchmark's process; negative: a signal")
    executor: Executor
    image: Image
    region: RegionEvidence
    provider: Provider
    times: Times
    cells: tuple[CellResult, ...] = Field(description="Every cell of the slot, in the order of the JobSpec")
    usage: dict[Id, Count] = Field(default_factory=dict, description="What the provider's meters counted")
    cost: Cost = Field(default_factory=lambda: Cost.from_json({}))
    runner: RunnerIdentity
    grade: Literal["runner-attested", "payment-settled", "recomputed"] = Field(
        "runner-attested", description="What the receipt rests on besides the runner's word"
    )


class Receipt(Document):
    """An in-toto Statement v1 (https://in-toto.io/Statement/v1). Subjects: the transcript, then each answer."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(
        STATEMENT_TYPE, alias="_type", description="in-toto's envelope of facts"
    )
    subject: tuple[Subject, ...] = Field(min_length=1, description="The files that this receipt answers for")
    predicate_type: Literal["https://beacon-runner.github.io/receipt/v1"] = Field(
        PREDICATE_TYPE, description="Which facts the predicate holds: those below"
    )
    predicate: Predicate
