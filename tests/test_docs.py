"""The documentation holds: its links lead somewhere, its JSON and YAML can be read, its JobSpec is valid here, its
workflows are clean, and every `beacon …` command in it names a verb and options that exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from markdown_it import MarkdownIt

from runner.cli import VERBS, main
from runner.edges.folder import FolderSnapshot
from runner.registry import Benchmarks, jobrules, load_policy
from runner.registry.tree import judge_tree
from tests.commands import check, described
from tests.conftest import ROOT

PAGES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("registry/**/*.md")))
README = ROOT / "README.md"
EXAMPLES = sorted(ROOT.glob("docs/examples/*.yml"))
BEACON = re.compile(r"(\./)?beacon\b")
SEPARATORS = {"&&", "||", ";", "|", ">", "<", ">>"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fences(path: Path, *languages: str) -> Iterator[tuple[str, str]]:
    """Info string and content of the code blocks in these languages."""
    for token in MarkdownIt().parse(path.read_text()):
        if token.type == "fence" and token.info.split(" ")[0] in languages:
            yield token.info, token.content


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def commands(path: Path) -> Iterator[list[str]]:
    """Every `beacon …` command of a page's shell blocks, without the word `beacon`."""
    for _, content in fences(path, "sh"):
        yield from in_shell(content)


def in_shell(script: str) -> Iterator[list[str]]:
    """Every `beacon …` command of a shell script, without the word `beacon`."""
    for line in filter(BEACON.search, script.replace("\\\n", " ").splitlines()):
        for start, word in enumerate(words := shlex.split(line, comments=True)):
            if BEACON.fullmatch(word) and (start == 0 or words[start - 1] in SEPARATORS):
                yield list(takewhile(lambda other: other not in SEPARATORS, words[start + 1 :]))


def mentioned(path: Path) -> Iterator[list[str]]:
    """Every `beacon …` in the text itself, which may leave arguments out."""
    for token in MarkdownIt().enable("table").parse(path.read_text()):
        for child in token.children or ():
            if child.type == "code_inline" and BEACON.match(child.content) and " " in child.content:
                yield shlex.split(child.content)[1:]


def demand_verb(words: list[str], whole: bool) -> None:
    """Fail unless these words are a command line that the verb would take. `whole`: no argument may be missing."""
    verb, *rest = words
    if verb in ("VERB", "--help", "--version", "test", "lint", "lock"):  # the last three are the bootstrap's own
        return
    assert verb in VERBS, f"no verb {verb!r}"
    known = {command.words[1:]: command for command in described(VERBS[verb])}
    command = known[()]
    if len(known) > 1 and rest and not rest[0].startswith("-"):
        assert (rest[0],) in known, f"beacon {verb} has no {rest[0]!r}"
        command = known[rest[0],]
    options = {option for each in command.options for option in each.names}
    given = {word.partition("=")[0] for word in rest if word.startswith("-")}
    assert given <= options | {"--help"}, f"beacon {verb} has no {sorted(given - options)}"
    if whole and "--help" not in given:
        check(VERBS[verb], rest)  # raises where an argument is missing, or is one too many


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for token in MarkdownIt().enable("table").parse(page.read_text()):
        for child in token.children or ():
            link = str(child.attrGet("href") or child.attrGet("src") or "")
            if not link or re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = unquote(link).partition("#")
            target = (page.parent / path).resolve() if path else page
            if ROOT / "reports" in (target, *target.parents):
                continue  # the runner writes it
            assert target.exists(), link
            assert not anchor or target.suffix != ".md" or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_json_and_yaml_blocks_can_be_read(page: Path) -> None:
    for _, content in fences(page, "json"):
        json.loads(content)
    for _, content in fences(page, "yaml"):
        yaml.safe_load(content)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_name_verbs_and_options_that_exist(page: Path) -> None:
    for words in commands(page):
        demand_verb(words, whole=True)
    for words in mentioned(page):
        demand_verb(words, whole=False)


@pytest.mark.parametrize("tool", [("actionlint",), ("zizmor", "--offline", "--quiet")], ids=lambda tool: tool[0])
@pytest.mark.parametrize("workflow", EXAMPLES, ids=name)
def test_example_workflows_are_clean(workflow: Path, tool: tuple[str, ...]) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name(tool[0]), *tool[1:], workflow], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("workflow", EXAMPLES, ids=name)
def test_example_workflows_name_verbs_that_exist(workflow: Path) -> None:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    found = [words for job in jobs for step in job["steps"] for words in in_shell(step.get("run", ""))]
    assert found
    for words in found:
        demand_verb(words, whole=True)


def test_the_readme_s_job_is_valid_in_this_registry() -> None:
    snapshot = FolderSnapshot(ROOT)
    benchmarks = Benchmarks(snapshot, judge_tree(snapshot.files("registry")).benchmarks)
    jobs = [(info.split(" ")[1], content) for info, content in fences(README, "yaml") if " " in info]
    assert [path for path, _ in jobs] == ["registry/jobs/alice/capital.yaml"]
    for path, content in jobs:
        assert jobrules.read_job(content.encode(), path, load_policy(snapshot), benchmarks)[1] == ()


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    notes = sorted(path.name for path in folder.glob("[0-9]*.md"))
    listed = re.findall(r"^- \[\d{4}\]\((\S+)\) (.+)$", index, re.MULTILINE)
    assert listed == [(note, (folder / note).read_text().partition("\n")[0].removeprefix("# ")) for note in notes]
    assert [note[:4] for note in notes] == [f"{number:04d}" for number in range(1, len(notes) + 1)]
    for note in notes:
        text = (folder / note).read_text()
        assert "**Problem" in text, note
        assert "**Choice" in text, note


def test_what_the_documentation_calls_one_run_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    texts = README.read_text() + (ROOT / "docs/reports.md").read_text()
    names = set(re.findall(r"beacon report ([^-\s`]\S*)` prints one|beacon report (\S+) --pdf", texts))
    assert {name for pair in names for name in pair if name} == {"8c89a038"}
    assert main(["report", "8c89a038", "--repo", str(ROOT), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 1
