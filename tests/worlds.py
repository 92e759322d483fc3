"""A registry in memory with its people, its runner and its clock, so that a test can live through a log's life."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from runner.edges.git_objects import pack
from runner.edges.keys import SoftwareKey
from runner.edges.memory import MemoryEvents, MemoryRemote, MemoryRepository, MemorySpool
from runner.formats import log, note, sshsig
from runner.ipfs.unixfs import folder_cid
from runner.model import Checkpoint, LogEntry, sha256
from runner.model.receipt import Image, RunnerIdentity, Times
from runner.ports import AttemptResult, Changes, Event, Keys, Work
from runner.publish import Desk
from runner.reconcile import Outcome, reconcile
from runner.registry.initialise import registry_files, sign_trust
from runner.registry.keyfiles import signer_line
from runner.registry.trust import covered, trust_list
from runner.schedules import instant
from runner.world import World
from tests import make
from tests.fake_executor import Answer, FakeExecutor, echo

BENCHMARK = {"benchmark.py": b"print('hello')\n"}
EPOCH = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


class MemorySigned:
    """What a runner signed last, in memory."""

    def __init__(self) -> None:
        self.last: Checkpoint | None = None

    def highest(self) -> Checkpoint | None:
        """The last one."""
        return self.last

    def remember(self, checkpoint: Checkpoint) -> None:
        """Replace it."""
        self.last = checkpoint


class ClockedExecutor(FakeExecutor):
    """An executor whose receipts tell the time of the registry and the image of its jobs."""

    def __init__(self, registry: Registry, answer: Answer = echo) -> None:
        super().__init__(answer)
        self._registry = registry

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """See `FakeExecutor.run`."""
        at = instant(self._registry.now)
        return (
            super()
            .run(work, cancel)
            ._replace(
                image=Image(form="source", digest=folder_cid(BENCHMARK)),
                times=Times(queued=at, started=at, finished=at, duration_ms=12),
            )
        )


class Runner(NamedTuple):
    """A runner by name, with its keys."""

    name: str
    keys: Keys


def runner(name: str) -> Runner:
    """The runner of a name; all write one log, so they share its key."""
    return Runner(name, Keys(make.key(f"{name} git"), make.key(f"{name} receipt"), make.key("log")))


def job_file(name: str = "who", revision: int = 1, schedule: str | None = None, **spec: Any) -> bytes:
    """A small job of alice's that the executor of tests can serve."""
    image = {"source": {"benchmark": "echo", "cid": folder_cid(BENCHMARK)}}
    data = make.job_data(
        targets=[{"kind": "container", "name": "echo", "image": image, "command": ["python", "benchmark.py"]}],
        sampling={"providers": 1, "replicas": 1, "seeds": "shared"},
        minRegions=3,
        **spec,
    )
    data["metadata"] |= {"name": name, "revision": revision}
    raw = yaml.safe_dump(data, sort_keys=False)
    return (raw + (f'  schedule: "{schedule}"\n' if schedule else "")).encode()


