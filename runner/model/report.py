"""DiffReport and Manifest: what was found, and what was published.

`diff.json` holds integers and decimal strings only: distances are parts per million, p values are exact fractions.
It is a pure function of the job, the run and the receipts' cells, and `beacon verify` derives it again.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runner.model.canonical import (
    MAX_INTEGER,
    ApiVersion,
    Cid,
    Count,
    Decimal,
    Document,
    Grade,
    Id,
    JobPath,
    PartsPerMillion,
    RegionName,
    Sha256,
)
from runner.model.chance import PValue

Verdict = Annotated[
    Literal["same", "noise", "minor", "major", "insufficient"],
    Field(description="noise: differences, but no more than the regions' own"),
]
PairClass = Literal["identical", "noise", "minor", "major"]
Kind = Literal["content", "format", "metadata", "refusal", "numeric", "error", "missing"]
VersionTag = Annotated[
    str, Field(pattern=r"^[a-z0-9-]{1,40}/[0-9]{1,6}$", description="Name and version of code", examples=["lexical/2"])
]


class Test(Document):
    """One permutation test with the provider as the unit."""

    kind: Literal["global", "region", "missing"] = Field(description="Any difference; one region's; of missing answers")
    regions: tuple[RegionName, ...] = Field(description="Regions that took part")
    region: RegionName | None = Field(None, description="The region with the largest statistic")
    statistic: int = Field(
        ge=-MAX_INTEGER, le=MAX_INTEGER, description="Energy distance of words and style, in parts per million of words"
    )
    p: PValue
    significant: bool = Field(description="p is at most the job's alpha, as corrected for several regions")


class Spread(Document):
    """Least, middle and greatest of a set of distances."""

    least: PartsPerMillion
    median: PartsPerMillion
    greatest: PartsPerMillion
    pairs: Count = Field(description="Pairs of answers that were measured")


class Length(Document):
    """Least, middle and greatest of the lengths of answers."""

    least: Count = Field(description="Of the shortest answer")
    median: Count = Field(description="Of the one in the middle, the shorter of two")
    greatest: Count = Field(description="Of the longest answer")


LanguageCode = Annotated[str, Field(pattern=r"^([a-z]{2,3}|unknown)$", description="ISO 639, or unknown")]
Word = Annotated[str, Field(pattern=r"^[a-z]{1,20}$")]


class Described(Document):
    """What answers look like on their own, measured, and what is filtered from them. No test rests on it."""

    characters: Length = Field(description="Of the answers without the literals of `compare.ignore`")
    words: Length = Field(description="Numbers, runs of letters, and characters of scripts without spaces")
    languages: dict[LanguageCode, Count] = Field(description="How many answers are in which language")
    refusals: Count = Field(description="Answers that refuse")
    json_answers: Count = Field(description="Answers that are valid JSON, an object or an array, in a fence or not")
    volatile: dict[Word, Count] = Field(
        description="Values that differ in every call, by kind: the classes of pairs leave them out, distances do not"
    )
    ignored: tuple[Count, ...] = Field(
        (), description="How often each literal of `compare.ignore`, in the job's order, was left out, of everything"
    )


class RegionDiff(Document):
    """One region of one target."""

    region: RegionName
    verdict: Verdict
    planned: Count = Field(description="Cells that the job asks for: the denominator")
    answered: Count = Field(description="Cells with an answer")
    failures: dict[str, Count] = Field(default_factory=dict, description="Cells without an answer, by status")
    providers: Count = Field(description="Providers that answered at least once")
    control: Spread | None = Field(None, description="Between providers of this region: the job's own noise")
    others: Spread | None = Field(None, description="Between this region's providers and the other regions'")
    described: Described | None = Field(None, description="Its answers; absent where there are none")


class Answer(Document):
    """Where an answer stands."""

    region: RegionName
    slot: Count = Field(description="Which of the region's providers")
    replica: Count = Field(description="Which of the provider's answers to the prompt")


class JsonChange(Document):
    """A field in which two JSON answers differ. Keys are the answers' own words, the deceiving characters shown."""

    path: str = Field(max_length=120, description="JSON pointer (RFC 6901); a longer one is cut and ends in …")
    only: Literal["a", "b"] | None = Field(None, description="The one answer that has it; absent where both do")


class JsonChanges(Document):
    """The fields in which two JSON answers differ."""

    fields: tuple[JsonChange, ...] = Field(max_length=20, description="In the order of their pointers")
    more: Count = Field(description="Those that are left out here")


class PairSample(Document):
    """Answers of two regions to one prompt: how the pairs fall into classes, and the pair in the middle."""

    prompt: Id
    a: Answer
    b: Answer
    distance: PartsPerMillion
    pair_class: PairClass = Field(description="Class of the pair in the middle")
    kinds: tuple[Kind, ...] = Field(description="What differs in it")
    reasons: tuple[Annotated[str, Field(max_length=120)], ...] = Field((), description="Why it fell into its class")
    classes: dict[PairClass, Count] = Field(description="How many pairs fell into each class")
    json_changes: JsonChanges | None = Field(None, description="Where both are JSON, the fields that differ")


