"""A client of the Golem service bus: registers services at yagna's unix socket and answers the calls they get.

A frame is a big-endian u32 length and a protobuf `Packet`; a call's body is FlexBuffers, often behind zlib. Formats:
`gsb_api.proto` of golemfactory/ya-service-bus, flatbuffers.dev/flexbuffers. Only what an exe-unit needs is here:
hello, register, call, ping. The daemon's own WebSocket form of this bus cannot read compressed bodies (yagna 0.17.6).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

HELLO, REGISTER, REGISTERED, CALL, REPLY, PING, PONG = 1, 2, 3, 6, 7, 14, 15
"""Numbers of the packet's kinds: the field that a `Packet` has."""

LONGEST_FRAME = 64 << 20
_INFLATED = 64 << 20
_SERVICE_FAILURE = 500

Handler: TypeAlias = Callable[[str, Any], Awaitable[Any]]
"""Gets a method's name and its decoded body; what it returns goes back as `Ok`."""

_log = logging.getLogger(__name__)


class BusError(Exception):
    """The bus said something that is not its protocol, or refused."""


def varint(number: int) -> bytes:
    """Protobuf's integers: seven bits a byte, least first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | str | bytes) -> bytes:
    """One protobuf field: an integer, or a length and bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def fields(message: bytes) -> dict[int, int | bytes]:
    """A protobuf message's fields, the last of each number. Raises `BusError` for what it cannot be."""
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(message):
        key, at = _varint_at(message, at)
        value, at = _varint_at(message, at)
        if key & 7 == 0:
            found[key >> 3] = value
        elif key & 7 == 2 and at + value <= len(message):
            found[key >> 3] = message[at : at + value]
            at += value
        else:
            raise BusError(f"a field of wire type {key & 7} that ends beyond its message, or is of no use here")
    return found


def _varint_at(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(message) and shift < 64:
        number |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not message[at - 1] & 0x80:
            return number, at
    raise BusError("an integer that does not end")


def decode(body: bytes) -> Any:
    """A call's body as Python data."""
    from flatbuffers import flexbuffers  # type: ignore[import-untyped]

    with contextlib.suppress(zlib.error):
        body = zlib.decompressobj().decompress(body, _INFLATED)
    return flexbuffers.Loads(body)


def encode(value: Any) -> bytes:
    """Python data as a body."""
    from flatbuffers import flexbuffers

    return bytes(flexbuffers.Dumps(value))


class Bus:
    """One connection, with one service. Leaving the context unregisters it: callers then get `endpoint not found`."""

    def __init__(self, socket: str, service: str, handler: Handler) -> None:
        """`socket` is a path, `service` an address such as `/public/exeunit/<activity>`."""
        self._socket = socket
        self._service = service
        self._handler = handler
        self._calls: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Bus:
        self._reader, self._writer = await asyncio.open_unix_connection(self._socket)
        hello = field(1, "beacon-exe-unit") + field(2, "1") + field(3, uuid.uuid4().bytes)
        self._send(HELLO, hello)
        self._send(REGISTER, field(1, self._service))
        try:
            while (packet := await asyncio.wait_for(self._receive(), 10))[0] != REGISTERED:
                pass
            if packet[1].get(1):
                raise BusError(f"{self._service} was not registered: {packet[1]}")
        except BaseException:
            self._writer.close()
            raise
        self._loop = asyncio.create_task(self._serve())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave the bus at once; calls that wait get no answer."""
        for task in (self._loop, *self._calls):
            task.cancel()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def _send(self, kind: int, message: bytes) -> None:
        packet = field(kind, message)
        self._writer.write(len(packet).to_bytes(4, "big") + packet)

    async def _receive(self) -> tuple[int, dict[int, int | bytes]]:
        size = int.from_bytes(await self._reader.readexactly(4), "big")
        if size > LONGEST_FRAME:
            raise BusError(f"a frame of {size} bytes")
        kind, message = next(iter(fields(await self._reader.readexactly(size)).items()), (0, b""))
        return kind, fields(message) if isinstance(message, bytes) else {}

    async def _serve(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                kind, message = await self._receive()
                if kind == PING:
                    self._send(PONG, b"")
                elif kind == CALL:
                    call = asyncio.create_task(self._answer(message))
                    self._calls.add(call)
                    call.add_done_callback(self._calls.discard)

    async def _answer(self, call: dict[int, int | bytes]) -> None:
        request, address, body = (part if isinstance(part := call.get(n), bytes) else b"" for n in (3, 2, 4))
        try:
            method = address.decode().rpartition("/")[2]
            answer = field(4, encode({"Ok": await self._handler(method, decode(body))}))
        except Exception as error:
            _log.warning("%s %s: %r", self._service, address, error)
            answer = field(2, _SERVICE_FAILURE) + field(4, str(error))
        self._send(REPLY, field(1, request) + answer)
        await self._writer.drain()
