"""A sandbox whose runner was killed while starting it is found by the next runner; one that somebody holds is not."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from pathlib import Path

import pytest

from runner.edges import sandbox
from runner.edges.orphans import orphans, sweep
from runner.errors import Environment

CACHE = Path("/cache/beacon")
BOX = ("/opt/bin/bwrap", "--ro-bind", "/cache/beacon/files/1", "/opt/benchmark")


def process(proc: Path, pid: int, parent: int, argv: tuple[str, ...], inside: str) -> None:
    """A process as proc(5) shows it; `inside` are its ids in its namespaces, the outer one first."""
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "cmdline").write_bytes("\0".join(argv).encode() + b"\0")
    (proc / str(pid) / "status").write_text(f"Name:\tx\nPPid:\t{parent}\nNSpid:\t{inside}\n")


def test_only_sandboxes_without_a_bubblewrap_above_them(tmp_path: Path) -> None:
    process(tmp_path, 1, 0, ("/sbin/init",), "1")
    process(tmp_path, 20, 1, ("python", "beacon", "reconcile"), "20")
    process(tmp_path, 21, 20, BOX, "21")  # a living runner's bubblewrap
    process(tmp_path, 22, 21, BOX, "22\t1")  # and its sandbox
    process(tmp_path, 30, 1, BOX, "30\t1")  # the one
    process(tmp_path, 31, 1, (*BOX[:2], "/cache/other/files/1"), "31\t1")  # of another cache
    process(tmp_path, 32, 1, (*BOX[:2], "/cache/beacon-2/files"), "32\t1")
    process(tmp_path, 33, 1, ("cat", "/cache/beacon/files/1"), "33")
    process(tmp_path, 34, 999, BOX, "34\t1")  # its parent leaves at this moment
    (tmp_path / "self").mkdir()
    (tmp_path / "40").mkdir()  # a process that has left
    assert list(orphans(CACHE, tmp_path)) == [30]


def test_where_there_is_no_proc(tmp_path: Path) -> None:
    assert list(orphans(CACHE, tmp_path / "proc")) == []


def test_a_real_one_is_ended(tmp_path: Path) -> None:
    try:
        found = sandbox.find()
        found.self_test()
    except Environment as error:
        pytest.skip(f"no sandbox works here: {error.message}")
    (tmp_path / "files").mkdir()
    never, writer = os.pipe()  # the child waits for it, as it would for a bubblewrap that was killed
    said, status = os.pipe()
    command = [str(found.program), "--unshare-pid", "--ro-bind", "/", "/", "--ro-bind", str(tmp_path / "files"), "/mnt"]
    command += ["--json-status-fd", str(status), "--block-fd", str(never), "--", "true"]
    nothing = subprocess.DEVNULL
    above = subprocess.Popen(command, pass_fds=(never, status), stdin=nothing, stdout=nothing, stderr=nothing)
    os.close(status)
    with os.fdopen(said) as lines:
        child = json.loads(lines.readline())["child-pid"]  # a whole line: bubblewrap writes it in pieces
        held = os.pidfd_open(child)
        try:
            sweep(tmp_path)
            assert not select.select([held], [], [], 0.1)[0], "its bubblewrap lives"
            above.kill()
            above.wait()
            sweep(tmp_path / "elsewhere")
            assert list(orphans(tmp_path, Path("/proc"))) == [child]
            sweep(tmp_path)
            assert select.select([held], [], [], 10)[0], "it has ended"
        finally:
            above.kill()
            if not select.select([held], [], [], 0)[0]:
                signal.pidfd_send_signal(held, signal.SIGKILL)
            for descriptor in (never, writer, held):
                os.close(descriptor)
