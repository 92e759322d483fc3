"""How often regions are named, wrongly and rightly: `python -m tests.bench.compare FOLDER [--quick] [ROW ...]`.

FOLDER has real answers (`tot_text_gpt4_standard.jsonl`, `tot_text_gpt4_cot.jsonl`: 100 prompts, ten answers each of
GPT-4 at temperature 1, asked plainly, and ten told to plan first; `alpaca_eval_multi.jsonl`: 59 prompts, 23 models).
Every provider is independent: its answers are drawn for it alone, without replacement, and in random order, because the
answers of one batch get shorter with their place in it. `x`: regions x providers x prompts, one answer to each prompt.

    nobody odd     FPR is the share of runs that name any region
    one odd        a region is served the other way: power is the share of runs that name it; innocent names another one
    a share odd    the same, but only this share of its answers
    mixed          every answer is of either way at random, or of a model at random: nobody is odd, noise is large
    simulated      points in eight dimensions, providers explain a share of the variance, regions none
    30 looks       the same, by a series of looks, and by any single one of them; `looks` prints these alone

Odd is plain among planned in half of the trials. Beside our figures stand those of the Hamming kernel of model equality
testing (Gao, Liang and Guestrin, 2025) on the same splits: equal code points at equal places among the first 1,000,
mean over prompts, exchanged by provider as ours are, so that only the measure differs. "to" is the upper end of the
95 % interval (Clopper and Pearson). Seeds are fixed: the same table every time.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations
from math import exp, isqrt, lgamma, log, log1p
from pathlib import Path
from typing import NamedTuple, TypeAlias

from rapidfuzz.distance import Hamming

from runner.bundle import Observation
from runner.compare.naming import exchanged, find
from runner.compare.permutation import Matrix
from runner.compare.series import series
from runner.compare.units import Gathered, gather, unit_distances
from runner.model.run import cells
from tests import make

LEVEL = Fraction(1, 20)
Styles: TypeAlias = tuple[Sequence[Sequence[str]], Sequence[Sequence[str]]]
"""By prompt, the answers of the usual way and of the other."""


class Row(NamedTuple):
    """One line of the table. `share` is that of the odd region's answers that are served the other way."""

    name: str
    data: str
    regions: int
    providers: int
    prompts: int
    share: float
    trials: int
    quick: int


ROWS = (
    Row("nobody", "ways", 3, 3, 1, 0, 2000, 300),
    Row("nobody", "ways", 2, 5, 1, 0, 3000, 200),
    Row("nobody", "ways", 3, 3, 10, 0, 1500, 30),
    Row("nobody", "ways", 2, 5, 10, 0, 8000, 30),
    Row("nobody", "ways", 3, 3, 20, 0, 1500, 20),
    Row("mixed", "ways", 3, 3, 1, 0, 3000, 200),
    Row("mixed", "ways", 3, 4, 1, 0, 4000, 100),
    Row("mixed", "ways", 3, 5, 1, 0, 4000, 30),
    Row("mixed", "models", 3, 3, 1, 0, 3000, 200),
    Row("mixed", "models", 3, 4, 1, 0, 4000, 100),
    Row("mixed", "models", 3, 3, 5, 0, 2000, 40),
    Row("one odd", "ways", 3, 3, 1, 1, 2000, 200),
    Row("one odd", "ways", 3, 4, 1, 1, 4000, 100),
    Row("one odd", "ways", 3, 5, 1, 1, 4000, 30),
    Row("one odd", "ways", 2, 5, 1, 1, 2000, 100),
    Row("one odd", "ways", 3, 3, 20, 1, 400, 20),
    Row("one odd", "ways", 3, 3, 30, 1, 400, 10),
    Row("one odd", "families", 3, 3, 1, 1, 2000, 50),
    Row("one odd", "families", 3, 4, 1, 1, 4000, 30),
    Row("one odd", "families", 3, 3, 5, 1, 1000, 30),
    Row("one odd", "families", 3, 3, 20, 1, 400, 10),
    Row("a share odd", "ways", 2, 5, 10, 0.3, 1000, 60),
    Row("a share odd", "ways", 3, 3, 10, 0.3, 1000, 60),
)


class Tally(NamedTuple):
    """What was named in one trial, by one measure."""

    odd: bool
    innocent: bool


