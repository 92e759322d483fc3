"""The contract of `ports.Repository`, held by every implementation: in memory, a clone of a remote, a lone repository.

Proves the compare-and-swap of branch and intent between two writers, what a change makes of a tree, what is read back,
and that all implementations make the same commits, byte for byte.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.edges.git import GitRepository
from runner.edges.git_objects import Author, Object, edit_tree, parse_tree, print_tree
from runner.edges.git_remote import clone, create
from runner.edges.memory import MemoryRemote, MemoryRepository
from runner.errors import Conflict, Environment, Invalid
from runner.formats.sshsig import commit_signer
from runner.ports import Blob, Repository
from tests.make import key

AUTHOR = Author("runner", "runner@example.org")
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
Open = Callable[[], Repository]


@pytest.fixture(params=["memory", pytest.param("remote", marks=needs_git), pytest.param("local", marks=needs_git)])
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens one more writer of the same branch."""
    opened: list[GitRepository] = []
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    if request.param == "memory":
        shared = MemoryRemote()
        yield lambda: MemoryRepository(shared, key("git"), lambda: 1_800_000_000, AUTHOR)
        return
    create(tmp_path / "shared", bare=request.param == "remote", environ=environ)

    def another() -> Repository:
        path, remote = tmp_path / "shared", None
        if request.param == "remote":
            path, remote = tmp_path / f"clone{len(opened)}", "origin"
            clone(str(tmp_path / "shared"), path, environ)
        opened.append(GitRepository(path, "main", key("git"), AUTHOR, remote, lambda: 1_800_000_000, environ=environ))
        opened[-1].refresh()
        return opened[-1]

    yield another
    for repository in opened:
        repository.close()


def test_an_empty_repository_has_neither_head_nor_files(writer: Open) -> None:
    a = writer()
    assert (a.head(), a.intent(), a.history(), a.cancellations()) == (None, None, [], frozenset())
    empty = a.snapshot(None)
    assert (empty.files("registry"), empty.read("x"), empty.exists("x"), empty.read_all(["x"])) == ({}, None, False, {})


def test_what_is_committed_is_read_back(writer: Open) -> None:
    a = writer()
    first = a.commit(None, {"registry/b/two": b"2", "registry/a": b"", "reports/x/y": bytes(range(256))}, "one")
    assert a.head() == first
    snapshot = a.snapshot(first)
    assert list(snapshot.files("registry")) == ["registry/a", "registry/b/two"]
    assert snapshot.files("registry/b")["registry/b/two"].mode == "100644"
    assert list(snapshot.files("")) == ["registry/a", "registry/b/two", "reports/x/y"]
    assert snapshot.files("registry/a") == snapshot.files("nowhere") == {}
    assert snapshot.read("reports/x/y") == bytes(range(256))
    assert snapshot.read("reports/x") is None
    assert snapshot.read("registry/a") == b""
    assert snapshot.read_all(["reports/x/y", "gone", "registry/b/two"]) == {
        "reports/x/y": bytes(range(256)),
        "registry/b/two": b"2",
    }
    there = ["registry", "registry/b", "registry/b/two"]
    absent = ["", "/", "registry/", "registry/b/two/three", "registry//b", "../registry", "x"]
    assert [path for path in there + absent if snapshot.exists(path)] == there


