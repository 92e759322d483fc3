"""A Kubo node as a `Pinner`, by its RPC (https://docs.ipfs.tech/reference/kubo/rpc/): five calls of it.

    put         dag/import    the CAR as it is, without pinning: CIDs are ours, not the node's
    pin         pin/add       offline, and with a deadline: a node that lacks a block waits for a peer that has it
    standings   pin/ls        recursive pins, one or all
    fetch       dag/export    offline: from the node's own store

Kubo says its own failures as HTTP 500 with a `Message`; what they mean is read from that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from runner.edges.ipfs.http import PATIENCE, Answer, Patience, Web
from runner.ports import PinFailed, Standing

_LACKING = ("block was not found locally", "context deadline exceeded")
_UNPINNED = b"is not pinned"


class Kubo:
    """See `Pinner`. `url` is where the RPC listens, `token` its bearer token (`API.Authorizations`)."""

    def __init__(self, url: str, token: str | None = None, patience: Patience = PATIENCE) -> None:
        self._web = Web(url, token, patience)
        self.deadline = f"{patience.silence * 0.7:.1f}s"

    def standings(self, cids: Collection[str]) -> Mapping[str, Standing]:
        """See `Pinner.standings`. Many are looked up in the list of all pins."""
        if len(cids) == 1:
            (cid,) = cids
            return {cid: "pinned" if self._pinned(cid) else "absent"}
        answer = self._ask("pin/ls", [("type", "recursive"), ("stream", "true"), ("quiet", "true")])
        listed = {_text(line, "Cid") for line in answer.lines()}
        return {cid: "pinned" for cid in cids if cid in listed}

    def put(self, cid: str, car: Callable[[], Iterable[bytes]]) -> None:
        """See `Pinner.put`."""
        mark = f"beacon-{cid}"  # no bundle can hold its own CID
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="bundle.car"\r\n'

        def body() -> Iterator[bytes]:
            yield f"{head}Content-Type: application/vnd.ipld.car\r\n\r\n".encode()
            yield from car()
            yield f"\r\n--{mark}--\r\n".encode()

        answer = self._ask(
            "dag/import",
            [("pin-roots", "false"), ("stats", "true"), ("allow-big-block", "false")],
            content=body(),
            headers={"Content-Type": f"multipart/form-data; boundary={mark}"},
        )
        if not any("Stats" in line for line in answer.lines() if isinstance(line, dict)):
            raise PinFailed("it did not say that it imported the blocks")

    def pin(self, cid: str, name: str) -> Standing:
        """See `Pinner.pin`."""
        query = [("arg", cid), ("recursive", "true"), ("offline", "true"), ("timeout", self.deadline), ("name", name)]
        found = self._ask("pin/add", query).json()
        if not isinstance(found, dict) or found.get("Pins") != [cid]:
            raise PinFailed("it did not say that it pinned the bundle")
        return "pinned"

    def fetch(self, cid: str) -> Iterator[bytes]:
        """See `Pinner.fetch`."""
        try:
            yield from self._web.stream(
                "POST", "api/v0/dag/export", [("arg", cid), ("offline", "true"), ("progress", "false")]
            )
        except PinFailed as error:
            raise _told(error) from None

    def close(self) -> None:
        """See `Pinner.close`."""
        self._web.close()

    def addresses(self) -> list[str]:
        """The multiaddrs at which other peers reach it."""
        found = self._ask("id").json()
        addresses = found.get("Addresses") if isinstance(found, dict) else None
        return [one for one in addresses or () if isinstance(one, str)]

    def connect(self, address: str) -> None:
        """Have it connect to a peer."""
        self._ask("swarm/connect", [("arg", address)])

    def _pinned(self, cid: str) -> bool:
        unpinned = lambda answer: _UNPINNED in answer.body  # noqa: E731 - one place, one line
        query = [("arg", cid), ("type", "recursive")]
        answer = self._ask("pin/ls", query, fine=unpinned)
        if answer.status != 200:
            return False
        found = answer.json()
        keys = found.get("Keys") if isinstance(found, dict) else None
        if not isinstance(keys, dict) or set(keys) != {cid}:
            raise PinFailed("it did not say whether it pins the bundle")
        return True

    def _ask(self, command: str, query: Iterable[tuple[str, str]] = (), **extra: Any) -> Answer:
        try:
            return self._web.call("POST", f"api/v0/{command}", [*query, ("cid-base", "base32")], **extra)
        except PinFailed as error:
            raise _told(error) from None


def lacking(said: str) -> bool:
    """Whether a node's words mean that it has not all blocks."""
    return any(words in said for words in _LACKING)


def _told(error: PinFailed) -> PinFailed:
    """What the node's words mean: that blocks are lacking is no trouble of its own."""
    if not lacking(error.why):
        return error
    return PinFailed(error.why, retryable=error.retryable, missing=True, away=error.away)


def _text(line: Any, name: str) -> str:
    found = line.get(name) if isinstance(line, dict) else None
    if not isinstance(found, str):
        raise PinFailed(f"a line of the list of pins without {name}")
    return found
