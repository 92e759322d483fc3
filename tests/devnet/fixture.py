"""The fixture `devnet`: one network for all tests of a process, without faults at the start of each.

`tests/conftest.py` names it, so that it is one for all modules. Tests that share it look at what is theirs: the
agreements of their own requestor. What a test leaves is not cleaned up for it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.edges.devnet.net import Devnet
from runner.errors import Environment


def cache() -> Path:
    """Kept from one run of the tests to the next: the daemon's first start takes longer than all others."""
    base = os.environ.get("BEACON_CACHE") or Path(tempfile.gettempdir(), "beacon-tests")
    return Path(base, "devnet-cache")


@pytest.fixture(scope="session")
def one_devnet() -> Iterator[Devnet]:
    """The network. Skipped where there can be none, and why."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the yagna daemon comes for Linux on x86-64 alone")
    folder = Path(tempfile.mkdtemp(prefix="beacon-devnet-"))
    try:
        with Devnet.started(folder, cache()) as net:
            yield net
    except Environment as error:
        if error.code in ("yagna-missing", "sandbox-missing", "sandbox-broken"):
            pytest.skip(str(error))
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def devnet(one_devnet: Devnet) -> Iterator[Devnet]:
    """The network, with no faults before and after a test."""
    one_devnet.clear_faults()
    yield one_devnet
    one_devnet.clear_faults()
