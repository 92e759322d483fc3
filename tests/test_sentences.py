"""Proves that a verdict reads as its numbers say, in each kind of outcome, and that no number is kinder than it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.compare.verdict import compare
from runner.model import Cell, DiffReport
from runner.model.chance import PValue
from runner.rendering import sentences
from runner.rendering.sentences import When
from tests import make

ONE = "I am SmolLM, a small model, and I like to help."
OTHER = "Ich bin ein anderes Modell und wohne ganz woanders, in Zimmer 42."
DAY = When("2026-11-22", "2026-11-22")
FOUR = [{"name": name} for name in ("EU", "US", "APAC", "SA")]


def found(answer: Callable[[Cell], str | None], **spec: Any) -> DiffReport:
    return compare(make.bundle(answer, **spec))


def by_region(**answers: str | None) -> Callable[[Cell], str | None]:
    return lambda cell: answers.get(cell.region, ONE)


def by_provider(*odd: tuple[str, int]) -> Callable[[Cell], str]:
    return lambda cell: OTHER if (cell.region, cell.slot) in odd else ONE


def sampling(providers: int) -> dict[str, Any]:
    return {"providers": providers, "replicas": 2, "seeds": "shared"}


DESIGN = "3 providers x 2 answers per region"
CASES: Mapping[str, tuple[DiffReport, str, str]] = {
    "named": (
        found(by_region(APAC=OTHER)),
        "▲ APAC differed beyond noise (major) · SIMULATED",
        "On 2026-11-22 the answers from APAC differed from EU and US beyond this job's own noise (distance 0.86; "
        f"same-region control 0.00; {DESIGN}; p = 0.036; region: claimed). SIMULATED.",
    ),
    "same": (
        found(by_region()),
        "= The same answers in EU, US and APAC · SIMULATED",
        "On 2026-11-22 the answers from EU, US and APAC were the same (distance 0.00; same-region control 0.00; "
        f"{DESIGN}; p = 1; region: claimed). SIMULATED.",
    ),
    "two named": (
        found(by_region(APAC=OTHER, SA="x y z " * 9), regions=FOUR),
        "▲ SA and APAC differed beyond noise (major) · SIMULATED",
        "On 2026-11-22 the answers from SA and APAC differed from EU and US beyond this job's own noise (distance "
        f"0.86 to 1.00; same-region control 0.00; {DESIGN}; p = 0.036; region: claimed). SIMULATED.",
    ),
    "not observed": (
        found(by_region(APAC=None)),
        "? Not enough data to compare regions · SIMULATED",
        "On 2026-11-22 there was not enough data to say whether the regions differ (distance 0.00; same-region control "
        f"0.00; {DESIGN}, 12 of 18 answered; region: claimed); APAC was asked for and not observed. SIMULATED.",
    ),
    "one provider": (
        found(by_region(APAC=OTHER), sampling=sampling(1)),
        "? Not enough data to compare regions · SIMULATED",
        "On 2026-11-22 the provider used in APAC (0x1a2b3c4d…) answered unlike EU and US; region and provider cannot "
        "be told apart (distance 0.00 to 0.86; same-region control not measured; 1 provider x 2 answers per region; "
        "region: claimed). SIMULATED.",
    ),
    "one provider apart": (
        found(by_provider(("EU", 2))),
        "≈ No difference beyond noise in EU, US and APAC; one provider in EU stands apart · SIMULATED",
        "On 2026-11-22 the answers from EU, US and APAC differed no more than answers from one region do among "
        "themselves (distance 0.00 to 0.29; same-region control 0.00 to 0.57; "
        f"{DESIGN}; p = 1; a shift of <0.01 would have been found; region: claimed); provider 2 of EU (eu-2) stands "
        "apart, which says nothing of EU: distance 0.86 to the other 8, which gave the same bytes. SIMULATED.",
    ),
    "one of two providers apart": (
        found(by_provider(("EU", 2)), sampling=sampling(2)),
        "? Not enough data to compare regions; one provider in EU stands apart · SIMULATED",
        "On 2026-11-22 nothing can be said of the regions, because region and provider cannot be told apart (distance "
        "0.00 to 0.43; same-region control 0.00 to 0.86; 2 providers x 2 answers per region; region: claimed); "
        "provider 2 of EU (eu-2) stands apart, which says nothing of EU: distance 0.86 to the other 5, which gave the "
        "same bytes. SIMULATED.",
    ),
    "two providers, nothing odd": (
        found(by_region(), sampling=sampling(2)),
        "? Not enough data to compare regions · SIMULATED",
        "On 2026-11-22 nothing can be said of the regions, because region and provider cannot be told apart (distance "
        "0.00; same-region control 0.00; 2 providers x 2 answers per region; region: claimed). SIMULATED.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_heading_and_sentence(case: str) -> None:
    diff, heading, sentence = CASES[case]
    assert sentences.heading(diff) == heading
    assert sentences.sentence(diff, DAY, {"APAC": ["0x1a2b3c4d5e6f708192a3b4c5d6e7f80910111213"]}) == sentence


def test_noise_says_what_would_have_been_found() -> None:
    diff = found(by_region())
    target = diff.targets[0].model_copy(update={"verdict": "noise", "detectable": 123_456})
    diff = diff.model_copy(update={"verdict": "noise", "targets": (target,)})
    assert sentences.heading(diff) == "≈ No difference beyond noise in EU, US and APAC · SIMULATED"
    said = sentences.sentence(diff, DAY)
    assert "differed no more than answers from one region do among themselves" in said
    assert "; a shift of 0.12 would have been found; " in said
    assert said.endswith("SIMULATED.")


def test_regions_that_differ_from_each_other() -> None:
    diff = found(by_region(APAC=OTHER))
    target = diff.targets[0].model_copy(update={"named": ("APAC", "EU", "US"), "each_other": ("EU", "US")})
    said = sentences.sentence(diff.model_copy(update={"targets": (target,)}), DAY)
    assert (
        "the answers from APAC differed from EU and US and the answers from EU and US differed from each other" in said
    )
    assert sentences.cell_words(target, "EU", "US") == "the same"
    assert sentences.cell_words(target, "APAC", "US") == "beyond noise"


def test_a_provider_apart_among_answers_that_differ() -> None:
    diff = found(by_provider(("EU", 2)))
    target = diff.targets[0]
    assert target.apart is not None
    long = "0x1a2b3c4d5e6f708192a3b4c5d6e7f80910111213"
    changed = {"same_bytes": False, "least": 410_000, "greatest": 470_000, "provider": long, "slots": (2, 3)}
    target = target.model_copy(update={"apart": target.apart.model_copy(update=changed)})
    plain = target.model_copy(update={"apart": None})
    said = sentences.sentence(diff.model_copy(update={"targets": (plain, target)}), DAY)
    assert (
        "; provider 2 and 3 of EU (0x1a2b3c4d…) stands apart for smollm2, which says nothing of EU: distance 0.86 to "
        "the other 8, theirs 0.41 to 0.47. SIMULATED."
    ) in said


@pytest.mark.parametrize(
    ("provider", "shown"),
    [
        ("a" * 17, "aaaaaaaaaa…"),
        ("eu-1", "eu-1"),
        ("[x](y) and more of it", "its id is no plain word"),
        ("https://evil.example", "its id is no plain word"),
        ("@all", "its id is no plain word"),
        ("`", "its id is no plain word"),
    ],
)
def test_a_strangers_id_is_short_and_harmless(provider: str, shown: str) -> None:
    assert sentences.shortened(provider) == shown


def test_a_real_network_is_not_called_simulated() -> None:
    diff = found(by_region(APAC=OTHER)).model_copy(update={"simulated": False, "grade": "egress+rtt"})
    assert "SIMULATED" not in sentences.heading(diff) + sentences.sentence(diff, DAY)
    assert sentences.sentence(diff, DAY).endswith("region: egress+rtt).")


def test_several_targets_and_days_are_told() -> None:
    diff = found(by_region(APAC=OTHER))
    diff = diff.model_copy(update={"targets": (diff.targets[0], diff.targets[0])})
    said = sentences.sentence(diff, When("2026-11-22", "2026-11-23"))
    assert said.startswith("On 2026-11-22 to 2026-11-23 the answers from APAC")
    assert "own noise for smollm2 (" in said


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_probability_is_never_better_than_it_is(a: int, b: int) -> None:
    count, of = min(a, b), max(a, b)
    shown = float(sentences.probability(PValue(count=count, of=of, exact=True)))
    assert count / of <= shown + 1e-12
    assert shown <= count / of + 0.001
    assert shown > 0


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 1_000_000))
def test_decimal_never_hides_a_difference(ppm: int) -> None:
    shown = sentences.decimal(ppm)
    assert (shown == "0.00") == (ppm == 0)
    if ppm >= 5_000:
        assert abs(float(shown) - ppm / 1_000_000) <= 0.005


def test_words() -> None:
    assert sentences.span(()) == "not measured"
    assert sentences.span((70_000, 120_000)) == "0.07 to 0.12"
    assert sentences.listed(["EU"]) == "EU"
    assert sentences.listed(["EU", "US", "APAC"]) == "EU, US and APAC"
    assert sentences.count(1_234, "answer") == "1,234 answers"
    assert When(None, None).words() == "no date"
