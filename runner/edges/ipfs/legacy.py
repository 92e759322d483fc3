"""A Kubo node as a `Pinner`, uploading and pinning by ipfshttpclient 0.7.0, which is an extra.

That library is unmaintained since 2021 and its `connect()` refuses every daemon since Kubo 0.8. So it is made by
`Client(…)`, which does not look at versions, and only two of its calls are used: `dag.imprt` and `pin.add`. Its own
`add` would give other CIDs than ours. The rest is asked by `runner/edges/ipfs/kubo.py`.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from runner.edges.ipfs.http import PATIENCE, Patience, bearer, words
from runner.edges.ipfs.kubo import Kubo, lacking
from runner.ports import PinFailed, Standing


class Legacy:
    """See `Pinner`, and `Kubo` for the arguments. One call at a time: the library's session is made for one thread."""

    def __init__(self, url: str, token: str | None = None, patience: Patience = PATIENCE) -> None:
        self._url = url
        self._token = token
        self._patience = patience
        self._kubo = Kubo(url, token, patience)
        self._alone = threading.Lock()
        self._made: Any = None

    def standings(self, cids: Collection[str]) -> Mapping[str, Standing]:
        """See `Pinner.standings`."""
        return self._kubo.standings(cids)

    def put(self, cid: str, car: Callable[[], Iterable[bytes]]) -> None:
        """See `Pinner.put`. Holds the CAR in memory, since the library reads a file; and pins at once, since it expects
        the node to say so."""
        with self._client() as client:
            client.dag.imprt(io.BytesIO(b"".join(car())), opts={"cid-base": "base32"})

    def pin(self, cid: str, name: str) -> Standing:
        """See `Pinner.pin`."""
        with self._client() as client:
            opts = {"offline": "true", "cid-base": "base32", "name": name, "timeout": self._kubo.deadline}
            found = client.pin.add(cid, opts=opts)
        if found.get("Pins") != [cid]:
            raise PinFailed("it did not say that it pinned the bundle")
        return "pinned"

    def fetch(self, cid: str) -> Iterator[bytes]:
        """See `Pinner.fetch`."""
        return self._kubo.fetch(cid)

    def close(self) -> None:
        """See `Pinner.close`."""
        self._kubo.close()
        if self._made is not None:
            self._made.close()

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """The library's client; every failure of it as `PinFailed`."""
        with self._alone, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks urllib3 for what is to go
            try:
                import ipfshttpclient  # type: ignore[import-untyped]
                from ipfshttpclient import exceptions
            except ImportError:
                raise PinFailed(
                    "ipfshttpclient is not installed: pip install 'beacon-runner[ipfshttpclient]'", retryable=False
                ) from None
            try:
                self._made = self._made or self._make(ipfshttpclient)
                yield self._made
            except exceptions.ConnectionError as error:
                raise PinFailed(f"nobody answers at {self._url}", away="refused" in str(error)) from None
            except exceptions.Error as error:
                said = words(str(error).encode())
                raise PinFailed(said, missing=lacking(said)) from None
            except (OSError, ValueError, AttributeError, AssertionError, KeyError, TypeError) as error:
                raise PinFailed(f"the library failed: {type(error).__name__}") from None

    def _make(self, library: Any) -> Any:
        parts = urlsplit(self._url)
        kind = "dns" if not (parts.hostname or "").replace(".", "").isdigit() else "ip4"
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return library.Client(
            f"/{kind}/{parts.hostname}/tcp/{port}/{parts.scheme}",
            session=True,
            timeout=self._patience.silence,
            headers=dict(bearer(self._url, self._token)),
        )
