"""The verb `report`: what was published as JSON, as a site and on paper; and, with a runner's keys, judged again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest

from runner import rescore as writer
from runner.cli import main
from runner.commands.operate import working
from runner.edges.pdf import pdf
from runner.errors import Environment
from runner.reconcile import reconcile
from runner.verify import rejudged as checker
from tests.fake_executor import FakeExecutor
from tests.scratch import Scratch, git, scratch
from tests.test_rescore import HOME, NEXT, stricter

DOCUMENT = '<!doctype html><title>T</title><h1>Title</h1><img alt="a" src="{src}"><link rel="stylesheet" href="{href}">'
SQUARE = b'<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"/>'
PICTURE = f"data:image/svg+xml;base64,{base64.b64encode(SQUARE).decode()}"


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, read."""
        return json.loads(self.out)


Report: TypeAlias = Callable[..., Said]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A registry on the disk, with a published run."""
    place = scratch(tmp_path_factory.mktemp("registry"))
    with working(place.clone, place.keys / "runner", "origin", lambda _: None, place.state) as world:
        assert reconcile(world._replace(executor=FakeExecutor(clock=world.now))).published
    return place


@pytest.fixture
def place(made: Scratch, tmp_path: Path) -> Scratch:
    """A copy of it."""
    return made.copy(tmp_path / "registry")


@pytest.fixture
def report(place: Scratch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Report:
    """The command in that registry, with the state that its runner left."""
    monkeypatch.setenv("BEACON_STATE", str(place.state))
    monkeypatch.delenv("BEACON_KEYS", raising=False)

    def run(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = main(["report", *map(str, arguments), "--repo", str(place.clone)])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later classifier is installed."""
    for module in (writer, checker):
        monkeypatch.setattr(module, "CLASSIFIER", NEXT)
        monkeypatch.setattr(module, "compare", stricter)


# JSON


def test_json_tells_what_is_known_of_a_run(report: Report) -> None:
    (run,) = report("--json").json["runs"]
    assert (run["kind"], run["job"], run["rescored"]) == ("DiffReport", "registry/jobs/alice/who.yaml", [])
    assert run["sentence"].startswith("On 20")
    assert run["sentence"].endswith("SIMULATED.")
    assert run["folder"].endswith(run["run"][:32])
    assert run["cid"].startswith("bafy")
    assert run["log"]["run"] == run["log"]["start"] + 1


# The site


def test_the_site_is_written_and_written_again(report: Report, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    assert "index.html" in report("--html", folder).out
    first = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert folder / "jobs/alice/who/index.html" in first
    (folder / ".beacon-site").write_text("index.html\nold/page.html\n../registry.txt\n")
    (folder / "old").mkdir()
    for gone in (folder / "old/page.html", tmp_path / "registry.txt", folder / "mine.txt"):
        gone.write_text("x")
    assert report("--html", folder, "--json").json["files"] == len(first) - 1
    assert not (folder / "old/page.html").exists()
    assert (tmp_path / "registry.txt").exists()
    (folder / "mine.txt").unlink()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == first


def test_a_folder_with_other_things_is_left_alone(report: Report, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    for other in (folder, folder / "letter.txt"):
        said = report("--html", other, "--json")
        assert (said.code, said.json["error"]["code"]) == (2, "folder-not-empty")
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--html", "x", "--pdf", "y"), "options-clash"),
        (("--html", "x", "--rescore"), "options-clash"),
        (("who", "--html", "x"), "options-clash"),
        (("--pdf", "x"), "run-ambiguous"),
        (("nobody", "--pdf", "x"), "run-unknown"),
        (("nobody", "--rescore"), "run-unknown"),
    ],
)
def test_what_does_not_go_together_is_refused(report: Report, options: tuple[str, ...], code: str) -> None:
    said = report(*options, "--json")
    assert (said.code, said.json["error"]["code"]) == (2, code)


# Paper


def test_without_the_extra_a_pdf_is_refused_with_the_way_to_mend_it(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    said = report("who", "--pdf", tmp_path / "who.pdf", "--json")
    assert (said.code, said.json["error"]["code"]) == (4, "pdf-missing")
    assert "pip install weasyprint" in said.json["error"]["hint"]
    assert not (tmp_path / "who.pdf").exists()


@pytest.fixture
def weasyprint() -> None:
    """WeasyPrint is here."""
    try:
        pdf(DOCUMENT.format(src=PICTURE, href=""), "", 0)
    except Environment as error:
        pytest.skip(error.message)


@pytest.mark.usefixtures("weasyprint")
@pytest.mark.filterwarnings("default")
def test_a_run_on_paper_is_the_same_bytes_again(report: Report, tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        assert report("who", "--pdf", tmp_path / name).code == 0
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


@pytest.mark.usefixtures("weasyprint")
@pytest.mark.filterwarnings("default")
def test_paper_fetches_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "style.css"
    secret.write_text("h1 { font-size: 90pt }")
    plain = pdf(DOCUMENT.format(src=PICTURE, href=""), "", 0)
    for address in (secret.as_uri(), "http://127.0.0.1:9/x.css", "data:text/css,h1{font-size:90pt}"):
        assert pdf(DOCUMENT.format(src=PICTURE, href=address), "", 0) == plain


# Judged again


def test_a_runner_judges_again_and_everybody_reads_it(
    report: Report, place: Scratch, newer: None, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ("--keys", place.keys / "runner")
    before = git(place.remote, "rev-parse", "main")
    said = report("who", "--rescore", *keys)
    assert (said.code, f"by {NEXT}, was" in said.out) == (0, True)
    after = git(place.remote, "rev-parse", "main")
    assert git(place.remote, "rev-list", f"{before}..{after}").count("\n") == 0
    changed = git(place.remote, "diff", "--name-status", before, after, "--", "reports/jobs")
    assert all(line.startswith(("A\t", "M\treports/jobs/alice/who/")) for line in changed.splitlines())
    (run,) = report("--json").json["runs"]
    (again,) = run["rescored"]
    assert (run["verdict"], again["diff"]["verdict"]) == ("same", "minor")
    assert again["folder"] == f"{run['folder']}/{HOME}"
    assert "judged again by" in report("who").err
    assert report("--rescore", *keys).out.startswith("nothing to do")
    nothing = report("--rescore", *keys, "--json").json
    assert (nothing["rescored"], nothing["left"], nothing["head"]) == ([], [], after)
    main(["verify", str(place.clone), "--json"])
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert {step["number"] for step in steps if step["findings"]} <= {4}, "the fake executor's clock stands still"


def test_without_keys_nobody_judges_again(report: Report) -> None:
    said = report("--rescore", "--json")
    assert said.code == 4
