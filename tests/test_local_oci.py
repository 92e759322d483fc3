"""OCI images on this machine: built here from its own Python, run in bubblewrap, podman and docker, with one result.

Nothing is fetched. Where an engine does not work its tests are skipped, with its own words."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest

from runner.edges import sandbox
from runner.edges.imagestore import ImageStore
from runner.edges.local import LocalExecutor
from runner.errors import Environment, Invalid, Unverified
from runner.model.jobspec import Container
from runner.ports import AttemptResult, Work
from runner.protocol import request
from runner.wrapped import encode
from runner.wrapped import read as read_line
from tests import rootfs
from tests.test_local import BENCHMARKS, ECHO, answers, left_running, statuses, work

MARK = f"marked-{os.getpid()}"


class Built(NamedTuple):
    """A tiny image with every benchmark of the tests in it, kept in an images folder."""

    pinned: str
    store: ImageStore
    archive: Path


def beacon(*words: str | Path, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from runner.cli import main; sys.exit(main())", *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    place = tmp_path_factory.mktemp("oci")
    for path in (place, *place.parents[:2]):
        path.chmod(0o755)
    hostile = {f"app/{path.name}": path.read_bytes() for path in (BENCHMARKS / "hostile").glob("*.py")}
    greedy = {"app/greedy.py": b"kept = b'x' * (1 << 30)\nimport time\ntime.sleep(60)\n"}
    root = rootfs.make(place / "root", {"app/benchmark.py": ECHO.encode(), **hostile, **greedy})
    archive, store = place / "image.tar", ImageStore(place / "images", place / "cache")
    words = ("image", "build", root, "--oci", archive, "--workdir", "/app", "--env", "GREETING=hello", "--json")
    pinned = json.loads(beacon(*words))["oci"]
    kept = json.loads(beacon("image", "add", archive, "--json", BEACON_IMAGES=str(store.folder)))
    assert pinned.endswith(kept["digest"])
    return Built(pinned, store, archive)


def asked(built: Built, name: str = "benchmark", **limits: int) -> Work:
    """An attempt on the image; `name` is one of the benchmarks in it."""
    plain = work(ECHO, **limits)
    image = {
        "kind": "container",
        "name": "m",
        "image": {"oci": built.pinned},
        "command": ["python", f"{name}.py", MARK],
    }
    return plain._replace(target=Container.from_json(image | {"parameters": {"port": 9}}), files={})


# -- bubblewrap ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def boxed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> LocalExecutor:
    """An executor that finds no container engine."""
    try:
        sandbox.find().self_test_image()
    except Environment as error:
        pytest.skip(str(error))
    return LocalExecutor(built.store.folder.parent / "cache", {}, environ=bare(built))


def bare(built: Built) -> dict[str, str]:
    return {"BEACON_IMAGES": str(built.store.folder), "PATH": "/no/such/folder"}


def test_an_unpacked_image_answers(built: Built, boxed: LocalExecutor) -> None:
    result = boxed.run(asked(built), threading.Event())
    assert (result.status, result.reason, statuses(result)) == ("ok", None, ["ok", "ok"]), result.transcript
    assert (result.image.form, result.image.digest) == ("oci", built.pinned)
    facts = result.executor
    assert str(facts.sandbox).startswith("bubblewrap ")
    assert (facts.interpreter, facts.packages) == (None, None)
    assert result.usage["cpu-ms"] >= 0
    assert left_running() == []


def test_the_same_answers_as_its_source(built: Built, boxed: LocalExecutor) -> None:
    source = boxed.run(work(ECHO), threading.Event())
    assert source.image.form == "source"
    assert answers(boxed.run(asked(built), threading.Event())) == answers(source)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("forks", "run: no end within 1 s"),
        ("crashes", "exit: code 1"),
    ],
)
def test_hostile_benchmarks_in_an_image(built: Built, boxed: LocalExecutor, name: str, reason: str) -> None:
    result = boxed.run(asked(built, name, runSeconds=1), threading.Event())
    assert result.reason == reason, result.transcript
    assert left_running() == []


def test_nothing_of_the_host_is_in_it(built: Built, boxed: LocalExecutor) -> None:
    result = boxed.run(asked(built, "snoops"), threading.Event())
    assert result.status == "ok", result.transcript
    seen = json.loads(answers(result)[0] or b"")
    assert set(seen["root"]) == {
        *(".beacon", "app", "bin", "dev", "etc", "golem", "lib", "lib64", "proc", "sys", "tmp", "usr")
    }
    assert "GREETING" in seen["environment"]
    assert seen["uid"] != 0


def test_the_wrapper_runs_in_it_as_on_a_provider(built: Built, boxed: LocalExecutor) -> None:
    """By its full path, without a PATH: the image's own Python is on its first line."""
    digest = built.pinned.rpartition("@")[2]
    document = request("m", work(ECHO).cells, work(ECHO).prompts, {})
    pieces = encode(("python", "benchmark.py"), {}, document, 20, 1 << 20, None)
    box = sandbox.Box(None, None, ("/golem/run/beacon-run", *pieces), 512 << 20, 20, root=built.store.root(digest))
    box = box._replace(folder="/app", scratch=built.store.image(digest).config.volumes)
    read, write = os.pipe()
    argv = sandbox.find().argv(box, write)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env={}, pass_fds=(write,))
    os.close(read)
    os.close(write)
    assert done.returncode == 0, done.stderr
    wrapped = read_line(done.stdout, 1 << 20)
    assert wrapped.exit_code == 0, wrapped
    assert [json.loads(line)["status"] for line in wrapped.stdout.splitlines()] == ["ok", "ok"]


