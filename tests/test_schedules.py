"""When runs are due, and when they may start: in UTC, whatever clocks do elsewhere and the machine's own does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from runner.errors import Invalid
from runner.model import entry as e
from runner.registry import load_policy
from runner.schedules import closed_until, dues, instant, lateness, latest_due, moment, soonest
from tests.ticks import entries, fresh
from tests.worlds import Registry, job_file


def at(text: str) -> datetime:
    return moment(f"{text}:00Z")


@pytest.mark.parametrize(
    ("day", "what"),
    [
        ("2026-03-29", "Europe's clocks go forward at 01:00 UTC"),
        ("2026-10-25", "Europe's clocks go back at 01:00 UTC"),
        ("2026-03-08", "clocks of the United States go forward"),
        ("2026-11-01", "clocks of the United States go back"),
    ],
)
def test_no_hour_is_left_out_or_doubled_where_clocks_change(day: str, what: str) -> None:
    start = at(f"{day}T00:00") - timedelta(minutes=1)
    hourly = dues("30 * * * *", start, 25)
    assert [due - earlier for earlier, due in pairwise(hourly)] == [timedelta(hours=1)] * 24, what
    assert next(map(instant, dues("30 1 * * *", start, 2))) == f"{day}T01:30:00Z"
    for hours in range(24):
        now = at(f"{day}T{hours:02}:59")
        assert latest_due("30 * * * *", now) == f"{day}T{hours:02}:30:00Z"


@pytest.mark.parametrize(
    ("schedule", "now", "latest", "next_"),
    [
        ("0 0 29 2 *", "2026-11-22T00:00", "2024-02-29T00:00", "2028-02-29T00:00"),
        ("0 0 29 2 *", "2100-03-01T00:00", "2096-02-29T00:00", "2104-02-29T00:00"),
        ("59 23 L * *", "2028-02-29T23:59", "2028-02-29T23:59", "2028-03-31T23:59"),
        ("0 12 31 * *", "2026-11-22T00:00", "2026-10-31T12:00", "2026-12-31T12:00"),
        ("0 0 1 1 *", "2026-12-31T23:59", "2026-01-01T00:00", "2027-01-01T00:00"),
        ("0 3 * * 1", "2026-11-23T03:00", "2026-11-23T03:00", "2026-11-30T03:00"),
    ],
)
def test_leap_days_and_ends_of_months(schedule: str, now: str, latest: str, next_: str) -> None:
    assert moment(latest_due(schedule, at(now))) == at(latest)
    assert soonest([schedule, schedule], at(now)) == at(next_)


def test_a_due_time_counts_from_its_first_second() -> None:
    assert latest_due("0 3 * * *", moment("2026-11-22T02:59:59Z")) == "2026-11-21T03:00:00Z"
    almost = moment("2026-11-22T02:59:59Z") + timedelta(microseconds=999_999)
    assert latest_due("0 3 * * *", almost) == "2026-11-21T03:00:00Z"
    assert latest_due("0 3 * * *", moment("2026-11-22T03:00:00Z")) == "2026-11-22T03:00:00Z"
    assert soonest([], datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("other", ["+13:00", "-11:00"])
def test_another_time_zone_is_the_same_moment(other: str) -> None:
    """A clock that tells local time does not shift what is due."""
    now = datetime.fromisoformat(f"2026-11-22T03:00:00{other}")
    assert latest_due("0 * * * *", now) == instant(now)


@pytest.mark.parametrize(
    ("at_", "said"),
    [
        ("12:04:59", None),
        ("12:05:00", "due 2026-11-22T12:00:00Z, 5 min late"),
        ("12:34:30", "due 2026-11-22T12:00:00Z, 34 min late"),
        ("15:10:00", "due 2026-11-22T12:00:00Z, 3 h 10 min late"),
        ("11:00:00", None),
    ],
)
def test_lateness_in_words(at_: str, said: str | None) -> None:
    assert lateness("2026-11-22T12:00:00Z", moment(f"2026-11-22T{at_}Z")) == said
    assert lateness(None, moment(f"2026-11-22T{at_}Z")) is None


def test_lateness_of_days() -> None:
    assert lateness("2026-11-20T12:00:00Z", at("2026-11-23T13:00")) == "due 2026-11-20T12:00:00Z, 3 days late"


# Through the log


def taken(registry: Registry) -> list[tuple[str | None, str]]:
    return [(entry.due, entry.at) for entry in entries(registry) if isinstance(entry, e.Start)]


def test_missed_due_times_are_caught_up_once() -> None:
    registry = Registry()
    registry.submit(job_file(schedule="0 * * * *"))
    registry.act()
    registry.wait(hours=7, minutes=34)
    assert len(registry.act().started) == 1
    assert not registry.act().started
    assert taken(registry) == [
        ("2026-11-22T03:00:00Z", "2026-11-22T03:00:00Z"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:34:00Z"),
    ], "the latest alone; when it was due, and when it was taken"


@pytest.mark.parametrize("jump", [timedelta(minutes=-1), timedelta(days=-1), timedelta(days=-400)])
def test_a_clock_that_goes_back_takes_nothing_again(jump: timedelta) -> None:
    registry = Registry()
    registry.submit(job_file(schedule="0 3 * * *"))
    registry.act()
    there = registry.now
    registry.now += jump
    outcome = registry.act()
    assert [idle.code for idle in outcome.plan.idle] == ["not-due"]
    assert not outcome.started
    registry.now = there + timedelta(days=1)
    assert len(registry.act().started) == 1
    assert [due for due, _ in taken(registry)] == ["2026-11-22T03:00:00Z", "2026-11-23T03:00:00Z"]


def test_a_clock_that_goes_far_forward_and_back_again_goes_on_when_it_is_due() -> None:
    """A wrong month takes one run; nothing more is taken until time has come that far."""
    registry = Registry()
    registry.submit(job_file(schedule="0 3 * * *"))
    registry.act()
    registry.wait(days=40)
    registry.act()
    registry.wait(days=-39)
    assert not registry.act().started
    registry.wait(days=40)
    assert len(registry.act().started) == 1
    assert len({due for due, _ in taken(registry)}) == 3


# Windows


@pytest.mark.parametrize(
    ("windows", "now", "opens"),
    [
        ((), "2026-11-22T12:00", None),
        (("* 20-23 * * *",), "2026-11-22T20:00", None),
        (("* 20-23 * * *",), "2026-11-22T23:59", None),
        (("* 20-23 * * *",), "2026-11-23T00:00", "2026-11-23T20:00"),
        (("* 20-23 * * *", "* 6 * * *"), "2026-11-23T00:00", "2026-11-23T06:00"),
        (("* * * * 0,6",), "2026-11-22T12:00", None),
        (("* * * * 0,6",), "2026-11-23T12:00", "2026-11-28T00:00"),
        (("* * 29 2 *",), "2026-11-23T12:00", "2028-02-29T00:00"),
        (("30 * * * *",), "2026-11-23T12:30", None),
        (("30 * * * *",), "2026-11-23T12:31", "2026-11-23T13:30"),
    ],
)
def test_when_a_window_is_open(windows: tuple[str, ...], now: str, opens: str | None) -> None:
    for second in (0, 59):
        found = closed_until(windows, at(now) + timedelta(seconds=second, microseconds=7))
        assert found == (at(opens) if opens else None)


def with_windows(registry: Registry, windows: str) -> None:
    policy = registry.read("registry/policy.yaml") + f"windows: {windows}\n".encode()
    registry.entrust({"registry/policy.yaml": policy})


def test_outside_the_window_a_job_is_idle_and_says_when_it_opens() -> None:
    registry = fresh()
    with_windows(registry, '["* 20-23 * * *"]')
    outcome = registry.act()
    assert [(idle.code, idle.why) for idle in outcome.plan.idle] == [
        ("outside-window", "no window of the policy is open; the next opens at 2026-11-22T20:00:00Z")
    ]
    assert outcome.work_remains
    registry.wait(hours=17)
    assert len(registry.act().published) == 1


def test_what_runs_already_goes_on_outside_the_window() -> None:
    registry = fresh()
    with_windows(registry, '["0-30 3 * * *"]')
    registry.act(stop=True)
    registry.wait(minutes=31)
    assert len(registry.act().published) == 1


@pytest.mark.parametrize(
    ("windows", "line", "column", "code", "message"),
    [
        ('["* 20-23 * *"]', 1, 11, "window-invalid", "4 fields; a cron expression has five"),
        ('["* 20-23 * * *", "* 25 * * *"]', 1, 28, "window-invalid", "this is no cron expression: Bad hour"),
        ('["0 0 30 2 *"]', 1, 11, "window-invalid", "this is no cron expression: Bad day-of-month"),
        ('\n  - "x x x x x"', 2, 5, "window-invalid", "this is no cron expression: Bad minute"),
        ('"* 20-23 * * *"', 1, 10, "value-type", '"* 20-23 * * *" where a list is wanted'),
        ("[7]", 1, 11, "value-type", "7 where text is wanted"),
        ('["* * *"]', 1, 11, "value-length", "5 characters; at least 9 are wanted"),
    ],
)
def test_a_wrong_window_is_told_with_its_place(windows: str, line: int, column: int, code: str, message: str) -> None:
    registry = fresh()
    before = registry.read("registry/policy.yaml")
    registry.commit({"registry/policy.yaml": before + f"windows: {windows}\n".encode()})
    registry.people.refresh()
    with pytest.raises(Invalid) as caught:
        load_policy(registry.people.snapshot(registry.people.head()))
    (problem,) = caught.value.problems
    assert (problem.line - before.count(b"\n"), problem.column) == (line, column)
    assert (problem.code, problem.message) == (code, message)
