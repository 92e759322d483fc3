"""The daemon's decisions: when to look, when to tick, how long to wait, when to give up. Time and chance are arguments.

    look -> (something is new, due, or to be tried again?) -> tick -> wait

A *look* asks the remote what it holds; with nothing new and nothing due nothing else happens. A *tick* is
`runner/reconcile.py`. Everything that is remembered here may be lost: a daemon that begins anew ticks once, and knows.

What is wrong with the world is waited out, ever longer up to `Pace.most`, and said once for each change; a new head is
tried at once. Only what a person must look into, and what no waiting mends, ends the daemon (`FATAL`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from runner.errors import BeaconError, Environment, Invalid, Unverified, refused
from runner.events import say
from runner.ports import Emit
from runner.reconcile import Outcome
from runner.schedules import instant

FATAL = frozenset({"log-behind", "log-engines-disagree", "log-inconsistent", "runner-unknown", "state-damaged"})
"""The log is not what this runner signed, or its keys are nobody's: going on could only do harm."""
UNREACHABLE = "remote-unreachable"
JUMP = 5.0
"""Seconds by which the wall clock may stray from the monotonic one between two looks; beyond, somebody has set it."""


class Pace(NamedTuple):
    """Seconds. `poll` is between two looks; `again` is how soon a tick looks anew at what no remote tells (money that
    is not settled, a budget's month, what this machine lacks); `most` is the longest pause after failures."""

    poll: float = 30.0
    again: float = 300.0
    most: float = 900.0


class Seen(NamedTuple):
    """What a look found. While it stays the same, only the clock brings work."""

    head: str | None
    intent: str | None
    cancellations: frozenset[str]


class Workshop(Protocol):
    """Where the daemon works. Both raise `BeaconError`."""

    def look(self) -> Seen:
        """Ask the remote. Cheap where nothing is new."""

    def tick(self) -> Outcome:
        """Reconcile once, with the executor that the head's policy names."""


class Clock(NamedTuple):
    """Time and chance. `sleep` takes seconds and returns early, with True, when the daemon is to stop; `chance` draws
    from 0 to 1."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], bool]
    chance: Callable[[], float]


class Trouble(NamedTuple):
    """What went wrong last, since when, and how often in a row."""

    code: str
    message: str
    since: str
    times: int


class Health(NamedTuple):
    """How the daemon is. Moments are instants; `quiet` is for how many seconds it may say nothing more, None while it
    executes: then a run's limits say."""

    state: str
    at: str
    quiet: float | None
    last_look: str | None
    last_tick: str | None
    last_success: str | None
    head: str | None
    open_runs: tuple[str, ...]
    next_due: str | None
    trouble: Trouble | None


def pause_after(failures: int, pace: Pace, chance: float) -> float:
    """Seconds to wait after so many failures in a row: doubled each time up to `most`, and half of it left to chance,
    so that many runners do not come back at the same moment."""
    longest = min(pace.most, pace.poll * 2.0 ** min(failures, 20))
    return longest * (0.5 + chance / 2)


