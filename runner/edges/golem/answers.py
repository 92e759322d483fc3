"""What a daemon answers, read strictly: each value of its type and within bounds, or `Malformed`.

The daemon passes on what providers write, and may itself be broken: nothing of an answer is used before it went
through here. Shapes: golemfactory/ya-client, `specs/*.yaml`; what differs from them was measured on yagna 0.17.6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

_ID = re.compile(r"[A-Za-z0-9_-]{1,120}")
_NODE = re.compile(r"0x[0-9a-fA-F]{40}")
_MOST = Decimal(10) ** 12
_MOST_ITEMS = 10_000
_STATE = re.compile(r"[A-Za-z_]{1,40}")


class Malformed(ValueError):
    """An answer that breaks its shape, in words of our own."""


class Proposal(NamedTuple):
    """An offer (`draft` false) or the answer to a counter-proposal. `properties` are the provider's own words."""

    id: str
    issuer: str
    draft: bool
    previous: str | None
    properties: Mapping[str, Any]


class Refusal(NamedTuple):
    """A provider will not go on with a proposal of ours."""

    id: str


class Agreement(NamedTuple):
    """An agreement: its state (`Proposal`, `Pending`, `Approved`, `Terminated`, …), the provider, both sides' words."""

    id: str
    state: str
    provider: str
    demand: Mapping[str, Any]
    offer: Mapping[str, Any]


class Allocation(NamedTuple):
    """Money set aside, in GLM."""

    id: str
    total: Decimal
    spent: Decimal
    platform: str


class Bill(NamedTuple):
    """An invoice or a debit note. `amount` is all that is due, in GLM."""

    id: str
    agreement: str
    issuer: str
    payee: str
    amount: Decimal
    status: str
    platform: str


class Result(NamedTuple):
    """How one command of a script ended."""

    position: int
    ok: bool
    stdout: str
    stderr: str
    message: str
    last: bool


def members(data: Any) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(data, dict):
        raise Malformed("no object where one belongs")
    return data


def items(data: Any) -> Sequence[Any]:
    """A JSON list; none at all counts as empty."""
    if data is None:
        return ()
    if not isinstance(data, list) or len(data) > _MOST_ITEMS:
        raise Malformed("no list where one belongs, or an endless one")
    return data


def identifier(data: Any) -> str:
    """An id, as it may stand in a path."""
    if not isinstance(data, str) or not _ID.fullmatch(data):
        raise Malformed("an id that is none")
    return data


def node(data: Any) -> str:
    """A node's id or an account, in lower case."""
    if not isinstance(data, str) or not _NODE.fullmatch(data):
        raise Malformed("an address that is none")
    return data.lower()


def money(data: Any) -> Decimal:
    """An amount of GLM: not negative, finite, with at most 18 places."""
    if isinstance(data, bool) or not isinstance(data, str | int | float) or len(str(data)) > 60:
        raise Malformed("an amount that is none")
    try:
        amount = Decimal(str(data))
    except InvalidOperation:
        raise Malformed("an amount that is none") from None
    if not amount.is_finite() or amount < 0 or amount > _MOST:
        raise Malformed("an amount that cannot be")
    return amount


def text(data: Any) -> str:
    """Free text; none at all counts as empty."""
    if data is None:
        return ""
    if not isinstance(data, str):
        raise Malformed("no text where one belongs")
    return data


def state(data: Any) -> str:
    """A state's name."""
    if not isinstance(data, str) or not _STATE.fullmatch(data):
        raise Malformed("a state that is none")
    return data


def proposal(event: Any) -> Proposal | Refusal | None:
    """What an event of the market tells; None for events of another kind."""
    told = members(event)
    if told.get("eventType") == "ProposalRejectedEvent":
        return Refusal(identifier(told.get("proposalId")))
    if told.get("eventType") != "ProposalEvent":
        return None
    said = members(told.get("proposal"))
    previous = said.get("prevProposalId")
    return Proposal(
        id=identifier(said.get("proposalId")),
        issuer=node(said.get("issuerId")),
        draft=said.get("state") == "Draft",
        previous=identifier(previous) if previous is not None else None,
        properties=members(said.get("properties")),
    )


def agreement(data: Any) -> Agreement:
    """An agreement."""
    said = members(data)
    offer, demand = members(said.get("offer")), members(said.get("demand"))
    return Agreement(
        id=identifier(said.get("agreementId")),
        state=state(said.get("state")),
        provider=node(offer.get("providerId")),
        demand=members(demand.get("properties")),
        offer=members(offer.get("properties")),
    )


def allocation(data: Any) -> Allocation:
    """An allocation."""
    said = members(data)
    return Allocation(
        id=identifier(said.get("allocationId")),
        total=money(said.get("totalAmount")),
        spent=money(said.get("spentAmount") or "0"),
        platform=text(said.get("paymentPlatform"))[:100],
    )


def bill(data: Any) -> Bill:
    """An invoice or a debit note."""
    said = members(data)
    return Bill(
        id=identifier(said.get("invoiceId") or said.get("debitNoteId")),
        agreement=identifier(said.get("agreementId")),
        issuer=node(said.get("issuerId")),
        payee=node(said.get("payeeAddr")),
        amount=money(said.get("amount", said.get("totalAmountDue"))),
        status=state(said.get("status")),
        platform=text(said.get("paymentPlatform"))[:100],
    )


def result(data: Any) -> Result:
    """One command's result."""
    said = members(data)
    position = said.get("index")
    if type(position) is not int or not 0 <= position < 1_000:
        raise Malformed("a result of no command")
    return Result(
        position=position,
        ok=said.get("result") == "Ok",
        stdout=text(said.get("stdout")),
        stderr=text(said.get("stderr")),
        message=text(said.get("message"))[:500],
        last=said.get("isBatchFinished") is True,
    )
