"""What goes wrong around a runner: remotes that refuse, hang, lie or go away, locks, full disks, clocks, changed minds.

Each ends in the right error, with a code, words and a hint, and nothing written; or in the right recovery. When the
trouble is over, the next tick ends in the tree of one that was never disturbed. What is about one operation of a tick
stands in `test_faults.py`, several runners in `test_two_runners.py`.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from runner.commands.places import git
from runner.model import entry as e
from runner.verify import verify
from tests.conftest import ROOT
from tests.disturbed_runner import Case, Runners, Tick, read_tick, tree
from tests.scratch import Scratch, scratch
from tests.ticks import SLOTS, WHO, Interrupted, entries, fresh, hire, starts, state, types
from tests.worlds import ClockedExecutor, Registry, job_file

SMALL: dict[str, Any] = {"sampling": {"providers": 1, "replicas": 1, "seeds": "shared"}, "minRegions": 3}


@pytest.fixture(scope="module")
def runners() -> Iterator[Runners]:
    """Stopped at the end."""
    started = Runners()
    yield started
    started.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A registry with a job of three attempts, and nothing run."""
    made = scratch(tmp_path_factory.mktemp("fresh") / "registry")
    made.write_job(revision=2, **SMALL)
    made.push("Ask less")
    return made


@pytest.fixture(scope="module")
def done(runners: Runners, template: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """The same, when its job has run."""
    place = template.copy(tmp_path_factory.mktemp("done") / "registry")
    assert tick(runners, place).error is None
    return place


@pytest.fixture
def place(template: Scratch, tmp_path: Path) -> Scratch:
    """A copy to make trouble in."""
    return template.copy(tmp_path / "registry")


def tick(runners: Runners, place: Scratch, nth: int = 0, **patience: int) -> Tick:
    """One reconcile. With `nth`, that operation fails."""
    where = str(place.place)
    case = Case(where, where, "fail" if nth else "calm", nth, calm_ticks=0)
    (told,) = runners.told([case._replace(**patience)])
    found = told.ticks[0]
    assert (found.ended, found.raised) == (0, None)
    return found


def refs(place: Scratch) -> str:
    """What the remote's refs say."""
    return git(place.remote, "for-each-ref")


def check_over(runners: Runners, place: Scratch, done: Scratch) -> None:
    """The trouble is over: the next tick ends where an undisturbed one does."""
    found = tick(runners, place)
    assert (found.error, found.remains) == (None, False), found.message
    assert tree(place, "origin") == tree(done, "origin")
    assert [ref.split("\t")[1] for ref in refs(place).splitlines()] == ["refs/heads/main"]
    git(place.remote, "fsck", "--strict")


def script(place: Scratch, name: str, text: str) -> Path:
    """A program for git to call."""
    path = place.place / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def ended(process: int) -> bool:
    """Whether it is gone, but for what its parent has not asked for yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


# Remotes


@pytest.mark.parametrize(
    ("server", "words"),
    [
        pytest.param(
            'echo "git@forge.invalid: Permission denied (publickey)." >&2; exit 128',
            "Permission denied",
            id="read-only",
        ),
        pytest.param('exec sh -c "$last" < /dev/null', "hung up", id="gone-mid-push", marks=pytest.mark.slow),
    ],
)
def test_a_remote_that_can_be_read_and_takes_nothing(
    runners: Runners, place: Scratch, done: Scratch, server: str, words: str
) -> None:
    shell = script(
        place, "ssh", f'for last; do :; done\ncase "$last" in *receive-pack*) {server};; esac\nexec sh -c "$last"'
    )
    for name, value in {
        "core.sshCommand": str(shell),
        "ssh.variant": "ssh",
        "remote.origin.pushurl": f"ssh://git@forge.invalid{place.remote}",
    }.items():
        git(place.clone, "config", name, value)
    before = refs(place)
    found = tick(runners, place)
    assert (found.error, found.attempts) == ("push-failed", 0)
    assert words in found.message
    assert "access rights" in found.hint
    assert refs(place) == before
    git(place.clone, "config", "--unset", "remote.origin.pushurl")
    check_over(runners, place, done)


@pytest.mark.parametrize(
    "how", ["git", *(pytest.param(how, marks=pytest.mark.slow) for how in ("http", "https", "ssh", "file"))]
)
def test_a_remote_that_hangs(runners: Runners, place: Scratch, done: Scratch, how: str) -> None:
    """Whatever git asks for it: a server that never answers, or a program that never ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:  # whoever connects is never answered
        hung = script(place, "hung", f"echo $$ > {place.place}/pid\nexec sleep 3600")
        port = server.getsockname()[1]
        if how == "file":
            git(place.clone, "config", "remote.origin.uploadpack", str(hung))
        elif how == "ssh":
            git(place.clone, "config", "core.sshCommand", str(hung))
            git(place.clone, "remote", "set-url", "origin", f"ssh://git@forge.invalid{place.remote}")
        else:
            git(place.clone, "remote", "set-url", "origin", f"{how}://127.0.0.1:{port}/registry.git")
        found = tick(runners, place, network=2)
        assert (found.error, found.attempts) == ("git-timeout", 0)
        assert found.message == "git ls-remote did not end within 2 s"
        assert found.hint
        if how in ("ssh", "file"):
            assert ended(int((place.place / "pid").read_text()))
        else:  # what git had started to call it, git-remote-https, is gone as well
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                while connection.recv(1 << 16):
                    continue
    if how == "file":
        git(place.clone, "config", "--unset", "remote.origin.uploadpack")
    git(place.clone, "remote", "set-url", "origin", str(place.remote))
    check_over(runners, place, done)


@pytest.mark.slow
def test_a_remote_that_takes_a_push_and_hangs(runners: Runners, place: Scratch, done: Scratch) -> None:
    hung = script(place, "hung", 'git-receive-pack "$@"\nexec sleep 3600')
    git(place.clone, "config", "remote.origin.receivepack", str(hung))
    found = tick(runners, place, network=20)
    assert (found.error, found.attempts) == ("git-timeout", 0)
    assert "refs/beacon/intent" in refs(place), "it arrived, and the next tick finds it"
    git(place.clone, "config", "--unset", "remote.origin.receivepack")
    check_over(runners, place, done)


@pytest.mark.parametrize("how", ["older", pytest.param("rewritten", marks=pytest.mark.slow)])
def test_a_branch_that_was_pushed_by_force_stops_the_runner(
    runners: Runners, template: Scratch, done: Scratch, tmp_path: Path, how: str
) -> None:
    place = done.copy(tmp_path / "registry")
    if how == "older":
        forced = git(place.remote, "rev-parse", "main~1")
    else:  # a log of the same size, signed with the same key: one attempt failed in it
        other = template.copy(tmp_path / "other")
        names = [operation.name for operation in tick(runners, template.copy(tmp_path / "names")).operations]
        tick(runners, other, nth=names.index("attempt") + 1)
        git(place.remote, "fetch", "--quiet", str(other.remote), "main")
        forced = git(place.remote, "rev-parse", "FETCH_HEAD")
    (tmp_path / "registry/registry.git/FETCH_HEAD").unlink(missing_ok=True)
    honest = git(place.remote, "rev-parse", "main")
    git(place.remote, "update-ref", "refs/heads/main", forced)
    before = refs(place)
    for _ in range(2):
        found = tick(runners, place)
        assert (found.error, found.attempts) == ("log-behind", 0)
        assert "beacon log show" in found.hint
        assert refs(place) == before
    git(place.remote, "update-ref", "refs/heads/main", honest)
    check_over(runners, place, done)


# Locks that a killed git left behind


def test_an_old_lock_of_the_index_stops_nothing(runners: Runners, place: Scratch, done: Scratch) -> None:
    before = git(place.clone, "rev-parse", "HEAD")
    (place.clone / ".git/index.lock").touch()
    assert tick(runners, place).error is None
    assert tree(place, "origin") == tree(done, "origin")
    assert git(place.clone, "rev-parse", "HEAD") == before, "branch and files stay together"
    (place.clone / ".git/index.lock").unlink()
    assert git(place.clone, "status", "--porcelain") == ""
    git(place.clone, "pull", "--quiet", "--ff-only", "origin", "main")
    check_over(runners, place, done)


@pytest.mark.parametrize(
    "ref", ["refs/remotes/origin/main", pytest.param("refs/beacon/intent", marks=pytest.mark.slow)]
)
def test_an_old_lock_of_a_ref_is_named(runners: Runners, place: Scratch, done: Scratch, ref: str) -> None:
    lock = place.clone / ".git" / f"{ref}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    found = tick(runners, place, locks=0)
    assert (found.error, found.attempts) == ("git-failed", 0)
    assert str(lock) in found.message
    assert "remove the .lock file" in found.hint
    lock.unlink()
    check_over(runners, place, done)


@pytest.mark.slow
def test_an_old_lock_in_the_remote_is_hinted_at(runners: Runners, place: Scratch, done: Scratch) -> None:
    lock = place.remote / "refs/heads/main.lock"
    lock.touch()
    found = tick(runners, place)
    assert (found.error, found.attempts) == ("push-refused", 0)
    assert ".lock" in found.message
    assert ".lock" in found.hint
    lock.unlink()
    check_over(runners, place, done)


# Disks


def on_a_small_disk(template: Scratch, folder: Path, kib: int) -> tuple[Tick, Tick, dict[str, str]]:
    """A tick with so much room, one with enough, and the tree after both."""
    place = folder / str(kib)
    place.mkdir()
    program = [sys.executable, "-m", "tests.full_disk", str(template.place), str(place), str(kib)]
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    may = subprocess.run([*namespace, "mount", "-t", "tmpfs", "none", str(place)], capture_output=True, text=True)
    if may.returncode:
        pytest.skip(f"no file system may be mounted here: {may.stderr.strip()}")
    told = subprocess.run([*namespace, *program], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert told.returncode == 0, told.stderr
    full, room, found = json.loads(told.stdout)
    return read_tick(*full), read_tick(*room), found


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
@pytest.mark.parametrize(
    "kib", [48, *(pytest.param(kib, marks=pytest.mark.slow) for kib in (0, 16, 96, 160, 240, 320, 400, 480, 560, 640))]
)
def test_a_full_disk(template: Scratch, done: Scratch, tmp_path: Path, kib: int) -> None:
    full, room, found = on_a_small_disk(template, tmp_path, kib)
    assert (full.ended, full.raised) == (0, None)
    if full.error:
        assert "No space left on device" in full.message or "disk" in full.hint  # git does not always say why
    else:
        assert kib > 300
    assert (room.ended, room.raised, room.error, room.remains) == (0, None, None, False)
    assert found == tree(done, "origin")


# Clocks


def check_valid(registry: Registry) -> None:
    """Each start has its end, and a stranger finds no fault."""
    now = state(registry)
    assert not now.history.open
    assert verify(registry.clone()).findings == ()


JUMPS = pytest.mark.parametrize("jump", [timedelta(days=365), timedelta(hours=-1)], ids=["a year on", "an hour back"])


@JUMPS
def test_a_clock_that_jumps_between_runs(jump: timedelta) -> None:
    registry = fresh()
    registry.act()
    registry.now += jump
    registry.submit(job_file("other"))
    assert len(registry.act().published) == 1
    assert registry.act().started == ()
    check_valid(registry)


@JUMPS
@pytest.mark.parametrize("when", ["before it executes", "while it executes"])
def test_a_clock_that_jumps_while_a_run_is_open(jump: timedelta, when: str) -> None:
    """What a verifier could not accept is never published: the lease ends it, and the run is taken again."""
    registry = fresh()
    hire(registry)

    def leap() -> None:
        registry.now += jump

    if when == "while it executes":
        registry.executor = Interrupted(registry, leap, nth=2)
        refused = registry.act()
        assert (refused.published, len(refused.remaining)) == ((), 1)
        assert len(registry.executor.works) == SLOTS
    else:
        registry.act(stop=True)
        leap()
    registry.executor = ClockedExecutor(registry)
    if jump < timedelta():
        for name in ("rita", "rolf"):
            assert registry.act(name).published == ()
        assert registry.executor.works == [], "no answer that could not be published"
        registry.wait(hours=3)
    assert len(registry.act("rolf").published) == 1
    assert starts(registry) == [("rita", 1), ("rolf", 2)]
    assert types(registry).count("abandoned") == 1
    assert registry.act().started == ()
    check_valid(registry)


def test_receipts_of_a_clock_that_jumped_are_not_published_with_a_cancelled_run() -> None:
    registry = fresh()

    def leap() -> None:
        registry.now -= timedelta(hours=1)
        registry.remove(WHO)

    registry.executor = Interrupted(registry, leap, nth=2, wait=True)
    assert len(registry.act().cancelled) == 1
    receipts = [path for path in registry.files("reports") if "/bundle/receipts/" in path]
    assert [path.rpartition("/")[2].count(".1.1.") for path in receipts] == [1], "the one that was made before"
    check_valid(registry)


# Changed minds


@pytest.mark.parametrize("change", ["edited", "removed", "edited and back"])
def test_a_job_that_changes_while_it_runs(change: str) -> None:
    registry = fresh()
    before = registry.read(WHO)

    def edit() -> None:
        if change == "removed":
            registry.remove(WHO)
        else:
            registry.submit(job_file(revision=2, retries=2))
        if change == "edited and back":
            registry.submit(job_file())

    registry.executor = Interrupted(registry, edit, nth=2, wait=change == "removed")
    registry.act()
    registry.executor = ClockedExecutor(registry)
    registry.act()
    ends = [entry for entry in entries(registry) if isinstance(entry, e.RunEnd | e.Cancelled)]
    if change == "removed":
        assert [end.type for end in ends] == ["cancelled"]
        assert registry.executor.works == []
    else:  # what it was asked first is published as that, and what it is asked now runs as well
        asked = [registry.read(path) for path in registry.files("reports/jobs/alice/who") if path.endswith("/job.yaml")]
        wanted = {before} if change == "edited and back" else {before, registry.read(WHO)}
        assert set(asked) == wanted
        assert [end.type for end in ends] == ["run"] * len(wanted)
        assert len(registry.executor.works) == SLOTS * (len(wanted) - 1)
    check_valid(registry)


@pytest.mark.slow
def test_a_runner_stops_while_nobody_answers_and_goes_on(runners: Runners, place: Scratch, done: Scratch) -> None:
    """The remote goes away between the claim and the results."""
    names = [operation.name for operation in tick(runners, place.copy(place.place.with_name("names"))).operations]
    third = [n for n, name in enumerate(names, 1) if name == "git push"][2]
    found = tick(runners, place, nth=third)
    assert (found.error, found.attempts) == ("push-failed", SLOTS)
    again = tick(runners, place)
    assert (again.error, again.attempts) == (None, 0), "what was executed is not executed again"
    check_over(runners, place, done)


def test_threads_end() -> None:
    """No tick of this module left one in this process."""
    assert [thread.name for thread in threading.enumerate() if thread.name == "beacon-watch"] == []
