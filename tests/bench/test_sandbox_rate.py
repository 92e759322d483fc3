"""The local executor keeps at least 90 % of the rate at which the sandbox alone can be started."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import Environment
from tests.bench.executor import rates


@pytest.mark.slow
def test_executor_keeps_nine_tenths_of_the_sandboxes_rate(tmp_path: Path) -> None:
    try:
        found = rates(tmp_path)
    except Environment as error:
        pytest.skip(str(error))
    assert found.share >= 0.9, found
