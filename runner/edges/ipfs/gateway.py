"""Trustless gateways, several at once: whoever gives all blocks first wins, and a block counts whoever gave it.

Each is asked for the whole graph as a CAR, the next one when one fails or has had its head start; what is missing when
all have ended is asked for block by block. Every block is hashed before it is kept, so a gateway can give nothing but
what was asked for, or noise up to a limit. Promises to end within `Patience.whole` seconds, whatever gateways do: be
silent, drip, send without end, break off, lie, or lead elsewhere. (The system's own name resolver may take longer.)

No name or token goes out. Redirects are followed to https, or within the same server, and only where the CID stands in
the address: gateways with a subdomain for each CID need that. Compressed answers are refused, for what they unpack to
has no bound. https://specs.ipfs.tech/http-gateways/trustless-gateway/
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from runner.edges.ipfs.http import is_loopback, words
from runner.errors import BeaconError, Unverified, Usage
from runner.ipfs.car import LIMIT, Decoder, Limit
from runner.ipfs.dagpb import LARGEST_BLOCK, Block, check_block, cid_text
from runner.ipfs.gather import Gathering

if TYPE_CHECKING:
    import httpx2

CAR, RAW = "application/vnd.ipld.car", "application/vnd.ipld.raw"
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 3
_OTHER_FORM = (400, 405, 406, 415, 500, 501)
_AT_ONCE = 8


class Patience(NamedTuple):
    """Seconds: to connect, without a byte, before the next gateway is asked too, and for all of it."""

    connect: float = 5.0
    silence: float = 20.0
    head_start: float = 2.0
    whole: float = 120.0


class _Failed(Exception):
    """A gateway did not do. `again`: it may still give single blocks."""

    def __init__(self, why: str, again: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.again = again


PATIENCE = Patience()


def check_url(url: str) -> str:
    """A gateway's address, as it is used. Raises `Usage`."""
    parts = urlsplit(url)
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or not url.isprintable():
        raise Usage("gateway-url", f"{url!r} is no address of a gateway", "like https://trustless-gateway.link")
    return url.rstrip("/")


def fetch(
    gathering: Gathering,
    gateways: Sequence[str],
    limit: Limit = LIMIT,
    patience: Patience = PATIENCE,
) -> Mapping[str, str]:
    """Get what a gathering misses. Returns, by gateway, what was wrong with it; whether all came, `gathering.whole`
    says. `limit` holds for each CAR, and for all single blocks together. Raises `Unverified` where the graph itself
    cannot be used, `Environment` where blocks cannot be kept."""
    return asyncio.run(_Race(gathering, limit, patience).run([check_url(url) for url in gateways]))


