"""Proves that a provider is singled out where it alone stands apart, and that nobody is for one odd answer, for noise,
for a second one like it, for its region, or where provider and region cannot be told apart."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.bundle import Observation
from runner.compare.apart import Column, chance
from runner.compare.verdict import judge
from runner.model import DiffReport, JobSpec
from runner.model.report import Apart
from runner.model.run import Cell, cells
from tests import make

PROSE = "the keeper of light walked down to harbour and told every sailor that storm had passed at last"
WORDS = PROSE.split()
Where = tuple[str, int]


def by(cell: Cell) -> str:
    return f"0x{cell.region}{cell.slot}"


def spec_of(prompts: int = 1, providers: int = 3, replicas: int = 2, seeds: str = "shared") -> JobSpec:
    return make.job(
        prompts=[{"id": f"p{number}", "text": "Who?"} for number in range(prompts)],
        sampling={"providers": providers, "replicas": replicas, "seeds": seeds},
    )


def report(spec: JobSpec, say: Callable[[Cell], str | None], provider: Callable[[Cell], str] = by) -> DiffReport:
    seen = []
    for cell in cells(spec):
        text = say(cell)
        output = text.encode() if text else None
        seen.append(Observation(cell, "ok" if output else "timeout", output, provider(cell), 12))
    return judge(spec, make.run(), seen, True, "egress")


def apart(spec: JobSpec, say: Callable[[Cell], str | None], provider: Callable[[Cell], str] = by) -> Apart | None:
    return report(spec, say, provider).targets[0].apart


def served(odd: Collection[Where], how: str = "I am another one.") -> Callable[[Cell], str]:
    """Everybody gives the same bytes to a prompt and replica, but for the odd ones."""
    plain = "I am small model number {replica} to {prompt}."
    return lambda cell: (how if (cell.region, cell.slot) in odd else plain).format(**cell.model_dump())


def drawn(seed: int, odd: Collection[Where], foreign: float) -> Callable[[Cell], str]:
    """Everybody draws words; odd ones draw a share of them from elsewhere."""
    chance = random.Random(seed)

    def say(cell: Cell) -> str:
        share = foreign if (cell.region, cell.slot) in odd else 0.0
        return " ".join("zephyr" if chance.random() < share else chance.choice(WORDS) for _ in range(40))

    return say


@pytest.mark.parametrize("who", list(product(("EU", "US", "APAC"), (1, 2, 3))))
def test_a_provider_that_serves_another_model_is_singled_out(who: Where) -> None:
    found = report(spec_of(), served([who]))
    target = found.targets[0]
    assert target.named == ()
    assert target.apart is not None
    assert target.apart.to_json() == {
        "region": who[0],
        "slots": [who[1]],
        "provider": f"0x{who[0]}{who[1]}",
        "distance": 600_000,
        "others": 8,
        "least": 0,
        "greatest": 0,
        "answers": 2,
        "unlike": 2,
        "sameBytes": True,
        "p": {"count": 9, "of": 81, "exact": True},
    }
    assert DiffReport.from_bytes(found.canonical(), "diff.json") == found


def test_with_drawn_answers_it_is_singled_out_by_the_exchange_of_answers() -> None:
    found = apart(spec_of(prompts=3, seeds="independent"), drawn(1, [("US", 2)], 0.5))
    assert found is not None
    assert (found.provider, found.same_bytes, found.answers, found.unlike) == ("0xUS2", False, 6, 6)
    assert 0 < found.least < found.greatest < found.distance
    assert not found.p.exact
    assert 0 < found.p.count / found.p.of < 0.05


def test_one_answer_of_each_says_nothing_of_a_provider() -> None:
    assert apart(spec_of(replicas=1), served([("EU", 1)])) is None


@pytest.mark.parametrize(("odd_answers", "of", "found"), [(1, 2, False), (1, 3, False), (2, 3, True), (2, 4, False)])
def test_a_few_odd_answers_are_an_accident(odd_answers: int, of: int, found: bool) -> None:
    """More than half of its answers must be its own."""
    same, other = served([]), served([("EU", 1)])
    one = apart(spec_of(replicas=of), lambda cell: (other if cell.replica <= odd_answers else same)(cell))
    assert (one is not None) is found


def test_nobody_is_where_all_are_alike() -> None:
    assert apart(spec_of(), served([])) is None


def test_nobody_is_where_only_white_space_differs() -> None:
    plain = served([])
    spaced = apart(spec_of(), lambda cell: plain(cell).replace(" ", "  " if cell.slot == 1 else " "))
    assert spaced is None


@pytest.mark.parametrize("odd", [[("EU", 1), ("US", 1)], [("EU", 1), ("EU", 2)], [("EU", 1), ("EU", 2), ("EU", 3)]])
@pytest.mark.parametrize("replicas", [2, 8])
def test_of_several_odd_ones_none_is(odd: list[Where], replicas: int) -> None:
    assert apart(spec_of(replicas=replicas), served(odd)) is None


def test_a_region_that_differs_has_none() -> None:
    """All of it is served otherwise, each provider in a way of its own."""
    region = [("US", 1), ("US", 2), ("US", 3)]
    target = report(spec_of(prompts=4), served(region, "Ich bin {slot:d} mal anders.")).targets[0]
    assert (target.named, target.apart) == (("US",), None)


def test_beside_a_region_that_differs_one_of_another_is() -> None:
    def say(cell: Cell) -> str:
        return "Ich bin es." if cell.region == "US" else served([("EU", 3)])(cell)

    target = report(spec_of(prompts=2), say).targets[0]
    assert target.named == ("US",)
    assert target.apart is not None
    assert (target.apart.provider, target.apart.others) == ("0xEU3", 5)


def test_alone_in_its_region_it_is_none() -> None:
    """Region and provider cannot be told apart, whatever the others do."""
    assert apart(spec_of(providers=1, replicas=9), served([("EU", 1)])) is None

    def one_left(cell: Cell) -> str | None:
        return None if cell.region == "EU" and cell.slot > 1 else served([("EU", 1)])(cell)

    assert apart(spec_of(), one_left) is None


def test_two_providers_a_region_suffice() -> None:
    target = report(spec_of(providers=2), served([("EU", 1)])).targets[0]
    assert not target.separable
    assert target.apart is not None
    assert (target.apart.provider, target.apart.others) == ("0xEU1", 5)


def test_one_in_two_slots_is_one_provider() -> None:
    odd = served([("EU", 1), ("EU", 2)])
    found = apart(spec_of(), odd, lambda cell: "0xboth" if cell.region == "EU" and cell.slot < 3 else by(cell))
    assert found is not None
    assert (found.provider, found.slots, found.others, found.answers) == ("0xboth", (1, 2), 7, 4)


def test_one_of_several_regions_is_none() -> None:
    odd = served([("EU", 1), ("US", 1)])
    assert (
        apart(spec_of(), odd, lambda cell: "0xboth" if cell.slot == 1 and cell.region != "APAC" else by(cell)) is None
    )


def test_missing_answers_are_no_difference() -> None:
    def say(cell: Cell) -> str | None:
        return None if by(cell) == "0xUS1" or (by(cell) == "0xEU2" and cell.replica > 3) else served([("EU", 2)])(cell)

    found = apart(spec_of(replicas=5), say)
    assert found is not None
    assert (found.provider, found.others, found.answers, found.unlike) == ("0xEU2", 7, 3, 3)


def test_noise_seldom_singles_out() -> None:
    """The rule is held to the job's 5 %; 4 answers of 40 drawn words from each of nine."""
    found = [apart(spec_of(prompts=4, replicas=1), drawn(seed, [], 0.0)) for seed in range(60)]
    assert sum(one is not None for one in found) <= 5


