"""The local executor: friendly benchmarks are answered, hostile ones get an honest result, and nothing is left behind.

Every file of `tests/benchmarks/hostile` is run in the real sandbox. Skipped, with the reason, where none works."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.edges import sandbox
from runner.edges.local import LocalExecutor
from runner.errors import Environment, Unverified
from runner.ipfs.unixfs import folder_cid
from runner.model import Attempt, Cell
from runner.model.jobspec import Container, Image, Limits, Prompt, Region
from runner.model.policy import Serve
from runner.ports import AttemptResult, Work

BENCHMARKS = Path(__file__).parent / "benchmarks"
JOB = "registry/jobs/alice/who.yaml"


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> LocalExecutor:
    try:
        sandbox.find().self_test()
    except Environment as error:
        pytest.skip(str(error))
    cache = tmp_path_factory.mktemp("cache")
    serve = {JOB: {"APAC": Serve(parameters={"system": "You are a pirate."})}}
    return LocalExecutor(cache, serve)


def work(source: str, region: str = "EU", avoid: frozenset[str] = frozenset(), port: int = 9, **limits: int) -> Work:
    """An attempt of two cells over a benchmark's source; the last word of the command is its own, to find it by."""
    files = {"benchmark.py": source.encode()}
    target = Container.from_json(
        {
            "kind": "container",
            "name": "m",
            "image": {"source": {"benchmark": "hostile", "cid": folder_cid(files)}},
            "command": ["python", "benchmark.py", f"marked-{os.getpid()}"],
            "parameters": {"port": port},
        }
    )
    cells = tuple((Cell(target="m", prompt="who", region=region, slot=1, replica=n), 40 + n) for n in (1, 2))
    return Work(
        attempt=Attempt(run="a" * 64, target="m", region=region, slot=1, n=1),
        target=target,
        files=files,
        region=Region(name=region),
        countries=("DE",),
        job_path=JOB,
        prompts={"who": Prompt(id="who", text="Who are you?")},
        cells=cells,
        limits=Limits.from_json(
            {"queueSeconds": 5, "startSeconds": 20, "runSeconds": 20, "totalSeconds": 30, "memoryMiB": 256} | limits
        ),
        avoid=avoid,
        start=7,
        min_grade="claimed",
        budget="0",
        reserved="0",
    )


def hostile(executor: LocalExecutor, name: str, **limits: Any) -> AttemptResult:
    """Run one, and hold that nothing of it is left."""
    source = (BENCHMARKS / "hostile" / f"{name}.py").read_text()
    result = executor.run(work(source, **limits), threading.Event())
    assert left_running() == []
    assert [output.cell.id for output in result.cells] == ["who.1", "who.2"]
    return result


