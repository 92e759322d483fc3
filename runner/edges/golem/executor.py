"""The Golem executor: the `Executor` port over a yagna daemon, on a public network or on a devnet of this machine.

Nothing is spoken to before something is to be prepared, run or settled. One Beacon works with an identity at a time;
what it did with money is in the identity's journal, outside every clone. A devnet's receipts say `simulated`.

The timeouts, and how a reason names them: `queue` until a provider accepts; `start` from the agreement until the image
is deployed and started; `run` from the wrapper's start to its end; `total` from the call to the end. Other reasons:
`failure.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar

from runner.edges.golem import closing, connection, images, results
from runner.edges.golem import sweep as sweeping
from runner.edges.golem.attempt import Attempt, House
from runner.edges.golem.books import Books
from runner.edges.golem.daemon import Daemon
from runner.edges.golem.engine import Engine
from runner.edges.golem.evidence import Lookout
from runner.edges.golem.journal import Journal, Line, remembered, stamp
from runner.edges.golem.library import load
from runner.edges.golem.loop import Loop
from runner.edges.golem.preflight import Check, preflight
from runner.edges.golem.rest import DaemonError
from runner.edges.golem.settlement import settlement
from runner.errors import BeaconError, Environment
from runner.model import Settlement
from runner.model.jobspec import Container
from runner.model.policy import Golem
from runner.model.providers import KnownProvider
from runner.model.receipt import Executor as ExecutorFacts
from runner.ports import AttemptResult, Emit, Work
from runner.providers.reputation import History

T = TypeVar("T")

CAPACITY = 32
NO_INVOICE_SECONDS = 3_600.0
"""After this, an invoice that never came is given up. A devnet's providers send theirs at once."""


class Setting(NamedTuple):
    """What an executor needs to know: the policy's part, its regions, the list of providers and their record; the
    folders for state and cache; the environment's variables."""

    policy: Golem
    regions: Mapping[str, tuple[str, ...]]
    state: Path
    cache: Path
    known: Mapping[str, KnownProvider] = {}
    history: History = History()
    environ: Mapping[str, str] = os.environ


class _Opened(NamedTuple):
    """What is there once a daemon was spoken to."""

    daemon: Daemon
    journal: Journal
    house: House
    facts: ExecutorFacts
    stack: contextlib.AsyncExitStack


