"""The class of a pair of answers, a row for each rule; distances by hand; hostile text costs what its length costs."""

from __future__ import annotations

import hashlib
import time
from unicodedata import ucd_3_2_0

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.compare.classes import classify
from runner.compare.distance import MILLION, PIECE, Texts, ppm
from runner.compare.tokens import ANALYSED, intern_words, normalize, prepare, tokens, words

STORY = "The lighthouse keeper walked down to the harbour and told every sailor that the storm had passed at last. "

ROWS = [
    ("a b", "a b", "identical", ()),
    ("a  b\r\nc", "a b\nc ", "noise", ("format",)),
    ("caf\u00e9 \u201cx\u201d", 'cafe\u0301 "x"', "noise", ("format",)),
    ("zero\u200bwidth", "zerowidth", "noise", ("format",)),
    ("see 7c9e6679-7425-40de-944b-e07fc1f90ae7", "see 550e8400-e29b-41d4-a716-446655440000", "noise", ("metadata",)),
    ("at 2026-11-22T03:00:00Z", "at 2026-11-22 04:10:09.5 UTC", "noise", ("metadata",)),
    ("sum deadbeefdeadbeef00", "sum 0123456789abcdef", "noise", ("metadata",)),
    ("took 3.25 s in all", "took 12 s in all", "noise", ("metadata",)),
    ("from 10.0.0.1", "from 192.168.17.4:80", "noise", ("metadata",)),
    ("20! is 2432902008176640000", "20! is 2432902008176640001", "major", ("numeric", "content")),
    ("**Bold** text, really", "bold text really!", "noise", ("format",)),
    ("# Title\n- one thing\n- other", "Title\n\n* one thing\n* other", "noise", ("format",)),
    ("1. salt\n2. oil", "- salt\n- oil", "noise", ("format",)),
    ("[site](https://a.example/x) is up", "site is up", "noise", ("format",)),
    ("It is 5 &amp; up", "It is 5 & up", "noise", ("format",)),
    ("It was -5 degrees", "It was 5 degrees", "major", ("numeric", "content")),
    ("x + y", "x = y", "major", ("content",)),
    (STORY + "It was cold.", STORY + "It was chilly.", "minor", ("content",)),
    (STORY + "There were three boats.", STORY + "There were four boats.", "major", ("numeric",)),
    (STORY + "It costs 1,000.", STORY + "It costs 1000.", "noise", ("format",)),
    (STORY + "It is safe.", STORY + "It is not safe.", "major", ("content",)),
    (STORY + "We met Alice there.", STORY + "We met Robert there.", "major", ("content",)),
    (STORY * 3, STORY, "major", ("content",)),
    ("Sure, here is how to bake bread.", "I'm sorry, but I cannot help with that.", "major", ("refusal", "content")),
    ("当然可以,面包这样做。", "抱歉,我无法回答这个问题。", "major", ("refusal", "content")),
    ("words", "", "major", ("missing",)),
    (STORY + "\nGenerated at 10:03:11 PM", STORY + "\nGenerated at 09:15:00 AM", "noise", ("metadata",)),
    (STORY + "It opened on 1990-03-05.", STORY + "It opened on 1991-04-06.", "major", ("numeric",)),
    (STORY + "\nLast updated: 5 March 2024", STORY + "\nLast updated: 6 April 2025", "noise", ("metadata",)),
    (STORY + "Bake for 30 minutes.", STORY + "Bake for 40 minutes.", "major", ("numeric",)),
    (STORY + "It is 5 km off.", STORY + "It is 5 kilometres off.", "noise", ("format",)),
    (STORY + "It is 5 km off.", STORY + "It is 5 miles off.", "major", ("numeric",)),
    (STORY + "They don't mind the colour.", STORY + "They do not mind the color.", "noise", ("format",)),
    (STORY + "Twelve of 1,000 came.", STORY + "12 of 1000 came.", "noise", ("format",)),
    (STORY + "Prices increase.", STORY + "Prices decrease.", "major", ("content",)),
    (STORY + "Set a < b here.", STORY + "Set a > b here.", "major", ("content",)),
    ("42. That is all.", "43. That is all.", "major", ("numeric", "content")),
    ("I cannot help with that.", "Sorry, I am unable to answer.", "minor", ("content",)),
    (STORY, "Error 503: Service Unavailable", "major", ("error",)),
    ('```json\n{"a": 1.0}\n```', '{"a": 1}', "noise", ("format",)),
    ('{"a": ["x", "y"]}', '{"a": ["y", "x"]}', "minor", ("content",)),
    ("", " \n", "noise", ("format",)),
    ('{"a": 1, "b": [true]}', '{"b":[true],"a":1}', "noise", ("format",)),
    ('{"a": "x", "id": "1"}', '{"a": "x", "id": "2"}', "noise", ("metadata",)),
    ('{"a": "x", "total_tokens": 3}', '{"a": "x", "total_tokens": 4}', "noise", ("metadata",)),
    ('{"a": 1}', '{"a": 2}', "major", ("numeric",)),
    ('{"a": true}', '{"a": null}', "major", ("content",)),
    ('{"a": 1}', '{"b": 1}', "major", ("content",)),
    ('{"a": "Hello, you"}', '{"a": "hello you"}', "noise", ("format",)),
]


@pytest.mark.parametrize(("a", "b", "level", "kinds"), ROWS)
def test_each_rule(a: str, b: str, level: str, kinds: tuple[str, ...]) -> None:
    found = classify(a, b)
    assert (found.level, found.kinds) == (level, kinds), found.reasons
    assert classify(b, a) == found
    assert bool(found.reasons) == (level != "identical")