def test_an_image_that_is_not_here(built: Built, boxed: LocalExecutor, tmp_path: Path) -> None:
    target = Container.from_json(
        {"kind": "container", "name": "m", "image": {"oci": f"ghcr.io/a/b@sha256:{'0' * 64}"}, "command": ["x"]}
    )
    said = str(boxed.refuses(target))
    for part in ("docker, oci: no docker", "podman, oci: no podman", "bubblewrap, oci: the image sha256:000000000000…"):
        assert part in said
    assert "beacon image add" in said
    with pytest.raises(Environment) as caught:
        boxed.prepare(target, {})
    assert caught.value.code == "image-form"


def test_the_first_form_that_works_is_taken(built: Built, boxed: LocalExecutor) -> None:
    """An image in both forms runs as `oci` where its archive is here, and from its source where it is not."""
    both = work(ECHO)
    image = both.target.image.to_json() | {"oci": built.pinned}
    target = Container.from_json(both.target.to_json() | {"image": image, "command": ["python", "benchmark.py", MARK]})
    assert boxed.run(both._replace(target=target), threading.Event()).image.form == "oci"
    absent = Container.from_json(target.to_json() | {"image": image | {"oci": f"a@sha256:{'0' * 64}"}})
    assert boxed.run(both._replace(target=absent), threading.Event()).image.form == "source"


def test_a_kept_archive_that_was_changed_is_not_run(built: Built, tmp_path: Path) -> None:
    shutil.copytree(built.store.folder, tmp_path / "images")
    (file,) = (tmp_path / "images").glob("*.tar")
    raw = file.read_bytes()
    at = raw.index(b"import", raw.index(b"app/benchmark.py"))
    file.write_bytes(raw[:at] + b"IMPORT" + raw[at + 6 :])
    executor = LocalExecutor(tmp_path / "cache", {}, environ=bare(built) | {"BEACON_IMAGES": str(tmp_path / "images")})
    with pytest.raises(Unverified, match="sha256"):
        executor.prepare(asked(built).target, {})


def test_only_archives_that_hold_are_kept(built: Built, tmp_path: Path) -> None:
    (tmp_path / "bad.tar").write_bytes(built.archive.read_bytes()[:-200_000])
    store = ImageStore(tmp_path / "images", tmp_path)
    with pytest.raises(Invalid):
        store.add(tmp_path / "bad.tar")
    assert list((tmp_path / "images").iterdir()) == []


