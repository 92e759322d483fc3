"""The wrapper is run for real, against what a benchmark may do; its codec is given what a provider may send."""

from __future__ import annotations

import ast
import base64
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import wrapped
from runner.errors import Environment, Unverified
from runner.wrapped import Probe, Request, Vantage, Wrapped
from tests.conftest import ROOT

WRAPPER = ROOT / "runner/static/beacon_run.py"
LIMIT = 10_000
NONCE = "00112233445566778899aabbccddeeff"


def start(pieces: tuple[str, ...], environment: dict[str, str] | None = None, **options: Any) -> str:
    """The wrapper's stdout. It must leave with 0, and soon."""
    done = subprocess.run(
        [sys.executable, "-I", str(WRAPPER), *pieces],
        stdout=subprocess.PIPE,
        env={"PATH": os.defpath, "BEACON_PYTHON": f"{sys.executable} -I", **(environment or {})},
        timeout=30,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 0
    return done.stdout


def run(*command: str, stdin: bytes = b"", seconds: int = 20, limit: int = LIMIT, **options: Any) -> Wrapped:
    environment = options.pop("environment", {})
    pieces = wrapped.encode(command, environment, stdin, seconds, limit, options.pop("probe", None))
    return wrapped.read(start(pieces, **options), limit)


def python(program: str, **options: Any) -> Wrapped:
    return run("python", "-c", program, **options)


def test_it_is_one_file_of_the_standard_library_for_old_pythons() -> None:
    tree = ast.parse(WRAPPER.read_text(), feature_version=(3, 8))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
    assert os.access(WRAPPER, os.X_OK)


def test_a_command_reads_its_input_and_its_output_comes_back_whole(tmp_path: Path) -> None:
    program = (
        "import sys, os; sys.stdout.write(sys.stdin.read()[::-1] + os.getcwd()); sys.stderr.write('é'); sys.exit(3)"
    )
    ended = python(program, stdin=b"abc", cwd=tmp_path)
    assert ended.stdout == f"cba{tmp_path}".encode()
    assert (ended.exit_code, ended.signal, ended.failure, ended.timed_out) == (3, None, None, False)
    assert ended.stderr == "é".encode()
    assert ended.stdout_size == len(ended.stdout)
    assert ended.cpu_ms > 0
    assert 0 < ended.wall_ms < 20_000
    assert ended.max_rss_kib > 1_000


def test_the_environment_is_the_images_with_the_requests_over_it() -> None:
    ended = python(
        "import os; print(sorted(k + '=' + v for k, v in os.environ.items() if k in ('A', 'B', 'C', 'BEACON_PYTHON')))",
        environment={"B": "request", "C": "new"},
        stdin=b"",
    )
    assert ended.stdout == b"['B=request', 'C=new']\n"
    pieces = wrapped.encode(("sh", "-c", "echo $A$B"), {"B": "request"}, b"", 5, LIMIT)
    assert wrapped.read(start(pieces, {"A": "image,", "B": "image"}), LIMIT).stdout == b"image,request\n"


def test_binary_and_huge_output_is_cut_and_counted() -> None:
    ended = python("import sys; o = sys.stdout.buffer; [o.write(bytes(range(256)) * 4096) for _ in range(8)]")
    assert ended.stdout == (bytes(range(256)) * 40)[:LIMIT]
    assert ended.stdout_size == 8 << 20
    ended = python("import sys; sys.stderr.buffer.write(b'\\xff' * 300000)")
    assert (ended.stderr, ended.stderr_size) == (b"\xff" * (64 << 10), 300_000)


def test_what_hangs_is_killed_with_its_children() -> None:
    program = (
        "import subprocess, sys, time; c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(c.pid, flush=True); time.sleep(60)"
    )
    begun = time.monotonic()
    ended = python(program, seconds=1)
    assert time.monotonic() - begun < 5
    assert (ended.exit_code, ended.signal, ended.timed_out) == (None, signal.SIGKILL, True)
    with pytest.raises(ProcessLookupError):
        gone(int(ended.stdout))


def gone(pid: int) -> None:
    """Raises ProcessLookupError once the process is no more than a zombie."""
    for _ in range(50):
        os.kill(pid, 0)
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            raise ProcessLookupError
        time.sleep(0.02)


def test_a_child_that_outlives_the_command_is_ended_and_does_not_delay_the_answer() -> None:
    child = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']{}); print(1)"
    )
    begun = time.monotonic()
    assert python(child.format("")).exit_code == 0
    ended = python(child.format(", start_new_session=True").replace("time.sleep(60)", "time.sleep(4)"))
    assert ended.stdout == b"1\n"
    assert time.monotonic() - begun < 5  # it left the process group and holds the pipes: two drains of a second


