"""Policy and TrustList: what the maintainers allow, and the files that they answer for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runner.model.canonical import ApiVersion, Country, Decimal, Document, Glm, Id, JobPath, RegionName, Sha256
from runner.model.jobspec import Parameter

Origin = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?(/[A-Za-z0-9._-]{1,63}){0,6}$",
        max_length=120,
        description="C2SP log origin: a schema-less URL without trailing slash, fixed for the life of the log",
        examples=["example.org/beacon/log"],
    ),
]
Branch = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$", description="Branch that the runner writes")
]
Amounts = Annotated[dict[Glm, Decimal], Field(max_length=1)]


class LogPolicy(Document):
    """Which log this registry writes, and on which branch."""

    origin: Origin
    branch: Branch = "main"


class Images(Document):
    """Which images may run."""

    oci: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        (), max_length=100, description="Allowed prefixes of OCI image names"
    )
    sources: bool = Field(True, description="Whether folders of `registry/benchmarks/` may run")


class Caps(Document):
    """The most that one job may ask for."""

    providers: int = Field(8, ge=1, le=16, description="Distinct providers per region")
    replicas: int = Field(16, ge=1, le=64, description="Answers per provider and prompt")
    prompts: int = Field(50, ge=1, le=200, description="Prompts of one job")
    answers: int = Field(5_000, ge=1, le=1_000_000, description="Cells of one run, all together")
    total_seconds: int = Field(14_400, ge=1, le=172_800, description="For one run, retries included")
    memory_mi_b: int = Field(8_192, alias="memoryMiB", ge=16, le=65_536, description="Memory of one attempt")
    cpus: int = Field(4, ge=1, le=64, description="Threads of one attempt")
    output_ki_b: int = Field(256, alias="outputKiB", ge=1, le=1_024, description="Per answer")
    retries: int = Field(5, ge=0, le=5, description="Further attempts of a slot that did not answer")


class Budgets(Document):
    """Caps on money: one run, one owner a month, everybody a month."""

    job: Amounts = Field(default_factory=dict, description="One run")
    owner_month: Amounts = Field(default_factory=dict, description="All runs of one owner in a month")
    month: Amounts = Field(default_factory=dict, description="All runs in a month")


class Serve(Document):
    """How the local executor serves one region of one job, unlike the others. Receipts say `altered`."""

    parameters: dict[Id, Parameter] = Field(
        min_length=1, max_length=32, description="Put over the target's own parameters"
    )


class Local(Document):
    """The local executor's peculiarities."""

    serve: dict[JobPath, dict[RegionName, Serve]] = Field(
        default_factory=dict, max_length=1_000, description="Job and region to what is served differently there"
    )


class Prices(Document):
    """The most that a provider may ask for, in GLM. Dearer offers are not taken."""

    start: Decimal = Field("0", description="Once, for starting")
    hour: Decimal = Field("0", description="For one hour")
    cpu_hour: Decimal = Field("0", description="For one hour of one thread in use")


class Vantage(Document):
    """A place of the operators' own that cells answer to, so that it is seen where they are (`beacon vantage`)."""

    name: Id = Field(description="What receipts call it")
    region: RegionName = Field(description="The region that it stands in, or near")
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,200}$")] = Field(description="Host name or address")
    port: int = Field(ge=1, le=65_535, description="TCP port")
    max_rtt_ms: int = Field(50, ge=1, le=1_000, description="Longest round trip from a provider of that region")


class Golem(Document):
    """Which Golem network runs this registry's jobs, and on which terms."""

    network: Id = Field(
        description="`devnet`: `beacon devnet` on this machine, simulated; else yagna's payment network"
    )
    driver: Id = Field("erc20", description="yagna's payment driver")
    subnet: Id = Field("public", description="Subnet of the market; a devnet has its own")
    images: Annotated[str, Field(pattern=r"^https?://[!-~]{1,300}$")] | None = Field(
        None,
        description="Where providers fetch Golem VM images; `{hash}` stands for the image's SHA3-224",
        examples=["https://images.example.org/{hash}.gvmi"],
    )
    prices: Prices = Field(default_factory=lambda: Prices.from_json({}))
    vantages: tuple[Vantage, ...] = Field((), max_length=32, description="Places that cells answer to")


