"""Settlement: what one start of a run was paid, by invoice. Written once nothing of it is open any more."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runner.model.canonical import ApiVersion, Count, Decimal, Document, Glm, Id, Instant, RegionName, Sha256

Name = Annotated[str, Field(min_length=1, max_length=300)]


class Paid(Document):
    """One agreement, and what became of its invoice."""

    region: RegionName
    slot: int = Field(ge=1, le=16, description="Which of the region's providers")
    n: int = Field(ge=1, le=6, description="Which attempt of that slot")
    provider: Name = Field(description="The network's name of the node")
    payee: Name | None = Field(None, description="The account that is paid")
    agreement: Name = Field(description="The network's id of the agreement")
    invoice: Name | None = Field(None, description="Absent: none came")
    asked: Decimal = Field("0", description="What the invoice asks for")
    amount: Decimal = Field("0", description="What was accepted: all of it, or nothing")
    owed: Decimal = Field("0", description="The most that was owed: agreed prices times our own clock")
    at: Instant | None = Field(None, description="When it was accepted")
    why: Name | None = Field(None, description="Why nothing was accepted")


class Settlement(Document):
    """What one start of a run was paid."""

    api_version: ApiVersion = "beacon/v1"
    kind: Literal["Settlement"] = Field("Settlement", description="What this document is")
    run: Sha256
    start: Count = Field(description="Log index of the `start`")
    network: Id = Field(description="The Golem network")
    platform: Name = Field(description="yagna's payment platform, such as erc20-polygon-glm")
    currency: Glm = "GLM"
    amount: Decimal = Field(description="The sum of what was accepted")
    agreements: tuple[Paid, ...] = Field(max_length=1_000, description="In the order in which they were made")

    @property
    def path(self) -> str:
        """Where it stands in the repository."""
        return self.path_of(self.run, self.start)

    @staticmethod
    def path_of(run: str, start: int) -> str:
        """Where the settlement of a start stands in the repository."""
        return f"reports/settlements/{run[:32]}-{start}.json"
