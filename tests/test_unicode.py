"""What follows from answers does not depend on the Python that derives it: on its Unicode tables, on its `re`.

Each Python release brings newer tables: characters that an older one does not know get a category, a combining class, a
case. Python 3.11 has Unicode 14.0, 3.12 has 15.0, 3.13 has 15.1. `tests/slow/test_pythons.py` runs several of them."""

from __future__ import annotations

import importlib
import pkgutil
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from unicodedata import ucd_3_2_0

import pytest

import runner
from runner.compare.bare import fold_marks
from runner.compare.classes import classify
from runner.compare.tokens import normalize

PACKAGE = Path(runner.__file__).parent
LATER = [
    char
    for code in range(0x110000)
    if unicodedata.category(char := chr(code)) != "Cn" and ucd_3_2_0.category(char) == "Cn"
]
"""Characters that this Python knows and Unicode 3.2 does not."""
FORMS: tuple[Literal["NFC", "NFD", "NFKC"], ...] = ("NFC", "NFD", "NFKC")
KAWI, CYRILLIC = "\U00011f42", "\U0001e08f"
"""Marks of Unicode 15.0, with the combining classes 9 and 230: nothing to Python 3.11."""


@pytest.mark.parametrize("form", FORMS)
def test_later_marks_stay_where_they_are(form: Literal["NFC", "NFD", "NFKC"]) -> None:
    """As in a Python that does not know them, where they have the combining class 0."""
    marks = [char for char in LATER if unicodedata.combining(char)]
    assert len(marks) > 300
    for mark in marks:
        for text in (f"q\u0345{mark}\u0316", f"q{mark}\u0327", f"{mark}\u0316{mark}\u0327", f"q\u0301{mark}"):
            assert normalize(text, form) == text, ascii(text)


def test_later_characters_neither_compose_nor_decompose() -> None:
    parted = [(char, unicodedata.normalize("NFD", char)) for char in LATER]
    composed = [(char, parts) for char, parts in parted if parts != char]
    assert len(composed) > 10
    for char, parts in composed:
        assert [normalize(text, form) for text in (char, parts) for form in FORMS] == [char] * 3 + [parts] * 3


def test_what_stands_around_later_characters_is_normalised() -> None:
    assert normalize(f"e\u0301{CYRILLIC}ﬁ e\u0301", "NFKC") == f"é{CYRILLIC}fi é"
    assert normalize(f"q\u0301\u0316{KAWI}\u0301\u0316", "NFC") == f"q\u0316\u0301{KAWI}\u0316\u0301"
    assert fold_marks(f"é{CYRILLIC}\u0301ñ") == f"e{CYRILLIC}n"


@pytest.mark.parametrize("mark", [CYRILLIC, KAWI, "\u0ece", "\U00010efd", "\u1dfa", "\u1abf"])
def test_answers_that_differ_in_the_order_of_later_marks_differ_in_content_everywhere(mark: str) -> None:
    """A Python that knows the mark's combining class would call both the same letter."""
    text = "The word that the model gave is {} and it gave no other word."
    found = classify(text.format(f"q{mark}\u0f72"), text.format(f"q\u0f72{mark}"))
    assert found.level in ("minor", "major"), found


def patterns(value: Any, depth: int = 3) -> Iterator[re.Pattern[str]]:
    """Compiled patterns in a module's constant."""
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif depth and isinstance(value, dict):
        for inner in value.values():
            yield from patterns(inner, depth - 1)
    elif depth and isinstance(value, list | tuple):
        for inner in value:
            yield from patterns(inner, depth - 1)


def deriving() -> list[str]:
    """The modules that turn a bundle into `diff.json` and pages."""
    folders = ("compare", "rendering")
    found = [f"runner.{folder}.{m.name}" for folder in folders for m in pkgutil.iter_modules([str(PACKAGE / folder)])]
    return ["runner.bundle", *found]


@pytest.mark.parametrize("name", deriving())
def test_no_pattern_and_no_method_asks_the_tables(name: str) -> None:
    """`\\w`, `\\d` and `\\b` without `re.ASCII`, and the methods that ask what a character is, but for ASCII alone."""
    module = importlib.import_module(name)
    asking = [
        pattern.pattern
        for value in vars(module).values()
        for pattern in patterns(value)
        if pattern.flags & re.UNICODE and (re.search(r"\\[wWdDbB]", pattern.pattern) or pattern.flags & re.IGNORECASE)
    ]
    assert asking == []
    source = Path(module.__file__ or "").read_text()
    methods = r"\.(?:isalnum|isalpha|isdecimal|isdigit|isidentifier|isnumeric|isprintable|istitle)\("
    assert [line for line in source.splitlines() if re.search(methods, line) and ".isascii()" not in line] == []
    assert not re.search(r"\bunicodedata\b(?! import ucd_3_2_0)(?!\.ucd_3_2_0)", re.sub(r'(?s)""".*?"""', "", source))


@pytest.mark.parametrize("name", deriving())
def test_no_group_is_possessive_or_atomic(name: str) -> None:
    """Python 3.11.0 to 3.11.4, of which Debian 12 has one, go on from where a failed turn of such a group stopped:
    there `(?:[.,][0-9]++)*+` takes the full stop behind a number. Of single characters they are right."""
    module = importlib.import_module(name)
    found = [pattern.pattern for value in vars(module).values() for pattern in patterns(value)]
    assert [pattern for pattern in found if re.search(r"\)(?:[*+?]|\{[0-9,]+\})\+|\(\?>", pattern)] == []
