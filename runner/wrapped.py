"""What the runner tells the wrapper inside an image, and what it believes of the answer. Pure bytes both ways.

The format, `wrapped/v1`, is specified at the head of `runner/static/beacon_run.py`, which is the other end. The request
leaves as base64 of gzip, in pieces that fit the arguments of a process. The answer comes through a provider's hands, so
it is hostile: one line of ASCII JSON with exactly the known members, each of its type and within its bounds, no member
twice, base64 with one spelling. What was measured on the far side (times, memory) is the provider's word.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from runner.errors import Environment, Unverified
from runner.formats.strictbase64 import decode
from runner.formats.strictbase64 import encode as base64_of
from runner.model import canonical

FORMAT = "wrapped/v1"
PIECE = 100_000
"""Characters of one argument: Linux takes 128 KiB."""
LONGEST = 1_500_000
"""Characters of all arguments together: Linux takes 2 MiB, the environment included."""
STDERR_LIMIT = 64 << 10
PROBE_SECONDS = 15
"""What the calls to all vantages take at most, before the command's own time begins."""
_UNPACKED = 64 << 20
_GREATEST = 2**53 - 1
_FAILURES = ("request", "start", "internal")
_PROBE_ERRORS = ("refused", "endless", "timeout", "unreachable")
_NONCE = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class Vantage(NamedTuple):
    """Where a vantage of ours listens."""

    name: str
    host: str
    port: int


class Probe(NamedTuple):
    """Vantages to be called before the benchmark, and the nonce (32 hex digits) by which they know the caller."""

    nonce: str
    vantages: tuple[Vantage, ...]


class Request(NamedTuple):
    """What the wrapper is to run. `environment` is put over the image's own; `stdout_limit` counts bytes."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    stdin: bytes
    run_seconds: int
    stdout_limit: int
    probe: Probe | None = None


class Probed(NamedTuple):
    """One call to a vantage, as the wrapper tells it: for diagnosis only, the vantage's own notes count."""

    name: str
    rounds: int
    error: str | None


class Wrapped(NamedTuple):
    """How the command ended. Either `exit_code` or `signal` or `failure` (`request`, `start`, `internal`: it never ran)
    is given. The streams are their heads; the sizes count everything."""

    exit_code: int | None
    signal: int | None
    failure: str | None
    stdout: bytes
    stdout_size: int
    stderr: bytes
    stderr_size: int
    wall_ms: int
    cpu_ms: int
    max_rss_kib: int
    timed_out: bool
    probes: tuple[Probed, ...]


def encode(
    command: Sequence[str],
    environment: Mapping[str, str],
    stdin: bytes,
    run_seconds: int,
    stdout_limit: int,
    probe: Probe | None = None,
) -> tuple[str, ...]:
    """The wrapper's arguments. Raises `Environment` with the code `request-too-long`."""
    return encode_request(Request(tuple(command), environment, stdin, run_seconds, stdout_limit, probe))


def encode_request(request: Request) -> tuple[str, ...]:
    """As `encode`. The same request gives the same arguments."""
    probe = request.probe
    data = {
        "beacon": FORMAT,
        "command": list(request.command),
        "environment": dict(request.environment),
        "stdin": base64_of(request.stdin),
        "runSeconds": request.run_seconds,
        "stdoutLimit": request.stdout_limit,
        "probe": probe and {"nonce": probe.nonce, "vantages": [vantage._asdict() for vantage in probe.vantages]},
    }
    text = base64_of(gzip.compress(canonical(data), mtime=0))
    if len(text) > LONGEST:
        raise Environment(
            "request-too-long",
            f"the attempt's request has {len(text)} characters packed; arguments of a process hold {LONGEST}",
            "split the job: fewer or shorter prompts",
        )
    return tuple(text[start : start + PIECE] for start in range(0, len(text), PIECE))


def decode_request(pieces: Sequence[str]) -> Request:
    """The request of the wrapper's arguments. Raises `Unverified` with the code `request-malformed`."""
    try:
        data = _members(_strict_json(_unpacked(decode("".join(pieces)))), _REQUEST)
        if data["beacon"] != FORMAT or not data["command"]:
            raise ValueError("it is of another format")
        return Request(
            command=tuple(_typed(word, str) for word in data["command"]),
            environment={name: _typed(value, str) for name, value in data["environment"].items()},
            stdin=decode(data["stdin"]),
            run_seconds=data["runSeconds"],
            stdout_limit=data["stdoutLimit"],
            probe=None if data["probe"] is None else _probe(data["probe"]),
        )
    except (ValueError, RecursionError) as error:
        raise Unverified("request-malformed", f"the wrapper's arguments are no request: {_words(error)}") from None


def read(line: str, stdout_limit: int) -> Wrapped:
    """The answer that a wrapper's output is; one newline at its end is allowed. `stdout_limit` is the request's.

    Raises `Unverified` with the code `wrapped-malformed`, in words of our own: nothing of the line is quoted."""
    try:
        return _judged(line.removesuffix("\n"), stdout_limit)
    except (ValueError, RecursionError) as error:
        raise Unverified("wrapped-malformed", f"the wrapper's line breaks the format: {_words(error)}") from None


def longest_line(stdout_limit: int) -> int:
    """The most characters that an honest wrapper prints."""
    return 4 * (stdout_limit + STDERR_LIMIT) // 3 + 8_192


