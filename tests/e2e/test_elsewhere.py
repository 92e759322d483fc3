"""A registry in another folder, from nothing to a verified report, by the commands of the README as they stand there.

Only two things are put in: the benchmark that answers without a model, under the name of the README's, and its CID. Who
merges is not in the README: a forge does, here `git merge`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scratch import ECHO, beacon_on_path, demand_sandbox
from tests.test_docs import README, fences

BENCHMARK = Path("registry", "benchmarks", "who-are-you")


def block(command: str) -> str:
    """The only shell block of the README that has this command."""
    (found,) = [content for _, content in fences(README, "sh") if command in content]
    return found


class Person:
    """Somebody at a terminal, in a folder of their own."""

    def __init__(self, place: Path) -> None:
        self.folder = place / "work"
        self.folder.mkdir()
        (place / ".gitconfig").write_text("[user]\n\tname = Alice\n\temail = alice@example.org\n")
        self.environ = {
            "PATH": beacon_on_path(place / "bin"),
            "HOME": str(place),
            "GIT_CONFIG_NOSYSTEM": "1",
            "BEACON_STATE": str(place / "state"),
            "BEACON_CACHE": str(place / "cache"),
        }

    def types(self, script: str, code: int = 0) -> str:
        """What the lines print. They may end in another folder than they began."""
        told = self.folder / ".folder"
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", f'trap "pwd > {told}" EXIT\n{script}'],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        self.folder = Path(told.read_text().strip())
        told.unlink()
        return done.stdout + done.stderr


@pytest.fixture
def person(tmp_path: Path) -> Person:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    demand_sandbox()
    return Person(tmp_path)


@pytest.mark.slow
def test_from_an_empty_folder_to_a_verified_report(person: Person) -> None:
    keep = block("git init --initial-branch")
    assert len(keep.splitlines()) == 6
    said = person.types(keep)
    anchor = said.rpartition("--trust ")[2].strip()
    assert person.folder.name == "my-registry"

    copy = block("cp -r PATH/TO/beacon-runner").replace("PATH/TO/beacon-runner", str(ROOT))
    *prepare, look = copy.strip().splitlines()
    person.types("\n".join(prepare))
    shutil.rmtree(person.folder / BENCHMARK)
    shutil.copytree(ECHO, person.folder / BENCHMARK)
    cid = person.types(look).strip()

    ((info, job),) = [(info, text) for info, text in fences(README, "yaml") if " " in info]
    path = info.split(" ")[1]
    (person.folder / path).write_text(re.sub(r"cid: \w+", f"cid: {cid}", job))

    said = person.types(block("beacon sign registry/jobs/alice/capital.yaml"))
    assert "1 job, valid" in said
    assert f"+ {path}" in said
    assert re.search(r"\b18\b", said.partition(f"+ {path}")[2])  # answers: 3 regions, 3 providers, 2 replicas

    who = "git checkout -q main && git merge -q --no-ff -m 'Merge the pull request' capital"
    person.types(f"beacon validate --base main --rev capital && {who}")
    said = person.types("beacon reconcile --keys ../my-keys/runner")
    assert "1 started, 1 published" in said
    assert "alice/capital: " in person.types("beacon report")
    assert "\nverified" in person.types(f"beacon verify --trust {anchor}")
    assert "nothing to do" in person.types("beacon reconcile --keys ../my-keys/runner")
