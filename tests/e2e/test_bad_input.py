"""Bad input, each kind alone and all at once, through real git and the command line: one clear error with its place,
exit 1, the repository as it was; and the good job beside it still runs.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.cli import main
from runner.commands.operate import working
from runner.commands.places import git
from runner.edges.keys import SoftwareKey, load_signer
from runner.formats.sshsig import sign
from runner.reconcile import reconcile
from tests import make
from tests.fake_executor import FakeExecutor
from tests.scratch import JOB, Scratch, quick_job, scratch

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

BAD = "registry/jobs/alice/bad.yaml"
ORIGIN = f"jobspec.v1@{make.ORIGIN}"


def text(**spec: Any) -> bytes:
    """A valid job called bad."""
    data = quick_job(**spec)
    data["metadata"]["name"] = "bad"
    return json.dumps(data, indent=1).encode() + b"\n"


def put(place: Scratch, raw: bytes, path: str = BAD, key: SoftwareKey | None = None, namespace: str = ORIGIN) -> str:
    """Write a file and a signature of exactly these bytes."""
    file = place.clone / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(raw)
    signer = key or load_signer(place.keys / "contributor")
    file.with_name(file.name + ".sig").write_bytes(sign(signer, raw, namespace))
    return path


def unsigned(place: Scratch) -> str:
    (place.clone / f"{put(place, text())}.sig").unlink()
    return BAD


def changed_after_signing(place: Scratch) -> str:
    path = place.clone / put(place, text())
    path.write_bytes(path.read_bytes() + b"\n")
    return BAD


def another_files_signature(place: Scratch) -> str:
    put(place, text())
    shutil.copy(place.clone / f"{JOB}.sig", place.clone / f"{BAD}.sig")
    return BAD


def rubbish_for_a_signature(place: Scratch) -> str:
    put(place, text())
    (place.clone / f"{BAD}.sig").write_bytes(b"\xff" * 400)
    return BAD


def copied_to_another_name(place: Scratch) -> str:
    return put(place, (place.clone / JOB).read_bytes())


def copied_to_another_owner(place: Scratch) -> str:
    data = quick_job()
    data["metadata"] |= {"owner": "bob", "name": "bad"}
    return put(place, json.dumps(data, indent=1).encode() + b"\n", "registry/jobs/bob/bad.yaml")


def symlink(place: Scratch) -> str:
    put(place, text())
    (place.clone / BAD).unlink()
    (place.clone / BAD).symlink_to("who.yaml")
    return BAD


def executable(place: Scratch) -> str:
    (place.clone / put(place, text())).chmod(0o755)
    return BAD


def bomb(place: Scratch) -> str:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    return put(place, b"a0: &a0 [lol]\n" + levels.encode())


def image(**form: Any) -> bytes:
    target = quick_job()["spec"]["targets"][0]
    return text(targets=[target | {"image": form}])


def written(raw: bytes, path: str = BAD) -> Callable[[Scratch], str]:
    """A file with an owner's signature over whatever it holds."""
    return lambda place: put(place, raw, path)


