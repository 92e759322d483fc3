"""The workflows: what they may do at most, and what they do. Each `run:` block is executed as Actions would.

Here the comment alone is written, from an artifact that a stranger made. Whole pull requests, ticks in three jobs and
the registry of another repository: `tests/slow/test_workflow_runs.py`.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.rendering.proposalpage import MARKER
from tests.actions import workflow
from tests.conftest import ROOT
from tests.expressions import Unknown, condition, evaluate, fill
from tests.forge import forge
from tests.proposals import completed
from tests.test_ci import plan, planned
from tests.test_docs import demand_verb, in_shell

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
ACTION = ROOT / "action.yml"
PINNED = re.compile(r"^\s*(?:- )?uses: ([\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$")
COMMENTED = re.compile(r"^ +(actions|attestations|contents|id-token|pages|pull-requests): (read|write) # \S")


def name(path: Path) -> str:
    return path.name


def jobs(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = workflow(path)["jobs"]
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    found = workflow(path)
    for job in found["jobs"].values() if "jobs" in found else [found["runs"]]:
        yield from job["steps"]


# What they may do at most


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=name)
def test_no_expression_stands_in_a_script(path: Path) -> None:
    scripts = [step["run"] for step in steps(path) if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script]


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=name)
def test_actions_are_pinned_by_their_whole_digest(path: Path) -> None:
    uses = [line for line in path.read_text().splitlines() if re.match(r"\s*(- )?uses:", line)]
    assert not [line for line in uses if not PINNED.match(line)]


def test_each_action_has_one_version() -> None:
    known: dict[str, set[str]] = {}
    for path in [*WORKFLOWS, ACTION, *ROOT.glob("docs/examples/*.yml")]:
        for line in path.read_text().splitlines():
            if found := PINNED.match(line):
                known.setdefault("/".join(found[1].split("/")[:2]), set()).add(found[2])
    assert known["actions/checkout"]
    assert not {action: digests for action, digests in known.items() if len(digests) > 1}


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_rights_are_named_one_by_one_and_time_is_bounded(path: Path) -> None:
    found = workflow(path)
    assert found["permissions"] == {}
    assert "pull_request_target" not in found["on"]
    assert "concurrency" in found
    for job in found["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 350
        assert isinstance(job["permissions"], dict)
    granted = [line for line in path.read_text().splitlines() if re.match(r" {6}[a-z-]+: (read|write)\b", line)]
    assert len(granted) == sum(len(job["permissions"]) for job in found["jobs"].values())
    assert not [line for line in granted if not COMMENTED.match(line)], "each right says what for"


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_secrets_are_seen_behind_an_environment_alone(path: Path) -> None:
    for job in jobs(path).values():
        if "secrets." in json.dumps(job):
            assert job["environment"] == "beacon"
    assert "toJson(secrets)" not in path.read_text()


def test_what_runs_programs_of_strangers_holds_nothing() -> None:
    found = jobs(FOLDER / "reconcile.yml")
    assert found["execute"]["permissions"] == {"contents": "read"}
    assert "environment" not in found["execute"]
    assert "secrets" not in json.dumps(found["execute"])
    assert "cache" not in json.dumps(found["execute"])
    assert workflow(FOLDER / "reconcile.yml")["concurrency"] == {
        "group": "beacon-writer${{ inputs.select }}",  # one at a time, but for callers who divide the jobs by labels
        "cancel-in-progress": False,
        "queue": "max",
    }


def test_a_pull_request_s_workflow_can_write_nothing_and_knows_no_secret() -> None:
    for path in WORKFLOWS:
        if "pull_request" in workflow(path)["on"]:
            assert {json.dumps(job["permissions"]) for job in jobs(path).values()} == {'{"contents": "read"}'}
            assert "secrets." not in path.read_text()


def test_every_job_refuses_a_machine_of_our_own_in_public(tmp_path: Path) -> None:
    """Before anything else, whatever the job holds: strangers' pull requests would reach the machine."""
    examples = sorted(ROOT.glob("docs/examples/*.yml"))
    guards = [job["steps"][0] for path in [*WORKFLOWS, *examples] for job in jobs(path).values()]
    for guard in guards:
        for hosted, private, refused in (
            ("self-hosted", False, True),
            ("self-hosted", True, False),
            ("github-hosted", False, False),
        ):
            event = {"event": {"repository": {"private": private}}}
            contexts: dict[str, Any] = {"runner": {"environment": hosted}, "github": event}
            assert condition(guard["if"], contexts, {"success": lambda: True}) == refused
    for script in {guard["run"] for guard in guards}:
        done = subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.startswith("::error::A public registry must not use self-hosted runners: ")


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_scripts_name_verbs_and_options_that_exist(path: Path) -> None:
    for step in steps(path):
        for words in in_shell(step.get("run", "").replace("code/beacon", "beacon")):
            if words and words[0] != "build":  # which is the bootstrap's
                demand_verb(words, whole=False)


# The evaluator fails on what it does not know


def test_expressions() -> None:
    contexts = {"github": {"ref": "refs/heads/Main", "event": {"n": 0}}, "inputs": {}, "needs": {"a": {"outputs": {}}}}
    assert evaluate("github.ref == 'REFS/heads/main' && 'yes' || 'no'", contexts) == "yes"
    assert evaluate("!(inputs.x != '') && !github.event.n", contexts) is True
    assert evaluate("needs.a.outputs.digest != ''", contexts) is False
    assert fill("x ${{ inputs.branch || 'it''s' }} y ${{ true }}", contexts) == "x it's y true"
    assert evaluate("fromJSON(inputs.parts || '[1, 2]')", contexts) == [1, 2]
    assert condition("${{ !cancelled() }}", contexts, {"cancelled": lambda: False, "success": lambda: False})
    assert not condition("github.ref != ''", contexts, {"success": lambda: False})
    for wrong in (
        "github.nonsense",
        "nonsense.x",
        "toJson(github)",
        "github.ref ==",
        "'a",
        "(true",
        "a b",
        "github[0]",
    ):
        with pytest.raises((Unknown, IndexError)):
            evaluate(wrong, contexts)


# What a stranger leaves behind


def test_a_comment_is_made_of_a_hostile_artifact(tmp_path: Path) -> None:
    kept = tmp_path / "machines/store/artifacts/beacon-plan"
    kept.mkdir(parents=True)
    name = "x\n::error::y\n@everyone <img src=x> #1 $(touch pwned) ##[group]"
    (kept / "plan.json").write_text(json.dumps(plan(pending=[planned(name)], number=99, body="@everyone")))
    (kept / "problems.json").write_bytes(b"[" * 200_000)
    (kept / "comment.md").write_text("@everyone")
    head = "5" * 40
    with forge() as api:
        api.pull(99, "6" * 40)
        api.pull(12, head)
        machines = completed(tmp_path / "machines", tmp_path, api, head, words="$(touch pwned) ${{ github.token }}")
        done = machines.run(FOLDER / "plan-comment.yml")["comment"]
        assert done.ok, done.log
        assert done.commands() == []
        assert not list(tmp_path.rglob("pwned"))
        (one,) = api.comments[12]
        assert api.comments[99] == []
    assert one["body"].startswith(f"{MARKER}\n### Beacon plan: 1 job to add")
    assert "`x ::error::y @everyone <img src=x> #1 $(touch pwned) ##[group]`" in one["body"]
    assert "warning: problems.json is not what `beacon` writes: it is no JSON" in done.log
