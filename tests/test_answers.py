"""What verbs print with --json: nothing else on stdout, each with its schema, and each as its published schema says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from runner.cli import main
from runner.commands.operate import working
from runner.reconcile import reconcile
from runner.registry.schemas import answers
from runner.rendering.statusview import Row, as_lines
from tests import make
from tests.commands import commands
from tests.conftest import ROOT
from tests.fake_executor import FakeExecutor
from tests.scratch import Scratch, git, scratch
from tests.test_cli import JOB

SCHEMAS = {name.removeprefix("answers/").removesuffix(".json"): json.loads(raw) for name, raw in answers().items()}
OTHER = "registry/jobs/alice/other.yaml"
PLAIN = {("demo",), ("ci", "summary"), ("completion",)}
"""Verbs without --json: they tell a story, or write Markdown or a shell's script."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A registry with a published run, a pending job and a suspended one."""
    place = scratch(tmp_path_factory.mktemp("answers") / "registry")
    with working(place.clone, place.keys / "runner", "origin", lambda _: None, place.state) as world:
        assert reconcile(world._replace(executor=FakeExecutor(clock=world.now))).published
    place.write_job(OTHER)
    place.push("Another one")
    return place


@pytest.fixture
def answered(
    place: Scratch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Any]:
    """Run a verb with --json in the clone, and give what it says once its schema holds."""
    monkeypatch.chdir(place.clone)
    monkeypatch.setenv("BEACON_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("BEACON_CACHE", str(tmp_path / "cache"))

    def run(*arguments: object, code: int | None = 0) -> Any:
        ended = main([*map(str, arguments), "--json"])
        said = capsys.readouterr().out
        assert code is None or ended == code, said
        data = json.loads(said)
        name, version = data["schema"].removeprefix("beacon/").split("/")
        assert version == "v1"
        problems = [
            f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMAS[name]).iter_errors(data)
        ]
        assert problems == []
        return data

    return run


def test_the_schemas_are_published_and_are_schemas() -> None:
    folder = ROOT / "schemas" / "answers"
    assert {f"answers/{file.name}": file.read_bytes() for file in folder.iterdir()} == dict(answers()), (
        "run: ./beacon schema --write"
    )
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
        assert "schema" in schema["required"]


def test_every_verb_takes_json_but_those_that_cannot() -> None:
    found = list(commands())
    above = {one.words[:-1] for one in found if len(one.words) > 1}
    without = {one.words for one in found if not any("--json" in option.names for option in one.options)}
    assert without - above == PLAIN


def test_a_registry_is_read(answered: Callable[..., Any], place: Scratch, tmp_path: Path) -> None:
    assert answered("validate")["jobs"] == 2
    assert [one["job"] for one in answered("plan")["pending"]] == [OTHER]
    assert answered("plan", "--base", "HEAD~1")["changes"][0]["change"] == "add"
    verdicts = {one["job"]: one["verdict"] for one in answered("status")["jobs"]}
    assert verdicts[OTHER] is None
    assert verdicts[JOB].endswith(" SIMULATED")
    [run] = answered("report")["runs"]
    assert run["job"] == JOB
    assert answered("describe", "who")["run"] == run["run"]
    assert answered("keys")["anchor"]
    assert answered("verify", code=None)["steps"]
    assert answered("diff", "who:EU", "who:US")["pairs"]
    assert answered("doctor", code=None)["checks"]
    assert answered("providers", "list")["providers"] == []
    assert answered("bundle", "cid", "who")["cid"] == run["cid"]
    assert answered("bundle", "car", "who", "--out", tmp_path / "b.car")["bytes"]
    back = answered("bundle", "extract", tmp_path / "b.car", "--out", tmp_path / "back")
    assert (back["cid"], answered("bundle", "cid", tmp_path / "back")["cid"]) == (run["cid"], run["cid"])
    assert answered("pin", "--to", f"folder={tmp_path / 'pins'}")["held"] == 1
    fetched = answered(
        "fetch", run["cid"], "--from", f"folder={tmp_path / 'pins'}", "--out", tmp_path / "fetched", code=None
    )
    assert fetched["run"] == run["run"]
    assert answered("report", "--html", tmp_path / "site")["files"]
    assert answered("gc")["before"]["bytes"]
    assert answered("image", "cid", "registry/benchmarks/echo")["cid"].startswith("bafy")


