"""What could be told of a cancelled run by whoever may write the branch, and by a runner that holds the log's key: each
lie is found by name. Honest ones are verified in `tests/test_cancelling.py`."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from runner.bundle import manifest
from runner.formats.receipt import read_receipt, seal
from runner.ipfs.unixfs import folder_cid
from runner.model import Run, sha256
from runner.model import entry as e
from runner.ports import AttemptResult, Work
from runner.schedules import instant
from runner.verify import Report, verify
from tests import make
from tests.test_cancelling import cancelled, end
from tests.ticks import WHO, crash, fresh, state
from tests.worlds import ClockedExecutor, Registry, job_file, runner

RITA = runner("rita").keys
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def honest() -> Registry:
    """A registry with a run that was cancelled within its second attempt."""
    return cancelled()


@pytest.fixture(scope="module")
def open_run() -> Registry:
    """The same before its end is logged; the job is gone."""
    registry = fresh()
    crash(registry, "attempt-finished", 3)
    registry.remove(WHO)
    return registry


def found(report: Report) -> set[tuple[int, str]]:
    """Step and code of each finding."""
    return {(finding.step, finding.code) for finding in report.findings}


def where(registry: Registry, part: str) -> str:
    """The only path, or the first, that has this part."""
    return next(path for path in registry.files("reports/jobs") if part in path)


def after(registry: Registry, changes: Mapping[str, bytes | None]) -> set[tuple[int, str]]:
    """What is found once a runner has changed files without logging anything."""
    twin = registry.fork()
    twin.commit(changes, RITA.git)
    return found(verify(twin.clone())) - {(2, "log-not-grown")}


def test_an_altered_receipt_is_found(honest: Registry) -> None:
    path = where(honest, "/receipts/")
    raw = honest.read(path)
    bundle = {(6, "cid-wrong"), (6, "file-changed")}
    assert bundle < after(honest, {path: raw.replace(b'"payload":"ey', b'"payload":"eY')})
    assert bundle <= after(honest, {path: resigned(raw, "failed")})
    assert {*bundle, (4, "receipt-key-unknown")} <= after(honest, {path: seal(read_receipt(raw), make.key("eve"))})


@pytest.mark.parametrize(
    "part", ["/receipts/", "/transcripts/", "/outputs/", "/job.yaml", "/job.yaml.sig", "/context.json"]
)
def test_a_missing_file_is_found(honest: Registry, part: str) -> None:
    codes = after(honest, {where(honest, part): None})
    assert {(6, "cid-wrong"), (6, "file-missing")} <= codes


def test_missing_manifest_proof_and_page_are_found(honest: Registry) -> None:
    assert after(honest, {where(honest, "/manifest.json"): None}) >= {(6, "manifest-wrong")}
    assert after(honest, {where(honest, "/proof.tlog"): None}) == {(7, "proof-missing")}
    page = next(path for path in honest.files("reports/jobs") if "/runs/" in path and path.endswith("README.md"))
    assert after(honest, {page: None}) == {(9, "page-missing")}
    assert after(honest, {page: honest.read(page).replace(b"0.02 GLM", b"0.01 GLM")}) == {(9, "page-wrong")}


def test_an_extra_file_is_found(honest: Registry) -> None:
    folder = where(honest, "/manifest.json").removesuffix("/manifest.json")
    assert after(honest, {f"{folder}/notes.txt": b"hello"}) == {(6, "file-unlisted")}
    assert after(honest, {f"{folder}/rescored/lexical-9/diff.json": b"{}"}) == {(6, "file-unknown")}
    codes = after(honest, {f"{folder}/bundle/diff.json": b"{}"})
    assert codes == {(6, "cancelled-verdict"), (6, "cid-wrong"), (6, "file-unlisted")}


def test_files_beside_a_plain_cancellation_are_found() -> None:
    registry = fresh()
    registry.act(stop=True)
    registry.remove(WHO)
    registry.act()
    assert verify(registry.clone()).findings == ()
    page = next(path for path in registry.files("reports/jobs") if "/runs/" in path)
    folder = page.removesuffix("/README.md")
    for name in ("manifest.json", "bundle/receipts/echo.EU.1.1.sigstore.json", "proof.tlog"):
        assert after(registry, {f"{folder}/{name}": b"{}"}) == {(6, "file-unknown")}


def test_a_manifest_stripped_from_the_log_is_found(honest: Registry) -> None:
    """Without it in the entry, every file is a stranger; and the log of that entry is another one."""
    over, said = end(honest)
    twin = cancelled_again(honest, said.model_copy(update={"cid": None, "manifest": None}))
    assert {(6, "file-unknown")} <= found(verify(twin.clone()))
    raw = b"".join(item.data for item in honest.remote.objects.values())
    assert said.canonical() in raw
    assert over.index == 7


def cancelled_again(registry: Registry, said: e.Cancelled) -> Registry:
    """The registry as it would be, had the runner logged another end with the same files."""
    files = {path: registry.read(path) for path in registry.files("reports/jobs")}
    twin = fresh()
    crash(twin, "attempt-started")
    twin.remove(WHO)
    twin.log(said.model_copy(update={"run": next(iter(state(twin).history.open))}), changes=files)
    return twin


# A runner that signs and logs what it likes


class Made(NamedTuple):
    """A run, its folder, and the bundle that an honest runner would publish of it."""

    run: Run
    folder: str
    files: Files


@pytest.fixture(scope="module")
def made(open_run: Registry) -> Made:
    """Of the open run."""
    twin = open_run.fork()
    twin.spools = open_run.spools
    twin.act()
    folder = where(twin, "/manifest.json").removesuffix("/manifest.json")
    paths = [path for path in twin.files("reports/jobs") if path.startswith(f"{folder}/bundle/")]
    files = {path.removeprefix(f"{folder}/bundle/"): twin.read(path) for path in paths}
    return Made(Run.from_bytes(files["context.json"], "context.json"), folder, files)


def lie(registry: Registry, made: Made, changed: Files | None = None) -> set[tuple[int, str]]:
    """What is found of a bundle, with these files changed, that a runner logs as that of the cancelled run."""
    run, folder, files = made.run, made.folder, made.files | (changed or {})
    twin = registry.fork()
    cid = folder_cid(files)
    inside = {f"bundle/{path}": raw for path, raw in files.items()}
    listed = manifest(run, inside, cid, "lexical/4", "markdown/4").canonical()
    said = {"run": run.run, "start": run.start, "at": instant(twin.now), "cid": cid, "manifest": sha256(listed)}
    changes = {f"{folder}/{path}": raw for path, raw in {**inside, "manifest.json": listed}.items()}
    twin.log(e.Cancelled.model_validate(said), e.Retire(job=WHO, revision=1), changes=changes)
    return found(verify(twin.clone())) - {(7, "proof-missing"), (9, "page-missing")}


def resigned(raw: bytes, status: str | None = None, **facts: object) -> bytes:
    """A receipt that says something else, signed by the runner."""
    receipt = read_receipt(raw)
    predicate = receipt.predicate.model_copy(update=facts | ({"status": status} if status else {}))
    return seal(receipt.model_copy(update={"predicate": predicate}), RITA.receipt)


def first(made: Made) -> str:
    """The path of a receipt."""
    return next(path for path in made.files if path.startswith("receipts/"))


def test_an_honest_bundle_is_fine(open_run: Registry, made: Made) -> None:
    assert lie(open_run, made) == set()


def test_a_receipt_of_another_run_or_runner_is_found(open_run: Registry, made: Made) -> None:
    path = first(made)
    receipt = read_receipt(made.files[path])
    other = receipt.predicate.attempt.model_copy(update={"run": sha256(b"another run")})
    assert (4, "receipt-misplaced") in lie(open_run, made, {path: resigned(made.files[path], attempt=other)})
    assert (4, "receipt-key-unknown") in lie(open_run, made, {path: seal(receipt, make.key("eve"))})


def test_seeds_and_cells_of_a_cancelled_run_are_the_logs(open_run: Registry, made: Made) -> None:
    path = first(made)
    cells = read_receipt(made.files[path]).predicate.cells
    other = (cells[0].model_copy(update={"seed": cells[0].seed ^ 1}), *cells[1:])
    assert lie(open_run, made, {path: resigned(made.files[path], cells=other)}) == {(4, "seed-wrong")}


def test_a_job_that_is_not_the_starts_is_found(open_run: Registry, made: Made) -> None:
    raw = made.files["job.yaml"].replace(b"revision: 1", b"revision: 2")
    assert raw != made.files["job.yaml"]
    assert 3 in {step for step, _ in lie(open_run, made, {"job.yaml": raw})}


def test_a_verdict_of_a_cancelled_run_is_found(open_run: Registry, made: Made) -> None:
    assert lie(open_run, made, {"diff.json": b"{}"}) == {(6, "cancelled-verdict")}


def test_a_manifest_without_a_receipt_is_found(open_run: Registry, made: Made) -> None:
    bare = {path: raw for path, raw in made.files.items() if "/" not in path}
    assert lie(open_run, made._replace(files=bare)) == {(6, "cancelled-empty")}


def test_attempts_are_cut_short_in_cancelled_runs_alone(open_run: Registry, made: Made) -> None:
    path = first(made)
    assert lie(open_run, made, {path: resigned(made.files[path], "cancelled")}) == set()
    registry = fresh()
    registry.executor = _Cut(registry)
    registry.act()
    assert found(verify(registry.clone())) == {(4, "attempt-cut-short")}


class _Cut(ClockedExecutor):
    """Says that it was told to stop, though nobody did."""

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """See `FakeExecutor.run`."""
        return super().run(work, cancel)._replace(status="cancelled", retryable=False)


def test_no_attempt_follows_one_that_was_cut_short() -> None:
    registry = fresh()
    registry.submit(job_file(revision=2, retries=2))
    registry.executor = _Cut(registry, lambda *_: "missing")
    crash(registry, "run-executed")
    run = next(iter(state(registry).history.open))
    for result in registry.spools["rita"].results(run):
        registry.spools["rita"].put(result._replace(attempt=result.attempt.model_copy(update={"n": 2})))
    registry.remove(WHO)
    registry.act()
    assert found(verify(registry.clone())) == {(4, "attempt-cut-short")}


def test_an_entry_with_half_of_it_is_no_entry() -> None:
    said = e.Cancelled(run=sha256(b""), start=1, at="2026-11-22T03:00:00Z", cid=make.CID, manifest=sha256(b""))
    assert e.parse_entry(said.canonical(), 0) == said
    for name in ("cid", "manifest"):
        half = {key: value for key, value in said.to_json().items() if key != name}
        with pytest.raises(Exception, match="stand together"):
            e.parse_entry(json.dumps(half, separators=(",", ":"), sort_keys=True).encode(), 0)
