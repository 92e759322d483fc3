"""The devnet's runtime `vm`: a Golem image as the whole file system of a sandbox, with the wrapper that is in it."""

from __future__ import annotations

import asyncio
import hashlib
import sysconfig
import zlib
from pathlib import Path

import pytest

import runner
from runner.edges.devnet.net import Devnet
from runner.edges.imagestore import read_folder
from runner.images.archive import Config
from runner.images.benchmark import benchmark_image, with_defaults
from runner.images.gvmi import gvmi
from tests import rootfs
from tests.devnet.echo import BENCHMARK, ECHO, answer, wrapped
from tests.devnet.requestor import Requestor, Result, call

pytestmark = pytest.mark.slow


def image(folder: Path, into: Path) -> str:
    """Write a GVMI that answers as the echo benchmark does; its task package."""
    more = {place.lstrip("/"): path for path, place in rootfs._libraries(Path(zlib.__file__)).items()}
    standard = Path(sysconfig.get_path("stdlib"))
    for package in ("urllib", "pathlib"):  # the latter is a folder from Python 3.13 on
        more |= {f"usr/lib/{standard.name}/{package}/{path.name}": path for path in (standard / package).glob("*.py")}
    files = {"app/benchmark.py": ECHO, **{place: path.read_bytes() for place, path in more.items()}}
    root = rootfs.make(folder, files)
    wrapper = (Path(runner.__file__).parent / "static" / "beacon_run.py").read_bytes()
    whole = benchmark_image(read_folder(root), wrapper, "test")
    raw = b"".join(gvmi(whole, with_defaults(Config({}, "/", ()), {"MARK": "from the image"}, "/app"), ("python",)))
    digest = hashlib.sha3_224(raw).hexdigest()
    (into / f"{digest}.gvmi").write_bytes(raw)
    return digest


async def run(net: Devnet, package: str) -> list[Result]:
    look = call(
        [
            "python",
            "-c",
            "import os; print(os.getcwd(), os.environ['MARK'], sorted(os.listdir('/golem')), os.getuid() > 0)",
        ]
    )
    async with Requestor(net) as requestor:
        agreement = await requestor.hire("de-2", package, "vm")
        try:
            return await requestor.run(agreement, BENCHMARK, look)
        finally:
            await requestor.end(agreement)


def test_a_golem_image_answers(devnet: Devnet, tmp_path: Path) -> None:
    digest = image(tmp_path / "root", Path(devnet.facts["imagesDir"]))
    url = f"{devnet.facts['imagesUrl']}/{digest}.gvmi"
    results = asyncio.run(run(devnet, f"hash:sha3:{digest}:{url}"))
    assert all(one.ok for one in results), results
    _, _, benchmark, look = results
    assert benchmark.ok, benchmark
    assert answer(benchmark.stdout).startswith("Who? ")
    assert wrapped(look.stdout).stdout == b"/app from the image ['input', 'output', 'run', 'work'] True\n"
    (deployed,) = asyncio.run(run(devnet, f"hash:sha3:{'a' * 56}:{url}"))
    assert f"the image has the hash {digest}, not {'a' * 56}" in str(deployed.message)
    (missing,) = asyncio.run(run(devnet, f"hash:sha3:{digest[::-1]}:{url}.gone"))
    assert "answers 404" in str(missing.message)
