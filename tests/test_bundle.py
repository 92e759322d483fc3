"""What is assembled opens again and says what happened; whatever was added, dropped, moved or changed is refused with
the file's name; and a cell's answer is that of the first attempt which completed it."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.bundle import Observation, assemble, manifest, observations, open_bundle
from runner.errors import Unverified
from runner.formats.receipt import open_receipt, read_receipt, seal
from runner.model import Cell, JobSpec, Receipt, Run, sha256
from runner.model.receipt import RunnerIdentity
from runner.model.run import cells
from runner.ports import AttemptResult, CellOutput
from tests import make

KEY = make.key("receipt")
RECEIPT = "receipts/smollm2.EU.1.1.sigstore.json"
SMALL = {"regions": [{"name": "EU"}, {"name": "US"}], "sampling": {"providers": 1, "replicas": 2}, "retries": 2}


class Case:
    """A job with two regions, one slot each, two answers a slot and two retries, and what its attempts gave."""

    def __init__(self, **spec: Any) -> None:
        self.raw = make.job_bytes(**SMALL | spec)
        self.spec = make.job(**SMALL | spec)
        self.run = make.run_of(self.raw, self.spec)
        self.results: list[AttemptResult] = []

    def cells(self, region: str) -> list[Cell]:
        return [cell for cell in cells(self.spec) if cell.region == region]

    def attempt(self, region: str, n: int, answers: Iterable[str | None], **facts: Any) -> Case:
        """The n-th attempt of a region's slot: an answer, or None for an error, for each of its cells."""
        outputs = [make.output(self.run, self.spec, *each) for each in zip(self.cells(region), answers, strict=False)]
        provider = make.result(self.run, outputs).provider.model_copy(update={"id": f"{region}-{n}"})
        self.results.append(make.result(self.run, outputs, n, **{"provider": provider} | facts))
        return self

    def files(self) -> dict[str, bytes]:
        return make.files_of(self.raw, self.run, self.spec, self.results)

    def observed(self, region: str) -> list[tuple[str, bytes | None, str]]:
        seen = observations(open_bundle(self.files()))
        return [(each.status, each.output, each.provider) for each in seen if each.cell.region == region]


def code(files: Mapping[str, bytes], path: str) -> str:
    """The code with which files are refused; the message names the path."""
    with pytest.raises(Unverified) as caught:
        open_bundle(files)
    assert f"bundle/{path}" in caught.value.message
    return caught.value.code


# The observation rule


def test_the_first_completed_answer_counts_whatever_it_says() -> None:
    case = Case().attempt("EU", 1, ["bad", None]).attempt("EU", 2, ["good", "late"]).attempt("EU", 3, ["better", "x"])
    assert case.observed("EU") == [("ok", b"bad", "EU-1"), ("ok", b"late", "EU-2")]


def test_an_empty_answer_is_an_answer() -> None:
    case = Case().attempt("EU", 1, ["", None]).attempt("EU", 2, ["more", "b"])
    assert case.observed("EU") == [("ok", b"", "EU-1"), ("ok", b"b", "EU-2")]


def test_cells_that_nobody_completed_say_how_the_last_attempt_failed() -> None:
    case = Case().attempt("EU", 1, ["a", None]).attempt("EU", 2, [None, None])
    assert case.observed("EU") == [("ok", b"a", "EU-1"), ("error", None, "EU-2")]


def test_cells_that_no_attempt_held_are_missing_without_a_provider() -> None:
    case = Case().attempt("EU", 1, ["a"])
    assert case.observed("EU") == [("ok", b"a", "EU-1"), ("missing", None, "")]
    assert case.observed("US") == [("missing", None, "")] * 2


def test_later_answers_stand_in_the_receipt_but_have_no_file() -> None:
    files = Case().attempt("EU", 1, ["a", None]).attempt("EU", 2, ["b", "c"]).files()
    second = read_receipt(files["receipts/smollm2.EU.1.2.sigstore.json"])
    assert [cell.output for cell in second.predicate.cells] == [sha256(b"b"), sha256(b"c")]
    assert [subject.name for subject in second.subject] == [
        "transcripts/smollm2.EU.1.2.json",
        "outputs/smollm2/who/EU/1-2.txt",
    ]
    assert files["outputs/smollm2/who/EU/1-1.txt"] == b"a"


# Round trip over random runs

STATUS = st.sampled_from(["ok", "ok", "error", "malformed", "oversize", "missing", "timeout"])


