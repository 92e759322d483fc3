"""On every supported Python of this machine `diff.json` and pages are the same bytes, and `beacon verify` agrees.

What is derived is compared with what the Python of this test derives, and, for runs in `reports/`, with what was
published. Other Pythons, older and newer, are refused by `./beacon`. Which ones are here, and how they get what they
need: `tests/pythons.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from runner.compare.verdict import CLASSIFIER
from runner.model import Manifest
from runner.model.run import Cell
from runner.rendering.render import RENDERER
from tests import make
from tests.conftest import ROOT
from tests.derive import characters, derive, read, write
from tests.hostile import ATTACKS
from tests.pythons import CannotInstall, Python, environment, pythons
from tests.test_render import told, with_a_retry, with_a_swapped_model
from tests.worlds import Registry, job_file

pytestmark = pytest.mark.slow

INDEPENDENT = {"providers": 3, "replicas": 2, "seeds": "independent"}
LATER = (
    "0897 0ece 1c89 1c8a 2ffc 31e3 a7cb a7cd a7da a7dc 105c9 105d2+0307 10d50 10d69 10d6d 10d70 10ec2 10efc 10efd 10eff"
    " 11383+113c9 11385 113ce 113d0 113e1 11bc0 11f02 11f41 11f42 1611e+16129 1612f 16d40 16d63+16d67 1d2c0 1e030 1e08f"
    " 1e4ec 1e4ef 1e5ee 1e5ef 1fa75 1faf7 1fbf0 2ebf0 31350 323af"
)
"""Characters of Unicode 15.0, 15.1 and 16.0: marks of all classes, letters with a case, digits, compositions, Han."""
MARKS = [text for item in LATER.split() for text in ["".join(chr(int(code, 16)) for code in item.split("+"))]]


def turns(texts: list[str]) -> Callable[[Cell], str]:
    """One text after the other, so that every cell has another one."""
    rest = iter(texts * 20)
    return lambda _: next(rest)


def marked(cell: Cell) -> str:
    """Letters with later marks; in APAC in another order, which a Python that knows them would hold for the same."""
    pairs = [(mark, "\u0f72") for mark in MARKS] + list(pairwise(MARKS))
    shown = [f"q{b}{a}" if cell.region == "APAC" else f"q{a}{b}" for a, b in pairs]
    return f"# {cell.replica}\n\n{' '.join(shown)}.\nThe end, {MARKS[cell.slot]}\u0316 {MARKS[cell.slot].upper()}!"


def document(cell: Cell) -> str:
    """JSON with numbers and times; deep, long and broken JSON from others."""
    if (cell.region, cell.slot) == ("US", 1):
        return "[" * 2000 + "]" * 2000
    if (cell.region, cell.slot) == ("US", 2):
        return '{"n": ' + "1" * 5000 + ', "f": 1e400, "g": -0.0, "nan": NaN, "é": "\\ud800", "é": "ﬁ"}'
    odd = cell.region == "APAC"
    return json.dumps(
        {
            "id": f"a{cell.slot}",
            "created": 1763809200 + cell.slot,
            "score": 0.1 + 0.2 * odd,
            "list": [1, 2.50, odd, None],
        }
    )


def essay(cell: Cell) -> str:
    words = [f"{'foreign' if cell.region == 'EU' and n % 11 == 3 else 'word'}{n * 7919 % 1000:x}" for n in range(1_500)]
    return " ".join(words) + f"\n{cell.slot}.{cell.replica}"


@pytest.fixture(scope="module")
def cases() -> dict[str, dict[str, bytes]]:
    """The files of bundles, by name: one for each verdict, and what a stranger would answer."""
    prompts = [{"id": f"p{number:02}", "text": "Say something."} for number in range(len(ATTACKS) // 18 + 1)]
    hostile = turns([text.encode("utf-8", "replace").decode() for text in ATTACKS])
    two = [{**make.job_data()["spec"]["targets"][0], "name": name} for name in ("plain", "other")]
    bundles = {
        "same": make.bundle(lambda _: "I am a model."),
        "noise": make.bundle(turns([f"I am {n} years, {n % 3} months old." for n in range(7)]), sampling=INDEPENDENT),
        "minor": make.bundle(lambda cell: "**hello** you" if cell.region == "EU" else "hello you"),
        "major": make.bundle(told),
        "insufficient": make.bundle(lambda cell: None if cell.region == "US" or cell.slot == 1 else "I am here."),
        "retry": with_a_retry(),
        "swapped": with_a_swapped_model(),
        "targets": make.bundle(lambda cell: f"I am {cell.target}, {cell.slot}.", targets=two),
        "json": make.bundle(document),
        "essay": make.bundle(essay),
        "later": make.bundle(marked, sampling=INDEPENDENT),
        "hostile": make.bundle(hostile, prompts=prompts, sampling=INDEPENDENT),
    }
    return {name: dict(bundle.files) for name, bundle in bundles.items()}


@pytest.fixture(scope="module")
def expected(cases: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    """What this Python derives of them."""
    own = {f"{name}/{file}": raw for name, files in cases.items() for file, raw in derive(files, make.CID).items()}
    verdicts = {json.loads(raw)["verdict"] for path, raw in own.items() if path.endswith("diff.json")}
    assert verdicts == {"same", "noise", "minor", "major", "insufficient"}
    return own | {"characters.txt": characters()}


@pytest.fixture(scope="module")
def published() -> dict[str, Path]:
    """The runs below `reports/` whose classifier and renderer are the present ones, by a name of their own."""
    found = {}
    for path in sorted((ROOT / "reports").rglob("manifest.json")):
        if "rescored" not in path.parts:
            manifest = Manifest.from_bytes(path.read_bytes(), str(path))
            if (manifest.classifier, manifest.renderer) == (CLASSIFIER, RENDERER):
                found[path.parent.name] = path.parent
    return found


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of a registry with a life behind it."""
    living = Registry()
    living.submit(job_file())
    living.act()
    living.submit(job_file("daily", schedule="0 * * * *"))
    for _ in range(3):
        living.wait(hours=1)
        living.act()
    folder = tmp_path_factory.mktemp("registry")
    living.check_out(folder)
    return folder


