"""The part of GitHub's REST API that `beacon ci comment` uses, on loopback: pull requests, and comments below them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "acme/registry"
TOKEN = "token-of-the-test"
BOT = "github-actions[bot]"


class Forge:
    """Its state, as a test sets and reads it."""

    def __init__(self) -> None:
        self.url = ""
        self.token = TOKEN
        self.pulls: list[dict[str, Any]] = []
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.calls: list[tuple[str, str]] = []
        self.broken: dict[str, tuple[int, bytes]] = {}

    def pull(self, number: int, sha: str, base: str = "main", repository: str = REPOSITORY) -> None:
        """Open a pull request, from a fork."""
        head = {"sha": sha, "ref": "patch-1", "repo": {"full_name": "mallory/fork"}}
        self.pulls.append(
            {"number": number, "head": head, "base": {"sha": "b" * 40, "ref": base, "repo": {"full_name": repository}}}
        )
        self.comments.setdefault(number, [])

    def say(self, number: int, body: str, login: str = BOT) -> dict[str, Any]:
        """Write a comment."""
        count = sum(map(len, self.comments.values()))
        comment = {"id": 1000 + count, "body": body, "user": {"login": login}}
        self.comments[number].append(comment)
        return comment

    def answer(self, method: str, path: str, document: Any) -> tuple[int, Any]:
        """What the API says."""
        url = urlsplit(path)
        query = parse_qs(url.query)
        place = url.path.removeprefix(f"/repos/{REPOSITORY}/")
        self.calls.append((method, place))
        page, size = int(query.get("page", ["1"])[0]), int(query.get("per_page", ["30"])[0])
        part = slice((page - 1) * size, page * size)
        if method == "GET" and place == "pulls":
            assert query["state"] == ["open"]
            return 200, self.pulls[part]
        if found := re.fullmatch(r"issues/([0-9]+)/comments", place):
            number = int(found[1])
            return (201, self.say(number, document["body"])) if method == "POST" else (200, self.comments[number][part])
        if method == "PATCH" and (found := re.fullmatch(r"issues/comments/([0-9]+)", place)):
            for comment in (one for comments in self.comments.values() for one in comments):
                if comment["id"] == int(found[1]):
                    comment["body"] = document["body"]
                    return 200, comment
        return 404, {"message": "Not Found"}


@contextmanager
def forge() -> Iterator[Forge]:
    """A forge that answers while the block runs."""
    state = Forge()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        do_POST = do_PATCH = do_GET  # noqa: N815 - the names that http.server calls

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            document = json.loads(self.rfile.read(length)) if length else None
            place = urlsplit(self.path).path.removeprefix(f"/repos/{REPOSITORY}/")
            if place in state.broken:
                status, raw = state.broken[place]
            elif self.headers.get("Authorization") != f"Bearer {state.token}":
                status, raw = 401, b'{"message": "Bad credentials"}'
            else:
                status, body = state.answer(self.command, self.path, document)
                raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
