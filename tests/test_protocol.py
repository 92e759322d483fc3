"""The benchmark protocol: what is asked, and that no output, however hostile, is taken for an answer that it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.model import Cell
from runner.model.jobspec import Prompt
from runner.ports import CellOutput
from runner.protocol import Reader, longest_line, request

LIMIT = 1000
CELLS = tuple((Cell(target="m", prompt="who", region="EU", slot=1, replica=n), 10 + n) for n in (1, 2, 3))


def line(cell: str = "who.1", **members: Any) -> bytes:
    return json.dumps({"id": cell, "status": "ok", "output": "fine"} | members).encode() + b"\n"


def read(printed: bytes, piece: int = 0) -> dict[str, CellOutput]:
    reader = Reader(CELLS, LIMIT)
    for start in range(0, len(printed), piece or len(printed) or 1):
        reader.feed(printed[start : start + (piece or len(printed))])
    return {output.cell.id: output for output in reader.close("missing", "it left")}


def statuses(printed: bytes) -> list[str]:
    return [output.status for output in read(printed).values()]


def test_request_is_canonical_and_whole() -> None:
    raw = request("m", CELLS[:1], {"who": Prompt(id="who", text="Wer bist du? 😀")}, {"temperature": "0.7", "n": 3})
    assert raw.decode() == (
        '{"cells":[{"id":"who.1","parameters":{"n":3,"temperature":"0.7"},"prompt":"Wer bist du? 😀","seed":11}],'
        '"protocol":"beacon/benchmark/v1","target":"m"}'
    )


def test_answers_in_any_order_and_in_any_pieces() -> None:
    printed = (
        line("who.3", output="drei") + b"\n" + line("who.1", output="ein\ns\u0000") + line("who.2", finish="stop", ms=4)
    )
    for piece in (0, 1, 7):
        found = read(printed, piece)
        assert [output.output for output in found.values()] == [b"ein\ns\0", b"fine", b"drei"]
        assert (found["who.2"].finish, found["who.2"].ms, found["who.2"].seed) == ("stop", 4, 12)


def test_last_line_needs_no_end() -> None:
    assert statuses(line("who.2").rstrip()) == ["missing", "ok", "missing"]


def test_raw_answer_is_the_utf8_of_output() -> None:
    assert read(rb'{"id":"who.1","status":"ok","output":"\ud83d\ude00\u00e9"}')["who.1"].output == "😀é".encode()


def test_nothing_printed() -> None:
    assert {(output.status, output.output, output.reason) for output in read(b"").values()} == {
        ("missing", None, "it left")
    }


@pytest.mark.parametrize(
    "members",
    [
        {"status": "fine"},
        {"status": None},
        {"status": ["ok"]},
        {"output": None},
        {"output": 7},
        {"output": ["a"]},
        {"output": "\ud800"},
        {"output": "a\udc00b"},
        {"status": "error"},
        {"finish": "\x1b[2J"},
        {"finish": "x" * 41},
        {"finish": 1},
        {"ms": 1.5},
        {"ms": -1},
        {"ms": True},
        {"ms": "4"},
        {"ms": 2**53},
        {"extra": 1},
    ],
)
def test_wrong_member_fails_its_cell_alone(members: dict[str, Any]) -> None:
    assert statuses(line(**members) + line("who.2")) == ["malformed", "ok", "missing"]


def test_error_is_an_answer_of_its_own() -> None:
    found = read(b'{"id":"who.1","status":"error","ms":3}\n')["who.1"]
    assert (found.status, found.output, found.ms) == ("error", None, 3)


def test_too_much_is_oversize_and_the_limit_is_not() -> None:
    assert statuses(line(output="é" * (LIMIT // 2))) == ["ok", "missing", "missing"]
    assert statuses(line(output="é" * (LIMIT // 2) + "x")) == ["oversize", "missing", "missing"]


def test_escapes_never_make_an_allowed_answer_too_long() -> None:
    assert statuses(line(output="\x01" * LIMIT)) == ["ok", "missing", "missing"]


def test_endless_line_is_told_by_its_beginning() -> None:
    endless = b'{"id": "who.1", "output": "' + b"x" * (2 * longest_line(LIMIT)) + b'"}\n'
    assert statuses(endless + line("who.2")) == ["oversize", "ok", "missing"]


def test_repeated_answer_fails_its_cell_and_keeps_neither() -> None:
    found = read(line(output="one") + line("who.2") + line(output="two") + line(output="three"))
    assert [(output.status, output.output) for output in found.values()] == [
        ("malformed", None),
        ("ok", b"fine"),
        ("missing", None),
    ]


@pytest.mark.parametrize(
    "junk",
    [
        b"loading model...",
        b"{}",
        b"[]",
        b"7",
        b"\xff\xfe",
        b'"who.1"',
        line("who.9").strip(),
        line("").strip(),
        b'{"id": ["who.1"], "status": "ok", "output": "x"}',
        b'{"id": null, "status": "ok", "output": "x"}',
        b'{"id": "who.1", "id": "who.2", "status": "ok", "output": "x"}',
        b'{"id": "who.1", "status": "ok", "output": "a", "output": "b"}',
        b'{"id": "who.1", "status": "ok", "output": "a", "ms": NaN}',
        b'{"id": "who.1", "status": "ok", "output": "a", "ms": -Infinity}',
        b'{"id": "who.1", "status": "ok", "output": "a", "ms": ' + b"9" * 5000 + b"}",
        b'{"id": "who.1", "status": "ok", "output": "\xc3"}',
        b'{"id": "who.1", "status": "ok", "output": "tab\tinside"}',
        b'{"id": "who.1", "status": "ok", "output": ' + b"[" * 9000,
        b"\xef\xbb\xbf" + line().strip(),
        b"x" * (2 * longest_line(LIMIT)),
        b'{"id": "who.9", "output": "' + b"x" * (2 * longest_line(LIMIT)),
    ],
)
def test_line_that_names_no_cell_ends_the_reading(junk: bytes) -> None:
    found = read(line("who.1") + junk + b"\n" + line("who.2") + line("who.1"))
    assert [output.status for output in found.values()] == ["ok", "missing", "missing"]
    assert found["who.2"].reason is not None
    assert "line 2" in found["who.2"].reason


def test_more_than_all_answers_could_have_ends_the_reading() -> None:
    reader = Reader(CELLS, LIMIT)
    while reader.broken is None:
        reader.feed(b"\n" * 4096)
    assert reader.broken == "more output than all answers together may have"


def test_reasons_hold_nothing_that_was_printed() -> None:
    secret = "hunter2"
    for printed in (secret.encode(), line(secret), line(status=secret), line(**{secret: 1}), line(finish=secret + "!")):
        assert all(secret not in (output.reason or "") for output in read(printed).values())


members = st.dictionaries(
    st.sampled_from(["id", "status", "output", "finish", "ms", "more"]),
    st.one_of(
        st.sampled_from(["who.1", "who.2", "ok", "error", "stop"]),
        st.text(st.characters(exclude_categories=())),
        st.none(),
        st.integers(),
        st.floats(),
        st.lists(st.integers(), max_size=3),
    ),
)
printable = st.one_of(
    st.binary(max_size=60),
    members.map(lambda data: json.dumps(data).encode()),
    st.sampled_from([line(), line("who.2"), b"\n", b"\r\n", b'{"id": "who.3",', b"\x00", b"\xff"]),
)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.lists(printable, max_size=8), st.integers(min_value=1, max_value=50), st.booleans())
def test_any_output_gives_every_cell_once_whatever_its_pieces(parts: list[bytes], piece: int, lines: bool) -> None:
    printed = (b"\n" if lines else b"").join(parts)
    whole = read(printed)
    assert list(whole) == ["who.1", "who.2", "who.3"]
    for output in whole.values():
        assert (output.output is not None) == (output.status == "ok")
        assert (output.reason is None) == (output.status == "ok")
        if output.output is not None:
            assert output.output.decode().encode() == output.output
    assert read(printed, piece) == whole
