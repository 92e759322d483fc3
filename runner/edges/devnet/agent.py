"""A provider: publishes offers, negotiates, signs agreements, runs activities, sends invoices.

Speaks to the daemon through the provider side of its REST interface and, for each activity, through the service bus.
Survives the daemon's restart: it begins anew, and bills what had been agreed before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runner.edges import sandbox
from runner.edges.cpus import Cpus
from runner.edges.devnet import billing, geography, offer, runtimes
from runner.edges.devnet.commands import in_sandbox
from runner.edges.devnet.deal import Deal
from runner.edges.devnet.egress import Egress
from runner.edges.devnet.exeunit import Command, ExeUnit
from runner.edges.devnet.faults import Faults
from runner.edges.devnet.geography import Site
from runner.edges.devnet.gsb import Bus
from runner.edges.devnet.rest import Refused, Rest

if TYPE_CHECKING:
    import aiohttp

POLL_SECONDS = 20.0
AGAIN_SECONDS = 0.5
ANSWER_SECONDS = 10.0

_log = logging.getLogger(__name__)


class House(NamedTuple):
    """What all providers of a devnet share. `folder` holds the sockets, `idle_seconds` is how long an agreement may
    go without an activity."""

    session: aiohttp.ClientSession
    sandbox: sandbox.Sandbox
    cpus: Cpus
    cache: Path
    folder: Path
    bus: str
    subnet: str
    countries: tuple[str, ...]
    idle_seconds: float


class Agent:
    """One provider. `node` is its id on the network."""

    def __init__(self, site: Site, node: str, rest: Rest, prices: offer.Prices, house: House) -> None:
        self.site = site
        self.node = node
        self.faults = Faults()
        self.deals: dict[str, Deal] = {}
        self._rest = rest
        self._prices = prices
        self._house = house
        self._since = {"agreements": _now(), "activities": _now()}
        self._tasks: set[asyncio.Task[None]] = set()
        self._crashed = asyncio.Event()
        self.ready = asyncio.Event()
        self._offers: dict[str, dict[str, Any]] = {}

    @property
    def countries(self) -> tuple[str, ...]:
        """Every country on the map."""
        return self._house.countries

    async def run(self) -> None:
        """Serve for ever; begin anew whenever the daemon was away."""
        import aiohttp

        while True:
            try:
                await self._publish()
                self.ready.set()
                await self._serve()
            except* (aiohttp.ClientError, Refused, TimeoutError, OSError) as group:
                _log.info("%s begins anew: %r", self.site.name, group.exceptions[0])
            self.ready.clear()
            await self._abandon()
            await asyncio.sleep(AGAIN_SECONDS)

    async def close(self) -> None:
        """End every agreement and bill it, take the offers back, end every activity."""
        await self._abandon()
        await asyncio.gather(*(self._terminate(deal, "the provider shuts down") for deal in self.deals.values()))
        for subscription in self._offers:
            with contextlib.suppress(Exception):
                await self._rest.call("DELETE", f"/market-api/v1/offers/{subscription}")

    async def seen(self) -> dict[str, Any]:
        """Agreements and invoices, as the daemon tells them to this provider."""
        listed = await self._rest.call("GET", "/market-api/v1/agreements")  # each stands once for either role
        agreements = [
            await self._rest.call("GET", f"/market-api/v1/agreements/{one['id']}")
            for one in listed or ()
            if one["role"] == "Provider"
        ]
        invoices = await self._rest.call("GET", "/payment-api/v1/invoices")
        return {
            "agreements": [{"id": one["agreementId"], "state": one["state"]} for one in agreements],
            "invoices": [
                {
                    "id": one["invoiceId"],
                    "agreement": one["agreementId"],
                    "amount": one["amount"],
                    "status": one["status"],
                }
                for one in invoices or ()
            ],
            "activities": [
                {"id": name, "agreement": deal.id, "state": unit.state, "usage": unit.usage()}
                for deal in self.deals.values()
                for name, unit in deal.units.items()
            ],
        }

    async def _publish(self) -> None:
        self._offers.clear()
        for runtime in runtimes.RUNTIMES:
            house = self._house
            said = offer.properties(self.site, self.node, runtime, house.subnet, house.cpus.count, self._prices)
            body = {"properties": said, "constraints": offer.CONSTRAINTS.format(subnet=house.subnet)}
            self._offers[await self._rest.call("POST", "/market-api/v1/offers", body)] = body

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            for subscription, body in self._offers.items():
                group.create_task(self._market(subscription, body))
            group.create_task(self._agreements())
            group.create_task(self._activities())
            group.create_task(self._watch_idle())
            group.create_task(self._crash())

    async def _crash(self) -> None:
        """A fault: gone without a word, until it is cleared."""
        await self._crashed.wait()
        self._crashed.clear()
        raise ConnectionResetError("crashed by a fault")

    async def _abandon(self) -> None:
        """Drop what is under way, silently. A fault may keep the provider away."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self.faults.standing("crash") and self.faults.struck("crash"):
            await asyncio.sleep(AGAIN_SECONDS)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the polls; what goes wrong is logged."""
        task = asyncio.create_task(self._logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _logged(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            _log.warning("%s: %r", self.site.name, error)

    async def _market(self, subscription: str, body: dict[str, Any]) -> None:
        path = f"/market-api/v1/offers/{subscription}"
        while True:
            for event in await self._rest.events(f"{path}/events", POLL_SECONDS, maxEvents=20):
                if event["eventType"] == "ProposalEvent":
                    self._start(self._negotiate(f"{path}/proposals/{event['proposal']['proposalId']}", event, body))
                elif event["eventType"] == "AgreementEvent":
                    self._start(self._agree(event["agreement"]))

    async def _negotiate(self, path: str, event: dict[str, Any], body: dict[str, Any]) -> None:
        if self.faults.strike("reject-proposal") is not None:
            await self._rest.call("POST", f"{path}/reject", {"message": "No capacity available."})
            return
        said = offer.answer(body["properties"], event["proposal"]["properties"])
        await self._rest.call("POST", path, {**body, "properties": said})

    async def _agree(self, agreement: dict[str, Any]) -> None:
        path = f"/market-api/v1/agreements/{agreement['agreementId']}"
        if self.faults.strike("silent-agreement") is not None:
            return
        if self.faults.strike("reject-agreement") is not None:
            await self._rest.call("POST", f"{path}/reject", {"message": "No capacity available."})
            return
        deal = Deal(agreement, self._prices)
        self.deals[deal.id] = deal  # first: the requestor may be quicker with an activity than the answer with its end
        try:
            await self._rest.call("POST", f"{path}/approve", timeout=ANSWER_SECONDS)
        except BaseException:
            del self.deals[deal.id]
            raise

    async def _agreements(self) -> None:
        while True:
            since = self._since["agreements"]
            for event in await self._rest.events(
                "/market-api/v1/agreementEvents", POLL_SECONDS, maxEvents=20, afterTimestamp=since
            ):
                self._since["agreements"] = event["eventDate"]
                deal = self.deals.get(event["agreementId"])
                if deal and event["eventType"] == "AgreementTerminatedEvent":
                    self._start(self._settle(deal))

    async def _activities(self) -> None:
        while True:
            since = self._since["activities"]
            for event in await self._rest.events("/activity-api/v1/events", POLL_SECONDS, afterTimestamp=since):
                self._since["activities"] = event["eventDate"]
                kind = event["eventType"]  # an object with one member, whatever the published model says
                kind = kind if isinstance(kind, str) else next(iter(kind))
                deal = self.deals.get(event["agreementId"])
                if deal and kind == "CreateActivity":
                    self._start(self._activity(deal, event["activityId"]))
                elif deal and kind == "DestroyActivity":
                    self._start(self._destroy(deal, event["activityId"]))

    async def _activity(self, deal: Deal, activity: str) -> None:
        """An activity's life, from its exe-unit's start to its end."""
        if self.faults.strike("activity-fail") is not None:
            await self._tell(activity, "Terminated", "the exe-unit did not start")
            return
        ended = asyncio.Event()
        silent: list[bool] = []

        def died(quietly: bool) -> None:
            silent.append(quietly)
            ended.set()

        async with Egress(self._house.folder / f"{activity[:16]}.sock", self._source) as egress:
            unit = ExeUnit(lambda: self._deploy(deal, egress.path), self.faults, died)
            deal.begin(activity, unit, ended)
            try:
                async with Bus(self._house.bus, f"/public/exeunit/{activity}", unit.call):
                    await self._tell(activity, "Initialized")
                    self._start(self._notes(deal, activity, unit))
                    await ended.wait()
            finally:
                await unit.end()
        if silent == [True]:
            self._crashed.set()
            return
        await self._tell(activity, "Terminated", "the exe-unit died" if silent else None)

    async def _deploy(self, deal: Deal, out: Path) -> Command:
        """Fetch what the agreement's demand asks for."""
        what = runtimes.asked(deal.runtime, deal.package)
        make = await runtimes.deploy(what, self._house.cache, self._house.session)
        return in_sandbox(self._house.sandbox, make, self._house.cpus, deal.threads, out)

    def _source(self) -> str:
        """The address from which the next connection leaves."""
        liar = self.faults.strike("wrong-country")
        if liar is None:
            return self.site.address
        order = self._house.countries
        country = liar["country"] or next(one for one in order if one != self.site.country)
        return geography.address(order, country, geography.MOST_PROVIDERS + 1)

    async def _destroy(self, deal: Deal, activity: str) -> None:
        if activity in deal.units:
            deal.ended[activity].set()
        else:
            await self._tell(activity, "Terminated")

    async def _tell(self, activity: str, state: str, reason: str | None = None) -> None:
        """The activity's state, for the requestor to read."""
        body = {"state": [state, None], "reason": reason, "errorMessage": reason}
        await self._rest.call("PUT", f"/activity-api/v1/activity/{activity}/state", body)

    async def _watch_idle(self) -> None:
        """End agreements that nobody uses, and those whose time is over."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            for deal in list(self.deals.values()):
                if why := deal.over(self._house.idle_seconds, time.time()):
                    await self._terminate(deal, why)

    async def _terminate(self, deal: Deal, why: str) -> None:
        if deal.settled:
            return
        body = {"message": why, "golem.provider.code": "Shutdown"}
        path = f"/market-api/v1/agreements/{deal.id}/terminate"
        await self._rest.call("POST", path, body, allowed=(410,))  # 410: the requestor was first
        await self._settle(deal)

    async def _settle(self, deal: Deal) -> None:
        """End what runs and send the invoice, once."""
        if deal.settled:
            return
        deal.settled = True
        for ended in deal.ended.values():
            ended.set()
        await asyncio.gather(*(unit.end() for unit in deal.units.values()))
        if not deal.units or self.faults.strike("no-invoice") is not None:
            return
        more = self.faults.strike("overcharge")
        await billing.send_invoice(self._rest, deal, more["factor"] if more else 1.0)

    async def _notes(self, deal: Deal, activity: str, unit: ExeUnit) -> None:
        """Debit notes of an activity; where nobody accepts them, the agreement ends."""

        def factor() -> float:
            more = self.faults.looming("overcharge")
            return float(more["factor"]) if more else 1.0

        if why := await billing.send_notes(self._rest, deal, activity, unit, factor):
            await self._terminate(deal, why)


def _now() -> str:
    return billing.stamp(datetime.now(UTC))
