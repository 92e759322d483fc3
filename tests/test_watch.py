"""The watch over running work: told to stop, or no longer wanted, it sets its event; in doubt the work goes on."""

from __future__ import annotations

import threading

import pytest

from runner.errors import Environment
from runner.watch import watching

SOON = 10.0
POLL = 0.01


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    monkeypatch.setattr("runner.watch.STOP_SECONDS", 0.01)


def wanted() -> bool:
    """Nobody wants it stopped."""
    return False


def test_nothing_happens_while_the_work_is_wanted() -> None:
    asked = threading.Event()

    def unwanted() -> bool:
        asked.set()
        return False

    with watching(unwanted, threading.Event(), POLL) as cancel:
        assert asked.wait(SOON)
    assert not cancel.is_set()


def test_unwanted_work_is_cancelled() -> None:
    with watching(lambda: True, threading.Event(), POLL) as cancel:
        assert cancel.wait(SOON)


def test_a_stop_cancels_without_asking() -> None:
    stop = threading.Event()
    with watching(wanted, stop, SOON * 9) as cancel:
        stop.set()
        assert cancel.wait(SOON)


def test_a_stop_is_heard_while_a_remote_hangs() -> None:
    stop, asked, answers = threading.Event(), threading.Event(), threading.Event()

    def hanging() -> bool:
        asked.set()
        return not answers.wait(SOON * 6)

    with watching(hanging, stop, POLL) as cancel:
        try:
            assert asked.wait(SOON)
            stop.set()
            assert cancel.wait(SOON)
        finally:
            answers.set()


def test_who_cannot_be_asked_does_not_stop_the_work() -> None:
    asked: list[int] = []
    often = threading.Event()

    def failing() -> bool:
        asked.append(1)
        if len(asked) > 2:
            often.set()
        raise Environment("remote-unreachable", "gone")

    with watching(failing, threading.Event(), POLL) as cancel:
        assert often.wait(SOON)
        assert not cancel.is_set()


def test_the_thread_ends_with_the_block_even_if_it_fails() -> None:
    def watched() -> bool:
        return "beacon-watch" in {thread.name for thread in threading.enumerate()}

    def fail() -> None:
        with watching(wanted, threading.Event(), POLL):
            assert watched()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not watched()
