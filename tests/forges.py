"""Real git servers on loopback, for a folder of bare repositories: `file`, `git`, `ssh` and `https`, with push.

Each gives an address, what the environment of a client needs to reach it, and, for `ssh` and `https`, how often clients
came. No ssh server is needed: `ssh` is a script in its place, which runs the command here, as a server would; with
`old` it speaks git's protocol of before 2018, as some servers still do.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

USER, PASSWORD = "beacon", "the-token-of-the-runner"


class Forge(NamedTuple):
    """Where a folder of repositories is served. `visits` counts the clients' connections so far."""

    url: str
    environ: Mapping[str, str]
    visits: Callable[[], int]


@contextmanager
def file(folder: Path) -> Iterator[Forge]:
    """The folder itself, by git's own transport for it."""
    yield Forge(f"file://{folder}", {}, lambda: 0)


@contextmanager
def ssh(folder: Path, old: bool = False) -> Iterator[Forge]:
    """What `ssh` would do, done here: the last argument is the command line for the server's shell."""
    script, visits = folder / "ssh", folder / "ssh.log"
    gone = "unset GIT_PROTOCOL; " if old else ""
    script.write_text(f'#!/bin/sh\necho "$*" >> {visits}\n{gone}for last; do :; done\nexec sh -c "$last"\n')
    script.chmod(0o700)
    visits.touch()
    environ = {"GIT_SSH_COMMAND": str(script), "GIT_SSH_VARIANT": "ssh"}
    yield Forge(f"ssh://git@forge.invalid{folder}", environ, lambda: len(visits.read_text().splitlines()))


@contextmanager
def ssh_old(folder: Path) -> Iterator[Forge]:
    """The same, by the old protocol."""
    with ssh(folder, old=True) as forge:
        yield forge


@contextmanager
def daemon(folder: Path) -> Iterator[Forge]:
    """`git daemon`, which trusts everybody."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "daemon.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [
                *("git", "daemon", "--verbose", "--export-all", "--enable=receive-pack", f"--base-path={folder}"),
                *("--listen=127.0.0.1", f"--port={port}", "--reuseaddr", str(folder)),
            ],
            stderr=errors,
            start_new_session=True,
        )
        try:
            while b"Ready to rumble" not in log.read_bytes():
                assert process.poll() is None, log.read_text()
                time.sleep(0.01)
            yield Forge(f"git://127.0.0.1:{port}", {}, lambda: 0)
        finally:
            os.killpg(process.pid, 15)
            process.wait()


@contextmanager
def https(folder: Path) -> Iterator[Forge]:
    """git's smart HTTP (git-http-backend(1)) behind a certificate of our own; pushing needs a password."""
    key, certificate = _certificate(folder)
    server = _Server(("127.0.0.1", 0), _Backend)
    server.folder, server.visits = folder, []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        url = f"https://{USER}:{PASSWORD}@127.0.0.1:{server.server_address[1]}"
        yield Forge(url, {"GIT_SSL_CAINFO": str(certificate)}, lambda: len(server.visits))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    folder: Path
    visits: list[str]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error of the server's."""
        if not isinstance(sys.exc_info()[1], ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Backend(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """What is offered: one for each connection of a client's command."""
        self.server.visits.append(self.path)
        self._answer(b"")

    def do_POST(self) -> None:
        """A fetch or a push."""
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(body)

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        known = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != known and "git-receive-pack" in self.path:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="forge"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": USER,
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environ, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(re.findall(r"^(\S+): (.*?)\r?$", head.decode(), re.MULTILINE))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1, good for a day."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "key.pem", folder / "certificate.pem"
    form = serialization.Encoding.PEM
    files[0].write_bytes(key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    files[1].write_bytes(made.public_bytes(form))
    return files
