"""What all answers share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Answer(BaseModel):
    """camelCase names on paper."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)
