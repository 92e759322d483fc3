"""The examples for GitLab, Forgejo and a plain server do what they say: their own lines are run, as those forges would,
in a scratch registry behind real servers, with the real sandbox. Only `pip install` is left out.

Quick tests hold their form; running them takes processes, so that is slow.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from runner.commands.places import git
from tests import forges
from tests.conftest import ROOT
from tests.scratch import JOB, Scratch, beacon_on_path, demand_sandbox, scratch
from tests.test_docs import demand_verb, in_shell

EXAMPLES = ROOT / "docs" / "examples"
GITLAB = EXAMPLES / "gitlab" / "gitlab-ci.yml"
FORGEJO = sorted((EXAMPLES / "forgejo").glob("*.yml"))
HOOK = EXAMPLES / "post-receive"
KEYS = ("BEACON_KEY_GIT", "BEACON_KEY_RECEIPT", "BEACON_KEY_LOG")
SECRETS = (*KEYS, "BEACON_PUSH_TOKEN")


def scripts(data: Any) -> Iterator[str]:
    """Every piece of shell in a pipeline."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name in ("script", "before_script"):
                yield from value
            elif name == "run":
                yield value
            else:
                yield from scripts(value)
    elif isinstance(data, list):
        for value in data:
            yield from scripts(value)


@pytest.mark.parametrize("path", [GITLAB, *FORGEJO], ids=lambda path: path.name)
def test_commands_name_verbs_and_options_that_exist(path: Path) -> None:
    found = [words for script in scripts(yaml.safe_load(path.read_text())) for words in in_shell(script)]
    assert found
    for words in found:
        demand_verb(words, whole=True)


