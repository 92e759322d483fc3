"""`beacon completion`: candidates from the generated table and from the clone, and what real shells make of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner.cli import VERBS, main
from runner.commands.completion import FILES, SHELLS, candidates, split
from tests.commands_page import PAGE, TABLE, page, table
from tests.conftest import ROOT

RUN = "8c89a038d6d7798f1c5827bc607eb9d6"
REGISTRY = {
    "registry/policy.yaml": "log: {}\nregions:\n  EU: [DE]\n  # more\n  APAC: [SG]\nimages:\n  NOT: x\n",
    "registry/jobs/alice/who.yaml": "",
    "registry/jobs/alice/who.yaml.sig": "",
    "registry/jobs/alice/nightly/small-talk.yaml": "",
    "registry/jobs/alice/$(touch x).yaml": "",
    "registry/jobs/alice/-rf.yaml": "",
    f"reports/jobs/alice/who/runs/{RUN}/bundle/job.yaml": "",
    f"reports/jobs/alice/nightly/small-talk/runs/2026-11/{'f' * 32}/bundle/job.yaml": "",
    "reports/jobs/alice/who/runs/odd\nname/bundle/job.yaml": "",
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name, text in REGISTRY.items():
        file = tmp_path / "clone" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "clone"


def offered(clone: Path, *words: str) -> list[str]:
    """The values offered for the last word."""
    return [line.partition("\t")[0] for line in candidates(words[:-1], words[-1], clone / "registry" / "jobs")]


def test_the_page_and_the_table_are_what_the_code_gives() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.commands_page"
    assert TABLE.read_text() == table(), "run: python -m tests.commands_page"


def test_verbs_commands_and_options(clone: Path) -> None:
    assert offered(clone, "") == [*VERBS, "--help", "--version"]
    assert offered(clone, "log", "") == ["show", "prove", "check", "fsck"]
    assert offered(clone, "log", "show", "--fi") == ["--first"]
    assert offered(clone, "validate", "--json", "--") == ["--rev", "--base", "--format", "--help"]
    assert offered(clone, "nonsense", "x") == []


def test_values_of_options(clone: Path) -> None:
    assert offered(clone, "validate", "--format", "") == ["text", "github", "sarif"]
    assert offered(clone, "validate", "--format=s") == ["--format=sarif"]
    assert offered(clone, "rerun", "who", "--key", "") == [FILES]
    assert offered(clone, "completion", "") == list(SHELLS)


def test_jobs_runs_and_regions_of_the_clone(clone: Path) -> None:
    assert offered(clone, "suspend", "") == ["alice/who", "alice/nightly/small-talk"]
    assert offered(clone, "suspend", "alice/who", "small") == ["small-talk"]
    assert offered(clone, "cancel", "") == ["ffffffffffff", RUN[:12]]
    assert offered(clone, "cancel", RUN[:12], "") == [], "one run is enough"
    assert offered(clone, "describe", "8") == [RUN[:12]]
    assert offered(clone, "diff", f"{RUN[:12]}:A") == [f"{RUN[:12]}:APAC", FILES]
    assert offered(clone, "diff", f"{RUN[:12]}:EU", "x:") == ["x:EU", "x:APAC", FILES]


def test_outside_a_clone_there_are_no_jobs(tmp_path: Path) -> None:
    assert list(candidates(["suspend"], "", tmp_path)) == []


@pytest.mark.parametrize(
    ("line", "words", "current"),
    [
        ("", [], ""),
        ("beacon  re", ["beacon"], "re"),
        ("beacon run ", ["beacon", "run"], ""),
        ("beacon run 'a b", ["beacon", "run"], "a b"),
        ('beacon run "a\\" b" c\\ d', ["beacon", "run", 'a" b'], "c d"),
        ("beacon '' x", ["beacon", ""], "x"),
    ],
)
def test_a_line_is_split_as_far_as_it_goes(line: str, words: list[str], current: str) -> None:
    assert split(line) == (words, current)


def test_an_unknown_shell_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "shell-unknown" in capsys.readouterr().err
    assert main(["completion"]) == 2
    assert main(["completion", "--help"]) == 0


def test_a_press_of_the_key_imports_no_library(clone: Path) -> None:
    code = "import sys; from runner.cli import main; main(sys.argv[1:]); print(*sys.modules)"
    command = [sys.executable, "-c", code, "completion", "--current=", "--", "diff"]
    done = subprocess.run(
        command, cwd=clone, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "runner.commands.completion" in loaded
    assert not loaded & {"typer", "pydantic", "yaml", "rich", "subprocess", "runner.commands.diff"}


# Real shells


def shell(name: str, clone: Path, script: str) -> list[str]:
    """What a script says in a shell that has our completion; skipped where there is no such shell."""
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"no {name} on the PATH")
    (clone / "bin").mkdir()
    (clone / "bin" / "beacon").symlink_to(ROOT / "beacon")
    (clone / "completion").write_text((ROOT / "runner" / "static" / f"completion.{name}").read_text())
    environ = {"PATH": f"{clone / 'bin'}:{os.environ['PATH']}", "HOME": str(clone), "LANG": "C.UTF-8"}
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[name]
    done = subprocess.run([program, *flags, "-c", script], cwd=clone, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_bash(clone: Path) -> None:
    ask = """
    source ./completion
    ask() { COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(beacon); _beacon 2>/dev/null; echo "${COMPREPLY[*]}"; }
    ask 'beacon resu'
    ask 'beacon suspend alice/w'
    ask 'beacon diff 8c89:A'
    ask 'beacon validate --format=g'
    ask 'beacon validate --format '
    complete -p beacon
    """
    assert shell("bash", clone, ask) == [
        "resume",
        "alice/who",
        "APAC",
        "github",
        "text github sarif",
        "complete -F _beacon beacon",
    ]


def test_zsh(clone: Path) -> None:
    ask = """
    autoload -Uz compinit; compinit -D -u
    source ./completion
    _describe() { print -r -- "${(P@)2}" }
    _files() { print files }
    ask() { local -a words=("$@"); local CURRENT=$# PREFIX=${@[-1]}; _beacon; true }
    ask beacon resu
    ask beacon suspend alice/w
    ask beacon diff 8c89:A
    ask beacon validate --format ''
    print $_comps[beacon]
    """
    assert shell("zsh", clone, ask) == [
        "resume:Take them off the list",
        "alice/who:job",
        "8c89\\:APAC:region",
        "files",
        "text github sarif",
        "_beacon",
    ]


def test_fish(clone: Path) -> None:
    ask = """
    source ./completion
    complete -C 'beacon resu'
    complete -C 'beacon suspend alice/w'
    complete -C 'beacon validate --format '
    complete -C 'beacon log '
    """
    said = shell("fish", clone, ask)
    assert said[:2] == ["resume\tTake them off the list", "alice/who\tjob"]
    assert sorted(said[2:5]) == ["github", "sarif", "text"]
    assert sorted(line.partition("\t")[0] for line in said[5:]) == ["check", "fsck", "prove", "show"]


def test_powershell(clone: Path) -> None:
    if shutil.which("pwsh") is None:
        pytest.skip("no pwsh on the PATH")
    (clone / "bin").mkdir()
    (clone / "bin" / "beacon").symlink_to(ROOT / "beacon")
    ask = f". {ROOT}/runner/static/completion.powershell; "
    ask += "(TabExpansion2 -inputScript 'beacon resu' -cursorColumn 11).CompletionMatches.CompletionText"
    environ = {**os.environ, "PATH": f"{clone / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["pwsh", "-NoProfile", "-Command", ask], cwd=clone, env=environ, capture_output=True, text=True
    )
    assert done.stdout.split() == ["resume"]
