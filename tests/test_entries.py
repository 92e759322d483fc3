"""Log entries are read quickly, and exactly as RFC 8785 and the models say."""

from __future__ import annotations

import json
import random
from itertools import islice

import pytest
from pydantic import ValidationError

from runner.errors import Unverified
from runner.model import LogEntry
from runner.model import entry as e
from runner.model.canonical import canonical, first_mistake, from_canonical
from runner.model.entry import ENTRY, parse_entries, parse_entry
from tests import make

SHA = "0123456789abcdef" * 4
AT = "2026-11-22T03:00:00Z"
KEY = "ssh-ed25519 " + "A" * 68
START = e.Start(job="registry/jobs/a/who.yaml", sha256=SHA, revision=1, run=SHA, runner="rita", at=AT, lease=3900)
ENTRIES: list[LogEntry] = [
    e.Genesis(serial=1, trust=SHA, threshold=2),
    e.Trust(serial=2, trust=SHA, threshold=2),
    e.KeyAdd(role="contributor", principal="alice", key=KEY),
    e.KeyRevoke(key=KEY, suspect_from=7),
    START,
    START.model_copy(update={"due": AT, "generation": 3, "reserved": "0.25"}),
    e.RunEnd(run=SHA, start=4, cid=make.CID, manifest=SHA),
    e.Cancelled(run=SHA, start=4, at=AT),
    e.Cancelled(run=SHA, start=4, at=AT, cid=make.CID, manifest=SHA),
    e.Abandoned(run=SHA, start=4, at=AT),
    e.Superseded(run=SHA, start=4, cid=make.CID, manifest=SHA),
    e.Retire(job="registry/jobs/a/b/who.yaml", revision=2),
    e.Rescore(run=SHA, classifier="beacon/2", manifest=SHA),
    e.Withdraw(run=SHA, output=SHA),
    e.Settlement(run=SHA, start=4, amount="0.25", record=SHA),
]


def slowly(raw: bytes) -> LogEntry | tuple[str, str]:
    """What the bytes say by the plain way alone: an entry, or a code and a message."""
    try:
        data = from_canonical(raw, "log entry 9")
        entry = ENTRY.validate_python(data, by_alias=True, by_name=False)
    except ValidationError as error:
        return "entry-malformed", f"log entry 9: {first_mistake(error)}"
    except Unverified as error:
        return error.code, error.message
    if entry.canonical() != raw:
        return "not-canonical", "log entry 9 leaves out a default, or writes a null"
    return entry


def quickly(raw: bytes) -> LogEntry | tuple[str, str]:
    """The same by the way that is used."""
    try:
        return parse_entry(raw, 9)
    except Unverified as error:
        return error.code, error.message


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.type)
def test_every_kind_is_read_back(entry: LogEntry) -> None:
    raw = entry.canonical()
    assert raw == canonical(entry.to_json())
    assert parse_entry(raw, 0) == slowly(raw) == entry


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 600])
def test_many_are_read_together(count: int) -> None:
    entries = [ENTRIES[index % len(ENTRIES)] for index in range(count)]
    assert list(parse_entries((entry.canonical() for entry in entries), 7)) == entries


@pytest.mark.parametrize("at", [0, 5, 300])
def test_among_many_a_wrong_one_is_told_with_its_index(at: int) -> None:
    raws = [ENTRIES[index % len(ENTRIES)].canonical() for index in range(400)]
    for wrong in variants(ENTRIES[0]):
        if isinstance(quickly(wrong), tuple):
            read = parse_entries([*raws[:at], wrong, *raws[at:]], 9)
            assert len(list(islice(read, at))) == at
            with pytest.raises(Unverified, match=f"log entry {at + 9}"):
                next(read)


def test_borders_between_entries_are_those_of_the_log() -> None:
    first, second = (entry.canonical() for entry in ENTRIES[:2])
    both = first + b"," + second
    parts = ([both[:-9], both[-9:]], [both], [both, b""], [first + b",", second], [both, first[:-4], first[-4:] + both])
    for raws in parts:
        with pytest.raises(Unverified, match="log entry 0"):
            list(parse_entries(raws, 0))
    with pytest.raises(Unverified, match="log entry 1"):
        list(parse_entries([first, b"," + second], 0))


def test_every_kind_is_among_them() -> None:
    assert len({entry.type for entry in ENTRIES}) == len(ENTRY.json_schema()["oneOf"])


def variants(entry: LogEntry) -> list[bytes]:
    """Other texts of an entry, and texts of other things."""
    data = entry.to_json()
    raw = entry.canonical()
    text = raw.decode()
    found = [
        json.dumps(data, sort_keys=True).encode(),
        json.dumps(dict(reversed(data.items())), separators=(",", ":")).encode(),
        raw + b"\n",
        b" " + raw,
        raw.replace(b'"v":1', b'"v":1.0'),
        raw.replace(b'"v":1', b'"v":true'),
        raw.replace(b'"v":1', b'"v":1,"v":1'),
        raw.replace(b'"v":1', b'"v":2'),
        raw.replace(b'"v":1', b'"v":01'),
        raw.replace(b'"v":1', b'"v":1e0'),
        raw.replace(b'"v":1', b'"v":null'),
        raw.replace(b'"v":1', b'"w":1'),
        raw.replace(b'"v":1', b'"v":9007199254740993'),
        raw.replace(b',"v":1', b""),
        raw.replace(b"{", b'{"Aa":1,'),
        text.replace("a", "\\u0061", 1).encode(),
        text.replace("a", "\u00e4", 1).encode(),
        raw.replace(b"a", b"\xff", 1),
        raw.replace(b"a", b'\\"', 1),
        b"[" + raw + b"]",
        raw[:-1],
        b"",
    ]
    for name, value in data.items():
        found.append(canonical({**data, name: str(value)}))
        found.append(canonical({**data, name: -value if isinstance(value, int) else f"{value}\n"}))
        found.append(canonical({key: other for key, other in data.items() if key != name}))
        found.append(json.dumps({**data, name: None}, sort_keys=True, separators=(",", ":")).encode())
    return found


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.type)
def test_nothing_else_is_taken_for_an_entry_and_refusals_are_the_same(entry: LogEntry) -> None:
    for raw in variants(entry):
        assert quickly(raw) == slowly(raw), raw


@pytest.mark.parametrize("number", range(5))
def test_bytes_that_were_altered_are_judged_alike(number: int) -> None:
    draw = random.Random(f"entries {number}")
    for _ in range(300):
        raw = bytearray(draw.choice(ENTRIES).canonical())
        for _ in range(draw.choice([1, 1, 2, 4])):
            at = draw.randrange(len(raw))
            kind = draw.choice(["flip", "drop", "repeat", "swap", "put"])
            if kind == "flip":
                raw[at] ^= 1 << draw.randrange(8)
            elif kind == "drop":
                del raw[at]
            elif kind == "repeat":
                raw[at:at] = raw[at : at + draw.randrange(12)]
            elif kind == "swap":
                other = draw.randrange(len(raw))
                raw[at], raw[other] = raw[other], raw[at]
            else:
                raw[at:at] = draw.choice([b" ", b'"', b"\\", b"0", b"e1", b'"a":1,', b"null", "\u2028".encode()])
        assert quickly(bytes(raw)) == slowly(bytes(raw)), bytes(raw)
