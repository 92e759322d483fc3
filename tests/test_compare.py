"""Verdicts of whole runs: who is named, who is not, when nothing may be said; and the same bytes everywhere."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.bundle import Observation, observations
from runner.compare.design import level, smallest_p
from runner.compare.verdict import compare, judge
from runner.model import DiffReport, JobSpec
from runner.model.report import TargetDiff
from runner.model.run import Cell, cells
from tests import make

GOLDEN = Path(__file__).parent / "golden" / "diff.json"
PROSE = "the keeper of light walked down to harbour and told every sailor that storm had passed at last"
WORDS = PROSE.split()


def observed(
    spec: JobSpec,
    say: Callable[[Cell], str | None],
    provider: Callable[[Cell], str] = lambda cell: f"0x{cell.region}{cell.slot}",
) -> list[Observation]:
    """An observation for each planned cell; None is an answer that is missing."""
    texts = ((cell, say(cell)) for cell in cells(spec))
    return [
        Observation(cell, "timeout", None, provider(cell), None)
        if text is None
        else Observation(cell, "ok", text.encode(), provider(cell), 12)
        for cell, text in texts
    ]


def report(spec: JobSpec, seen: list[Observation], grade: Any = "egress") -> DiffReport:
    return judge(spec, make.run(), seen, True, grade)


def only(found: DiffReport) -> TargetDiff:
    assert len(found.targets) == 1
    return found.targets[0]


def verdicts(target: TargetDiff) -> dict[str, str]:
    return {region.region: region.verdict for region in target.regions}


def prose(rng: random.Random, length: int = 40, foreign: float = 0.0) -> str:
    return " ".join("zephyr" if rng.random() < foreign else rng.choice(WORDS) for _ in range(length))


def noisy(seed: int, foreign: Callable[[Cell], float]) -> Callable[[Cell], str]:
    rng = random.Random(seed)
    return lambda cell: prose(rng, foreign=foreign(cell))


INDEPENDENT = {"providers": 3, "replicas": 3, "seeds": "independent"}


def test_identical_answers_are_the_same() -> None:
    found = report(make.job(), observed(make.job(), lambda cell: f"I am a model, {cell.replica}."))
    target = only(found)
    assert (found.verdict, target.verdict, target.named, target.reasons) == ("same", "same", (), ())
    assert set(verdicts(target).values()) == {"same"}
    assert target.matrix == ((0, 0, 0), (0, 0, 0), (0, 0, 0))
    assert {level: sum(sample.classes[level] for sample in target.samples) for level in ("identical", "noise")} == {
        "identical": 54,
        "noise": 0,
    }


def test_replicas_may_differ_with_shared_seeds_and_not_with_independent_ones() -> None:
    by_replica = make.job(sampling={"providers": 3, "replicas": 2, "seeds": "independent"})
    found = report(by_replica, observed(by_replica, lambda cell: f"I am model number {cell.replica}."))
    assert found.verdict != "same"


def test_noise_says_what_would_have_been_found() -> None:
    spec = make.job(sampling=INDEPENDENT)
    target = only(report(spec, observed(spec, noisy(1, lambda cell: 0.0))))
    assert (target.verdict, target.named) == ("noise", ())
    assert target.detectable is not None
    assert 0 < target.detectable < 200_000


def test_a_shifted_region_is_named() -> None:
    spec = make.job(sampling=INDEPENDENT)
    found = report(spec, observed(spec, noisy(2, lambda cell: 0.5 if cell.region == "US" else 0.0)))
    target = only(found)
    assert (found.verdict, target.named, target.each_other) == ("major", ("US",), ())
    first = target.tests[0]
    assert (first.kind, first.region, first.p.count, first.p.of, first.significant) == ("global", "US", 10, 280, True)
    assert verdicts(target) == {"EU": "insufficient", "US": "major", "APAC": "insufficient"}
    assert target.reasons == ("EU, APAC with 6 providers can reach p = 1/10 at best, and p must not exceed 1/20",)


def test_a_region_that_serves_other_bytes_is_named_and_the_others_are_the_same() -> None:
    spec = make.job()
    target = only(report(spec, observed(spec, lambda cell: "Ahoy!" if cell.region == "APAC" else "Hello.")))
    assert verdicts(target) == {"EU": "same", "US": "same", "APAC": "major"}
    assert (target.named, target.reasons) == (("APAC",), ())


def test_a_named_region_whose_pairs_differ_little_is_minor() -> None:
    spec = make.job()
    target = only(report(spec, observed(spec, lambda cell: "**hello** you" if cell.region == "EU" else "hello you")))
    assert verdicts(target)["EU"] == "minor"
    assert target.samples[0].kinds == ("format",)


def test_one_bad_provider_is_no_region() -> None:
    spec = make.job(sampling=INDEPENDENT)
    one = noisy(3, lambda cell: 0.9 if (cell.region, cell.slot) == ("US", 2) else 0.0)
    assert only(report(spec, observed(spec, one))).named == ()


def test_two_regions_differ_from_each_other() -> None:
    spec = make.job(
        regions=[{"name": "EU"}, {"name": "US"}],
        minRegions=2,
        sampling={"providers": 4, "replicas": 1, "seeds": "shared"},
    )
    target = only(report(spec, observed(spec, lambda cell: f"I live in {cell.region}.")))
    assert target.named == target.each_other == ("EU", "US")
    assert target.tests[0].region is None
    assert target.verdict == "minor" or target.verdict == "major"


def test_a_split_in_halves_names_nobody_and_is_no_noise() -> None:
    spec = make.job(regions=[{"name": name} for name in ("EU", "US", "APAC", "SA")])
    target = only(report(spec, observed(spec, lambda cell: "yes" if cell.region in ("EU", "SA") else "no")))
    assert (target.verdict, target.named) == ("insufficient", ())
    assert target.reasons == ("EU, US, APAC, SA differ together, p = 100/15400, and none of them stands out alone",)


def test_the_region_left_after_the_named_ones_is_tested_again() -> None:
    spec = make.job(
        regions=[{"name": name} for name in ("EU", "US", "APAC", "SA", "AF")],
        sampling={"providers": 4, "replicas": 1, "seeds": "shared"},
    )
    apart = {"AF": "completely different text here", "SA": "hello there my dear friends"}
    target = only(report(spec, observed(spec, lambda cell: apart.get(cell.region, "hello there my dear friend"))))
    assert target.named == ("AF", "SA")
    assert [test.kind for test in target.tests] == ["global", "region", "region"]
    assert {verdicts(target)[region] for region in ("EU", "US", "APAC")} == {"same"}


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (
            {"sampling": {"providers": 1, "replicas": 9, "seeds": "shared"}},
            "1 independent provider answered, 3 are needed",
        ),
        (
            {"regions": [{"name": "EU"}, {"name": "US"}], "minRegions": 2},
            "insufficient by design: EU, US with 6",
        ),
        ({"regions": [{"name": "EU"}, {"name": "US"}]}, "2 of 2 regions answered, at least 3 are needed"),
        ({"compare": {"alpha": "0.01"}}, "p must not exceed 1/100"),
        ({"minGrade": "egress+rtt"}, "the evidence of regions is egress, the job asks for egress+rtt"),
    ],
)
def test_nothing_is_said_where_nothing_could_be_found(spec: dict[str, Any], reason: str) -> None:
    job = make.job(**spec)
    found = report(job, observed(job, lambda cell: cell.region))
    target = only(found)
    assert (found.verdict, target.verdict, target.named, target.tests) == ("insufficient", "insufficient", (), ())
    assert any(reason in sentence for sentence in target.reasons), target.reasons
    assert target.separable == ("independent" not in reason)


def test_several_targets_share_alpha() -> None:
    data = make.job_data()
    data["spec"]["targets"] = [data["spec"]["targets"][0] | {"name": name} for name in ("one", "two")]
    spec = JobSpec.from_json(data)
    assert level(spec).as_integer_ratio() == (1, 40)
    found = report(spec, observed(spec, lambda cell: cell.region))
    assert found.verdict == "insufficient"
    assert "p = 10/280 at best, and p must not exceed 1/40" in found.targets[1].reasons[0]


def test_one_provider_in_two_slots_counts_once() -> None:
    spec = make.job()
    found = only(report(spec, observed(spec, lambda cell: "hi", lambda cell: f"{cell.region}{min(cell.slot, 2)}")))
    assert not found.separable
    assert found.reasons[-1] == "all answers that were had are byte-identical"


def test_a_provider_of_two_regions_is_left_out() -> None:
    spec = make.job(sampling={"providers": 4, "replicas": 1, "seeds": "shared"})
    everywhere = observed(
        spec, lambda cell: "hi", lambda cell: "0xboth" if cell.slot == 4 else f"{cell.region}{cell.slot}"
    )
    target = only(report(spec, everywhere))
    assert (target.verdict, target.separable) == ("same", True)
    assert target.tests[0].p.of == 280
    assert "left out of the tests: 1 " in target.reasons[0]


def test_a_region_without_an_answer_is_not_observed() -> None:
    spec = make.job(regions=[{"name": name} for name in ("EU", "US", "APAC", "SA")])
    found = report(spec, observed(spec, lambda cell: None if cell.region == "SA" else "hi"))
    target = only(found)
    assert found.not_observed == ("SA",)
    assert (found.verdict, verdicts(target)["SA"]) == ("same", "insufficient")
    assert target.matrix[3] == (None, None, None, None)
    assert target.regions[3].failures == {"timeout": 6}


def test_many_missing_answers_forbid_same_and_noise() -> None:
    spec = make.job()
    lost = {("US", 1, 1)}
    found = only(report(spec, observed(spec, lambda c: None if (c.region, c.slot, c.replica) in lost else "hi")))
    assert verdicts(found) == {"EU": "same", "US": "insufficient", "APAC": "same"}
    assert found.verdict == "insufficient"
    assert found.reasons == ("US: more than a tenth of the planned answers is missing",)
    assert found.samples[0].kinds == ("error",)
    assert found.samples[0].reasons == ("3 of 18 pairs lack an answer",)


def test_missing_answers_that_depend_on_the_region_forbid_same_and_noise() -> None:
    spec = make.job(sampling={"providers": 3, "replicas": 20, "seeds": "shared"})
    found = only(report(spec, observed(spec, lambda c: None if c.region == "US" and c.replica == 7 else "hi")))
    missing = found.tests[-1]
    assert (missing.kind, missing.region, missing.significant) == ("missing", "US", True)
    assert set(verdicts(found).values()) == {"insufficient"}


def test_no_answer_at_all() -> None:
    spec = make.job()
    found = report(spec, observed(spec, lambda cell: None))
    assert found.verdict == "insufficient"
    assert found.not_observed == ("EU", "US", "APAC")
    assert only(found).samples == ()


def test_neither_names_nor_order_matter() -> None:
    spec = make.job(sampling=INDEPENDENT)
    seen = observed(spec, noisy(4, lambda cell: 0.4 if cell.region == "EU" else 0.0))
    plain = report(spec, seen)
    assert report(spec, seen[::-1]).canonical() == plain.canonical()
    names = {"EU": "NORTH", "US": "SOUTH", "APAC": "WEST"}
    renamed = make.job(sampling=INDEPENDENT, regions=[{"name": name} for name in names.values()])
    moved = [o._replace(cell=o.cell.model_copy(update={"region": names[o.cell.region]})) for o in seen]
    text = plain.canonical().decode()
    for old, new in names.items():
        text = text.replace(f'"{old}"', f'"{new}"').replace(f"{old},", f"{new},").replace(f"{old} with", f"{new} with")
    assert report(renamed, moved).canonical().decode() == text


def test_providers_with_nothing_in_common_favour_nobody() -> None:
    """One provider of each region answers the first half of the replicas, another the second."""
    spec = make.job(sampling={"providers": 4, "replicas": 40, "seeds": "shared"})
    half = {1: range(1, 40), 2: range(2, 41)}

    def say(cell: Cell) -> str | None:
        return "hi" if cell.replica in half.get(cell.slot, range(1, 41)) else None

    assert only(report(spec, observed(spec, say))).verdict == "same"
    disjoint = {1: range(1, 21), 2: range(21, 41)}

    def other(cell: Cell) -> str | None:
        return f"hi {cell.replica}" if cell.replica in disjoint.get(cell.slot, range(1, 41)) else None

    target = only(report(spec, observed(spec, other)))
    assert (target.named, target.verdict) == ((), "insufficient")


def test_the_smallest_p_of_a_design() -> None:
    p = smallest_p(make.job())
    assert (p.count, p.of, p.exact) == (10, 280, True)


def test_sentences_stay_short_whatever_the_job() -> None:
    names = [f"REGION-{number:07}" for number in range(16)]
    many = make.job(
        regions=[{"name": name} for name in names],
        minRegions=16,
        sampling={"providers": 3, "replicas": 1, "seeds": "shared"},
    )
    target = only(report(many, observed(many, lambda cell: None if cell.region != names[0] else "hi")))
    assert target.reasons[0] == "1 of 16 regions answered, at least 16 are needed; not observed: 15 regions"


def test_a_bundle_is_judged_by_its_answers_and_not_by_how_it_was_served() -> None:
    bundle = make.bundle(lambda cell: "Ahoy!" if cell.region == "US" else "Hello.")
    found = compare(bundle)
    assert found == judge(bundle.spec, bundle.run, observations(bundle), True, "claimed")
    assert (found.simulated, found.grade, only(found).named) == (True, "claimed", ("US",))
    altered = {
        path: receipt.model_copy(
            update={
                "predicate": receipt.predicate.model_copy(
                    update={"executor": receipt.predicate.executor.model_copy(update={"altered": True})}
                )
            }
        )
        for path, receipt in bundle.receipts.items()
    }
    assert compare(bundle._replace(receipts=altered)).canonical() == found.canonical()


def small_run() -> DiffReport:
    """The run of the golden report: APAC answers otherwise, one provider of the EU timed out once."""
    spec = make.job(sampling={"providers": 3, "replicas": 4, "seeds": "shared"})

    def say(cell: Cell) -> str | None:
        if (cell.region, cell.slot, cell.replica) == ("EU", 2, 3):
            return None
        if cell.region == "APAC":
            return f"I am a parrot, and I repeat {cell.replica + 4} words."
        return f"I am a small model, and I say {cell.replica} words{'!' * cell.slot}"

    return report(spec, observed(spec, say))


def test_golden() -> None:
    """Read it as the report that it is. `python tests/test_compare.py > tests/golden/diff.json` writes it anew."""
    assert json.loads(GOLDEN.read_text()) == small_run().to_json()


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_the_bytes_do_not_depend_on_the_hash_seed(seed: str) -> None:
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout) == json.loads(GOLDEN.read_text())
    assert done.stdout == GOLDEN.read_text()


def test_a_usual_run_is_compared_at_once() -> None:
    """3 regions x 3 providers x 3 answers of 2 kB: under 0.1 s of a free processor."""
    spec = make.job(sampling=INDEPENDENT)
    seen = observed(spec, lambda cell: prose(random.Random(str(cell)), 380))
    started = time.process_time()
    report(spec, seen)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("odd", ["EU", "US", "APAC"])
def test_real_answers_of_another_model_are_named(data: Path, odd: str) -> None:
    """Two regions are served GPT-4, a third GPT-4 told to plan first; 10 real samples of each to each prompt."""
    plain, planned = (
        [json.loads(line)["samples"] for line in (data / f"tot_text_gpt4_{style}.jsonl").read_text().splitlines()[:2]]
        for style in ("standard", "cot")
    )
    prompts = [{"id": f"p{number}", "text": "Write a story."} for number in range(2)]
    spec = make.job(prompts=prompts, sampling={"providers": 3, "replicas": 1, "seeds": "independent"})
    offset = {"EU": 0, "US": 3, "APAC": 6}

    def say(cell: Cell) -> str:
        style = planned if cell.region == odd else plain
        answer: str = style[int(cell.prompt[1:])][offset[cell.region] + cell.slot - 1]
        return answer

    assert only(report(spec, observed(spec, say))).named == (odd,)


if __name__ == "__main__":
    print(json.dumps(small_run().to_json(), indent=2, ensure_ascii=False))
