"""Trust state outlives clones: it never goes back, is never guessed, and two processes cannot both raise it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.edges.state import SeenState, SignedState
from runner.errors import Environment
from runner.model import Checkpoint
from tests.make import ORIGIN


def at(size: int, root: int = 1) -> Checkpoint:
    """A checkpoint."""
    return Checkpoint(ORIGIN, size, bytes([root]) * 32)


def test_the_highest_checkpoint_is_kept_per_origin(tmp_path: Path) -> None:
    assert SignedState(tmp_path, ORIGIN).highest() is None
    for checkpoint in (at(1), at(2), at(2), at(300, 9)):
        SignedState(tmp_path, ORIGIN).remember(checkpoint)
        assert SignedState(tmp_path, ORIGIN).highest() == checkpoint
    assert SignedState(tmp_path, "example.org/other").highest() is None


@pytest.mark.parametrize("worse", [at(4), at(5, 2), at(0)])
def test_a_log_is_never_signed_twice_at_one_size_or_backwards(tmp_path: Path, worse: Checkpoint) -> None:
    state = SignedState(tmp_path, ORIGIN)
    state.remember(at(5))
    with pytest.raises(Environment) as caught:
        state.remember(worse)
    assert (caught.value.code, state.highest()) == ("log-forked", at(5))


def test_of_many_writers_of_one_size_one_wins(tmp_path: Path) -> None:
    def attempt(root: int) -> bool:
        try:
            SignedState(tmp_path, ORIGIN).remember(at(5, root))
        except Environment:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(8)))
    assert won.count(True) == 1
    assert SignedState(tmp_path, ORIGIN).highest() == at(5, won.index(True))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b'{"origin":"example.org/x","root":"' + b"01" * 32 + b'","size":5}',
        b'{"size":1.0}',
        b"\xff",
        b"[" * 99_999,
    ],
)
def test_what_cannot_be_read_stops_the_work(tmp_path: Path, raw: bytes) -> None:
    state = SignedState(tmp_path, ORIGIN)
    state.remember(at(5))
    (path,) = tmp_path.glob("*/signed")
    path.write_bytes(raw)
    for act in (state.highest, lambda: state.remember(at(6))):
        with pytest.raises(Environment) as caught:
            act()
        assert caught.value.code == "state-damaged"


def test_another_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not one of"):
        SignedState(tmp_path, "example.org/other").remember(at(1))


def test_the_last_seen_note_is_kept_per_origin_beside_the_signed_one(tmp_path: Path) -> None:
    seen = SeenState(tmp_path, ORIGIN)
    assert seen.last() is None
    for note in (b"one\n", b"two\n"):
        seen.remember(note)
        assert SeenState(tmp_path, ORIGIN).last() == note
    assert SeenState(tmp_path, "../../other").last() is None
    assert SignedState(tmp_path, ORIGIN).highest() is None


def test_a_folder_that_cannot_be_written_is_an_environment_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Environment):
        SignedState(tmp_path / "file", ORIGIN).remember(at(1))