@st.composite
def runs(draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[bytes, JobSpec, Run, list[AttemptResult]]:
    """A job of random size, and for each slot no, one or several attempts, with any outcome for any of its cells."""
    spec: dict[str, Any] = {
        "prompts": [{"id": f"p{number}", "text": "?"} for number in range(draw(st.integers(1, 3)))],
        "regions": [{"name": name} for name in ["EU", "US"][: draw(st.integers(1, 2))]],
        "sampling": {"providers": draw(st.integers(1, 2)), "replicas": draw(st.integers(1, 2))},
        "retries": 2,
    }
    raw, parsed = make.job_bytes(**spec), make.job(**spec)
    run = make.run_of(raw, parsed)
    results = []
    for slot in slots(parsed):
        for n in range(1, draw(st.integers(0, 3)) + 1):
            held = draw(st.lists(st.sampled_from(slot), min_size=1, unique=True))
            outputs = [output(run, parsed, cell, draw(STATUS), draw(st.binary(max_size=5))) for cell in held]
            status = draw(st.sampled_from(["ok", "partial", "failed", "timeout", "cancelled"]))
            reason = draw(st.none() | st.text(max_size=400))
            results.append(make.result(run, outputs, n, status=status, reason=reason))
    return raw, parsed, run, results


def slots(spec: JobSpec) -> Iterator[list[Cell]]:
    found: dict[tuple[str, int], list[Cell]] = {}
    for cell in cells(spec):
        found.setdefault((cell.region, cell.slot), []).append(cell)
    yield from found.values()


def output(run: Run, spec: JobSpec, cell: Cell, status: Any, data: bytes) -> CellOutput:
    ok = status == "ok"
    return make.output(run, spec, cell, None)._replace(status=status, output=data if ok else None)


def expected(results: list[AttemptResult], cell: Cell) -> Observation:
    """The rule, said differently: all that was seen of a cell, in the order of the attempts."""
    seen = [
        Observation(cell, output.status, output.output, result.provider.id, output.ms)
        for result in sorted(results, key=lambda result: result.attempt.n)
        for output in result.cells
        if output.cell == cell
    ]
    answers = [each for each in seen if each.status == "ok"]
    return (answers[:1] or seen[-1:] or [Observation(cell, "missing", None, "", None)])[0]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(runs(), st.randoms(use_true_random=False))
def test_what_is_assembled_opens_again(
    case: tuple[bytes, JobSpec, Run, list[AttemptResult]], rng: random.Random
) -> None:
    raw, spec, run, results = case
    files = make.files_of(raw, run, spec, results)
    shuffled = rng.sample(results, len(results))
    assert make.files_of(raw, run, spec, shuffled) == files, "the order of the results does not count"

    opened = open_bundle(files, lambda receipt: open_receipt(receipt, [KEY.public])[0])
    assert (opened.spec, opened.run) == (spec, run)
    assert {receipt.predicate.attempt for receipt in opened.receipts.values()} == {each.attempt for each in results}
    assert observations(opened) == tuple(expected(results, cell) for cell in cells(spec))
    answered = [each.cell.output_path for each in observations(opened) if each.status == "ok"]
    assert sorted(path for path in files if path.startswith("outputs/")) == sorted(answered)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(runs(), st.data())
def test_no_file_can_be_changed_dropped_added_or_renamed(
    case: tuple[bytes, JobSpec, Run, list[AttemptResult]], data: st.DataObject
) -> None:
    raw, spec, run, results = case
    files = make.files_of(raw, run, spec, results)
    path = data.draw(st.sampled_from(sorted(files.keys() - {"job.yaml.sig"})))
    other = data.draw(st.sampled_from([path + "x", "x/" + path, path.upper(), path.replace(".1.", ".2.", 1), "x"]))
    verified = partial(open_bundle, read=lambda receipt: open_receipt(receipt, [KEY.public])[0])
    kept = {name: content for name, content in files.items() if name != path}
    for changed in (files | {path: files[path] + b"\n"}, kept, kept | {other: files[path]}, files | {"x": b""}):
        if changed != files:
            with pytest.raises(Unverified):
                verified(changed)


# What is refused

CASE = Case().attempt("EU", 1, ["a", None]).attempt("EU", 2, ["b", "c"]).attempt("US", 1, ["d", "e"])
FILES = CASE.files()


def altered(path: str, change: Callable[[dict[str, Any]], None]) -> dict[str, bytes]:
    """The files, with one receipt that says something else, soundly signed."""
    data = read_receipt(FILES[path]).to_json()
    change(data)
    return FILES | {path: seal(Receipt.from_json(data), KEY)}


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("context.json", "bundle-file-missing"),
        ("job.yaml", "bundle-file-missing"),
        ("job.yaml.sig", "bundle-file-missing"),
        ("transcripts/smollm2.EU.1.1.json", "bundle-file-missing"),
        ("outputs/smollm2/who/EU/1-1.txt", "bundle-file-missing"),
    ],
)
def test_missing_files(path: str, problem: str) -> None:
    assert code({name: content for name, content in FILES.items() if name != path}, path) == problem


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("context.json", "not-canonical"),
        ("job.yaml", "bundle-document"),
        ("transcripts/smollm2.EU.1.1.json", "bundle-file-changed"),
        ("outputs/smollm2/who/EU/1-1.txt", "bundle-file-changed"),
        ("outputs/smollm2/who/EU/1-3.txt", "bundle-file-unknown"),
        ("README.md", "bundle-file-unknown"),
        ("receipts/smollm2.EU.1.3.sigstore.json", "receipt-malformed"),
    ],
)
def test_changed_and_unknown_files(path: str, problem: str) -> None:
    assert code(FILES | {path: b"{"}, path) == problem


