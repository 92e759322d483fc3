"""What `GitRepository` promises beyond the contract.

Git and GitPython accept what it makes, nothing foreign reaches git, work trees follow or are left alone, a crash
between any two git commands leaves a whole repository, and nothing is left behind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.edges.git import GitRepository
from runner.edges.git_objects import Author, Maker
from runner.edges.git_process import Git
from runner.edges.git_remote import clone, create, offered
from runner.edges.memory import MemoryEvents
from runner.errors import BeaconError, Conflict, Environment, Usage
from runner.formats.sshsig import commit_signer, public_line
from tests.make import key

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
AUTHOR = Author("runner", "runner@example.org")


class Place:
    """A bare remote, clones of it, and git as a person would call it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(path), "GIT_CONFIG_NOSYSTEM": "1"}
        self.events = MemoryEvents()
        self.opened: list[GitRepository] = []
        create(path / "remote", bare=True, environ=self.environ)

    def clone(self, name: str) -> GitRepository:
        clone(str(self.path / "remote"), self.path / name, self.environ)
        return self.open(name)

    def open(self, name: str, remote: str | None = "origin", environ: dict[str, str] | None = None) -> GitRepository:
        repository = GitRepository(
            self.path / name,
            "main",
            key("git"),
            AUTHOR,
            remote,
            lambda: 1_800_000_000,
            self.events,
            environ or self.environ,
        )
        self.opened.append(repository)
        repository.refresh()
        return repository

    def git(self, name: str, *arguments: str) -> str:
        who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
        done = subprocess.run(
            ["git", *who, *arguments],
            cwd=self.path / name,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    for repository in place.opened:
        repository.close()


def test_git_accepts_every_commit(place: Place) -> None:
    a = place.clone("a")
    first = a.commit(None, {"reports/a": b"1", "reports/a.b/c": b"2", "reports/a0": b"3", "é/\u2028": b"4"}, "one")
    intent = a.propose(first, {"reports/log/checkpoint": b"5"}, "two")
    second = a.commit(first, {"reports/log/checkpoint": b"6"}, "two", intent)
    assert place.git("remote", "fsck", "--strict", "--no-dangling") == ""
    assert place.git("a", "fsck", "--strict", "--no-dangling", "--no-reflogs") == ""
    if shutil.which("ssh-keygen"):
        (place.path / "signers").write_text(f'runner namespaces="git" {public_line(key("git").public)}\n')
        for commit in (first, intent, second):
            place.git("a", "-c", f"gpg.ssh.allowedSignersFile={place.path / 'signers'}", "verify-commit", commit)
    assert place.git("remote", "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert (
        place.git("remote", "log", "--format=%s %an %ce %ct", "-1", "main")
        == "two runner runner@example.org 1800000000"
    )


def test_gitpython_reads_what_we_write(place: Place) -> None:
    import git

    a = place.clone("a")
    first = a.commit(None, {"x/y": b"1", "z": b"2"}, "one")
    with git.Repo(place.path / "a") as repo:
        commit = repo.commit(first)
        assert {blob.path: blob.data_stream.read() for blob in commit.tree.traverse() if blob.type == "blob"} == {
            "x/y": b"1",
            "z": b"2",
        }
        assert str(commit.gpgsig).startswith("-----BEGIN SSH SIGNATURE-----")
        assert not repo.is_dirty(untracked_files=True)


def test_a_clean_work_tree_follows(place: Place) -> None:
    a = place.clone("a")
    first = a.commit(None, {"x": b"1", "y": b"2"}, "one")
    (place.path / "a" / "untracked").write_bytes(b"mine")
    second = a.commit(first, {"x": None, "d/z": b"3"}, "two")
    assert place.git("a", "status", "--porcelain") == "?? untracked"
    assert place.git("a", "rev-parse", "HEAD") == second
    assert {path.name for path in (place.path / "a").iterdir()} == {".git", "d", "y", "untracked"}
    assert place.events.names() == []


@pytest.mark.parametrize("change", ["dirty", "staged", "untracked", "diverged"])
def test_local_changes_in_the_way_are_left_alone(place: Place, change: str) -> None:
    a = place.clone("a")
    first = a.commit(None, {"x": b"1"}, "one")
    mine = place.path / "a" / ("z" if change == "untracked" else "x")
    mine.write_bytes(b"mine")
    if change in ("staged", "diverged"):
        place.git("a", "add", "x")
    if change == "diverged":
        place.git("a", "commit", "-q", "-m", "mine")
    before = place.git("a", "rev-parse", "HEAD"), place.git("a", "status", "--porcelain")
    second = a.commit(first, {"x": b"2", "z": b"3"}, "two")
    assert (place.git("a", "rev-parse", "HEAD"), place.git("a", "status", "--porcelain")) == before
    assert mine.read_bytes() == b"mine"
    assert place.git("remote", "rev-parse", "main") == place.git("a", "rev-parse", "origin/main") == a.head() == second
    assert place.events.names() == ["branch-not-moved"]


def test_a_bare_repository_has_no_work_tree(place: Place) -> None:
    bare = place.open("remote", remote=None)
    first = bare.commit(None, {"x": b"1"}, "one")
    bare.commit(first, {"x": b"2"}, "two", bare.propose(first, {"x": b"2"}, "two"))
    assert not {"x", "index"} & {path.name for path in (place.path / "remote").iterdir()}


def test_a_branch_that_fell_behind_catches_up(place: Place) -> None:
    a, b = place.clone("a"), place.clone("b")
    first = a.commit(None, {"x": b"1"}, "one")
    b.refresh()
    second = b.commit(first, {"y": b"2"}, "two")
    assert place.git("b", "status", "--porcelain") == ""
    a.refresh()
    third = a.commit(second, {"z": b"3"}, "three")
    assert (place.git("a", "rev-parse", "HEAD"), place.git("a", "status", "--porcelain")) == (third, "")


def test_a_branch_that_is_not_checked_out_moves_alone(place: Place) -> None:
    a = place.clone("a")
    first = a.commit(None, {"x": b"1"}, "one")
    place.git("a", "switch", "-q", "-c", "other")
    second = a.commit(first, {"x": b"2"}, "two")
    assert place.git("a", "rev-parse", "main") == second
    assert ((place.path / "a" / "x").read_bytes(), place.git("a", "status", "--porcelain")) == (b"1", "")
    place.git("a", "worktree", "add", "-q", "../linked", "main")
    third = a.commit(second, {"x": b"3"}, "three")
    assert ((place.path / "linked" / "x").read_bytes(), place.git("linked", "status", "--porcelain")) == (b"3", "")
    assert place.open("linked").git_dir == a.git_dir == place.path / "a" / ".git"
    assert place.git("linked", "rev-parse", "HEAD") == third


def test_without_a_remote_changes_in_the_way_stop_the_commit(place: Place) -> None:
    create(place.path / "lone", environ=place.environ)
    lone = place.open("lone", remote=None)
    first = lone.commit(None, {"x": b"1"}, "one")
    assert place.git("lone", "status", "--porcelain") == ""
    (place.path / "lone" / "x").write_bytes(b"mine")
    with pytest.raises(Environment) as caught:
        lone.commit(first, {"x": b"2"}, "two")
    assert caught.value.code == "work-tree-in-the-way"
    assert place.git("lone", "rev-parse", "HEAD") == first
    second = lone.commit(first, {"y": b"2"}, "two")
    assert (place.git("lone", "rev-parse", "HEAD"), place.git("lone", "status", "--porcelain")) == (second, "M x")


@pytest.mark.parametrize("remote", [None, "origin"])
def test_files_that_a_killed_runner_left_behind_follow_the_next_commit(place: Place, remote: str | None) -> None:
    create(place.path / "lone", environ=place.environ)
    name = "a" if remote else "lone"
    a = place.clone("a") if remote else place.open("lone", remote=None)
    first = a.commit(None, {"x": b"1", "mine": b"1"}, "one")
    second = a.commit(first, {"x": b"2", "y": b"2"}, "two")
    (place.path / name / "mine").write_bytes(b"not committed")
    if remote:  # killed when the files had followed, and the local branch had not
        place.git(name, "update-ref", "refs/heads/main", first)
    else:  # killed when the branch had moved, and the files had not followed
        place.git(name, "read-tree", "-m", "-u", second, first)
    third = a.commit(second, {"x": b"3", "z": b"3"}, "three")
    assert (place.git(name, "rev-parse", "HEAD"), place.git(name, "status", "--porcelain")) == (third, "M mine")
    assert (place.path / name / "mine").read_bytes() == b"not committed"


def test_files_that_a_person_wound_back_stay_so(place: Place) -> None:
    create(place.path / "lone", environ=place.environ)
    lone = place.open("lone", remote=None)
    lone.commit(None, {"x": b"1"}, "one")
    (place.path / "lone" / "x").write_bytes(b"2")
    place.git("lone", "commit", "-q", "-am", "two")
    place.git("lone", "revert", "--no-commit", "HEAD")
    lone.refresh()
    with pytest.raises(Environment) as caught:
        lone.commit(lone.head(), {"x": b"3"}, "three")
    assert caught.value.code == "work-tree-in-the-way"
    assert (place.path / "lone" / "x").read_bytes() == b"1"


def test_a_caller_inside_a_hook_does_not_lead_astray(place: Place) -> None:
    create(place.path / "other", environ=place.environ)
    marker = place.path / "ran"
    astray = {
        "GIT_DIR": str(place.path / "other/.git"),
        "GIT_INDEX_FILE": str(marker),
        "GIT_OBJECT_DIRECTORY": str(place.path / "other/.git/objects"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "nonsense",
        "GIT_TRACE": "1",
    }
    clone(str(place.path / "remote"), place.path / "a", place.environ | astray)
    hooks = place.path / "a/.git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-push", "reference-transaction", "post-index-change", "pre-auto-gc", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {marker}\n")
        (hooks / name).chmod(0o755)
    a = place.open("a", environ=place.environ | astray)
    first = a.commit(None, {"x": b"1"}, "one")
    a.commit(first, {"x": b"2"}, "two", a.propose(first, {"x": b"3"}, "two"))
    assert not marker.exists()
    assert place.git("other", "for-each-ref") == ""


def test_foreign_trees_come_through_git_unharmed(place: Place) -> None:
    place.clone("a")
    work = place.path / "a"
    for name in ("-f", "--upload-pack=touch x", "a\nb", " ", "a:b", "é"):
        (work / name).write_bytes(name.encode())
    (work / "link").symlink_to("/etc/hostname")
    place.git("a", "add", "-A", "--", ".")
    place.git("a", "commit", "-q", "-m", "a pull request")
    place.git("a", "push", "-q", "origin", "HEAD:refs/heads/main")
    b = place.clone("b")
    snapshot = b.snapshot(b.head())
    files = {path: blob for path, blob in snapshot.files("").items() if blob.mode == "100644"}
    assert snapshot.read_all(list(files)) == {path: path.encode() for path in files}
    assert len(files) == 6
    assert (snapshot.files("")["link"].mode, snapshot.read("link")) == ("120000", None)
    b.commit(b.head(), {"reports/x": b"1"}, "one")
    assert len(b.snapshot(b.head()).files("")) == 8


def test_merges_of_people_are_history(place: Place) -> None:
    a = place.clone("a")
    first = a.commit(None, {"x": b"1"}, "one")
    place.git("a", "switch", "-q", "-c", "pr")
    place.git("a", "commit", "-q", "--allow-empty", "-m", "job")
    place.git("a", "switch", "-q", "main")
    place.git("a", "merge", "-q", "--no-ff", "-m", "merge", "pr")
    place.git("a", "push", "-q", "origin", "main")
    a.refresh()
    history = a.history()
    assert [info.oid for info in history] == [first, place.git("a", "rev-parse", "pr"), a.head()]
    assert history[2].parents == (first, history[1].oid)
    with pytest.raises(BeaconError):
        commit_signer(history[1].raw)


def test_a_revision_is_found_by_a_persons_words(place: Place) -> None:
    a = place.clone("a")
    first = a.commit(None, {"x": b"1"}, "one")
    second = a.commit(first, {"x": b"2"}, "two")
    assert [a.resolve(words) for words in ("main", "HEAD~1", second[:9], "origin/main")] == [
        second,
        first,
        second,
        second,
    ]
    for words in ("nowhere", "--all", "", "main\n", f"{first}:x", "main^{tree}"):
        with pytest.raises(Usage) as caught:
            a.resolve(words)
        assert caught.value.code == "revision-unknown"


def test_a_refusing_remote_is_no_conflict(place: Place) -> None:
    a = place.clone("a")
    first = a.commit(None, {"x": b"1"}, "one")
    hook = place.path / "remote/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Environment) as caught:
        a.propose(first, {"x": b"2"}, "two")
    assert caught.value.code == "push-refused"
    with pytest.raises(Environment):
        a.commit(first, {"x": b"2"}, "two")
    assert (a.head(), a.intent(), place.git("remote", "rev-parse", "main")) == (first, None, first)


def test_a_remote_that_is_gone_is_no_conflict(place: Place) -> None:
    a = place.clone("a")
    first = a.commit(None, {"x": b"1"}, "one")
    (place.path / "remote").rename(place.path / "away")
    for act in (a.refresh, lambda: a.propose(first, {"x": b"2"}, "two"), lambda: a.commit(first, {"x": b"2"}, "two")):
        with pytest.raises(Environment):
            act()
    assert (a.head(), place.git("a", "rev-parse", "HEAD")) == (first, first)


def test_a_branch_wound_back_is_not_wound_forward(place: Place) -> None:
    a = place.clone("a")
    first = a.commit(None, {"x": b"1"}, "one")
    second = a.commit(first, {"x": b"2"}, "two")
    place.git("remote", "update-ref", "refs/heads/main", first)
    with pytest.raises(Conflict):
        a.commit(second, {"x": b"3"}, "three")
    assert place.git("remote", "rev-parse", "main") == a.head() == first


CUT = """#!/bin/sh
# The real git; but the push that the file names is carried out, and its answer is lost.
for word in "$@"; do
    [ "$word" = push ] && [ -e "{flag}" ] && {{ rm "{flag}"; "{git}" "$@" >/dev/null 2>&1; exit 128; }}
done
exec "{git}" "$@"
"""


@pytest.mark.parametrize("stage", ["propose", "commit"])
def test_a_lost_answer_is_looked_up(place: Place, stage: str) -> None:
    a = place.clone("a")
    first = a.commit(None, {"x": b"1"}, "one")
    flag, tools = place.path / "flag", place.path / "tools"
    tools.mkdir()
    (tools / "git").write_text(CUT.format(flag=flag, git=shutil.which("git")))
    (tools / "git").chmod(0o755)
    b = place.open("a", environ=place.environ | {"PATH": f"{tools}:{place.environ['PATH']}"})
    flag.touch()
    if stage == "propose":
        intent = b.propose(first, {"x": b"2"}, "two")
        assert place.git("remote", "rev-parse", "refs/beacon/intent") == b.intent() == intent
    else:
        second = b.commit(first, {"x": b"2"}, "two")
        assert place.git("remote", "rev-parse", "main") == b.head() == second
    assert not flag.exists()


CRASH = """#!/bin/sh
# The real git; the n-th command fails before, or after, it does its work, as if the machine had died there.
for word in "$@"; do [ "$word" = cat-file ] && exec "{git}" "$@"; done
n=$(($(cat "{count}") - 1)); echo $n > "{count}"
[ $n -eq 0 ] && [ {when} = before ] && kill -9 $$
"{git}" "$@"; code=$?
[ $n -le 0 ] && kill -9 $$
exit $code
"""


@pytest.mark.parametrize("remote", [None, "origin"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_between_any_two_commands_leaves_a_whole(place: Place, remote: str | None, when: str) -> None:
    """The next writer finds the old state, or the intent, or the new state, and goes on."""
    create(place.path / "lone", environ=place.environ)
    name = "a" if remote else "lone"
    a = place.clone("a") if remote else place.open("lone", remote=None)
    head = a.commit(None, {"x": b"0", "gone": b""}, "zero")
    tools, count = place.path / "tools", place.path / "count"
    tools.mkdir()
    (tools / "git").write_text(CRASH.format(git=shutil.which("git"), count=count, when=when))
    (tools / "git").chmod(0o755)
    count.write_text("1000")
    b = place.open(name, remote, place.environ | {"PATH": f"{tools}:{place.environ['PATH']}"})
    outcomes = set()
    for n in range(1, 40):
        count.write_text(str(n))
        text = str(n).encode()
        try:
            new = b.commit(head, {"x": text}, "one", b.propose(head, {"x": b"?" + text}, "one"))
        except BeaconError:
            new = None
        count.write_text("1000")
        a.refresh()
        standing, x = a.intent(), a.snapshot(a.head()).read("x")
        outcomes.add((a.head() == head, standing is not None))
        if a.head() == head:
            assert x == str(n - 1).encode()
            head = a.commit(head, {"x": text}, "one", standing or a.propose(head, {"x": b"?" + text}, "one"))
        else:
            assert (x, standing) == (text, None)
            head = str(a.head())
        if new is not None:
            break
        b.refresh()
        place.git(name, "read-tree", "--reset", "-u", "HEAD")
    assert new is not None
    assert outcomes == {(True, False), (True, True), (False, False)}
    assert place.git(name, "fsck", "--strict", "--no-dangling") == ""


def test_a_spent_intent_gives_way(place: Place) -> None:
    """The files behind refs change one by one: the branch may have moved and the intent stayed."""
    a = place.clone("a")
    first = a.commit(None, {"x": b"1"}, "one")
    intent = a.propose(first, {"x": b"2"}, "two")
    second = a.commit(first, {"x": b"3"}, "two", intent)
    place.git("remote", "update-ref", "refs/beacon/intent", intent)
    b = place.clone("b")
    assert (b.head(), b.intent()) == (second, None)
    new = b.propose(second, {"x": b"4"}, "three")
    assert place.git("remote", "rev-parse", "refs/beacon/intent") == new
    with pytest.raises(Conflict):
        a.propose(second, {"x": b"4"}, "three")


def test_an_intent_that_arrives_late_says_where_the_branch_is(place: Place) -> None:
    """Another intent came, was completed and went between what the server advertised to a push and its arrival."""
    a, b = place.clone("a"), place.clone("b")
    first = a.commit(None, {"x": b"1"}, "one")
    b.refresh()
    second = b.commit(first, {"x": b"2"}, "two", b.propose(first, {"x": b"?"}, "two"))
    place.git("remote", "update-ref", "refs/kept", second)
    place.git("remote", "update-ref", "refs/heads/main", first)
    hook = place.path / "remote" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/main {second}\n")
    hook.chmod(0o755)
    late = a.propose(first, {"x": b"3"}, "three")
    assert (a.head(), a.intent()) == (second, late), "whoever signs sees that it is too late"
    hook.unlink()
    a.withdraw(second)
    assert a.intent() == late, "only the one that is meant"
    a.withdraw(late)
    b.refresh()
    assert (a.intent(), b.intent(), b.head()) == (None, None, second)


def test_refs_that_move_while_they_are_read_are_read_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a new intent would stand beside the branch as it was before: as if somebody had wound that back."""
    a, b = place.clone("a"), place.clone("b")
    first = a.commit(None, {"x": b"1"}, "one")
    b.refresh()
    intent = a.propose(first, {"x": b"2"}, "two")

    def meanwhile(git: Git, remote: str, *patterns: str) -> dict[str, str]:
        found = offered(git, remote, *patterns)
        if not moved:
            moved.append(a.commit(first, {"x": b"2"}, "two", intent))
            a.propose(moved[0], {"x": b"3"}, "three")
        return found

    moved: list[str] = []
    monkeypatch.setattr("runner.edges.git_remote.offered", meanwhile)
    b.refresh()
    assert (b.head(), b.intent()) == (moved[0], a.intent())


def test_an_intent_that_others_completed_at_once_is_told(place: Place) -> None:
    a, b = place.clone("a"), place.clone("b")
    first = a.commit(None, {"x": b"1"}, "one")
    hook = place.path / "remote" / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ngit update-ref -d refs/beacon/intent\n")
    hook.chmod(0o755)
    with pytest.raises(Conflict) as caught:
        a.propose(first, {"x": b"2"}, "two")
    assert (caught.value.code, a.intent()) == ("intent-moved", None)
    b.close()


def test_a_strangers_word_does_not_spend_an_intent(place: Place) -> None:
    a = place.clone("a")
    first = a.commit(None, {"x": b"1"}, "one")
    intent = a.propose(first, {"x": b"2"}, "two")
    store = Git(place.path / "remote", place.environ)
    for signer in (None, key("stranger")):
        header = {"beacon-intent": intent}
        forged = Maker(AUTHOR, signer).commit(store, [first], {}, "", 0, header)[-1]
        store.store([forged])
        place.git("remote", "update-ref", "refs/heads/main", forged.oid)
        a.refresh()
        assert (a.head(), a.intent()) == (forged.oid, intent)
    store.close()


def test_refs_that_name_no_commit_and_cut_histories_are_told(place: Place) -> None:
    a = place.clone("a")
    first = a.commit(None, {"x": b"1"}, "one")
    a.commit(first, {"x": b"2"}, "two")
    place.git("remote", "update-ref", "refs/beacon/intent", place.git("remote", "rev-parse", "main:x"))
    with pytest.raises(Environment) as caught:
        a.refresh()
    assert caught.value.code == "git-object-damaged"
    place.git("remote", "update-ref", "-d", "refs/beacon/intent")
    (place.path / "shallow").mkdir()
    place.git("shallow", "clone", "-q", "--depth", "1", f"file://{place.path / 'remote'}", ".")
    with pytest.raises(Environment) as caught:
        place.open("shallow").history()
    assert caught.value.code == "clone-shallow"


def test_many_small_files_stay_out_of_packs_and_many_more_go_into_one(place: Place) -> None:
    a = place.clone("a")
    first = a.commit(None, {f"x/{n}": str(n).encode() for n in range(50)}, "fifty")
    assert not list((a.git_dir / "objects/pack").glob("*"))
    second = a.commit(first, {f"y/{n}": f"y{n}".encode() for n in range(300)}, "three hundred")
    assert sorted(path.suffix for path in (a.git_dir / "objects/pack").glob("*")) == [".idx", ".pack"]
    assert a.snapshot(second).read_all([f"y/{n}" for n in range(300)])["y/299"] == b"y299"
    assert place.git("a", "count-objects", "-v").splitlines()[-2:] == ["garbage: 0", "size-garbage: 0"]
    assert place.git("a", "for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/main",
        "refs/remotes/origin/main",
    ]


def children() -> set[str]:
    """This process's own, running or waiting to be reaped."""
    return {child for task in Path("/proc/self/task").iterdir() for child in (task / "children").read_text().split()}


def test_a_large_file_is_read_whole_and_the_process_is_reused_and_ended(place: Place) -> None:
    before = children()
    a = place.clone("a")
    large = os.urandom(3_000_000)
    first = a.commit(None, {"large": large, "small": b"1"}, "one")
    with place.open("a") as b:
        assert b.snapshot(first).read("large") == large
        with pytest.raises(Environment):
            b.snapshot("0" * 39 + "1")
        with pytest.raises(ValueError, match="no object id"):
            b.snapshot("--batch-all-objects")
        assert b.snapshot(first).read("small") == b"1"
    a.close()
    assert children() <= before


def test_what_is_no_repository_is_told(place: Place, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    codes = {}
    for name in ("empty", "absent"):
        with pytest.raises(Environment) as caught:
            Git(tmp_path / name, place.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path)})
        codes[name] = caught.value.code
    assert codes == {"empty": "git-repository-missing", "absent": "git-missing"}
    with pytest.raises(Environment) as caught:
        clone("ext::sh -c true", tmp_path / "x", place.environ)
    assert caught.value.code == "remote-unsafe"
    with pytest.raises(Environment) as caught:
        clone(str(tmp_path / "nowhere"), tmp_path / "x", place.environ)
    assert caught.value.code == "remote-unreachable"
    for branch, remote in (("-f", None), ("main", "--upload-pack=x"), ("main", "../x")):
        with pytest.raises(Environment):
            GitRepository(tmp_path / "remote", branch, None, AUTHOR, remote, lambda: 0)


def test_without_a_key_nothing_is_written(place: Place) -> None:
    with GitRepository(place.path / "remote", "main", None, AUTHOR, None, lambda: 0, environ=place.environ) as reader:
        with pytest.raises(Environment) as caught:
            reader.commit(None, {"x": b""}, "one")
        assert caught.value.code == "key-missing"
