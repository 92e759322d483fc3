"""Targets compared like regions: told apart, alike, unsaid; regions and providers of their own do not make targets."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from runner.compare.across import across
from runner.model.report import AcrossTargets
from runner.model.run import Cell
from runner.rendering.targetspage import targets
from tests import make
from tests.test_compare import observed, prose, report


def spec_of(names: int = 2, **spec: Any) -> Any:
    one = make.job_data()["spec"]["targets"][0]
    several = [one | {"name": name} for name in ("small", "large", "odd")[:names]]
    return make.job(**{"targets": several, "sampling": {"providers": 3, "replicas": 2, "seeds": "shared"}} | spec)


def found(say: Callable[[Cell], str | None], names: int = 2, **spec: Any) -> AcrossTargets:
    job = spec_of(names, **spec)
    seen = observed(job, say)
    said = across(job, seen)
    assert said is not None
    assert across(job, seen[::-1]) == said
    assert report(job, seen).across == said
    return said


def test_one_target_is_compared_with_nothing() -> None:
    job = make.job()
    assert across(job, observed(job, lambda cell: "hi")) is None


def test_two_targets_differ_from_each_other() -> None:
    rng = random.Random(1)
    said = found(lambda cell: prose(rng, foreign=0.5 if cell.target == "large" else 0.0))
    assert (said.verdict, set(said.named), said.named) == ("different", {"small", "large"}, said.each_other)
    assert said.tests[0].significant
    assert said.tests[0].target is None
    assert (said.matrix[0][1] or 0) > (said.matrix[0][0] or 0) > 0


def test_one_of_three_is_named() -> None:
    rng = random.Random(2)
    said = found(lambda cell: prose(rng, foreign=0.5 if cell.target == "odd" else 0.0), names=3)
    assert (said.verdict, said.named, said.each_other) == ("different", ("odd",), ())
    assert said.tests[0].target == "odd"


def test_targets_that_answer_alike() -> None:
    assert found(lambda cell: f"hi {cell.replica}").verdict == "same"
    rng = random.Random(3)
    said = found(lambda cell: prose(rng))
    assert (said.verdict, said.named) == ("noise", ())
    assert (said.detectable or 0) > 0


def test_a_region_or_a_provider_of_its_own_is_no_target() -> None:
    """Every provider has words of its own, and so has a region; all serve both targets. That is no difference."""
    alarms = 0
    for seed in range(10):
        rng = random.Random(seed)
        said = found(
            lambda cell, rng=rng: f"{prose(rng, 20)} {'ahoy ' * 9 * (cell.region == 'US')} {f'w{cell.slot} ' * 9}",
            prompts=[{"id": "who", "text": "Who are you?"}],
        )
        alarms += said.verdict == "different"
    assert alarms <= 1


def test_too_few_providers() -> None:
    said = found(lambda cell: None if cell.target == "large" else "hi")
    assert (said.verdict, said.reasons) == ("insufficient", ("large: 0 providers answered, 3 are needed",))
    assert said.matrix == ((0, None), (None, None))


def test_what_the_page_says() -> None:
    job = spec_of()

    def page(say: Callable[[Cell], str | None]) -> Any:
        return targets(report(job, observed(job, say)))

    rng = random.Random(1)
    differ = page(lambda cell: prose(rng, foreign=0.5 if cell.target == "large" else 0.0))
    assert differ.sentence.startswith(
        "Beyond this job's own noise, those of small and large differed from each other (distance 0."
    )
    assert "p = 0.0005; SIMULATED" not in differ.sentence
    assert differ.sentence.endswith("; all 3 regions together; p = 0.0005). SIMULATED.")
    assert differ.names == ("small", "large")
    assert len(differ.matrix) == 2
    alike = page(lambda cell: "hi")
    assert alike.sentence.startswith("The answers of small and large were the same (distance 0.00;")
    nothing = page(lambda cell: None)
    assert nothing.sentence.startswith("There was not enough data to say whether the targets differ (distance not")
    assert len(nothing.reasons) == 2
    assert targets(report(make.job(), observed(make.job(), lambda cell: "hi"))) is None
