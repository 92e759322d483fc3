"""Moments as the log writes them, and the moments that a cron expression names. All in UTC: no day has 23 or 25 hours.

Cron as cronsim 2.6 reads it (five fields). Pure: `now` is an argument.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile

from cronsim import CronSim, CronSimError

LATE = timedelta(minutes=5)
"""Less than this after its due time, a run counts as taken on time: polls and pushes take their while."""
FORM = 'minute, hour, day of month, month, day of week, as "0 3 * * 1": Mondays at 03:00 UTC'


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """The moment that an `Instant` names."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def dues(expression: str, since: datetime, count: int) -> list[datetime]:
    """The first `count` moments after `since` that an expression names. Raises `ValueError`, in words, where it is none
    or names no moment ever."""
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError(f"{len(fields)} fields; a cron expression has five")
    try:
        found = list(islice(CronSim(expression, since), count))
    except (CronSimError, ArithmeticError, AssertionError, TypeError, ValueError) as error:
        # Besides its own error, cronsim lets those of sets and integers out for odd combinations such as "L/2".
        raise ValueError(f"this is no cron expression: {error}") from None
    if not found:
        raise ValueError("this is never due")
    return found


def latest_due(schedule: str, now: datetime) -> str:
    """The last moment, up to and with now, that a schedule names."""
    return instant(next(CronSim(schedule, now.replace(microsecond=0) + timedelta(seconds=1), reverse=True)))


def soonest(expressions: Iterable[str], now: datetime) -> datetime | None:
    """The first moment after now that any of them names, None without any."""
    return min((next(CronSim(expression, now)) for expression in set(expressions)), default=None)


def lateness(due: str | None, at: datetime) -> str | None:
    """How late a run is, in words, None where it has no due time or is not late."""
    if due is None or at - moment(due) < LATE:
        return None
    minutes = int((at - moment(due)).total_seconds()) // 60
    hours = minutes // 60
    span = f"{minutes} min" if hours < 2 else f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} days"
    return f"due {due}, {span} late"


@lru_cache(maxsize=16)
def closed_until(windows: tuple[str, ...], now: datetime) -> datetime | None:
    """When the next window opens; None where one is open now, or where there are none. A window is open in the minutes
    that its cron expression names."""
    minute = now.replace(second=0, microsecond=0)
    if not windows or any(next(CronSim(window, minute - timedelta(minutes=1))) == minute for window in windows):
        return None
    return soonest(windows, minute)


def runs_in_month(schedule: str, since: datetime) -> int:
    """How often a schedule is due in the calendar month from a moment's day on: its days times its times of day."""
    _, _, *days = schedule.split()
    midnight = since.replace(hour=0, minute=0, second=0)
    due = CronSim(" ".join(("0", "0", *days)), midnight - timedelta(minutes=1))
    following = midnight.replace(day=1) + timedelta(days=32)
    last = monthrange(following.year, following.month)[1]
    end = following.replace(day=min(midnight.day, last))
    matching = sum(1 for _ in takewhile(lambda day: day < end, due))
    times = CronSim(schedule, midnight)
    return matching * len(times.minutes) * len(times.hours)