class _Race:
    def __init__(self, gathering: Gathering, limit: Limit, patience: Patience) -> None:
        self._gathering = gathering
        self._cid = cid_text(gathering.root)
        self._limit = limit
        self._patience = patience
        self._over = asyncio.Event()
        self._broken: BeaconError | None = None
        self._given: dict[str, int] = {}
        self._wrong: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._again: list[str] = []
        self._left = limit
        self._clients: dict[str, httpx2.AsyncClient] = {}

    async def run(self, gateways: Sequence[str]) -> Mapping[str, str]:
        """All gateways, until all blocks are there, nobody is left to ask, or time is up."""
        tasks: list[asyncio.Task[None]] = []
        async with AsyncExitStack() as clients:
            try:
                async with asyncio.timeout(self._patience.whole):
                    for url in gateways:
                        if not self._over.is_set() and (client := self._client(url)):
                            self._clients[url] = await clients.enter_async_context(client)
                            tasks.append(asyncio.create_task(self._ask(url)))
                            await self._wait(tasks[-1:], self._patience.head_start)
                    await self._wait(tasks, None)
                    await self._single_blocks()
            except TimeoutError:
                for url in gateways:
                    given = f"not done after {self._patience.whole:g} s, {self._given.get(url, 0)} blocks came"
                    self._wrong.setdefault(url, given)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        if self._broken is not None:
            raise self._broken
        return {
            url: f"{why}; single blocks: {self._refused[url]}" if url in self._refused else why
            for url, why in self._wrong.items()
        }

    async def _wait(self, tasks: Sequence[asyncio.Task[None]], seconds: float | None) -> None:
        """Until all blocks are there, these tasks have ended, or so many seconds are over."""
        over: asyncio.Task[object] = asyncio.create_task(self._over.wait())
        ended: asyncio.Task[object] = asyncio.create_task(asyncio.wait(tasks))
        try:
            await asyncio.wait((over, ended), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            ended.cancel()
        for task in tasks:
            if task.done():
                task.result()

    async def _ask(self, url: str) -> None:
        """One gateway's CAR. What is wrong with it is written down."""
        try:
            await self._car(url)
        except _Failed as failed:
            self._wrong[url] = failed.why
            if failed.again or self._given.get(url):
                self._again.append(url)
        except Unverified as error:
            self._wrong[url] = error.message
            if error.code == "car-truncated":
                self._again.append(url)

    async def _car(self, url: str) -> None:
        decoder = Decoder(self._limit)
        async with self._open(url, self._cid, "car", CAR) as pieces:
            async for piece in pieces:
                for block in decoder.feed(piece):
                    self._take(url, block)
                    if self._over.is_set():
                        return
        decoder.close()
        raise _Failed(f"its CAR of {self._given.get(url, 0)} blocks lacks some", again=True)

    async def _single_blocks(self) -> None:
        """Ask for what is missing, block by block, those that may have it."""
        while self._again and not self._over.is_set():
            missing = list(islice(self._gathering.missing(), _AT_ONCE))
            if not all(await asyncio.gather(*(self._one(cid) for cid in missing))):
                return

    async def _one(self, cid: bytes) -> bool:
        """One block, from the first that gives it. Whether somebody did."""
        for url in tuple(self._again):
            data = bytearray()
            try:
                async with self._open(url, cid_text(cid), "raw", RAW) as pieces:
                    async for piece in pieces:
                        data += piece
                        if len(data) > LARGEST_BLOCK:
                            raise _Failed(f"a block of more than {LARGEST_BLOCK} bytes")
                block = check_block(cid, bytes(data))
            except (_Failed, Unverified) as error:
                self._refused.setdefault(url, error.why if isinstance(error, _Failed) else error.message)
                if isinstance(error, Unverified) and url in self._again:
                    self._again.remove(url)
                continue
            self._left = Limit(self._left.size - len(data), self._left.blocks - 1)
            if min(self._left) < 0:
                hint = "raise the limit, if you expect so much"
                message = f"more than {self._limit.size} bytes or {self._limit.blocks} blocks are below {self._cid}"
                raise Unverified("car-too-big", message, hint)
            self._take(url, block)
            return True
        return False

    def _take(self, url: str, block: Block) -> None:
        """Keep a block. What is wrong with the graph itself, or with our disk, ends the race."""
        try:
            self._gathering.add(block)
        except BeaconError as error:
            self._broken = error
        self._given[url] = self._given.get(url, 0) + 1
        if self._broken is not None or self._gathering.whole:
            self._over.set()

    @asynccontextmanager
    async def _open(self, gateway: str, cid: str, form: str, media: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The pieces of a good answer. Raises `_Failed`."""
        import httpx2

        try:
            address = httpx2.URL(f"{gateway}/ipfs/{cid}", params={"format": form})
            for _ in range(_MOST_REDIRECTS + 1):
                async with self._clients[gateway].stream("GET", address, headers=_headers(media)) as answer:
                    if answer.status_code not in _REDIRECTS:
                        self._judge(answer, media)
                        yield answer.aiter_raw()
                        return
                    address = _led(address, answer, cid)
            raise _Failed(f"it leads on more than {_MOST_REDIRECTS} times")
        except httpx2.TimeoutException:
            raise _Failed(f"no answer within {self._patience.silence:g} s") from None
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise _Failed(f"the connection failed ({type(error).__name__}: {words(str(error).encode())})") from None
        except (httpx2.InvalidURL, ValueError) as error:
            raise _Failed(f"it cannot be called: {words(str(error).encode())}") from None

    def _client(self, gateway: str) -> httpx2.AsyncClient | None:
        """Connections to one gateway; None where this machine's proxies or certificates are not usable."""
        import httpx2

        near = is_loopback(urlsplit(gateway).hostname or "")
        timeout = httpx2.Timeout(self._patience.silence, connect=self._patience.connect, pool=None)
        try:
            return httpx2.AsyncClient(timeout=timeout, trust_env=not near)
        except (ImportError, OSError, ValueError) as error:
            why = words(str(error).encode())
            self._wrong[gateway] = f"this machine's proxy or certificate settings cannot be used: {why}"
            return None

    def _judge(self, answer: httpx2.Response, media: str) -> None:
        """Whether an answer's head promises what was asked for. Raises `_Failed`."""
        if answer.status_code != 200:
            raise _Failed(f"HTTP {answer.status_code}", again=answer.status_code in _OTHER_FORM)
        found = answer.headers.get("Content-Type", "nothing").partition(";")[0].strip().lower()
        if found != media:
            raise _Failed(f"it answered {words(found.encode())}, not {media}: is it a trustless gateway?")
        packed = answer.headers.get("Content-Encoding", "identity")
        if packed != "identity":
            raise _Failed(f"its answer is packed ({words(packed.encode())}), which was not asked for")
        length = answer.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > self._limit.size:
            raise _Failed(f"it announces {words(length.encode())} bytes; at most {self._limit.size} are taken")


def _headers(media: str) -> Mapping[str, str]:
    wanted = f"{media}; version=1; order=dfs; dups=n" if media == CAR else media
    return {"User-Agent": "beacon-runner", "Accept": wanted, "Accept-Encoding": "identity"}


def _led(address: httpx2.URL, answer: httpx2.Response, cid: str) -> httpx2.URL:
    """Where an answer leads, if that is somewhere to go. Raises `_Failed`."""
    location = answer.headers.get("location", "")
    if not location:
        raise _Failed("it leads on, and does not say where")
    target = address.join(location)
    same = (target.scheme, target.host, target.port) == (address.scheme, address.host, address.port)
    if not (same or target.scheme == "https") or cid not in str(target) or target.userinfo:
        raise _Failed(f"it leads to {words(str(target).encode())}, which is not followed")
    return target
