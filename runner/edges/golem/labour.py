"""What happens inside an agreement: an activity, the image deployed and started, the wrapper run, its answer fetched.

By polling alone. Results are counted: fewer than commands is a failure with a reason, never a silent end. Once a limit
is over, one more look is taken before the activity is destroyed: what it shows is kept as late, and answers nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from runner import wrapped
from runner.edges.golem import demand
from runner.edges.golem.answers import Result
from runner.edges.golem.books import Books, Deal
from runner.edges.golem.daemon import Daemon
from runner.edges.golem.failure import Failed
from runner.edges.golem.rest import DaemonError
from runner.model.jobspec import Limits

CREATE_SECONDS = 20.0
POLL_SECONDS = 4.0
SLACK_SECONDS = 10.0
"""What a run may take beyond its own time: starting the wrapper, and fetching what it printed."""
AWAY_SECONDS = 10.0
"""How long a daemon or a provider may be out of reach before that ends the attempt."""
_AGAIN_SECONDS = 0.5


class Printed(NamedTuple):
    """What the run command gave back, and how long that took. `message` is the exe-unit's, where it failed."""

    stdout: str
    stderr: str
    message: str
    ms: int


class Clock(NamedTuple):
    """Moments of the loop's clock: when the run's total is used up; and what is done now and then while waiting."""

    until: float
    beside: Callable[[], Awaitable[None]]


class Labour:
    """One activity. `started` says when the wrapper began, `printed` what came of it, `late` what came too late."""

    def __init__(self, daemon: Daemon, books: Books, deal: Deal, limits: Limits, clock: Clock) -> None:
        self._daemon = daemon
        self._books = books
        self._deal = deal
        self._limits = limits
        self._clock = clock
        self._begun = _now()
        self.started: datetime | None = None
        self.printed: Printed | None = None
        self.late: str | None = None

    async def begin(self) -> None:
        """Create the activity, deploy and start the image. Raises `Failed`, `DaemonError`."""
        seconds = float(self._limits.start_seconds)
        until = min(self._begun + seconds, self._clock.until)
        self._books.write("activity asked", key=self._deal.key)
        agreement = self._deal.agreement
        assert agreement is not None
        try:
            made = await self._daemon.create_activity(agreement, max(1.0, min(CREATE_SECONDS, until - _now())))
        except DaemonError as error:
            if error.status is None:
                raise
            raise Failed("activity", f"the provider started none ({error.why})") from None
        self._books.write("activity made", key=self._deal.key, id=made)
        results = await self._script(demand.deploy(), 2, until)
        if results is None:
            raise Failed(*self._over("start", f"not ready within {self._limits.start_seconds} s"), timeout=True)
        for name, result in zip(("deploy", "start"), results, strict=False):
            if not result.ok:
                raise Failed("deploy", f"the image did not {name}")

    async def run(self, arguments: Sequence[str], probing: bool) -> Printed:
        """Run the wrapper. Raises `Failed`, `DaemonError`."""
        self.started, begun = datetime.now(UTC), _now()
        limit = self._limits.run_seconds + (wrapped.PROBE_SECONDS if probing else 0) + SLACK_SECONDS
        paid = self._begun + self._limits.start_seconds + self._limits.run_seconds  # no more was reserved
        until = min(begun + limit, max(paid, begun + self._limits.run_seconds), self._clock.until)
        results = await self._script(demand.run(arguments), 1, until)
        if results is None:
            raise Failed(*self._over("run", f"no end within {self._limits.run_seconds} s"), timeout=True)
        (result,) = results
        self.printed = Printed(result.stdout, result.stderr, result.message, int((_now() - begun) * 1000))
        if not result.ok:
            raise Failed("output", "the image's wrapper did not run")
        return self.printed

    def _over(self, code: str, words: str) -> tuple[str, str]:
        """Which limit it was."""
        if _now() >= self._clock.until:
            return "total", f"no end within the {self._limits.total_seconds} s that were left"
        return code, words

    async def _script(self, script: str, commands: int, until: float) -> list[Result] | None:
        """Run a script and count its results; None where its time is over."""
        activity = self._deal.activities[-1]
        try:
            batch = await self._daemon.execute(activity, script)
        except DaemonError as error:
            if error.status is None:
                raise
            raise Failed("provider", f"it took no script ({error.why})") from None
        reach = _Reach(self._daemon, activity)
        while _now() < until:
            results = await reach.results(batch, max(_AGAIN_SECONDS, min(POLL_SECONDS, until - _now())))
            if (done := _counted(results, commands)) is not None:
                return done
            await self._clock.beside()
        with contextlib.suppress(DaemonError, Failed):
            late = await self._daemon.results(activity, batch, 0.1)
            self.late = late[-1].stdout if late else None
        return None


def _counted(results: Sequence[Result], commands: int) -> list[Result] | None:
    """All results, or those up to a failed one; None while more may come. Raises `Failed` where they do not add up."""
    if [result.position for result in results] != list(range(len(results))) or len(results) > commands:
        raise Failed("provider", f"its {len(results)} results are not those of {commands} commands")
    if not results:
        return None
    if len(results) == commands or not results[-1].ok:
        return list(results)
    if results[-1].last:
        raise Failed("provider", f"it ended after {len(results)} of {commands} results")
    return None


class _Reach:
    """Polls one activity, and tells a provider that went away from one that is slow."""

    def __init__(self, daemon: Daemon, activity: str) -> None:
        self._daemon = daemon
        self._activity = activity
        self._since: float | None = None

    async def results(self, batch: str, seconds: float) -> Sequence[Result]:
        """What there is. Raises `Failed` for a provider that is gone, `DaemonError` for a daemon that is."""
        asked = _now()
        try:
            found = await self._daemon.results(self._activity, batch, seconds)
        except DaemonError as error:
            await self._judge(error)
            await asyncio.sleep(_AGAIN_SECONDS)
            return ()
        self._since = None
        if not found and _now() - asked < seconds / 2:
            await asyncio.sleep(min(_AGAIN_SECONDS, seconds))  # the provider did not wait
        return found

    async def _judge(self, error: DaemonError) -> None:
        self._since = self._since if self._since is not None else _now()
        if error.status == 200:
            raise Failed("output", f"the results are malformed: {error.why}")
        if error.status is not None:
            with contextlib.suppress(DaemonError):
                if await self._daemon.state(self._activity) == "Terminated":
                    raise Failed("provider", "it ended the activity")
        if _now() - self._since > AWAY_SECONDS:
            if error.status is None:
                raise error
            raise Failed("provider", f"out of reach for {AWAY_SECONDS:.0f} s")


def _now() -> float:
    return asyncio.get_running_loop().time()
