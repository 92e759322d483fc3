"""Proves that pages read as they were read when their golden files were made, are the same bytes each time, stay within
their size, lead nowhere but into the tree, say SIMULATED in their first line, and cannot be changed by hostile text."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any, get_args

import pytest
from markdown_it import MarkdownIt

from runner.bundle import Bundle, open_bundle
from runner.compare.verdict import compare
from runner.model import Cell, DiffReport
from runner.model.entry import Start
from runner.model.receipt import Executor, Image, Provider, RegionEvidence
from runner.model.report import Apart, Verdict
from runner.rendering.jobpages import (
    JobSummary,
    RunSummary,
    badge_files,
    ended_page,
    history_page,
    index_page,
    summarise,
)
from runner.rendering.neutral import Safe
from runner.rendering.providerpage import amount
from runner.rendering.render import run_page
from runner.rendering.sentences import SEVERITY, SYMBOLS, WORDS
from runner.rendering.template import LARGEST, environment
from tests import golden, make

GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
FOLDER = "reports/jobs/alice/who"


def told(cell: Cell) -> str:
    if cell.region == "APAC":
        return "I am Qwen, a large language model.\nI was made in Hangzhou by Alibaba Cloud.\nAsk me anything."
    return "I am SmolLM, a small language model.\nI was made by Hugging Face.\nAsk me anything."


def with_a_retry(**facts: Any) -> Bundle:
    """A run whose first attempt in the EU timed out and whose second answered."""
    raw, spec = make.job_bytes(), make.job()
    run = make.run_of(raw, spec)
    results = make.results(run, spec, told)
    cells = results[0].cells
    lost = [cell._replace(status="timeout", output=None, finish=None, reason="no line after 600 s") for cell in cells]
    failed = make.result(run, lost, 1, status="timeout", reason="run-timeout: 600 s", exit_code=None, **facts)
    again = make.result(run, cells, 2)
    return open_bundle(make.files_of(raw, run, spec, [failed, again, *results[1:]]))


COUNTRIES = {"EU": ("DE", "FR", "NL"), "US": ("US", "US", "US"), "APAC": ("JP", "SG", "KR")}


def on_golem(region: str, slot: int, country: str | None = None) -> dict[str, Any]:
    """What a receipt of a devnet says of a provider of a region."""
    name = hashlib.sha256(f"{region} {slot}".encode()).hexdigest()
    return {
        "executor": Executor(kind="golem", version="0.13.1", network="devnet", simulated=True),
        "image": Image(form="gvmi", digest=f"sha3:{name[:56]}"),
        "region": RegionEvidence(
            requested=region,
            observed=region if country is None else None,
            country=country or COUNTRIES[region][slot - 1],
            grade="egress",
            evidence="seen by the vantage fra from 127.101.1.1, in devnet.mmdb of 2026-11-01",
        ),
        "provider": Provider(
            id=f"0x{name[:40]}",
            name=f"dev-{region.lower()}-{slot}",
            payee=f"0x{name[8:48]}",
            agreement=name,
            activity=name[:32],
        ),
    }


def with_a_swapped_model() -> Bundle:
    """A run on a devnet, where the second provider of the EU serves another model, and one for the US was elsewhere."""
    raw, spec = make.job_bytes(), make.job()
    run = make.run_of(raw, spec)

    def say(cell: Cell) -> str:
        odd = (cell.region, cell.slot) == ("EU", 2)
        return told(cell.model_copy(update={"region": "APAC" if odd else "EU"}))

    results = []
    for result in make.results(run, spec, say):
        region, slot = result.attempt.region, result.attempt.slot
        n = 1
        if (region, slot) == ("US", 1):
            n = 2
            lost = [cell._replace(status="missing", output=None, finish=None, ms=None) for cell in result.cells]
            why = {"status": "failed", "reason": "region: it was seen in FR, the US was asked for", "exit_code": None}
            results.append(make.result(run, lost, 1, **why, **on_golem(region, 4, "FR")))
        cost = {"reserved": "0.1", "observed": "0.001234567890123456", "invoice": f"invoice-{region}-{slot}"}
        results.append(make.result(run, result.cells, n, **cost, **on_golem(region, slot)))
    return open_bundle(make.files_of(raw, run, spec, results))


def page_of(bundle: Bundle) -> tuple[DiffReport, dict[str, bytes]]:
    diff = compare(bundle)
    return diff, run_page(bundle, diff, make.CID)


def summary(day: int, answer: Any = told) -> RunSummary:
    bundle = make.bundle(answer)
    folder = f"{FOLDER}/runs/{bundle.run.short}"
    return summarise(folder, bundle.run, compare(bundle), f"2026-11-{day:02d}T03:00:00Z")


def history(*runs: RunSummary) -> bytes:
    """A job's page."""
    return history_page(FOLDER, runs)["README.md"]


