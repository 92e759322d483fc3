"""The commands of `docs/evidence.md`, run as they stand there on a clone: tools that others wrote accept what is
published, and refuse it once a byte is changed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from runner.verify.report import STEPS
from tests.paid import BUDGET, PaidExecutor, allow
from tests.worlds import Registry, job_file

TEXT = (Path(__file__).parent.parent / "docs/evidence.md").read_text()
SECTIONS = dict(re.findall(r"^## ([1-9])\. (?:.*)\n((?:(?!^## ).*\n)*)", TEXT, re.MULTILINE))
TOOLS = ("git", "ssh-keygen", "openssl", "jq", "sha256sum", "base64")


def commands(text: str) -> str:
    return "\n".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of a registry with a published and settled run, checked out."""
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"not here: {', '.join(missing)}")
    registry = Registry()
    registry.act()
    allow(registry)
    registry.submit(job_file(budget=BUDGET))
    registry.executor = PaidExecutor(registry)
    registry.act()
    folder = tmp_path_factory.mktemp("registry")
    registry.check_out(folder)
    return folder


def run(folder: Path, *sections: str) -> subprocess.CompletedProcess[str]:
    script = "\n".join(
        ["set -eu", commands(TEXT.partition("## 1.")[0]), *(commands(SECTIONS[one]) for one in sections)]
    )
    return subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True)


def test_the_page_has_the_steps_of_the_code() -> None:
    assert [int(number) for number in SECTIONS] == list(STEPS)


@pytest.mark.parametrize("step", [number for number in SECTIONS if commands(SECTIONS[number])])
def test_tools_of_others_accept_what_is_published(clone: Path, step: str) -> None:
    before = ["4"] if step == "5" else []
    done = run(clone, *before, step)
    assert done.returncode == 0, done.stderr
    assert "look at" not in done.stdout


def test_git_refuses_a_commit_of_reports_that_no_runner_signed(clone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    shutil.copytree(clone, folder)
    (folder / "reports/README.md").write_text("all is well\n")
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "commit", "-q", "-a", "-m", "better news"], check=True)
    assert run(folder, "1").returncode != 0


@pytest.mark.parametrize(
    ("step", "changed"),
    [
        ("3", "bundle/job.yaml"),
        ("3", "registry/policy.yaml"),
        ("4", "bundle/receipts/echo.APAC.1.1.sigstore.json"),
        ("5", "bundle/outputs/echo/who/APAC/1-1.txt"),
        ("6", "README.md"),
        ("6", "manifest.json"),
        ("7", "reports/settlements/*.json"),
        ("8", "reports/log/checkpoint"),
    ],
)
def test_tools_of_others_refuse_a_changed_byte(clone: Path, step: str, changed: str, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    shutil.copytree(clone, folder)
    root = folder if changed.startswith(("registry/", "reports/")) else next(folder.rglob("manifest.json")).parent
    file = next(root.glob(changed))
    raw = bytearray(file.read_bytes())
    at = raw.index(b'"payload":"') + 20 if changed.endswith(".sigstore.json") else len(raw) // 3
    raw[at] ^= 1
    file.write_bytes(raw)
    assert run(folder, *(["4"] if step == "5" else []), step).returncode != 0
