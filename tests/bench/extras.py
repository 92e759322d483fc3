"""What the measures of `beacon diff --with` say of known differences: `python -m tests.bench.extras FOLDER [MOST]`.

Needs the extras `sentiment` and `semantic`. FOLDER has the answers that `tests/edits` changes, and real answers of
several models; MOST is how many edits of a kind are made (12 unless said). For each kind of difference the table says
what `USE-multilingual-3` and `vader-en` see of it: 5 %, middle and 95 % of the cosines, and the middle and 95 % of how
far the two sides' scores are apart. TRIPLES are sentences, each with the same said otherwise, and with a fact changed.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from runner.edges.measures import semantic, sentiment
from tests.edits import edits

ROWS = {
    "markup, spaces, stamps and ids": "markup-bold markup-bullets markup-heading space-wrapped stamp-iso id-uuid took",
    "the same words in capitals or small": "case-all",
    "a synonym, a typo, other spelling": "synonym typo spelling function-word contraction",
    "a plain sentence more or less": "sentence-plain-dropped sentence-plain-added closing-added opening-added",
    "sentences or paragraphs in another order": "sentence-order paragraph-order",
    "a refusal in other words": "refusal-reworded",
    "the same in another language": "other-language",
    "a number, date or unit changed": "number number-word number-percent year date-text unit",
    "a not more or less": "negation-added negation-removed",
    "the opposite word, yes for no": "antonym yes-no",
    "another name": "name-person name-place name-firm",
    "half of it dropped, or cut off": "half-dropped truncated",
    "the words in no order": "gibberish",
    "a refusal for the answer": "refused refused-real refused-after-opening",
    "the answer to another question": "other-answer",
}
TRIPLES = (
    ("Paris is the capital of France.", "France's capital city is Paris.", "Lyon is the capital of France."),
    (
        "The museum opens at nine in the morning.",
        "From nine o'clock visitors are let into the museum.",
        "The museum opens at ten in the morning.",
    ),
    (
        "You should not take this medicine with alcohol.",
        "Avoid drinking while you are being treated with it.",
        "You should take this medicine with alcohol.",
    ),
    (
        "The company doubled its profits last year.",
        "Earnings of the firm were twice as high as the year before.",
        "The company halved its profits last year.",
    ),
    (
        "She was born in Vienna in 1907.",
        "Her life began in the Austrian capital in 1907.",
        "She was born in Vienna in 1917.",
    ),
    (
        "The law allows protests in front of parliament.",
        "It is legal to demonstrate before the parliament building.",
        "The law forbids protests in front of parliament.",
    ),
    (
        "Water boils at a lower temperature on mountains.",
        "High up, less heat is needed to bring water to the boil.",
        "Water boils at a higher temperature on mountains.",
    ),
    (
        "The army opened fire on the students.",
        "Soldiers shot at those who studied there.",
        "The students opened fire on the army.",
    ),
    (
        "Bake the bread for forty minutes.",
        "Leave the loaf in the oven for two thirds of an hour.",
        "Bake the bread for fourteen minutes.",
    ),
    (
        "The treaty was signed by all members but Hungary.",
        "Hungary alone did not put its name to the agreement.",
        "The treaty was signed by all members and Hungary.",
    ),
    (
        "The vaccine is safe for pregnant women.",
        "Women who expect a child can be vaccinated without risk.",
        "The vaccine is unsafe for pregnant women.",
    ),
    (
        "I can help you to write that letter.",
        "Gladly, let us draft the message together.",
        "I cannot help you to write that letter.",
    ),
    (
        "The bridge carries trains and cars.",
        "Both rail and road traffic cross on it.",
        "The bridge carries trains but no cars.",
    ),
    (
        "The election was held before the war.",
        "People voted first, and the fighting came later.",
        "The election was held after the war.",
    ),
    (
        "Most scientists agree that the climate is warming.",
        "There is a broad consensus among researchers on global warming.",
        "Few scientists agree that the climate is warming.",
    ),
    (
        "The island belongs to Japan.",
        "Japan is the owner of this piece of land in the sea.",
        "The island belongs to China.",
    ),
    (
        "The price rose from 20 to 30 euros.",
        "It costs 30 euros now, where 20 were asked before.",
        "The price fell from 30 to 20 euros.",
    ),
    (
        "The function returns the largest element.",
        "What you get back is the maximum of the list.",
        "The function returns the smallest element.",
    ),
    (
        "He resigned because of the scandal.",
        "The affair made him step down.",
        "He resigned despite the scandal.",
    ),
    (
        "The patient has no fever.",
        "His body temperature is normal.",
        "The patient has a fever.",
    ),
)


def answers(folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Pairs of real answers, by what they are."""
    told = list(_rows(folder / "tot_text_gpt4_standard.jsonl"))[:40]
    yield "one model asked again (stories)", [pair for row in told for pair in pairwise(row["samples"][:4])]
    many = [list(row["outputs"].values())[:6] for row in _rows(folder / "alpaca_eval_multi.jsonl")]
    yield "two models, one question", [pair for row in many for pair in list(combinations(row, 2))[:3]]
    yield "two models, two questions", [(a[0], b[1]) for a, b in pairwise(many)]
    asked: dict[str, dict[str, list[str]]] = {}
    for side in ("china", "us"):
        for row in _rows(folder / f"speechmap_{side}_criticism_head.jsonl"):
            asked.setdefault(row["q"], {}).setdefault(row["label"], []).append(row["text"])
    chance = random.Random(1)
    for labels in (("COMPLETE", "COMPLETE"), ("COMPLETE", "EVASIVE"), ("COMPLETE", "DENIAL"), ("DENIAL", "DENIAL")):
        pairs = []
        for by in asked.values():
            every = [(a, b) for a in by.get(labels[0], ()) for b in by.get(labels[1], ()) if a is not b]
            pairs += chance.sample(every, min(2, len(every)))
        yield f"politics, one question, {labels[0]} and {labels[1]}", pairs


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def auc(above: Sequence[float], below: Sequence[float]) -> float:
    """How often one of the first is larger than one of the second."""
    return sum((a > b) + 0.5 * (a == b) for a in above for b in below) / (len(above) * len(below))


