"""From a signed job to a verified report, by the command line alone: real git, the real sandbox, real signals.

A hostile benchmark is published like any other, and nothing of its answers can act on a reader.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.commands.places import git
from runner.edges.keys import load_signer
from runner.formats.sshsig import sign
from runner.ipfs.unixfs import folder_cid
from tests import make
from tests.conftest import ROOT
from tests.preloaded import BEACON, Preloaded, Process
from tests.scratch import JOB, Scratch, demand_sandbox, quick_job, scratch

SLOW = """
import json, sys, time
for cell in json.load(sys.stdin)["cells"]:
    time.sleep(cell["parameters"]["seconds"])
    print(json.dumps({"id": cell["id"], "status": "ok", "output": "late", "finish": "stop", "ms": 0}), flush=True)
"""
HOSTILE_ANSWER = (
    "<script>alert(1)</script> \x1b[2J\x1b]0;owned\x07 ![x](https://evil.example/x.png) \u202egnp.exe\n"
    "::error file=a::b\n```\n# Verified\n@everyone fixes #1\n"
)
HOSTILE = f"""
import json, sys
sys.stderr.write("::set-output name=x::y\\n" * 2000)
for cell in json.load(sys.stdin)["cells"]:
    print(json.dumps({{"id": cell["id"], "status": "ok", "output": {HOSTILE_ANSWER!r}, "finish": "stop", "ms": 0}}))
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A registry that nobody has reconciled."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    demand_sandbox()
    return scratch(tmp_path_factory.mktemp("fresh"))


@pytest.fixture
def place(fresh: Scratch, tmp_path: Path) -> Scratch:
    """A copy of it."""
    return fresh.copy(tmp_path / "registry")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


