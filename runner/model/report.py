"""DiffReport and Manifest: what was found, and what was published.

`diff.json` holds integers and decimal strings only: distances are parts per million, p values are exact fractions.
It is a pure function of the job, the run and the receipts' cells, and `beacon verify` derives it again.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runner.model.canonical import Cid, Count, Decimal, Document, Id, JobPath, PartsPerMillion, RegionName, Sha256

Verdict = Literal["same", "noise", "minor", "major", "insufficient"]
PairClass = Literal["identical", "noise", "minor", "major"]
Kind = Literal["content", "format", "metadata", "refusal", "numeric", "error", "missing"]
VersionTag = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}/[0-9]{1,6}$", examples=["lexical/1"])]


class PValue(Document):
    """A p value as an exact fraction: `count` of `of` arrangements are at least as extreme as the observed one."""

    count: int = Field(ge=1)
    of: int = Field(ge=1)
    exact: bool = Field(description="Every arrangement was counted; else (1+b)/(1+B) of drawn ones")


class Test(Document):
    """One permutation test with the provider as the unit."""

    kind: Literal["global", "region", "missing"]
    regions: tuple[RegionName, ...] = Field(description="Regions that took part")
    region: RegionName | None = Field(None, description="The region with the largest statistic")
    statistic: int = Field(description="Energy distance, in parts per million")
    p: PValue
    significant: bool


class Spread(Document):
    """Least, middle and greatest of a set of distances."""

    least: PartsPerMillion
    median: PartsPerMillion
    greatest: PartsPerMillion
    pairs: Count


class RegionDiff(Document):
    """One region of one target."""

    region: RegionName
    verdict: Verdict
    planned: Count
    answered: Count
    failures: dict[str, Count] = Field(default_factory=dict, description="Cells without an answer, by status")
    providers: Count = Field(description="Providers that answered at least once")
    control: Spread | None = Field(None, description="Between providers of this region: the job's own noise")
    others: Spread | None = Field(None, description="Between this region's providers and the other regions'")


class Answer(Document):
    """Where an answer stands."""

    region: RegionName
    slot: Count
    replica: Count


class PairSample(Document):
    """Answers of two regions to one prompt: how the pairs fall into classes, and the pair in the middle."""

    prompt: Id
    a: Answer
    b: Answer
    distance: PartsPerMillion
    pair_class: PairClass
    kinds: tuple[Kind, ...]
    reasons: tuple[Annotated[str, Field(max_length=120)], ...] = ()
    classes: dict[PairClass, Count]


class TargetDiff(Document):
    """One target, compared over its regions."""

    target: Id
    verdict: Verdict
    named: tuple[RegionName, ...] = Field((), description="Regions that differ by more than chance")
    separable: bool = Field(description="At least three independent providers in each compared region")
    reasons: tuple[Annotated[str, Field(max_length=300)], ...] = Field((), description="Why `insufficient`, if it is")
    tests: tuple[Test, ...]
    regions: tuple[RegionDiff, ...]
    matrix: tuple[tuple[PartsPerMillion, ...], ...] = Field(
        description="Mean distance between regions; the diagonal is the control"
    )
    samples: tuple[PairSample, ...]
    detectable: PartsPerMillion | None = Field(
        None, description="Smallest shift between regions that this design would have found"
    )


class Design(Document):
    """What was planned, and the smallest p value that it can reach."""

    seeds: Literal["shared", "independent"]
    alpha: Decimal
    regions: tuple[RegionName, ...]
    min_regions: Count
    providers: Count
    replicas: Count
    prompts: tuple[Id, ...]
    smallest_p: PValue


class DiffReport(Document):
    """What differs, and whether it is more than chance."""

    api_version: Literal["beacon/v1"] = "beacon/v1"
    kind: Literal["DiffReport"] = "DiffReport"
    run: Sha256
    job: JobPath
    classifier: VersionTag
    verdict: Verdict
    not_observed: tuple[RegionName, ...] = Field((), description="Regions asked for without a single answer")
    simulated: bool
    grade: Literal["claimed", "listed", "egress", "egress+rtt"]
    design: Design
    targets: tuple[TargetDiff, ...]


class Manifest(Document):
    """Every file of a run's folder but the manifest itself and the proof, with its digest."""

    api_version: Literal["beacon/v1"] = "beacon/v1"
    kind: Literal["Manifest"] = "Manifest"
    run: Sha256
    job: JobPath
    cid: Cid
    profile: Literal["unixfs-v1-2025"] = "unixfs-v1-2025"
    classifier: VersionTag
    renderer: VersionTag
    files: dict[Annotated[str, Field(min_length=1, max_length=300)], Sha256]
