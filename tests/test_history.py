"""Folding the log: the same in one go or in parts; what is open, over, trusted and reserved follows from entries."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import Unverified
from runner.formats.sshsig import public_line
from runner.history import LAST_GENERATION, History, Late, Revision, fold, is_over
from runner.model import LogEntry, sha256
from runner.model import entry as e
from tests.make import CID, key

JOB = "registry/jobs/alice/who.yaml"
AT = "2026-11-22T03:00:00Z"
RUN = sha256(b"run")
LINE = public_line(key("alice").public)


def start(run: str = RUN, **facts: object) -> e.Start:
    """A start of alice's job."""
    given = {"job": JOB, "sha256": sha256(b"1"), "revision": 1, "run": run, "runner": "rita", "at": AT, "lease": 60}
    return e.Start.model_validate(given | facts)


STORY: list[LogEntry] = [
    e.Genesis(serial=1, trust=sha256(b"first"), threshold=2),
    e.KeyAdd(role="contributor", principal="alice", key=LINE),
    start(reserved="1.5"),
    start(sha256(b"due"), job="registry/jobs/bob/daily.yaml", due="2026-11-22T00:00:00Z", reserved="2"),
    e.Abandoned(run=RUN, start=2, at=AT),
    start(generation=2, reserved="1.5", at="2026-12-01T00:00:00Z"),
    e.Trust(serial=2, trust=sha256(b"second"), threshold=1),
    e.RunEnd(run=RUN, start=5, cid=CID, manifest=sha256(b"manifest")),
    e.KeyRevoke(key=LINE, suspect_from=3),
    e.Retire(job=JOB, revision=1),
]
RAW = [entry.canonical() for entry in STORY]


def test_a_story_is_told() -> None:
    history = fold(RAW)
    assert (history.size, history.genesis, history.trust) == (10, sha256(b"first"), sha256(b"second"))
    assert (history.serial, history.threshold) == (2, 1)
    assert list(history.open) == [sha256(b"due")]
    assert {run: (end.index, end.start.generation, end.end.type) for run, end in history.ended.items()} == {
        RUN: (7, 2, "run")
    }
    assert history.revisions[JOB] == Revision(1, "")
    assert history.last_due == {"registry/jobs/bob/daily.yaml": "2026-11-22T00:00:00Z"}
    assert history.committed == {
        ("2026-11", "alice"): Decimal("1.5"),
        ("2026-11", "bob"): Decimal(2),
        ("2026-12", "alice"): Decimal("1.5"),
    }


def test_a_key_counts_from_its_addition_to_its_revocation() -> None:
    assert not fold(RAW[:1]).counts(LINE, "contributor")
    assert fold(RAW[:2]).counts(LINE, "contributor")
    assert not fold(RAW[:2]).counts(LINE, "maintainer")
    assert not fold(RAW[:9]).counts(LINE, "contributor")
    assert (fold(RAW[:9]).keys[LINE].revoked, fold(RAW[:9]).keys[LINE].suspect_from) == (8, 3)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.lists(st.integers(0, len(RAW)), max_size=4).map(sorted))
def test_in_parts_it_is_the_same_as_in_one_go(cuts: list[int]) -> None:
    history = History()
    for first, last in zip([0, *cuts], [*cuts, len(RAW)], strict=True):
        history = fold(RAW[first:last], history)
    assert history == fold(RAW)


def test_folding_changes_nothing_that_was_folded_before() -> None:
    before = fold(RAW[:4])
    fold(RAW[4:], before)
    assert before == fold(RAW[:4])


def test_what_ends_nothing_and_revokes_nobody_changes_nothing_but_the_size() -> None:
    strangers = [
        e.Cancelled(run=sha256(b"other"), start=0, at=AT).canonical(),
        e.KeyRevoke(key=public_line(key("bob").public), suspect_from=0).canonical(),
    ]
    with_them, without = fold(strangers, fold(RAW)), fold(RAW)
    assert (with_them.ended, with_them.keys, with_them.open) == (without.ended, without.keys, without.open)
    assert with_them.size == without.size + 2


@pytest.mark.parametrize("generation", range(1, LAST_GENERATION + 1))
def test_an_abandoned_run_is_over_after_the_last_generation(generation: int) -> None:
    history = fold(entry.canonical() for entry in (start(generation=generation), e.Abandoned(run=RUN, start=0, at=AT)))
    assert is_over(history.ended[RUN]) is (generation == LAST_GENERATION)


def test_an_abandoned_start_leaves_something_once_and_not_after_its_settlement() -> None:
    left = e.Superseded(run=RUN, start=0, cid=CID, manifest=sha256(b"manifest"))
    paid = e.Settlement(run=RUN, start=0, amount="0.5", record=sha256(b"record"))
    begun = start(reserved="1")
    ended = [begun, e.Abandoned(run=RUN, start=0, at=AT)]

    def after(*entries: LogEntry) -> History:
        return fold(entry.canonical() for entry in entries)

    assert (after(*ended).abandoned, after(*ended).superseded) == ({0: begun}, {})
    told = after(*ended, left, left)
    assert (told.abandoned, told.superseded) == ({}, {0: Late(2, begun, left)})
    assert after(*ended, paid, left).superseded == after(begun, left).superseded == {}
    assert after(*ended, paid).abandoned == after(begun).abandoned == {}
    assert after(begun, e.Cancelled(run=RUN, start=0, at=AT), left).superseded == {}


def test_other_ends_are_final_and_no_end_is_none() -> None:
    history = fold(entry.canonical() for entry in (start(), e.Cancelled(run=RUN, start=0, at=AT)))
    assert is_over(history.ended[RUN])
    assert not is_over(None)


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"type":"start","v":1}', RAW[0] + b"\n", RAW[0][:-1] + b',"x":1}'])
def test_a_malformed_entry_is_told_by_its_index(raw: bytes) -> None:
    with pytest.raises(Unverified, match="log entry 1"):
        fold([RAW[0], raw])
