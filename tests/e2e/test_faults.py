"""Every git and file operation of a reconcile fails once and is killed once: the next one ends in the same tree.

Byte for byte the tree of an undisturbed tick, where the fault is behind the execution; where it is amid that, the same
but for the attempt that failed and the one that replaced it. Operations are enumerated by recording an undisturbed
tick (`tests/disturbed_runner.py`). The quick tests take a few of them, the slow ones all.

A runner that dies before something that only reads leaves what the write before it left; so kills are at writes, and at
attempts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runner.commands.places import git
from tests.disturbed_runner import Case, Mode, Operation, Runners, Told, tree
from tests.scratch import Scratch, scratch
from tests.signed import roots

SMALL: dict[str, Any] = {"sampling": {"providers": 1, "replicas": 1, "seeds": "shared"}, "minRegions": 3}
SLOTS = 3
KILLED = -9


class Story(NamedTuple):
    """A registry on which ticks are disturbed, what an undisturbed one does there, and the tree that it leaves."""

    name: str
    template: Scratch
    remote: str | None
    operations: Sequence[Operation]
    attempts: int
    files: dict[str, str]

    def case(self, place: Path, mode: Mode, nth: int) -> Case:
        """A disturbed tick here."""
        return Case(str(self.template.place), str(place / f"{self.name}-{mode}-{nth}"), mode, nth, self.remote)

    def during(self, nth: int) -> bool:
        """Whether an operation stands between the first attempt and the last one's place in the spool."""
        names = [operation.name for operation in self.operations]
        if "attempt" not in names:
            return False
        last = len(names) - names[::-1].index("attempt")
        return names.index("attempt") < nth <= last + names[last:].index("fsync") + 8


@pytest.fixture(scope="module")
def runners() -> Iterator[Runners]:
    """Stopped at the end."""
    started = Runners()
    yield started
    started.close()


def recorded(runners: Runners, name: str, template: Scratch, remote: str | None, place: Path) -> Story:
    """The story of an undisturbed tick."""
    (calm,) = runners.told([Case(str(template.place), str(place / name), remote=remote)])
    first, second = calm.ticks
    assert (first.error, first.raised, second.error, second.raised, second.attempts) == (None, None, None, None, 0)
    return Story(name, template, remote, first.operations, first.attempts, tree(Scratch(place / name), remote))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A registry with a job of three attempts, and nothing run."""
    made = scratch(tmp_path_factory.mktemp("fresh") / "registry")
    made.write_job(revision=2, **SMALL)
    made.push("Ask less")
    return made


@pytest.fixture(scope="module")
def first_run(runners: Runners, fresh: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A job is taken, executed and published."""
    return recorded(runners, "first", fresh, "origin", tmp_path_factory.mktemp("calm"))