class Shell:
    """A person's shell in the clone."""

    def __init__(self, preloaded: Preloaded, place: Scratch, cache: Path) -> None:
        self._preloaded = preloaded
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BEACON_", "GIT", "CI"))}
        own = {"BEACON_STATE": str(place.state), "BEACON_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
        self.place = place
        self.environment = {**kept, **own, "GIT_CONFIG_GLOBAL": os.devnull, "BEACON_KEYS": str(place.keys / "runner")}

    def start(self, *arguments: str) -> Process:
        """A verb that goes on."""
        return self._preloaded.start(BEACON, list(arguments), self.place.clone, self.environment)

    def run(self, *arguments: str, code: int = 0) -> str:
        """A verb, to its end, with this exit code. Returns what it printed."""
        done = self._preloaded.run(BEACON, list(arguments), self.place.clone, self.environment)
        assert done.returncode == code, done.stderr
        return done.stdout

    def json(self, *arguments: str, code: int = 0) -> Any:
        """A verb's JSON."""
        return json.loads(self.run(*arguments, "--json", code=code))


@pytest.fixture
def shell(preloaded: Preloaded, place: Scratch, cache: Path) -> Shell:
    return Shell(preloaded, place, cache)


@pytest.fixture
def running(shell: Shell, request: pytest.FixtureRequest) -> Iterator[Process]:
    """A reconcile that works on the slow one of two jobs, when the quick one is done."""
    add_benchmark(shell.place, "slow", SLOW, ("EU",), seconds=getattr(request, "param", 2))
    shell.place.push("A slow job")
    process = shell.start("reconcile")
    process.tell("registry/jobs/alice/slow.yaml")
    yield process
    process.kill()


def add_benchmark(place: Scratch, name: str, source: str, regions: tuple[str, ...], **parameters: int) -> None:
    """A benchmark, and a job of the same name, less urgent than others, that runs it once in each region."""
    folder = place.clone / "registry" / "benchmarks" / name
    folder.mkdir()
    (folder / "benchmark.py").write_text(source)
    sampling = {"providers": 1, "replicas": 1, "seeds": "shared"}
    wanted = [{"name": region} for region in regions]
    data = quick_job(priority=-1, sampling=sampling, regions=wanted, minRegions=len(regions))
    data["metadata"]["name"] = name
    cid = folder_cid({"benchmark.py": source.encode()})
    data["spec"]["targets"][0]["image"]["source"] = {"benchmark": name, "cid": cid}
    data["spec"]["targets"][0]["parameters"] = parameters
    raw = json.dumps(data, indent=1).encode() + b"\n"
    file = place.clone / "registry" / "jobs" / "alice" / f"{name}.yaml"
    file.write_bytes(raw)
    key = load_signer(place.keys / "contributor")
    file.with_name(f"{name}.yaml.sig").write_bytes(sign(key, raw, f"jobspec.v1@{make.ORIGIN}"))


def ends(shell: Shell) -> list[str]:
    """The types of the log's entries from the first start on."""
    kinds = [row["entry"]["type"] for row in shell.json("log", "show")["entries"]]
    return kinds[kinds.index("start") :]


def test_from_a_signed_job_to_a_verified_report(shell: Shell) -> None:
    assert [one["job"] for one in shell.json("plan")["pending"]] == [JOB]
    done = shell.json("reconcile")
    assert (len(done["started"]), done["published"], done["remaining"]) == (1, done["started"], [])
    assert shell.run("reconcile") == "nothing to do\n"
    assert [row["state"] for row in shell.json("status")["jobs"]] == ["done"]
    assert re.fullmatch(r"[0-9a-f]{12}  \S+  alice/who: [a-z]+ SIMULATED\n", shell.run("report"))
    anchor = shell.json("keys")["anchor"]
    shell.run("verify", "--trust", anchor)
    shell.run("verify", "--trust", anchor, "--production", code=1)
    shell.run("log", "fsck")
    assert git(shell.place.clone, "status", "--porcelain") == ""
    output = next((shell.place.clone / "reports").rglob("outputs/**/*.txt"))
    output.write_text("what I would rather read")
    git(shell.place.clone, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qam", "Improve a report")
    assert "output-changed" in shell.run("verify", "--trust", anchor, code=1)


def test_a_hostile_benchmark_is_published_and_cannot_act(shell: Shell) -> None:
    add_benchmark(shell.place, "hostile", HOSTILE, ("EU", "US", "APAC"))
    shell.place.push("A hostile benchmark")
    assert len(shell.json("reconcile")["published"]) == 2
    shell.run("verify", "--trust", shell.json("keys")["anchor"])
    folder = shell.place.clone / "reports" / "jobs" / "alice" / "hostile"
    answers = [path.read_bytes().decode() for path in folder.rglob("outputs/**/*.txt")]
    assert answers == [HOSTILE_ANSWER] * 3
    pages = [path.read_text() for path in [*folder.rglob("*.md"), *folder.rglob("*.svg")]]
    for page in (*pages, shell.run("report", "hostile"), shell.run("status")):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]|^::|^# Verified", page, re.MULTILINE)
    for page in pages:  # in Markdown, text in code is only shown
        prose = re.sub(r"(?m)^( *`{3,})[^`]*$.*?^\1`*$", "", page, flags=re.DOTALL)
        prose = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", prose)
        assert not re.search(r"<script|!\[x\]|@everyone", prose)


def test_asked_to_stop_it_publishes_what_is_finished(shell: Shell, running: Process) -> None:
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 3, err
    assert "stopping; finished runs are still published" in err
    assert out == "2 started, 1 published, 1 still open\n"
    assert ends(shell) == ["start", "start", "run"]
    assert len(shell.json("reconcile")["published"]) == 1
    assert ends(shell) == ["start", "start", "run", "run"]
    shell.run("verify", "--trust", shell.json("keys")["anchor"])


def test_asked_twice_it_ends_at_once_and_loses_nothing(shell: Shell, running: Process) -> None:
    running.send_signal(signal.SIGINT)
    running.tell("stopping")
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130, err
    assert len(shell.json("reconcile")["published"]) == 2


@pytest.mark.parametrize("running", [30], indirect=True)
def test_a_running_run_is_cancelled_from_elsewhere(shell: Shell, running: Process, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(shell.place.remote), "elsewhere")
    run = next(
        row["entry"]["run"]
        for row in shell.json("log", "show", "--repo", str(tmp_path / "elsewhere"))["entries"]
        if row["entry"].get("job", "").endswith("/slow.yaml")
    )
    assert run[:32] in shell.run("cancel", run[:8], "--repo", str(tmp_path / "elsewhere"))
    running.communicate(timeout=60)
    assert running.returncode == 0, "the tick that stops a run also ends it"
    assert sorted(ends(shell)) == ["cancelled", "run", "start", "start"]
    assert git(shell.place.remote, "for-each-ref", "refs/beacon") == ""
    assert shell.json("reconcile")["started"] == []