def main(folder: Path, quick: bool, wanted: Sequence[str]) -> None:
    """Print a Markdown table."""
    data = {"ways": _ways(folder), "models": _models(folder), "families": _families(folder)}
    print("| who is odd | answers | x | trials | ours | innocent | Hamming | innocent | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in ROWS:
        if not wanted or row.name in wanted:
            trials = row.quick if quick else row.trials
            _print(row, trials, run(row, data[row.data], trials))
    for providers in (3, 4):
        for percent in (0, 10, 25, 50):
            trials = (200 if quick else 3000) if providers == 3 else (40 if quick else 2000)
            if not wanted or "simulated" in wanted:
                _simulate(providers, percent, trials)
    for percent, again in ((0, False), (25, False), (25, True)):
        if not wanted or "looks" in wanted:
            _looks(percent, again, 20 if quick else 400)


def _print(row: Row, trials: int, found: Iterator[tuple[Tally, Tally]]) -> None:
    began = time.process_time()
    tallies = list(found)
    shape = f"{row.regions} x {row.providers} x {row.prompts}"
    cellsof = []
    for mine in zip(*tallies, strict=True):
        odd, innocent = sum(tally.odd for tally in mine), sum(tally.innocent for tally in mine)
        cellsof += [_share(odd, trials) if row.share else "", _share(innocent, trials)]
    who = f"{row.name} {row.share:.0%}" if 0 < row.share < 1 else row.name
    print(f"| {who} | {row.data} | {shape} | {trials} |", *(f"{cell} |" for cell in cellsof), end="")
    print(f" {time.process_time() - began:.0f} |", flush=True)


def run(row: Row, data: Sequence[Styles], trials: int) -> Iterator[tuple[Tally, Tally]]:
    """Trials of a row, by our measure and by the Hamming kernel."""
    chance = random.Random(f"{row._replace(trials=0, quick=0)}")  # more trials go on where fewer ended
    spec = make.job(
        prompts=[{"id": f"p{number}", "text": "Write."} for number in range(row.prompts)],
        regions=[{"name": f"R{number}"} for number in range(row.regions)],
        minRegions=2,
        sampling={"providers": row.providers, "replicas": 1, "seeds": "independent"},
    )
    units = row.regions * row.providers
    for trial in range(trials):
        odd = chance.randrange(row.regions)
        plain, other = data[trial % len(data)]
        texts = _drawn(row, plain, other, odd, units, chance)
        seen = [
            Observation(cell, "ok", texts[int(cell.prompt[1:])][who].encode(), f"u{who}", None)
            for cell in cells(spec)
            for who in [int(cell.region[1:]) * row.providers + cell.slot - 1]
        ]
        gathered = gather(spec, "smollm2", seen)
        yield (
            _tally(gathered, exchanged(gathered, unit_distances(gathered.texts, gathered.units)), row, odd),
            _tally(gathered, hamming(texts, units), row, odd),
        )


def _drawn(
    row: Row,
    plain: Sequence[Sequence[str]],
    other: Sequence[Sequence[str]],
    odd: int,
    units: int,
    chance: random.Random,
) -> list[list[str]]:
    """By prompt, an answer for each provider."""
    texts = []
    for number in chance.sample(range(len(plain)), row.prompts):
        if row.name == "mixed":
            texts.append(chance.sample([*plain[number], *other[number]], units))
            continue
        spare = chance.sample(other[number], row.providers)
        usual = iter(chance.sample(plain[number], min(units, len(plain[number]))))
        region = [unit // row.providers for unit in range(units)]
        texts.append(
            [
                spare[unit % row.providers] if where == odd and chance.random() < row.share else next(usual)
                for unit, where in enumerate(region)
            ]
        )
    return texts


def _tally(gathered: Gathered, distances: Matrix, row: Row, odd: int) -> Tally:
    named = find(gathered, distances, LEVEL).named
    hit = bool(row.share) and f"R{odd}" in named
    if row.regions == 2:  # two regions differ from each other: neither is innocent
        return Tally(hit, bool(named) and not row.share)
    return Tally(hit, any(region != f"R{odd}" or not row.share for region in named))


def hamming(texts: Sequence[Sequence[str]], units: int) -> list[list[int]]:
    """One less the Hamming kernel, mean over prompts, in parts per million; what is past both ends counts as equal."""
    matrix = [[0] * units for _ in range(units)]
    for a, b in combinations(range(units), 2):
        apart = sum(Hamming.distance(text[a][:1000], text[b][:1000], pad=True) for text in texts)
        matrix[a][b] = matrix[b][a] = apart * 1000 // len(texts)
    return matrix


def _simulate(providers: int, percent: int, trials: int) -> None:
    """Three regions; `percent` of the variance between answers is between providers. Regions explain nothing."""
    chance, alarms, began = random.Random(f"{providers} {percent}"), 0, time.process_time()
    gathered = _gathered(providers)
    for _ in range(trials):
        alarms += bool(find(gathered, _points(_habits(3 * providers, percent, chance), percent, chance), LEVEL).named)
    took = time.process_time() - began
    shape = f"3 x {providers} x 1"
    print(f"| simulated | providers {percent} % | {shape} | {trials} | | {_share(alarms, trials)} | | | {took:.0f} |")


def _looks(percent: int, again: bool, trials: int) -> None:
    """A job of three regions of three providers, tested 30 times; the providers are others each time, or the same."""
    chance, alarms, singles = random.Random(f"{percent} {again}"), 0, 0
    began, gathered = time.process_time(), _gathered(3)
    for _ in range(trials):
        habits, ps = _habits(9, percent, chance), []
        for _ in range(30):
            found = find(gathered, _points(habits, percent, chance), LEVEL).steps[0].p
            ps.append(Fraction(found.count, found.of))
            habits = habits if again else _habits(9, percent, chance)
        said = series(ps, LEVEL)
        alarms += said.since is not None
        singles += said.significant > 0
    took = time.process_time() - began
    who = f"30 looks, {'the same' if again else 'new'} providers"
    cells_ = f"| | {_share(alarms, trials)} | single looks: | {_share(singles, trials)} | {took:.0f} |"
    print(f"| {who} | providers {percent} % | 3 x 3 x 1 | {trials} {cells_}", flush=True)


def _gathered(providers: int) -> Gathered:
    """Three regions of so many providers, with any answers."""
    spec = make.job(sampling={"providers": providers, "replicas": 1, "seeds": "independent"})
    seen = [Observation(c, "ok", f"{c.region} {c.slot}".encode(), f"{c.region}{c.slot}", None) for c in cells(spec)]
    return gather(spec, "smollm2", seen)


def _habits(units: int, percent: int, chance: random.Random) -> list[list[float]]:
    return [[chance.gauss(0, (percent / 100) ** 0.5) for _ in range(8)] for _ in range(units)]


def _points(habits: Sequence[Sequence[float]], percent: int, chance: random.Random) -> list[list[int]]:
    """Mean distances between providers of three answers each, around the habits of each."""
    within = (1 - percent / 100) ** 0.5
    points = [[[chance.gauss(mean, within) for mean in own] for _ in range(3)] for own in habits]
    matrix = [[0] * len(points) for _ in points]
    for a, b in combinations(range(len(points)), 2):
        matrix[a][b] = matrix[b][a] = sum(_euclid(x, y) for x in points[a] for y in points[b]) // 9
    return matrix


def _euclid(x: Sequence[float], y: Sequence[float]) -> int:
    return isqrt(sum(round(1000 * (a - b)) ** 2 for a, b in zip(x, y, strict=True)))


def _share(hits: int, trials: int) -> str:
    return f"{hits / trials:.3f} to {upper(hits, trials):.3f}"


def upper(hits: int, trials: int) -> float:
    """The upper end of the exact two-sided 95 % interval of a share."""
    if hits == trials:
        return 1.0
    low, high = hits / trials, 1.0
    for _ in range(40):  # bisection
        middle = (low + high) / 2
        below = sum(_binomial(trials, k, middle) for k in range(hits + 1))
        low, high = (middle, high) if below > 0.025 else (low, middle)
    return high


def _binomial(n: int, k: int, p: float) -> float:
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p))


def _ways(folder: Path) -> list[Styles]:
    plain, planned = (
        [json.loads(line)["samples"] for line in (folder / f"tot_text_gpt4_{style}.jsonl").read_text().splitlines()]
        for style in ("standard", "cot")
    )
    return [(plain, planned), (planned, plain)]


def _alpaca(folder: Path, keep: Callable[[str], bool]) -> list[list[str]]:
    rows = map(json.loads, (folder / "alpaca_eval_multi.jsonl").read_text().splitlines())
    return [[text for model, text in row["outputs"].items() if keep(model)] for row in rows]


def _models(folder: Path) -> list[Styles]:
    everyone = _alpaca(folder, lambda model: True)
    return [(everyone, [[] for _ in everyone])]


def _families(folder: Path) -> list[Styles]:
    """Providers with any model of OpenAI, and a region with any of Anthropic: much noise, as no two serve the same."""
    return [
        (_alpaca(folder, lambda m: m.startswith("gpt")), _alpaca(folder, lambda m: "claude" in m)),
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--quick" in sys.argv, [argument for argument in sys.argv[2:] if argument[:2] != "--"])
