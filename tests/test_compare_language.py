"""Proves that languages are told rightly or not at all, on answers in 36 languages written for this, and that no text,
however made, costs much or fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.compare import function_words
from runner.compare.function_words import NAMES
from runner.compare.language import READ, UNKNOWN, language, named
from runner.compare.signals import tidy

ANSWERS = [
    line.split("\t")
    for line in (Path(__file__).parent / "languages" / "answers.tsv").read_text(encoding="utf-8").splitlines()
]
SHARED = (function_words.LATIN, function_words.CYRILLIC, function_words.ARABIC, function_words.DEVANAGARI)


def test_answers_in_36_languages() -> None:
    """The figures of `docs/statistics.md`."""
    told = [(code, language(tidy(text))) for code, text in ANSWERS]
    assert len({code for code, _ in told}) == 36
    assert not [(code, found) for code, found in told if found not in (code, UNKNOWN)]
    assert (len(told), sum(code == found for code, found in told)) == (69, 67)


@pytest.mark.parametrize("code", ["en", "de", "fr", "es", "it", "pl", "tr", "ru", "uk", "hi", "ar", "fa", "zh", "ja"])
def test_a_longer_answer_is_told(code: str) -> None:
    text = " ".join(text for other, text in ANSWERS if other == code)
    assert language(tidy(text * 2)) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "42",
        "Paris",
        "SmolLM2-135M",
        "東京",
        "def f(x):\n    return x + 1",
        "```python\nfor word in the_words: print(word)  # this is the code of it\n```",
        "x" * 10_000,
        "{}[]!?.,;" * 100,
        "Canberra Sydney Melbourne Brisbane Perth Adelaide Hobart Darwin",
    ],
)
def test_what_is_short_or_no_prose_is_unknown(text: str) -> None:
    assert language(tidy(text)) == UNKNOWN


def test_half_of_one_and_half_of_another_is_unknown() -> None:
    chinese = "我是一个小型语言模型由一家法国公司开发"
    assert language(chinese) == "zh"
    assert language(chinese + " " + "abc" * len(chinese)) == UNKNOWN


def test_chinese_with_english_terms_is_chinese() -> None:
    assert language("我是一个小型语言模型,由 Hugging Face 公司开发,可以回答 API 和 Python 方面的问题。") == "zh"


def test_only_the_beginning_is_read() -> None:
    english = "This is the answer that you have asked for, and it is in English. "
    assert language(english * 200 + "Das ist die Antwort, die ich nicht habe. " * 10_000) == "en"
    assert len(english * 200) > READ


def test_code_is_left_out() -> None:
    code = "```\nfor the in this: and or not is with as if from\n```\n"
    assert language(code + "Hier ist das Programm, das du haben wolltest. Es ist nicht sehr lang.") == "de"


@settings(derandomize=True, deadline=None)
@given(st.text())
def test_any_text_has_a_language_or_none(text: str) -> None:
    assert language(text) in {*NAMES, UNKNOWN}


def test_every_language_has_a_name_and_words_that_can_be_found() -> None:
    for languages in SHARED:
        for one in languages:
            assert named(one.code) == NAMES[one.code]
            assert len(one.words) > 25
            assert all(word == word.lower() for word in one.words)
            assert language(" ".join(sorted(one.words))) == one.code
    assert all(name.isascii() and 2 < len(name) < 40 for name in NAMES.values())
