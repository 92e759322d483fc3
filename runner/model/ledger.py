"""The ledger's lines: what each attempt on a paid network came to, and what each start was paid.

`reports/ledger/<YYYY-MM>.jsonl` has one canonical JSON document a line. Everything in it follows from receipts and
settlements (`money/ledger.py`), so it is evidence of nothing by itself: it saves readers the search.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from runner.errors import Unverified
from runner.model.canonical import (
    Count,
    Country,
    Decimal,
    Document,
    Grade,
    Id,
    Instant,
    JobPath,
    RegionName,
    Sha256,
    first_mistake,
)
from runner.model.receipt import Text
from runner.model.run import AttemptStatus
from runner.model.settlement import Name, Paid

_TAG = Field(description="Which kind of line this is")


class _Line(Document):
    v: Literal[1] = Field(1, description="Version of this format")
    run: Sha256
    start: Count = Field(description="Log index of the run's `start`")
    owner: Id = Field(description="Whose budget it is held against")
    job: JobPath


class LedgerAttempt(_Line):
    """One attempt of a published run, from its receipt."""

    type: Annotated[Literal["attempt"], _TAG] = "attempt"
    at: Instant = Field(description="When it ended, by the runner's clock")
    target: Id
    region: RegionName = Field(description="The region that was asked for")
    slot: int = Field(ge=1, le=16, description="Which of the region's providers")
    n: int = Field(ge=1, le=6, description="Which attempt of that slot")
    network: Text = Field(description="The Golem network's name")
    simulated: bool = Field(description="The network is a test network")
    provider: Name = Field(description="The network's name of the node")
    payee: Text | None = Field(None, description="The account that is paid for it")
    country: Country | None = Field(None, description="The country that was seen")
    grade: Grade
    status: AttemptStatus = Field(description="As the receipt says")
    code: Id | None = Field(None, description="The word before the colon in the receipt's reason, if there is one")
    cells: Count = Field(description="Cells that were asked")
    answered: Count = Field(description="Cells with an answer")
    ms: Count = Field(description="Milliseconds from start to end")
    reserved: Decimal = Field(description="The most that it could cost, in GLM")
    cost: Decimal = Field(description="What it cost as far as the runner saw, in GLM")
    agreement: Text | None = Field(None, description="The network's id of the agreement")
    invoice: Text | None = Field(None, description="The network's id of the invoice that was accepted")


class LedgerSettlement(_Line):
    """What one start was paid, from its settlement."""

    type: Annotated[Literal["settlement"], _TAG] = "settlement"
    at: Instant | None = Field(None, description="When the last invoice was accepted")
    runner: Id = Field(description="The runner that took the start, and paid")
    network: Id = Field(description="The Golem network")
    reserved: Decimal = Field(description="What the start had reserved, in GLM")
    asked: Decimal = Field(description="The sum of all invoices, in GLM")
    amount: Decimal = Field(description="The sum of what was accepted, in GLM")
    agreements: tuple[Paid, ...] = Field(max_length=1_000, description="In the order in which they were made")


LedgerLine: TypeAlias = Annotated[LedgerAttempt | LedgerSettlement, Field(discriminator="type")]
LINE: TypeAdapter[LedgerAttempt | LedgerSettlement] = TypeAdapter(LedgerLine)


def parse_line(raw: bytes, what: str) -> LedgerAttempt | LedgerSettlement:
    """The line that canonical bytes (without their line feed) say. Raises `Unverified`."""
    try:
        line = LINE.validate_json(raw, by_alias=True, by_name=False)
    except ValidationError as error:
        raise Unverified("document-malformed", f"{what}: {first_mistake(error)}") from None
    if line.canonical() != raw:
        raise Unverified("not-canonical", f"{what} is not in canonical form (RFC 8785, every default written out)")
    return line
