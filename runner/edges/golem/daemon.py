"""What a yagna daemon can be asked: typed questions, each answered within its seconds or by `DaemonError`.

Nothing of an answer is used before `answers.py` accepted it. Where yapapi's own objects cannot be given a time limit,
or hide a failure, the client below them (ya-aioclient, which they are made of) is asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from runner.edges.golem import answers
from runner.edges.golem.answers import Malformed
from runner.edges.golem.rest import FINE, QUICK, DaemonError, Rest
from runner.errors import Environment

_ALLOCATION_DAYS = 30
_ITEMS = 1_000


class Daemon(Rest):
    """One daemon: what it can be asked."""

    # ---- who is there

    async def identity(self) -> str:
        """The node id that the app key speaks for. Raises `Environment` with `golem-key` for a key that is refused."""
        try:
            return answers.node(answers.members(await self.get("who am I", "/me", root=True)).get("identity"))
        except DaemonError as error:
            if error.status in (401, 403):
                raise Environment(
                    "golem-key", "the yagna daemon refuses the app key", "yagna app-key list; set YAGNA_APPKEY"
                ) from None
            raise
        except Malformed as error:
            raise DaemonError("who am I", 200, str(error)) from None

    async def version(self) -> str:
        """The daemon's version, `?` where it does not tell."""
        with contextlib.suppress(DaemonError, Malformed):
            current = answers.members(answers.members(await self.get("version", "/version/get", root=True))["current"])
            return answers.text(current.get("version"))[:40] or "?"
        return "?"

    async def sessions(self) -> int:
        """How many other nodes it is in touch with: with none, nobody is found on a real network."""
        told = answers.members(await self.get("net status", "/net-api/v2/net/status", root=True))
        found = told.get("sessions")
        return found if type(found) is int else 0

    # ---- money

    async def accounts(self) -> tuple[str, ...]:
        """The payment platforms on which this identity can send."""
        told = await self.get("accounts", "/requestorAccounts", client=self.payment_client)
        rows = self.read("accounts", lambda: tuple(map(answers.members, answers.items(told))))
        return tuple(answers.text(row.get("platform")) for row in rows if row.get("send") is not False)

    async def allocate(self, amount: Decimal) -> str:
        """Set money aside. The allocation's id."""
        who = await self.identity()
        until = datetime.now(UTC) + timedelta(days=_ALLOCATION_DAYS)
        wanted = self._lib.payment.Allocation(
            allocation_id="",
            address=who,
            payment_platform=self.connection.platform,
            total_amount=format(amount, "f"),
            spent_amount="",
            remaining_amount="",
            timestamp=datetime.now(UTC),
            timeout=until,
            make_deposit=False,
        )
        made = await self.ask("allocate", self._payments.create_allocation(wanted, _request_timeout=30), 31)
        return self.read("allocate", lambda: answers.identifier(made.allocation_id))

    async def allocations(self) -> tuple[answers.Allocation, ...]:
        """Everything that is set aside by this identity now."""
        told = await self.get("allocations", "/allocations", client=self.payment_client)
        return self.read("allocations", lambda: tuple(map(answers.allocation, answers.items(told))))

    async def release(self, allocation: str) -> None:
        """Give it back; fine where that was done before."""
        await self.ask(
            "release", self._payments.release_allocation(allocation, _request_timeout=QUICK), QUICK, (404, 410)
        )

    async def decorations(self, allocation: str) -> tuple[Mapping[str, Any], Sequence[str]]:
        """The properties and constraints that a demand needs to be paid from an allocation."""
        call = self._payments.get_demand_decorations([allocation], _request_timeout=QUICK)
        told = await self.ask("decorations", call, QUICK)
        return self.read(
            "decorations",
            lambda: (
                {answers.text(one.key): answers.text(one.value) for one in told.properties},
                [answers.text(one) for one in told.constraints],
            ),
        )

    async def invoices(self, since: datetime) -> tuple[answers.Bill, ...]:
        """Invoices sent to this identity since a moment."""
        return await self._bills("invoices", "/invoices", since)

    async def debit_notes(self, since: datetime) -> tuple[answers.Bill, ...]:
        """Debit notes sent to this identity since a moment."""
        return await self._bills("debit notes", "/debitNotes", since)

    async def accept(self, kind: Literal["invoice", "debit_note"], bill: str, amount: Decimal, allocation: str) -> None:
        """Promise to pay a bill from an allocation. Accepting again changes nothing."""
        word = self._lib.payment.Acceptance(total_amount_accepted=format(amount, "f"), allocation_id=allocation)
        call = getattr(self._payments, f"accept_{kind}")(bill, word, _request_timeout=30)
        await self.ask(f"accept {kind}", call, 31)

    async def _bills(self, what: str, path: str, since: datetime) -> tuple[answers.Bill, ...]:
        query = [("afterTimestamp", since.astimezone(UTC).isoformat()), ("maxItems", str(_ITEMS))]
        told = await self.get(what, path, query, client=self.payment_client)
        return tuple(bill for one in self.read(what, lambda: answers.items(told)) if (bill := _bill(one)))

    # ---- market

    async def subscribe(self, properties: Mapping[str, Any], constraints: str) -> str:
        """Publish a demand. Its id."""
        body = self._lib.market.DemandOfferBase(properties=dict(properties), constraints=constraints)
        made = await self.ask("demand", self._markets.subscribe_demand(body, _request_timeout=QUICK), QUICK)
        return self.read("demand", lambda: answers.identifier(made))

    async def unsubscribe(self, demand: str) -> None:
        """Take it back; fine where it is gone."""
        call = self._markets.unsubscribe_demand(demand, _request_timeout=QUICK)
        await self.ask("unsubscribe", call, QUICK, (404, 410))

    async def demands(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """This identity's demands: ids and properties."""
        told = await self.get("demands", "/demands", client=self.market_client)
        rows = self.read("demands", lambda: tuple(map(answers.members, answers.items(told))))
        return self.read(
            "demands",
            lambda: tuple(
                (answers.identifier(row.get("demandId")), answers.members(row["properties"])) for row in rows
            ),
        )

    async def proposals(self, demand: str, seconds: float) -> tuple[answers.Proposal | answers.Refusal, ...]:
        """What came for a demand, waiting at most so long for the first. Malformed ones are left out."""
        query = [("timeout", f"{seconds:.3f}"), ("maxEvents", "50")]
        path = f"/demands/{demand}/events"
        told = await self.get("offers", path, query, client=self.market_client, seconds=seconds + QUICK)
        return tuple(said for one in self.read("offers", lambda: answers.items(told)) if (said := _proposal(one)))

    async def counter(self, demand: str, proposal: str, properties: Mapping[str, Any], constraints: str) -> str:
        """Answer an offer. The new proposal's id."""
        body = self._lib.market.DemandOfferBase(properties=dict(properties), constraints=constraints)
        call = self._markets.counter_proposal_demand(demand, proposal, body, _request_timeout=QUICK)
        made = await self.ask("counter proposal", call, QUICK)
        return self.read("counter proposal", lambda: answers.identifier(made))

    async def agree(self, proposal: str, until: datetime) -> str:
        """Make an agreement of a draft: nothing binds yet. Its id."""
        word = self._lib.market.AgreementProposal(proposal_id=proposal, valid_to=until)
        made = await self.ask("agreement", self._markets.create_agreement(word, _request_timeout=QUICK), QUICK)
        return self.read("agreement", lambda: answers.identifier(made))

    async def confirm(self, agreement: str) -> None:
        """Sign it and send it to the provider."""
        await self.ask("confirm", self._markets.confirm_agreement(agreement, _request_timeout=QUICK), QUICK)

    async def approved(self, agreement: str, seconds: float) -> Literal["approved", "rejected", "silent"]:
        """Wait for the provider's word."""
        call = self._markets.wait_for_approval(agreement, timeout=seconds, _request_timeout=seconds + 5)
        try:
            await self.ask("approval", call, seconds + 6)
        except DaemonError as error:
            if error.status == 410:
                return "rejected"
            if error.status in (408, 504):
                return "silent"
            raise
        return "approved"

    async def agreement(self, agreement: str) -> answers.Agreement:
        """An agreement as it stands."""
        told = await self.get("agreement", f"/agreements/{agreement}", client=self.market_client)
        return self.read("agreement", lambda: answers.agreement(told))

    async def agreements(self, state: str) -> tuple[str, ...]:
        """Ids of the agreements in a state in which this identity is the requestor."""
        told = await self.get("agreements", "/agreements", [("state", state)], client=self.market_client)
        rows = self.read("agreements", lambda: tuple(map(answers.members, answers.items(told))))
        mine = [row for row in rows if row.get("role", "Requestor") == "Requestor"]
        return self.read("agreements", lambda: tuple(answers.identifier(row.get("id")) for row in mine))

    async def terminate(self, agreement: str, code: str, message: str) -> bool:
        """End an approved agreement. False where it was not one any more."""
        reason = {"message": message, "golem.requestor.code": code}
        call = self._markets.terminate_agreement(agreement, request_body=reason, _request_timeout=QUICK)
        return await self.ask("terminate", call, QUICK, (400, 404, 409, 410)) is not FINE

    async def withdraw(self, agreement: str) -> bool:
        """Take back an agreement that the provider has not answered. False where that cannot be done any more."""
        call = self._markets.cancel_agreement(agreement, request_body={"message": "no answer"}, _request_timeout=QUICK)
        try:
            return await self.ask("withdraw", call, QUICK, (410, 404)) is not FINE
        except DaemonError:
            return False

    # ---- activity

    async def create_activity(self, agreement: str, seconds: float) -> str:
        """Start an activity. Its id."""
        call = self._control.create_activity(agreement, timeout=seconds, _request_timeout=seconds + 5)
        made = await self.ask("activity", call, seconds + 6)
        return self.read("activity", lambda: answers.identifier(made))

    async def activities(self, agreement: str) -> tuple[str, ...]:
        """Every activity of an agreement, ended ones too."""
        told = await self.get("activities", "/activity", [("agreementId", agreement)], client=self.activity_client)
        return self.read("activities", lambda: tuple(map(answers.identifier, answers.items(told))))

    async def execute(self, activity: str, script: str) -> str:
        """Send a script. The batch's id."""
        request = self._lib.activity.ExeScriptRequest(text=script)
        made = await self.ask("script", self._control.call_exec(activity, request, _request_timeout=30), 31)
        return self.read("script", lambda: answers.identifier(made))

    async def results(self, activity: str, batch: str, seconds: float) -> tuple[answers.Result, ...]:
        """What a script has done, all from the beginning; waits at most so long for its end."""
        path = f"/activity/{activity}/exec/{batch}"
        query = [("timeout", f"{seconds:.3f}")]
        try:
            told = await self.get("results", path, query, client=self.activity_client, seconds=seconds + 20)
        except DaemonError as error:
            if error.status in (408, 504):
                return ()
            raise
        return self.read("results", lambda: tuple(map(answers.result, answers.items(told))))

    async def state(self, activity: str) -> str:
        """The activity's state, such as `Ready` or `Terminated`."""
        told = await self.get("state", f"/activity/{activity}/state", client=self.activity_client)
        return self.read("state", lambda: answers.state(answers.items(answers.members(told).get("state"))[0]))

    async def usage(self, activity: str) -> tuple[Decimal, ...]:
        """The provider's counters, in the order of its offer's usage vector."""
        told = await self.get("usage", f"/activity/{activity}/usage", client=self.activity_client)
        found = self.read("usage", lambda: answers.items(answers.members(told).get("currentUsage")))
        return self.read("usage", lambda: tuple(map(answers.money, found)))

    async def destroy(self, activity: str, seconds: float = QUICK) -> None:
        """End an activity; fine where it has ended."""
        call = self._control.destroy_activity(activity, timeout=seconds, _request_timeout=seconds + 1)
        await self.ask("destroy", call, seconds + 1, (404, 410))


def _proposal(event: Any) -> answers.Proposal | answers.Refusal | None:
    with contextlib.suppress(Malformed):
        return answers.proposal(event)
    return None


def _bill(data: Any) -> answers.Bill | None:
    with contextlib.suppress(Malformed):
        return answers.bill(data)
    return None