class Registry:
    """A branch that people and runners write. `people` commits unsigned; `act` runs ticks."""

    def __init__(self, maintainers: Sequence[str] = ("mia", "max"), threshold: int = 2) -> None:
        self.remote = MemoryRemote()
        self.now = EPOCH
        self.maintainers = list(maintainers)
        self.threshold = threshold
        self.people = MemoryRepository(self.remote)
        self.executor: FakeExecutor = ClockedExecutor(self)
        self.signed: dict[str, MemorySigned] = {}
        self.spools: dict[str, MemorySpool] = {}
        first = registry_files(
            origin=make.ORIGIN,
            branch="main",
            maintainers={name: make.key(name).public for name in maintainers},
            threshold=threshold,
            contributors={"alice": make.key("alice").public},
            runners={name: (runner(name).keys.git.public, runner(name).keys.receipt.public) for name in ("rita",)},
            log_public=make.key("log").public,
        )
        benchmark = {f"registry/benchmarks/echo/{name}": content for name, content in BENCHMARK.items()}
        self.commit({**first, **benchmark, **self.trust_signatures(first["registry/trust.json"], maintainers)})

    def commit(self, changes: Changes, signer: SoftwareKey | None = None) -> str:
        """A commit on top of the branch, unsigned unless a signer is given."""
        repository = MemoryRepository(self.remote, signer)
        return repository.commit(repository.head(), changes, "change\n")

    def read(self, path: str) -> bytes:
        """A file at the head."""
        self.people.refresh()
        found = self.people.snapshot(self.people.head()).read(path)
        assert found is not None, path
        return found

    def files(self, prefix: str) -> list[str]:
        """The paths below a folder at the head."""
        self.people.refresh()
        return list(self.people.snapshot(self.people.head()).files(prefix))

    def submit(self, raw: bytes, signer: SoftwareKey | None = None) -> str:
        """Merge a job with its signature. Returns its path."""
        data = yaml.safe_load(raw)
        path = f"registry/jobs/{data['metadata']['owner']}/{data['metadata']['name']}.yaml"
        signature = sshsig.sign(signer or make.key("alice"), raw, f"jobspec.v1@{make.ORIGIN}")
        self.commit({path: raw, f"{path}.sig": signature})
        return path

    def remove(self, path: str) -> None:
        """Merge the removal of a job."""
        self.commit({path: None, f"{path}.sig": None})

    def entrust(self, changes: Mapping[str, bytes], signers: Sequence[str] | None = None) -> None:
        """Merge changes to the policy or the key files, with a trust list that covers them, signed by these."""
        self.people.refresh()
        snapshot = self.people.snapshot(self.people.head())
        files = {**snapshot.read_all(covered(snapshot)), **changes}
        serial = yaml.safe_load(self.read("registry/trust.json"))["serial"] + 1
        listed = trust_list(files, make.ORIGIN, serial)
        signatures = self.trust_signatures(listed, self.maintainers if signers is None else signers)
        old = dict.fromkeys(self.files("registry/trust.sigs"))
        self.commit({**changes, **old, "registry/trust.json": listed, **signatures})

    def trust_signatures(self, listed: bytes, signers: Sequence[str]) -> dict[str, bytes]:
        """The maintainers' signatures of a trust list."""
        return {f"registry/trust.sigs/{name}.sig": sign_trust(listed, make.ORIGIN, make.key(name)) for name in signers}

    def add_line(self, path: str, principal: str, namespace: str, signer: SoftwareKey) -> dict[str, bytes]:
        """A key file with one more line."""
        return {path: self.read(path) + signer_line(principal, namespace, signer.public).encode()}

    def revoke_line(self, path: str, beginning: str, suspect: int) -> dict[str, bytes]:
        """A key file without the line that begins so, and its key among the revoked ones, suspect from an index on."""
        lines = self.read(path).decode().splitlines(keepends=True)
        line = next(line for line in lines if line.startswith(beginning))
        key = line.partition('" ')[2].strip()
        gone = self.read("registry/keys/revoked") + f"{key} suspectFrom={suspect} lost\n".encode()
        return {path: "".join(lines).replace(line, "").encode(), "registry/keys/revoked": gone}

    def world(self, name: str = "rita", executor: FakeExecutor | None = None) -> World:
        """The world as a runner sees it."""
        own = runner(name)
        unix = int(self.now.timestamp())
        return World(
            desk=Desk(
                MemoryRepository(self.remote, own.keys.git, lambda: unix),
                own.keys,
                self.signed.setdefault(name, MemorySigned()),
                MemoryEvents(),
            ),
            executor=executor or self.executor,
            spool=self.spools.setdefault(name, MemorySpool()),
            now=lambda: self.now,
            monotonic=lambda: 0.0,
            stop=threading.Event(),
            identity=RunnerIdentity(version="0.1.0"),
            poll_seconds=0.2,
        )

    def act(self, name: str = "rita", stop: bool = False) -> Outcome:
        """One reconcile of a runner. With `stop` it is stopped as soon as it has claimed, before it executes."""
        world = self.world(name)

        def emit(event: Event) -> None:
            if stop and event.name == "committed":
                world.stop.set()

        return reconcile(world._replace(desk=world.desk._replace(emit=emit)))

    def wait(self, **interval: int) -> None:
        """Let time pass."""
        self.now += timedelta(**interval)

    def genesis(self) -> str:
        """The digest of the trust list of now: the anchor, if nothing is logged yet."""
        return sha256(self.read("registry/trust.json"))

    def log(self, *entries: LogEntry, changes: Changes | None = None, signer: SoftwareKey | None = None) -> int:
        """What a runner could do that keeps no rule: sign any entries, with the log's key and a git key (rita's unless
        given). Returns the index of the first."""
        self.people.refresh()
        snapshot = self.people.snapshot(self.people.head())
        size = self.checkpoint().size

        def read(path: str) -> bytes | None:
            return snapshot.read(f"reports/log/{path}")

        appended = log.append(read, size, [entry.canonical() for entry in entries])
        text = note.checkpoint_text(Checkpoint(make.ORIGIN, appended.size, appended.root))
        written = {f"reports/log/{path}": content for path, content in appended.tiles.items()}
        signed = note.sign(text, make.ORIGIN, make.key("log"))
        self.commit({**(changes or {}), **written, "reports/log/checkpoint": signed}, signer or runner("rita").keys.git)
        return size

    def checkpoint(self) -> Checkpoint:
        """The log's checkpoint at the head."""
        vkey = note.vkey(make.ORIGIN, make.key("log").public)
        return note.parse_checkpoint(note.open_note(self.read("reports/log/checkpoint"), [vkey]).text, make.ORIGIN)

    def check_out(self, folder: Path) -> None:
        """The branch as a clone on a disk, with its work tree."""

        def git(*arguments: str, stdin: bytes = b"") -> None:
            subprocess.run(["git", "-C", str(folder), *arguments], input=stdin, capture_output=True, check=True)

        git("init", "-q", "-b", "main")
        git("unpack-objects", "-q", stdin=pack(self.remote.objects.values()))
        git("update-ref", "refs/heads/main", str(self.remote.branch))
        git("reset", "-q", "--hard")

    def fork(self) -> Registry:
        """Another one with the same past."""
        twin = copy(self)
        twin.remote = copy(self.remote)
        twin.remote.objects = dict(self.remote.objects)
        twin.people = MemoryRepository(twin.remote)
        twin.executor = ClockedExecutor(twin)
        twin.signed, twin.spools = {}, {}
        return twin

    def clone(self, signer: SoftwareKey | None = None) -> MemoryRepository:
        """The branch as anybody sees it."""
        return MemoryRepository(self.remote, signer)
