"""A small pinning service: the API of a real one, in front of a real peer that fetches over bitswap and pins.

Its gateway gives what the peer has, as a CAR. `lying` is how such a service lies: every request is `pinned` at once,
and nothing is fetched."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from runner.ipfs.unixfs import folder_graph
from tests.kubo_peer import Peer

TOKEN = "a-token-of-the-service"


class Shop:
    """What the service knows. Requests are by id, oldest first."""

    def __init__(self, peer: Peer, lying: bool = False) -> None:
        self.peer = peer
        self.lying = lying
        self.requests: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self._alone = threading.Lock()
        self._threads: list[threading.Thread] = []

    def add(self, pin: dict[str, Any], instead: str | None = None) -> dict[str, Any]:
        """A new request, which a thread carries out; it takes the place of another one where that is named."""
        with self._alone:
            number = len(self.requests) + len(self._threads) + 1
            if instead:
                del self.requests[instead]
            moment = f"2026-11-22T10:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}Z"
            request = {
                "requestid": f"request-{number}",
                "status": "pinned" if self.lying else "queued",
                "created": moment,
                "pin": pin,
                "delegates": [self.peer.address],
            }
            self.requests[f"request-{number}"] = request
            if not self.lying:
                self._threads.append(threading.Thread(target=self._carry_out, args=(request,)))
                self._threads[-1].start()
            return request

    def find(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """A page of requests, newest first."""
        found = sorted(self.requests.values(), key=lambda one: str(one["created"]), reverse=True)
        if "cid" in query:
            found = [one for one in found if one["pin"]["cid"] in query["cid"][0].split(",")]
        found = [one for one in found if one["status"] in query.get("status", ["pinned"])[0].split(",")]
        if "before" in query:
            found = [one for one in found if one["created"] < query["before"][0]]
        return {"count": len(found), "results": found[: int(query.get("limit", ["10"])[0])]}

    def wait(self) -> None:
        """Until everything is carried out."""
        for thread in self._threads:
            thread.join()

    def _carry_out(self, request: dict[str, Any]) -> None:
        request["status"] = "pinning"
        met = sum(self.peer.connect(origin) for origin in request["pin"].get("origins", ()))
        request["status"] = "pinned" if met and self.peer.pin(request["pin"]["cid"]) else "failed"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shop: Shop

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path.startswith("/ipfs/"):
            cid = path.removeprefix("/ipfs/")
            if cid not in self.shop.peer.pins():
                self._answer(404, b"not here", "text/plain")
                return
            body = b"".join(folder_graph(self.shop.peer.download(cid)).car())
            self._answer(200, body, "application/vnd.ipld.car; version=1")
        elif self._known():
            self._json(200, self.shop.find(query))

    def do_POST(self) -> None:
        pin = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._known():
            name = urlsplit(self.path).path.removeprefix("/psa/pins").removeprefix("/")
            self._json(202, self.shop.add(pin, name or None))

    def _known(self) -> bool:
        self.shop.asked.append(f"{self.command} {self.path}")
        if self.headers["Authorization"] == f"Bearer {TOKEN}":
            return True
        self._json(401, {"error": {"reason": "UNAUTHORIZED", "details": "Access token is missing or invalid"}})
        return False

    def _json(self, status: int, document: Any) -> None:
        self._answer(status, json.dumps(document).encode(), "application/json")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@contextmanager
def serving(shop: Shop) -> Iterator[str]:
    """The service on a free port; its URL, to which `/psa` is the API's base."""
    handler = type("Handler", (_Handler,), {"shop": shop})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        shop.wait()
        server.server_close()
