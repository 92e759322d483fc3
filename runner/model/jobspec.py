"""JobSpec: what a contributor asks for. Written by people, in `registry/jobs/`, as strict YAML."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runner.model.canonical import ApiVersion, Cid, Country, Decimal, Document, Glm, Grade, Id, RegionName

Parameter = Annotated[str, Field(max_length=4096)] | Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)] | bool


class Metadata(Document):
    """Who asks, and under which name."""

    owner: Id = Field(description="Principal of the signing key, and the folder below `registry/jobs/`")
    suite: Id | None = Field(None, description="Folder between owner and job, if there is one")
    name: Id = Field(description="The file's name without `.yaml`")
    title: str = Field(min_length=1, max_length=120, description="One line for people")
    labels: dict[Id, Annotated[str, Field(max_length=63)]] = Field(
        default_factory=dict, max_length=16, description="Words of the author's to find the job by"
    )
    revision: int = Field(ge=1, le=2**31 - 1, description="Rises with every change of the file's bytes")


class Source(Document):
    """A folder of `registry/benchmarks/`, run in a sandbox on the runner's own Python."""

    benchmark: Id = Field(description="Folder below `registry/benchmarks/`")
    cid: Cid = Field(description="UnixFS CID of that folder, profile unixfs-v1-2025 (`beacon image cid FOLDER`)")


class Image(Document):
    """Up to three forms of one benchmark, each pinned by its digest."""

    oci: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9./:_-]{0,199}@sha256:[0-9a-f]{64}$",
        description="OCI image by digest: a tag alone may change",
    )
    gvmi: str | None = Field(None, pattern=r"^[0-9a-f]{56}$", description="Golem VM image, SHA3-224 in hex")
    source: Source | None = Field(None, description="The benchmark's own files, kept in this registry")


class Container(Document):
    """A benchmark that brings its model along."""

    kind: Literal["container"] = Field(description="The benchmark is an image")
    name: Id = Field(description="What reports call this target")
    image: Image
    command: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        min_length=1, max_length=16, description="Program and arguments, run in the image's folder"
    )
    parameters: dict[Id, Parameter] = Field(
        default_factory=dict, max_length=32, description="Handed to the benchmark with every cell"
    )


class Service(Document):
    """A model behind somebody's API."""

    kind: Literal["service"] = Field(description="The model is called over somebody's API")
    name: Id = Field(description="What reports call this target")
    provider: Id = Field(description="One of the policy's `services`")
    model: str = Field(min_length=1, max_length=120, description="The provider's name of the model")
    parameters: dict[Id, Parameter] = Field(
        default_factory=dict, max_length=32, description="Sent along with every prompt"
    )


Target = Annotated[Container | Service, Field(discriminator="kind")]


class Prompt(Document):
    """One question."""

    id: Id = Field(description="What reports call this prompt; no two alike")
    text: str = Field(min_length=1, max_length=16_384, description="Handed to the model as it is")


class Region(Document):
    """A region of the policy, and, if fewer are wanted, which of its countries."""

    name: RegionName = Field(description="One of the policy's `regions`")
    countries: tuple[Country, ...] = Field((), max_length=32, description="Empty: every country of the region")


class Sampling(Document):
    """How many independent answers each region gives."""

    providers: int = Field(3, ge=1, le=16, description="Distinct providers per region: the unit of the statistics")
    replicas: int = Field(1, ge=1, le=64, description="Answers per provider and prompt")
    seeds: Literal["shared", "independent"] = Field(
        "independent",
        description="shared: the same seed in every region (are the bytes alike?); independent (is the behaviour?)",
    )


class Limits(Document):
    """Four timeouts in seconds, and what one attempt may use."""

    queue_seconds: int = Field(300, ge=1, le=86_400, description="Until a provider accepts")
    start_seconds: int = Field(120, ge=1, le=3_600, description="Until the benchmark is ready")
    run_seconds: int = Field(600, ge=1, le=86_400, description="From its start until its end")
    total_seconds: int = Field(3_600, ge=1, le=172_800, description="For the whole run, retries included")
    memory_mi_b: int = Field(2_048, alias="memoryMiB", ge=16, le=65_536, description="Memory of one attempt")
    cpus: int = Field(1, ge=1, le=64, description="Threads of one attempt")
    output_ki_b: int = Field(64, alias="outputKiB", ge=1, le=1_024, description="Per answer")


class Budget(Document):
    """The most that one run may cost, failed attempts included."""

    currency: Glm = "GLM"
    total: Decimal = Field("0", description="For all regions together")
    per_region: Decimal = Field("0", description="For one region")


class Compare(Document):
    """How answers are judged."""

    ignore: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        (), max_length=16, description="Literal texts to leave out before comparing"
    )
    similarity: Literal["lexical"] = Field("lexical", description="What a distance between answers means: their words")
    alpha: Decimal = Field("0.05", description="Chance of a false alarm that is accepted, above 0, at most 0.2")


class Spec(Document):
    """The work itself."""

    targets: tuple[Target, ...] = Field(min_length=1, max_length=8, description="Models to ask")
    prompts: tuple[Prompt, ...] = Field(min_length=1, max_length=200, description="Questions to ask each of them")
    regions: tuple[Region, ...] = Field(min_length=1, max_length=16, description="Where to ask them")
    min_regions: int = Field(3, ge=1, le=16, description="Fewer observed regions make the verdict `insufficient`")
    sampling: Sampling = Field(default_factory=lambda: Sampling.from_json({}))
    limits: Limits = Field(default_factory=lambda: Limits.from_json({}))
    retries: int = Field(5, ge=0, le=5, description="Further attempts of a slot that did not answer")
    budget: Budget = Field(default_factory=lambda: Budget.from_json({}))
    schedule: str | None = Field(
        None,
        min_length=9,
        max_length=100,
        description="Cron expression with five fields, UTC; without it the job runs once",
        examples=["0 3 * * 1"],
    )
    priority: int = Field(0, ge=-100, le=100, description="Higher runs first")
    min_grade: Grade = Field("claimed", description="Weakest evidence of a region that is accepted")
    publish: Literal["full"] = Field("full", description="full: answers are published, for ever")
    compare: Compare = Field(default_factory=lambda: Compare.from_json({}))


class JobSpec(Document):
    """A benchmark to run in several regions, and how to judge the answers."""

    api_version: ApiVersion
    kind: Literal["JobSpec"] = Field(description="What this document is")
    metadata: Metadata
    spec: Spec

    def folder(self) -> str:
        """`owner/[suite/]name`: where the job's reports stand, below `reports/jobs/`."""
        suite = f"{self.metadata.suite}/" if self.metadata.suite else ""
        return f"{self.metadata.owner}/{suite}{self.metadata.name}"

    def path(self) -> str:
        """Where the job's file must stand."""
        return f"registry/jobs/{self.folder()}.yaml"