_REQUEST: Mapping[str, tuple[type, ...]] = {
    "beacon": (str,),
    "command": (list,),
    "environment": (dict,),
    "stdin": (str,),
    "runSeconds": (int,),
    "stdoutLimit": (int,),
    "probe": (dict, type(None)),
}
_PROBE: Mapping[str, tuple[type, ...]] = {"nonce": (str,), "vantages": (list,)}
_VANTAGE: Mapping[str, tuple[type, ...]] = {"name": (str,), "host": (str,), "port": (int,)}
_PROBED: Mapping[str, tuple[type, ...]] = {"name": (str,), "rounds": (int,), "error": (str, type(None))}
_ANSWER: Mapping[str, tuple[type, ...]] = {
    "beacon": (str,),
    "exit": (int, type(None)),
    "signal": (int, type(None)),
    "failure": (str, type(None)),
    "stdout": (str,),
    "stdoutSize": (int,),
    "stderr": (str,),
    "stderrSize": (int,),
    "wallMs": (int,),
    "cpuMs": (int,),
    "maxRssKib": (int,),
    "timedOut": (bool,),
    "probes": (list,),
}


class _Refused(ValueError):
    """What is wrong, in words that quote nothing."""


def _judged(line: str, stdout_limit: int) -> Wrapped:
    if len(line) > longest_line(stdout_limit):
        raise _Refused("it is longer than the limits allow")
    if not line.isascii() or "\n" in line:
        raise _Refused("it is not one line of ASCII")
    data = _members(_strict_json(line.encode()), _ANSWER)
    if data["beacon"] != FORMAT:
        raise _Refused("it is of another version")
    _ending(data)
    stdout = _stream(data["stdout"], data["stdoutSize"], stdout_limit)
    stderr = _stream(data["stderr"], data["stderrSize"], STDERR_LIMIT)
    if len(data["probes"]) > 64:
        raise _Refused("it tells of too many calls")
    return Wrapped(
        exit_code=data["exit"],
        signal=data["signal"],
        failure=data["failure"],
        stdout=stdout,
        stdout_size=data["stdoutSize"],
        stderr=stderr,
        stderr_size=data["stderrSize"],
        wall_ms=data["wallMs"],
        cpu_ms=data["cpuMs"],
        max_rss_kib=data["maxRssKib"],
        timed_out=data["timedOut"],
        probes=tuple(map(_probed, data["probes"])),
    )


def _ending(data: Mapping[str, Any]) -> None:
    endings = [name for name in ("exit", "signal", "failure") if data[name] is not None]
    if len(endings) != 1:
        raise _Refused("it ended in several ways, or in none")
    if data["exit"] is not None and data["exit"] > 255:
        raise _Refused("there is no such exit code")
    if data["signal"] is not None and not 1 <= data["signal"] <= 64:
        raise _Refused("there is no such signal")
    if data["failure"] is not None and data["failure"] not in _FAILURES:
        raise _Refused("there is no such failure")


def _stream(text: str, size: int, limit: int) -> bytes:
    """The head of a stream: all of it, or as much as the limit allows."""
    head = decode(text)
    if len(head) != min(size, limit):
        raise _Refused("a stream's head and its size do not fit together")
    return head


def _probe(data: Any) -> Probe:
    members = _members(data, _PROBE)
    if not _NONCE.fullmatch(members["nonce"]):
        raise _Refused("the nonce is not 32 digits of hex")
    return Probe(members["nonce"], tuple(map(_vantage, members["vantages"])))


def _vantage(data: Any) -> Vantage:
    return Vantage(**_members(data, _VANTAGE))


def _probed(data: Any) -> Probed:
    probed = Probed(**_members(data, _PROBED))
    if not _NAME.fullmatch(probed.name) or probed.error not in (None, *_PROBE_ERRORS):
        raise _Refused("a call to a vantage is not told as wrappers tell it")
    return probed


def _members(data: Any, types: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """An object with exactly these members, each of one of its types, integers within bounds."""
    if not isinstance(data, dict) or data.keys() != types.keys():
        raise _Refused("a member is missing, or one too many")
    for name, value in data.items():
        if type(value) not in types[name]:
            raise _Refused(f"`{name}` is of another type")
        if type(value) is int and not 0 <= value <= _GREATEST:
            raise _Refused(f"`{name}` is out of range")
    return data


def _typed(value: Any, kind: type[str]) -> str:
    if type(value) is not kind:
        raise _Refused("a word is no text")
    return value


def _unpacked(raw: bytes) -> bytes:
    """Unzip, but no more than a request can have."""
    unzip = zlib.decompressobj(wbits=31)
    try:
        data = unzip.decompress(raw, _UNPACKED)
    except zlib.error:
        raise _Refused("it is not gzip") from None
    if not unzip.eof or unzip.unused_data:
        raise _Refused("its gzip is too long, cut, or followed by something")
    return data


def _strict_json(raw: bytes) -> Any:
    return json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_constant, parse_float=_constant)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("a member stands twice")
    return members


def _constant(_: str) -> None:
    raise _Refused("it holds a number that is no integer")


def _words(error: Exception) -> str:
    """A reason of our own words: Python's messages may quote the text."""
    match error:
        case _Refused():
            return str(error)
        case json.JSONDecodeError():
            return f"no JSON at character {error.pos}"
        case RecursionError():
            return "nested too deeply"
        case _ if str(error).startswith("its base64"):
            return str(error)
        case _:
            return "a text or a number that cannot be"
