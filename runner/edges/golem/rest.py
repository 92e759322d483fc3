"""yapapi's REST clients, bounded: every call in time, every answer in size and shape, every failure one error.

`yapapi.rest.Configuration` makes the clients. They bring a session that reads without end and trusts a certificate list
of 2020; it is replaced by one that does neither.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from runner.edges.golem.answers import Malformed
from runner.edges.golem.connection import Connection
from runner.edges.golem.library import Library, load

T = TypeVar("T")

QUICK = 10.0
"""Seconds for a call that does not wait for anybody."""
LARGEST = 48 << 20
"""Bytes of one answer."""

FINE = object()
"""What `ask` returns for a status that is a failure elsewhere, but fine here."""


class DaemonError(Exception):
    """A call failed. `status` is the HTTP status, None where no whole answer came; `said` are the daemon's words."""

    def __init__(self, what: str, status: int | None, why: str, said: str = "") -> None:
        super().__init__(f"{what}: {why}")
        self.what = what
        self.status = status
        self.why = why
        self.said = said

    @property
    def away(self) -> bool:
        """Whether it looks as if no daemon is there, or none that works: trying again later may help."""
        return self.status is None or self.status >= 500


class Rest:
    """The three clients of one connection. Use it on one loop, and close it there."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._lib: Library = load()
        config = self._lib.config.ApiConfig(app_key=connection.app_key, api_url=connection.url)
        rest = self._lib.rest.Configuration(config)
        self._session = _Session(self._lib.aiohttp)
        self.market_client, self.activity_client, self.payment_client = (
            self._client(make) for make in (rest.market, rest.activity, rest.payment)
        )
        self._markets = self._lib.market.RequestorApi(self.market_client)
        self._control = self._lib.activity.RequestorControlApi(self.activity_client)
        self._payments = self._lib.payment.RequestorApi(self.payment_client)

    def _client(self, make: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # certifi's way of finding its list, which is not used
            client = make()
        self._session.replaces.append(client.rest_client.pool_manager)
        client.rest_client.pool_manager = self._session
        return client

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()

    async def get(
        self,
        what: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        *,
        client: Any = None,
        root: bool = False,
        seconds: float = QUICK,
    ) -> Any:
        """A GET whose JSON is returned as it is."""
        call = (client or self.market_client).call_api(
            path,
            "GET",
            {},
            list(query),
            {"Accept": "application/json"},
            response_type="object",
            _return_http_data_only=True,
            _request_timeout=seconds,
            _host=self.connection.url if root else None,
        )
        return await self.ask(what, call, seconds + 1)

    async def ask(self, what: str, call: Awaitable[Any], seconds: float, fine: Sequence[int] = ()) -> Any:
        """Await a call of a client; everything that can go wrong becomes `DaemonError`."""
        lib = self._lib
        refused = (lib.market.ApiException, lib.activity.ApiException, lib.payment.ApiException)
        try:
            async with asyncio.timeout(seconds):  # not wait_for: before Python 3.12 an answer could hide a cancellation
                return await call
        except refused as error:
            if error.status in fine:
                return FINE
            raise DaemonError(what, error.status, f"HTTP {error.status}", str(error.body)[:300]) from None
        except TimeoutError:
            raise DaemonError(what, None, f"no answer within {seconds:.0f} s") from None
        except (lib.aiohttp.ClientError, OSError) as error:
            raise DaemonError(what, None, f"no connection ({type(error).__name__})") from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DaemonError(what, None, f"an answer that cannot be read ({type(error).__name__})") from None

    def read(self, what: str, read: Callable[[], T]) -> T:
        """Read an answer strictly."""
        try:
            return read()
        except (Malformed, TypeError, AttributeError, LookupError) as error:
            said = str(error) if isinstance(error, Malformed) else "an answer of another shape"
            raise DaemonError(what, 200, said) from None


class _Answer:
    """What yapapi's client wants to see of an answer."""

    def __init__(self, answer: Any, body: bytes) -> None:
        self.status, self.reason, self.headers, self._body = answer.status, answer.reason, answer.headers, body

    async def read(self) -> bytes:
        return self._body


class _Session:
    """Stands in the place of an aiohttp session: the system's certificates, every call timed, every answer bounded."""

    def __init__(self, aiohttp: Any) -> None:
        self._aiohttp = aiohttp
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.replaces: list[Any] = []

    async def request(self, *, timeout: float, **arguments: Any) -> _Answer:
        limit = self._aiohttp.ClientTimeout(total=min(timeout, 60.0), connect=5.0)
        async with self._session.request(timeout=limit, allow_redirects=False, **arguments) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > LARGEST:
                    raise self._aiohttp.ClientPayloadError(f"more than {LARGEST} bytes")
            return _Answer(answer, bytes(body))

    async def close(self) -> None:
        for session in (self._session, *self.replaces):
            await session.close()
