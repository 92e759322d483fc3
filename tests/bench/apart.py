"""How often a provider is singled out, wrongly and rightly: `python -m tests.bench.apart FOLDER [TRIALS]`.

The folder has `tot_text_gpt4_standard.jsonl` and `tot_text_gpt4_cot.jsonl`: 100 prompts with ten answers each of GPT-4
at temperature 1, asked plainly, and ten told to plan first. Two models differ more than these two ways to serve one.
Each trial draws prompts and answers, and deals the answers to three regions of three providers, one for each prompt.
Where seeds are shared, all give one answer, but for a share of answers that come out as another one.

Columns: nobody is odd; one provider is served the other way; two of them are, in two regions; all of one region. In the
first, third and last, naming any provider is wrong. Last: how often a region is named although one provider is odd.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from runner.bundle import Observation
from runner.compare.apart import apart
from runner.compare.design import level
from runner.compare.naming import exchanged, find, seed
from runner.compare.units import gather, unit_distances
from runner.compare.verdict import APART
from runner.model import JobSpec
from runner.model.run import cells
from tests import make

REGIONS, PROVIDERS = 3, 3
ODD: dict[str, frozenset[int]] = {
    "nobody": frozenset(),
    "one": frozenset({4}),
    "two": frozenset({1, 4}),
    "a region": frozenset({3, 4, 5}),
}
"""Which of the nine providers are served the other way; 3 to 5 are those of the second region."""


class Named(NamedTuple):
    """Who was named in a trial: the number of a provider, or a region."""

    provider: int | None
    region: bool


def job(prompts: int) -> JobSpec:
    """Three regions of three providers, an answer of each to each prompt."""
    return make.job(
        prompts=[{"id": f"p{number}", "text": "Write."} for number in range(prompts)],
        sampling={"providers": PROVIDERS, "replicas": 1, "seeds": "shared"},
    )


def trial(spec: JobSpec, odd: frozenset[int], styles: Sequence[Sequence[Sequence[str]]], flips: float | None) -> Named:
    """One run of a job. `flips` is None where every answer is drawn anew."""
    plain, other = styles
    chosen = CHANCE.sample(range(len(plain)), len(spec.spec.prompts))
    orders = [(CHANCE.sample(plain[number], 10), CHANCE.sample(other[number], 10)) for number in chosen]
    order = {region.name: number for number, region in enumerate(spec.spec.regions)}
    seen = []
    for cell in cells(spec):
        who = order[cell.region] * PROVIDERS + cell.slot - 1
        mine = orders[int(cell.prompt[1:])][who in odd]
        same = flips is not None and CHANCE.random() >= flips
        seen.append(Observation(cell, "ok", mine[9 if same else who].encode(), str(who), None))
    gathered = gather(spec, "smollm2", seen)
    distances = unit_distances(gathered.texts, gathered.units)
    named = find(gathered, exchanged(gathered, distances), level(spec)).named
    rest = [region for region in gathered.regions if region not in named]
    found = apart(gathered, distances, rest, level(spec), seed(gathered, APART))
    return Named(int(found.provider) if found else None, bool(named))


def main(folder: Path, trials: int) -> None:
    """Print a Markdown table."""
    plain, planned = (_answers(folder / f"tot_text_gpt4_{style}.jsonl") for style in ("standard", "cot"))
    print("| answers | prompts | nobody | one | two | a region | region named, one odd |")
    print("|---|---|---|---|---|---|---|")
    for what, styles, flips in (
        ("drawn, usual way plain", (plain, planned), None),
        ("drawn, usual way planned", (planned, plain), None),
        ("shared seeds, 0 % other", (plain, planned), 0.0),
        ("shared seeds, 2 % other", (plain, planned), 0.02),
        ("shared seeds, 10 % other", (plain, planned), 0.1),
    ):
        for prompts in (2, 3, 4, 6, 10):
            spec = job(prompts)
            row = []
            for who, odd in ODD.items():
                found = [trial(spec, odd, styles, flips) for _ in range(trials)]
                right = sum(named.provider in odd if who == "one" else named.provider is not None for named in found)
                row.append(right / trials)
                if who == "one":
                    blamed = sum(named.region for named in found) / trials
            print(f"| {what} | {prompts} |", *(f"{100 * share:.1f} % |" for share in (*row, blamed)), flush=True)


def _answers(path: Path) -> list[list[str]]:
    return [json.loads(line)["samples"] for line in path.read_text().splitlines()]


CHANCE = random.Random(3)

if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 300)
