"""The SARIF that `beacon validate` prints, judged by the JSON Schema of SARIF 2.1.0 that Microsoft's matchers carry."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from runner.errors import Problem
from runner.explain import CODES, explain
from runner.rendering.annotations import sarif
from tests.hostile import ATTACKS

pytestmark = pytest.mark.slow  # npm takes seconds to install it
FOLDER = Path(__file__).resolve().parent / "sarif"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Draft4Validator:
    """The schema, from its package as locked; skipped where that cannot be installed."""
    if not shutil.which("npm"):
        pytest.skip("no `npm` on PATH")
    folder = tmp_path_factory.mktemp("sarif")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(FOLDER / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=0"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not install @microsoft/jest-sarif within a minute")
    if done.returncode:
        pytest.skip(f"npm cannot install @microsoft/jest-sarif: {done.stderr.strip().splitlines()[0]}")
    found = folder / "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"
    return Draft4Validator(json.loads(found.read_bytes()))


def test_whatever_is_found_is_valid_sarif(schema: Draft4Validator) -> None:
    codes = sorted(CODES)
    problems = [
        Problem(f"registry/jobs/{text}", line, column, code, text, text, text, 3, ("error", "warning")[line % 2])
        for text, code, line, column in zip(ATTACKS, codes * 9, [0, 1, 2] * 999, [0, 1, 2, 3] * 999, strict=False)
    ]
    told = sarif(problems, "0.1.0", {code: (CODES[code].title, explain(code)) for code in codes})
    assert list(schema.iter_errors(json.loads(json.dumps(told)))) == []
    assert list(schema.iter_errors(sarif([], "0.1.0", {}))) == []


def test_the_schema_would_tell(schema: Draft4Validator) -> None:
    told = sarif([Problem("a", 1, 1, "c", "m")], "0.1.0", {})
    del told["runs"][0]["results"][0]["message"]
    assert list(schema.iter_errors(told)) != []