def test_signals_missing_commands_and_closed_pipes() -> None:
    assert python("import os; os.kill(os.getpid(), 15)").signal == signal.SIGTERM
    missing = run("/nowhere/at-all")
    assert (missing.exit_code, missing.signal, missing.failure) == (None, None, "start")
    assert missing.stderr.startswith(b"FileNotFoundError")
    assert run("bad\0word").failure == "start"
    assert python("import os; os.close(0)", stdin=b"x" * 1_000_000).exit_code == 0
    assert python("import os; os.close(1); os.close(2); import time; time.sleep(.2)").exit_code == 0
    script = f"exec '{sys.executable}' -I '{WRAPPER}' \"$@\" <&- >&- 2>&-"
    pieces = wrapped.encode(("true",), {}, b"", 5, LIMIT)
    assert subprocess.run(["sh", "-c", script, "sh", *pieces], timeout=30, check=False).returncode == 0
    script = script.replace(">&- 2>&-", "2>&-")
    closed = subprocess.run(["sh", "-c", script, "sh", *pieces], timeout=30, check=False, stdout=subprocess.PIPE)
    assert wrapped.read(closed.stdout.decode(), LIMIT).exit_code == 0


@pytest.mark.parametrize(
    "pieces", [(), ("",), ("%%%",), ("aGVsbG8=",), (base64.b64encode(gzip.compress(b"[]")).decode(),)]
)
def test_no_request_is_an_answer_too(pieces: tuple[str, ...]) -> None:
    assert wrapped.read(start(pieces), LIMIT).failure == "request"


def test_large_requests_travel_in_pieces() -> None:
    stdin = os.urandom(400_000)
    pieces = wrapped.encode(
        ("python", "-c", "import sys,hashlib; print(len(sys.stdin.buffer.read()))"), {}, stdin, 9, 50
    )
    assert len(pieces) > 4
    assert max(map(len, pieces)) == wrapped.PIECE
    assert wrapped.read(start(pieces), 50).stdout == b"400000\n"
    with pytest.raises(Environment) as error:
        wrapped.encode(("true",), {}, os.urandom(1_200_000), 9, 50)
    assert error.value.code == "request-too-long"


class Peer(threading.Thread):
    """A vantage that challenges as often as told, then says what it is told."""

    def __init__(self, challenges: int, last: bytes) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.challenges, self.last, self.heard = challenges, last, []
        self.start()

    def run(self) -> None:
        with self.listener, self.listener.accept()[0] as peer, peer.makefile("rwb") as stream:
            self.heard.append(stream.readline())
            for number in range(self.challenges):
                stream.write(f"{number:032x}\n".encode())
                stream.flush()
                self.heard.append(stream.readline())
            stream.write(self.last)
            stream.flush()


def test_vantages_are_called_before_the_command() -> None:
    good, rude = Peer(3, b"done\n"), Peer(1, b"no\n")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    vantages = [Vantage(n, "127.0.0.1", p) for n, p in (("a", good.port), ("b", rude.port), ("c", port))]
    ended = run("true", probe=Probe(NONCE, tuple(vantages)))
    assert ended.probes == (("a", 3, None), ("b", 1, "refused"), ("c", 0, "unreachable"))
    assert ended.exit_code == 0
    assert good.heard[0] == f"beacon-vantage/1 {NONCE}\n".encode()
    assert good.heard[1:] == [f"{number:032x}\n".encode() for number in range(3)]


