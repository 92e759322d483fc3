"""The way out of a sandbox: a unix socket that relays to loopback, from the provider's own loopback address.

The sandbox has no network. What runs inside writes one line, `CONNECT host:port`, and then speaks with that host.
Whoever is called sees the provider's address, whose /16 is its country's. Nothing but 127.0.0.0/8 can be reached.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path

INSIDE = "/golem/run/egress.sock"
"""Where the sandbox finds the socket."""

_CONNECT = re.compile(rb"CONNECT (127(?:\.[0-9]{1,3}){3}|localhost):([0-9]{1,5})\n")
_WAIT = 10.0
_CHUNK = 64 << 10
_ENDS = (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


class Egress:
    """One socket, for one activity. `source` says from which address the next connection leaves."""

    def __init__(self, path: Path, source: Callable[[], str]) -> None:
        self.path = path
        self._source = source
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Egress:
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, str(self.path))
        self.path.chmod(0o666)  # the sandbox's user is another one
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._relay(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with (
            contextlib.suppress(OSError, ValueError, TimeoutError, asyncio.IncompleteReadError),
            contextlib.closing(writer),
        ):
            host, port = _target(await asyncio.wait_for(reader.readuntil(b"\n"), _WAIT))
            out = asyncio.open_connection(host, port, local_addr=(self._source(), 0))
            far_reader, far_writer = await asyncio.wait_for(out, _WAIT)
            with contextlib.closing(far_writer):
                await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


def _target(line: bytes) -> tuple[str, int]:
    """Where a request wants to go. Raises `ValueError` unless it is on loopback."""
    found = _CONNECT.fullmatch(line)
    if found is None:
        raise ValueError("no loopback address")
    host = "127.0.0.1" if found[1] == b"localhost" else found[1].decode()
    return str(ipaddress.IPv4Address(host)), int(found[2])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Move bytes until the end of one direction, and pass that end on."""
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
