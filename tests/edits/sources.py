# ruff: noqa: E501 (tables of words)
"""Where the edited answers come from: real ones of the data folder, and `passages.py` where the data have too few."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.edits.passages import PASSAGES

Pair = tuple[str, str]


class Answer(NamedTuple):
    """One answer. `lang` is en, de or zh; `question` tells whether two answer the same."""

    text: str
    lang: str
    question: str


class Source(NamedTuple):
    """An answer to edit, and what else an edit may draw from."""

    answer: Answer
    others: tuple[Answer, ...]
    refusals: tuple[str, ...]
    choices: tuple[Pair, ...]
    """(question, answer) of surveys, answered "(A). A great deal"."""

    @property
    def text(self) -> str:
        return self.answer.text

    @property
    def lang(self) -> str:
        return self.answer.lang


Make = Callable[[random.Random, Source], Pair | None]
MAKERS: dict[str, Make] = {}


def kind(name: str) -> Callable[[Make], Make]:
    """Name a function that makes an edit of a kind. It returns None where an answer does not lend itself."""

    def keep(make: Make) -> Make:
        assert name not in MAKERS
        MAKERS[name] = make
        return make

    return keep


def _rows(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


@cache
def answers(folder: Path) -> tuple[Answer, ...]:
    """Answers of 40 to 4,000 characters: many English ones, those in Chinese, all passages many times over."""
    found = []
    for row in _rows(folder / "alpaca_eval_multi.jsonl"):
        found += [Answer(text.strip(), "en", f"alpaca {row['i']}") for text in row["outputs"].values()]
    for style in ("standard", "cot"):
        for row in _rows(folder / f"tot_text_gpt4_{style}.jsonl"):
            found += [Answer(text.strip(), "en", f"tot {row['prompt_id']}") for text in row["samples"][:3]]
    for side in ("china", "us"):
        for number, row in enumerate(_rows(folder / f"speechmap_{side}_criticism_head.jsonl")):
            lang = "zh" if len(re.findall(r"[\u4e00-\u9fff]", row["text"])) > 100 else "en"
            if row["label"] == "COMPLETE" and (lang == "zh" or number % 4 == 0):
                found.append(Answer(row["text"].strip(), lang, row["q"]))
    for lang, texts in PASSAGES.items():
        found += [Answer(text, lang, f"passage {number}") for number, text in enumerate(texts)] * (
            1 if lang == "en" else 20
        )
    return tuple(answer for answer in found if 40 <= len(answer.text) <= 4000)


@cache
def real_refusals(folder: Path) -> tuple[str, ...]:
    """What models wrote where a judge said DENIAL."""
    return tuple(
        row["text"].strip()
        for side in ("china", "us")
        for row in _rows(folder / f"speechmap_{side}_criticism_head.jsonl")
        if row["label"] == "DENIAL" and 20 <= len(row["text"]) <= 600
    )


@cache
def choices(folder: Path) -> tuple[Pair, ...]:
    """Surveys answered with one option, letter and words."""
    return tuple(
        (row["prompt"], row["outputs"]["gpt-4-0314"].strip())
        for row in _rows(folder / "llmdrift_opinionqa.jsonl")
        if re.fullmatch(r"\([A-H]\)\. .+", row["outputs"]["gpt-4-0314"].strip())
    )


# What edits share.

NUMBERS_EN = "one two three four five six seven eight nine ten eleven twelve hundred thousand million once twice first second third half"
NEGATIONS_EN = r"\b(?:not|no|never|none|nothing|nobody|without|neither|nor|cannot|hardly|few|unlike)\b|n['’]t\b"
_WORDS = re.compile(rf"\b(?:{NUMBERS_EN.replace(' ', '|')})\b|{NEGATIONS_EN}", re.IGNORECASE)
_PLAIN_DE = re.compile(r"\b(?:nicht|kein\w*|nie|ohne|ein\w*|zwei|drei|zehn|zwölf|Millionen)\b")


def sentences(text: str, lang: str) -> list[str]:
    """The sentences, whose joined text is the text."""
    if lang == "zh":
        return re.findall(r".+?(?:[。！？]\s*|$)", text, re.DOTALL)
    return re.findall(r".+?(?:(?<![A-Z])(?<!\d)[.!?][\"”’)]?(?:\s+(?=[\"“A-ZÄÖÜ#*-])|\s*$)|\n\n|$)", text, re.DOTALL)


def plain(sentence: str, lang: str) -> bool:
    """Whether it holds no number, name or negation, as far as letters tell, and no markup."""
    body = sentence.strip()
    if not body or re.search(r"[\d*#`|_<>:\[\]\"“”\n]", body) or (lang != "zh" and len(body) < 25):
        return False
    if lang == "zh":
        return len(body) >= 6 and not re.search(r"[一二三四五六七八九十百千万两不没无非]", body)
    if lang == "de":
        return not _PLAIN_DE.search(body)
    return len(body) <= 220 and not _WORDS.search(body) and not re.search(r"(?<=[^.!?] )(?!I\b)[A-Z]|-", body)


def prose(source: Source, least: int = 8) -> list[str] | None:
    """The sentences of a long answer, or None."""
    found = sentences(source.text, source.lang)
    return found if len(found) >= least else None


def swap_words(
    chance: random.Random, text: str, table: dict[str, str], most: int = 1, small: bool = False
) -> str | None:
    """The text with up to `most` words of the table replaced, capitals kept. None where there is none."""
    flags = 0 if small else re.IGNORECASE
    words = [word for word in table if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, flags)]
    if not words:
        return None
    for word in chance.sample(words, min(len(words), chance.randint(1, most))):
        hits = list(re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", text, flags))
        if not hits:
            continue
        hit = chance.choice(hits)
        new = table[word]
        new = new[:1].upper() + new[1:] if hit.group()[:1].isupper() else new
        text = text[: hit.start()] + new + text[hit.end() :]
    return text


def carried(chance: random.Random, source: Source, carriers: dict[str, tuple[str, ...]], values: Pair) -> Pair:
    """The answer with a sentence that holds one value, and the same with the other."""
    carrier = chance.choice(carriers[source.lang])
    sentence_before, sentence_after = (carrier.replace("{v}", value) for value in values)
    if chance.random() < 0.5:
        return f"{source.text}\n\n{sentence_before}", f"{source.text}\n\n{sentence_after}"
    return f"{sentence_before}\n\n{source.text}", f"{sentence_after}\n\n{source.text}"