PinUrl = Annotated[
    str,
    Field(
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]{1,200}(/[A-Za-z0-9._~/-]{0,200})?$",
        description="Base address, without a query; a token is sent to https and to loopback alone",
        examples=["http://127.0.0.1:5001", "https://pins.example.org/psa"],
    ),
]


class KuboTarget(Document):
    """A Kubo node, by its RPC. Token: `BEACON_PIN_<NAME>_TOKEN`."""

    kind: Literal["kubo", "ipfshttpclient"] = Field(
        description="`ipfshttpclient`: uploads and pins by that library, which is an extra"
    )
    url: PinUrl


class ServiceTarget(Document):
    """A service of the IPFS Pinning Service API 1.0.0. Tokens: `BEACON_PIN_<NAME>_TOKEN`, and `…_ORIGIN_TOKEN`."""

    kind: Literal["service"] = Field(description="A pinning service")
    url: PinUrl
    origin: PinUrl = Field(description="RPC of a Kubo node that the service can reach and fetch from")
    gateway: PinUrl | None = Field(
        None,
        description="The service's own trustless gateway; without it nothing can be fetched back, and none is held",
    )


class FolderTarget(Document):
    """A folder of CAR files. Where it is, is the machine's to say: `BEACON_PIN_<NAME>_PATH`."""

    kind: Literal["folder"] = Field(description="A folder of CAR files")


PinTarget = Annotated[KuboTarget | ServiceTarget | FolderTarget, Field(discriminator="kind")]


class Pinning(Document):
    """Where bundles are kept, besides this repository (`beacon pin`)."""

    targets: dict[Id, PinTarget] = Field(min_length=1, max_length=16, description="Name to target")
    at_least: int = Field(2, ge=1, le=16, description="Targets that have to hold each bundle")
    verify_days: int = Field(30, ge=1, le=3_650, description="After so many days a bundle is fetched back again")


class Content(Document):
    """What prompts may not hold, as literal text, letters of either case alike."""

    refuse_prompts: tuple[Annotated[str, Field(min_length=2, max_length=200)], ...] = Field(
        (), max_length=200, description="Texts that no prompt may hold"
    )


class Policy(Document):
    """What the maintainers of a registry allow."""

    api_version: ApiVersion
    kind: Literal["Policy"] = Field(description="What this document is")
    log: LogPolicy
    regions: dict[RegionName, Annotated[tuple[Country, ...], Field(min_length=1, max_length=100)]] = Field(
        min_length=1, max_length=64, description="Regions and their countries"
    )
    images: Images = Field(default_factory=lambda: Images.from_json({}))
    services: tuple[Id, ...] = Field((), max_length=100, description="Providers of model services that may be called")
    caps: Caps = Field(default_factory=lambda: Caps.from_json({}))
    budgets: Budgets = Field(default_factory=lambda: Budgets.from_json({}))
    min_interval_seconds: int = Field(
        3_600, ge=60, le=31_536_000, description="Shortest time between two scheduled runs"
    )
    windows: tuple[Annotated[str, Field(min_length=9, max_length=100)], ...] = Field(
        (),
        max_length=32,
        description="Cron expressions, UTC: runs start only in minutes that one of them names; without any, always",
        examples=[["* 20-23 * * *"]],
    )
    content: Content = Field(default_factory=lambda: Content.from_json({}))
    local: Local = Field(default_factory=lambda: Local.from_json({}))
    pinning: Pinning | None = Field(None, description="Without it, bundles are kept by clones alone")
    golem: Golem | None = Field(None, description="Without it, jobs run in a sandbox on the runner's own machine")


class TrustList(Document):
    """Canonical list of the files that decide who may do what; signed by the maintainers, m of n."""

    api_version: ApiVersion
    kind: Literal["TrustList"] = Field(description="What this document is")
    origin: Origin
    serial: int = Field(ge=1, le=2**31 - 1, description="Rises with every change")
    files: dict[Annotated[str, Field(pattern=r"^registry/[a-z0-9./_-]{1,200}$")], Sha256] = Field(
        min_length=1, max_length=100, description="Path to SHA-256"
    )