@pytest.fixture(scope="module", params=["3.11", "3.12", "3.13"])
def programs(request: pytest.FixtureRequest) -> dict[str, Path]:
    """The interpreters of a minor version that are here, by version, with the pinned requirements."""
    here = [python for python in pythons() if python.supported and python.name.startswith(f"{request.param}.")]
    if not here:
        pytest.skip(f"no Python {request.param} on this machine")
    found, why = {}, ""
    for python in here:
        try:
            found[python.name] = environment(python)
        except CannotInstall as error:
            why = str(error)
    if not found:
        pytest.skip(f"the requirements cannot be installed for Python {request.param}: {why}")
    return found


def run(program: Path, *arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """One process of this checkout's code, with another order of hashes each time, as everywhere else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BEACON_", "GIT"))}
    own = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "GIT_CONFIG_GLOBAL": os.devnull, **environ}
    return subprocess.run([program, *arguments], env=kept | own, cwd=ROOT, capture_output=True, text=True, timeout=600)


def derived(program: Path, bundles: dict[str, tuple[dict[str, bytes], str]], place: Path) -> dict[str, bytes]:
    """What a Python derives of bundles, each with the CID that its page names."""
    source, target = place / "from", place / "to"
    for name, (files, cid) in bundles.items():
        write(source / name / "bundle", files)
        write(source / name, {"cid": cid.encode()})
    source.mkdir(exist_ok=True)
    done = run(program, "-m", "tests.derive", source, target)
    assert done.returncode == 0, done.stderr[-2000:]
    return read(target)


def test_bundles_give_the_same_bytes(
    programs: dict[str, Path], cases: dict[str, dict[str, bytes]], expected: dict[str, bytes], tmp_path: Path
) -> None:
    for name, program in programs.items():
        found = derived(program, {case: (files, make.CID) for case, files in cases.items()}, tmp_path / name)
        assert sorted(found) == sorted(expected)
        assert [path for path in expected if found[path] != expected[path]] == [], f"Python {name}"


def test_published_runs_give_the_published_bytes(
    programs: dict[str, Path], published: dict[str, Path], tmp_path: Path
) -> None:
    if not published:
        pytest.skip(f"no run in reports/ was judged by {CLASSIFIER} and rendered by {RENDERER} yet")
    manifests = {name: json.loads((folder / "manifest.json").read_text()) for name, folder in published.items()}
    bundles = {name: (read(folder / "bundle"), manifests[name]["cid"]) for name, folder in published.items()}
    for version, program in programs.items():
        found = derived(program, bundles, tmp_path / version)
        for name, folder in published.items():
            own = {path.removeprefix(f"{name}/") for path in found if path.startswith(f"{name}/")}
            assert {"diff.json", "README.md"} < own
            for file in own:
                path = folder / ("bundle/diff.json" if file == "diff.json" else file)
                assert found[f"{name}/{file}"] == path.read_bytes(), f"Python {version}: {path.relative_to(ROOT)}"


def test_verify_derives_and_renders_again(programs: dict[str, Path], registry: Path, tmp_path: Path) -> None:
    for version, program in programs.items():
        beacon = "import sys; from runner.cli import main; sys.exit(main())"
        done = run(program, "-c", beacon, "verify", registry, "--json", BEACON_STATE=str(tmp_path / version))
        assert done.returncode == 0, f"Python {version}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
        last = json.loads(done.stdout)["steps"][8]
        assert (last["number"], last["outcome"]) == (9, "ok"), f"Python {version}: {last}"
        assert last["checked"]["diffs derived again"] == last["checked"]["runs rendered again"] == 4, version


def test_other_pythons_are_refused(tmp_path: Path) -> None:
    """`./beacon` says which ones it needs, and runs nothing of itself; also with a newer one than it knows."""
    others = [python for python in pythons() if not python.supported]
    if not others:
        pytest.skip("no other Python on this machine")
    shutil.copy(ROOT / "beacon", tmp_path / "beacon")
    for python in others:
        said = refused(python, tmp_path)
        assert said.returncode == 4, python
        expected = f"beacon: needs Python 3.11, 3.12 or 3.13 on the PATH; found Python {python.name}"
        assert said.stderr.startswith(expected), said.stderr


def refused(python: Python, place: Path) -> subprocess.CompletedProcess[str]:
    """`./beacon` where this Python is the only one on the PATH."""
    folder = place / python.name
    folder.mkdir()
    for name in ("dirname", "readlink"):
        (folder / name).symlink_to(str(shutil.which(name)))
    (folder / "python3").symlink_to(python.program)
    command = ["/bin/sh", place / "beacon", "--help"]
    return subprocess.run(command, env={"PATH": str(folder)}, capture_output=True, text=True, timeout=60)
