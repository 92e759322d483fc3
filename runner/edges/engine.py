"""docker and podman: an OCI image in a container of theirs, through their command lines, which are alike.

The image comes out of the images folder, or is there already by the digest; it is pulled only where the operator says
so (BEACON_PULL=1). What is started is named by the digest that the engine computed, never by a tag. No network, a
read-only root, /tmp and the volumes in memory, a user that nobody has, no capability, no new privileges, limits on
memory, CPUs and processes. An engine is taken only after it made such a container and showed these settings of it.

A container is made, started, and removed by its id; the client works in a folder of its own, because podman's monitor
leaves a file where it stands when memory runs out. One that outlives its runner is removed by the next one: its label
names the process that made it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from runner.edges import sandbox
from runner.edges.forms import Facts, Ready, pinned
from runner.edges.imagestore import ImageStore
from runner.edges.watch import Start
from runner.errors import Environment
from runner.model.jobspec import Container, Limits
from runner.model.receipt import Image

LABEL = "beacon-runner"
_ABSENT = "/.beacon-absent"
_GRACE = 20.0
"""Seconds from the last answer until the client has left: the engine takes the container down in them, too."""
_NOT_FOUND = 127
"""What `run` returns where everything worked but that there is no such program."""

_USUAL = Limits.from_json({"memoryMiB": 64})
_UIDS = range(30_000, 60_000)


class Engine:
    """One engine, by the name of its program. `environ` is for that program, such as DOCKER_HOST."""

    def __init__(self, program: str, store: ImageStore, environ: Mapping[str, str]) -> None:
        self.name = f"{program}, oci"
        self._program = program
        self._store = store
        self._environ = dict(environ)
        self._pull = environ.get("BEACON_PULL") == "1"
        self._swept = False

    def has(self, target: Container) -> bool:
        """See `Form`."""
        return target.image.oci is not None

    def check(self, target: Container) -> None:
        """See `Form`."""
        self._version()
        if (
            not self._pull
            and not self._store.path(pinned(target)).is_file()
            and not self._present(str(target.image.oci))
        ):
            self._store.find(pinned(target))

    def prepare(self, target: Container, files: Mapping[str, bytes]) -> Ready:
        """See `Form`. Loads or pulls the image, and tries a container of it."""
        assert target.image.oci is not None
        version = self._version()
        image = self._image(target.image.oci, pinned(target))
        if not self._swept:
            self._sweep()
            self._swept = True
        ready = _Contained(self, image, target.command, Facts(Image(form="oci", digest=target.image.oci), version))
        ready.self_test()
        return ready

    def ask(self, *words: str, seconds: float = 60) -> str:
        """What a command of the engine prints. Raises `Environment` with the engine's words."""
        done = self.call(*words, seconds=seconds)
        if done.returncode:
            said = " | ".join(done.stderr.decode(errors="replace").strip().splitlines()[-3:])[-300:]
            raise Environment("engine-failed", f"{self._program} {words[0]}: {said or f'exit {done.returncode}'}")
        return done.stdout.decode(errors="replace").strip()

    def call(self, *words: str, seconds: float = 60) -> subprocess.CompletedProcess[bytes]:
        """A command of the engine. Raises `Environment` where it does not end."""
        try:
            return subprocess.run(  # noqa: S603 - argument list, no shell
                [self._program, *words],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=seconds,
                check=False,
                env=self._environ,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Environment("engine-failed", f"{self._program} {words[0]}: {type(error).__name__}") from None

    def argv(self, *words: str) -> Sequence[str]:
        """The command line of a command."""
        return (self._program, *words)

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment of the engine's program."""
        return self._environ

    def remove(self, container: str) -> None:
        """End a container and all that it had; nothing where it is gone. podman's `rm` alone would wait politely."""
        with suppress(Environment):
            self.call("kill", "--signal", "KILL", container, seconds=20)
            self.call("rm", "--force", "--volumes", container, seconds=40)

    def _version(self) -> str:
        """Such as `docker 28.2.2`. Raises `Environment` where no engine answers."""
        if shutil.which(self._program, path=self._environ.get("PATH", "")) is None:
            raise Environment("sandbox-missing", f"no {self._program} on this machine", f"install {self._program}")
        wanted = "{{.Server.Version}}" if self._program == "docker" else "{{.Client.Version}}"
        return f"{self._program} {self.ask('version', '--format', wanted, seconds=10)}"[:100]

    def _image(self, named: str, digest: str) -> str:
        """The engine's own id of the image, loaded or pulled where it has to be."""
        path = self._store.path(digest)
        if path.is_file():
            kept = self._store.image(digest)
            ids = tuple(document.digest for document in reversed(kept.documents))
            found = next(filter(self._present, ids), None)
            if found is None:
                self.ask("load", "--input", str(path), seconds=600)
                found = next(filter(self._present, ids), None)
            if found is None:
                raise Environment("engine-failed", f"{self._program} loaded {path.name}, and has no image {ids[0]}")
            return found
        if not self._present(named):
            if not self._pull:
                self._store.find(digest)
            self.ask("pull", "--quiet", named, seconds=1800)
        return self.ask("image", "inspect", "--format", "{{.Id}}", named)

    def _present(self, image: str) -> bool:
        return not self.call("image", "inspect", "--format", "{{.Id}}", image).returncode

    def _sweep(self) -> None:
        """Remove the containers of runners on this machine that are gone."""
        for container in self.ask("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={LABEL}").split():
            with suppress(Environment):
                label = self.ask("inspect", "--format", '{{index .Config.Labels "' + LABEL + '"}}', container)
                place, _, process = label.partition(" ")
                if place == _place() and not _lives(process):
                    self.remove(container)


class _Contained:
    """An image in an engine."""

    def __init__(self, engine: Engine, image: str, command: tuple[str, ...], facts: Facts) -> None:
        self.facts = facts
        self._engine = engine
        self._image = image
        self._command = command
        facts_of_image = json.loads(engine.ask("image", "inspect", "--format", "{{json .Config}}", image)) or {}
        self._volumes = [path for path in facts_of_image.get("Volumes") or {} if path.rstrip("/") not in ("", "/tmp")]  # noqa: S108 - inside

    @contextmanager
    def start(self, limits: Limits) -> Iterator[Start]:
        """See `Ready`."""
        container = self._create(self._command, limits)
        words = self._engine.argv("start", "--attach", "--interactive", container)
        with TemporaryDirectory(prefix="beacon-") as folder:
            try:
                yield Start(
                    argv=lambda _: words,
                    environ=self._engine.environ,
                    stop=lambda: self._engine.remove(container),
                    folder=Path(folder),
                    grace=_GRACE,
                )
            finally:
                self._engine.remove(container)

    def self_test(self) -> None:
        """Make a container and look at its settings; then run a program that is not there: whatever the engine sets up
        before has then worked. Raises `Environment`."""
        container = self._create((_ABSENT,), _USUAL)
        try:
            _demand_settings(json.loads(self._engine.ask("inspect", "--format", "{{json .HostConfig}}", container)))
        finally:
            self._engine.remove(container)
        done = self._engine.call("run", *self._words((_ABSENT,), _USUAL))
        if done.returncode != _NOT_FOUND:
            said = done.stderr.decode(errors="replace").strip()[-300:]
            raise Environment("engine-failed", f"a container does not start here: {said}")

    def _create(self, command: tuple[str, ...], limits: Limits) -> str:
        """A container that is not started yet; its id."""
        return self._engine.ask("create", "--interactive", *self._words(command, limits)).splitlines()[-1]

    def _words(self, command: tuple[str, ...], limits: Limits) -> list[str]:
        """What a container is, as `create` and `run` take it."""
        user = secrets.choice(_UIDS)
        fresh = [word for path in ("/tmp", *self._volumes) for word in ("--tmpfs", f"{path}:{_SCRATCH}")]  # noqa: S108 - inside
        variables = [word for name, value in sandbox.ENVIRONMENT.items() for word in ("--env", f"{name}={value}")]
        return [
            *("--rm", "--pull", "never", "--label", f"{LABEL}={_place()} {_process()}"),
            *("--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--user", f"{user}:{user}", "--hostname", "sandbox", "--log-driver", "none"),
            *("--memory", str(limits.memory_mi_b << 20), "--cpus", str(limits.cpus)),
            *("--pids-limit", str(sandbox.PROCESSES), "--shm-size", str(sandbox.TMP_BYTES)),
            *_ulimits(limits),
            *fresh,
            *variables,
            *("--entrypoint", command[0], self._image, *command[1:]),
        ]


_SCRATCH = f"rw,exec,nosuid,nodev,mode=1777,size={sandbox.TMP_BYTES}"


def _ulimits(limits: Limits) -> list[str]:
    bounds = {
        "core": 0,
        "nofile": sandbox.OPEN_FILES,
        "nproc": sandbox.PROCESSES,
        "fsize": sandbox.TMP_BYTES,
        "cpu": limits.run_seconds * limits.cpus + 1,
    }
    return [word for name, bound in bounds.items() for word in ("--ulimit", f"{name}={bound}:{bound}")]


def _demand_settings(found: Mapping[str, Any]) -> None:
    """Raises `Environment` unless a container has what was asked for: an engine may drop what it cannot do."""
    wanted = {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "Privileged": False,
        "Memory": _USUAL.memory_mi_b << 20,
        "PidsLimit": sandbox.PROCESSES,
    }
    other = [f"{name} is {found.get(name)!r}" for name, value in wanted.items() if found.get(name) != value]
    if other:
        raise Environment("sandbox-leaks", f"the engine does not isolate as asked: {', '.join(other)}")


def _place() -> str:
    """Names this boot of this machine and this PID namespace: only there does a process's number mean something."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - the namespace's own number


def _process() -> str:
    return f"{os.getpid()}-{_begun(os.getpid())}"


def _lives(process: str) -> bool:
    """Whether the process of a label is still there, and the same: numbers are used again."""
    number, _, begun = process.partition("-")
    return number.isdigit() and _begun(int(number)) == begun


def _begun(process: int) -> str | None:
    """When a process began, in the kernel's ticks (proc_pid_stat(5), field 22)."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    return None
