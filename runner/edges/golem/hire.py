"""From a demand to an approved agreement: the first provider that accepts, best offer first.

A provider that rejects or keeps silent costs some seconds, not the attempt. Each agreement is in the books before it is
asked for, and before it is signed. Prices are read from the draft that becomes the agreement, not from the first offer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from runner.edges.golem import demand, offers
from runner.edges.golem.answers import Malformed, Refusal
from runner.edges.golem.books import Deal
from runner.edges.golem.engine import Engine
from runner.edges.golem.failure import Failed
from runner.edges.golem.offers import Offer
from runner.edges.golem.rest import DaemonError
from runner.model.providers import KnownProvider
from runner.money import owed, plain
from runner.ports import Work
from runner.providers.reputation import History
from runner.providers.selection import Ranking, Wanted, choose

COLLECT_SECONDS = 0.7
"""Offers are compared that come within this of the first."""
DRAFT_SECONDS = 5.0
APPROVAL_SECONDS = 8.0
AGAIN_SECONDS = 5.0
"""After everybody said no."""
_POLL_SECONDS = 2.0
_PLENTY = Decimal(10) ** 9
_SHORTEST, _LONGEST = timedelta(minutes=8), timedelta(minutes=25)
"""Stock providers refuse demands that end in less than five minutes, or in more than thirty."""


class Hired(NamedTuple):
    """An approved agreement, and what its provider had offered."""

    deal: Deal
    offer: Offer


class Demand(NamedTuple):
    """What is published: properties, constraints, and when it ends."""

    properties: Mapping[str, Any]
    constraints: str
    expires: datetime


class Wishes(NamedTuple):
    """What offers have to meet, and how they are ranked. Bans and money change while others work, so it is asked."""

    wanted: Callable[[], Wanted]
    known: Mapping[str, KnownProvider]
    history: History
    told: Callable[[Ranking[Offer]], None]


async def hire(engine: Engine, work: Work, package: demand.Package, tag: str, wishes: Wishes, until: float) -> Hired:
    """Hire a provider by a moment of the loop's clock. Raises `Failed`, `DaemonError`, `Environment`.

    An offer reaches a demand once. So when everybody said no, a new demand asks all of them again."""
    while True:
        if hired := await _round(engine, work, package, tag, wishes, until):
            return hired


async def _round(
    engine: Engine, work: Work, package: demand.Package, tag: str, wishes: Wishes, until: float
) -> Hired | None:
    decorations, more = await engine.decorations()
    asked = _demand(engine, work, package, tag, decorations, more)
    name = await engine.daemon.subscribe(asked.properties, asked.constraints)
    try:
        return await _Hiring(engine, work, name, asked, wishes, until).run()
    finally:
        with contextlib.suppress(DaemonError):
            await asyncio.shield(engine.daemon.unsubscribe(name))


def _demand(
    engine: Engine, work: Work, package: demand.Package, tag: str, decorations: Mapping[str, Any], more: Any
) -> Demand:
    connection, limits = engine.daemon.connection, work.limits
    needed = timedelta(seconds=limits.queue_seconds + limits.start_seconds + limits.run_seconds + 60)
    expires = datetime.now(UTC) + max(_SHORTEST, min(needed, _LONGEST))
    said = demand.properties(package, connection.subnet, expires, {demand.JOURNAL: tag, demand.RUN: work.attempt.run})
    said |= {**decorations, "golem.com.payment.chosen-platform": connection.platform}
    return Demand(said, demand.constraints(package, connection.subnet, limits, more), expires)


class _Hiring:
    """One search. Offers are known by their proposals: a node may have several, and some of them may be stale. `tried`
    are those whose node said no, or nothing."""

    def __init__(self, engine: Engine, work: Work, name: str, asked: Demand, wishes: Wishes, until: float) -> None:
        self._engine = engine
        self._daemon = engine.daemon
        self._work = work
        self._name = name
        self._asked = asked
        self._wishes = wishes
        self._until = until
        self._offers: dict[str, Offer] = {}
        self._drafts: dict[str, Offer] = {}
        self._refused: set[str] = set()
        self._tried: set[str] = set()

    async def run(self) -> Hired | None:
        """A provider; None where everybody said no, and there is time to ask again."""
        await self._collect(min(_POLL_SECONDS, self._left()))
        if self._offers:
            await self._collect_for(COLLECT_SECONDS)
        while self._left() > 0:
            ranking = self._ranking()
            if not ranking.choices:
                self._money_suffices(ranking)
                if self._tried and self._left() > AGAIN_SECONDS:
                    await asyncio.sleep(AGAIN_SECONDS)
                    return None
                await self._collect(min(_POLL_SECONDS, self._left()))
            elif hired := await self._try(ranking.choices[0].offer):
                return hired
        limit, region = self._work.limits.queue_seconds, self._work.region.name
        words = f"{len(self._tried)} did not accept" if self._tried else self._ranking().why_none()
        raise Failed("queue", f"no provider in {region} within {limit} s: {words}", timeout=True)

    def _left(self) -> float:
        return self._until - asyncio.get_running_loop().time()

    def _ranking(self) -> Ranking[Offer]:
        """The offers of those who were not tried yet, best first."""
        fresh = [offer for name, offer in self._offers.items() if name not in self._tried]
        ranking = self._choose(fresh)
        self._wishes.told(ranking)
        return ranking

    def _choose(self, fresh: Sequence[Offer]) -> Ranking[Offer]:
        return choose(fresh, self._wishes.wanted(), self._wishes.known, self._wishes.history)

    def _money_suffices(self, ranking: Ranking[Offer]) -> None:
        """Raises `Failed` where money alone stands between us and a provider."""
        wanted = self._wishes.wanted()
        richer = choose(self._offers.values(), wanted._replace(left=_PLENTY), self._wishes.known, self._wishes.history)
        missed = {choice.offer.proposal for choice in richer.choices} - self._tried
        if missed and not ranking.choices:
            words = f"no provider in {wanted.region} costs as little as the {plain(wanted.left)} GLM that are left"
            raise Failed("budget", words, retryable=False)

    async def _collect_for(self, seconds: float) -> None:
        end = asyncio.get_running_loop().time() + min(seconds, self._left())
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await self._collect(left)

    async def _collect(self, seconds: float) -> None:
        """Take in what comes, waiting for something at most so long."""
        begun = asyncio.get_running_loop().time()
        came = await self._daemon.proposals(self._name, max(0.05, seconds))
        for said in came:
            if isinstance(said, Refusal):
                self._refused.add(said.id)
                continue
            with contextlib.suppress(Malformed):
                offer = offers.read(said, self._daemon.connection.platform)
                if said.draft:
                    self._drafts[said.issuer] = offer
                else:
                    self._offers[said.id] = offer
        if not came and asyncio.get_running_loop().time() - begun < seconds / 2:
            await asyncio.sleep(seconds / 2)  # the daemon did not wait

    async def _try(self, offer: Offer) -> Hired | None:
        """Negotiate with one provider. None where nothing came of it."""
        self._tried.add(offer.proposal)
        if (draft := await self._draft(offer)) is None:
            return None
        if not self._choose([draft]).choices:
            return None
        wanted = self._wishes.wanted()
        most = owed(draft.terms, wanted.seconds, wanted.threads)
        deal = self._engine.books.new_deal(self._work.attempt, draft, wanted.threads, most)
        try:
            agreed = await self._daemon.agree(draft.proposal, self._asked.expires)
        except DaemonError as error:
            self._engine.books.write("agreement refused", key=deal.key, why=error.why)
            if error.away:
                raise
            return None
        return Hired(deal, draft) if await self._signed(deal, agreed) else None

    async def _draft(self, offer: Offer) -> Offer | None:
        """The provider's answer to our counter-proposal, within some seconds."""
        said = {**self._asked.properties, **demand.negotiable(offer.properties)}
        self._drafts.pop(offer.node, None)
        try:
            sent = await self._daemon.counter(self._name, offer.proposal, said, self._asked.constraints)
        except DaemonError as error:
            if error.away:
                raise
            return None
        end = asyncio.get_running_loop().time() + min(DRAFT_SECONDS, self._left())
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await self._collect(min(1.0, left))
            if offer.node in self._drafts:
                return self._drafts.pop(offer.node)
            if sent in self._refused:
                return None
        return None

    async def _signed(self, deal: Deal, agreed: str) -> bool:
        """Sign, send, and wait for the provider's word."""
        books = self._engine.books
        books.write("agreement made", key=deal.key, id=agreed)
        books.write("agreement confirming", key=deal.key)
        await self._daemon.confirm(agreed)
        word = await self._daemon.approved(agreed, max(0.5, min(APPROVAL_SECONDS, self._left())))
        if word == "silent" and not await self._daemon.withdraw(agreed):
            state = (await self._daemon.agreement(agreed)).state
            word = "approved" if state == "Approved" else "silent" if state == "Pending" else "rejected"
            if word == "silent":
                return False  # it may still approve: the books hold it open, and `finish` looks again
        if word == "approved":
            books.write("agreement approved", key=deal.key)
            return True
        books.write("agreement refused", key=deal.key, why=word)
        return False
