"""Whole workflows on this machine: a fork's pull request, a hostile one, a tick in three jobs, and what follows it.

`tests/actions.py` says what stands in for GitHub. Nothing here was ever run on GitHub itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cmarkgfm
import pytest
import yaml

from runner.commands.places import git
from runner.rendering.proposalpage import MARKER
from tests.actions import CODE, EXECUTED, REGISTRY, Hosted, runner_code, workflow
from tests.conftest import ROOT
from tests.e2e.test_elsewhere import Person, block
from tests.expressions import fill
from tests.forge import Forge, forge
from tests.proposals import commit, completed, propose, pull_request
from tests.scratch import ECHO, JOB, Scratch, demand_sandbox, scratch
from tests.sinks import shape
from tests.test_docs import fences
from tests.test_workflows import FOLDER, WORKFLOWS, jobs, steps

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")]
RESULTS = "beacon-results-all-1"
HOSTILE = (
    "x\n::error::y\n##[group]z @everyone <img src=x onerror=alert(1)> $(touch pwned) `touch pwned` #1 \x1b[2J \u202e"
)
COMMAND = re.compile(
    r"::(error|warning|notice)( file=[^,\r\n]*(,(line|endLine|col|endColumn|title)=[^,:\r\n]*)*)?::[^\r\n]*"
)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    return scratch(tmp_path_factory.mktemp("fresh"))


@pytest.fixture
def api() -> Iterator[Forge]:
    with forge() as state:
        yield state


def test_a_pull_request_is_judged_planned_and_commented_on(fresh: Scratch, tmp_path: Path, api: Forge) -> None:
    place = fresh.copy(tmp_path / "registry")
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
    done = completed(hosted.place, place.remote, api, head).run(FOLDER / "plan-comment.yml")["comment"]
    assert done.ok, done.log
    assert "pull request 12: comment created" in done.log
    (one,) = api.comments[12]
    assert one["body"].startswith(f"{MARKER}\n### Beacon plan: 1 job to add")
    assert "| + | `alice/capital` |" in one["body"]
    assert "wrong.yaml" in one["body"]
    assert JOB not in one["body"], "what stays as it is is not told"
    assert api.token not in judged.log + done.log


def test_a_hostile_pull_request_injects_nothing(fresh: Scratch, tmp_path: Path, api: Forge) -> None:
    place = fresh.copy(tmp_path / "registry")
    place.write_job(
        "registry/jobs/alice/loud.yaml", prompts=[{"id": "q", "text": HOSTILE}], regions=[{"name": HOSTILE}]
    )
    for path in (f"registry/jobs/alice/{HOSTILE}.yaml".replace("/>", ">"), "registry/jobs/alice/a,b::c%0A.yaml"):
        file = place.clone / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"apiVersion: {json.dumps(HOSTILE)}\nkind: *x\n")
    (place.clone / ".gitattributes").write_text("* filter=evil\n")
    (place.clone / "reports").mkdir()
    (place.clone / "reports/README.md").write_text(HOSTILE)
    (place.clone / "sitecustomize.py").write_text("open('pwned', 'w')\n")
    (place.clone / "beacon").write_text("#!/bin/sh\ntouch pwned\n")
    commit(place, HOSTILE)
    head, merge = propose(place)

    hosted = pull_request(place, tmp_path / "machines", head, merge, words=HOSTILE)
    judged = hosted.run(FOLDER / "validate.yml")["plan"]
    assert not judged.ok
    assert judged.steps["Summary"] == judged.steps["Keep the plan for the comment"] == "success", judged.log
    commands = judged.commands()
    assert [line for line in commands if not COMMAND.fullmatch(line)] == []
    assert any("proposal-touches-reports" in line for line in commands)
    api.pull(12, head)
    done = completed(hosted.place, place.remote, api, head, HOSTILE).run(FOLDER / "plan-comment.yml")["comment"]
    assert done.ok, done.log
    assert done.commands() == []
    (one,) = api.comments[12]
    for text in (judged.summary, one["body"]):
        html = cmarkgfm.github_flavored_markdown_to_html(text, options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE)
        tags = {part[1] for part in shape(html) if part[0] == "<"}
        assert tags <= {"h3", "p", "ul", "li", "code", "strong", "table", "thead", "tbody", "tr", "th", "td"} | {
            "details",
            "summary",
        }
        outside = " ".join(part[1] for part in shape(html) if part[0] == "text")
        assert "@everyone" not in outside
        assert "#1" not in outside
        assert "\x1b" not in text
    assert not list(tmp_path.rglob("pwned"))
    for name in ("beacon.sarif", "plan.json", "problems.json"):
        json.loads((hosted.store / "artifacts/beacon-plan" / name).read_text())


# A tick in three jobs


def of_the_readme(folder: Path) -> Scratch:
    """A registry in another folder, set up by the six lines of the README as they stand, and pushed with a job."""
    folder.mkdir()
    person = Person(folder)
    lines = block("git init --initial-branch")
    assert len(lines.splitlines()) == 6
    person.types(lines)
    place = Scratch(folder)
    person.folder.rename(place.clone)
    (folder / "work" / "my-keys").rename(place.keys)
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "registry.git")
    git(place.clone, "remote", "add", "origin", str(place.remote))
    shutil.copytree(ECHO, place.clone / "registry" / "benchmarks" / "echo")
    place.write_job()
    place.push("Ask who the model is")
    return place


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Hosted:
    """A registry of the README that called `reconcile` with six lines, and nothing run yet."""
    demand_sandbox()
    folder = tmp_path_factory.mktemp("runs")
    place = of_the_readme(folder / "registry")
    keys = {
        f"BEACON_KEY_{role.upper()}": (place.keys / "runner" / role).read_text() for role in ("git", "receipt", "log")
    }
    event = {"schedule": "17,47 * * * *", "repository": {"full_name": REGISTRY, "private": False}}
    hosted = Hosted(folder / "machines", place.remote, "schedule", event, secrets=keys, vars={"BEACON_RUNNER": "on"})
    hosted.caller = callers()["reconcile"]
    return hosted


def callers() -> dict[str, dict[str, Any]]:
    """The workflows of docs/github.md, by what they call first."""
    found = {}
    for _, text in fences(ROOT / "docs/github.md", "yaml"):
        data = yaml.load(text, Loader=yaml.CSafeLoader)
        if isinstance(data, dict) and "jobs" in data:
            assert len(text.splitlines()) <= 6 or "needs" in text
            called = [job["uses"].split("/")[-1].split(".")[0] for job in data["jobs"].values()]
            found["+".join(called)] = data | {"on": data.pop(True)}
    return found


def test_what_the_documentation_calls_is_there_and_gets_the_rights_that_it_needs() -> None:
    assert set(callers()) == {"reconcile", "validate", "plan-comment", "reconcile+pages+bundles"}
    for caller in callers().values():
        for job in caller["jobs"].values():
            path = re.fullmatch(r"OWNER/beacon-runner/(.github/workflows/[a-z-]+\.yml)@SHA", job["uses"])
            assert path
            called = workflow(ROOT / path[1])
            assert "workflow_call" in called["on"]
            given = job.get("permissions", caller["permissions"])
            for inner in called["jobs"].values():
                for right, how in inner["permissions"].items():
                    assert how == "read" == given.get(right, "none") or given.get(right) == "write", (path[1], right)
            assert ("secrets" in job) == ("secrets." in (ROOT / path[1]).read_text())


def test_a_registry_of_six_lines_runs_from_pull_request_to_report(runs: Hosted) -> None:
    assert runs.caller["jobs"]["reconcile"]["uses"].startswith("OWNER/beacon-runner/.github/workflows/reconcile.yml@")
    place = Scratch(runs.remote.parent)
    place.write_job("registry/jobs/alice/capital.yaml")
    commit(place, "One more job")
    head, merge = propose(place)
    judged = pull_request(place, runs.place / "proposed", head, merge).run(FOLDER / "validate.yml")["plan"]
    assert judged.ok, judged.log
    assert judged.commands() == []
    assert judged.summary.startswith("### Beacon plan: 1 job to add"), judged.summary
    git(place.clone, "push", "--quiet", "origin", f"{merge}:refs/heads/main")
    runs.vars["BEACON_RUNNER"] = "off"
    assert {job: done.skipped for job, done in runs.run(FOLDER / "reconcile.yml").items()} == {
        "start": True,
        "execute": True,
        "publish": True,
        "verify": True,
    }
    runs.vars["BEACON_RUNNER"] = "on"
    done = runs.run(FOLDER / "reconcile.yml")
    for name, job in done.items():
        assert job.ok, f"{name}: {job.log}"
        assert not job.skipped, f"{name}: {job.log}"
    assert done["start"].outputs["pending"] == "true"
    assert re.fullmatch("[0-9a-f]{64}", done["execute"].outputs["digest-1"])
    assert done["publish"].summary.startswith("### Beacon: 2 published"), done["publish"].summary
    assert "self-consistent; identity not pinned" in done["verify"].log
    page = git(runs.remote, "show", "main:reports/README.md")
    assert "who" in page
    assert "capital" in page
    everything = "".join(job.log for job in done.values())
    for key in runs.secrets.values():
        assert key.split("\n")[1] not in everything

    again = runs.run(FOLDER / "reconcile.yml")
    assert again["start"].ok
    assert again["start"].outputs["pending"] == "false"
    assert all(again[name].skipped for name in ("execute", "publish", "verify"))


def test_callers_divide_the_jobs_by_labels_and_what_start_alone_wrote_is_verified(runs: Hosted) -> None:
    place = Scratch(runs.remote.parent)
    git(place.clone, "pull", "--quiet", "origin", "main")
    place.write_job("registry/jobs/alice/brief.yaml", labels={"size": "large"})
    place.push("One that is large")
    runs.inputs = {"select": "size=small"}
    done = runs.run(FOLDER / "reconcile.yml")
    assert (done["start"].outputs["pending"], done["verify"].skipped) == ("false", True), done["start"].log
    runs.inputs = {"select": "size=large"}
    done = runs.run(FOLDER / "reconcile.yml")
    assert all(job.ok and not job.skipped for job in done.values()), done["publish"].log
    assert done["publish"].summary.startswith("### Beacon: 1 published"), done["publish"].summary
    runs.inputs = {}
    git(place.clone, "pull", "--quiet", "origin", "main")
    for file in (place.clone / "registry/jobs/alice").glob("brief.yaml*"):
        file.unlink()
    place.push("And no more")
    before = git(runs.remote, "rev-parse", "main")
    done = runs.run(FOLDER / "reconcile.yml")
    assert git(runs.remote, "log", "--format=%s", f"{before}..main") == "beacon: log 1 retire"
    assert [done[name].skipped for name in ("start", "execute", "publish", "verify")] == [False, True, True, False]
    assert done["verify"].ok, done["verify"].log


def test_results_that_were_altered_on_their_way_are_not_signed(runs: Hosted, tmp_path: Path) -> None:
    place = Scratch(runs.remote.parent)
    git(place.clone, "pull", "--quiet", "origin", "main")
    place.write_job(revision=2, prompts=[{"id": "again", "text": "Once more?"}])
    place.push("Ask something else")
    before = git(runs.remote, "rev-parse", "main")
    altered = Hosted(tmp_path, runs.remote, "push", runs.event, secrets=runs.secrets, vars=runs.vars)
    altered.between = lambda name: name == RESULTS and spoil(tmp_path / "store/artifacts" / RESULTS)
    done = altered.run(FOLDER / "reconcile.yml")
    assert done["start"].ok
    assert done["execute"].ok, done["execute"].log
    assert not done["publish"].ok
    assert '"code": "handover-altered"' in done["publish"].log
    assert done["publish"].summary.startswith("### Beacon: failed · handover-altered\n"), done["publish"].summary
    assert done["verify"].skipped
    after = git(runs.remote, "log", "--format=%s", f"{before}..main").split("\n")
    assert after == ["beacon: log 1 start"], "the claim stands; nothing was signed"

    again = Hosted(tmp_path / "again", runs.remote, "schedule", runs.event, secrets=runs.secrets, vars=runs.vars)
    again.inputs = {"parts": "[1, 2]"}
    done = again.run(FOLDER / "reconcile.yml")
    assert all(job.ok and not job.skipped for job in done.values()), done["publish"].log
    assert set(done["execute"].outputs) == {"digest-1", "digest-2"}
    assert done["publish"].summary.startswith("### Beacon: 1 published"), done["publish"].summary


def spoil(folder: Path) -> None:
    """Change one byte of an answer."""
    file = next(path for path in sorted(folder.rglob("*.json")) if path.parent != folder)
    file.write_bytes(file.read_bytes().replace(b"ok", b"ko", 1))


# What follows a tick


@pytest.fixture(scope="module")
def published(runs: Hosted) -> Hosted:
    """The same registry, with a run."""
    if "reports" not in git(runs.remote, "ls-tree", "--name-only", "main").split():
        test_a_registry_of_six_lines_runs_from_pull_request_to_report(runs)
    return runs


def pushed(runs: Hosted, folder: Path, **variables: str) -> Hosted:
    return Hosted(folder, runs.remote, "push", runs.event, vars=variables)


def test_anybody_verifies_a_push(published: Hosted, tmp_path: Path) -> None:
    done = pushed(published, tmp_path).run(FOLDER / "verify.yml")["verify"]
    assert done.ok, done.log
    assert done.summary.startswith("### Beacon: "), done.summary
    assert "self-consistent; identity not pinned" in done.summary
    wrong = pushed(published, tmp_path / "wrong", BEACON_TRUST="0" * 64 + "+example.org/x+00000000+AAAA")
    assert not wrong.run(FOLDER / "verify.yml")["verify"].ok


def test_the_site_is_published_where_it_is_wanted(published: Hosted, tmp_path: Path) -> None:
    assert all(job.skipped for job in pushed(published, tmp_path).run(FOLDER / "pages.yml").values())
    wanted = pushed(published, tmp_path / "on", BEACON_PAGES="on")
    done = wanted.run(FOLDER / "pages.yml")
    assert all(job.ok and not job.skipped for job in done.values()), done["build"].log
    assert "who" in (wanted.store / "artifacts/github-pages/index.html").read_text()


def test_bundles_are_attached_to_a_release(published: Hosted, tmp_path: Path) -> None:
    wanted = pushed(published, tmp_path, BEACON_BUNDLES="on")
    done = wanted.run(FOLDER / "bundles.yml")["attach"]
    assert done.ok, done.log
    view, create, api, *uploads = (tmp_path / "asked").read_text().splitlines()
    assert view.startswith("gh release view bundles-20")
    assert create.startswith("gh release create bundles-20")
    assert api.startswith("gh api --paginate repos/acme/registry/releases")
    assert uploads
    assert all(
        re.fullmatch(r"gh release upload \S+ bundles/bafy[a-z2-7]{55}\.car --repo \S+", line) for line in uploads
    )


# The action, and a release of the runner itself


def test_the_action_runs_a_verb_and_takes_no_word_for_a_command(published: Hosted, tmp_path: Path) -> None:
    code = tmp_path / "action"
    runner_code(code, ROOT)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(published.remote), str(clone))
    _, install, run = workflow(ROOT / "action.yml")["runs"]["steps"]
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    files = {f"GITHUB_{name}": str(tmp_path / name) for name in ("OUTPUT", "PATH")}
    place = {"GITHUB_ACTION_PATH": str(code), "HOME": str(tmp_path)}

    def bash(script: str, **env: str) -> subprocess.CompletedProcess[str]:
        EXECUTED.add(script)
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(command, cwd=clone, env=kept | files | place | env, capture_output=True, text=True)

    assert bash(install["run"]).returncode == 0
    assert re.fullmatch(r"version=\d+\.\d+\.\d+\n", (tmp_path / "OUTPUT").read_text())
    assert (tmp_path / "PATH").read_text() == f"{code}\n"
    done = bash(run["run"], COMMAND="verify . ")
    assert done.returncode == 0, done.stderr
    assert "self-consistent" in done.stdout
    done = bash(run["run"], COMMAND="verify $(touch pwned) ; touch pwned")
    assert done.returncode == 2
    assert not (clone / "pwned").exists()


def test_a_release_is_built_of_what_is_pinned(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "runner", source / "runner", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("beacon", "pyproject.toml", "README.md", "LICENSE", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, source / name)
    event = {"repository": {"full_name": CODE, "private": False}}
    machines = Hosted(tmp_path / "machines", source, "push", event, ref="refs/tags/v9.9.9", sha="5" * 40, own=source)
    assert not machines.run(FOLDER / "release.yml")["build"].ok, "the tag is another version"
    version = subprocess.run([ROOT / "beacon", "--version"], capture_output=True, text=True).stdout.split()[1]
    machines.ref = f"refs/tags/v{version}"
    done = machines.run(FOLDER / "release.yml")
    assert all(job.ok and not job.skipped for job in done.values()), done["build"].log
    built = sorted(path.name for path in (machines.store / "artifacts/package").iterdir())
    assert built == [f"beacon_runner-{version}-py3-none-any.whl", f"beacon_runner-{version}.tar.gz"]
    asked = (tmp_path / "machines/asked").read_text()
    assert f"gh release create v{version} dist/beacon_runner-{version}-py3-none-any.whl dist/" in asked


def test_in_its_own_repository_a_pull_request_is_judged_by_the_code_of_its_base() -> None:
    steps = jobs(FOLDER / "validate.yml")["plan"]["steps"]
    (ref,) = [step["with"]["ref"] for step in steps if step.get("with", {}).get("path") == "code"]
    event = {"pull_request": {"base": {"sha": "base"}}}
    for repository, expected in ((CODE, "base"), (REGISTRY, "pinned")):
        contexts = {
            "job": {"workflow_repository": CODE, "workflow_sha": "pinned"},
            "github": {"repository": repository, "event": event},
        }
        assert fill(ref, contexts) == expected


def test_every_script_was_executed(request: pytest.FixtureRequest) -> None:
    """Each `run:` of the workflows and of the action, by a test above. Not those of `ci.yml` and `long.yml`, which are
    this suite; the refusal of self-hosted machines is executed in `tests/test_workflows.py`."""
    here = [item for item in request.session.items if item.fspath == request.node.fspath]
    if len(here) < Path(__file__).read_text().count("\ndef test_"):
        pytest.skip("only part of these tests was chosen")
    files = [ROOT / "action.yml", *(path for path in WORKFLOWS if path.name not in ("ci.yml", "long.yml"))]
    scripts = {step["run"]: f"{file.name}: {step['name']}" for file in files for step in steps(file) if "run" in step}
    left = {named for script, named in scripts.items() if script not in EXECUTED and "self-hosted" not in script}
    assert left == set()