def test_derived_and_signed_files_are_not_judged_here() -> None:
    assert open_bundle(FILES | {"diff.json": b"?", "job.yaml.sig": b"?"}).spec == CASE.spec


def test_the_context_is_about_this_job() -> None:
    for change in ({"run": sha256(b"other")}, {"sha256": sha256(b"other")}, {"job": "registry/jobs/bob/who.yaml"}):
        context = CASE.run.model_copy(update=change).canonical()
        assert code(FILES | {"context.json": context}, "context.json") == "bundle-document"
    scheduled = CASE.run.model_copy(update={"due": "2026-11-22T03:00:00Z"}).canonical()
    assert code(FILES | {"context.json": scheduled}, "context.json") == "bundle-document"


def test_a_receipt_stands_under_its_attempts_name() -> None:
    moved = "receipts/smollm2.EU.1.3.sigstore.json"
    files = {name: content for name, content in FILES.items() if name != RECEIPT} | {moved: FILES[RECEIPT]}
    assert code(files, moved) == "receipt-misplaced"


def test_the_same_receipt_twice() -> None:
    assert code(FILES | {"receipts/x.sigstore.json": FILES[RECEIPT]}, "receipts/x.sigstore.json") == "receipt-misplaced"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("attempt.run", sha256(b"other")),
        ("job.path", "registry/jobs/bob/who.yaml"),
        ("job.digest.sha256", sha256(b"other")),
        ("region.requested", "US"),
    ],
)
def test_receipts_of_something_else(part: str, value: str) -> None:
    def change(data: dict[str, Any]) -> None:
        *outer, last = part.split(".")
        inner = data["predicate"]
        for name in outer:
            inner = inner[name]
        inner[last] = value

    assert code(altered(RECEIPT, change), RECEIPT) == "receipt-misplaced"


@pytest.mark.parametrize(("part", "value"), [("target", "gpt"), ("region", "APAC"), ("slot", 2), ("n", 4)])
def test_attempts_that_were_not_planned(part: str, value: str | int) -> None:
    data = read_receipt(FILES[RECEIPT]).to_json()
    data["predicate"]["attempt"][part] = value
    data["predicate"]["region"]["requested"] = data["predicate"]["attempt"]["region"]
    receipt = Receipt.from_json(data)
    path = f"receipts/{receipt.predicate.attempt.stem}.sigstore.json"
    assert code(FILES | {path: seal(receipt, KEY)}, path) == "receipt-misplaced"


def edit(cell: int, **facts: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data["predicate"]["cells"][cell].update(facts)


@pytest.mark.parametrize(
    "change",
    [
        edit(0, prompt="other"),
        edit(0, replica=3),
        edit(1, replica=1),
        edit(0, status="error"),
        edit(1, status="ok"),
        lambda data: data["predicate"]["cells"].reverse(),
        lambda data: data["predicate"]["cells"].append(data["predicate"]["cells"][0]),
    ],
    ids=["prompt", "replica", "twice", "error with output", "ok without", "order", "again"],
)
def test_cells(change: Callable[[dict[str, Any]], None]) -> None:
    assert code(altered(RECEIPT, change), RECEIPT) == "receipt-cells"


def claims_a_later_answer(data: dict[str, Any]) -> None:
    digest = data["predicate"]["cells"][0]["output"]
    data["subject"].insert(1, {"name": "outputs/smollm2/who/EU/1-1.txt", "digest": {"sha256": digest}})


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (RECEIPT, lambda data: data["subject"].pop()),
        (RECEIPT, lambda data: data["subject"].pop(0)),
        (RECEIPT, lambda data: data["subject"].reverse()),
        (RECEIPT, lambda data: data["subject"].append(data["subject"][1])),
        (RECEIPT, lambda data: data["subject"].append({"name": "job.yaml", "digest": {"sha256": sha256(b"")}})),
        (RECEIPT, lambda data: data["subject"][1].update(name="outputs/../job.yaml")),
        (RECEIPT, lambda data: data["subject"][1].update(digest={"sha256": sha256(b"other")})),
        (RECEIPT, edit(0, output=sha256(b"other"))),
        (RECEIPT.replace(".1.1.", ".1.2."), claims_a_later_answer),
    ],
    ids=["no answer", "no transcript", "order", "twice", "job", "path", "digest", "cell", "a path claimed before"],
)
def test_subjects(path: str, change: Callable[[dict[str, Any]], None]) -> None:
    assert code(altered(path, change), path) == "receipt-subjects"


