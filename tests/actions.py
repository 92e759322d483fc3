"""Runs a workflow's jobs on this machine as GitHub would: every `run:` block by bash, with the environment, files and
folders that Actions gives it.

Steps that use an action are done here, because actions come from the network: `checkout` clones from a scratch remote
(and cannot push where its job has no right to), artifacts and caches are folders, `setup-python` is this Python.
Installing is the bootstrap's own, in the `code/` that a checkout would make, whose `.venv` already holds what is
pinned. `gh` and `sudo` are programs of ours on the PATH, which write down what they were asked. An action that is not
known here is an error, and so is any expression that `tests/expressions.py` does not know.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from runner.commands.places import git
from tests.conftest import ROOT
from tests.expressions import condition, evaluate, fill, shown

CODE = "beacon/beacon-runner"
CODE_SHA = "c0de" * 10
REGISTRY = "acme/registry"
EXECUTED: set[str] = set()
"""Every script that was run in this process."""
_KEPT = ("LANG", "LC_ALL", "TMPDIR")


@cache
def workflow(path: Path) -> dict[str, Any]:
    """A workflow's or an action's YAML; `on` is a truth value to YAML 1.1."""
    found = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    return {"on" if key is True else key: value for key, value in found.items()}


@dataclass
class Result:
    """How a job ended."""

    ok: bool
    skipped: bool = False
    log: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    where: Path = Path()

    def commands(self) -> list[str]:
        """Lines of the log that the Actions runner would obey."""
        return [line for line in self.log.split("\n") if line.lstrip().startswith("::") or "##[" in line]


@dataclass
class Hosted:
    """A forge's machines, for one registry: its remote, what it configured, and what runs left behind."""

    place: Path
    remote: Path
    event_name: str
    event: dict[str, Any]
    ref: str = "refs/heads/main"
    sha: str = ""
    api: str = "http://127.0.0.1:9"
    vars: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    caller: dict[str, Any] = field(default_factory=dict)
    own: Path | None = None
    """Where the runner's own repository is the one that the workflow belongs to: its files."""
    between: Callable[[str], object] = lambda _: None
    """Called with an artifact's name when it was uploaded."""
    code: Path = ROOT
    runs: int = 0

    def run(self, path: Path) -> dict[str, Result]:
        """Every job of a workflow, in the order of their needs."""
        self.runs += 1
        jobs: dict[str, Any] = workflow(path)["jobs"]
        done: dict[str, Result] = {}
        while len(done) < len(jobs):
            for name, job in jobs.items():
                needs = job.get("needs", [])
                needs = [needs] if isinstance(needs, str) else needs
                if name not in done and all(need in done for need in needs):
                    done[name] = self._job(name, job, {need: done[need] for need in needs})
        return done

    def _job(self, name: str, job: dict[str, Any], needs: Mapping[str, Result]) -> Result:
        """A job, or all those of its matrix one after the other: outputs of one name must come from one of them."""
        matrix = job.get("strategy", {}).get("matrix", {})
        if not matrix:
            return Job(self, name, job, needs).run()
        ((key, value),) = matrix.items()
        parts = evaluate(value.strip()[3:-2], {"inputs": self.inputs}) if isinstance(value, str) else value
        results = [Job(self, f"{name}-{part}", job, needs, {key: part}, len(parts)).run() for part in parts]
        outputs: dict[str, str] = {}
        for result in results:
            said = {key: text for key, text in result.outputs.items() if text}
            assert not said.keys() & outputs.keys()
            outputs |= said
        log, summary = ("\n".join(getattr(result, what) for result in results) for what in ("log", "summary"))
        ok, skipped = all(result.ok for result in results), all(result.skipped for result in results)
        return Result(ok, skipped, log, summary, outputs, results[0].steps, results[0].where)

    @property
    def store(self) -> Path:
        """Artifacts and caches."""
        return self.place / "store"

    def github(self) -> dict[str, Any]:
        """The context `github`."""
        return {
            "event": self.event,
            "event_name": self.event_name,
            "ref": self.ref,
            "repository": REGISTRY,
            "run_attempt": 1,
            "run_id": 7000 + self.runs,
            "sha": self.sha or git(self.remote, "rev-parse", self.ref),
            "token": "the-job-s-own-token",
        }