def test_adding_twice_changes_nothing(built: Built) -> None:
    (file,) = built.store.folder.iterdir()
    before = file.read_bytes()
    assert built.store.add(file) == built.store.add(built.archive)
    assert [path.read_bytes() for path in built.store.folder.iterdir()] == [before]


# -- engines ------------------------------------------------------------------------------------------------------


class Engine(NamedTuple):
    """An engine that works, and an executor that has nothing else."""

    program: str
    environ: dict[str, str]
    executor: LocalExecutor

    def ask(self, *words: str) -> str:
        done = subprocess.run([self.program, *words], capture_output=True, text=True, env=self.environ, check=True)
        return done.stdout

    def containers(self) -> list[str]:
        return self.ask("ps", "--all", "--quiet", "--filter", "label=beacon-runner").split()


@pytest.fixture(scope="module", params=["docker", "podman"])
def engine(request: pytest.FixtureRequest, built: Built) -> Iterator[Engine]:
    program = shutil.which(request.param)
    if program is None:
        pytest.skip(f"no {request.param} here")
    # not pytest's folder: where the path of podman's storage is long, its client never hears that a container has left
    with TemporaryDirectory(prefix="beacon-", ignore_cleanup_errors=True) as folder:
        yield from engine_in(Path(folder), request.param, program, built)


def engine_in(place: Path, name: str, program: str, built: Built) -> Iterator[Engine]:
    """An engine that keeps what it needs in a folder, and the other one hidden."""
    (place / "bin").mkdir()
    (place / "bin" / name).symlink_to(program)
    environ = dict(os.environ) | {"BEACON_IMAGES": str(built.store.folder)}
    environ |= podman_of_its_own(place) if name == "podman" else {}
    environ["PATH"] = f"{place}/bin:{os.environ['PATH']}"
    hidden = place / "bin" / ({"docker", "podman"} - {name}).pop()
    hidden.write_text("#!/bin/sh\necho hidden by the test >&2\nexit 1\n")
    hidden.chmod(0o755)
    executor = LocalExecutor(place / "cache", {}, environ=environ)
    found = Engine(name, environ, executor)
    try:
        executor.prepare(asked(built).target, {})
        form = executor.run(asked(built), threading.Event()).executor.sandbox
    except Environment as error:
        pytest.skip(f"{name} runs nothing here: {error.message}")
    if not str(form).startswith(name):
        refusal = reason(environ, name, built)
        pytest.skip(f"{name} runs nothing here: {refusal}")
    yield found
    found.ask("rmi", "--force", f"localhost/beacon:{built.pinned.rpartition(':')[2][:32]}")


def reason(environ: dict[str, str], program: str, built: Built) -> str:
    from runner.edges.engine import Engine as Form

    try:
        Form(program, built.store, environ).prepare(asked(built).target, {})
    except Environment as error:
        return error.message
    return "no reason was given"


def podman_of_its_own(place: Path) -> dict[str, str]:
    """Settings with which podman also runs inside a container: its own storage, runc, and limits that may be set."""
    (place / "containers.conf").write_text(
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
        '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
        + ('runtime = "runc"\n' if shutil.which("runc") else "")
    )
    (place / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\nrunroot = "{place}/run"\ngraphroot = "{place}/graph"\n'
    )
    return {"CONTAINERS_CONF": f"{place}/containers.conf", "CONTAINERS_STORAGE_CONF": f"{place}/storage.conf"}


def ended(engine: Engine, result: AttemptResult) -> AttemptResult:
    assert engine.containers() == []
    assert left_running() == []
    return result


@pytest.mark.slow
def test_an_engine_answers_as_bubblewrap_does(built: Built, engine: Engine, boxed: LocalExecutor) -> None:
    result = ended(engine, engine.executor.run(asked(built), threading.Event()))
    assert (result.status, result.reason, result.exit_code) == ("ok", None, 0), result.transcript
    assert (result.image.form, result.image.digest) == ("oci", built.pinned)
    assert str(result.executor.sandbox).startswith(f"{engine.program} ")
    assert set(result.usage) == {"wall-ms", "output-bytes"}, "what an engine's processes use is not seen"
    assert answers(result) == answers(boxed.run(asked(built), threading.Event()))


