"""HTTP to a target, bounded: every call in time, every answer in size, every failure one error.

Redirects are not followed, so that a token goes nowhere else, and a token never travels over plain http but to this
machine. HTTPS is judged by the system's own trust store, which is what httpx2 does.
"""

from __future__ import annotations

import ipaddress
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from runner.ports import PinFailed
from runner.rendering.neutral import visible

if TYPE_CHECKING:
    import httpx2

LARGEST = 32 << 20
"""Bytes of an answer that is not a bundle."""
_WORDS = 300
_PASSING = (408, 425, 429)


class Patience(NamedTuple):
    """Seconds: to connect, without a byte either way, and for a whole call."""

    connect: float = 3.0
    silence: float = 10.0
    whole: float = 120.0


PATIENCE = Patience()


class Answer(NamedTuple):
    """A status and the body, or the beginning of a body that says what went wrong."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises `PinFailed`."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise PinFailed(f"an answer that is no JSON: {words(self.body)}") from None

    def lines(self) -> list[Any]:
        """The body as JSON documents, one a line. Raises `PinFailed`."""
        return [Answer(self.status, line).json() for line in self.body.splitlines() if line.strip()]


class Web:
    """One server. `headers` go with every call; with a token it has to be https, or this machine. May be used from
    several threads. Raises `PinFailed` alone."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        patience: Patience = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._patience = patience
        self._clock = clock
        self._made: httpx2.Client | None = None
        self._making = threading.Lock()

    def close(self) -> None:
        """Let go of the connections."""
        if self._made is not None:
            self._made.close()

    def call(
        self,
        method: str,
        path: str,
        query: Iterable[tuple[str, str]] = (),
        *,
        document: Any = None,
        content: Iterable[bytes] | None = None,
        headers: Mapping[str, str] = {},
        fine: Callable[[Answer], bool] = lambda _: False,
    ) -> Answer:
        """One call and its whole answer. A status that is not 2xx is a failure, unless it is `fine`."""
        extra: dict[str, Any] = {"headers": dict(headers)}
        if document is not None:
            extra["json"] = document
        elif content is not None:
            extra["content"] = self._timed(content)
        with self._open(method, path, query, **extra) as (status, chunks):
            body = bytearray()
            for chunk in chunks:
                body += chunk
                if len(body) > LARGEST:
                    raise PinFailed(f"an answer of more than {LARGEST} bytes", retryable=False)
            answer = Answer(status, bytes(body))
        if not 200 <= status < 300 and not fine(answer):
            raise refused(answer)
        return answer

    def stream(
        self, method: str, path: str, query: Iterable[tuple[str, str]] = (), headers: Mapping[str, str] = {}
    ) -> Iterator[bytes]:
        """The body of a good answer, in pieces."""
        with self._open(method, path, query, headers=dict(headers)) as (status, chunks):
            if not 200 <= status < 300:
                raise refused(Answer(status, next(iter(chunks), b"")[:65_536]))
            yield from chunks

    @contextmanager
    def _open(
        self, method: str, path: str, query: Iterable[tuple[str, str]], **extra: Any
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        import httpx2

        try:
            client = self._client()
            with client.stream(method, f"{self._url}/{path}", params=list(query), **extra) as answer:
                yield answer.status_code, self._timed(answer.iter_raw())
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise PinFailed(f"nobody answers at {self._url} ({words(str(error).encode())})", away=True) from None
        except httpx2.TimeoutException:
            raise PinFailed(f"no answer within {self._patience.silence:.0f} s") from None
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise PinFailed(f"the connection broke ({type(error).__name__})") from None
        except (httpx2.InvalidURL, ValueError) as error:
            raise PinFailed(f"{self._url} cannot be called: {words(str(error).encode())}", retryable=False) from None

    def _client(self) -> httpx2.Client:
        with self._making:
            self._made = self._made or self._make()
            return self._made

    def _make(self) -> httpx2.Client:
        import httpx2

        near = is_loopback(urlsplit(self._url).hostname or "")
        limit = httpx2.Timeout(self._patience.silence, connect=self._patience.connect, pool=None)
        headers = {"User-Agent": "beacon-runner", "Accept-Encoding": "identity", **bearer(self._url, self._token)}
        return httpx2.Client(headers=headers, timeout=limit, follow_redirects=False, trust_env=not near)

    def _timed(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces, as long as there is time for the whole call."""
        until = self._clock() + self._patience.whole
        for chunk in chunks:
            yield chunk
            if self._clock() > until:
                raise PinFailed(f"the call took more than {self._patience.whole:.0f} s")


def bearer(url: str, token: str | None) -> Mapping[str, str]:
    """The header that carries a token, where it may go. Raises `PinFailed`."""
    parts = urlsplit(url)
    if token is None:
        return {}
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise PinFailed("a token does not travel over plain http: use https", retryable=False)
    return {"Authorization": f"Bearer {token}"}


def refused(answer: Answer) -> PinFailed:
    """The failure that a status stands for. Trying again helps for the server's own troubles alone."""
    said = words(_message(answer.body))
    return PinFailed(
        f"HTTP {answer.status}" + (f": {said}" if said else ""),
        retryable=answer.status >= 500 or answer.status in _PASSING,
    )


def words(said: bytes) -> str:
    """A stranger's words, short and harmless."""
    return visible(said[:_WORDS].decode("utf-8", "replace").strip())


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by what it is called."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _message(body: bytes) -> bytes:
    """What Kubo (`Message`) and pinning services (`error.reason`, `error.details`) say, else the body as it is."""
    try:
        found = json.loads(body)
        if isinstance(error := found.get("error"), dict):
            return f"{error.get('reason', '')} {error.get('details', '')}".strip().encode()
        return str(found["Message"]).encode()
    except (ValueError, RecursionError, AttributeError, KeyError):
        return body
