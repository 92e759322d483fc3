"""The command line: help that imports nothing heavy, errors with an exit code and a way out, JSON alone on stdout, and
every verb that needs no sandbox, in a scratch registry with real git. Whole runs: `tests/e2e/test_cli_flow.py`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runner.cli import GROUPS, VERBS, main
from runner.commands.operate import working
from runner.commands.places import git
from runner.commands.start import write_trust
from runner.edges.keys import SoftwareKey, load_signer, write_key
from runner.errors import refused
from runner.execute import execute
from runner.formats.sshsig import sign
from runner.model import entry as e
from runner.model.canonical import sha256
from runner.reconcile import reconcile
from runner.registry.keyfiles import signer_line
from tests import make
from tests.conftest import ROOT
from tests.fake_executor import FakeExecutor
from tests.scratch import JOB, Scratch, demand_sandbox, quick_job, scratch

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


class Said(NamedTuple):
    """How a verb ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of stdout, as JSON."""
        return json.loads(self.out)


Beacon = Callable[..., Said]


@pytest.fixture
def beacon(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Beacon:
    """The command, in a world without the caller's keys, state and git configuration."""
    for name in [name for name in os.environ if name.startswith(("BEACON_", "GIT_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BEACON_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("BEACON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A registry with one job that nobody has run; tests copy it."""
    return scratch(tmp_path_factory.mktemp("fresh"))


@pytest.fixture
def place(registries: Scratch, tmp_path: Path) -> Scratch:
    """A copy of it."""
    return registries.copy(tmp_path / "registry")


@pytest.fixture(scope="module")
def publisheds(registries: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """The registry, with its job run by an executor that answers at once."""
    place = registries.copy(tmp_path_factory.mktemp("published") / "registry")
    with working(place.clone, place.keys / "runner", "origin", lambda _: None, place.state) as world:
        assert reconcile(world._replace(executor=FakeExecutor(clock=world.now))).published
    return place


@pytest.fixture
def published(publisheds: Scratch, tmp_path: Path) -> Scratch:
    """A copy of it."""
    return publisheds.copy(tmp_path / "registry")


def refs(place: Scratch) -> str:
    """All refs of remote and clone, and what is not committed."""
    return "\n".join([git(place.remote, "show-ref"), git(place.clone, "show-ref"), git(place.clone, "status", "-s")])


# Help and usage


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(beacon: Beacon, verb: str) -> None:
    said = beacon(verb, "--help")
    assert said.code == 0
    assert said.out.lower().lstrip().startswith("usage: ")
    assert f"beacon {verb}" in said.out
    assert "Exit: 0 fine" in said.out
    assert not said.err


def test_the_help_names_every_verb_and_exit_code(beacon: Beacon) -> None:
    for asked in ((), ("--help",), ("-h",), ("help",)):
        said = beacon(*asked)
        assert said.code == 0
        assert all(re.search(rf"^  {verb.name} +{re.escape(verb.line)}$", said.out, re.M) for verb in VERBS.values())
        assert all(title in said.out for title, _ in GROUPS)
        assert "130 interrupted" in said.out
    assert max(map(len, said.out.split("\n"))) <= 90
    assert re.fullmatch(r"beacon \d+\.\d+\.\d+\S*\n", beacon("--version").out)


def test_the_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from runner.cli import main; code = main(['--help'])\n"
        "heavy = {'pydantic', 'typer', 'click', 'yaml', 'rich', 'nacl', 'jinja2', 'subprocess'} & set(sys.modules)\n"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_verb_is_corrected(beacon: Beacon) -> None:
    said = beacon("validte")
    assert (said.code, said.out) == (2, "")
    assert said.err == "beacon: no verb 'validte' (did you mean \"validate\"?); see beacon --help\n"
    assert beacon("\x1b[2J").code == 2
    assert "\x1b" not in beacon("\x1b[2J").err


@pytest.mark.parametrize(
    "arguments", [("plan", "--no-such"), ("sign",), ("keygen",), ("log", "nothing"), ("log", "prove", "-1"), ("trust",)]
)
def test_a_wrong_command_line_is_exit_2(beacon: Beacon, arguments: tuple[str, ...]) -> None:
    said = beacon(*arguments)
    assert (said.code, said.out) == (2, "")
    assert "Usage: beacon" in said.err


@pytest.mark.parametrize("verb", ["image", "ci", "providers", "devnet", "log"])
def test_no_help_of_a_verb_below_a_verb_is_cut(beacon: Beacon, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = beacon(verb, "--help").out.partition("Commands:\n")[2]
    assert listed.strip()
    assert "..." not in listed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("validate", "nowhere"), "error[not-a-repository] there is no folder nowhere\n  help: go to the clone of a"),
        (
            ("schema", "jobspek"),
            "error[schema-unknown] no schema is called 'jobspek' (did you mean \"jobspec\"?)\n  help: ",
        ),
        (("fetch", "zzz", "--alone"), "error[cid-malformed] 'zzz' is no CIDv1 in base32\n  help: it looks like"),
        (
            ("keygen", "nowhere/key"),
            "error[key-unwritable] nowhere/key cannot be written: No such file or directory\n  help: ",
        ),
    ],
)
def test_a_mistyped_word_is_told_with_a_way_out(
    beacon: Beacon, arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = beacon(*arguments)
    assert said.code in (2, 4)
    assert told in said.err


def test_what_the_system_refuses_is_told(beacon: Beacon, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = beacon("keygen", "--runner", tmp_path / "file/keys", "--json")
    assert (said.code, said.json["error"]["code"]) == (4, "system-refused")
    assert said.json["error"]["message"] == f"the operating system refused: {tmp_path}/file/keys: Not a directory"


def test_a_refusal_without_words_is_told_by_its_kind() -> None:
    assert refused(TimeoutError()).message == "the operating system refused: TimeoutError"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_what_git_says_of_a_stranger_s_clone_stands_in_one_line(beacon: Beacon, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    os.chown(tmp_path, 65534, 65534)
    os.chown(tmp_path / ".git", 65534, 65534)
    said = beacon("status", "--repo", tmp_path)
    assert said.code == 2
    assert "git config --global --add safe.directory" in said.err
    assert "U+000A" not in said.err


def test_a_doctor_without_a_registry_tells_the_rest(beacon: Beacon, tmp_path: Path) -> None:
    said = beacon("doctor", "--repo", tmp_path, "--json")
    checks = {check["name"]: check for check in said.json["checks"]}
    assert (said.code, checks["registry"]["ok"], checks["python"]["ok"]) == (4, False, True)
    assert "git init" in checks["registry"]["mend"]
    assert {"git", "keys", "sandbox"} <= checks.keys()


def test_an_interruption_is_exit_130(beacon: Beacon, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("runner.commands.operate.top", interrupted)
    assert beacon("status").code == 130


def test_an_interruption_before_there_is_a_verb_is_one_too() -> None:
    early = "def main(_): raise KeyboardInterrupt"
    start = f"import runpy, runner.edges.checkout as c\n{early}\nc.main = main\nrunpy.run_path('beacon')"
    done = subprocess.run([sys.executable, "-c", start], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_try_that_was_interrupted_compares_what_came_and_says_so(
    beacon: Beacon, place: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demand_sandbox()

    def interrupted(*words: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return execute(*words)

    monkeypatch.setattr("runner.commands.trial.execute", interrupted)
    said = beacon("run", place.clone / JOB, "--out", tmp_path / "out")
    assert (said.code, said.out) == (130, f"insufficient: {tmp_path}/out/README.md\n")
    assert "what was answered is still compared" in said.err


def test_a_trial_tells_all_that_is_wrong_with_a_job_and_no_secret(
    beacon: Beacon, place: Scratch, tmp_path: Path
) -> None:
    secret = "AKIA" + "IOSFODNN7EXAMPLE"
    with (place.clone / JOB).open("a") as file:
        file.write(f"\n# {secret}\nno colon {secret}\n")
    said = beacon("run", place.clone / JOB, "--out", tmp_path / "out")
    assert said.code == 1
    assert re.findall(r"error\[(.*?)\]", said.err) == ["yaml-syntax", "secret-found", "secret-found"]
    assert secret not in said.err + said.out
    assert not (tmp_path / "out").exists()


def test_errors_are_json_where_json_is_asked_for(beacon: Beacon, tmp_path: Path) -> None:
    for verb in ("plan", "status", "keys", "report"):
        said = beacon(verb, "--repo", tmp_path, "--json")
        assert said.code == 2
        assert set(said.json["error"]) == {"code", "message", "hint"}
        assert said.json["error"]["code"] == "not-a-repository"
        plain = beacon(verb, "--repo", tmp_path)
        assert (plain.code, plain.out) == (2, "")
        assert plain.err.startswith("error[not-a-repository] ")
        assert "\n  help: " in plain.err


# Contributing


def test_a_key_is_made_once_and_signs(beacon: Beacon, tmp_path: Path) -> None:
    path = tmp_path / "key"
    said = beacon("keygen", path, "--comment", "alice", "--json")
    assert said.json["keys"][str(path)]["public"].startswith("ssh-ed25519 AAAA")
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    again = beacon("keygen", path, "--json")
    assert (again.code, again.json["error"]["code"]) == (4, "key-exists")
    assert path.read_bytes() == before


def test_a_runner_gets_three_keys(beacon: Beacon, tmp_path: Path) -> None:
    (tmp_path / "runner").mkdir()
    assert beacon("keygen", tmp_path / "runner", "--runner").code == 0
    names = sorted(path.name for path in (tmp_path / "runner").iterdir())
    assert names == ["git", "git.pub", "log", "log.pub", "receipt", "receipt.pub"]


def test_signing_writes_what_counts(beacon: Beacon, place: Scratch) -> None:
    file = place.clone / JOB
    before = file.with_name("who.yaml.sig").read_bytes()
    file.with_name("who.yaml.sig").unlink()
    assert beacon("validate", place.clone).code == 1
    said = beacon("sign", file, "--key", place.keys / "contributor", "--json")
    assert said.json["signed"][0]["namespace"] == f"jobspec.v1@{make.ORIGIN}"
    assert file.with_name("who.yaml.sig").read_bytes() == before
    assert beacon("validate", place.clone).code == 0


@pytest.mark.parametrize(("key", "code"), [("nowhere", "key-missing"), ("contributor.pub", "key-unreadable")])
def test_without_a_key_nothing_is_signed(beacon: Beacon, place: Scratch, key: str, code: str) -> None:
    said = beacon("sign", place.clone / JOB, "--key", place.keys / key, "--json")
    assert (said.code, said.json["error"]["code"]) == (4, code)
    assert git(place.clone, "status", "-s") == ""


def test_a_key_that_counts_for_nothing_is_told(beacon: Beacon, place: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.clone)
    told = "allowed_signers does not list this key for alice"
    assert told not in beacon("sign", JOB, "--key", place.keys / "contributor").err
    assert told in beacon("sign", JOB, "--key", place.keys / "maintainer").err
    assert told in beacon("rerun", "who", "--key", place.keys / "maintainer").err
    assert "root does not list" not in beacon("trust", "maintainer", "--key", place.keys / "maintainer").err
    assert "root does not list this key for zoe" in beacon("trust", "zoe", "--key", place.keys / "maintainer").err
    said = beacon("trust", "../../x", "--key", place.keys / "maintainer")
    assert (said.code, "name-malformed" in said.err) == (2, True)


def test_validate_tells_everything_like_a_compiler(beacon: Beacon, place: Scratch) -> None:
    assert beacon("validate", place.clone).out == "1 job, valid\n"
    data = quick_job(regions=[{"name": "EU"}, {"name": "US"}, {"name": "APCA"}], retries=99)
    data["metadata"]["name"] = "bad"
    (place.clone / "registry/jobs/alice/bad.yaml").write_text(json.dumps(data, indent=1) + "\n")
    said = beacon("validate", place.clone)
    assert (said.code, said.out) == (1, "")
    found = re.findall(r"^registry/jobs/alice/bad\.yaml:?(\d*):?(\d*): error\[([a-z-]+)\]", said.err, re.M)
    assert [code for _, _, code in found] == ["signature-missing", "value-range"] or "region-unknown" in said.err
    assert all(line.isdigit() for line, _, code in found if code == "value-range")
    assert "^" in said.err
    problems = beacon("validate", place.clone, "--json").json["problems"]
    assert {problem["code"] for problem in problems} == {code for _, _, code in found}
    assert all(problem["path"] == "registry/jobs/alice/bad.yaml" for problem in problems)


def test_a_region_that_is_none_is_corrected_under_a_caret(beacon: Beacon, place: Scratch) -> None:
    place.write_job(regions=[{"name": "EU"}, {"name": "US"}, {"name": "APCA"}])
    said = beacon("validate", place.clone)
    assert said.code == 1
    head, *rest = said.err.split("\n")
    match = re.fullmatch(rf'{re.escape(JOB)}:(\d+):(\d+): error\[region-unknown\] "APCA" is not a region.*', head)
    assert match
    line, column = int(match[1]), int(match[2])
    assert (place.clone / JOB).read_text().split("\n")[line - 1][column - 1 :].startswith('"APCA"')
    assert any(set(text.strip(" |0123456789")) == {"^"} for text in rest)
    assert any('help: did you mean "APAC"?' in text for text in rest)
    assert beacon("explain", "region-unknown").code == 0


def test_a_warning_is_told_and_is_no_error(beacon: Beacon, place: Scratch) -> None:
    (place.clone / "registry/suspended").write_text("registry/jobs/alice/whom.yaml\n")
    said = beacon("validate", place.clone)
    assert said.code == 0
    assert "warning[suspended-unknown]" in said.err
    assert said.out == "1 job, valid\n"


def test_schemas_are_printed(beacon: Beacon) -> None:
    names = beacon("schema").out.split()
    assert "jobspec.json" in names
    assert beacon("schema", "jobspec").json["$schema"].startswith("https://json-schema.org/")
    assert beacon("schema", "nothing").code == 2


def test_codes_are_explained_or_corrected(beacon: Beacon) -> None:
    codes = beacon("explain").out.split()
    assert codes == sorted(codes)
    assert beacon("explain", "key-missing").out.startswith("key-missing: ")
    said = beacon("explain", "regoin-unknown")
    assert said.code == 2
    assert 'did you mean "region-unknown"?' in said.err


# Keeping a registry


def test_a_fresh_repository_becomes_a_registry(beacon: Beacon, tmp_path: Path) -> None:
    folder, keys = tmp_path / "fresh", tmp_path / "keys"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(folder))
    said = beacon("init", folder, "--origin", make.ORIGIN, "--keys", keys)
    assert said.code == 0
    assert "registry/policy.yaml" in said.out.split()
    assert beacon("validate", folder).code == 0
    told = beacon("plan", "--repo", folder)
    assert told.code != 0, "nothing is committed yet"
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=me", "-c", "user.email=me@example.org", "commit", "-qm", "Start a registry")
    assert beacon("reconcile", "--repo", folder, "--keys", keys / "runner").code == 0
    entries = [row["entry"]["type"] for row in beacon("log", "show", "--repo", folder, "--json").json["entries"]]
    assert entries == ["genesis", *["key-add"] * 4]
    head = git(folder, "rev-parse", "HEAD")
    assert beacon("reconcile", "--repo", folder, "--keys", keys / "runner").out == "nothing to do\n"
    assert git(folder, "rev-parse", "HEAD") == head
    again = beacon("init", folder, "--origin", make.ORIGIN, "--keys", keys)
    assert again.code == 2
    assert "registry-exists" in again.err
    assert git(folder, "status", "-s") == ""


def test_keys_are_never_put_into_the_repository(beacon: Beacon, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "fresh")
    said = beacon("init", tmp_path / "fresh", "--origin", make.ORIGIN, "--keys", tmp_path / "fresh" / "keys")
    assert (said.code, "keys-inside" in said.err) == (2, True)
    assert list((tmp_path / "fresh").iterdir()) == [tmp_path / "fresh" / ".git"]


def test_a_changed_policy_counts_once_it_is_signed(
    beacon: Beacon, place: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = place.clone / "registry/policy.yaml"
    policy.write_text(policy.read_text() + "# another word\n")
    said = beacon("validate", place.clone)
    assert said.code == 1
    assert "trust-stale" in said.err
    monkeypatch.chdir(place.clone)
    assert beacon("trust", "maintainer", "--key", place.keys / "maintainer").out.split() == [
        "registry/trust.sigs/maintainer.sig"
    ]
    assert beacon("validate").code == 0


# Planning


def contribute(place: Scratch, *arguments: str) -> None:
    """Commit everything on a branch of its own, as a pull request does."""
    git(place.clone, "checkout", "--quiet", "-b", "pull")
    git(place.clone, "add", "--all")
    git(place.clone, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "Please", *arguments)


def test_a_plan_says_what_would_run(beacon: Beacon, place: Scratch) -> None:
    before = refs(place)
    said = beacon("plan", "--repo", place.clone)
    assert said.code == 0
    assert said.out.startswith("1 to start")
    assert f"+ {JOB}" in said.out
    (pending,) = beacon("plan", "--repo", place.clone, "--json").json["pending"]
    assert (pending["job"], pending["worstCase"]) == (JOB, {"GLM": "0"})
    assert f"| `{JOB}` |" in beacon("plan", "--repo", place.clone, "--markdown").out
    assert refs(place) == before


def test_a_pull_request_shows_the_jobs_that_it_adds(beacon: Beacon, published: Scratch) -> None:
    published.write_job("registry/jobs/alice/new.yaml")
    contribute(published)
    said = beacon("plan", "--repo", published.clone, "--base", "main", "--json").json
    assert [pending["job"] for pending in said["pending"]] == ["registry/jobs/alice/new.yaml"]
    assert said["idle"] == said["retired"] == []


def test_a_pull_request_that_breaks_a_file_is_told(beacon: Beacon, published: Scratch) -> None:
    (published.clone / JOB).write_bytes((published.clone / JOB).read_bytes() + b"\n")
    contribute(published)
    said = beacon("plan", "--repo", published.clone, "--base", "main", "--json").json
    assert said["pending"] == said["retired"] == []
    assert [(idle["path"], idle["code"]) for idle in said["idle"]] == [(JOB, "invalid")]
    assert "signature-wrong" in said["idle"][0]["why"]
    assert beacon("validate", published.clone, "--base", "main").code == 1


def test_a_pull_request_cannot_bring_its_own_key_or_policy(beacon: Beacon, published: Scratch) -> None:
    mallory = make.key("mallory")
    with (published.clone / "registry/keys/allowed_signers").open("a") as keys:
        keys.write(signer_line("mallory", f"jobspec.v1@{make.ORIGIN}", mallory.public))
    policy = published.clone / "registry/policy.yaml"
    policy.write_text(policy.read_text().replace("replicas: 16", "replicas: 32"))
    data = quick_job(sampling={"providers": 3, "replicas": 20, "seeds": "shared"})
    data["metadata"] |= {"owner": "mallory", "name": "mine"}
    raw = json.dumps(data, indent=1).encode() + b"\n"
    job = published.clone / "registry/jobs/mallory/mine.yaml"
    job.parent.mkdir()
    job.write_bytes(raw)
    job.with_name("mine.yaml.sig").write_bytes(sign(mallory, raw, f"jobspec.v1@{make.ORIGIN}"))
    contribute(published)
    said = beacon("plan", "--repo", published.clone, "--base", "main", "--json").json
    assert said["pending"] == []
    (idle,) = said["idle"]
    assert (idle["path"], idle["code"]) == ("registry/jobs/mallory/mine.yaml", "invalid")
    assert idle["why"].startswith("signer-unknown: ")
    assert "and 1 more" in idle["why"], "the caps are those of the base"
    assert beacon("validate", published.clone, "--base", "main").code == 1


def test_an_unknown_revision_is_told(beacon: Beacon, place: Scratch) -> None:
    said = beacon("plan", "--repo", place.clone, "--base", "no-such-branch", "--json")
    assert (said.code, said.json["error"]["code"]) == (2, "revision-unknown")


# Reading


def test_what_is_published_is_read(beacon: Beacon, published: Scratch) -> None:
    repo = ("--repo", published.clone)
    assert f"{JOB}: done: run " in beacon("status", *repo).out
    listed = beacon("report", *repo)
    assert re.fullmatch(r"[0-9a-f]{12}  \S+Z  alice/who: [a-z]+ SIMULATED\n", listed.out)
    assert beacon("report", "who", *repo).out.startswith("│ # ")
    assert beacon("report", *repo, "--json").json["runs"][0]["kind"] == "DiffReport"
    assert beacon("report", "nobody", *repo).code == 2
    keys = beacon("keys", *repo, "--json").json
    roles = sorted(row["role"] for row in keys["keys"])
    assert roles == ["contributor", "maintainer", "runner-git", "runner-receipt"]


def test_the_log_is_shown_proved_checked_and_hashed_again(beacon: Beacon, published: Scratch, tmp_path: Path) -> None:
    repo = ("--repo", published.clone)
    shown = beacon("log", "show", *repo, "--json").json
    assert shown["size"] == len(shown["entries"]) == 7
    assert f"{shown['size']} entries" in beacon("log", "fsck", *repo).out
    index, entry = shown["size"] - 1, shown["entries"][-1]["entry"]
    assert entry["type"] == "run"
    (tmp_path / "entry").write_bytes(e.ENTRY.validate_python(entry, by_alias=True).canonical())
    (tmp_path / "proof").write_text(beacon("log", "prove", str(index), *repo).out)
    vkey = beacon("keys", *repo, "--json").json["log"]
    check = ("log", "check", tmp_path / "proof", "--entry", tmp_path / "entry", "--vkey")
    assert sha256((tmp_path / "entry").read_bytes()) in beacon(*check, vkey).out
    (tmp_path / "entry").write_bytes(b"{}")
    assert beacon(*check, vkey).code == 1
    assert beacon("log", "prove", "99", *repo).code == 2


def test_without_a_log_its_readers_say_so(beacon: Beacon, place: Scratch) -> None:
    for arguments in (("log", "show"), ("log", "fsck"), ("log", "prove", "0")):
        said = beacon(*arguments, "--repo", place.clone)
        assert (said.code, said.out) == (2, "")


def test_a_tile_that_was_changed_is_found(beacon: Beacon, published: Scratch) -> None:
    tile = next((published.clone / "reports/log/tile/0").rglob("*.p/*"))
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    git(published.clone, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qam", "Change a bit")
    said = beacon("log", "fsck", "--repo", published.clone)
    assert said.code == 1
    assert said.err.startswith("error[")


# Reconciling, as far as nothing has to be executed


@pytest.fixture
def still(place: Scratch) -> Scratch:
    """A registry whose only job is suspended."""
    (place.clone / "registry/suspended").write_text(f"{JOB}\n")
    place.push("Suspend it")
    return place


def reconciled(beacon: Beacon, place: Scratch, *arguments: str) -> Said:
    return beacon("reconcile", "--repo", place.clone, "--keys", place.keys / "runner", *arguments)


def test_exit_0_where_there_is_nothing_to_do(beacon: Beacon, still: Scratch) -> None:
    first = reconciled(beacon, still, "--json")
    assert (first.code, first.json["started"], first.json["remaining"]) == (0, [], [])
    before = refs(still)
    again = reconciled(beacon, still)
    assert (again.code, again.out) == (0, "nothing to do\n")
    assert f"{JOB}: suspended" in again.err
    assert refs(still) == before


def test_exit_1_and_nothing_written_where_trust_is_wrong(beacon: Beacon, still: Scratch) -> None:
    assert reconciled(beacon, still).code == 0
    (still.clone / "registry/keys/allowed_signers").write_text("# nobody\n")
    still.push("Throw everybody out")
    before = refs(still)
    said = reconciled(beacon, still)
    assert (said.code, said.out) == (1, "")
    assert "registry/trust.json: error[trust-stale]" in said.err
    assert refs(still) == before


def test_exit_3_where_work_remains(beacon: Beacon, still: Scratch) -> None:
    assert reconciled(beacon, still).code == 0
    fresh = SoftwareKey(bytes(range(32)))
    with (still.clone / "registry/keys/allowed_signers").open("a") as keys:
        keys.write(signer_line("alice", f"jobspec.v1@{make.ORIGIN}", fresh.public))
    write_trust(still.clone, "maintainer", load_signer(still.keys / "maintainer"), keep=False)
    (still.keys / "contributor").unlink()
    (still.keys / "contributor.pub").unlink()
    write_key(still.keys / "contributor", fresh, "")
    still.write_job("registry/jobs/alice/new.yaml")
    still.push("A key, and a job signed with it")
    said = reconciled(beacon, still)
    assert said.code == 3
    assert "registry/jobs/alice/new.yaml: key-not-logged" in said.err


@pytest.mark.parametrize("missing", ["git", "log"])
def test_exit_4_without_keys(beacon: Beacon, still: Scratch, missing: str) -> None:
    (still.keys / "runner" / missing).unlink()
    before = refs(still)
    said = reconciled(beacon, still, "--json")
    assert (said.code, said.json["error"]["code"]) == (4, "key-missing")
    assert refs(still) == before


def test_exit_4_where_the_remote_went_backwards(beacon: Beacon, still: Scratch) -> None:
    older = git(still.clone, "rev-parse", "HEAD")
    assert reconciled(beacon, still).code == 0
    newest = git(still.remote, "rev-parse", "main")
    git(still.remote, "update-ref", "refs/heads/main", older)
    said = reconciled(beacon, still, "--json")
    assert (said.code, said.json["error"]["code"]) == (4, "log-behind")
    assert git(still.remote, "rev-parse", "main") == older
    git(still.remote, "update-ref", "refs/heads/main", newest)
    assert reconciled(beacon, still).code == 0


def test_a_remote_that_does_not_exist_is_told(beacon: Beacon, still: Scratch) -> None:
    said = reconciled(beacon, still, "--remote", "nowhere", "--json")
    assert (said.code, said.json["error"]["code"]) == (2, "remote-unknown")
    git(still.clone, "remote", "set-url", "origin", str(still.place / "gone.git"))
    said = reconciled(beacon, still, "--json")
    assert (said.code, said.json["error"]["code"]) == (4, "remote-unreachable")


def test_what_is_not_running_cannot_be_cancelled(beacon: Beacon, still: Scratch) -> None:
    assert reconciled(beacon, still).code == 0
    assert beacon("cancel", "abc", "--repo", still.clone).code == 2
    assert git(still.remote, "for-each-ref", "refs/beacon") == ""
