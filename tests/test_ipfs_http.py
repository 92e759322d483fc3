"""Servers that answer as no honest one would: every failure is one error, in bounded time and memory."""

from __future__ import annotations

import json
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from runner.edges.ipfs.http import LARGEST, Patience, Web
from runner.edges.ipfs.kubo import Kubo
from runner.edges.ipfs.service import Service
from runner.ipfs.keeping import wrong
from runner.ipfs.unixfs import folder_graph
from runner.ports import PinFailed

GRAPH = folder_graph({"a": b"1", "b/c": b"2"})
CAR = b"".join(GRAPH.car())
SHORT = Patience(connect=2, silence=0.3, whole=1)
LONG = Patience(connect=2, silence=20, whole=60)


@contextmanager
def answering(*answers: Iterable[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads one request a connection, gives the next answer, the last one again and again, and hangs up.
    Its URL, and what it was asked."""
    asked: list[bytes] = []
    left = list(answers)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                asked.append(_request(connection))
                for piece in left.pop(0) if len(left) > 1 else left[0]:
                    connection.sendall(piece)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def _request(connection: socket.socket) -> bytes:
    found = b""
    while not found.endswith((b"\r\n\r\n", b"0\r\n\r\n")) or (
        b"hunked" in found and not found.endswith(b"\r\n0\r\n\r\n")
    ):
        more = connection.recv(1 << 16)
        if not more:
            break
        found += more
    return found


def http(status: str, body: bytes, *headers: str) -> list[bytes]:
    """One whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return ["\r\n".join([*lines, "", ""]).encode() + body]  # type: ignore[list-item]


def endless(piece: bytes, pause: float = 0) -> Iterator[bytes]:
    """A body without end."""
    yield b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    while True:
        yield piece
        if pause:
            threading.Event().wait(pause)


def failure(call: Callable[[], Any]) -> PinFailed:
    with pytest.raises(PinFailed) as caught:
        call()
    return caught.value


def kubo_failure(*answers: Iterable[bytes], of: str = "pin", patience: Patience = LONG) -> PinFailed:
    """How a call of the Kubo adapter fails at such a server."""
    with answering(*answers) as (url, _):
        kubo = Kubo(url, None, patience)
        calls: dict[str, Callable[[], Any]] = {
            "pin": lambda: kubo.pin(GRAPH.cid, "x"),
            "put": lambda: kubo.put(GRAPH.cid, GRAPH.car),
            "one": lambda: kubo.standings([GRAPH.cid]),
            "many": lambda: kubo.standings([GRAPH.cid, "other"]),
            "fetch": lambda: list(kubo.fetch(GRAPH.cid)),
        }
        try:
            return failure(calls[of])
        finally:
            kubo.close()


@pytest.mark.parametrize("of", ["pin", "put", "one", "many"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[]", b"null", b"7", b'{"Pins": "x"}', b'{"Keys": {"a": 1}}', b"[" * 100_000]
)
def test_answers_of_another_shape(of: str, body: bytes) -> None:
    if (of, body) == ("many", b""):
        return  # no pins at all
    error = kubo_failure(http("200 OK", body), of=of)
    assert error.retryable
    assert not error.missing
    assert not error.away


@pytest.mark.parametrize("of", ["pin", "put", "one", "many", "fetch"])
@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        ("401 Unauthorized", False),
        ("403 Forbidden", False),
        ("404 Not Found", False),
        ("302 Found", False),
        ("408 Request Timeout", True),
        ("429 Too Many Requests", True),
        ("500 Oops", True),
        ("504 Gateway Timeout", True),
    ],
)
def test_statuses(of: str, status: str, retryable: bool) -> None:
    error = kubo_failure(http(status, b'{"Message": "no \\u001b[2J way"}', "Location: http://127.0.0.1:9/"), of=of)
    assert error.retryable == retryable
    assert error.why == f"HTTP {status[:3]}: no ⟦U+001B⟧[2J way"


@pytest.mark.parametrize("of", ["pin", "put", "one", "fetch"])
def test_dropped_connections(of: str) -> None:
    for answer in ([b""], [b"HTTP/1.1 200 OK\r\n"], [b"\x00\xff\n\n\n"], [http("200 OK", b"x" * 100)[0][:-50]]):
        error = kubo_failure(answer, of=of)
        assert error.retryable
        assert not error.missing


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = failure(lambda: Kubo(f"http://127.0.0.1:{port}").pin(GRAPH.cid, "x"))
    assert error.away
    assert error.retryable


@pytest.mark.parametrize("of", ["pin", "one", "fetch"])
def test_silence_ends(of: str) -> None:
    def silent() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        threading.Event().wait(1)

    assert "no answer within" in kubo_failure(silent(), of=of, patience=SHORT).why


@pytest.mark.parametrize("of", ["pin", "fetch"])
def test_a_trickle_ends(of: str) -> None:
    assert "took more than" in kubo_failure(endless(b" ", 0.05), of=of, patience=SHORT).why


def test_an_endless_answer_costs_no_memory() -> None:
    tracemalloc.start()
    try:
        error = kubo_failure(endless(b" " * 65_536))
        assert str(LARGEST) in error.why
        assert not error.retryable  # it would be as long again
        assert tracemalloc.get_traced_memory()[1] < 3 * LARGEST
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (CAR[:-1], "ends within a block"),
        (CAR.replace(b"1", b"7", 1), "hashes to"),
        (b"", "ends within its header"),
        (b"\x7b" + b"\0" * 200, "header"),
        (b"".join(folder_graph({"a": b"1"}).car()), "another root"),
    ],
)
def test_what_comes_back_is_compared(body: bytes, says: str) -> None:
    with answering(http("200 OK", body)) as (url, _):
        found = wrong(GRAPH, Kubo(url, None, LONG).fetch(GRAPH.cid))
    assert found is not None
    assert says in found