class GolemExecutor:
    """An `Executor` on Golem. Close it, or use it in `with`. `written` hears of each line of the journal."""

    kind = "golem"
    capacity = CAPACITY

    def __init__(self, setting: Setting, emit: Emit, written: Callable[[Line], None] = lambda _: None) -> None:
        self._setting = setting
        self._emit = emit
        self._written = written
        self._lock = threading.Lock()
        self._loop: Loop | None = None
        self._opened: _Opened | None = None
        self._books: dict[tuple[int, str], Books] = {}
        self._engines: dict[tuple[int, str, str], Engine] = {}

    def __enter__(self) -> GolemExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- the port

    def refuses(self, target: Container) -> str | None:
        """See `Executor.refuses`."""
        return images.refuses(target, self._setting.policy)

    def prepare(self, target: Container, files: Mapping[str, bytes]) -> None:
        """Reach the daemon, and publish the image on a devnet. Raises `Environment`."""
        there = self._open()
        images.package(target, there.daemon.connection)
        images.publish(target, files, there.daemon.connection)

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """See `Executor.run`."""
        there = self._open()
        images.publish(work.target, work.files, there.daemon.connection)
        package, image = images.package(work.target, there.daemon.connection)

        async def attempt(stop: asyncio.Event) -> AttemptResult:
            made = Attempt(self._engine(there, work), there.house, work, package)
            return results.result(work, await made.run(stop), results.Facts(there.facts, image))

        assert self._loop is not None
        return self._loop.call_until(attempt, cancel)

    def finish(self, start: int, run: str) -> None:
        """See `Executor.finish`. What cannot be done now, because the daemon is away, is left to the next call."""

        async def work(there: _Opened) -> None:
            await closing.finish(there.daemon, self._of(there, start, run), self._emit)

        with contextlib.suppress(DaemonError, BeaconError):
            self._call(work)

    def settlement(self, start: int, run: str) -> Settlement | None:
        """See `Executor.settlement`. Raises `Environment` where the daemon is away."""

        async def work(there: _Opened) -> Settlement | None:
            books = self._of(there, start, run)
            patience = 0.0 if there.daemon.connection.simulated else NO_INVOICE_SECONDS
            if books.finished and stamp().since(books.finished) >= patience:
                for deal in books.deals:
                    if deal.billable and not deal.open and not deal.disputed:
                        books.write("invoice absent", key=deal.key)
            return settlement(books)

        return self._call(work)

    def remembered(self) -> list[tuple[int, str]]:
        """See `Executor.remembered`."""
        return remembered(self._setting.state / "golem")

    def settled(self, start: int, run: str) -> None:
        """See `Executor.settled`."""
        for folder in (self._setting.state / "golem").glob("0x*"):
            Journal(folder).forget(start, run)
        self._books.pop((start, run), None)
        for key in [key for key in self._engines if key[:2] == (start, run)]:
            del self._engines[key]

    # ---- beside the port

    def sweep(self, dry_run: bool = False) -> list[sweeping.Swept]:
        """End, pay and release what was left open. For a moment in which no attempt runs. Raises `Environment`."""

        async def work(there: _Opened) -> list[sweeping.Swept]:
            self._books.clear()
            self._engines.clear()
            return await sweeping.sweep(there.daemon, there.journal, self._emit, dry_run)

        return self._call(work)

    def decide(self, invoice: str, pay: bool) -> sweeping.Swept:
        """Pay or dismiss a disputed invoice, as a person says. Raises `Usage` for one that is not disputed."""

        async def work(there: _Opened) -> sweeping.Swept:
            self._books.clear()
            self._engines.clear()
            return await sweeping.decide(there.daemon, there.journal, invoice, pay)

        return self._call(work)

    def preflight(self, amount: Decimal) -> list[Check]:
        """What `beacon doctor` asks. Raises `Environment` where there is no daemon to ask."""

        async def work(there: _Opened) -> list[Check]:
            return await preflight(there.daemon, there.journal, there.house.lookout, amount)

        return self._call(work)

    def close(self) -> None:
        """End what still runs, then let go of the daemon and the identity."""
        with self._lock:
            if self._loop is not None:
                self._loop.end()
                if self._opened is not None:
                    self._loop.call(self._opened.stack.aclose())
                self._loop.close()
            self._loop = self._opened = None
            self._books.clear()
            self._engines.clear()

    # ---- underneath

    def _call(self, work: Callable[[_Opened], Awaitable[T]]) -> T:
        """Do something on the loop. A daemon that fails is this machine's fault."""
        there = self._open()
        assert self._loop is not None

        async def call() -> T:
            try:
                return await work(there)
            except DaemonError as error:
                raise _away(there.daemon.connection.url, error) from None

        return self._loop.call(call())

    def _open(self) -> _Opened:
        with self._lock:
            if self._opened is None:
                if self._loop is None:
                    self._loop = Loop()
                self._opened = self._loop.call(self._connect())
            return self._opened

    async def _connect(self) -> _Opened:
        setting = self._setting
        found = connection.find(setting.policy, setting.environ, setting.cache)
        async with contextlib.AsyncExitStack() as stack:
            daemon = Daemon(found)
            stack.push_async_callback(daemon.close)
            try:
                identity = await daemon.identity()
            except DaemonError as error:
                raise _away(found.url, error) from None
            journal = stack.enter_context(Journal(setting.state / "golem" / identity, self._written).held())
            lookout = await stack.enter_async_context(Lookout(found, setting.policy.vantages, setting.environ))
            house = House(
                prices=setting.policy.prices,
                regions=setting.regions,
                known=setting.known,
                history=setting.history,
                lookout=lookout,
                emit=self._emit,
                tag=journal.id(),
            )
            facts = ExecutorFacts(
                kind="golem",
                version=f"yapapi {load().version}, yagna {await daemon.version()}",
                network=found.network,
                simulated=found.simulated,
            )
            return _Opened(daemon, journal, house, facts, stack.pop_all())

    def _of(self, there: _Opened, start: int, run: str) -> Books:
        books = self._books.get((start, run))
        if books is None:
            books = self._books[start, run] = Books(there.journal, start, run)
            books.begin(there.daemon.connection.network, there.daemon.connection.platform)
        return books

    def _engine(self, there: _Opened, work: Work) -> Engine:
        key = (work.start, work.attempt.run, work.region.name)
        if key not in self._engines:
            books = self._of(there, work.start, work.attempt.run)
            self._engines[key] = Engine(there.daemon, books, work.region.name, Decimal(work.budget))
        return self._engines[key]


def _away(url: str, error: DaemonError) -> Environment:
    if error.status is None:
        return Environment(
            "golem-daemon", f"no yagna daemon answers at {url}: {error}", "yagna service run, or beacon devnet up"
        )
    return Environment("golem-daemon", f"the yagna daemon at {url} failed: {error}", "look at its log")
