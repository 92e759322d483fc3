"""Judging published runs again: adds one folder a run, alters nothing, and is verified by rules written separately."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping

import pytest

from runner import rescore as writer
from runner.bundle import Bundle
from runner.compare.verdict import CLASSIFIER, compare
from runner.errors import Environment
from runner.model import DiffReport, Manifest, sha256
from runner.model import entry as e
from runner.ports import Changes
from runner.rendering import rejudged as pages
from runner.rendering.pages import derived
from runner.rendering.render import told
from runner.rescore import Outcome, rescore
from runner.verify import Report, verify
from runner.verify import rejudged as checker
from tests import make
from tests.ticks import Crash, at, commits, die, entries, hire, state, types
from tests.worlds import Registry, job_file, runner

NEXT = "lexical/77"
HOME = "rescored/lexical-77"


def stricter(bundle: Bundle) -> DiffReport:
    """A later classifier: everything is a minor difference to it."""
    diff = compare(bundle)
    targets = tuple(
        target.model_copy(
            update={
                "verdict": "minor",
                "regions": tuple(region.model_copy(update={"verdict": "minor"}) for region in target.regions),
            }
        )
        for target in diff.targets
    )
    return diff.model_copy(update={"classifier": NEXT, "verdict": "minor", "targets": targets})


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """That classifier is installed, for the writer and for the verifier."""
    for module in (writer, checker):
        monkeypatch.setattr(module, "CLASSIFIER", NEXT)
        monkeypatch.setattr(module, "compare", stricter)


@pytest.fixture(scope="module")
def published() -> Registry:
    """A registry with a published run, and a scheduled one."""
    registry = Registry()
    registry.submit(job_file())
    registry.submit(job_file("daily", schedule="0 3 * * *"))
    registry.act()
    registry.wait(days=1)
    registry.act()
    return registry


@pytest.fixture
def judged(published: Registry, newer: None) -> Registry:
    """The same, judged again."""
    twin = published.fork()
    again(twin)
    return twin


def again(registry: Registry, name: str = "rita") -> Outcome:
    """A runner rescores everything."""
    return rescore(registry.world(name).desk)


def everything(registry: Registry) -> dict[str, bytes]:
    return {path: registry.read(path) for path in registry.files("reports")}


def homes(registry: Registry) -> Iterator[str]:
    """Folders of judgements."""
    return (path.removesuffix("/manifest.json") for path in registry.files("reports") if f"{HOME}/manifest" in path)


def codes(report: Report, step: int) -> set[str]:
    return {found.code for found in report.steps[step - 1].findings}


# The writer


def test_without_a_newer_classifier_there_is_nothing_to_do(published: Registry) -> None:
    twin = published.fork()
    before = twin.remote.branch
    assert again(twin) == Outcome(str(before), (), ())
    assert twin.remote.branch == before


def test_it_adds_and_alters_nothing_but_derived_pages(published: Registry, newer: None) -> None:
    twin = published.fork()
    before, size = everything(twin), commits(twin)
    outcome = again(twin)
    after = everything(twin)
    runs = [path for path in before if path.endswith("/proof.tlog")]
    assert len(outcome.rescored) == len(runs) > 1
    assert commits(twin) == size + 1
    assert {path for path in before if after.get(path) != before[path]} <= {
        "reports/README.md",
        "reports/log/checkpoint",
        *(path for path in before if path.endswith("/README.md") and path.count("/") == 4),
        *(path for path in before if path.startswith("reports/log/tile/")),
    }
    new = {path for path in after.keys() - before if not path.startswith("reports/log/")}
    assert {path.partition(f"/{HOME}/")[0] for path in new} == {path.removesuffix("/proof.tlog") for path in runs}
    assert {path.partition(f"/{HOME}/")[2] for path in new} == {
        "README.md",
        "diff.json",
        "manifest.json",
        "echo.distances.svg",
        "echo.noise.svg",
    }
    assert types(twin)[-len(runs) :] == ["rescore"] * len(runs)


def test_a_classifier_judges_a_run_once(judged: Registry) -> None:
    head = judged.remote.branch
    assert again(judged) == Outcome(str(head), (), ())


def test_some_runs_can_be_chosen(published: Registry, newer: None) -> None:
    twin = published.fork()
    run = next(iter(state(twin).history.ended))
    assert [one.entry.run for one in rescore(twin.world().desk, runs={run}).rescored] == [run]


def test_the_manifest_is_bound_by_the_entry_and_names_the_bundle(judged: Registry) -> None:
    found = {entry.run: entry for entry in entries(judged) if isinstance(entry, e.Rescore)}
    for home in homes(judged):
        raw = judged.read(f"{home}/manifest.json")
        manifest = Manifest.from_bytes(raw, home)
        first = Manifest.from_bytes(judged.read(f"{home.removesuffix(f'/{HOME}')}/manifest.json"), home)
        assert found[manifest.run].manifest == sha256(raw)
        assert (manifest.cid, manifest.job, manifest.classifier) == (first.cid, first.job, NEXT)
        run = home.removesuffix(HOME)
        assert manifest.files == {
            path.removeprefix(run): sha256(judged.read(path))
            for path in judged.files(home)
            if not path.endswith("manifest.json")
        }


def test_pages_tell_what_changed(judged: Registry) -> None:
    said = f"judged again by [{NEXT}]("
    for home in homes(judged):
        page = judged.read(f"{home}/README.md").decode()
        assert page.startswith("# Judged again: ")
        assert "it was published as ? not enough data" in page
        assert "| EU | ? not enough data | **△ minor difference** | 0.00 | 0.00 |" in page
        assert CLASSIFIER in page
        assert NEXT in page
    for path in ("reports/README.md", "reports/jobs/alice/who/README.md", "reports/jobs/alice/daily/README.md"):
        page = judged.read(path).decode()
        assert said in page, path
        assert "△ minor difference, before ? not enough data." in page, path
        assert f"First judged by {CLASSIFIER}" in page


def test_links_of_its_page_lead_to_files(judged: Registry) -> None:
    there = set(judged.files("reports"))
    for home in homes(judged):
        links = re.findall(r"\]\(([^)]+)\)", judged.read(f"{home}/README.md").decode())
        assert len(links) > 5
        assert not [link for link in links if posixpath.normpath(f"{home}/{link}") not in there]


def test_derived_pages_are_what_a_full_derivation_gives(judged: Registry) -> None:
    now = state(judged)
    for path, raw in derived(now.snapshot, now.history).items():
        assert judged.read(path) == raw, path


def test_a_later_run_keeps_what_was_judged_again(judged: Registry) -> None:
    judged.wait(days=1)
    assert len(judged.act().published) == 1
    assert b"judged again by" in judged.read("reports/jobs/alice/daily/README.md")
    assert verify(judged.clone()).ok


def test_a_crash_before_the_commit_point_is_made_good_by_the_next_try(published: Registry, newer: None) -> None:
    for event in ("intent-won", "checkpoint-signed"):
        twin = published.fork()
        with pytest.raises(Crash):
            rescore(at(twin.world(), event, 1, die).desk)
        again(twin)
        assert len(list(homes(twin))) == 3
        assert types(twin).count("rescore") == 3
        assert verify(twin.clone()).ok


def test_who_loses_the_race_tries_again(published: Registry, newer: None) -> None:
    twin = published.fork()
    hire(twin)
    twin.act()
    twin.submit(job_file("other"))
    world = twin.world("rolf")
    raced: list[int] = []
    propose = world.desk.repository.propose

    def slow(*given: object) -> str:
        if not raced:
            raced.append(1)
            twin.act()
        return propose(*given)  # type: ignore[arg-type]

    world.desk.repository.propose = slow  # type: ignore[method-assign, assignment]
    outcome = rescore(world.desk)
    assert raced
    assert len(outcome.rescored) == 4
    assert verify(twin.clone()).ok


def test_a_stranger_writes_nothing(published: Registry, newer: None) -> None:
    twin = published.fork()
    with pytest.raises(Environment, match="not those of a runner"):
        again(twin, "rolf")
    hire(twin)
    with pytest.raises(Environment, match="does not hold this runner's key yet"):
        again(twin, "rolf")


def test_what_was_tampered_with_is_left_and_told(published: Registry, newer: None) -> None:
    twin = published.fork()
    path = next(path for path in twin.files("reports/jobs/alice/who") if path.endswith("EU/1-1.txt"))
    twin.commit({path: b"another answer"})
    outcome = again(twin)
    assert [left.code for left in outcome.left] == ["cid-wrong"]
    assert len(outcome.rescored) == 2


# The verifier


def test_the_untampered_registry_is_verified(judged: Registry) -> None:
    report = verify(judged.clone())
    assert report.findings == ()
    assert [step.outcome for step in report.steps] == ["ok"] * 9
    assert report.steps[8].counts["later judgements derived again"] == 3
    assert report.steps[8].counts["later judgements rendered again"] == 3


def test_a_classifier_that_is_not_installed_is_counted(judged: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "CLASSIFIER", CLASSIFIER)
    report = verify(judged.clone())
    assert report.ok
    assert any(f"3 later judgements by classifier {NEXT}" in text for text in report.steps[8].unchecked)


def tampered(name: str, content: bytes | None) -> Callable[[str], Changes]:
    return lambda home: {f"{home}/{name}": content}


@pytest.mark.parametrize(
    ("change", "step", "code"),
    [
        (tampered("manifest.json", b"{}"), 6, "manifest-wrong"),
        (tampered("manifest.json", None), 6, "manifest-wrong"),
        (tampered("diff.json", b"{}"), 6, "file-changed"),
        (tampered("diff.json", None), 6, "file-missing"),
        (tampered("README.md", b"# All is well\n"), 9, "page-wrong"),
        (tampered("echo.noise.svg", None), 6, "file-missing"),
        (tampered("more.md", b"more\n"), 6, "file-unlisted"),
        (tampered("bundle/more.md", b"more\n"), 6, "file-unlisted"),
        (tampered("../lexical-78/manifest.json", b"{}"), 6, "file-unknown"),
        (tampered("../README.md", b"more\n"), 6, "file-unknown"),
        (tampered("../lexical-77x", b"more\n"), 6, "file-unknown"),
        (tampered("../../more/lexical-77", b"more\n"), 6, "file-unlisted"),
    ],
)
def test_changed_missing_and_strange_files_are_found(
    judged: Registry, change: Callable[[str], Mapping[str, bytes | None]], step: int, code: str
) -> None:
    home = next(homes(judged))
    changes = {posixpath.normpath(path): raw for path, raw in change(home).items()}
    judged.commit(changes, runner("rita").keys.git)
    assert code in codes(verify(judged.clone()), step)


def forged(registry: Registry, home: str, change: Callable[[dict[str, bytes]], None], **said: str) -> Report:
    """What a runner could sign: the judgement with other files, a manifest that lists them, and a new entry for it, in
    a log that has no other entry about it."""
    folder = home.removesuffix(f"/{HOME}")
    files = {path.removeprefix(f"{folder}/"): registry.read(path) for path in registry.files(home)}
    del files[f"{HOME}/manifest.json"]
    change(files)
    old = Manifest.from_bytes(registry.read(f"{home}/manifest.json"), "")
    manifest = old.model_copy(update={"files": {path: sha256(raw) for path, raw in files.items()}, **said})
    files[f"{HOME}/manifest.json"] = manifest.canonical()
    twin = Registry.fork(FRESH[0])
    entry = e.Rescore(run=old.run, classifier=NEXT, manifest=sha256(manifest.canonical()))
    twin.log(entry, changes={f"{folder}/{path}": raw for path, raw in files.items()})
    return verify(twin.clone())


FRESH: list[Registry] = []


@pytest.fixture
def unjudged(published: Registry) -> Iterator[None]:
    """The registry as it is before anybody judged again, for `forged`."""
    FRESH.append(published)
    yield
    FRESH.clear()


@pytest.mark.usefixtures("unjudged")
def test_a_forged_judgement_is_found_although_a_runner_signed_it(judged: Registry) -> None:
    home = next(homes(judged))
    diff = DiffReport.from_bytes(judged.read(f"{home}/diff.json"), "")

    def other_diff(**facts: str) -> Callable[[dict[str, bytes]], None]:
        return lambda files: files.update({f"{HOME}/diff.json": diff.model_copy(update=facts).canonical()})

    def page(files: dict[str, bytes]) -> None:
        files[f"{HOME}/README.md"] += b"\nAll is well.\n"

    def stray(files: dict[str, bytes]) -> None:
        files[f"{HOME}/more.txt"] = b""

    def outside(files: dict[str, bytes]) -> None:
        files["more.txt"] = b""

    only_pages = {"page-wrong"}  # the lists of runs are not written again by this forger
    assert codes(forged(judged, home, lambda files: None), 9) == only_pages
    assert codes(forged(judged, home, other_diff(verdict="same")), 9) >= {"diff-wrong", "page-wrong"}
    assert codes(forged(judged, home, other_diff(run=sha256(b"other"))), 9) >= {"diff-wrong"}
    assert codes(forged(judged, home, other_diff(classifier="lexical/78")), 9) >= {"diff-wrong"}
    assert f"{home}/README.md" in {found.where for found in forged(judged, home, page).findings}
    assert f"{home}/more.txt" in {found.where for found in forged(judged, home, stray).findings}
    assert "file-unlisted" in codes(forged(judged, home, outside), 6)
    other_cid = make.CID[:-1] + ("a" if make.CID[-1] != "a" else "b")
    for said in ({"cid": other_cid}, {"run": sha256(b"other")}, {"classifier": "lexical/78"}):
        assert "manifest-wrong" in codes(forged(judged, home, lambda files: None, **said), 6)


def test_a_second_judgement_by_the_same_classifier_is_found(judged: Registry) -> None:
    entry = next(entry for entry in entries(judged) if isinstance(entry, e.Rescore))
    judged.log(entry)
    assert codes(verify(judged.clone()), 7) == {"rescore-twice"}


def test_a_judgement_by_the_first_classifier_is_found(published: Registry) -> None:
    twin = published.fork()
    run, end = next(iter(state(twin).history.ended.items()))
    folder = next(path for path in twin.files("reports") if f"/{run[:32]}/manifest.json" in path).rpartition("/")[0]
    first = Manifest.from_bytes(twin.read(f"{folder}/manifest.json"), "")
    home = e.Rescore(run=run, classifier=CLASSIFIER, manifest=sha256(b"")).folder
    diff = twin.read(f"{folder}/bundle/diff.json")
    manifest = first.model_copy(update={"files": {f"{home}/diff.json": sha256(diff)}}).canonical()
    changes = {f"{folder}/{home}/manifest.json": manifest, f"{folder}/{home}/diff.json": diff}
    twin.log(e.Rescore(run=run, classifier=CLASSIFIER, manifest=sha256(manifest)), changes=changes)
    assert end.end.type == "run"
    assert codes(verify(twin.clone()), 7) == {"rescore-twice"}


def test_a_judgement_of_no_published_run_is_found(published: Registry) -> None:
    twin = published.fork()
    twin.log(e.Rescore(run=sha256(b"never"), classifier=NEXT, manifest=sha256(b"")))
    assert codes(verify(twin.clone()), 7) == {"rescore-without-run"}
    other = Registry()
    other.submit(job_file())
    other.act(stop=True)
    other.log(e.Rescore(run=next(iter(state(other).history.open)), classifier=NEXT, manifest=sha256(b"")))
    assert "rescore-without-run" in codes(verify(other.clone()), 7)


def test_an_entry_without_files_is_found(published: Registry, newer: None) -> None:
    twin = published.fork()
    run = next(iter(state(twin).history.ended))
    twin.log(e.Rescore(run=run, classifier=NEXT, manifest=sha256(b"")))
    assert "manifest-wrong" in codes(verify(twin.clone()), 6)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe{", b"[" * 3000, b"{}\n"], ids=["empty", "binary", "deep", "object"]
)
def test_rubbish_breaks_nothing(judged: Registry, content: bytes) -> None:
    for path in judged.files(next(homes(judged))):
        twin = judged.fork()
        twin.commit({path: content}, runner("rita").keys.git)
        assert {found.step for found in verify(twin.clone()).findings} - {1, 2}, path


def test_regions_that_the_first_judgement_did_not_have_are_told() -> None:
    bundle = make.bundle(lambda cell: "alike")
    diff = compare(bundle)
    fewer = diff.model_copy(update={"targets": ()})
    page = pages.rejudged_page(bundle, fewer, diff, told(bundle, diff), make.CID, "markdown/1")["README.md"]
    assert b"| EU | not there | **= the same** | not measured | 0.00 |" in page