def left_running(marked: int | None = None) -> list[str]:
    """Processes, ours or those of another test process, that carry the mark of their command."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if f"marked-{marked or os.getpid()}".encode() in words:
            found.append(path.parent.name)
    return found


def statuses(result: AttemptResult) -> list[str]:
    return [output.status for output in result.cells]


def answers(result: AttemptResult) -> list[bytes | None]:
    return [output.output for output in result.cells]


ECHO = (BENCHMARKS / "echo" / "benchmark.py").read_text()


def test_echo_is_answered_and_described(executor: LocalExecutor) -> None:
    result = executor.run(work(ECHO), threading.Event())
    assert (result.status, result.reason, result.exit_code, statuses(result)) == ("ok", None, 0, ["ok", "ok"])
    assert answers(result)[0] != answers(result)[1]
    facts = result.executor
    assert (facts.kind, facts.network, facts.simulated, facts.altered, facts.packages) == (
        "local",
        "none",
        True,
        False,
        {},
    )
    assert (result.region.observed, result.region.grade) == (None, "claimed")
    assert result.image.digest == work(ECHO).target.image.source.cid  # type: ignore[union-attr] - this target has one
    assert result.provider.id == "local-eu-1"
    assert result.usage["output-bytes"] == json.loads(result.transcript)["stdout"]["bytes"] > 0


def test_same_seed_same_answer_another_region_served_otherwise(executor: LocalExecutor) -> None:
    first, again = (executor.run(work(ECHO), threading.Event()) for _ in range(2))
    assert answers(first) == answers(again)
    altered = executor.run(work(ECHO, region="APAC"), threading.Event())
    assert altered.executor.altered
    assert json.loads(altered.transcript)["request"]["cells"][0]["parameters"]["system"] == "You are a pirate."
    assert set(answers(altered)).isdisjoint(answers(first))


def test_avoided_provider_is_not_taken(executor: LocalExecutor) -> None:
    avoid = frozenset({"local-eu-1", "local-eu-1-2"})
    assert executor.run(work(ECHO, avoid=avoid), threading.Event()).provider.id == "local-eu-1-3"


def test_crash_keeps_what_was_answered(executor: LocalExecutor) -> None:
    result = hostile(executor, "crashes")
    assert (result.status, result.reason, result.exit_code, result.retryable) == ("partial", "exit: code 1", 1, True)
    assert statuses(result) == ["ok", "missing"]
    assert "RuntimeError: no more" in json.loads(result.transcript)["stderr"]["text"]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"startSeconds": 1}, "start: no answer within 1 s"),
        ({"runSeconds": 1}, "run: no end within 1 s"),
        ({"totalSeconds": 1}, "total: no end within the 1 s that were left"),
    ],
)
def test_timeouts_are_told_apart(executor: LocalExecutor, limits: dict[str, int], reason: str) -> None:
    result = hostile(executor, "hangs", **limits)
    assert (result.status, result.reason, statuses(result)) == ("timeout", reason, ["timeout", "timeout"])


def test_start_is_over_with_the_first_answer(executor: LocalExecutor) -> None:
    result = hostile(executor, "stalls", startSeconds=1, runSeconds=2)
    assert (result.status, result.reason) == ("timeout", "run: no end within 2 s")
    assert statuses(result) == ["ok", "timeout"]


def test_queue_is_a_timeout_of_its_own(executor: LocalExecutor) -> None:
    stop = threading.Event()
    everything = work("import time\ntime.sleep(60)", cpus=64)
    busy = threading.Thread(target=executor.run, args=(everything, stop))
    busy.start()
    while not left_running():
        time.sleep(0.01)
    result = executor.run(work(ECHO, queueSeconds=1), threading.Event())
    stop.set()
    busy.join()
    assert (result.status, result.reason) == ("timeout", "queue: no free CPU within 1 s")
    assert (statuses(result), result.times.started, result.usage) == (["missing", "missing"], None, {})


def test_cancel_reaches_running_work(executor: LocalExecutor) -> None:
    cancel = threading.Event()
    timer = threading.Timer(0.3, cancel.set)
    timer.start()
    begun = time.monotonic()
    result = executor.run(work((BENCHMARKS / "hostile" / "ignores.py").read_text()), cancel)
    assert time.monotonic() - begun < 5
    assert (result.status, statuses(result)) == ("cancelled", ["missing", "missing"])
    assert left_running() == []


def test_cancel_at_any_moment_of_the_start(executor: LocalExecutor) -> None:
    for milliseconds in range(0, 40, 4):
        cancel = threading.Event()
        timer = threading.Timer(milliseconds / 1000, cancel.set)
        timer.start()
        result = executor.run(work("import time\ntime.sleep(60)"), cancel)
        assert (result.status, left_running()) == ("cancelled", [])


def test_cancelled_before_it_began(executor: LocalExecutor) -> None:
    cancel = threading.Event()
    cancel.set()
    result = executor.run(work(ECHO), cancel)
    assert (result.status, result.reason, result.times.duration_ms) == ("cancelled", "cancelled: before it began", 0)


def test_flood_is_neither_kept_nor_read_to_its_end(executor: LocalExecutor) -> None:
    result = hostile(executor, "floods")
    assert (result.status, statuses(result)) == ("failed", ["missing", "missing"])
    assert str(result.reason).startswith("protocol: line 1 has more than")
    assert result.usage["output-bytes"] < 5_000_000
    assert len(result.transcript) < 1_000_000


def test_flood_of_errors_is_cut(executor: LocalExecutor) -> None:
    result = hostile(executor, "floods_stderr")
    errors = json.loads(result.transcript)["stderr"]
    assert (result.status, errors["bytes"], errors["cut"], len(errors["text"])) == ("ok", 104_857_600, True, 65_536)


def test_control_characters_arrive_as_they_are(executor: LocalExecutor) -> None:
    result = hostile(executor, "control")
    assert answers(result)[0] == "\x1b[2J\x00\u202e\r\n::error::\x07".encode()


@pytest.mark.parametrize(
    ("name", "reason", "found"),
    [
        ("nothing", "exit: left without answering every cell", ["missing", "missing"]),
        ("deaf", "exit: left without answering every cell", ["ok", "missing"]),
        ("repeats", None, ["malformed", "ok"]),
        ("after", "protocol: line 3 is not strict JSON: wrong at character 0", ["ok", "ok"]),
        ("bytes", "protocol: line 1 is not strict JSON: no UTF-8 at byte 0", ["missing", "missing"]),
        ("stays", "exit: still there after its last answer", ["ok", "ok"]),
    ],
)
def test_breaking_the_protocol(executor: LocalExecutor, name: str, reason: str | None, found: list[str]) -> None:
    result = hostile(executor, name)
    assert (result.reason, statuses(result)) == (reason, found)
    assert result.status == {0: "failed", 1: "partial", 2: "ok"}[found.count("ok")]


def test_bytes_that_are_no_text_are_shown_in_the_transcript(executor: LocalExecutor) -> None:
    printed = json.loads(hostile(executor, "bytes").transcript)["stdout"]
    assert printed["escaped"]
    assert printed["text"].startswith("\\x80\\x81")


@pytest.mark.parametrize("name", ["closes", "forks", "ignores", "spins"])
def test_what_does_not_end_is_ended(executor: LocalExecutor, name: str) -> None:
    result = hostile(executor, name, runSeconds=1)
    assert (result.status, result.reason) == ("timeout", "run: no end within 1 s")


def test_memory_is_counted_over_all_processes(executor: LocalExecutor) -> None:
    result = hostile(executor, "eats")
    assert (result.status, result.reason) == ("failed", "memory: more than 256 MiB")
    assert 256 << 10 < result.usage["memory-kib"] < 1 << 20


def test_only_its_own_tmp_can_be_written(executor: LocalExecutor) -> None:
    result = hostile(executor, "writes")
    assert answers(result) == [b"/tmp", b"/tmp"]


def test_tmp_has_an_end(executor: LocalExecutor) -> None:
    output = answers(hostile(executor, "fills"))[0]
    assert output is not None
    assert 32 < int(output) <= sandbox.TMP_BYTES >> 20


def test_no_network_not_even_this_host(executor: LocalExecutor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = hostile(executor, "network", port=server.getsockname()[1])
    assert answers(result)[0] == b"OSError gaierror ConnectionRefusedError"


def test_nothing_of_the_host_is_seen(executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEACON_KEY_LOG", "not for benchmarks")
    output = answers(hostile(executor, "snoops"))[0]
    assert output is not None
    seen = json.loads(output)
    assert seen["shadow"] == "FileNotFoundError"
    assert seen["first"] in (0, "PermissionError")
    assert "BEACON_KEY_LOG" not in seen["environment"]
    assert not {"root", "home", "work", "var", "sys", "mnt"} & set(seen["root"])
    assert seen["uid"] != 0
    assert seen["processes"] <= 3


def test_other_files_than_the_job_names_are_refused(executor: LocalExecutor, tmp_path: Path) -> None:
    with pytest.raises(Unverified) as caught:
        LocalExecutor(tmp_path, {}).prepare(work(ECHO).target, {"benchmark.py": b"print('something else')"})
    assert caught.value.code == "benchmark-cid"


def test_image_without_a_source_is_refused(executor: LocalExecutor) -> None:
    target = Container.from_json(
        {"kind": "container", "name": "m", "image": {"oci": f"ghcr.io/a/b@sha256:{'0' * 64}"}, "command": ["x"]}
    )
    assert "beacon image add" in str(executor.refuses(target))
    golem = target.model_copy(update={"image": Image.from_json({"gvmi": "0" * 56})})
    assert "no form `source` or `oci`" in str(executor.refuses(golem))
    assert executor.refuses(work(ECHO).target) is None


def test_program_that_does_not_exist(executor: LocalExecutor) -> None:
    wrong = work(ECHO)
    wrong = wrong._replace(target=wrong.target.model_copy(update={"command": ("no-such-program",)}))
    result = executor.run(wrong, threading.Event())
    assert (result.status, result.reason, result.exit_code) == ("failed", "exit: code 127", 127)


def test_attempts_at_once_do_not_disturb_each_other(executor: LocalExecutor) -> None:
    found: list[AttemptResult] = []
    threads = [
        threading.Thread(target=lambda: found.append(executor.run(work(ECHO, queueSeconds=60), threading.Event())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.status for result in found] == ["ok"] * 8


def test_no_sandbox_is_an_error_and_never_a_plain_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    lonely = LocalExecutor(tmp_path, {})
    assert "needs Linux" in str(lonely.refuses(work(ECHO).target))
    with pytest.raises(Environment) as caught:
        lonely.run(work(ECHO), threading.Event())
    assert caught.value.code == "sandbox-unsupported"


def test_broken_sandbox_says_how_to_mend(tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(Environment, match="setting up uid map") as caught:
        sandbox.Sandbox(fake, root=False).self_test()
    assert (caught.value.code, "apparmor_restrict_unprivileged_userns" in caught.value.hint) == ("sandbox-broken", True)


def test_sandbox_that_isolates_nothing_is_refused(tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text(f'#!/bin/sh\nfor last; do :; done\nexec {sys.executable} -c "$last"\n')
    fake.chmod(0o755)
    with pytest.raises(Environment) as caught:
        sandbox.Sandbox(fake, root=False).self_test()
    assert caught.value.code == "sandbox-leaks"
    assert "it sees other processes" in caught.value.message


def test_a_killed_runner_leaves_nothing_behind(executor: LocalExecutor, tmp_path: Path) -> None:
    script = (
        "import sys, threading; from pathlib import Path; from runner.edges.local import LocalExecutor\n"
        "from tests.test_local import BENCHMARKS, work\n"
        "source = (BENCHMARKS / 'hostile' / 'ignores.py').read_text()\n"
        "LocalExecutor(Path(sys.argv[1]), {}).run(work(source), threading.Event())\n"
    )
    root = Path(__file__).parent.parent
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=root) as other:
        _until(lambda: len(left_running(other.pid)) >= 3)
        other.kill()
    _until(lambda: not left_running(other.pid))


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
