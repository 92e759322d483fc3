"""Gateways on loopback for tests: an honest one over blocks in memory, and what a hostile one may do instead.

A behaviour is a function of the request. It writes whatever bytes it likes; a client that goes away ends it, and so
does the end of the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from runner.edges.ipfs.gateway import CAR, RAW
from runner.ipfs import car
from runner.ipfs.dagpb import cid_text, parse_cid


class Asked(NamedTuple):
    """One request: what was asked for and how to answer. `over` is set when the test is."""

    cid: str
    form: str
    headers: Mapping[str, str]
    answer: Callable[..., None]
    over: threading.Event


Behaviour = Callable[[Asked], None]


class Server(ThreadingHTTPServer):
    """One gateway. `asked` lists the forms and CIDs that it was asked for."""

    daemon_threads = False

    def __init__(self, behave: Behaviour) -> None:
        self.asked: list[tuple[str, str]] = []
        self.over = threading.Event()
        self.behave = behave
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error of the test."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        form = parse_qs(parts.query).get("format", [""])[0]
        cid = parts.path.rpartition("/")[2]
        self.server.asked.append((form, cid))

        def answer(status: int = 200, body: Iterable[bytes] = (), **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            for piece in body:
                self.wfile.write(piece)

        self.server.behave(Asked(cid, form, dict(self.headers), answer, self.server.over))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has there
        """Say nothing."""


@contextmanager
def serving(*behaviours: Behaviour) -> Iterator[list[Server]]:
    """Gateways, one for each behaviour, until the test is over."""
    servers = [Server(behave) for behave in behaviours]
    threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield servers
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.over.set()
            server.shutdown()
            server.server_close()
            thread.join()


def honest(blocks: Mapping[bytes, bytes]) -> Behaviour:
    """A trustless gateway over these blocks: CARs of what is whole, single blocks, 404 for the rest."""

    def behave(asked: Asked) -> None:
        try:
            root = parse_cid(asked.cid)
            if asked.form == "raw":
                asked.answer(200, [blocks[root]], Content_Type=RAW)
            else:
                asked.answer(200, list(car.export(root, blocks.__getitem__)), Content_Type=f"{CAR}; version=1")
        except KeyError:
            asked.answer(404, [b"not here"])

    return behave


def giving(body: Callable[[Asked], Iterable[bytes]], status: int = 200, **headers: str) -> Behaviour:
    """One answer to everything."""
    return lambda asked: asked.answer(status, body(asked), **{"Content_Type": CAR, **headers})


def only(form: str, behave: Behaviour, otherwise: Behaviour) -> Behaviour:
    """A behaviour for one form of request, and another one for the other."""
    return lambda asked: behave(asked) if asked.form == form else otherwise(asked)


def refusing(status: int) -> Behaviour:
    """No, with a status."""
    return lambda asked: asked.answer(status, [b"no"])


def text(blocks: Mapping[bytes, bytes]) -> dict[str, bytes]:
    """Blocks by the text of their CID."""
    return {cid_text(cid): data for cid, data in blocks.items()}