def start(due: str | None = None) -> Start:
    run = make.run()
    fields = {"job": run.job, "sha256": run.sha256, "revision": 1, "run": run.run, "at": "2026-11-22T03:00:00Z"}
    extra = {"runner": "ci"} if "runner" in Start.model_fields else {}
    return Start.from_json({**fields, **extra, "lease": 4000, "type": "start", "v": 1} | ({"due": due} if due else {}))


@pytest.fixture(scope="module")
def page() -> dict[str, bytes]:
    return page_of(with_a_retry())[1]


def test_golden_run(page: Mapping[str, bytes]) -> None:
    golden.check("run.md", page["README.md"])


def test_golden_run_with_a_swapped_model() -> None:
    golden.check("swapped.md", page_of(with_a_swapped_model())[1]["README.md"])


def test_the_first_lines_name_a_provider_that_stands_apart() -> None:
    diff, files = page_of(with_a_swapped_model())
    first, second, _, third = files["README.md"].decode().split("\n")[:4]
    whole = on_golem("EU", 2)["provider"].id
    assert first == "# ≈ No difference beyond noise in EU, US and APAC; one provider in EU stands apart · SIMULATED"
    assert f"; provider 2 of EU ({whole[:10]}…) stands apart, which says nothing of EU: distance 0.24 to " in second
    assert third.startswith(f"**One provider stands apart: provider 2 of EU, `dev-eu-2` `{whole}`.** ")
    assert "8 of 9 providers gave the same bytes; 2 of its 2 answers nobody else gave." in third
    assert "no verdict: an exchange of 9 providers cannot reach p below 1/9" in third
    run = summarise(FOLDER, make.run(), diff, "2026-11-22T03:00:00Z")
    for raw in (history(run), index_page([JobSummary(FOLDER, (run.look,), run)])):
        assert "≈ within noise (a provider of EU) · SIMULATED" in raw.decode()
        assert f"provider 2 of EU ({whole[:10]}…) stands apart" in raw.decode()


def test_regions_that_were_not_observed_are_told_with_the_reasons() -> None:
    """The EU's providers were elsewhere, the budget for the US was spent, for APAC nobody came; two others answered."""
    spec: dict[str, Any] = {"regions": [{"name": name} for name in ("EU", "US", "APAC", "SA", "AF")]}
    raw, job = make.job_bytes(**spec), make.job(**spec)
    run = make.run_of(raw, job)
    reasons = {"EU": "region: it was seen in US, the EU was asked for", "US": "budget: 5 GLM are spent"}
    results = []
    for result in make.results(run, job, told):
        if reason := reasons.get(result.attempt.region):
            lost = [cell._replace(status="missing", output=None, finish=None, ms=None) for cell in result.cells]
            results.append(make.result(run, lost, status="failed", reason=reason, exit_code=None))
        elif result.attempt.region != "APAC":
            results.append(result)
    diff, files = page_of(open_bundle(make.files_of(raw, run, job, results)))
    page = files["README.md"].decode()
    assert diff.not_observed == ("EU", "US", "APAC")
    first, second = page.split("\n")[:2]
    assert first == "# ? Not enough data to compare regions · SIMULATED"
    assert "); EU, US and APAC were asked for and not observed. SIMULATED." in second
    assert "2 of 5 regions answered, at least 3 are needed; not observed: EU, US, APAC" in page
    assert "| EU | none | not observed | 0 of 3 answered; failed: 3 `region` | nothing |" in page
    assert "| US | none | not observed | 0 of 3 answered; failed: 3 `budget` | nothing |" in page
    assert "| APAC | none | not observed | none | nothing |" in page
    assert (
        "| SA | 1: `local` `sa-1`<br>2: `local` `sa-2`<br>3: `local` `sa-3` | claimed | 3 of 3 answered | nothing |"
        in page
    )


