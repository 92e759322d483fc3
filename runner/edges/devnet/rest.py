"""The daemon's REST interface, as a provider agent uses it. Paths: ya-client's OpenAPI of market, activity, payment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

NO_EVENTS = (408, 504)
"""How a long poll ends without news."""


class Refused(Exception):
    """The daemon answered with a status that was not expected."""

    def __init__(self, what: str, status: int, said: str) -> None:
        super().__init__(f"{what}: {status} {said[:300]}")
        self.status = status


class Rest:
    """Calls in the name of one identity. Raises `Refused`, or aiohttp's errors where the daemon is not there."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}

    async def call(
        self, method: str, path: str, body: object = None, allowed: Sequence[int] = (), **query: object
    ) -> Any:
        """The answer's JSON; None where it has none, and for the statuses `allowed` beside success."""
        parameters = {name: str(value) for name, value in query.items()}
        async with self._session.request(
            method, self._url + path, json=body, params=parameters, headers=self._headers
        ) as answer:
            text = await answer.text()
            if answer.status in allowed:
                return None
            if answer.status >= 300:
                raise Refused(f"{method} {path}", answer.status, text)
            return json.loads(text) if text else None

    async def events(self, path: str, seconds: float, **query: object) -> list[dict[str, Any]]:
        """A long poll's news, as soon as there are any, or none."""
        found = await self.call("GET", path, allowed=NO_EVENTS, timeout=seconds, **query)
        return list(found or ())
