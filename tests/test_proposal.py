"""The rules of a pull request: `reports/` is the runner's, keys come alone, and only what is new is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runner.commands.places import git
from runner.commands.start import write_trust
from runner.edges.keys import SoftwareKey, load_signer, write_key
from runner.formats.sshsig import sign
from runner.registry.keyfiles import signer_line
from runner.registry.proposal import MOST_COMMITS, Ancestor, Commit, Proposal, judge
from tests import make
from tests.scratch import JOB, Scratch, scratch
from tests.test_cli import Beacon, Said, beacon  # noqa: F401 - a fixture

NAMESPACE = f"jobspec.v1@{make.ORIGIN}"
OLD, NEW = Ancestor("a" * 40, 3), Ancestor("b" * 40, 8)
NONE = Ancestor(None, 0)


def codes(*commits: Commit, paths: tuple[str, ...] = (), more: bool = False) -> list[str]:
    return [problem.code for problem in judge(Proposal(commits, more, paths))]


def commit(reports: str | None, *parents: Ancestor) -> Commit:
    return Commit("c" * 40, reports, parents)


@pytest.mark.parametrize(
    ("reports", "parents", "wrong"),
    [
        ("a", (OLD,), False),
        ("f", (OLD,), True),
        (None, (OLD,), True),
        (None, (NONE,), False),
        ("f", (NONE,), True),
        (None, (), False),
        ("f", (), True),
        ("b", (OLD, NEW), False),  # merging the branch brings the runner's commits
        ("a", (OLD, NEW), True),  # keeping the older log is a change, too
        ("a", (NEW, OLD), True),
        ("f", (OLD, NEW), True),
        ("a", (OLD, OLD), False),
    ],
)
def test_reports_are_those_of_the_parent_with_the_largest_log(
    reports: str | None, parents: tuple[Ancestor, ...], wrong: bool
) -> None:
    found = commit(reports and reports * 40, *parents)
    assert codes(found) == (["proposal-touches-reports"] if wrong else [])


def test_a_commit_that_another_one_takes_back_is_told_with_its_name_and_what_mends_it() -> None:
    problems = judge(Proposal([commit("a" * 40, Ancestor("f" * 40, 3)), Commit("d" * 40, "f" * 40, (OLD,))], False, []))
    assert [problem.path for problem in problems] == ["reports", "reports"]
    assert "commit dddddddddddd changes reports/" in problems[1].message
    assert "git rebase --interactive dddddddddddd~1" in problems[1].help


def test_many_are_counted() -> None:
    problems = judge(Proposal([commit("f" * 40, OLD)] * 25, True, []))
    assert [problem.code for problem in problems] == ["proposal-too-long"] + ["proposal-touches-reports"] * 11
    assert problems[-1].message == "15 more commits change reports/"
    assert str(MOST_COMMITS) in problems[0].message


@pytest.mark.parametrize("key", ["registry/keys/allowed_signers", "registry/policy.yaml", "registry/trust.json"])
def test_keys_come_alone(key: str) -> None:
    assert codes(paths=(key,)) == codes(paths=(JOB,)) == codes(paths=(key, "README.md")) == []
    assert codes(paths=(JOB, key)) == ["proposal-mixes-keys"]
    assert codes(paths=(key, "registry/benchmarks/echo/benchmark.py")) == []


def test_code_with_the_registry_is_a_warning() -> None:
    (problem,) = judge(Proposal([], False, [".github/workflows/x.yml", JOB]))
    assert (problem.code, problem.severity, problem.path) == (
        "proposal-mixes-code",
        "warning",
        ".github/workflows/x.yml",
    )
    assert codes(paths=("beacon", "runner/plan.py")) == codes(paths=("beacon-notes.md", JOB)) == []


def test_a_file_called_reports_is_no_way_around() -> None:
    assert codes(paths=("reports",)) == codes(paths=("reports/a",)) == ["proposal-touches-reports"]


pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A registry with one job, and a second one that does not hold."""
    place = scratch(tmp_path_factory.mktemp("proposal"))
    place.write_job("registry/jobs/alice/old.yaml")
    (place.clone / "registry/jobs/alice/old.yaml.sig").unlink()
    place.push("A job that nobody signed")
    return place


@pytest.fixture
def place(registries: Scratch, tmp_path: Path) -> Scratch:
    return registries.copy(tmp_path / "registry")


