"""One attempt: hire a provider, run the cells there, look at where it was, end everything, see to the invoice.

    money -> demand -> offers -> agreement -> activity -> deploy, start -> run -> evidence -> end -> invoice -> result

However it ends, the activity is destroyed and the agreement terminated before the result is returned; where the daemon
is away, the books hold it open, and `Closing` ends it later. The provider's payee is banned from this run's region
after a failure that comes after the agreement.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from runner import wrapped
from runner.edges.golem import closing, payments
from runner.edges.golem.books import Deal
from runner.edges.golem.demand import Package
from runner.edges.golem.engine import Engine
from runner.edges.golem.evidence import Lookout
from runner.edges.golem.failure import Failed
from runner.edges.golem.hire import Hired, Wishes, hire
from runner.edges.golem.labour import Clock, Labour, Printed
from runner.edges.golem.offers import CPU, DURATION, Offer
from runner.edges.golem.rest import DaemonError
from runner.errors import BeaconError, Unverified
from runner.events import say
from runner.model.policy import Prices
from runner.model.providers import KnownProvider
from runner.money import caps
from runner.ports import Emit, Work
from runner.protocol import Reader, longest_line, request
from runner.providers import geography
from runner.providers.reputation import History
from runner.providers.selection import Ranking, Wanted

LONGEST_SECONDS = 24 * 60.0
"""An attempt ends before its agreement does, see `hire.py`."""
NOTES_SECONDS = 30.0
INVOICE_SECONDS = 2.0
LARGEST_OUTPUT = 16 << 20
"""Bytes of standard output that are taken from one attempt: what a request to the daemon can carry."""
_DAEMON_PAUSE = 1.0


class House(NamedTuple):
    """What all attempts of an executor share."""

    prices: Prices
    regions: Mapping[str, tuple[str, ...]]
    known: Mapping[str, KnownProvider]
    history: History
    lookout: Lookout
    emit: Emit
    tag: str


@dataclass
class Story:
    """What happened, as far as it got. `reader` holds the answers, `failed` why it ended early."""

    document: bytes
    reader: Reader
    queued: datetime
    asked: float
    stdout_limit: int
    hired: Hired | None = None
    agreed: datetime | None = None
    labour: Labour | None = None
    answer: wrapped.Wrapped | None = None
    judgement: geography.Judgement | None = None
    failed: Failed | None = None
    cancelled: bool = False
    finished: datetime | None = None
    usage: dict[str, int] = field(default_factory=dict)


class Attempt:
    """One attempt of an engine's region."""

    def __init__(self, engine: Engine, house: House, work: Work, package: Package) -> None:
        self._engine = engine
        self._house = house
        self._work = work
        self._package = package
        limit = work.limits.output_ki_b << 10
        document = request(work.target.name, work.cells, work.prompts, dict(work.target.parameters))
        most = min(LARGEST_OUTPUT, (len(work.cells) + 1) * longest_line(limit) + 1)
        self.story = Story(document, Reader(work.cells, limit), datetime.now(UTC), time.monotonic(), most)

    async def run(self, stop: asyncio.Event) -> Story:
        """All of it. `stop` ends it within seconds. Raises `Environment` for what is this machine's."""
        body, stopped = asyncio.create_task(self._body()), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((body, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not body.done():
                self.story.cancelled = True
                body.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await body
        except asyncio.CancelledError:
            self.story.cancelled = True
            body.cancel()
            raise
        except Failed as failed:
            self.story.failed = failed
        except DaemonError as error:
            self.story.failed = Failed("daemon", f"{error.what}: {error.why}")
        finally:
            stopped.cancel()
            await self._end()
        return self.story

    async def _body(self) -> None:
        story, work, loop = self.story, self._work, asyncio.get_running_loop()
        begun = loop.time()
        over = begun + min(work.limits.total_seconds, LONGEST_SECONDS)
        until = min(begun + work.limits.queue_seconds, over)
        self._engine.demand_money()
        self._arguments(None)  # too long a request is known before anybody is hired
        story.hired = await self._hired(until)
        story.agreed = datetime.now(UTC)
        deal, offer = story.hired
        where, emit = work.attempt.to_json(), self._house.emit
        say(emit, "agreement-made", **where, provider=deal.provider, agreement=deal.agreement)
        story.labour = Labour(self._engine.daemon, self._engine.books, deal, work.limits, Clock(over, self._notes()))
        await story.labour.begin()
        say(emit, "activity-started", **where, provider=deal.provider, activity=deal.activities[-1])
        probe = await self._house.lookout.probe()
        printed = await story.labour.run(self._arguments(probe), probe is not None)
        await self._measure(deal, offer)
        self._take(printed)
        story.judgement = await self._judged(offer, probe)
        if story.judgement.mismatch:
            raise Failed("region", story.judgement.mismatch.removeprefix("region: "))
        if low := geography.below(story.judgement.evidence.grade, work.min_grade):
            raise Failed("region", low.removeprefix("region: "))

    def _arguments(self, probe: wrapped.Probe | None) -> tuple[str, ...]:
        """The wrapper's. Raises `Environment` where they are too long."""
        work, story = self._work, self.story
        seconds = work.limits.run_seconds
        return wrapped.encode(work.target.command, {}, story.document, seconds, story.stdout_limit, probe)

    async def _hired(self, until: float) -> Hired:
        """A provider, waiting for the daemon to come back where it is away."""
        wishes = Wishes(self._wanted, self._house.known, self._house.history, self._ranked)
        while True:
            try:
                return await hire(self._engine, self._work, self._package, self._house.tag, wishes, until)
            except DaemonError as error:
                if not error.away or asyncio.get_running_loop().time() + _DAEMON_PAUSE > until:
                    raise
            await asyncio.sleep(_DAEMON_PAUSE)

    def _wanted(self) -> Wanted:
        work, limits = self._work, self._work.limits
        return Wanted(
            region=work.region.name,
            countries=work.countries,
            ordered=bool(work.region.countries),
            caps=caps(self._house.prices),
            seconds=Decimal(limits.start_seconds + limits.run_seconds),
            left=self._engine.left,
            threads=limits.cpus,
            memory_gib=Decimal(limits.memory_mi_b) / 1024,
            seed=f"{work.attempt.run}\n{work.attempt.stem}",
            avoid=work.avoid,
            banned=self._engine.books.banned(work.region.name),
        )

    def _ranked(self, ranking: Ranking[Offer]) -> None:
        best = ranking.choices[0] if ranking.choices else None
        say(
            self._house.emit,
            "offers-ranked",
            **self._work.attempt.to_json(),
            offers=len(ranking.choices),
            refused=len(ranking.refused),
            best=best.offer.node if best else None,
            why=best.score.words() if best else ranking.why_none(),
        )

    def _notes(self) -> Callable[[], Awaitable[None]]:
        """What is done beside waiting: debit notes, now and then."""
        last = time.monotonic()

        async def accept() -> None:
            nonlocal last
            if time.monotonic() - last > NOTES_SECONDS and self.story.hired:
                last = time.monotonic()
                with contextlib.suppress(DaemonError):
                    await payments.notes(self._engine.daemon, self.story.hired.deal, await self._engine.allocation())

        return accept

    async def _measure(self, deal: Deal, offer: Offer) -> None:
        """The provider's own counters, while the activity still tells them."""
        with contextlib.suppress(DaemonError):
            told = dict(zip(offer.usage, await self._engine.daemon.usage(deal.activities[-1]), strict=False))
            names = {DURATION: "duration-ms", CPU: "cpu-ms"}
            self.story.usage |= {names[name]: int(value * 1000) for name, value in told.items() if name in names}

    def _take(self, printed: Printed) -> None:
        """Read the wrapper's line, and in it the benchmark's. Raises `Failed`."""
        story, limits = self.story, self._work.limits
        if not printed.stdout:
            raise Failed("output", "the wrapper printed nothing")
        try:
            answer = wrapped.read(printed.stdout, story.stdout_limit)
        except Unverified as error:
            raise Failed("output", error.message) from None
        story.answer = answer
        measured = {"cpu-ms": answer.cpu_ms, "memory-kib": answer.max_rss_kib, "output-bytes": answer.stdout_size}
        story.usage = {**measured, **story.usage, "wall-ms": printed.ms}
        story.reader.feed(answer.stdout)
        if answer.timed_out:
            raise Failed("run", f"no end within {limits.run_seconds} s", timeout=True)
        if answer.failure:
            raise Failed("sandbox", f"the command did not run ({answer.failure})")
        if story.reader.broken or answer.stdout_size > story.stdout_limit:
            raise Failed("protocol", story.reader.broken or "more output than all answers together may have")
        if answer.signal:
            raise Failed("exit", f"killed by signal {answer.signal}")
        if answer.exit_code:
            raise Failed("exit", f"code {answer.exit_code}")
        if not story.reader.answered:
            raise Failed("exit", "left without answering every cell")

    async def _judged(self, offer: Offer, probe: wrapped.Probe | None) -> geography.Judgement:
        work, house = self._work, self._house
        listed = house.known.get(offer.node)
        place = geography.Place(work.region.name, work.countries)
        told = geography.Listed(listed.country, listed.seen) if listed else None
        seen = await house.lookout.sightings(probe, work.region.name) if probe else []
        return geography.judge(place, offer.country, told, seen, house.lookout.source, house.regions)

    async def _end(self) -> None:
        """Destroy, terminate, and look for the invoice. Never raises: what fails here is left to the sweep."""
        story, engine = self.story, self._engine
        story.finished = datetime.now(UTC)
        if story.hired is None:
            mine = [deal for deal in engine.books.deals if deal.open and self._is_mine(deal)]
        else:
            mine = [story.hired.deal]
            self._judge(story.hired.deal)
        with contextlib.suppress(DaemonError, BeaconError):
            for deal in mine:
                await closing.end(engine.daemon, engine.books, deal, self._house.emit, story.cancelled)
            if story.hired and not story.cancelled:
                await self._paid(story.hired.deal)

    def _is_mine(self, deal: Deal) -> bool:
        attempt = self._work.attempt
        return (deal.target, deal.region, deal.slot, deal.n) == (
            attempt.target,
            attempt.region,
            attempt.slot,
            attempt.n,
        )

    def _judge(self, deal: Deal) -> None:
        """Write down how the attempt went: a failed one bans its provider here."""
        if not self.story.cancelled:
            why = self.story.failed.reason if self.story.failed else None
            self._engine.books.write("attempt judged", key=deal.key, ok=why is None, why=why)

    async def _paid(self, deal: Deal) -> None:
        until = time.monotonic() + INVOICE_SECONDS
        while deal.billable and not deal.disputed and time.monotonic() < until:
            await payments.settle(self._engine.daemon, self._engine.books, self._fund, self._house.emit, only=deal)
            await asyncio.sleep(0.1)

    async def _fund(self, _: Deal, amount: Decimal) -> str:
        return await self._engine.allocation_for(amount)
