#!/usr/bin/env python3
"""The wrapper inside an image: runs one benchmark and prints one JSON line. `/golem/run/beacon-run` on Golem.

A provider's exe-unit tells neither the exit code nor the output of a command that failed, loses the environment, and
cuts what is not UTF-8. So every benchmark runs below this file, which always exits with 0 and prints one line.

Its arguments, joined, are base64 of gzip of the request (`runner/wrapped.py` writes it):

    {"beacon": "wrapped/v1", "command": ["python", "benchmark.py"], "environment": {"TZ": "UTC"}, "stdin": "<base64>",
     "runSeconds": 600, "stdoutLimit": 262144, "probe": null}

and this is the line:

    {"beacon": "wrapped/v1", "exit": 0, "signal": null, "failure": null, "stdout": "<base64>", "stdoutSize": 812,
     "stderr": "", "stderrSize": 0, "wallMs": 1290, "cpuMs": 1204, "maxRssKib": 40960, "timedOut": false, "probes": []}

`failure` is null, `request` (it cannot be read), `start` (there is no such command) or `internal`; `exit` and `signal`
are then null. Of stdout the first `stdoutLimit` bytes are kept, of stderr 64 KiB; the sizes count everything.

The command runs in the working folder and the environment that the image gives, with the request's variables put over
it; variables that begin with BEACON_ are not passed on. A first word `python` or `python3` is replaced by the words in
BEACON_PYTHON, where that is set. After `runSeconds` its process group is killed.

With `"probe": {"nonce": "<32 hex>", "vantages": [{"name", "host", "port"}]}` each vantage is called first, for at most
15 s all together: the nonce, then its challenges echoed line by line (`runner/edges/golem/vantage.py`). Where the
socket /golem/run/egress.sock exists, the calls go through it: one line `CONNECT host:port`, then the stream.

One file, the standard library alone, Python 3.8 or later, Linux.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

FORMAT = "wrapped/v1"
STDERR_LIMIT = 64 << 10
EGRESS = "/golem/run/egress.sock"
PROBE_SECONDS = 15.0
DRAIN_SECONDS = 1.0  # for what stands in the pipes when the command has ended: somebody else may hold them open
ROUNDS = 64  # challenges of one vantage that are answered, at most
CHUNK = 64 << 10


class Kept:
    """The head of a stream, and how many bytes it had."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.head = bytearray()
        self.size = 0
        self.lock = threading.Lock()

    def add(self, chunk: bytes) -> None:
        """Count a piece, and keep what still fits."""
        with self.lock:
            self.size += len(chunk)
            self.head += chunk[: max(0, self.limit - len(self.head))]

    def snapshot(self) -> tuple[bytes, int]:
        """Head and size of one moment: somebody may still be writing."""
        with self.lock:
            return bytes(self.head), self.size


def main(pieces: list[str]) -> None:
    """Read the request, run it, print the line."""
    answer: dict[str, Any] = {"beacon": FORMAT, "exit": None, "signal": None, "failure": None, "stdout": ""}
    answer.update({"stdoutSize": 0, "stderr": "", "stderrSize": 0, "wallMs": 0, "cpuMs": 0, "maxRssKib": 0})
    answer.update({"timedOut": False, "probes": []})
    try:
        request = read("".join(pieces))
    except Exception:  # whatever is wrong with it, the answer is one line
        answer["failure"] = "request"
    else:
        try:
            probe = request["probe"]
            answer["probes"] = [] if probe is None else probes(probe["nonce"], probe["vantages"])
            run(request, answer)
        except Exception as error:  # a wrapper that fails says so in its line
            answer["failure"] = "internal"
            note(answer, f"{type(error).__name__}: {error}")
    with contextlib.suppress(Exception):  # where nobody listens, there is nobody to tell
        sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
        sys.stdout.flush()


def read(text: str) -> dict[str, Any]:
    """The request. Raises anything where it is none."""
    request: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(text, validate=True)))
    if request["beacon"] != FORMAT or not request["command"]:
        raise ValueError("another format")
    request["stdin"] = base64.b64decode(request["stdin"], validate=True)
    return request