def put(place: Scratch, path: str, text: str) -> None:
    (place.clone / path).parent.mkdir(parents=True, exist_ok=True)
    (place.clone / path).write_text(text)


def validated(beacon: Beacon, place: Scratch, *more: str) -> Said:  # noqa: F811
    return beacon("validate", place.clone, "--base", "base", *more, "--json")


def found(said: Said) -> list[tuple[str, str]]:
    return [(problem["code"], problem["path"]) for problem in said.json["problems"]]


def test_a_pull_request_is_judged_by_what_stands_before_it(beacon: Beacon, place: Scratch) -> None:  # noqa: F811
    git(place.clone, "branch", "base")
    said = beacon("validate", place.clone, "--base", "base", "--rev", "HEAD")
    assert said.code == 0, said.err  # what was wrong before is not this one's doing
    assert beacon("validate", place.clone).code == 1

    place.write_job("registry/jobs/alice/new.yaml", regions=[{"name": "EU"}, {"name": "XX"}])
    put(place, "reports/README.md", "mine\n")
    place.push("A job for a region that there is not, and a report")
    git(place.clone, "rm", "--quiet", "-r", "reports")
    place.push("Take it back")
    said = validated(beacon, place, "--rev", "HEAD")
    assert said.code == 1
    told = dict(found(said))
    assert told["region-unknown"] == "registry/jobs/alice/new.yaml"
    assert told["proposal-touches-reports"] == "reports"
    assert "signature-missing" not in told

    # the policy and a key that the pull request brings do not help it
    policy = place.clone / "registry/policy.yaml"
    policy.write_text(policy.read_text().replace("\nregions:\n", '\nregions:\n  XX: ["US"]\n'))
    mallory = SoftwareKey(bytes(31) + b"m")
    write_key(place.keys / "mallory", mallory, "m")
    signers = place.clone / "registry/keys/allowed_signers"
    signers.write_text(signers.read_text() + signer_line("mallory", NAMESPACE, mallory.public))
    write_trust(place.clone, "maintainer", load_signer(place.keys / "maintainer"), keep=False)
    raw = (place.clone / JOB).read_bytes().replace(b'"alice"', b'"mallory"')
    (place.clone / "registry/jobs/mallory").mkdir()
    (place.clone / "registry/jobs/mallory/who.yaml").write_bytes(raw)
    (place.clone / "registry/jobs/mallory/who.yaml.sig").write_bytes(sign(mallory, raw, NAMESPACE))
    place.push("Let myself in")
    told = dict(found(validated(beacon, place, "--rev", "HEAD")))
    assert told["signer-unknown"] == "registry/jobs/mallory/who.yaml"
    assert told["region-unknown"] == "registry/jobs/alice/new.yaml"
    assert told["proposal-mixes-keys"] == "registry/keys/allowed_signers"


def test_keys_that_nobody_signed_are_told(beacon: Beacon, place: Scratch) -> None:  # noqa: F811
    git(place.clone, "branch", "base")
    put(place, "registry/keys/revoked", "# changed\n")
    place.push("Change a key file")
    assert ("trust-stale", "registry/trust.json") in found(validated(beacon, place, "--rev", "HEAD"))


def test_a_first_registry_answers_for_itself(beacon: Beacon, place: Scratch) -> None:  # noqa: F811
    git(place.clone, "checkout", "--quiet", "--orphan", "other")
    git(place.clone, "rm", "--quiet", "-r", "--cached", ".")
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    git(place.clone, *who, "commit", "--quiet", "--allow-empty", "--message", "Nothing")
    git(place.clone, "branch", "base")
    said = beacon("validate", place.clone, "--base", "base", "--rev", "main", "--json")
    assert found(said) == [("signature-missing", "registry/jobs/alice/old.yaml")]


def test_a_base_that_is_broken_does_not_keep_its_mending_out(beacon: Beacon, place: Scratch) -> None:  # noqa: F811
    put(place, "registry/keys/revoked", "# changed\n")
    place.push("Break it")
    git(place.clone, "branch", "base")
    write_trust(place.clone, "maintainer", load_signer(place.keys / "maintainer"), keep=False)
    put(place, "registry/jobs/alice/old.yaml", "")
    (place.clone / "registry/jobs/alice/old.yaml").unlink()
    place.push("Mend it")
    said = beacon("validate", place.clone, "--base", "base", "--rev", "HEAD")
    assert (said.code, "the proposed keys judge it" in said.err) == (0, True), said.err
