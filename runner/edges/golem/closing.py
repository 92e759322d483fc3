"""Ending what is open: activities, agreements, allocations. Works from the books, so also for a runner that is dead."""

from __future__ import annotations

import asyncio
import contextlib
import time
from decimal import Decimal

from runner.edges.golem import payments
from runner.edges.golem.books import Books, Deal
from runner.edges.golem.daemon import Daemon
from runner.edges.golem.engine import Engine
from runner.edges.golem.rest import DaemonError
from runner.events import say
from runner.ports import Emit

INVOICE_SECONDS = 10.0
_POLL_SECONDS = 0.25
_DESTROY_SECONDS = 3.0


async def end(daemon: Daemon, books: Books, deal: Deal, emit: Emit, cancelled: bool = False) -> None:
    """Destroy a deal's activities and terminate its agreement, as far as they are open. Raises `DaemonError`."""
    if not deal.open or deal.agreement is None:
        return
    if deal.activity_asked:
        with contextlib.suppress(DaemonError):
            for known in await daemon.activities(deal.agreement):
                if known not in deal.activities and await daemon.state(known) != "Terminated":
                    books.write("activity made", key=deal.key, id=known)
    said = {"run": books.run, "region": deal.region, "provider": deal.provider}
    for activity in deal.activities:
        with contextlib.suppress(DaemonError):
            await daemon.destroy(activity, _DESTROY_SECONDS)
            say(emit, "activity-destroyed", **said, activity=activity)
    code, words = ("Cancelled", "cancelled") if cancelled else ("Success", "done")
    if await daemon.terminate(deal.agreement, code, words):
        books.write("agreement ended", key=deal.key)
    elif await _never(daemon, deal.agreement):
        books.write("agreement refused", key=deal.key, why="not approved")
    else:
        books.write("agreement ended", key=deal.key)
    say(emit, "agreement-ended", **said, agreement=deal.agreement)


async def _never(daemon: Daemon, agreement: str) -> bool:
    """Whether an agreement that cannot be terminated was never approved; one that still may be is taken back."""
    state = (await daemon.agreement(agreement)).state
    if state == "Pending" and not await daemon.withdraw(agreement):
        raise DaemonError("terminate", 410, "the provider has not answered yet")
    return state in ("Proposal", "Pending", "Rejected", "Cancelled", "Expired")


async def finish(daemon: Daemon, books: Books, emit: Emit, seconds: float = INVOICE_SECONDS) -> None:
    """End everything of a start, pay what is asked for within some seconds, release what is set aside."""
    for deal in books.deals:
        await end(daemon, books, deal, emit)
    engines = {one.region: Engine(daemon, books, one.region, Decimal(0)) for one in books.reserves}

    async def fund(deal: Deal, amount: Decimal) -> str:
        engine = engines.setdefault(deal.region, Engine(daemon, books, deal.region, Decimal(0)))
        return await engine.allocation_for(amount)

    until = time.monotonic() + (seconds if books.finished is None else 0)
    while True:
        await payments.settle(daemon, books, fund, emit)
        waiting = [deal for deal in books.deals if deal.billable and not deal.disputed]
        if not waiting or time.monotonic() >= until:
            break
        await asyncio.sleep(_POLL_SECONDS)
    for engine in engines.values():
        await engine.release()
    if books.finished is None:
        books.write("finished")