@pytest.mark.parametrize(
    ("path", "schema"),
    [(GITLAB, "vendor.gitlab-ci"), *((path, "vendor.github-workflows") for path in FORGEJO)],
    ids=lambda value: getattr(value, "name", value),
)
def test_forges_can_read_them(path: Path, schema: str) -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    if not checker.exists():
        pytest.skip("check-jsonschema is not installed")
    done = subprocess.run([checker, "--builtin-schema", schema, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_secret_is_in_reach_of_what_strangers_wrote() -> None:
    """By the files alone: proposals and the stage that executes name no secret, and have no environment with some."""
    gitlab = yaml.safe_load(GITLAB.read_text())
    assert {name for name, job in gitlab.items() if isinstance(job, dict) and "environment" in job} == {".writer"}
    assert {name for name, job in gitlab.items() if isinstance(job, dict) and job.get("extends") == ".writer"} == {
        "start",
        "publish",
    }
    for path in FORGEJO:
        steps = [step for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]]
        named = {step["name"]: set(re.findall(r"secrets\.(\w+)", str(step))) for step in steps}
        signing = {"Claim what is to be run", "Check, sign and publish"}
        assert {name for name, found in named.items() if found} == (signing if path.name == "reconcile.yml" else set())
        assert "${{" not in "".join(step["run"] for step in steps)  # values go through the environment, never into text


class Machine:
    """Where jobs of a forge run: a fresh folder for each, and `beacon` on the PATH."""

    def __init__(self, place: Path, registry: Scratch, environ: Mapping[str, str]) -> None:
        self.place = place
        self.registry = registry
        self.jobs = 0
        self.environ = {
            "PATH": beacon_on_path(place / "bin"),
            "HOME": str(place),
            "GIT_CONFIG_NOSYSTEM": "1",
            "BEACON_STATE": str(place / "beacon-state"),
            "BEACON_CACHE": str(place / "cache"),
            **environ,
        }

    @property
    def keys(self) -> dict[str, str]:
        """The secrets that the examples ask for."""
        folder = self.registry.keys / "runner"
        found = {name: (folder / name.rpartition("_")[2].lower()).read_bytes() for name in KEYS}
        return {name: b64encode(raw).decode() for name, raw in found.items()} | {"BEACON_PUSH_TOKEN": forges.PASSWORD}

    def folder(self) -> Path:
        """A fresh one."""
        self.jobs += 1
        made = self.place / f"job{self.jobs}"
        made.mkdir()
        return made

    def shell(self, folder: Path, lines: list[str], environ: Mapping[str, str], code: int = 0) -> str:
        """What these lines print, as a forge runs them."""
        kept = [line for line in lines if not line.startswith("pip install ")]
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", "\n".join(kept)],
            cwd=folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def anchor(self) -> str:
        """What verifiers are told to trust."""
        out = self.shell(self.registry.clone, ["git pull -q", "beacon keys"], {})
        return out.rpartition("--trust ")[2].strip()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A registry behind https, with a proposal, and one from somebody who writes what runners write."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    demand_sandbox()
    registry = scratch(tmp_path / "registry")
    with forges.https(registry.place) as forge:
        made = Machine(tmp_path / "machine", registry, forge.environ)
        url = urlsplit(forge.url)
        made.environ["SERVER"] = f"https://{url.hostname}:{url.port}"
        registry.write_job("registry/jobs/alice/asked.yaml")
        propose(registry, "good", 1)
        reports = registry.clone / "reports"
        reports.mkdir()
        (reports / "README.md").write_text("All is well.\n")
        propose(registry, "bad", 2)
        yield made


def propose(registry: Scratch, name: str, number: int) -> None:
    """Push what stands in the clone as a pull request, and go back to the branch."""
    who = ("-c", "user.name=Alice", "-c", "user.email=alice@example.org")
    git(registry.clone, "checkout", "-q", "-b", name)
    git(registry.clone, "add", "--all")
    git(registry.clone, *who, "commit", "-q", "-m", name)
    git(registry.clone, "push", "-q", "origin", name, f"{name}:refs/pull/{number}/head")
    git(registry.clone, "checkout", "-q", "main")


def published(machine: Machine) -> list[str]:
    """The runs on the remote's branch."""
    names = git(machine.registry.remote, "ls-tree", "-r", "--name-only", "main").splitlines()
    return [name for name in names if name.endswith("/manifest.json")]


class GitLab:
    """The pipeline of the example, for one event of the branch or of a merge request."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.jobs = yaml.safe_load(GITLAB.read_text())
        self.artifacts = machine.folder()
        self.cache = machine.place / "kept"
        self.dotenv: dict[str, str] = {}

    def job(self, name: str) -> dict[str, Any]:
        """A job with what it inherits."""
        own = self.jobs[name]
        return self.job(own["extends"]) | own if "extends" in own else own

    def run(self, name: str, branch: str = "main", code: int = 0, **more: str) -> str:
        """A job, in a clone as GitLab makes it: one commit, no branch."""
        job = self.job(name)
        folder, server = self.machine.folder(), self.machine.environ["SERVER"]
        git(folder, "init", "-q")
        git(folder, "remote", "add", "origin", str(self.machine.registry.remote))
        git(folder, "fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*")
        git(folder, "remote", "set-url", "origin", f"{server}/registry.git")
        git(folder, "checkout", "-q", "--detach", f"origin/{branch}")
        environ = {
            "CI_PROJECT_DIR": str(folder),
            "CI_COMMIT_SHA": git(folder, "rev-parse", "HEAD"),
            "CI_DEFAULT_BRANCH": "main",
            "CI_SERVER_PROTOCOL": "https",
            "CI_SERVER_FQDN": server.partition("//")[2],
            "CI_PROJECT_PATH": "registry",
            "CI_MERGE_REQUEST_PROJECT_URL": f"{server}/registry",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "BEACON_STATE": self.jobs["variables"]["BEACON_STATE"].replace("$CI_PROJECT_DIR", str(folder)),
            **(self.machine.keys if job.get("environment") == "beacon" else {}),
            **self.dotenv,
            **more,
        }
        for kept in (self.artifacts, self.cache if "cache" in job else None):
            if kept and kept.exists():
                shutil.copytree(kept, folder, dirs_exist_ok=True)
        said = self.machine.shell(folder, [*self.jobs["default"]["before_script"], *job["script"]], environ, code)
        uploads = job.get("artifacts", {})
        for place, paths in (
            (self.artifacts, uploads.get("paths", [])),
            (self.cache, job.get("cache", {}).get("paths", [])),
        ):
            for path in filter(lambda path: (folder / path).exists(), paths):
                copy = shutil.copytree if (folder / path).is_dir() else shutil.copy
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                copy(folder / path, place / path, **({"dirs_exist_ok": True} if copy is shutil.copytree else {}))
        if dotenv := uploads.get("reports", {}).get("dotenv"):
            self.dotenv |= dict(line.split("=", 1) for line in (folder / dotenv).read_text().splitlines())
        for file in filter(Path.is_file, folder.rglob("*")):
            assert forges.PASSWORD.encode() not in file.read_bytes(), file
        return said


@pytest.mark.slow
def test_gitlab_checks_a_merge_request(machine: Machine) -> None:
    gitlab = GitLab(machine)
    said = gitlab.run("check", "good")
    assert "1 new or changed job, valid" in said
    assert "registry/jobs/alice/asked.yaml" in (gitlab.artifacts / "plan.md").read_text()
    assert "proposal-touches-reports" in gitlab.run("check", "bad", code=1)


@pytest.mark.slow
def test_gitlab_runs_and_verifies_the_branch(machine: Machine) -> None:
    gitlab = GitLab(machine)
    gitlab.run("start")
    assert published(machine) == []
    gitlab.run("execute")
    assert re.fullmatch(r"[0-9a-f]{64}", gitlab.dotenv["DIGEST"])
    gitlab.run("publish")
    assert len(published(machine)) == 1
    assert "\nverified" in gitlab.run("verify", BEACON_ANCHOR=machine.anchor())
    head = git(machine.registry.remote, "rev-parse", "main")
    again = GitLab(machine)
    for job in ("start", "execute", "publish"):  # a schedule with nothing to do
        again.run(job)
    assert git(machine.registry.remote, "rev-parse", "main") == head


def forgejo(machine: Machine, name: str, number: int = 0, code: int = 0) -> str:
    """The steps of a workflow's only job, in one folder. The step that fails must be the last that ran."""
    data = yaml.safe_load((EXAMPLES / "forgejo" / name).read_text())
    (job,) = data["jobs"].values()
    folder, said = machine.folder(), ""
    known = {
        "github.server_url": machine.environ["SERVER"],
        "github.repository": "registry",
        "github.event.pull_request.number": str(number),
        "github.event.pull_request.base.ref": "main",
        **{f"secrets.{name}": value for name, value in machine.keys.items()},
    }
    for step in job["steps"]:
        given = {**job.get("env", {}), **step.get("env", {})}
        if "vars.BEACON_ANCHOR" in str(given):
            known["vars.BEACON_ANCHOR"] = machine.anchor()
        environ = {
            key: re.sub(r"\$\{\{ (.+?) \}\}", lambda found: known[found[1]], text) for key, text in given.items()
        }
        environ |= {"BEACON_STATE": str(machine.place / "volume")} if "BEACON_STATE" in environ else {}
        failing = bool(code) and step["name"] == "Validate"
        said += machine.shell(folder, step["run"].splitlines(), environ, code if failing else 0)
        if failing:
            return said
    for file in filter(Path.is_file, folder.rglob("*")):
        assert forges.PASSWORD.encode() not in file.read_bytes(), file
    return said


@pytest.mark.slow
def test_forgejo_checks_a_pull_request(machine: Machine) -> None:
    said = forgejo(machine, "check.yml", 1)
    assert "1 new or changed job, valid" in said
    assert "registry/jobs/alice/asked.yaml" in said
    assert "proposal-touches-reports" in forgejo(machine, "check.yml", 2, code=1)


@pytest.mark.slow
def test_forgejo_runs_and_verifies_the_branch(machine: Machine) -> None:
    assert "\nverified" in forgejo(machine, "reconcile.yml")
    assert len(published(machine)) == 1


@pytest.mark.slow
def test_a_push_to_a_plain_server_starts_the_runner_s_clone(machine: Machine) -> None:
    registry = machine.registry
    clone = machine.place / "runner.git"
    machine.shell(machine.place, [f"git clone -q --bare --filter=blob:none file://{registry.remote} {clone}"], {})
    git(registry.remote, "config", "beacon.clone", str(clone))
    git(registry.remote, "config", "beacon.keys", str(registry.keys / "runner"))
    shutil.copy(HOOK, registry.remote / "hooks" / "post-receive")
    merge = ["git checkout -q main", "git merge -q --ff-only good", "git push -q origin main"]
    machine.shell(registry.clone, merge, {})
    log = registry.remote / "beacon.log"
    machine.shell(registry.remote, [f"flock {log}.lock true"], {})  # the hook holds it until its reconcile has ended
    deadline = 100
    while not log.exists() or "published" not in log.read_text():  # it may not have begun yet
        deadline -= 1
        assert deadline, log.read_text()
        machine.shell(registry.remote, [f"sleep 0.2; flock {log}.lock true"], {})
    assert len(published(machine)) == 2
    assert JOB in git(registry.remote, "ls-tree", "-r", "--name-only", "main")
    (cron,) = re.findall(r"^\*/10 \* \* \* \* (.+)$", (ROOT / "docs" / "forges.md").read_text(), re.MULTILINE)
    for place, here in (
        ("/srv/beacon/clone", clone),
        ("/srv/beacon/keys", registry.keys),
        ("/srv/beacon", machine.place),
    ):
        cron = cron.replace(place, str(here))
    machine.shell(machine.place, [cron], {})
    assert (machine.place / "log").read_text().endswith("nothing to do\n")
