"""A site made of hostile pages, in a real browser: nothing is asked for but the page and its style sheet."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runner.rendering.site import site
from tests.hostile import ATTACKS
from tests.test_site import Folder

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]


class Server(ThreadingHTTPServer):
    """Serves files from memory, and remembers what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: Mapping[str, bytes] = {}
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    """Answers GET."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.pages.get(self.path.lstrip("/"))
        self.send_response(404 if content is None else 200)
        kinds = {"html": "text/html; charset=utf-8", "css": "text/css"}
        self.send_header("Content-Type", kinds.get(self.path.rpartition(".")[2], "image/svg+xml"))
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def browse(server: Server, page: str, profile: Path) -> list[str]:
    """What a browser asks the server for when it opens a page and waits."""
    server.asked.clear()
    address = f"http://127.0.0.1:{server.server_port}/{page}"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += [f"--user-data-dir={profile}", "--timeout=3000", "--dump-dom"]
    done = subprocess.run([str(CHROMIUM), *flags, address], capture_output=True, timeout=60, check=True)
    assert b"</html>" in done.stdout
    return sorted({path for path in server.asked if path != "/favicon.ico"})


def attacks(server: Server) -> str:
    """Every attack, three times, with this server in the place of the attacker's."""
    trap = f"127.0.0.1:{server.server_port}/trap"
    texts = [attack.replace("evil.example", trap).replace("//evil", f"//{trap}") for attack in ATTACKS]
    texts += [f'<img src="http://{trap}">', f"![x](http://{trap})", f'<link rel=stylesheet href="http://{trap}">']
    return "\n\n".join(f"{text}\n\n- {text}\n\n<details>\n<summary>{text}</summary>\n" for text in texts)


def test_no_request_leaves_a_hostile_page(server: Server, tmp_path: Path) -> None:
    picture = (
        f"<svg xmlns='http://www.w3.org/2000/svg'><image href='http://127.0.0.1:{server.server_port}/trap'/></svg>"
    )
    files = {
        "reports/README.md": f"[f](x.txt) ![p](p.svg)\n\n{attacks(server)}".encode(errors="replace"),
        "reports/x.txt": attacks(server).encode(errors="replace"),
        "reports/p.svg": picture.encode(),
    }
    server.pages = dict(site(Folder(files)))
    for page in ("index.html", "x.txt.html"):
        assert browse(server, page, tmp_path) == sorted([f"/{page}", "/style.css"])