def in_three_ways() -> Bundle:
    """Two prompts, one asking for JSON; the EU answers in German, APAC something else; the job leaves out a name."""
    told = {
        "EU": "Die Hauptstadt von Frankreich ist Paris, und sie liegt an der Seine.",
        "US": "The capital of France is Paris, and it lies on the Seine.",
        "APAC": "I'm sorry, but I can't help with that request.",
    }

    def say(cell: Cell) -> str:
        if cell.prompt == "json":
            city = "Lyon" if cell.region == "APAC" else "Paris"
            why = "Dort sitzt die Regierung. " if cell.region == "EU" else "That is where the government is. "
            return json.dumps({"city": city, "why|`": why * 3 + "!" * cell.slot})
        return (
            f"{told[cell.region]}\nAnswered by Acme at 2026-11-22 10:0{cell.slot}:00, request req_8f3a9c01{cell.slot}."
        )

    prompts = [{"id": "capital", "text": "What is the capital?"}, {"id": "json", "text": "The same, as JSON."}]
    compared = {"ignore": [" by Acme", "never|there"], "similarity": "lexical", "alpha": "0.05"}
    return make.bundle(say, prompts=prompts, compare=compared, sampling={"providers": 3, "replicas": 1})


def test_golden_answers_in_numbers() -> None:
    """What was filtered, how answers are on their own, and JSON by its fields."""
    page = page_of(in_three_ways())[1]["README.md"].decode()
    shown = page[page.index("### What differs") : page.index("## Attempts")]
    golden.check("answers.md", shown.encode())
    assert "**The language differs: mostly German in EU; mostly English in US and APAC.**" in shown
    assert (
        "<summary>Filtered before comparing: 9 ids, 9 timestamps, 1 of 2 texts that the job names (9 times)</summary>"
    )
    assert '| `/city` | `"Paris"` | `"Lyon"` |' in shown


@pytest.mark.parametrize(
    ("glm", "shown"),
    [("0", "0"), ("0.84", "0.84"), ("12", "12"), ("0.0000000001", "<0.000001"), ("0.12345678", "0.123457")],
)
def test_amounts(glm: str, shown: str) -> None:
    assert amount(Decimal(glm)) == shown


def test_golden_history_and_index() -> None:
    runs = [
        summary(20, lambda _: "I am SmolLM."),
        summary(22),
        summary(21, lambda cell: None if cell.region == "US" else "x"),
    ]
    golden.check("history.md", history(*runs))
    golden.check("trend.svg", history_page(FOLDER, runs)["trend.svg"])
    jobs = [
        JobSummary(f"reports/jobs/alice/{name}", tuple(seen.look for seen in (*before, run)), run)
        for name, run, before in zip("abc", runs, ((), (), runs[1:2] * 3), strict=True)
    ]
    golden.check("index.md", index_page(jobs))
    assert history_page(FOLDER, runs) == history_page(FOLDER, runs[::-1])
    assert index_page(jobs) == index_page(jobs[::-1])