def test_an_endless_bundle_ends_soon() -> None:
    with answering(endless(CAR[len(CAR) // 2 :])) as (url, _):
        assert wrong(GRAPH, Kubo(url, None, LONG).fetch(GRAPH.cid)) is not None


def test_lacking_blocks_are_no_trouble_of_the_node() -> None:
    said = (
        b'{"Message":"pin: block was not found locally (offline): ipld: could not find bafy","Code":0,"Type":"error"}'
    )
    error = kubo_failure(http("500 Internal Server Error", said))
    assert error.missing
    assert error.retryable


# Tokens


def test_a_token_goes_to_https_and_to_this_machine_alone() -> None:
    error = failure(lambda: Web("http://192.0.2.1:5001", "secret").call("POST", "api/v0/id"))
    assert error.why == "a token does not travel over plain http: use https"
    assert not error.retryable
    with answering(http("200 OK", b'{"Addresses": []}')) as (url, asked):
        assert Kubo(url, "secret", LONG).addresses() == []
    assert b"authorization: bearer secret" in asked[0].lower()


def test_a_token_does_not_follow_a_redirect() -> None:
    with answering(http("200 OK", b"{}")) as (other, asked):
        with answering(http("307 Temporary Redirect", b"", f"Location: {other}/api/v0/pin/add")) as (url, _):
            assert not failure(lambda: Kubo(url, "secret", LONG).pin(GRAPH.cid, "x")).retryable
        assert asked == []


def test_an_address_that_is_none() -> None:
    assert not failure(lambda: Web("http://[::1", None).call("GET", "x")).retryable


# A pinning service's answers


def status(**changes: Any) -> dict[str, Any]:
    """A pin's status, as a service says it."""
    plain = {"requestid": "r1", "status": "pinned", "created": "2026-11-22T10:00:00Z", "pin": {"cid": GRAPH.cid}}
    return plain | {"delegates": []} | changes


def page(*results: Any) -> list[bytes]:
    return http("200 OK", json.dumps({"count": len(results), "results": results}).encode())


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b"[]"),
        http("200 OK", b'{"results": {}}'),
        page({}),
        page(None),
        page(status(status="perhaps")),
        page(status(requestid=7)),
        page(status(pin=None)),
        page(status(delegates=7)),
    ],
)
def test_a_service_that_talks_nonsense(answer: list[bytes]) -> None:
    with answering(answer) as (url, _):
        assert failure(lambda: Service(url, None, Kubo(url), None, LONG).standings([GRAPH.cid])).retryable


def test_a_service_that_pages_for_ever_ends() -> None:
    full = page(*(status(requestid=f"r{n}") for n in range(1000)))
    many = [f"cid{n}" for n in range(20)]
    with answering(full) as (url, asked):
        assert Service(url, None, Kubo(url), None, LONG).standings(many) == {}
    assert len(asked) == 2  # the same page again brings nothing new


def test_pages_are_followed() -> None:
    old = status(requestid="old", created="2026-11-20T00:00:00Z", pin={"cid": "cid7"}, status="queued")
    pages = [page(*(status(requestid=f"r{n}") for n in range(1000))), page(old)]
    many = [f"cid{n}" for n in range(20)]
    with answering(*pages) as (url, asked):
        assert Service(url, None, Kubo(url), None, LONG).standings(many) == {"cid7": "pending"}
    assert b"before=2026-11-22T10%3A00%3A00Z" in asked[1]
    assert b"status=queued%2Cpinning%2Cpinned%2Cfailed" in asked[0]


def test_a_service_without_a_gateway_shows_nothing() -> None:
    error = failure(
        lambda: list(Service("http://127.0.0.1:1", None, Kubo("http://127.0.0.1:1"), None).fetch(GRAPH.cid))
    )
    assert "no gateway" in error.why
    assert not error.retryable


def test_a_request_id_that_leads_elsewhere_is_refused() -> None:
    with answering(page(status(status="failed", requestid="../../x")), http("200 OK", b'{"Addresses": []}')) as (
        url,
        asked,
    ):
        assert "request id" in failure(lambda: Service(url, None, Kubo(url), None, LONG).pin(GRAPH.cid, "x")).why
    assert len(asked) == 2
