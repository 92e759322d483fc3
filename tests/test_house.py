"""The house keeps its shape: small documented modules, imports that go one way, nothing that names its makers."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.cli import VERBS
from tests.conftest import ROOT

PACKAGE = sorted((ROOT / "runner").rglob("*.py"))
LARGEST = 350
OUTER = ("runner/edges/", "runner/commands/", "runner/cli.py", "runner/static/")
ALLOWED = {
    "runner.verify": (
        "runner.claim",
        "runner.leavings",
        "runner.plan",
        "runner.publish",
        "runner.reconcile",
        "runner.stages",
        "runner.state",
    ),
    "runner.compare": ("runner.rendering.render", "runner.plan", "runner.formats.log"),
    "runner.model": ("runner.registry", "runner.plan", "runner.formats.log", "runner.bundle"),
}
"""What a package must not import: the verifier nothing of the writer; the nouns no verb."""


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def tracked() -> list[Path]:
    """Files of the repository, as git knows them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("path", PACKAGE, ids=relative)
def test_modules_are_small_and_say_what_they_promise(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LARGEST, "which concept is missing?"
    assert ast.get_docstring(ast.parse(text)), "a module's docstring comes first"


@pytest.mark.parametrize("path", PACKAGE, ids=relative)
def test_public_functions_and_classes_are_documented(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


@pytest.mark.parametrize("path", [p for p in PACKAGE if not relative(p).startswith(OUTER)], ids=relative)
def test_the_core_imports_nothing_from_the_edges(path: Path) -> None:
    outward = ("runner.edges", "runner.commands", "runner.cli")
    world = ("os", "subprocess", "socket", "shutil", "tempfile", "git", "random", "secrets", "time")
    for name in imports(path):
        assert not name.startswith(outward), f"{name}: pass what you need as a port"
        assert name.split(".")[0] not in world, f"{name}: files, processes, clocks and chance belong to the edges"


@pytest.mark.parametrize(("package", "forbidden"), ALLOWED.items())
def test_packages_stay_apart(package: str, forbidden: tuple[str, ...]) -> None:
    folder = ROOT / package.replace(".", "/")
    for path in folder.rglob("*.py"):
        assert not [name for name in imports(path) if name.startswith(forbidden)], relative(path)


def test_looking_starts_without_what_runs_and_compares() -> None:
    """A verb that only judges, plans, or finds nothing to do would take half as long again to start."""
    verbs = "runner.commands.contribute, runner.commands.operate, runner.commands.reconcile"
    listed = f"import sys, {verbs}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", listed], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"runner.plan", "runner.model.jobspec"} <= loaded
    spared = (
        "runner.compare.verdict",
        "runner.stages",
        "runner.execute",
        "runner.model.receipt",
        "runner.model.report",
    )
    assert not loaded.intersection(spared)


def test_nothing_names_where_it_was_made() -> None:
    """No path of a developer's machine, no host of a package registry, no lock file that records one."""
    hosts = ("pypi|org", "python|hosted.org", "npmjs|org", "npmjs|com", "proxy.golang|org")
    folders = ("|home/", "|root/", "|Users/")  # split, so that this file does not name them either
    names = [
        name.replace("|", "/" if name in folders else "" if "hosted" in name else ".") for name in (*hosts, *folders)
    ]
    private = re.compile("|".join(map(re.escape, names)).encode())
    found = [relative(path) for path in tracked() if path.suffix != ".svg" and private.search(path.read_bytes())]
    assert not found
    assert not (ROOT / "uv.lock").exists()


def test_requirements_are_pinned_and_hashed() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text().replace("\\\n", " ")
        for line in filter(None, text.splitlines()):
            assert re.match(r"[a-z0-9._\[\]-]+==\S+ .*--hash=sha256:", line), line[:80]


def test_the_readme_names_every_verb() -> None:
    readme = (ROOT / "README.md").read_text()
    assert not [verb for verb in VERBS if f"beacon {verb}" not in readme]