def test_of_the_runs_of_one_day_the_later_one_stands_first() -> None:
    differs = summary(22)._replace(run="f" * 32, entry=3)
    same = summary(22, lambda _: "I am SmolLM.")._replace(run="0" * 32, entry=8)
    page = history_page(FOLDER, [differs, same])["README.md"].decode()
    assert "last: = the same" in page.splitlines()[0]
    listed = page[page.index("## Runs") :]
    assert listed.index("= the same") < listed.index("major difference")


@pytest.mark.parametrize("how", ["cancelled", "abandoned"])
def test_golden_ended(how: Any) -> None:
    golden.check(f"{how}.md", ended_page(start(), how, "2026-11-22T04:00:00Z"))


def test_golden_cancelled_midway() -> None:
    receipts = with_a_retry().receipts
    golden.check("cancelled-midway.md", ended_page(start(), "cancelled", "2026-11-22T04:00:00Z", receipts))


def test_nothing_published_yet() -> None:
    assert list(history_page(FOLDER, [])) == ["README.md"]
    assert history().startswith(b"# No run yet\n")
    assert b"0 jobs" in index_page([])


def test_same_inputs_same_bytes(page: Mapping[str, bytes]) -> None:
    environment.cache_clear()
    assert page_of(with_a_retry())[1] == page


def test_the_first_lines_carry_the_verdict(page: Mapping[str, bytes]) -> None:
    first, second = page["README.md"].decode().split("\n")[:2]
    assert first == "# ▲ APAC differed beyond noise (major) · SIMULATED"
    assert second.startswith(
        "On 2026-11-22 the answers from APAC differed from EU and US beyond this job's own noise ("
    )
    assert second.endswith("region: claimed). SIMULATED.")


@pytest.mark.parametrize("answer", [told, lambda _: "x", lambda _: None], ids=["major", "same", "missing"])
def test_every_first_line_says_simulated(answer: Any) -> None:
    diff, files = page_of(make.bundle(answer))
    run = summarise(f"{FOLDER}/runs/x", make.run(), diff, "2026-11-22T03:00:00Z")
    for raw in (files["README.md"], history(run), index_page([JobSummary(FOLDER, (run.look,), run)])):
        assert "SIMULATED" in raw.decode().split("\n")[0]
    assert all("SIMULATED" in content.decode() for name, content in files.items() if name.endswith(".svg"))
    for alt in re.findall(r"!\[(.*?)\]", files["README.md"].decode()):
        assert alt.endswith("SIMULATED.")


def links(raw: bytes) -> Iterator[str]:
    for token in GFM.parse(raw.decode()):
        for part in token.children or ():
            target = part.attrs.get("href") or part.attrs.get("src")
            if target is not None:
                yield str(target)


@pytest.mark.parametrize("due", [None, "2026-11-22T03:00:00Z"])
def test_links_resolve_within_the_tree(due: str | None) -> None:
    bundle = with_a_retry()
    bundle = bundle._replace(run=bundle.run.model_copy(update={"due": due}))
    folder = f"{FOLDER}/runs/{'2026-11/' if due else ''}{bundle.run.short}"
    diff, files = page_of(bundle)
    tree = {f"{folder}/bundle/{path}" for path in bundle.files} | {f"{folder}/{name}" for name in files}
    tree |= {f"{folder}/bundle/diff.json", f"{FOLDER}/README.md", f"{FOLDER}/trend.svg"}
    tree |= badge_files(JobSummary(FOLDER, (summary(22).look,), summary(22))).keys()
    found = list(links(files["README.md"]))
    assert len(found) > 20
    pages = {
        f"{folder}/README.md": files["README.md"],
        f"{FOLDER}/README.md": history(summarise(folder, bundle.run, diff, "2026-11-22T03:00:00Z")),
        "reports/README.md": index_page([JobSummary(FOLDER, (summary(22).look,), summary(22))]),
        f"{folder}/ended.md": ended_page(start(due), "cancelled", "2026-11-22T04:00:00Z", bundle.receipts),
    }
    for path, raw in pages.items():
        anchors = {f"#{anchor}" for anchor in slugs(raw)}
        for link in links(raw):
            if link.startswith("#"):
                assert link in anchors, (path, link)
                continue
            assert posixpath.normpath(posixpath.join(posixpath.dirname(path), link)) in tree, (path, link)