def test_a_change_replaces_removes_and_prunes(writer: Open) -> None:
    a = writer()
    first = a.commit(None, {"a/b/c": b"1", "a/d": b"2", "e": b"3", "keep": b"4"}, "one")
    second = a.commit(
        first, {"a/b/c": None, "a/d": b"5", "e": None, "e/f": b"6", "nothing/here": None, "a": None}, "two"
    )
    assert a.snapshot(second).files("").keys() == {"a/d", "e/f", "keep"}
    assert not a.snapshot(second).exists("a/b")
    assert a.snapshot(first).read("a/d") == b"2"
    assert a.difference(first, second, "a") == {"a/b/c": None, "a/d": b"5"}
    assert a.difference(first, second, "e") == {"e": None, "e/f": b"6"}
    assert a.difference(None, second, "keep") == {"keep": b"4"}
    assert a.difference(first, second, "nowhere") == {}
    third = a.commit(second, {"e": b"a file again", "a/d": None, "keep": None}, "three")
    assert a.snapshot(third).files("").keys() == {"e"}
    assert a.snapshot(a.commit(third, {"e": None}, "four")).files("") == {}


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", "a/../b", "./a", ".git/config", "a\0b"])
def test_paths_that_name_no_file_are_refused(writer: Open, path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        writer().commit(None, {path: b""}, "one")


def test_commits_are_signed_and_say_when(writer: Open) -> None:
    a = writer()
    first = a.commit(None, {"reports/x": b"1"}, "The subject\n\nThe body")
    info = a.read_commit(first)
    assert commit_signer(info.raw) == key("git").public
    assert b"committer runner <runner@example.org> 1800000000 +0000\n" in info.raw
    assert info.raw.endswith(b"\n\nThe subject\n\nThe body\n")
    assert (info.oid, info.parents, info.reports) == (
        first,
        (),
        Object("tree", print_tree({"x": Blob("100644", Object("blob", b"1").oid)})).oid,
    )


def test_every_implementation_makes_the_same_commits(writer: Open) -> None:
    a = writer()
    first = a.commit(None, {"reports/x": b"1", "reports.txt": b"2", "reports/é": b"3"}, "one")
    assert a.commit(first, {"reports/x": None}, "two") == "1e9d585a4386391754a040b770369c9c8334d9db"


def test_one_of_two_writers_wins_the_branch(writer: Open) -> None:
    a, b = writer(), writer()
    first = a.commit(None, {"x": b"1"}, "one")
    with pytest.raises(Conflict):
        b.commit(None, {"x": b"2"}, "one of b")
    b.refresh()
    assert (b.head(), b.snapshot(b.head()).read("x")) == (first, b"1")
    second = b.commit(first, {"y": b"2"}, "two")
    with pytest.raises(Conflict):
        a.commit(first, {"y": b"3"}, "two of a")
    a.refresh()
    assert (a.head(), a.snapshot(a.head()).read("y")) == (second, b"2")


def test_the_very_same_commit_is_won_once(writer: Open) -> None:
    a, b = writer(), writer()
    a.commit(None, {"x": b"1"}, "one")
    with pytest.raises(Conflict):
        b.commit(None, {"x": b"1"}, "one")


def test_one_of_two_writers_wins_the_intent(writer: Open) -> None:
    a, b = writer(), writer()
    first = a.commit(None, {"x": b"1"}, "one")
    b.refresh()
    intent = a.propose(first, {"reports/log/checkpoint": b"unsigned"}, "two")
    with pytest.raises(Conflict):
        b.propose(first, {"reports/log/checkpoint": b"unsigned"}, "two")
    b.refresh()
    assert (b.head(), b.intent(), a.intent()) == (first, intent, intent)
    assert b.snapshot(intent).read("reports/log/checkpoint") == b"unsigned"
    assert (b.read_commit(intent).parents, commit_signer(b.read_commit(intent).raw)) == ((first,), key("git").public)
    done = b.commit(first, {"reports/log/checkpoint": b"signed"}, "two", intent)
    assert (b.head(), b.intent()) == (done, None)
    with pytest.raises(Conflict):
        a.commit(first, {"reports/log/checkpoint": b"signed"}, "two", intent)
    a.refresh()
    assert (a.head(), a.intent()) == (done, None)
    assert a.propose(done, {"x": b"2"}, "three")


def test_an_intent_is_refused_where_the_branch_moved(writer: Open) -> None:
    a, b = writer(), writer()
    first = a.commit(None, {"x": b"1"}, "one")
    for parent in (None, first):
        b.refresh()
        if parent:
            second = b.commit(first, {"x": b"2"}, "two")
        with pytest.raises(Conflict):
            a.propose(parent, {"x": b"3"}, "three")
        b.refresh()
        assert b.intent() is None
    a.refresh()
    assert a.head() == second


def test_a_commit_is_refused_where_the_intent_is_another(writer: Open) -> None:
    a, b = writer(), writer()
    first = a.commit(None, {"x": b"1"}, "one")
    old = a.propose(first, {"x": b"2"}, "two")
    second = a.commit(first, {"x": b"2"}, "two", old)
    new = a.propose(second, {"x": b"3"}, "three")
    b.refresh()
    with pytest.raises(Conflict):
        b.commit(second, {"x": b"4"}, "four", old)
    b.refresh()
    assert (b.head(), b.intent()) == (second, new)


def test_an_intent_is_withdrawn_by_its_name_alone(writer: Open) -> None:
    a, b = writer(), writer()
    first = a.commit(None, {"x": b"1"}, "one")
    intent = a.propose(first, {"x": b"2"}, "two")
    b.refresh()
    b.withdraw(first)
    assert b.intent() == intent
    b.withdraw(intent)
    a.refresh()
    assert (a.head(), a.intent(), b.intent()) == (first, None, None)
    assert a.propose(first, {"x": b"2"}, "two") == a.intent()


def test_an_intent_is_completed_over_a_branch_that_moved(writer: Open) -> None:
    a, people = writer(), writer()
    first = a.commit(None, {"x": b"1"}, "one")
    intent = a.propose(first, {"reports/y": b"2"}, "two")
    people.refresh()
    merged = people.commit(first, {"registry/job": b"3"}, "a pull request")
    with pytest.raises(Conflict):
        a.commit(first, {"reports/y": b"2"}, "two", intent)
    a.refresh()
    assert (a.head(), a.intent()) == (merged, intent)
    done = a.commit(first, a.difference(first, intent, "reports"), "two", intent, merge_into=merged)
    assert a.snapshot(done).files("").keys() == {"x", "registry/job", "reports/y"}
    assert a.intent() is None
    into, written = a.read_commit(done).parents
    assert into == merged
    assert a.read_commit(written).parents == (first,)
    assert a.snapshot(written).files("").keys() == {"x", "reports/y"}


def test_history_has_parents_first_and_names_the_reports(writer: Open) -> None:
    a = writer()
    oids: list[str] = []
    for n in range(4):
        oids.append(a.commit(oids[-1] if oids else None, {f"{'reports' if n % 2 else 'x'}/{n}": b"1"}, str(n)))
    history = a.history()
    assert [info.oid for info in history] == oids
    assert [info.parents for info in history] == [(), *((oid,) for oid in oids[:-1])]
    assert [info.reports is None for info in history] == [True, False, False, False]
    assert history[1].reports == history[2].reports != history[3].reports
    assert [info.oid for info in a.history(oids[1])] == oids[2:]
    assert a.history(oids[3]) == []
    with pytest.raises(Environment):
        a.history("0123456789" * 4)
    assert history[2] == a.read_commit(oids[2])


def test_a_cancellation_is_seen_by_others_after_a_refresh(writer: Open) -> None:
    a, b = writer(), writer()
    a.commit(None, {"x": b"1"}, "one")
    b.refresh()
    for _ in range(2):
        b.request_cancel("0123456789abcdef" * 2)
    assert b.cancellations() == {"0123456789abcdef" * 2}
    assert a.cancellations() == frozenset()
    a.refresh()
    assert a.cancellations() == {"0123456789abcdef" * 2}
    with pytest.raises(ValueError, match="32 hex"):
        a.request_cancel("--force")


def test_a_cancellation_is_forgotten_by_all_and_twice_is_no_harm(writer: Open) -> None:
    a, b = writer(), writer()
    a.commit(None, {"x": b"1"}, "one")
    done, still = "0123456789abcdef" * 2, "f" * 32
    for run in (done, still):
        a.request_cancel(run)
    b.refresh()
    for repository in (a, b, a):
        repository.forget_cancel({done, "e" * 32})
        assert repository.cancellations() == {still}
        repository.refresh()
        assert repository.cancellations() == {still}


def test_unknown_objects_are_told(writer: Open) -> None:
    with pytest.raises(Environment) as caught:
        writer().snapshot("0123456789" * 4)
    assert caught.value.code == "git-object-missing"


def test_an_unreachable_remote_is_an_environment_error() -> None:
    repository = MemoryRepository()
    repository.remote.reachable = False
    with pytest.raises(Environment, match="cannot be reached"):
        repository.refresh()


class Tree:
    """Objects that a stranger made."""

    def __init__(self) -> None:
        self.remote = MemoryRemote()

    def add(self, kind: str, data: bytes) -> str:
        item = Object(kind, data)  # type: ignore[arg-type]  # a word of git's own
        self.remote.objects[item.oid] = item
        return item.oid

    def tree(self, *entries: tuple[bytes, bytes, str]) -> str:
        return self.add(
            "tree", b"".join(mode + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
        )

    def commit(self, tree: str) -> str:
        return self.add("commit", f"tree {tree}\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\nm\n".encode())


def test_links_submodules_and_odd_modes_are_listed_and_not_read() -> None:
    made = Tree()
    text = made.add("blob", b"../../secret")
    folder = made.tree((b"100644", b"x", text))
    root = made.tree(
        (b"120000", b"link", text),
        (b"160000", b"module", "1" * 40),
        (b"100755", b"tool", text),
        (b"040000", b"padded", folder),
    )
    snapshot = MemoryRepository(made.remote).snapshot(made.commit(root))
    assert {path: blob.mode for path, blob in snapshot.files("").items()} == {
        "link": "120000",
        "module": "160000",
        "padded/x": "100644",
        "tool": "100755",
    }
    assert [path for path in ("link", "module", "tool", "padded/x") if snapshot.read(path) is not None] == [
        "tool",
        "padded/x",
    ]
    assert snapshot.exists("link")


def test_names_that_could_be_options_or_lines_are_only_names() -> None:
    made = Tree()
    one, two = made.add("blob", b"1"), made.add("blob", b"2")
    names = [b"--upload-pack=x", b"a\nb", b"a:b", b"\xff\xfe", b"x" * 1_000_000]
    root = made.tree(*((b"100644", name, one) for name in sorted(names)), (b"100644", b"a:b", two))
    snapshot = MemoryRepository(made.remote).snapshot(made.commit(root))
    files = snapshot.files("")
    assert [path.encode("utf-8", "surrogateescape") for path in files] == sorted(names)
    assert set(snapshot.read_all(list(files)).values()) == {b"1"}


def test_trees_that_explode_are_refused() -> None:
    made = Tree()
    wide = made.tree((b"100644", b"x", made.add("blob", b"")))
    deep = wide
    for _ in range(9):
        wide = made.tree(*((b"40000", b"%02d" % n, wide) for n in range(20)))
    for _ in range(200):
        deep = made.tree((b"40000", b"d", deep))
    for root in (wide, deep):
        with pytest.raises(Invalid) as caught:
            MemoryRepository(made.remote).snapshot(made.commit(root)).files("")
        assert caught.value.code == "tree-too-large"


@pytest.mark.parametrize(
    "data", [b"100644 a", b"100644 a\0short", b"10x644 a\0" + bytes(20), b"\0", b"100644 a/b\0" + bytes(20)]
)
def test_what_is_no_tree_is_damaged(data: bytes) -> None:
    with pytest.raises(Environment, match="cannot be read"):
        parse_tree(data)


NAMES = st.sampled_from(["a", "a.b", "a0", "b", "é", "a-"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
EDITS = st.lists(st.dictionaries(PATHS, st.none() | st.binary(max_size=3), max_size=5), max_size=5)


@given(EDITS)
@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_edits_do_to_trees_what_they_do_to_folders(edits: list[dict[str, bytes | None]]) -> None:
    """Against a plain dict of paths."""
    repository = MemoryRepository()
    model: dict[str, bytes] = {}
    head = None
    for changes in edits:
        added = {path for path, data in changes.items() if data is not None}
        if any(path.startswith(f"{other}/") for path in added for other in added):
            continue  # a file and a folder of one name are refused
        model = {path: data for path, data in model.items() if changes.get(path, data) is not None}
        for path in added:
            over = [old for old in model if old.startswith(f"{path}/") or path.startswith(f"{old}/")]
            for old in over:
                del model[old]
            model[path] = changes[path] or b""
        head = repository.commit(head, changes, "edit")
    snapshot = repository.snapshot(head)
    assert snapshot.read_all(list(snapshot.files(""))) == model
    assert all(
        parse_tree(print_tree(entries)) == entries
        for entries in [parse_tree(o.data) for o in repository.remote.objects.values() if o.kind == "tree"]
    )


def test_a_file_cannot_be_a_folder_too() -> None:
    with pytest.raises(ValueError, match="both"):
        edit_tree(MemoryRemote(), None, {"a": b"", "a/b": b""})
