"""A fresh registry is right as it stands: its policy means what the models' defaults mean, its files are trusted."""

from __future__ import annotations

import re
from pathlib import Path

from runner.model import Policy
from runner.registry import documents
from runner.registry.initialise import REGIONS
from runner.registry.tree import judge_tree
from tests.make import ORIGIN
from tests.test_trust import fresh, signed, snapshot

ROOT = Path(__file__).resolve().parent.parent


def test_the_policy_is_read_and_its_caps_are_the_defaults() -> None:
    policy, _ = documents.read(Policy, fresh()["registry/policy.yaml"], "registry/policy.yaml")
    defaults = Policy.from_json(
        {"apiVersion": "beacon/v1", "kind": "Policy", "log": {"origin": ORIGIN}, "regions": {"EU": ["DE"]}}
    )
    assert dict(policy.regions) == dict(REGIONS)
    assert (policy.log, policy.caps, policy.images) == (defaults.log, defaults.caps, defaults.images)
    assert policy.min_interval_seconds == defaults.min_interval_seconds


def test_other_regions_may_be_asked_for_norway_included() -> None:
    raw = fresh(regions={"NORTH": ("NO", "SE")})["registry/policy.yaml"]
    assert documents.read(Policy, raw, "")[0].regions == {"NORTH": ("NO", "SE")}


def test_regions_do_not_overlap() -> None:
    countries = [country for region in REGIONS.values() for country in region]
    assert len(countries) == len(set(countries))
    assert len(REGIONS["EU"]) == 27


def test_every_file_stands_where_it_may_and_is_plain_text() -> None:
    files = signed(fresh(), "anna", "ben")
    assert judge_tree(snapshot(files).files("registry")).problems == ()
    for path, raw in files.items():
        assert path.endswith("trust.json") or raw.endswith(b"\n")
        assert b"\r" not in raw
        assert b"\t" not in raw


def test_the_readme_names_the_namespace_and_only_files_that_may_exist() -> None:
    readme = fresh()["registry/README.md"].decode()
    assert f"-n jobspec.v1@{ORIGIN}" in readme
    assert "{" not in readme
    for target in re.findall(r"\]\(([^)]*)\)", readme):
        assert target == "../reports/" or f"registry/{target}" in fresh()


def test_git_keeps_the_bytes() -> None:
    lines = fresh()[".gitattributes"].decode().splitlines()
    assert lines[1:] == ["registry/** -text", "reports/** -text", "reports/log/** -merge"]