def run(request: dict[str, Any], answer: dict[str, Any]) -> None:
    """Run the command to its end, or to the end of its time, and note how it went."""
    begun = time.monotonic()
    try:
        process = subprocess.Popen(  # noqa: S603 - running what was asked for is the purpose
            command(request["command"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment(request["environment"]),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        answer["failure"] = "start"
        note(answer, f"{type(error).__name__}: {error}")
        return
    stdout, stderr = Kept(request["stdoutLimit"]), Kept(STDERR_LIMIT)
    feeding = threading.Thread(target=feed, args=(process.stdin, request["stdin"]), daemon=True)
    readers = [
        threading.Thread(target=drain, args=pair, daemon=True)
        for pair in ((process.stdout, stdout), (process.stderr, stderr))
    ]
    for thread in (feeding, *readers):
        thread.start()
    answer["timedOut"] = wait(process, request["runSeconds"])
    answer["wallMs"] = int((time.monotonic() - begun) * 1000)
    dry = time.monotonic() + DRAIN_SECONDS
    for reader in readers:
        reader.join(max(0.0, dry - time.monotonic()))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer["cpuMs"] = int((used.ru_utime + used.ru_stime) * 1000)
    answer["maxRssKib"] = int(used.ru_maxrss)
    ended = process.returncode
    answer["exit" if ended >= 0 else "signal"] = abs(ended)
    for name, kept in (("stdout", stdout), ("stderr", stderr)):
        head, size = kept.snapshot()
        answer[name] = base64.b64encode(head).decode()
        answer[name + "Size"] = size


def command(words: list[str]) -> list[str]:
    """The command, with the image's Python where it asks for any."""
    ours = os.environ.get("BEACON_PYTHON", "").split()
    return ours + words[1:] if ours and words[0] in ("python", "python3") else words


def environment(given: dict[str, str]) -> dict[str, str]:
    """The image's variables without ours, and the request's put over them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BEACON_")}
    kept.update(given)
    return kept


def wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for the command, and end its process group with it. True where its time was over first.

    It is reaped last: until then its number cannot belong to another group."""
    late = threading.Event()

    def expire() -> None:
        late.set()
        kill(process)

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    timer.cancel()
    timer.join()
    kill(process)
    process.wait()
    return late.is_set()


def kill(process: subprocess.Popen[bytes]) -> None:
    """End the command and whatever it left behind in its process group."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def feed(stream: IO[bytes], data: bytes) -> None:
    """Write the command's input and close it. It may go away without reading."""
    left = memoryview(data)
    with contextlib.suppress(OSError, ValueError), stream:
        while left:
            left = left[stream.write(left[:CHUNK]) :]


def drain(stream: IO[bytes], kept: Kept) -> None:
    """Read until the end, or until the wrapper has waited long enough."""
    with contextlib.suppress(OSError, ValueError):
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            kept.add(chunk)


def note(answer: dict[str, Any], text: str) -> None:
    """Put words of the wrapper's own where those of the command would stand."""
    said = text.encode("utf-8", "replace")[:STDERR_LIMIT]
    answer["stderr"], answer["stderrSize"] = base64.b64encode(said).decode(), len(said)


def probes(nonce: str, vantages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Call each vantage, one after the other, so that none disturbs the other's clock."""
    until = time.monotonic() + PROBE_SECONDS
    done = []
    for vantage in vantages:
        rounds, error = call(nonce, vantage["host"], vantage["port"], until)
        done.append({"name": vantage["name"], "rounds": rounds, "error": error})
    return done


def call(nonce: str, host: str, port: int, until: float) -> tuple[int, str | None]:
    """Name the nonce to one vantage and answer its challenges. How many, and what went wrong: one word."""
    rounds = 0
    try:
        with connection(host, port, min(5.0, until - time.monotonic())) as peer, peer.makefile("rb") as lines:
            peer.sendall(f"beacon-vantage/1 {nonce}\n".encode())
            while rounds <= ROUNDS and time.monotonic() < until:
                line = lines.readline(64)
                if line == b"done\n":
                    return rounds, None
                if len(line) != 33:
                    return rounds, "refused"
                peer.sendall(line)
                rounds += 1
            return rounds, "endless"
    except socket.timeout:  # noqa: UP041 - it has that name only since Python 3.10
        return rounds, "timeout"
    except (OSError, ValueError):
        return rounds, "unreachable"


def connection(host: str, port: int, seconds: float) -> socket.socket:
    """A stream to a vantage, through the provider's egress where it has one for us."""
    if seconds <= 0:
        raise socket.timeout  # noqa: UP041 - see above
    if not Path(EGRESS).exists():
        peer = socket.create_connection((host, port), timeout=seconds)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return peer
    peer = socket.socket(socket.AF_UNIX)
    try:
        peer.settimeout(seconds)
        peer.connect(EGRESS)
        peer.sendall(f"CONNECT {host}:{port}\n".encode())
    except BaseException:
        peer.close()
        raise
    return peer


if __name__ == "__main__":
    main(sys.argv[1:])
    # Not through the interpreter's own ending: a closed stdout must not become another exit code.
    with contextlib.suppress(Exception):
        sys.stderr.flush()
    os._exit(0)
