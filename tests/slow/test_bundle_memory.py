"""A file of 1 GiB becomes a CID, a CAR and a file again in less than 100 MB of memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner.ipfs.unixfs import CHUNK
from tests.conftest import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc, as Linux has it"),
]
MOST = 100 * 10**6
PROGRAM = """
import sys
from runner.cli import main
code = main(sys.argv[1:])
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(peak) * 1024)
sys.exit(code)
"""


def bundle(*words: str | Path) -> tuple[str, int]:
    """A `beacon bundle` command in a process of its own: the CID that it prints, and its highest memory in bytes."""
    command = [sys.executable, "-c", PROGRAM, "bundle", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    cid, peak = done.stdout.split()
    return cid, int(peak)


def test_a_gibibyte_takes_little_memory(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:  # each chunk another one, and hardly any on the disk
        for number in range(1024):
            file.seek(number * CHUNK)
            file.write(b"%d" % number)
        file.truncate(1024 * CHUNK)
    cids = set()
    for words in (
        ("cid", tmp_path / "large"),
        ("car", tmp_path / "large", "--out", tmp_path / "car"),
        ("extract", tmp_path / "car", "--out", tmp_path / "back", "--most", "1100"),
        ("cid", tmp_path / "back"),
    ):
        cid, peak = bundle(*words)
        cids.add(cid)
        assert peak < MOST, words
    assert len(cids) == 1
    assert (tmp_path / "car").stat().st_size > 1024 * CHUNK