def test_a_slight_shift_of_one_is_found_in_most_runs() -> None:
    found = [apart(spec_of(prompts=6, replicas=1), drawn(seed, [("APAC", 1)], 0.3)) for seed in range(20)]
    assert sum(one is not None and one.provider == "0xAPAC1" for one in found) >= 18


@pytest.mark.parametrize("odd", [("EU", 1), ("APAC", 3)])
def test_real_answers_of_another_kind_single_out(data: Path, odd: Where) -> None:
    """Eight providers serve GPT-4, a ninth GPT-4 told to plan first; a real answer of each to each of ten prompts."""
    plain, planned = (
        [json.loads(line)["samples"] for line in (data / f"tot_text_gpt4_{style}.jsonl").read_text().splitlines()[:10]]
        for style in ("standard", "cot")
    )
    place = {"EU": 0, "US": 3, "APAC": 6}

    def say(cell: Cell) -> str:
        style = planned if (cell.region, cell.slot) == odd else plain
        answer: str = style[int(cell.prompt[1:])][place[cell.region] + cell.slot - 1]
        return answer

    found = apart(spec_of(prompts=10, replicas=1), say)
    assert found is not None
    assert found.provider == f"0x{odd[0]}{odd[1]}"


column = st.lists(st.integers(0, 6), min_size=2, max_size=4).map(tuple)


@settings(derandomize=True, deadline=None)
@given(st.lists(column, max_size=4), st.integers(1, 9))
def test_the_chance_is_that_of_all_ways(values: list[tuple[int, ...]], providers: int) -> None:
    columns: list[Column] = [(own[0], own) for own in values]
    ways = [sum(way) for way in product(*values)]
    extreme = sum(way >= sum(own for own, _ in columns) for way in ways)
    p = chance(columns, providers, b"")
    assert (p.count, p.of, p.exact) == (min(len(ways), providers * extreme), len(ways), True)


def test_a_drawn_chance_is_near_that_of_all_ways() -> None:
    """Six columns of nine are 531,441 ways, too many to count each time, and few enough to count once."""
    values = tuple(range(9))
    columns: list[Column] = [(own, values) for own in (8, 8, 8, 8, 4, 4)]
    exact = sum(sum(way) >= 40 for way in product(values, repeat=6)) / 9**6
    p = chance(columns, 1, b"seed")
    assert (p.of, p.exact) == (2_000, False)
    assert abs(p.count / p.of - exact) < 0.005
    assert chance(columns, 1, b"seed") == p != chance(columns, 1, b"other")