def slugs(raw: bytes) -> list[str]:
    """The address that a forge gives each heading of a page."""
    tokens = GFM.parse(raw.decode())
    texts = [
        inline.content.lower()
        for opening, inline in pairwise(tokens)
        if opening.type == "heading_open" and inline.type == "inline"
    ]
    return [re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-") for text in texts]


def test_each_heading_has_an_address_of_its_own() -> None:
    """A link into a page leads to the same place for ever: no heading twice, also with several targets."""
    two = [make.job_data()["spec"]["targets"][0] | {"name": name} for name in ("smollm2", "qwen")]
    prompts = [{"id": name, "text": "x"} for name in ("who", "where")]
    page = page_of(make.bundle(told, targets=two, prompts=prompts))[1]["README.md"]
    found = slugs(page)
    assert len(found) == len(set(found)) > 12
    wanted = [link[1:] for link in links(page) if link.startswith("#")]
    assert len(wanted) == 11
    assert set(wanted) <= set(found)
    assert "prompt-where-qwen" in found


@cache
def swapped() -> Apart:
    """The provider that serves another model."""
    found = compare(with_a_swapped_model()).targets[0].apart
    assert found is not None
    return found


@cache
def judged() -> DiffReport:
    """What is found in the run whose texts are replaced."""
    return compare(with_a_retry())


def written_by(text: str) -> tuple[Bundle, DiffReport]:
    """A run in which everything that others wrote is this text."""
    label, short = text[:63], (text[:300] or "*x*")
    valid = short.encode(errors="replace").decode()
    bundle = with_a_retry(
        provider=Provider(id=valid[:120], name=valid, payee=valid, agreement=valid, activity=valid),
        region=RegionEvidence(requested="EU", grade="claimed", evidence=valid),
        invoice=valid,
        executor=Executor(kind="local", version=valid, network=valid, simulated=True, sandbox=valid, cpu=valid),
    )
    metadata = bundle.spec.metadata.model_copy(update={"title": valid[:120], "labels": {"a": label}})
    prompts = tuple(prompt.model_copy(update={"text": text or "x"}) for prompt in bundle.spec.spec.prompts)
    target = bundle.spec.spec.targets[0].model_copy(update={"command": (short,), "parameters": {"a": text}})
    inner = bundle.spec.spec.model_copy(update={"prompts": prompts, "targets": (target,)})
    answers = {
        path: f"{path.split('/')[3]} says {text}".encode(errors="replace") if path.startswith("outputs/") else raw
        for path, raw in bundle.files.items()
    }
    diff = judged()
    receipts = {
        path: receipt.model_copy(
            update={
                "predicate": receipt.predicate.model_copy(
                    update={
                        "reason": valid if receipt.predicate.reason else None,
                        "cells": tuple(
                            cell.model_copy(update={"reason": valid, "finish": valid})
                            for cell in receipt.predicate.cells
                        ),
                    }
                )
            }
        )
        for path, receipt in bundle.receipts.items()
    }
    odd = swapped().model_copy(update={"provider": valid[:120]})
    said = diff.targets[0].model_copy(update={"reasons": (valid,), "apart": odd})
    diff = diff.model_copy(update={"targets": (said,)})
    spec = bundle.spec.model_copy(update={"metadata": metadata, "spec": inner})
    return Bundle(spec, bundle.run, receipts, answers), diff


def test_altered_is_not_read(page: Mapping[str, bytes]) -> None:
    altered = Executor(kind="local", version="1", network="none", simulated=True, altered=True)
    assert page_of(with_a_retry(executor=altered))[1] == page


def test_a_huge_run_keeps_its_size() -> None:
    hostile = "\x00`|<script>\n" * 100
    bundle = make.bundle(
        lambda cell: f"{cell.region} {cell.slot} {hostile}" if cell.slot > 1 else None,
        prompts=[{"id": f"prompt-{n}", "text": "x"} for n in range(12)],
        regions=[{"name": f"REGION{n}-CENTRAL"} for n in range(8)],
        sampling={"providers": 2, "replicas": 1, "seeds": "shared"},
        targets=[make.job_data()["spec"]["targets"][0] | {"name": f"target-{n}-{'x' * 50}"} for n in range(4)],
    )
    diff = compare(bundle)
    spec = bundle.spec.spec
    prompts = tuple(prompt.model_copy(update={"text": "\u202e" * 4_000}) for prompt in spec.prompts)
    large = {"command": ("\x07" * 200,) * 16, "parameters": {f"p{m}": "`" * 4_096 for m in range(32)}}
    targets = tuple(target.model_copy(update=large) for target in spec.targets)
    inner = spec.model_copy(update={"prompts": prompts, "targets": targets})
    bundle = bundle._replace(spec=bundle.spec.model_copy(update={"spec": inner}))
    files = run_page(bundle, diff, make.CID)
    text = files["README.md"].decode()
    assert 100_000 < len(files["README.md"]) <= LARGEST
    assert all(len(content) <= LARGEST for content in files.values())
    for left_out in ("more prompts, no more different", "more groups of answers are left out"):
        assert left_out in text
    assert text.count("<details>") == text.count("</details>") > 0


def test_json_without_end_keeps_its_size() -> None:
    def say(cell: Cell) -> str:
        return json.dumps({f"{'`|' * 30}{n}": f"{cell.region}{cell.slot}{'<' * 99}" for n in range(30)})

    bundle = make.bundle(
        say,
        prompts=[{"id": f"prompt-{n}", "text": "x"} for n in range(12)],
        regions=[{"name": f"REGION{n}-CENTRAL"} for n in range(2)],
        sampling={"providers": 1, "replicas": 1, "seeds": "shared"},
        compare={"ignore": [f"{'x' * 190}{n}" for n in range(16)], "similarity": "lexical", "alpha": "0.05"},
    )
    page = page_of(bundle)[1]["README.md"]
    assert 60_000 < len(page) <= LARGEST
    assert b"| and 10 more | | |" in page
    assert b"Both are JSON; 30 fields differ:" in page


def test_long_lists_keep_their_size() -> None:
    run = summary(22)
    many = history_page(FOLDER, [run._replace(date=f"2026-{n % 12 + 1:02d}-01", run=f"{n:064x}") for n in range(5_000)])
    assert len(many["trend.svg"]) <= LARGEST
    index = index_page([JobSummary(f"reports/jobs/alice/job-{n}", (run.look,) * 2, run) for n in range(5_000)])
    for page in (many["README.md"], index):
        assert 80_000 < len(page) <= LARGEST
        assert "To keep this page short" in page.decode()


def test_templates_refuse_what_was_not_neutralised() -> None:
    jinja = environment()
    assert jinja.from_string("a {{ x }} {{ n }}").render(x=Safe("b"), n=1) == "a b 1"
    for text in (
        "{{ x }}",
        "{{ x | upper }}",
        "{{ s ~ x }}",
        "{{ s | replace('b', x) }}",
        "{{ missing }}",
        "{{ none }}",
    ):
        with pytest.raises(Exception, match=r"only print Safe|undefined"):
            jinja.from_string(text).render(x="<script>", s=Safe("b"), none=None)


def test_every_verdict_has_words() -> None:
    verdicts = set(get_args(get_args(Verdict)[0]))
    assert verdicts == set(SYMBOLS) == set(WORDS) == set(SEVERITY)
