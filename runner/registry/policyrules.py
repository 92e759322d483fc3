"""What the schema of a policy cannot say. Pure. What it can is said by the model (`runner/model/policy.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from runner.errors import Problem
from runner.formats.strictyaml import Parsed
from runner.model import Policy
from runner.schedules import FORM, dues

_FROM = datetime(2024, 1, 1, tzinfo=UTC)


def judge(policy: Policy, parsed: Parsed) -> Iterator[Problem]:
    """Every rule that a policy breaks."""
    for index, window in enumerate(policy.windows):
        try:
            dues(window, _FROM, 1)
        except ValueError as error:
            yield parsed.problem(("windows", index), "window-invalid", str(error), FORM)
