"""pymerkle, which shares no code with this package, finds the same root for every log, and another one as soon as an
entry that it was asked to judge is altered."""

from __future__ import annotations

import sys

import pytest

from runner.audit import second_root
from tests.logs import grown

pymerkle = pytest.importorskip("pymerkle", reason="pymerkle, the extra `audit`, is not installed")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 1000, 65_540])
def test_the_second_engine_agrees(count: int) -> None:
    store, checkpoint = grown(count)
    for since in (0, count // 2, count):
        assert second_root(store.get, count, since) == checkpoint.root


def test_pymerkles_own_tree_agrees_with_ours_over_files() -> None:
    store, _ = grown(700)
    tree = pymerkle.InmemoryTree("sha256")
    for size in range(1, 701):
        tree.append_entry(b"entry %d" % (size - 1) * ((size - 1) % 3))
    assert tree.get_root() == second_root(store.get, 700)


@pytest.mark.parametrize(("since", "altered", "seen"), [(0, 0, True), (600, 2, True), (600, 0, False)])
def test_the_second_engine_judges_the_entries_that_are_new(since: int, altered: int, seen: bool) -> None:
    store, checkpoint = grown(700)
    path = "tile/entries/002.p/188" if altered == 2 else f"tile/entries/{altered:03}"
    store[path] = store[path].replace(b"entry", b"Entry", 1)
    assert (second_root(store.get, 700, since) != checkpoint.root) == seen


def test_the_second_engine_takes_no_hash_of_ours_for_what_is_new() -> None:
    store, checkpoint = grown(70_000)
    for path in [path for path in store if not path.startswith("tile/entries")]:
        del store[path]
    assert second_root(store.get, 70_000) == checkpoint.root


def test_where_it_is_absent_there_is_no_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pymerkle")
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[-1:])
    assert second_root({}.get, 0) is None