@pytest.fixture(scope="module")
def alone(runners: Runners, fresh: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The same in a repository without a remote."""
    return recorded(runners, "alone", fresh, None, tmp_path_factory.mktemp("calm"))


@pytest.fixture(scope="module")
def cancelled(runners: Runners, first_run: Story, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A runner was killed amid its attempts; then somebody asked to cancel, and the job was removed."""
    folder = tmp_path_factory.mktemp("cancelled")
    third = [n for n, operation in enumerate(first_run.operations, 1) if operation.name == "attempt"][2]
    case = first_run.case(folder, "before", third)._replace(calm_ticks=0)
    (killed,) = runners.told([case])
    assert killed.ticks[0].ended == KILLED
    place = Scratch(Path(case.place))
    git(place.clone, "pull", "--quiet", "origin", "main")
    (run,) = (place.clone / ".git" / "beacon" / "spool").iterdir()
    assert len(list(run.iterdir())) == SLOTS - 1
    git(place.clone, "push", "--quiet", "origin", f"HEAD:refs/beacon/cancel/{run.name[:32]}")
    (place.clone / "registry/jobs/alice/who.yaml").unlink()
    (place.clone / "registry/jobs/alice/who.yaml.sig").unlink()
    place.push("Ask no more")
    return recorded(runners, "cancelled", place, "origin", tmp_path_factory.mktemp("calm"))


def check(story: Story, one: Told) -> None:
    """The next tick ends where the undisturbed one does."""
    case, (first, *later) = one.case, one.ticks
    operation = story.operations[case.nth - 1]
    what = f"{case.mode} {operation.name} ({case.nth})"
    assert first.ended == (KILLED if case.mode in ("before", "after") else 0), what
    for tick in (first, *later):
        assert tick.raised is None, f"{what}: {tick.raised}"
    assert not first.error or first.hint, f"{what}: {first.error} has no hint"
    assert [(tick.ended, tick.error, tick.remains) for tick in later] == [(0, None, False)], what

    place = Scratch(Path(case.place))
    found = tree(place, story.remote)
    if operation.name == "attempt" and case.mode == "fail":
        check_retried(story, found, what)
    elif story.name == "cancelled" and case.mode == "fail" and not operation.writes:
        # it ends all the same: what cannot be read then, of spool or job, is said, and its receipts are lost
        assert [
            path for path in found.keys() ^ story.files.keys() if "/bundle/" not in path and "/who/runs/" not in path
        ] == []
    else:
        assert found == story.files, what
    if case.mode in ("fail", "lost"):  # a killed tick cannot tell
        extra = first.attempts + sum(tick.attempts for tick in later) - story.attempts
        assert 0 <= extra <= (SLOTS if story.during(case.nth) else 0), what
    moved = [n for n, (name, _) in enumerate(story.operations, 1) if name == "git unpack-objects"]
    check_nothing_left(story, place, what, one_more_commit=case.nth < moved[-1])


def check_retried(story: Story, found: dict[str, str], what: str) -> None:
    """The same answers, and one receipt more."""
    outputs = [path for path in story.files if "/bundle/outputs/" in path]
    assert [found.get(path) for path in outputs] == [story.files[path] for path in outputs], what
    receipts = [{path for path in files if "/bundle/receipts/" in path} for files in (found, story.files)]
    assert receipts[0] > receipts[1], what
    assert len(receipts[0]) == len(receipts[1]) + 1, what


def check_nothing_left(story: Story, place: Scratch, what: str, one_more_commit: bool) -> None:
    """No size signed twice, no ref, no spool, no half file, sound repositories."""
    vkey = (place.clone / "registry/keys/log.vkey").read_text().strip()
    repositories = (place.remote, place.clone) if story.remote else (place.clone,)
    assert all(len(signed) == 1 for signed in roots(repositories, vkey).values()), f"{what}: a size was signed twice"
    if one_more_commit:  # which brought branch and files forward, wherever a kill had left them
        assert git(place.clone, "status", "--porcelain") == "", what
        assert git(place.clone, "rev-parse", "HEAD") == git(repositories[0], "rev-parse", "main"), what
    for repository in repositories:
        git(repository, "fsck", "--strict", "--no-dangling")
        assert git(repository, "for-each-ref", "--format=%(refname)", "refs/beacon") == "", what
    spool = place.clone / ".git" / "beacon" / "spool"
    assert list(spool.rglob("*")) == [], what
    assert not [path for path in place.place.rglob("*.lock") if path.is_file()], what


def faults(story: Story, place: Path, reads: int) -> list[Case]:
    """Every operation fails once, is lost once where it is git's, and is killed once before and once after. Of the
    reads of git's objects, one in `reads` fails."""
    cases = []
    for nth, (name, writes) in enumerate(story.operations, 1):
        if name == "git cat-file" and nth % reads:
            continue
        modes: list[Mode] = ["fail"]
        if name.startswith("git") and writes:
            modes.append("lost")
        if writes or name == "attempt":
            modes += ["before", "after"]
        cases += [story.case(place, mode, nth) for mode in modes]
    return cases


def test_every_kind_of_operation_is_met(first_run: Story) -> None:
    names = [operation.name for operation in first_run.operations]
    assert {"git push", "git ls-remote", "git unpack-objects", "git update-ref", "git read-tree", "git cat-file"} < {
        *names
    }
    assert {"create", "write", "fsync", "replace", "unlink", "mkdir", "rmdir", "listdir"} < {*names}
    assert (names.count("git push"), names.count("attempt")) == (4, SLOTS)


def test_a_few_faults(runners: Runners, first_run: Story, tmp_path: Path) -> None:
    """One of each: an answer that is lost at the commit point, a full disk, a kill between signing and moving."""
    numbered = list(enumerate(first_run.operations, 1))
    pushes = [n for n, operation in numbered if operation.name == "git push"]
    written = [n for n, operation in numbered if operation.name == "write"]
    cases = [
        first_run.case(tmp_path, "lost", pushes[3]),
        first_run.case(tmp_path, "fail", written[1]),
        first_run.case(tmp_path, "after", written[-1]),
        first_run.case(tmp_path, "before", pushes[1]),
    ]
    for one in runners.told(cases):
        check(first_run, one)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["first_run", "alone", "cancelled"])
@pytest.mark.parametrize(("reads", "share"), [(40, 29), pytest.param(1, 1, marks=pytest.mark.long)])
def test_every_fault(
    name: str, reads: int, share: int, runners: Runners, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """One of `share` of them: 29 shares no factor with the kinds of fault, so each kind is among them."""
    story: Story = request.getfixturevalue(name)
    cases = faults(story, tmp_path, reads)
    assert len(cases) > 100
    cases = cases[::share]
    wrong = []
    for one in runners.told(cases):
        try:
            check(story, one)
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong)