def test_a_verifiers_reader_decides_about_signatures() -> None:
    with pytest.raises(Unverified) as caught:
        open_bundle(FILES, lambda receipt: open_receipt(receipt, [make.key("other").public])[0])
    assert caught.value.code == "receipt-key-unknown"
    assert f"bundle/{RECEIPT}" in caught.value.message


# Results that cannot be said


def sealed(result: AttemptResult) -> dict[str, bytes]:
    identity = RunnerIdentity(version="0.1.0")
    return assemble(CASE.raw, b"", CASE.run, CASE.spec, [result], KEY, identity)


@pytest.mark.parametrize(
    "change",
    [
        lambda result: {"cells": (result.cells[0], result.cells[0])},
        lambda result: {"cells": (result.cells[0]._replace(status="error"),)},
        lambda result: {"cells": (result.cells[0]._replace(output=None),)},
        lambda result: {"cells": (result.cells[0]._replace(ms=-1),)},
        lambda result: {"cells": (result.cells[0]._replace(cell=CASE.cells("US")[0]),)},
        lambda result: {"cells": (result.cells[0]._replace(cell=result.cells[0].cell.model_copy(update={"slot": 9})),)},
        lambda result: {"exit_code": 1000},
        lambda result: {"reserved": "1e9"},
        lambda result: {"usage": {"Not An Id": 1}},
    ],
    ids=["cell twice", "error with output", "ok without", "time", "slot", "plan", "exit code", "money", "usage"],
)
def test_results_that_no_receipt_can_say(change: Callable[[AttemptResult], dict[str, Any]]) -> None:
    result = CASE.results[0]
    with pytest.raises(Unverified) as caught:
        sealed(result._replace(**change(result)))
    assert caught.value.code == "result-malformed"
    assert "smollm2.EU.1.1" in caught.value.message


@pytest.mark.parametrize("reason", ["x" * 1000, "\ud800", "é" * 301, "\0"])
def test_any_text_can_be_said(reason: str) -> None:
    said = open_bundle(sealed(CASE.results[0]._replace(reason=reason))).receipts[RECEIPT].predicate.reason
    assert said is not None
    assert said.rstrip("…")[:10] == reason.encode(errors="replace").decode()[:10]
    assert len(said) == min(300, len(reason))


def test_cells_are_said_in_the_order_of_the_job() -> None:
    result = CASE.results[0]
    assert sealed(result._replace(cells=result.cells[::-1])) == sealed(result)


# Manifest and memory


def test_manifest_covers_what_it_is_given() -> None:
    files = {f"bundle/{path}": content for path, content in FILES.items()} | {"README.md": b"# Report\n"}
    listed = manifest(CASE.run, files, make.CID, "lexical/1", "markdown/1")
    assert listed.files == {path: sha256(content) for path, content in files.items()}
    assert (listed.run, listed.job, listed.cid, listed.profile) == (
        CASE.run.run,
        CASE.run.job,
        make.CID,
        "unixfs-v1-2025",
    )


class Lazy(Mapping[str, bytes]):
    """Files that are made when they are read, as a clone's blobs are."""

    def __init__(self, files: Mapping[str, bytes], size: int) -> None:
        self.small, self.size = files, size
        self.reads: list[str] = []

    def __getitem__(self, path: str) -> bytes:
        self.reads.append(path)
        content = self.small[path]
        return content * self.size if path.startswith("outputs/") else content

    def __iter__(self) -> Iterator[str]:
        return iter(self.small)

    def __len__(self) -> int:
        return len(self.small)


def test_large_outputs_are_read_once_and_not_kept() -> None:
    size = 1 << 20
    case = Case(sampling={"providers": 8, "replicas": 2})
    results = make.results(case.run, case.spec, lambda cell: "x" * size)
    files = make.files_of(case.raw, case.run, case.spec, results)
    outputs = [path for path in files if path.startswith("outputs/")]
    lazy = Lazy(files | dict.fromkeys(outputs, b"x"), size)
    del files, results
    tracemalloc.start()
    open_bundle(lazy)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(outputs) == 32
    assert sorted(lazy.reads) == sorted(lazy.small)
    assert peak < 4 * size
