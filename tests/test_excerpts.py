"""Proves that excerpts keep their room whatever an answer holds, and that a word diff shows both answers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.rendering.excerpts import LEAST, decoded, fence_within, word_diff
from runner.rendering.neutral import visible
from tests.hostile import ATTACKS

TEXT = st.one_of(
    st.text(max_size=300), st.lists(st.sampled_from([*ATTACKS, "word ", "\n", "."]), max_size=30).map("".join)
)


@settings(derandomize=True, deadline=None)
@given(TEXT, st.integers(LEAST, 3_000))
def test_fence_keeps_its_room(text: str, room: int) -> None:
    block, whole = fence_within(text, room)
    assert len(block.encode()) <= room
    assert whole or len(block.encode()) > room // 4


@settings(derandomize=True, deadline=None)
@given(TEXT, TEXT, st.integers(LEAST, 3_000))
def test_word_diff_keeps_its_room(a: str, b: str, room: int) -> None:
    one, other = a.encode(errors="replace"), b.encode(errors="replace")
    block = word_diff(one, other, room)
    assert len(block.encode()) <= room
    lines = block.split("\n")
    if one != other:
        assert all(line[:2] in ("+ ", "- ", "  ") or line.startswith("@@ ") for line in lines[1:-2])


@settings(derandomize=True, deadline=None)
@given(TEXT, TEXT)
def test_word_diff_shows_both_answers(a: str, b: str) -> None:
    """Without spaces, line ends and what is folded, the lines of each side are that side's answer."""
    one, other = a.encode(errors="replace"), b.encode(errors="replace")
    block = word_diff(one, other, 400_000)
    if one == other or "\n@@ " in block:
        return
    lines = block.split("\n")[1:-2]
    for gutter, raw in (("- ", one), ("+ ", other)):
        shown = "".join(line[2:] for line in lines if line[:2] in (gutter, "  "))
        assert "".join(shown.split()) == "".join(visible(raw.decode()).split())


def test_word_diff_reads_well() -> None:
    a = b"I am SmolLM, a small model.\nI was made by Hugging Face.\nAsk me anything."
    b = b"I am Qwen, a small model.\nI was made by Alibaba Cloud.\nAsk me anything."
    assert word_diff(a, b, 2_000) == (
        "```diff\n"
        "- I am SmolLM\n"
        "+ I am Qwen\n"
        "  , a small model.\n"
        "  I was made by \n"
        "- Hugging Face.\n"
        "+ Alibaba Cloud.\n"
        "  Ask me anything.\n"
        "```\n"
    )


def test_long_equal_stretches_are_folded_and_cuts_are_told() -> None:
    same = b"All of this is the same. " * 40
    assert "\n@@ 681 characters alike @@\n" in word_diff(b"one " + same, b"two " + same, 12_000)
    assert "\n@@ both are cut after 600 bytes @@\n" in word_diff(b"one " + same, b"two " + same, 1_000)
    assert "more lines are not shown @@\n" in word_diff(b"a\n" * 400, b"b c\n" * 400, 1_000)
    assert word_diff(same, same, 600) == "The two answers are the same, byte for byte.\n"


@pytest.mark.parametrize(
    ("raw", "limit", "text"),
    [
        (b"abc", 2, "ab"),
        ("a\u00e9".encode(), 2, "a"),
        (b"a\xff", 9, "a\\xff"),
        ("a\u00e9".encode()[:2], 9, "a\\xc3"),
    ],
)
def test_decoded(raw: bytes, limit: int, text: str) -> None:
    assert decoded(raw, limit) == text
