"""What several tests need: where test data that nobody here wrote may stand, and processes that start at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.devnet.fixture import devnet, one_devnet  # noqa: F401 - fixtures, for every test
from tests.kubo import kubo  # noqa: F401 - the same
from tests.preloaded import Preloaded

# The same examples each time, and none that fails because a loaded machine is slow.
settings.register_profile("beacon", derandomize=True, deadline=None)
settings.load_profile("beacon")

ROOT = Path(__file__).resolve().parent.parent
MEMORY = Path("/dev/shm")
ROOM = 4 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Folders of quick tests stand in memory, where there is room: half of what git costs them is waiting for a disk,
    and no test takes the power away. trio hands its chance to hypothesis, which warns where a verb froze the heap and
    so hid who else holds it."""
    config.addinivalue_line("filterwarnings", "ignore:It looks like .register_random.")
    if config.option.markexpr == "not slow" and _roomy(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))  # pytest's documentation names it


def _roomy(folder: Path) -> bool:
    """Whether files, and programs among them, can be put there."""
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC


def _outside(name: str, variable: str) -> Path:
    folder = Path(os.environ.get(variable) or ROOT.parent / "shared" / name)
    if not folder.is_dir():
        pytest.skip(f"no folder of {name}: set {variable}")
    return folder


@pytest.fixture
def vectors() -> Path:
    """Published test vectors; skipped where they are absent."""
    return _outside("vectors", "BEACON_VECTORS")


@pytest.fixture
def data() -> Path:
    """Real model outputs; skipped where they are absent."""
    return _outside("data", "BEACON_DATA")


@pytest.fixture(scope="session")
def preloaded() -> Iterator[Preloaded]:
    """Starts verbs and programs of tests in processes of their own."""
    with Preloaded() as parent:
        yield parent