class Apart(Document):
    """One provider whose answers stand apart from all the others'. An observation, no verdict on its region."""

    region: RegionName
    slots: tuple[Annotated[int, Field(ge=1, le=16)], ...] = Field(description="Which of the region's providers it was")
    provider: str = Field(min_length=1, max_length=120, description="The network's name of the node")
    distance: PartsPerMillion = Field(description="Its mean distance to the others")
    others: Count = Field(description="How many providers it is held against")
    least: PartsPerMillion = Field(description="The least mean distance of another one to the rest of the others")
    greatest: PartsPerMillion = Field(description="The greatest of these")
    answers: Count = Field(description="Its answers that can be compared")
    unlike: Count = Field(description="Those of them that no other provider gave, byte for byte")
    same_bytes: bool = Field(description="All the others gave the same bytes")
    p: PValue = Field(description="If all answered alike: how often one of them is as far, over all its answers")


class TargetDiff(Document):
    """One target, compared over its regions."""

    target: Id
    verdict: Verdict
    named: tuple[RegionName, ...] = Field((), description="Regions that differ by more than chance, in order of naming")
    each_other: tuple[RegionName, ...] = Field(
        (), description="The last of `named`, where they differ from each other and none of them alone stands out"
    )
    separable: bool = Field(description="At least three independent providers in each compared region")
    reasons: tuple[Annotated[str, Field(max_length=300)], ...] = Field(
        (), description="Sentences: why `insufficient`, and what else limits the verdict"
    )
    tests: tuple[Test, ...] = Field(description="In the order in which they were made")
    regions: tuple[RegionDiff, ...] = Field(description="In the order of the JobSpec")
    matrix: tuple[tuple[PartsPerMillion | None, ...], ...] = Field(
        description="Mean distance between regions, in the order of `regions`; the diagonal is the control; "
        "null where no two providers answered the same"
    )
    samples: tuple[PairSample, ...] = Field(description="For each prompt and pair of regions")
    detectable: PartsPerMillion | None = Field(
        None, description="Smallest shift between regions that this design would have found"
    )
    described: Described | None = Field(None, description="All its answers; absent where there are none")
    apart: Apart | None = Field(None, description="The one provider that stands apart, where its region does not")


class TargetTest(Document):
    """One permutation test of targets, with the provider as the unit."""

    targets: tuple[Id, ...] = Field(description="Targets that took part")
    target: Id | None = Field(None, description="The target with the largest statistic")
    statistic: int = Field(ge=-MAX_INTEGER, le=MAX_INTEGER, description="As in the tests of regions")
    p: PValue
    significant: bool = Field(description="p is at most the job's alpha")


class AcrossTargets(Document):
    """All targets of a job, compared as regions are: over all regions, with the provider as the unit."""

    verdict: Literal["same", "noise", "different", "insufficient"] = Field(
        description="same: byte-identical; noise: no more between targets than between providers of one"
    )
    targets: tuple[Id, ...] = Field(description="In the order of the JobSpec")
    named: tuple[Id, ...] = Field((), description="Targets that differ by more than chance, in order of naming")
    each_other: tuple[Id, ...] = Field((), description="The last of `named`, where they differ from each other")
    reasons: tuple[Annotated[str, Field(max_length=300)], ...] = Field((), description="Why `insufficient`")
    tests: tuple[TargetTest, ...] = Field(description="In the order in which they were made")
    matrix: tuple[tuple[PartsPerMillion | None, ...], ...] = Field(
        description="Mean distance between providers of each two targets, in their order; the diagonal is within one"
    )
    detectable: PartsPerMillion | None = Field(
        None, description="Smallest shift of a target that would have been found"
    )


class Design(Document):
    """What was planned, and the smallest p value that it can reach."""

    seeds: Literal["shared", "independent"] = Field(description="As the JobSpec says")
    alpha: Decimal = Field(description="Chance of a false alarm that is accepted")
    regions: tuple[RegionName, ...] = Field(description="Regions asked for")
    min_regions: Count = Field(description="Fewer observed regions make the verdict `insufficient`")
    providers: Count = Field(description="Distinct providers per region")
    replicas: Count = Field(description="Answers per provider and prompt")
    prompts: tuple[Id, ...] = Field(description="Prompts asked")
    smallest_p: PValue


class DiffReport(Document):
    """What differs, and whether it is more than chance."""

    api_version: ApiVersion = "beacon/v1"
    kind: Literal["DiffReport"] = Field("DiffReport", description="What this document is")
    run: Sha256
    job: JobPath
    classifier: VersionTag
    verdict: Verdict
    not_observed: tuple[RegionName, ...] = Field((), description="Regions asked for without a single answer")
    simulated: bool = Field(description="Some receipt says so")
    grade: Grade = Field(description="Weakest evidence of a region among the receipts")
    design: Design
    targets: tuple[TargetDiff, ...] = Field(description="In the order of the JobSpec")
    across: AcrossTargets | None = Field(None, description="The targets compared with each other, if there are several")


class Manifest(Document):
    """Every file of a run's folder but the manifest itself and the proof, with its digest."""

    api_version: ApiVersion = "beacon/v1"
    kind: Literal["Manifest"] = Field("Manifest", description="What this document is")
    run: Sha256
    job: JobPath
    cid: Cid = Field(description="UnixFS CID of the folder `bundle/`")
    profile: Literal["unixfs-v1-2025"] = Field("unixfs-v1-2025", description="How that CID is computed (IPIP-499)")
    classifier: VersionTag = Field(description="What made `bundle/diff.json`")
    renderer: VersionTag = Field(description="What made the pages")
    files: dict[Annotated[str, Field(min_length=1, max_length=300)], Sha256] = Field(
        description="Path below the run's folder to SHA-256"
    )