class Daemon:
    """The loop, and what it remembers between two turns."""

    def __init__(
        self,
        shop: Workshop,
        clock: Clock,
        emit: Emit,
        tell: Callable[[Health], None] = lambda _: None,
        pace: Pace = Pace(),  # noqa: B008 - a value
    ) -> None:
        self._shop, self._clock, self._emit, self._tell, self._pace = shop, clock, emit, tell, pace
        self._tried: Seen | None = None  # what the last tick was made for, None where another must follow at once
        self._due: datetime | None = None
        self._retry = 0.0
        self._unfinished = self._blind = False  # whether the last tick, or the last look, failed
        self._clocks: tuple[datetime, float] | None = None
        self._outcome: Outcome | None = None
        self._trouble: Trouble | None = None
        self._said: tuple[str, str] | None = None
        self._last: dict[str, str | None] = {"look": None, "tick": None, "success": None, "head": None}

    @property
    def work_remains(self) -> bool:
        """Whether another runner, or this one later, has more to do, as far as is known."""
        return self._trouble is not None or self._outcome is None or self._outcome.work_remains

    def run(self) -> None:
        """Work until told to stop. Raises `BeaconError` where waiting helps nobody."""
        while True:
            self.turn()
            self._report("waiting", (wait := self.wait()) + 120)
            if self._clock.sleep(wait):
                self._report("stopped", 0)
                return

    def once(self) -> None:
        """One tick. Raises `BeaconError`."""
        self._tick(self._shop.look())
        self._report("stopped", 0)

    def turn(self) -> None:
        """Look, and tick where there is a reason. Raises `BeaconError` where waiting helps nobody."""
        try:
            self._report("looking", 1_200)
            self._blind = True
            seen = self._shop.look()
            self._blind = False
            self._last["look"], self._last["head"] = self._instant(), seen.head
            if not self._unfinished:
                self._recovered()
            if self.wants(seen):
                self._tick(seen)
            elif not self._unfinished:
                self._last["success"] = self._instant()
        except Exception as error:  # whatever it is, the next turn may do better; what ends a daemon is listed
            trouble = self._failed(_named(error))
            if trouble.code in FATAL or (self._last["look"] is None and _at_once(error)):
                self._report("failed", 0)
                raise

    def wants(self, seen: Seen) -> bool:
        """Whether what was seen, the time, or a failure before is a reason to tick."""
        jumped = self._jumped()
        if seen != self._tried or jumped:
            return True
        if self._unfinished:
            return self._clock.monotonic() >= self._retry
        return self._due is not None and self._clock.now() >= self._due

    def wait(self) -> float:
        """Seconds until the next turn."""
        if self._trouble is not None:
            left = max(0.0, self._retry - self._clock.monotonic())
            return left if self._blind else min(left, self._pace.poll)
        if self._tried is None:
            return 0.0
        left = (self._due - self._clock.now()).total_seconds() if self._due else self._pace.poll
        return min(max(left, 0.0), self._pace.poll)

    def _tick(self, seen: Seen) -> None:
        self._tried, self._last["tick"], self._unfinished = seen, self._instant(), True
        self._report("working", None)
        self._outcome = outcome = self._shop.tick()
        self._unfinished, before = False, self._due
        self._last["success"], self._last["head"] = self._instant(), outcome.head
        if outcome.head != seen.head:  # it wrote, or people merged meanwhile: what follows from that is not planned yet
            self._tried = None
        self._due = outcome.quiet_until or self._clock.now() + timedelta(seconds=self._pace.again)
        self._recovered()
        if self._tried is not None and self._due != before:
            say(self._emit, "waiting", until=instant(self._due), open=len(outcome.remaining))

    def _jumped(self) -> bool:
        """Whether somebody set the wall clock since the last look: then what is due is found out anew."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        before, self._clocks = self._clocks, (now, monotonic)
        if before is None:
            return False
        return abs((now - before[0]).total_seconds() - (monotonic - before[1])) > JUMP

    def _failed(self, error: BeaconError) -> Trouble:
        times = self._trouble.times + 1 if self._trouble else 1
        since = self._trouble.since if self._trouble else self._instant()
        self._trouble = Trouble(error.code, error.message, since, times)
        self._retry = self._clock.monotonic() + pause_after(times, self._pace, self._clock.chance())
        if self._said != (error.code, error.message):
            self._said = (error.code, error.message)
            say(self._emit, "trouble", code=error.code, message=error.message, hint=error.hint)
        return self._trouble

    def _recovered(self) -> None:
        if self._trouble is not None:
            say(self._emit, "trouble-over", code=self._trouble.code, times=self._trouble.times)
        self._trouble = self._said = None

    def _instant(self) -> str:
        return instant(self._clock.now())

    def _report(self, state: str, quiet: float | None) -> None:
        self._tell(
            Health(
                state=state,
                at=self._instant(),
                quiet=quiet,
                last_look=self._last["look"],
                last_tick=self._last["tick"],
                last_success=self._last["success"],
                head=self._last["head"],
                open_runs=self._outcome.remaining if self._outcome else (),
                next_due=instant(self._due) if self._due else None,
                trouble=self._trouble,
            )
        )


def _at_once(error: Exception) -> bool:
    """Whether somebody who has just begun a daemon should be told, and not left waiting. A remote may come back, and
    what stands in it may be mended."""
    waits = isinstance(error, Invalid | Unverified) or (isinstance(error, BeaconError) and error.code == UNREACHABLE)
    return not waits


def _named(error: Exception) -> BeaconError:
    """An error of ours as it is; any other with a code, and where it came from."""
    if isinstance(error, BeaconError):
        return error
    if isinstance(error, OSError):
        return refused(error)
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f" at line {frame.tb_lineno} of {frame.tb_frame.f_globals.get('__name__')}" if frame else ""
    return Environment("internal-error", f"{type(error).__name__}{where}: {error}", "this is a mistake of the program")