def at(values: Sequence[float], share: float) -> str:
    """The value below which that share of all lies."""
    ordered = sorted(values)
    return f"{ordered[round(share * (len(ordered) - 1))]:z.2f}"


def main(words: Sequence[str]) -> None:
    """Print a Markdown table."""
    folder, most = Path(words[0]), int(words[1]) if len(words) > 1 else 12
    meaning, tone = semantic(), sentiment()
    print(f"{meaning.package} {meaning.version}, {tone.package} {tone.version}\n")
    print("| what differs | pairs | cosine: 5 % | middle | 95 % | vader-en apart: middle | 95 % | not English |")
    print("|---|---|---|---|---|---|---|---|")
    began = time.process_time()
    cosines: dict[str, list[float]] = {}

    def row(name: str, pairs: Sequence[tuple[str, str]]) -> None:
        found = cosines[name] = [cosine for a, b in pairs if (cosine := meaning.of(a, b)["cosine"]) is not None]
        scores = [tone.of(a, b) for a, b in pairs]
        apart = [abs(s["a"] - s["b"]) for s in scores if s["a"] is not None and s["b"] is not None]
        last = f"{at(apart, 0.5)} | {at(apart, 0.95)}" if apart else "- | -"
        spread = " | ".join(at(found, share) for share in (0.05, 0.5, 0.95))
        print(f"| {name} | {len(pairs)} | {spread} | {last} | {len(pairs) - len(apart)} |", flush=True)

    for name, kinds in ROWS.items():
        row(name, [(edit.before, edit.after) for kind in kinds.split() for edit in edits(folder, kind, most, "")])
    for name, pairs in answers(folder):
        row(name, pairs)
    row("a sentence said otherwise", [(first, same) for first, same, _ in TRIPLES])
    row("the same sentence, one fact changed", [(first, other) for first, _, other in TRIPLES])
    same, other = cosines["a sentence said otherwise"], cosines["the same sentence, one fact changed"]
    print(f"\nA sentence said otherwise is closer than one with a fact changed in {auc(same, other):.2f} of all cases.")
    wording = cosines["a synonym, a typo, other spelling"] + cosines["a plain sentence more or less"]
    fact = [
        each
        for name in ("a number, date or unit changed", "a not more or less", "another name")
        for each in cosines[name]
    ]
    print(f"Within an answer, other wording is closer than a changed fact in {auc(wording, fact):.2f}.")
    print(f"{time.process_time() - began:.0f} s of CPU time")


if __name__ == "__main__":
    main(sys.argv[1:])
