"""A bundle without its registry: what does not agree with itself is found, and what cannot be known is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.edges.trees import MAX_BYTES, TreeFiles
from runner.verify import alone
from runner.verify.alone import as_data, judge_alone
from tests.bundles import published
from tests.worlds import Registry, job_file


@pytest.fixture(scope="module")
def bundle() -> dict[str, bytes]:
    """The bundle of a run that was made just now."""
    registry = Registry()
    registry.submit(job_file())
    registry.act()
    paths = [path for path in registry.files("reports") if "/bundle/" in path]
    return {path.partition("/bundle/")[2]: registry.read(path) for path in paths}


def test_a_good_bundle_agrees_with_itself_and_nothing_more_is_said(bundle: dict[str, bytes]) -> None:
    found = judge_alone(bundle)
    assert found.ok
    assert found.run is not None
    assert found.last_line.endswith("who said it, and whether it was published, cannot be known without its registry")
    counts = {step.number: dict(step.counts) for step in found.steps}
    assert counts[4]["receipts read"] > 0
    assert counts[9] == {"diffs derived again": 1}
    assert [step.number for step in found.steps if step.outcome == "ok"] == [5, 6]
    assert as_data(found)["ok"] is True


@pytest.mark.parametrize(
    ("path", "data", "code"),
    [
        ("outputs", b"another answer", "bundle-file-changed"),
        ("outputs", None, "bundle-file-missing"),
        ("more.txt", b"", "bundle-file-unknown"),
        ("receipts", b"{}", "receipt-malformed"),
        ("diff.json", b"{}", "derivation-failed"),
        ("context.json", b"{", "not-canonical"),
        ("job.yaml", b"kind: JobSpec", "bundle-document"),
    ],
)
def test_what_does_not_agree_is_found(bundle: dict[str, bytes], path: str, data: bytes | None, code: str) -> None:
    changed = dict(bundle)
    whole = next((one for one in bundle if one.startswith(f"{path}/")), path)
    if data is None:
        del changed[whole]
    else:
        changed[whole] = data
    found = judge_alone(changed)
    assert [one.code for step in found.steps for one in step.findings] == [code]
    assert "NOT WHOLE, or does not agree with itself" in found.last_line


def test_a_verdict_that_does_not_follow_is_found(bundle: dict[str, bytes]) -> None:
    verdict = b'"verdict":"insufficient"}'
    assert bundle["diff.json"].endswith(verdict)
    changed = bundle["diff.json"].removesuffix(verdict) + b'"verdict":"major"}'
    found = judge_alone(bundle | {"diff.json": changed})
    assert [one.code for step in found.steps for one in step.findings] == ["diff-wrong"]


def test_what_would_take_for_ever_is_left_out_and_said(
    bundle: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(alone, "_MOST_BYTES", 1)
    found = judge_alone(bundle)
    assert found.ok
    assert any("too much to compare" in why for step in found.steps for why in step.unchecked)
    for path, data in bundle.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    with (tmp_path / "receipts" / "large.sigstore.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    found = judge_alone(TreeFiles(tmp_path))
    assert [one.code for step in found.steps for one in step.findings] == ["bundle-file-large"]


def test_without_a_context_it_is_no_runs_bundle() -> None:
    found = judge_alone({"a": b"x"})
    assert (found.run, found.steps, found.ok) == (None, (), True)
    assert "it is no run's bundle" in found.last_line


def test_the_runs_of_this_project_agree_with_themselves() -> None:
    for run, (_, folder) in published().items():
        found = judge_alone(TreeFiles(folder))
        assert (found.ok, found.run, found.simulated) == (True, run, True)
