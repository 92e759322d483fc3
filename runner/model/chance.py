"""A probability, as reports and plans state it."""

from __future__ import annotations

from pydantic import Field

from runner.model.canonical import MAX_INTEGER, Document


class PValue(Document):
    """A p value as an exact fraction: `count` of `of` arrangements are at least as extreme as the observed one."""

    count: int = Field(ge=1, le=MAX_INTEGER, description="Arrangements at least as extreme, this one included")
    of: int = Field(ge=1, le=MAX_INTEGER, description="Arrangements that were counted")
    exact: bool = Field(description="Every arrangement was counted; else (1+b)/(1+B) of drawn ones")
