"""The workflows: what they may do at most, and what they do, each `run:` block executed as Actions would.

A pull request of a fork is judged, planned and commented on here. Whole ticks in three jobs, hostile pull requests and
the registry of another repository: `tests/slow/test_workflow_runs.py`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.commands.places import git
from runner.rendering.proposalpage import MARKER
from tests.actions import REGISTRY, Hosted, workflow
from tests.conftest import ROOT
from tests.expressions import Unknown, condition, evaluate, fill
from tests.forge import TOKEN, Forge, forge
from tests.scratch import JOB, Scratch, scratch

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
        "group": "beacon-writer",
        "cancel-in-progress": False,
        "queue": "max",
    }


def test_a_pull_request_s_workflow_can_write_nothing_and_knows_no_secret() -> None:
    for path in WORKFLOWS:
        if "pull_request" in workflow(path)["on"]:
            assert {json.dumps(job["permissions"]) for job in jobs(path).values()} == {'{"contents": "read"}'}
            assert "secrets." not in path.read_text()


@pytest.mark.parametrize("path", [path for path in WORKFLOWS if path.name != "ci.yml"], ids=name)
def test_public_registries_refuse_machines_of_their_own(path: Path) -> None:
    for job in jobs(path).values():
        first = job["steps"][0]
        checks_out = any("path" in step.get("with", {}) and "checkout" in step.get("uses", "") for step in job["steps"])
        if checks_out and path.name != "plan-comment.yml":
            event = {"event": {"repository": {"private": False}}}
            contexts: dict[str, Any] = {"runner": {"environment": "self-hosted"}, "github": event}
            assert condition(first["if"], contexts, {"success": lambda: True})
            assert first["run"].rstrip().endswith("exit 1")
            contexts["runner"] = {"environment": "github-hosted"}
            assert not condition(first["if"], contexts, {"success": lambda: True})


# The evaluator fails on what it does not know


def test_expressions() -> None:
    contexts = {"github": {"ref": "refs/heads/Main", "event": {"n": 0}}, "inputs": {}, "needs": {"a": {"outputs": {}}}}
    assert evaluate("github.ref == 'REFS/heads/main' && 'yes' || 'no'", contexts) == "yes"
    assert evaluate("!(inputs.x != '') && !github.event.n", contexts) is True
    assert evaluate("needs.a.outputs.digest != ''", contexts) is False
    assert fill("x ${{ inputs.branch || 'it''s' }} y ${{ true }}", contexts) == "x it's y true"
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


# A fork's pull request

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def propose(place: Scratch, number: int = 12) -> tuple[str, str]:
    """What is committed in the clone becomes a fork's pull request: its head, and the merge that GitHub tries."""
    head = git(place.clone, "rev-parse", "HEAD")
    git(place.clone, "fetch", "--quiet", "origin")
    base = git(place.clone, "rev-parse", "origin/main")
    tree = git(place.clone, "merge-tree", "--write-tree", base, head).split("\n")[0]
    who = ("-c", "user.name=GitHub", "-c", "user.email=noreply@example.org")
    merge = git(place.clone, *who, "commit-tree", tree, "-p", base, "-p", head, "-m", f"Merge {head} into {base}")
    for end, commit in (("head", head), ("merge", merge)):
        git(place.clone, "push", "--quiet", "origin", f"+{commit}:refs/pull/{number}/{end}")
    return head, merge


def pull_request(place: Scratch, folder: Path, head: str, merge: str, title: str = "A job", **more: Any) -> Hosted:
    """The machines that work on it."""
    event = {
        "action": "opened",
        "number": 12,
        "repository": {"full_name": REGISTRY, "private": False},
        "pull_request": {
            "number": 12,
            "title": title,
            "base": {"sha": git(place.remote, "rev-parse", "main"), "ref": "main"},
            "head": {"sha": head, "ref": more.pop("branch", "patch-1"), "repo": {"full_name": "mallory/fork"}},
        },
    }
    return Hosted(folder, place.remote, "pull_request", event, "refs/pull/12/merge", merge, **more)


def completed(hosted: Hosted, api: Forge, head: str) -> Hosted:
    """The machines that work when its workflow is over."""
    run = {"event": "pull_request", "conclusion": "failure", "id": 7001, "head_sha": head}
    event = {"workflow_run": run, "repository": {"full_name": REGISTRY, "private": False}}
    return Hosted(hosted.place, hosted.remote, "workflow_run", event, api=api.url)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    with forge() as state:
        state.token = "the-job-s-own-token"
        yield state


def commit(place: Scratch, message: str) -> None:
    """Commit everything, as people do."""
    git(place.clone, "add", "--all")
    who = ("-c", "user.name=Eve", "-c", "user.email=eve@example.org", "-c", "commit.gpgsign=false")
    git(place.clone, *who, "commit", "--quiet", "--message", message)


def test_a_pull_request_is_judged_planned_and_commented_on(tmp_path: Path, api: Forge) -> None:
    place = scratch(tmp_path / "registry")
    place.write_job("registry/jobs/alice/capital.yaml")
    place.write_job("registry/jobs/alice/wrong.yaml", regions=[{"name": "EU"}, {"name": "APCA"}, {"name": "US"}])
    commit(place, "Two jobs, of which one is wrong")
    head, merge = propose(place)

    hosted = pull_request(place, tmp_path / "machines", head, merge)
    judged = hosted.run(FOLDER / "validate.yml")["plan"]
    assert not judged.ok, "a mistake fails the check"
    assert {name: how for name, how in judged.steps.items() if how != "success"} == {
        "Refuse a machine of our own for strangers' pull requests": "skipped",
        "Validate": "failure",
    }, judged.log
    wrong = (place.clone / "registry/jobs/alice/wrong.yaml").read_text().split("\n")
    line = next(number for number, text in enumerate(wrong, 1) if "APCA" in text)
    (error,) = [command for command in judged.commands() if command.startswith("::error")]
    assert f"file=registry/jobs/alice/wrong.yaml,line={line}," in error
    assert "APCA" in error
    assert judged.summary.startswith("### Beacon plan: 1 job to add")
    assert "region-unknown" in judged.summary
    kept = hosted.store / "artifacts" / "beacon-plan"
    assert sorted(path.name for path in kept.iterdir()) == ["beacon.sarif", "plan.json", "problems.json"]
    sarif = json.loads((kept / "beacon.sarif").read_text())
    assert [result["ruleId"] for result in sarif["runs"][0]["results"]] == ["region-unknown"]
    assert [one["job"] for one in json.loads((kept / "plan.json").read_text())["pending"]] == [
        "registry/jobs/alice/capital.yaml"
    ]

    api.pull(12, head)
    done = completed(hosted, api, head).run(FOLDER / "plan-comment.yml")["comment"]
    assert done.ok, done.log
    assert "pull request 12: comment created" in done.log
    (one,) = api.comments[12]
    assert one["body"].startswith(f"{MARKER}\n### Beacon plan: 1 job to add")
    assert "| + | `alice/capital` |" in one["body"]
    assert "wrong.yaml" in one["body"]
    assert JOB not in one["body"], "what stays as it is is not told"
    assert TOKEN not in judged.log + done.log
