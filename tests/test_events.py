"""Every event that is emitted anywhere has its name in the list, and every name in the list is emitted."""

from __future__ import annotations

import ast

from runner.commands.progress import SENTENCES
from runner.events import NAMES
from tests.conftest import ROOT


def emitted() -> set[str]:
    """The names in all calls of `say`."""
    names = set()
    for path in (ROOT / "runner").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("say", "Event"):
                name = node.args[1 if node.func.id == "say" else 0] if node.args else None
                names |= {name.value} if isinstance(name, ast.Constant) else set()
    return names


def test_the_list_of_names_is_complete_and_true() -> None:
    assert sorted(emitted()) == sorted(NAMES)


def test_only_events_that_exist_are_shown() -> None:
    assert set(SENTENCES) <= set(NAMES)