def test_the_log_is_read(answered: Callable[..., Any], tmp_path: Path) -> None:
    log = answered("log", "show")
    assert answered("log", "fsck") == {"schema": "beacon/log-fsck/v1", "size": log["size"], "root": log["root"]}
    [entry] = [one["entry"] for one in log["entries"] if one["entry"]["type"] == "genesis"]
    (tmp_path / "entry").write_bytes(json.dumps(entry, sort_keys=True, separators=(",", ":")).encode())
    (tmp_path / "proof").write_text(answered("log", "prove", 0)["proof"])
    vkey = answered("keys")["log"]
    checked = answered("log", "check", tmp_path / "proof", "--entry", tmp_path / "entry", "--vkey", vkey)
    assert (checked["index"], checked["origin"]) == (0, make.ORIGIN)


def test_events_are_one_document_a_line(place: Scratch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "--repo", str(place.clone), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines
    for line in lines:
        assert list(Draft202012Validator(SCHEMAS["event"]).iter_errors(line)) == []


def test_a_daemon_tells_each_event_in_a_line(
    place: Scratch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    work = place.copy(tmp_path / "copy")
    monkeypatch.setenv("BEACON_STATE", str(work.state))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    keys = str(work.keys / "runner")
    assert main(["daemon", "--repo", str(work.clone), "--keys", keys, "--once", "--deadline", "1s", "--json"]) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["facts"]["pending"] for line in lines if line["event"] == "planned"] == [0]
    for line in lines:
        assert list(Draft202012Validator(SCHEMAS["daemon"]).iter_errors(line)) == []


def test_a_registry_is_changed(answered: Callable[..., Any], place: Scratch, tmp_path: Path) -> None:
    work = place.copy(tmp_path / "copy")
    repo = ("--repo", work.clone)
    assert answered("suspend", "other", *repo)["suspended"] == [OTHER]
    assert answered("resume", "other", *repo)["suspended"] == []
    assert answered("rerun", "other", "--key", work.keys / "contributor", *repo)["revision"] == 2
    assert answered("keygen", tmp_path / "key")["keys"]
    assert answered("sign", work.clone / OTHER, "--key", work.keys / "contributor")["signed"]
    assert answered("suspend", "other", *repo)["changed"]
    work.push("Suspend it")
    done = answered("reconcile", *repo, "--keys", work.keys / "runner")
    assert (done["started"], done["plan"]["pending"]) == ([], [])


def test_a_registry_is_begun(answered: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "--quiet", "fresh")
    files = answered("init", tmp_path / "fresh", "--origin", make.ORIGIN, "--keys", tmp_path / "keys")["files"]
    assert "registry/policy.yaml" in files
    monkeypatch.chdir(tmp_path / "fresh")
    assert answered("trust", "maintainer", "--key", tmp_path / "keys" / "maintainer")["files"]


def test_what_needs_no_registry(answered: Callable[..., Any]) -> None:
    assert answered("devnet", "status")["running"] is False
    assert answered("devnet", "down")["stopped"] is False
    assert "region-unknown" in answered("explain")["codes"]
    assert answered("explain", "region-unknown")["text"].startswith("region-unknown: ")
    assert "answers/plan.json" in answered("schema")["schemas"]


def test_errors_and_problems_are_documents_too(answered: Callable[..., Any], place: Scratch, tmp_path: Path) -> None:
    assert answered("status", "--repo", tmp_path, code=2)["error"]["code"] == "not-a-repository"
    work = place.copy(tmp_path / "copy")
    (work.clone / "registry/policy.yaml").write_text("nonsense\n")
    assert answered("validate", work.clone, code=1)["problems"]
    work.push("Break it")
    assert answered("plan", "--repo", work.clone, code=1)["problems"]


def test_rows_are_cut_to_the_terminal() -> None:
    rows = [
        Row("registry/jobs/alice/who.yaml", "done", "run 1" * 30, "same SIMULATED"),
        Row("registry/jobs/bob/\x1b[31m.yaml", "pending", "2 answers"),
    ]
    cut = list(as_lines(rows, 80))
    assert [len(line) for line in cut] == [80, len(cut[1])]
    assert cut[0].startswith("alice/who")
    assert cut[0].endswith("…")
    assert "same SIMULATED" in cut[0]
    plain = list(as_lines(rows, None))
    assert plain[0].endswith("; last verdict: same SIMULATED")
    assert "\x1b" not in "".join([*cut, *plain])