requests = st.builds(
    Request,
    command=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=4).map(tuple),
    environment=st.dictionaries(
        st.text(st.characters(codec="ascii"), max_size=9), st.text(st.characters(codec="utf-8"), max_size=9)
    ),
    stdin=st.binary(max_size=500),
    run_seconds=st.integers(1, 10_000),
    stdout_limit=st.integers(0, 1 << 20),
    probe=st.none() | st.just(Probe(NONCE, (Vantage("eu", "vantage.example", 443),))),
)


@given(requests)
def test_requests_come_back_as_they_went(request: Request) -> None:
    pieces = wrapped.encode_request(request)
    assert wrapped.decode_request(pieces) == request
    assert wrapped.encode_request(request) == pieces


def test_bad_requests_are_refused() -> None:
    good = json.loads(gzip.decompress(base64.b64decode("".join(wrapped.encode(("true",), {}, b"", 5, 9)))))
    bomb = base64.b64encode(gzip.compress(b"0" * (65 << 20))).decode()
    texts = [
        base64.b64encode(gzip.compress(json.dumps(good | change).encode())).decode()
        for change in (
            {"command": []},
            {"command": [1]},
            {"more": 1},
            {"stdin": "?"},
            {"beacon": "wrapped/v2"},
            {"runSeconds": True},
            {"probe": {"nonce": "x", "vantages": []}},
            {"environment": {"A": 1}},
            {"runSeconds": 1.5},
        )
    ]
    for text in ["", "AAAA", bomb, *texts]:
        with pytest.raises(Unverified) as error:
            wrapped.decode_request([text])
        assert error.value.code == "request-malformed"


ANSWER = {
    "beacon": "wrapped/v1", "exit": 0, "signal": None, "failure": None, "stdout": "aGk=", "stdoutSize": 2, "stderr": "",
    "stderrSize": 0, "wallMs": 5, "cpuMs": 4, "maxRssKib": 9000, "timedOut": False, "probes": [],
}  # fmt: skip


def test_an_honest_answer_is_read() -> None:
    ended = wrapped.read(json.dumps(ANSWER) + "\n", LIMIT)
    assert ended == Wrapped(0, None, None, b"hi", 2, b"", 0, 5, 4, 9000, False, ())


@pytest.mark.parametrize(
    "change",
    [
        {"exit": None}, {"exit": 256}, {"exit": -1}, {"exit": True}, {"exit": 1.0}, {"exit": 0, "signal": 9},
        {"exit": None, "signal": 65}, {"exit": None, "signal": 0}, {"exit": None, "failure": "mine"},
        {"stdout": "aGk"}, {"stdout": "aGl="}, {"stdout": "a Gk="}, {"stdout": None}, {"stdoutSize": 1},
        {"stdoutSize": 3}, {"stdoutSize": 2**53}, {"wallMs": -1}, {"timedOut": 0}, {"timedOut": None}, {"probes": {}},
        {"probes": [{}]}, {"probes": [{"name": "a", "rounds": 1, "error": "evil words"}]}, {"extra": 1},
        {"probes": [{"name": "a\n", "rounds": 1, "error": None}]}, {"beacon": "wrapped/v2"},
        {"probes": [{"name": "a", "rounds": 1, "error": None}] * 65},
    ],
)  # fmt: skip
def test_a_hostile_answer_is_refused(change: dict[str, Any]) -> None:
    refused(json.dumps(ANSWER | change))


@pytest.mark.parametrize(
    "line",
    ["", "null", "[]", "{}", "x" * 200_000, json.dumps(ANSWER) * 2, json.dumps(ANSWER) + "\n\n", " NaN", "[" * 9_000,
     json.dumps(ANSWER)[:-1] + ', "exit": 1}', json.dumps(ANSWER).replace("9000", "9" * 5_000),
     json.dumps(ANSWER).replace("wrapped/v1", "wrapped/v1é"), json.dumps(ANSWER | {"wallMs": float("nan")})],
    ids=range(13),
)  # fmt: skip
def test_a_line_that_is_no_answer_is_refused(line: str) -> None:
    refused(line)


@given(st.text(max_size=300))
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    refused(text)


def refused(line: str) -> None:
    with pytest.raises(Unverified) as error:
        wrapped.read(line, LIMIT)
    assert error.value.code == "wrapped-malformed"
    assert error.value.message.isascii()
    assert "evil" not in error.value.message
