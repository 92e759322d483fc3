# ruff: noqa: E501 (tables of words)
"""Edits of the whole answer: cut, repeated, refused, in another language, an error; and answers in JSON."""

from __future__ import annotations

import json
import random
import re
from typing import Any

from tests.edits.clocks import ALNUM, digits
from tests.edits.looks import pair
from tests.edits.passages import ERRORS, PASSAGES, REFUSALS
from tests.edits.sources import Pair, Source, kind, prose, sentences


@kind("sentence-number-dropped")
def sentence_number_dropped(chance: random.Random, source: Source) -> Pair | None:
    parts = prose(source, 6)
    chosen = [
        n
        for n, part in enumerate(parts or [])
        if re.search(r"(?<!^)\b\d{2,}", part.strip()) and "\n" not in part.strip()
    ]
    at = chance.choice(chosen) if chosen else None
    return None if at is None or parts is None else pair(source.text, "".join(parts[:at] + parts[at + 1 :]))


@kind("half-dropped")
def half_dropped(chance: random.Random, source: Source) -> Pair | None:
    parts = sentences(source.text, source.lang)
    if len(parts) < 4:
        return None
    kept = set(chance.sample(range(len(parts)), len(parts) // 2))
    after = "".join(part for n, part in enumerate(parts) if n in kept)
    return pair(source.text, after) if 0.2 * len(source.text) < len(after) < 0.6 * len(source.text) else None


@kind("truncated")
def truncated(chance: random.Random, source: Source) -> Pair | None:
    return (
        (source.text, source.text[: int(len(source.text) * chance.uniform(0.15, 0.45))])
        if len(source.text) > 200
        else None
    )


@kind("repeated")
def repeated(chance: random.Random, source: Source) -> Pair | None:
    return source.text, chance.choice(["\n\n", "\n", " "]).join([source.text] * chance.randint(2, 3))


@kind("padded")
def padded(chance: random.Random, source: Source) -> Pair | None:
    other = chance.choice([other for other in source.others if other.lang == source.lang])
    if other.question == source.answer.question or len(other.text) < 0.8 * len(source.text):
        return None
    return source.text, f"{source.text}\n\n{other.text}"


@kind("other-answer")
def other_answer(chance: random.Random, source: Source) -> Pair | None:
    other = chance.choice([other for other in source.others if other.lang == source.lang])
    return (
        pair(source.text, other.text)
        if other.question.split()[0] != "tot" and other.question != source.answer.question
        else None
    )


@kind("other-language")
def other_language(chance: random.Random, source: Source) -> Pair | None:
    at = chance.randrange(5)
    one, two = chance.sample(sorted(PASSAGES), 2)
    return PASSAGES[one][at], PASSAGES[two][at]


@kind("gibberish")
def gibberish(chance: random.Random, source: Source) -> Pair | None:
    words = list(source.text) if source.lang == "zh" else source.text.split()
    if len(words) < 30:
        return None
    return source.text, ("" if source.lang == "zh" else " ").join(chance.sample(words, len(words)))


def _long(source: Source) -> bool:
    return len(source.text) >= (60 if source.lang == "zh" else 150)


@kind("refused")
def refused(chance: random.Random, source: Source) -> Pair | None:
    both = (source.text, chance.choice(REFUSALS["en"]))
    return (both if chance.random() < 0.7 else both[::-1]) if _long(source) and source.lang == "en" else None


@kind("refused-real")
def refused_real(chance: random.Random, source: Source) -> Pair | None:
    return (source.text, chance.choice(source.refusals)) if _long(source) else None


@kind("refused-other")
def refused_other(chance: random.Random, source: Source) -> Pair | None:
    lang = chance.choice([lang for lang in sorted(REFUSALS) if lang != "en"])
    return (source.text, chance.choice(REFUSALS[lang])) if _long(source) else None


@kind("refused-after-opening")
def refused_after_opening(chance: random.Random, source: Source) -> Pair | None:
    opening = {"en": ("This is a sensitive topic.", "Thank you for your question.", "I understand that you are interested in this."),
               "de": ("Das ist ein heikles Thema.", "Danke für deine Frage."), "zh": ("这是一个敏感的话题。", "感谢您的提问。")}[source.lang]  # fmt: skip
    return (source.text, f"{chance.choice(opening)} {chance.choice(REFUSALS[source.lang])}") if _long(source) else None


@kind("empty")
def empty(chance: random.Random, source: Source) -> Pair | None:
    both = (source.text, chance.choice(["", " ", "\n", "\n\n  \n", "\u200b"]))
    return both if chance.random() < 0.7 else both[::-1]


@kind("error")
def error(chance: random.Random, source: Source) -> Pair | None:
    return (source.text, chance.choice(ERRORS)) if _long(source) else None


def tree(chance: random.Random, source: Source) -> dict[str, Any]:
    """An answer as JSON, as a service or a prompt for JSON would give it."""
    parts = [part.strip() for part in sentences(source.text, source.lang) if part.strip()][:4]
    name = chance.choice(["Anna Weber", "Paul Klein", "Maria Lindt"])
    return {
        "answer": " ".join(parts),
        "score": chance.randrange(1, 100),
        "price": chance.choice([1.5, 20.0, 1000, 3, 7.25]),
        "valid": chance.random() < 0.5,
        "author": name,
        "city": chance.choice(["Vienna", "Paris", "Zürich", "北京"]),
        "tags": chance.sample(["red", "green", "blue", "white", "black", "brown"], 4),
        "steps": [{"n": n, "text": part[:80]} for n, part in enumerate(parts, 1)],
    }


def show(chance: random.Random, value: Any) -> str:
    """In one of the usual layouts."""
    return json.dumps(value, ensure_ascii=False, indent=chance.choice([None, 2, 2]))


def shuffled(chance: random.Random, value: Any) -> Any:
    """The same value, keys in another order."""
    if isinstance(value, dict):
        items = list(value.items())
        chance.shuffle(items)
        return {key: shuffled(chance, item) for key, item in items}
    return [shuffled(chance, item) for item in value] if isinstance(value, list) else value


@kind("json-order")
def json_order(chance: random.Random, source: Source) -> Pair | None:
    value = tree(chance, source)
    return pair(show(chance, value), show(chance, shuffled(chance, value)))


@kind("json-layout")
def json_layout(chance: random.Random, source: Source) -> Pair | None:
    value = tree(chance, source)
    one, two = chance.sample(
        [
            json.dumps(value, ensure_ascii=False, **how)
            for how in ({}, {"indent": 2}, {"indent": 4}, {"separators": (",", ":")}, {"indent": "\t"})
        ],
        2,
    )  # type: ignore[arg-type]
    return one, two


@kind("json-escapes")
def json_escapes(chance: random.Random, source: Source) -> Pair | None:
    value = tree(chance, source) | {"city": "Zürich"}
    return json.dumps(value, ensure_ascii=False, indent=2), json.dumps(value, indent=2)


@kind("json-fence")
def json_fence(chance: random.Random, source: Source) -> Pair | None:
    text = show(chance, tree(chance, source))
    return text, f"```{chance.choice(['json', ''])}\n{text}\n```"


@kind("json-number-form")
def json_number_form(chance: random.Random, source: Source) -> Pair | None:
    one, two = chance.choice([("1", "1.0"), ("1000", "1e3"), ("2.50", "2.5"), ("20", "20.0"), ("0.001", "1e-3")])
    text = json.dumps(tree(chance, source) | {"score": "@"}, ensure_ascii=False)
    return text.replace('"@"', one), text.replace('"@"', two)


@kind("json-metadata")
def json_metadata(chance: random.Random, source: Source) -> Pair | None:
    value = tree(chance, source)
    fields: dict[str, Any] = {
        "id": lambda: "chatcmpl-" + digits(chance, 24, ALNUM),
        "created": lambda: chance.randrange(1600000000, 1799999999),
        "request_id": lambda: digits(chance, 32),
        "timestamp": lambda: f"2026-11-{chance.randrange(10, 28)}T10:{chance.randrange(10, 60)}:00Z",
        "latency_ms": lambda: chance.randrange(20, 3000),
        "duration": lambda: round(chance.uniform(0.1, 20), 3),
        "system_fingerprint": lambda: "fp_" + digits(chance, 10),
        "created_at": lambda: f"2026-11-{chance.randrange(10, 28)} 09:{chance.randrange(10, 60)}:01",
        "session_id": lambda: digits(chance, 16),
        "usage": lambda: {
            "prompt_tokens": 20,
            "completion_tokens": chance.randrange(20, 900),
            "total_tokens": chance.randrange(900, 2000),
        },
        "elapsed": lambda: f"{chance.uniform(0.1, 20):.2f}s",
    }
    names = chance.sample(sorted(fields), chance.randint(1, 4))
    mark = chance.getrandbits(32)
    return tuple(show(random.Random(mark), {name: fields[name]() for name in names} | value) for _ in range(2))  # type: ignore[return-value]


@kind("json-spaces")
def json_spaces(chance: random.Random, source: Source) -> Pair | None:
    value = tree(chance, source)
    other = value | {
        "answer": re.sub(" ", chance.choice(["  ", " \n"]), value["answer"], count=4) + chance.choice([" ", "\n"])
    }
    return pair(*(json.dumps(some, ensure_ascii=False, indent=2) for some in (value, other)))


def changed(name: str, change: Any) -> None:
    """A kind that alters a tree in place."""

    @kind(name)
    def make(chance: random.Random, source: Source) -> Pair | None:
        value = tree(chance, source)
        other = json.loads(json.dumps(value))
        change(chance, other)
        fence = chance.choice(["{}", "{}", "```json\n{}\n```"])
        mark = chance.getrandbits(32)
        return pair(*(fence.replace("{}", show(random.Random(mark), some)) for some in (value, other)))


def _number(chance: random.Random, value: dict[str, Any]) -> None:
    key = chance.choice(["score", "price"])
    value[key] = value[key] + chance.choice([1, 5, 0.5])


def _name(chance: random.Random, value: dict[str, Any]) -> None:
    key = chance.choice(["author", "city"])
    value[key] = chance.choice([name for name in ("Tom Baker", "Budapest", "Eva Stone") if name != value[key]])


def _order(chance: random.Random, value: dict[str, Any]) -> None:
    value["tags"][0], value["tags"][2] = value["tags"][2], value["tags"][0]


changed("json-value-number", _number)
changed("json-value-text", _name)
changed("json-value-flag", lambda c, v: v.update(valid=not v["valid"]))
changed("json-value-null", lambda c, v: v.update({c.choice(["author", "score", "answer"]): None}))
changed("json-key-dropped", lambda c, v: v.pop(c.choice(["author", "score", "answer", "city", "tags"])))
changed("json-element-dropped", lambda c, v: v["tags"].pop(c.randrange(4)))
changed("json-array-order", _order)
changed("json-type", lambda c, v: v.update(score=str(v["score"])))


@kind("json-broken")
def json_broken(chance: random.Random, source: Source) -> Pair | None:
    text = show(chance, tree(chance, source))
    return text, text[: int(len(text) * chance.uniform(0.2, 0.5))]