class Job:
    """One job on a machine of its own."""

    def __init__(
        self,
        hosted: Hosted,
        name: str,
        job: dict[str, Any],
        needs: Mapping[str, Result],
        matrix: Mapping[str, Any] = {},
        total: int = 1,
    ) -> None:
        self._hosted, self._job, self._needs = hosted, job, needs
        self._home = hosted.place / f"run-{hosted.runs}-{name}"
        self._workspace, self._temp = self._home / "work", self._home / "temp"
        self._paths: list[str] = []
        self._steps: dict[str, Any] = {}
        self._failed = False
        self._log: list[str] = []
        writes = job.get("permissions", {}).get("contents") == "write"
        self._pushes = writes
        self._contexts: dict[str, Any] = {
            "github": hosted.github(),
            "inputs": hosted.inputs,
            "vars": hosted.vars,
            "secrets": hosted.secrets if "environment" in job else {},
            "runner": {"environment": "github-hosted", "temp": str(self._temp)},
            "job": {"workflow_repository": CODE, "workflow_sha": CODE_SHA},
            "needs": {need: {"result": _result(result), "outputs": result.outputs} for need, result in needs.items()},
            "steps": self._steps,
            "matrix": matrix,
            "strategy": {"job-total": total},
        }
        self._functions = {
            "always": lambda: True,
            "cancelled": lambda: False,
            "success": lambda: not self._failed,
            "failure": lambda: self._failed,
        }

    def run(self) -> Result:
        """All steps that are to run."""
        fine = all(need.ok and not need.skipped for need in self._needs.values())
        asked = {**self._functions, "success": lambda: fine, "failure": lambda: not fine}
        if not condition(self._job.get("if", "success()"), self._contexts, asked):
            return Result(ok=True, skipped=True)
        for folder in (self._workspace, self._temp, self._home / "commands"):
            folder.mkdir(parents=True)
        self._shims()
        for file in ("output", "summary", "path", "env"):
            (self._home / "commands" / file).touch()
        ended = {}
        for number, step in enumerate(self._job["steps"]):
            ended[step.get("name", str(number))] = self._step(number, step)
        outputs = {key: fill(value, self._contexts) for key, value in self._job.get("outputs", {}).items()}
        summary = (self._home / "commands" / "summary").read_text()
        log = "\n".join(self._log)
        return Result(not self._failed, False, log, summary, outputs, ended, self._workspace)

    def _step(self, number: int, step: dict[str, Any]) -> str:
        said = step.get("id", f"step-{number}")
        self._steps[said] = {"outputs": {}}
        if not condition(str(step.get("if", "success()")), self._contexts, self._functions):
            return "skipped"
        if "uses" in step:
            with_ = {key: fill(shown(value), self._contexts) for key, value in step.get("with", {}).items()}
            fine = self._use(step["uses"].split("@")[0], with_)
        else:
            env = {key: fill(shown(value), self._contexts) for key, value in step.get("env", {}).items()}
            fine = self._bash(step["run"], env, self._steps[said]["outputs"])
        self._failed = self._failed or not fine
        return "success" if fine else "failure"

    def _bash(self, script: str, env: Mapping[str, str], outputs: dict[str, str]) -> bool:
        assert "${{" not in script, "an expression in a script is a script of whoever writes its value"
        EXECUTED.add(script)
        commands = self._home / "commands"
        (commands / "output").write_text("")
        file = commands / "step.sh"
        file.write_text(script)
        done = subprocess.run(
            ["bash", "-e", str(file)], cwd=self._workspace, env=self._environment(env), capture_output=True, text=True
        )
        self._log += [done.stdout, done.stderr]
        outputs.update(line.split("=", 1) for line in (commands / "output").read_text().splitlines())
        self._paths += (commands / "path").read_text().splitlines()
        (commands / "path").write_text("")
        return done.returncode == 0

    def _environment(self, env: Mapping[str, str]) -> dict[str, str]:
        hosted, commands = self._hosted, self._home / "commands"
        github = self._contexts["github"]
        event = commands / "event.json"
        event.write_text(json.dumps(hosted.event))
        path = [*reversed(self._paths), str(self._home / "shims"), os.environ["PATH"]]
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "PATH": os.pathsep.join(path),
            "HOME": str(self._home),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": hosted.api,
            "GITHUB_ENV": str(commands / "env"),
            "GITHUB_EVENT_NAME": hosted.event_name,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_OUTPUT": str(commands / "output"),
            "GITHUB_PATH": str(commands / "path"),
            "GITHUB_REF": hosted.ref,
            "GITHUB_REF_NAME": hosted.ref.split("/", 2)[2],
            "GITHUB_REPOSITORY": github["repository"],
            "GITHUB_RUN_ID": str(github["run_id"]),
            "GITHUB_SHA": github["sha"],
            "GITHUB_STEP_SUMMARY": str(commands / "summary"),
            "GITHUB_WORKSPACE": str(self._workspace),
            "RUNNER_TEMP": str(self._temp),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **env,
        }

    def _shims(self) -> None:
        folder = self._home / "shims"
        folder.mkdir()
        asked = self._hosted.place / "asked"
        for name, script in {
            "sudo": f'echo "sudo $*" >> {asked}',
            "gh": f'echo "gh $*" >> {asked}\ncase "$1 $2" in "release view") exit 1;; esac',
        }.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)

    # Actions

    def _use(self, action: str, with_: Mapping[str, str]) -> bool:
        known: dict[str, Callable[[Mapping[str, str]], bool | None]] = {
            "actions/setup-python": lambda with_: with_["python-version"] in ("3.11", "3.12", "3.13"),
            "actions/checkout": self._checkout,
            "actions/upload-artifact": lambda with_: self._upload(with_["name"], with_["path"]),
            "actions/upload-pages-artifact": lambda with_: self._upload("github-pages", with_["path"]),
            "actions/download-artifact": self._download,
            "actions/cache/save": self._save,
            "actions/cache/restore": self._restore,
            "actions/deploy-pages": self._identified,
            "actions/attest-build-provenance": self._identified,
        }
        return known[action](with_) is not False

    def _identified(self, _: Mapping[str, str]) -> bool:
        return bool(self._job["permissions"]["id-token"] == "write")

    def _download(self, with_: Mapping[str, str]) -> None:
        assert ("pattern" in with_) == (with_.get("merge-multiple") == "true")
        for source in (self._hosted.store / "artifacts").glob(with_.get("pattern") or with_["name"]):
            shutil.copytree(source, self._workspace / with_["path"], symlinks=True, dirs_exist_ok=True)

    def _save(self, with_: Mapping[str, str]) -> None:
        source = self._in_home(with_["path"])
        if source.exists():
            shutil.copytree(source, self._hosted.store / "caches" / with_["key"])

    def _restore(self, with_: Mapping[str, str]) -> None:
        caches = (self._hosted.store / "caches").glob(f"{with_['restore-keys']}*")
        if found := sorted(caches, key=lambda path: path.stat().st_mtime):
            shutil.copytree(found[-1], self._in_home(with_["path"]))

    def _in_home(self, path: str) -> Path:
        assert path.startswith("~/")
        return self._home / path[2:]

    def _upload(self, name: str, path: str) -> bool:
        source, target = self._workspace / path, self._hosted.store / "artifacts" / name
        if not source.exists():
            return False
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
        self._hosted.between(name)
        return True

    def _checkout(self, with_: Mapping[str, str]) -> None:
        target = self._workspace / with_.get("path", ".")
        if self._hosted.own:
            shutil.copytree(self._hosted.own, target, dirs_exist_ok=True)
            installed(target)
            return
        assert with_.get("fetch-depth") == "0" or with_.get("path") == "code" or not with_.get("path")
        if with_.get("repository") == CODE:
            assert with_["ref"] == CODE_SHA
            runner_code(target, self._hosted.code)
            return
        ref = with_.get("ref") or self._contexts["github"]["ref"]
        target.mkdir(parents=True, exist_ok=True)
        git(target, "init", "--quiet", "--initial-branch=main")
        git(target, "remote", "add", "origin", str(self._hosted.remote))
        local = ref.replace("refs/heads/", "refs/remotes/origin/").replace("refs/pull/", "refs/remotes/pull/")
        everything = "+refs/heads/*:refs/remotes/origin/*"
        git(target, "fetch", "--quiet", "--no-tags", "origin", everything, f"+{ref}:{local}")
        if ref.startswith("refs/heads/"):
            git(target, "checkout", "--quiet", "-B", ref.removeprefix("refs/heads/"), local)
        else:
            git(target, "checkout", "--quiet", "--detach", local)
        if with_.get("persist-credentials") == "false" or not self._pushes:
            git(target, "remote", "set-url", "--push", "origin", str(self._home / "no-right-to-push"))


def runner_code(target: Path, source: Path) -> None:
    """The runner's own repository as checked out, with what it pins already installed."""
    target.mkdir(parents=True)
    for name in ("beacon", "action.yml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(source / name, target / name)
    for name in ("runner", "schemas"):
        (target / name).symlink_to(source / name)
    installed(target)


def installed(target: Path) -> None:
    """An environment beside the bootstrap, complete by its stamps: this one."""
    venv, ours = target / ".venv", Path(sys.prefix)
    venv.mkdir()
    shutil.copy(ours / "pyvenv.cfg", venv / "pyvenv.cfg")
    for name in ("bin", "lib"):
        (venv / name).symlink_to(ours / name)
    for name in ("requirements.txt", "requirements-dev.txt"):
        (venv / f"{name}.sha256").write_text(hashlib.sha256((target / name).read_bytes()).hexdigest())


def _result(result: Result) -> str:
    return "skipped" if result.skipped else "success" if result.ok else "failure"
