"""Moments as the log writes them, and the moments that a cron expression names. All in UTC: no day has 23 or 25 hours.

Cron as cronsim 2.6 reads it (five fields). Pure: `now` is an argument.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from cronsim import CronSim


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """The moment that an `Instant` names."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def latest_due(schedule: str, now: datetime) -> str:
    """The last moment, up to and with now, that a schedule names."""
    return instant(next(CronSim(schedule, now + timedelta(minutes=1), reverse=True)))


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