@pytest.mark.slow
def test_an_engine_isolates(built: Built, engine: Engine) -> None:
    seen = json.loads(answers(ended(engine, engine.executor.run(asked(built, "snoops"), threading.Event())))[0] or b"")
    assert seen["uid"] != 0
    assert seen["processes"] <= 3
    assert "app" in seen["root"]
    assert not {"root", "home", "work", "mnt"} & set(seen["root"])
    network = ended(engine, engine.executor.run(asked(built, "network"), threading.Event()))
    assert answers(network)[0] == b"OSError gaierror ConnectionRefusedError"
    assert answers(ended(engine, engine.executor.run(asked(built, "writes"), threading.Event())))[0] in (
        b"/tmp",
        b"/dev/shm /tmp",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "limits", "reason"),
    [
        ("hangs", {"runSeconds": 3}, "run: no end within 3 s"),
        ("forks", {"runSeconds": 3}, "run: no end within 3 s"),
        ("crashes", {}, "exit: code 1"),
        ("greedy", {}, "exit: killed by signal 9"),
    ],
)
def test_hostile_benchmarks_in_an_engine(
    built: Built, engine: Engine, name: str, limits: dict[str, int], reason: str
) -> None:
    result = ended(engine, engine.executor.run(asked(built, name, **limits), threading.Event()))
    assert result.reason == reason, result.transcript


@pytest.mark.slow
def test_cancel_reaches_a_container(built: Built, engine: Engine) -> None:
    cancel = threading.Event()
    timer = threading.Timer(1.5, cancel.set)
    timer.start()
    begun = time.monotonic()
    result = ended(engine, engine.executor.run(asked(built, "ignores"), cancel))
    assert result.status == "cancelled"
    assert time.monotonic() - begun < 10


@pytest.mark.slow
def test_a_container_that_outlived_its_runner_is_removed(built: Built, engine: Engine, tmp_path: Path) -> None:
    script = (
        "import os, sys, threading; from pathlib import Path; from runner.edges.local import LocalExecutor\n"
        "from tests.test_local_oci import Built, asked\n"
        f"built = Built({built.pinned!r}, None, None)\n"
        "LocalExecutor(Path(sys.argv[1]), {}).run(asked(built, 'ignores', runSeconds=60), threading.Event())\n"
    )
    root = Path(__file__).parent.parent
    environ: dict[str, Any] = engine.environ
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=root, env=environ) as other:
        until = time.monotonic() + 30
        while not engine.ask("ps", "--quiet", "--filter", "label=beacon-runner"):  # the running ones
            assert time.monotonic() < until
            time.sleep(0.1)
        fresh = LocalExecutor(tmp_path, {}, environ=engine.environ)
        fresh.prepare(asked(built).target, {})
        assert engine.containers(), "a runner that lives keeps its containers"
        other.kill()
    LocalExecutor(tmp_path, {}, environ=engine.environ).prepare(asked(built).target, {})
    assert engine.containers() == []


def test_an_engine_that_drops_a_limit_is_not_taken(built: Built, tmp_path: Path) -> None:
    """A program that answers as an engine would, but whose containers have a network."""
    fake = tmp_path / "docker"
    fake.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        "  version*) echo 1.0 ;;\n"
        "  'image inspect'*Config*) echo '{}' ;;\n"
        "  create*) echo made ;;\n"
        '  inspect*HostConfig*) echo \'{"NetworkMode": "bridge", "ReadonlyRootfs": true, "Privileged": false}\' ;;\n'
        "esac\n"
    )
    fake.chmod(0o755)
    environ = bare(built) | {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    (tmp_path / "podman").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "podman").chmod(0o755)
    said = reason(environ, "docker", built)
    assert "does not isolate as asked: NetworkMode is 'bridge'" in said
