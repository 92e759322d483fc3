"""A pinning service as a `Pinner`, by the IPFS Pinning Service API 1.0.0 (https://ipfs.github.io/pinning-services-api-spec/).

A service takes no upload: it fetches from peers. So there is an origin, a Kubo node of ours that it can reach:

    put         the origin imports the CAR
    pin         POST /pins, or /pins/{requestid} where an earlier request failed, with the origin's addresses; then the
                origin connects to the peers that the service names (`delegates`)
    standings   GET /pins, page by page; `queued` and `pinning` are pending
    fetch       the service's own trustless gateway (https://specs.ipfs.tech/http-gateways/trustless-gateway/), whose
                answer is no proof of more than that this gateway could get the blocks
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from runner.edges.ipfs.http import PATIENCE, Patience, Web
from runner.edges.ipfs.kubo import Kubo
from runner.ports import PinFailed, Standing

_PAGE = 1000
_PAGES = 1000
_CIDS = 10
_ALL = "queued,pinning,pinned,failed"
_STANDINGS: Mapping[str, Standing] = {"pinned": "pinned", "queued": "pending", "pinning": "pending", "failed": "absent"}
_ORDER: Sequence[Standing] = ("absent", "pending", "pinned")
_CAR = {"Accept": "application/vnd.ipld.car; version=1; order=dfs; dups=n"}


class Request(NamedTuple):
    """One pin request, as the service tells it."""

    id: str
    cid: str
    standing: Standing
    created: str
    delegates: tuple[str, ...]


class Service:
    """See `Pinner`. `url` is the API's base, `gateway` a trustless gateway's: without one nothing comes back."""

    def __init__(
        self, url: str, token: str | None, origin: Kubo, gateway: str | None, patience: Patience = PATIENCE
    ) -> None:
        self._api = Web(url, token, patience)
        self._gateway = Web(gateway, None, patience) if gateway else None
        self._origin = origin

    def standings(self, cids: Collection[str]) -> Mapping[str, Standing]:
        """See `Pinner.standings`."""
        found: dict[str, Standing] = dict.fromkeys(cids, "absent") if len(cids) <= _CIDS else {}
        for request in self._requests([("cid", ",".join(cids))] if len(cids) <= _CIDS else []):
            if request.cid in cids:
                found[request.cid] = max(found.get(request.cid, "absent"), request.standing, key=_ORDER.index)
        return found

    def put(self, cid: str, car: Callable[[], Iterable[bytes]]) -> None:
        """See `Pinner.put`."""
        self._origin.put(cid, car)

    def pin(self, cid: str, name: str) -> Standing:
        """See `Pinner.pin`."""
        known = list(self._requests([("cid", cid)]))
        request = max(known, key=lambda one: _ORDER.index(one.standing), default=None)
        if request is None or request.standing == "absent":
            asked = {"cid": cid, "name": name, "origins": self._origin.addresses()}
            answer = self._api.call("POST", f"pins/{_safe(request.id)}" if request else "pins", document=asked)
            request = _request(answer.json())
            if request.cid != cid:
                raise PinFailed("it answered with another bundle's request")
        if request.standing == "pending":
            for address in request.delegates:
                with contextlib.suppress(PinFailed):  # it may reach the origin by itself
                    self._origin.connect(address)
        return request.standing

    def fetch(self, cid: str) -> Iterator[bytes]:
        """See `Pinner.fetch`."""
        if self._gateway is None:
            raise PinFailed(
                "the policy names no gateway of this service, so nothing shows what it keeps", retryable=False
            )
        try:
            yield from self._gateway.stream("GET", f"ipfs/{cid}", [("format", "car"), ("dag-scope", "all")], _CAR)
        except PinFailed as error:
            gone = error.why.startswith(("HTTP 404", "HTTP 410"))
            raise PinFailed(error.why, retryable=error.retryable or gone, missing=gone, away=error.away) from None

    def close(self) -> None:
        """See `Pinner.close`."""
        for one in (self._api, self._gateway, self._origin):
            if one is not None:
                one.close()

    def _requests(self, query: Sequence[tuple[str, str]]) -> Iterator[Request]:
        """The requests of any status, newest first, from page to page. Requests of the very moment at which a page ends
        can be left out: the API has no better mark than that moment."""
        before: list[tuple[str, str]] = []
        seen: set[str] = set()
        for _ in range(_PAGES):
            answer = self._api.call("GET", "pins", [*query, *before, ("status", _ALL), ("limit", str(_PAGE))]).json()
            results = answer.get("results") if isinstance(answer, dict) else None
            if not isinstance(results, list):
                raise PinFailed("a list of pins without results")
            page = [_request(one) for one in results]
            yield from (one for one in page if one.id not in seen)
            fresh = {one.id for one in page} - seen
            seen |= fresh
            if len(page) < _PAGE or not fresh:
                return
            before = [("before", page[-1].created)]
        raise PinFailed(f"more than {_PAGES} pages of pins")


def _request(found: Any) -> Request:
    """A `PinStatus`, strictly. Raises `PinFailed`."""
    try:
        delegates = found.get("delegates") or []
        request = Request(
            found["requestid"],
            found["pin"]["cid"],
            _STANDINGS[found["status"]],
            found["created"],
            tuple(one for one in delegates[:20] if isinstance(one, str)),
        )
    except (KeyError, TypeError, AttributeError):
        raise PinFailed("an answer that is no pin status") from None
    if not all(isinstance(text, str) for text in (request.id, request.cid, request.created)):
        raise PinFailed("an answer that is no pin status")
    return request


def _safe(name: str) -> str:
    if not name.replace("-", "").replace("_", "").isalnum() or len(name) > 200:
        raise PinFailed("a request id that cannot stand in a path")
    return name
