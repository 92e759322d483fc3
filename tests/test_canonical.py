"""Canonical bytes are those of RFC 8785, whichever way they are written: the quick one never differs from `rfc8785`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.errors import Unverified
from runner.model.canonical import MAX_INTEGER, canonical, from_canonical

INTEGERS = st.integers(-(2**70), 2**70) | st.sampled_from(
    [MAX_INTEGER, MAX_INTEGER + 1, -MAX_INTEGER, -MAX_INTEGER - 1]
)
TEXTS = st.text(st.characters(codec=None)) | st.text(st.characters(max_codepoint=0x80))  # half surrogates too
SCALARS = st.none() | st.booleans() | INTEGERS | TEXTS | st.binary(max_size=2)
KEYS = TEXTS | INTEGERS | st.none()
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner),
    max_leaves=12,
)


def written(write: Any, data: Any) -> bytes | str:
    """What a writer writes, or that it refuses."""
    try:
        found: bytes = write(data)
    except ValueError:
        return "refused"
    return found


@settings(derandomize=True, deadline=None, max_examples=500)
@given(JSON)
@example({"\U0001f600": 1, "\uffff": 2})  # by UTF-16 units the other way round
@example({"a\ud800": "\udfff"})
@example(['\x00\x1f\x7f\x80\u2028\b\t\n\f\r"\\/<é'])
@example({"b": True, "a": None, "B": [{}, [], ()], "": -0})
def test_whatever_is_written_is_what_rfc8785_writes(data: Any) -> None:
    assert written(canonical, data) == written(rfc8785.dumps, data)


@settings(derandomize=True, deadline=None)
@given(JSON)
def test_what_was_written_reads_back(data: Any) -> None:
    raw = written(canonical, data)
    if isinstance(raw, bytes):
        assert canonical(from_canonical(raw)) == raw


@pytest.mark.parametrize("data", [0.5, [1.0], {"a": {"b": 1e3}}, (float("nan"),)])
def test_floats_are_refused_however_deep(data: Any) -> None:
    with pytest.raises(ValueError, match="cannot be signed"):
        canonical(data)


def test_a_depth_that_nobody_means_is_refused() -> None:
    with pytest.raises(Unverified):
        from_canonical(b"[" * 100_000 + b"]" * 100_000)


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_the_published_vectors(vectors: Path, name: str) -> None:
    """cyberphone/json-canonicalization. Two of them hold floats, which nothing signed may: refused, and rightly written
    by the library that is the fallback."""
    folder = vectors / "jcs" / "testdata"
    data = json.loads((folder / "input" / f"{name}.json").read_text())
    expected = bytes.fromhex((folder / "outhex" / f"{name}.txt").read_text())
    assert rfc8785.dumps(data) == expected
    if name in ("structures", "values"):
        with pytest.raises(ValueError, match="float"):
            canonical(data)
    else:
        assert canonical(data) == expected
        assert from_canonical(expected) == data
