"""suspend, resume, rerun and events: files change where they must and nowhere else, and what happened is told."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.cli import main
from runner.commands.operate import working
from runner.errors import Invalid, Usage
from runner.formats import strictyaml
from runner.reconcile import reconcile
from runner.registry.edits import job_called, listed, raised, resume, suspend
from tests import make
from tests.fake_executor import FakeExecutor
from tests.scratch import Scratch, scratch
from tests.test_cli import JOB

OTHER = "registry/jobs/alice/other.yaml"
LINES = st.lists(st.sampled_from([JOB, f"  {OTHER} ", "# why", "", f"#{JOB}", "registry/jobs/bob/x.yaml"]), max_size=8)


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A registry with a published run."""
    place = scratch(tmp_path_factory.mktemp("edits"))
    place.write_job(OTHER)
    place.push("Another one")
    with working(place.clone, place.keys / "runner", "origin", lambda _: None, place.state) as world:
        assert reconcile(world._replace(executor=FakeExecutor(clock=world.now))).published
    return place


@pytest.fixture
def place(registries: Scratch, tmp_path: Path) -> Scratch:
    return registries.copy(tmp_path / "registry")


@pytest.fixture
def beacon(
    place: Scratch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run a verb in the clone: exit code, stdout, stderr."""
    monkeypatch.chdir(place.clone)

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


# The files, as bytes


@settings(max_examples=60)
@given(LINES, st.booleans())
def test_suspending_and_resuming_leave_other_lines_alone(lines: list[str], ended: bool) -> None:
    raw = ("\n".join(lines) + ("\n" if ended and lines else "")).encode()
    more = suspend(raw, [JOB, OTHER])
    assert more.startswith(raw)
    assert listed(more) == listed(raw) | {JOB, OTHER}
    assert suspend(more, [JOB]) == more
    less = resume(more, [JOB])
    assert listed(less) == listed(more) - {JOB}
    kept = [line for line in more.decode().splitlines() if line.strip() != JOB]
    assert less.decode().splitlines() == kept


def test_a_file_without_a_last_line_end_gets_one() -> None:
    assert suspend(b"# why", [JOB]) == f"# why\n{JOB}\n".encode()


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a: 1\nmetadata:\n  # one\n  revision: 9 # nine\n", "a: 1\nmetadata:\n  # one\n  revision: 10 # nine\n"),
        ('metadata: {"é😀": x, revision: 1}\n', 'metadata: {"é😀": x, revision: 2}\n'),
        ('{"revision": 7, "metadata": {"revision": 1}}\n', '{"revision": 7, "metadata": {"revision": 2}}\n'),
    ],
)
def test_only_the_revision_is_raised(text: str, after: str) -> None:
    assert raised(text.encode(), "job.yaml")[0].decode() == after


@settings(max_examples=60)
@given(st.integers(1, 2**31 - 2), st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=9))
def test_nothing_else_changes(revision: int, word: str) -> None:
    text = f'metadata:\n  title: "{word}"\n  revision: {revision}\n  name: "revision: {revision}"\n'
    changed, now = raised(text.encode(), "job.yaml")
    before, after = strictyaml.load(text.encode(), "a").data, strictyaml.load(changed, "b").data
    assert after["metadata"].pop("revision") == now == before["metadata"].pop("revision") + 1
    assert after == before


@pytest.mark.parametrize(
    "text", ["a: 1\n", "metadata: 3\n", "- 1\n", 'metadata: {revision: "1"}\n', "metadata: {revision: 0}\n"]
)
def test_without_a_plain_revision_nothing_is_raised(text: str) -> None:
    with pytest.raises(Invalid) as raises:
        raised(text.encode(), "job.yaml")
    assert [problem.code for problem in raises.value.problems] == ["revision-fixed"]


def test_a_job_is_called_by_its_path_or_by_its_end() -> None:
    jobs = [JOB, "registry/jobs/bob/who.yaml", OTHER]
    assert job_called(jobs, JOB) == job_called(jobs, "alice/who") == JOB
    assert job_called(jobs, "other") == OTHER
    for which, said in (("who", "2 jobs"), ("othr", 'did you mean "other"')):
        with pytest.raises(Usage, match=said):
            job_called(jobs, which)


# The verbs


def test_a_job_is_suspended_and_resumed(beacon: Callable[..., tuple[int, str, str]], place: Scratch) -> None:
    file = place.clone / "registry/suspended"
    file.write_text("# maintenance\n")
    assert beacon("suspend", "who") == (0, f"{JOB}\n", "registry/suspended names 1 job; commit it\n")
    assert file.read_text() == f"# maintenance\n{JOB}\n"
    assert beacon("validate")[0] == 0
    assert beacon("suspend", "alice/who", "--json")[1].count('"changed": false') == 1
    assert beacon("rerun", "who", "--key", place.keys / "contributor")[0] == 0
    place.push("Ask once more, and suspend it")
    assert f"{JOB}: suspended" in beacon("plan")[1]
    code, out, _ = beacon("resume", JOB, "--json")
    assert (code, json.loads(out)["suspended"]) == (0, [])
    assert file.read_text() == "# maintenance\n"
    code, out, _ = beacon("resume", "who", "--json")
    assert (code, json.loads(out)["changed"]) == (0, False)
    assert beacon("resume", "who")[2] == "registry/suspended says so already\n"
    code, out, _ = beacon("resume", "whom", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (2, "job-unknown")


def test_an_unknown_job_is_not_suspended(beacon: Callable[..., tuple[int, str, str]], place: Scratch) -> None:
    code, out, err = beacon("suspend", "who", "otter")
    assert (code, out) == (2, "")
    assert 'did you mean "other"?' in err
    assert not (place.clone / "registry/suspended").exists()


def test_no_link_is_followed(beacon: Callable[..., tuple[int, str, str]], place: Scratch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine\n")
    (place.clone / "registry/suspended").symlink_to(tmp_path / "elsewhere")
    assert beacon("suspend", "who")[0] == 2
    assert (tmp_path / "elsewhere").read_text() == "mine\n"


def test_a_job_is_run_again(beacon: Callable[..., tuple[int, str, str]], place: Scratch) -> None:
    before = (place.clone / JOB).read_bytes()
    code, out, _ = beacon("rerun", "who", "--key", place.keys / "contributor", "--json")
    assert (code, json.loads(out)["revision"]) == (0, 2)
    assert (place.clone / JOB).read_bytes() == before.replace(b'"revision": 1', b'"revision": 2')
    assert beacon("validate")[0] == 0
    checked = ["ssh-keygen", "-Y", "verify", "-f", "registry/keys/allowed_signers", "-I", "alice"]
    checked += ["-n", f"jobspec.v1@{make.ORIGIN}", "-s", f"{JOB}.sig"]
    subprocess.run(checked, cwd=place.clone, input=(place.clone / JOB).read_bytes(), check=True, capture_output=True)
    place.push("Once more")
    assert JOB in beacon("plan")[1]


def test_what_happened_is_told_in_order(beacon: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = beacon("events")
    assert code == 0
    said = out.splitlines()
    assert [line.split()[0] for line in said] == [str(number) for number in range(len(said))]
    assert "the log begins" in said[0]
    assert any(f"started by runner: {JOB}, revision 1" in line for line in said)
    assert any(f"published: {JOB}: " in line and "SIMULATED" in line for line in said)
    found = [json.loads(line) for line in beacon("events", "who", "--last", 1, "--json")[1].splitlines()]
    assert [(one["schema"], one["entry"]["type"], one["job"]) for one in found] == [("beacon/event/v1", "run", JOB)]
    assert len(beacon("events", "--last", 2)[1].splitlines()) == 2
    assert beacon("events", "whom")[0] == 2
