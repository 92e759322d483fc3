"""Everything that a pipeline says while it works. Names are stable: progress displays, logs and crash tests use them.

Events are facts for people and programs; nothing is decided by them, and losing them loses nothing.
"""

from __future__ import annotations

from runner.ports import Emit, Event

NAMES = (
    "intent-found",
    "planned",
    "intent-won",
    "checkpoint-signed",
    "committed",
    "run-started",
    "round-started",
    "attempt-started",
    "attempt-finished",
    "run-executed",
    "run-compared",
    "run-rendered",
    "run-cancelled",
    "run-superseded",
    "receipts-lost",
    "secret-found",
    "settlement-waits",
    "second-engine",
    "branch-not-moved",
    "spool-ignored",
    "result-refused",
    "handed-on",
    "offers-ranked",
    "agreement-made",
    "activity-started",
    "activity-destroyed",
    "agreement-ended",
    "invoice-accepted",
    "invoice-refused",
    "swept",
    "run-late",
    "clock-behind",
    "waiting",
    "trouble",
    "trouble-over",
)


def say(emit: Emit, name: str, /, **facts: str | int | None) -> None:
    """Emit one event."""
    emit(Event(name, facts))
