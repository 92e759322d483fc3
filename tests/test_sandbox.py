"""The sandbox whose `/` is an image: isolated like the other, and not to be had by what an image brings along."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from runner.edges import imageroot, sandbox
from runner.errors import Environment
from tests import rootfs


@pytest.fixture(scope="module")
def found() -> sandbox.Sandbox:
    try:
        program = sandbox.find()
        program.self_test()
        program.self_test_image()
    except Environment as error:
        pytest.skip(f"no sandbox works here: {error.message}")
    return program


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = rootfs.make(tmp_path_factory.mktemp("image") / "root", {"app/hello.txt": b"hello\n"})
    for path in (root, *root.parents[:2]):
        path.chmod(0o755)
    return root


def inside(found: sandbox.Sandbox, box: sandbox.Box) -> subprocess.CompletedProcess[str]:
    read, write = os.pipe()
    try:
        return subprocess.run(
            found.argv(box, write), capture_output=True, text=True, timeout=30, env={}, pass_fds=(write,)
        )
    finally:
        os.close(read)
        os.close(write)


def box(image: Path, program: str, *words: str) -> sandbox.Box:
    return sandbox.Box(None, None, ("python3", "-c", program, *words), 512 << 20, 10, root=image)


SHOW = "import json, os, sys; print(json.dumps([sorted(os.listdir('/')), os.getuid(), os.getcwd(), dict(os.environ)]))"


def test_the_image_is_all_there_is(found: sandbox.Sandbox, image: Path) -> None:
    done = inside(found, box(image, SHOW)._replace(folder="/app", environment={"GREETING": "a b=c"}))
    assert done.returncode == 0, done.stderr
    names, uid, folder, environment = json.loads(done.stdout)
    assert set(names) == {".beacon", "app", "bin", "dev", "etc", "lib", "lib64", "proc", "tmp", "usr"}
    assert uid != 0
    assert folder == "/app"
    assert environment == {**sandbox.ENVIRONMENT, "PATH": sandbox.IMAGE_PATH, "GREETING": "a b=c"}


def test_nothing_in_it_can_be_written(found: sandbox.Sandbox, image: Path) -> None:
    attempt = (
        "import sys\nfor name in sys.argv[1:]:\n"
        " try: open(name + '/x', 'w'); print('yes')\n except OSError as e: print(e.errno)\n"
    )
    asked = box(image, attempt, "/", "/app", "/usr", "/.beacon", "/scratch", "/tmp")
    done = inside(found, asked._replace(scratch=("/scratch",)))
    assert set(done.stdout.split()[:4]) <= {"30", "13"}, done
    assert done.stdout.split()[4:] == ["yes", "yes"]
    assert not (image / "app/x").exists()


def test_more_is_bound_into_it_sockets_too(found: sandbox.Sandbox, image: Path, tmp_path: Path) -> None:
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    (tmp_path / "file").write_text("bound")
    (tmp_path / "file").chmod(0o644)
    address = f"{tmp_path}/socket"
    asks = (
        "import socket; print(open('/app/deep/file').read(), open('/app/hello.txt').read())\n"
        "with socket.socket(socket.AF_UNIX) as s: s.connect('/golem/run/egress.sock'); s.send(b'hi')"
    )
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        Path(address).chmod(0o777)
        server.listen()
        server.settimeout(10)
        binds = ((tmp_path / "file", "/app/deep/file"), (Path(address), "/golem/run/egress.sock"))
        done = inside(found, box(image, asks)._replace(binds=binds))
        assert done.returncode == 0, done.stderr
        with server.accept()[0] as connection:
            assert connection.recv(9) == b"hi"
    assert done.stdout.split() == ["bound", "hello"]
    assert not (image / "golem").exists()


def test_what_an_image_brings_runs_no_earlier_than_the_command(
    found: sandbox.Sandbox, image: Path, tmp_path: Path
) -> None:
    """A library to be preloaded, a switch of name services, a link where a place of ours goes: none is followed."""
    root = tmp_path / "root"
    shutil.copytree(image, root, symlinks=True)
    for path in (root, *root.parents[:3]):
        path.chmod(0o755)
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.copy(root / "etc/hostname", root / "usr/lib/evil.so")  # no library: whoever loads it complains
    (root / "etc/ld.so.preload").write_text("/usr/lib/evil.so\n")
    (root / "etc/nsswitch.conf").write_text("passwd: evil\ngroup: evil\n")
    (root / "usr/lib/libnss_evil.so.2").write_text("no library")
    (root / "golem").symlink_to(outside)
    (root / "tmp").symlink_to(outside)
    marked = tmp_path / "mark"
    marked.write_text("mark")
    marked.chmod(0o644)
    asked = box(root, "import os; print(open('/golem/x/mark').read(), sorted(os.listdir('/etc')), os.getuid() > 0)")
    done = inside(found, asked._replace(binds=((marked, "/golem/x/mark"),), environment={"LD_PRELOAD": "/no.so"}))
    assert done.returncode == 0
    assert done.stdout.strip() == "mark ['hostname', 'nsswitch.conf'] True"
    assert done.stderr.count("/no.so") == 1, "the image's variable counts for the command alone"
    assert "evil" not in done.stderr
    assert list(outside.iterdir()) == []


def test_a_program_that_the_image_lacks(found: sandbox.Sandbox, image: Path) -> None:
    done = inside(found, box(image, "")._replace(command=("prlimit",)))
    assert done.returncode == 127


def test_variables_and_binds_without_an_image(found: sandbox.Sandbox, image: Path, tmp_path: Path) -> None:
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    plain = sandbox.Box(tmp_path, None, ("python", "-c", SHOW), 512 << 20, 10)
    done = inside(found, plain._replace(environment={"X": "1"}, binds=((image / "app", "/golem/run"),)))
    assert done.returncode == 0, done.stderr
    names, _, folder, environment = json.loads(done.stdout)
    assert "golem" in names
    assert folder == "/opt/benchmark"
    assert environment["X"] == "1"
    assert environment["PATH"] == "/usr/bin"


def test_layout_opens_only_what_it_must(tmp_path: Path) -> None:
    for name in ("usr/lib", "golem/data", "golem/run", "tmp"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "golem/run/old").write_text("")
    (tmp_path / "opt").symlink_to("usr")
    words = imageroot.layout(tmp_path, {"/golem/run/new", "/opt/x", "/tmp"})
    assert [word for word in words if word.startswith("/")] == [
        "/golem",
        f"{tmp_path}/golem/data",
        "/golem/data",
        "/golem/run",
        f"{tmp_path}/golem/run/old",
        "/golem/run/old",
        f"{tmp_path}/usr",
        "/usr",
        "/golem",
        "/opt",
        "/golem/run",
    ]