CASES: Mapping[str, tuple[Callable[[Scratch], str], set[str]]] = {
    "unsigned": (unsigned, {"signature-missing"}),
    "changed after signing": (changed_after_signing, {"signature-wrong"}),
    "another file's signature": (another_files_signature, {"signature-wrong"}),
    "rubbish for a signature": (rubbish_for_a_signature, {"signature-malformed"}),
    "for another registry": (
        lambda place: put(place, text(), namespace="jobspec.v1@elsewhere.example/log"),
        {"signature-namespace"},
    ),
    "for another purpose": (
        lambda place: put(place, text(), namespace=f"trust.v1@{make.ORIGIN}"),
        {"signature-namespace"},
    ),
    "by a stranger": (lambda place: put(place, text(), key=make.key("mallory")), {"signer-unknown"}),
    "copied to another name": (copied_to_another_name, {"name-mismatch"}),
    "copied to another owner": (copied_to_another_owner, {"signer-not-owner"}),
    "symlink": (symlink, {"file-mode"}),
    "executable": (executable, {"file-mode"}),
    "anchor": (written(b"a: &x 1\n"), {"yaml-anchor"}),
    "alias bomb": (bomb, {"yaml-anchor", "yaml-alias"}),
    "tab": (written(text().replace(b'{\n "', b'{\n\t"', 1)), {"yaml-tab"}),
    "CRLF": (written(text().replace(b"\n", b"\r\n")), {"yaml-cr"}),
    "duplicate key": (written(text().replace(b'"kind"', b'"kind": "JobSpec", "kind"', 1)), {"yaml-duplicate-key"}),
    "10 MB": (written(b"# " + b"x" * 10_000_000 + b"\n"), {"yaml-size"}),
    "depth 1000": (written(b"[" * 1000 + b"]" * 1000 + b"\n"), {"yaml-depth"}),
    "not text": (written(b"\xff\xfe\x00"), {"yaml-utf8"}),
    "empty": (written(b""), {"yaml-empty"}),
    "mixed case": (written(text(), "registry/jobs/alice/Bad.yaml"), {"path-invalid"}),
    "homoglyph": (written(text(), "registry/jobs/\u0430lice/bad.yaml"), {"path-invalid"}),
    "two dots": (written(text(), "registry/jobs/alice/..bad.yaml"), {"path-invalid"}),
    "too deep": (written(text(), "registry/jobs/alice/a/b/bad.yaml"), {"path-invalid"}),
    "image by tag": (written(image(oci="docker.io/acme/bench:latest")), {"image-digest-missing"}),
    "unknown region": (
        written(text(regions=[{"name": "EU"}, {"name": "US"}, {"name": "MOON"}])),
        {"region-unknown"},
    ),
    "budget above the policy's": (
        written(text(budget={"currency": "GLM", "total": "1", "perRegion": "1"})),
        {"budget-exceeded"},
    ),
    "a file in reports' name": (written(text(), "registry/jobs/alice/runs/bad.yaml"), {"path-reserved"}),
    "a stray file": (lambda place: stray(place, "registry/notes.txt"), {"file-unknown"}),
}


def stray(place: Scratch, path: str) -> str:
    (place.clone / path).write_bytes(b"hello")
    return path


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A registry with one good job."""
    return scratch(tmp_path_factory.mktemp("fresh"))


@pytest.fixture
def place(fresh: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scratch:
    """A copy of it, in a world without the caller's configuration."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return fresh.copy(tmp_path / "registry")


def problems(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    capsys.readouterr()
    code = main(["validate", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)["problems"]


@pytest.mark.parametrize("name", CASES)
def test_it_is_one_clear_error_with_its_place(place: Scratch, capsys: pytest.CaptureFixture[str], name: str) -> None:
    spoil, codes = CASES[name]
    path = spoil(place)
    before = git(place.clone, "status", "--porcelain", "--untracked-files=all")
    for arguments in ([], ["--rev", "HEAD"]):
        if arguments:
            place.push("Something bad")
        code, found = problems(capsys, str(place.clone), *arguments)
        assert code == 1
        assert {problem["code"] for problem in found} == codes
        assert {problem["path"].removesuffix(".sig") for problem in found} == {path}
        assert all(problem["message"] for problem in found)
        assert all(problem["line"] for problem in found if problem["code"].startswith(("yaml-a", "yaml-t", "region")))
        if not arguments:
            assert git(place.clone, "status", "--porcelain", "--untracked-files=all") == before


def test_all_at_once_they_stop_no_good_job(place: Scratch) -> None:
    paths = set()
    for number, (spoil, _) in enumerate(CASES.values()):
        path = spoil(place)
        if path != BAD:
            paths.add(path)
            continue
        for suffix in ("", ".sig"):
            file = place.clone / f"{BAD}{suffix}"
            if os.path.lexists(file):
                file.rename(file.with_name(f"bad{number}.yaml{suffix}"))
        paths.add(f"registry/jobs/alice/bad{number}.yaml")
    place.push("Everything bad")
    with working(place.clone, place.keys / "runner", "origin", lambda _: None, place.state) as world:
        outcome = reconcile(world._replace(executor=FakeExecutor(clock=world.now)))
    assert len(outcome.published) == 1
    assert paths <= {idle.path for idle in outcome.plan.idle}
    assert {idle.code for idle in outcome.plan.idle} == {"invalid"}
    assert (place.clone / "reports/jobs/alice/who/README.md").exists()