def test_reasons_hold_no_word_of_an_answer() -> None:
    hostile = "@everyone <img> :: ##[group] 7c9e6679-7425-40de-944b-e07fc1f90ae7"
    for a, b in ((hostile, ""), (hostile, STORY), (f'{{"{hostile}": 1}}', "{}")):
        reasons = " ".join(classify(a, b).reasons)
        assert not set(reasons) & set("@<>#{}"), reasons


def test_what_lies_beyond_the_analysed_part_is_still_a_difference() -> None:
    found = classify("a " * ANALYSED + "x", "a " * ANALYSED + "y")
    assert (found.level, found.kinds) == ("minor", ("content",))


N = 131_072
HOSTILE = {
    "spaces": "in" + " " * N,
    "newlines": "\n" * N,
    "stars": "**a" * (N // 3),
    "links": "](" * (N // 2),
    "open link": "](" + "a" * N,
    "tags": "<a " * (N // 3),
    "open tag": "<a" + " " * N,
    "hex": "a" * N + "g",
    "digits": "1" * N,
    "commas": "1,111" * (N // 5),
    "dots": "1." * (N // 2),
    "dashes": "-" * N,
    "quotes in json": '["' + '\\"' * (N // 2),
    "deep json": "[" * N,
    "deep json in pieces": '["]",' * (N // 5),
    "long number in json": "[" + "9" * N + "]",
    "entities": "&#" + "9" * N + ";",
    "marks": "\u0301" * (N // 2) + "\u0316" * (N // 2),
    "mixed marks": "\u0301\u0316" * (N // 2),
    "apostrophes": "a'" * (N // 2),
    "escapes": "\x1b[" * (N // 2),
    "as an ai": "as an ai " * (N // 9),
    "han": "中文" * (N // 2),
    "ids": "run-" * (N // 4),
    "uuids": "aaaaaaaa-" * (N // 9),
    "surrogates in json": '["' + "\\ud800" * (N // 6) + '"]',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_judged_in_linear_time(name: str) -> None:
    text = HOSTILE[name]
    started = time.process_time()
    classify(text, text[:-3] + "zz]")
    assert time.process_time() - started < 2, (
        "two answers of 128 KiB, far below it: what is quadratic takes ten times as long"
    )


def test_characters_do_not_depend_on_the_python_release() -> None:
    """Case folding has been the same from Unicode 14 to 15.1; normalisation uses the tables of Unicode 3.2."""
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    folded = "\0".join(char.casefold() for char in every)
    composed = "\0".join(ucd_3_2_0.normalize("NFKC", char) for char in every)
    digests = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in (folded, composed)]
    assert digests == CHARACTERS


CHARACTERS = ["00b63aecaf3e90d9", "0041cf388535d4dd"]

texts = st.text(alphabet=st.sampled_from("ab .'-1é中ก\u0301\n\t<*"), max_size=60)


@settings(derandomize=True, deadline=None)
@given(texts, texts)
def test_distance_is_symmetric_bounded_and_zero_for_the_same_words(a: str, b: str) -> None:
    found = Texts((a, b))
    assert found.distance(0, 1) == found.distance(1, 0) <= MILLION
    assert found.distance(0, 0) == 0
    same = words(normalize(a, "NFC")) == words(normalize(b, "NFC"))
    assert (found.distance(0, 1) == 0) == same


@settings(derandomize=True, deadline=None)
@given(texts, texts)
def test_a_pair_has_one_class_whatever_its_order(a: str, b: str) -> None:
    assert classify(a, b) == classify(b, a)
    assert (classify(a, b).level == "identical") == (a == b)


@settings(derandomize=True, deadline=None)
@given(st.text())
def test_tokens_lose_nothing(text: str) -> None:
    assert "".join(tokens(text)) == text
    assert "".join(words(text)) == "".join(token for token in tokens(text) if token in words(token))


def test_distance_by_hand() -> None:
    assert Texts(("a b c d", "a x c d")).distance(0, 1) == 250_000  # 2 of 8 words
    assert Texts(("a b", "c d")).distance(0, 1) == MILLION
    assert Texts(("", "a")).distance(0, 1) == MILLION
    assert Texts(("", "")).distance(0, 1) == 0
    assert Texts(("中文字", "中文")).distance(0, 1) == 200_000  # 1 of 5 characters


def test_long_answers_are_compared_piece_by_piece() -> None:
    text = " ".join(map(str, range(2 * PIECE)))
    within, moved = text.replace(" 9 ", " x "), f"x {text}"
    assert Texts((text, within)).distance(0, 1) == 2 * MILLION // (4 * PIECE)
    assert Texts((text, text + " x")).distance(0, 1) == MILLION // (4 * PIECE + 1)
    assert Texts((text, moved)).distance(0, 1) == 5 * MILLION // (4 * PIECE + 1)  # in, out, in, out, in
    assert Texts((text, moved)).distance(1, 0) == 5 * MILLION // (4 * PIECE + 1)


def test_words_beyond_all_code_points_still_compare() -> None:
    many = list(map(str, range(0x110000)))
    a, b = intern_words((many, [*many[-101:-1], "x", "y"]))
    assert isinstance(a, list)
    assert ppm(a[-101:], b) == 3 * MILLION // 203


def test_ignored_literals_and_broken_bytes() -> None:
    assert prepare(b"id=7; hello", ("id=7; ", "zzz")) == "hello"
    assert prepare(b"a\xff\xfeb", ()) == "a\ufffd\ufffdb"
