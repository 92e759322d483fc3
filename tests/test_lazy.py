"""What is not read: jobs that the log answers for, and files that a pull request leaves alone."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from runner.edges.memory import MemoryRepository
from runner.formats import sshsig
from runner.history import History
from runner.model import sha256
from runner.plan import Plan, plan
from runner.ports import Blob, Snapshot
from runner.registry import Registry, load
from runner.registry.changes import brought
from runner.state import State, read_state
from tests.make import key
from tests.registries import BENCHMARK, JOB, NAMESPACE, Files, Keys, data, dump, files, signed
from tests.ticks import WHO, state
from tests.worlds import EPOCH, job_file
from tests.worlds import Registry as World


class Watched:
    """A snapshot that remembers which files were read."""

    def __init__(self, below: Snapshot) -> None:
        self.commit = below.commit
        self.below = below
        self.seen: list[str] = []

    def files(self, prefix: str) -> Mapping[str, Blob]:
        return self.below.files(prefix)

    def read(self, path: str) -> bytes | None:
        self.seen.append(path)
        return self.below.read(path)

    def read_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        self.seen += paths
        return self.below.read_all(paths)

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        return self.below.digests(paths)

    def exists(self, path: str) -> bool:
        return self.below.exists(path)

    def jobs(self) -> set[str]:
        """The jobs that were read."""
        return {path for path in self.seen if path.startswith("registry/jobs/") and path.endswith(".yaml")}


def looked_at(world: World) -> tuple[Plan, set[str]]:
    """A plan at the head, and the jobs that were read for it."""
    clone = world.clone()
    state = read_state(clone, clone.head())
    snapshot = Watched(clone.snapshot(clone.head()))
    found = plan(load(snapshot, state.trust), state.history, world.now, "rita", lambda _: None)
    return found, snapshot.jobs()


def codes(found: Plan) -> dict[str, str]:
    return {idle.path: idle.code for idle in found.idle}


@pytest.fixture
def world() -> World:
    """A registry with a job that was run."""
    world = World()
    world.submit(job_file())
    world.act()
    return world


def test_a_job_that_was_run_is_not_read_again(world: World) -> None:
    other = world.submit(job_file("other"))
    found, read = looked_at(world)
    assert (codes(found), read) == ({WHO: "done"}, {other})
    assert [pending.job.path for pending in found.pending] == [other]
    world.act()
    assert looked_at(world)[1] == set()


def test_what_is_said_of_it_is_the_same_as_if_it_were_judged(world: World) -> None:
    [idle] = looked_at(world)[0].idle
    run = sha256(world.read(WHO))
    assert idle == (WHO, "done", f"run {run[:12]}, taken at 2026-11-22T03:00:00Z")


def test_a_job_that_was_run_stays_done_when_its_signature_goes(world: World) -> None:
    world.commit({f"{WHO}.sig": None})
    assert codes(looked_at(world)[0]) == {WHO: "done"}
    world.submit(job_file(revision=2))
    world.commit({f"{WHO}.sig": None})
    assert codes(looked_at(world)[0]) == {WHO: "invalid"}


def test_its_bytes_elsewhere_are_another_job(world: World) -> None:
    raw = world.read(WHO)
    world.commit({"registry/jobs/alice/copy.yaml": raw, "registry/jobs/alice/copy.yaml.sig": world.read(f"{WHO}.sig")})
    found, read = looked_at(world)
    assert codes(found) == {WHO: "done", "registry/jobs/alice/copy.yaml": "invalid"}
    assert read == {"registry/jobs/alice/copy.yaml"}


def test_a_place_that_is_wrong_is_told_of_a_job_that_was_run(world: World) -> None:
    world.commit({"registry/jobs/alice/who/other.yaml": job_file("other")})
    assert codes(looked_at(world)[0]) == {WHO: "invalid", "registry/jobs/alice/who/other.yaml": "invalid"}


def test_open_and_scheduled_runs_and_abandoned_ones_are_judged() -> None:
    world = World()
    world.submit(job_file())
    daily = world.submit(job_file("daily", schedule="0 3 * * *"))
    world.act(stop=True)
    assert looked_at(world)[1] == {WHO, daily}
    world.act()
    assert looked_at(world) == (looked_at(world)[0], {daily})


def test_asking_for_one_job_judges_one() -> None:
    jobs = {f"registry/jobs/alice/job-{n}.yaml": dump(data(metadata={"name": f"job-{n}"})) for n in range(5)}
    snapshot = Watched(Files(files(signed(jobs))))
    registry = load(snapshot, Keys())
    assert snapshot.jobs() == set()
    path = "registry/jobs/alice/job-3.yaml"
    assert registry.jobs[path] is registry.jobs[path]
    assert path in registry.jobs
    assert "registry/jobs/alice/no.yaml" not in registry.jobs
    assert [seen for seen in snapshot.seen if seen.startswith("registry/jobs")] == [path, f"{path}.sig"]
    assert len(registry.jobs) == 5
    assert snapshot.jobs() == set(jobs)
    assert registry.digests == {path: sha256(raw) for path, raw in jobs.items()}


# A pull request


def naive(head: Registry, base: Registry) -> tuple[dict[str, str], set[object]]:
    """What is new, by judging everything on both sides."""
    old = {path: job.sha256 for path, job in base.jobs.items()}
    lifted = head.suspended ^ base.suspended
    jobs = {path: job.sha256 for path, job in head.jobs.items() if old.get(path) != job.sha256 or path in lifted}
    known = {problem._replace(help="") for problem in base.problems}
    return jobs, {problem for problem in head.problems if problem._replace(help="") not in known}


def edit(draw: random.Random, now: dict[str, bytes]) -> dict[str, bytes | None]:
    """A change that a pull request could make."""
    name = draw.choice(["who", "a", "b", "c", "suite/d", "a/e"])
    path = f"registry/jobs/alice/{name}.yaml"
    kind = draw.choice(["job", "sig", "unsigned", "gone", "bad", "benchmark", "suspended", "hidden", "revert"])
    parts = name.split("/")
    said = {"name": parts[-1], "suite": parts[0] if len(parts) > 1 else None, "revision": draw.randint(1, 2)}
    raw = dump(data(metadata={k: v for k, v in said.items() if v is not None}))
    if kind == "job":
        return dict(signed({path: raw}))
    if kind == "sig":
        return {f"{path}.sig": sshsig.sign(key(draw.choice(["alice", "bob"])), now.get(path, raw), NAMESPACE)}
    if kind == "unsigned":
        return {f"{path}.sig": None}
    if kind == "gone":
        return {path: None, f"{path}.sig": None}
    if kind == "bad":
        return dict(signed({path: b"a: 1\na: 2\n"}))
    if kind == "suspended":
        return {"registry/suspended": f"{path}\n".encode()}
    if kind == "hidden":  # another benchmark's name, written with an escape
        other = raw.replace(b'"echo"', b'"\\x65cho-2"')
        return dict(signed({path: other}))
    place = draw.choice(["echo", "echo-2"])
    content = draw.choice([*BENCHMARK.values(), b"print('other')\n", None])
    return {f"registry/benchmarks/{place}/benchmark.py": content}


@pytest.mark.parametrize("number", range(40))
def test_a_pull_request_brings_what_judging_everything_finds(number: int) -> None:
    draw = random.Random(f"brought {number}")
    repository = MemoryRepository()
    start = files(signed({JOB: dump(data()), "registry/jobs/alice/a.yaml": dump(data(metadata={"name": "a"}))}))
    start |= {f"registry/benchmarks/echo-2/{name}": raw for name, raw in BENCHMARK.items()}
    now: dict[str, bytes] = dict(start)
    base = head = repository.make([], start, "base\n")
    for turn in range(draw.randint(2, 9)):
        change = edit(draw, now)
        now = {path: raw for path, raw in {**now, **change}.items() if raw is not None}
        head = repository.make([head], change, f"{turn}\n")
        base = draw.choice([base, base, head])
    before, after = repository.snapshot(base), repository.snapshot(head)
    old = load(before, Keys())
    new = load(after, Keys(), old.policy)
    jobs, problems = naive(new, old)
    found = brought(load(after, Keys(), old.policy), after, load(before, Keys()))
    assert {path: job.sha256 for path, job in found.jobs.items()} == jobs
    assert set(found.problems) == problems
    planned = plan(found, History(), EPOCH, "nobody", lambda _: None)
    assert {pending.job.path for pending in planned.pending} | {
        idle.path for idle in planned.idle if idle.code == "suspended"
    } == set(jobs)
    assert {idle.path for idle in planned.idle if idle.code == "invalid"} == {
        problem.path for problem in found.problems
    }


# A state that is known


def both(world: World, known: State) -> State:
    """The state at the head, read with what was known before; it is the same without."""
    clone = world.clone()
    found = read_state(clone, clone.head(), known)
    alone = read_state(clone, clone.head())
    assert (found.head, found.trust, found.checkpoint, found.history) == (
        alone.head,
        alone.trust,
        alone.checkpoint,
        alone.history,
    )
    assert dict(found.registry.jobs) == dict(alone.registry.jobs)
    assert (found.registry.problems, found.registry.digests) == (alone.registry.problems, alone.registry.digests)
    return found


def test_what_is_known_gives_the_same_state(world: World) -> None:
    known = state(world)
    world.submit(job_file("other"))
    after = both(world, known)
    assert after.registry is not known.registry
    world.act()
    last = both(world, after)
    assert last.registry is after.registry, "only the log went on"
    assert both(world, last).registry is last.registry
    world.entrust({"registry/policy.yaml": world.read("registry/policy.yaml") + b"# new\n"})
    assert both(world, last).trust != last.trust
    world.act()
    both(world, last)


def test_a_log_that_does_not_go_on_from_what_is_known_is_read_from_its_beginning(world: World) -> None:
    past = world.fork()
    world.submit(job_file("one"))
    world.act()
    past.submit(job_file("two"))
    past.act()
    assert state(world).history.size == state(past).history.size
    both(past, state(world))
    both(world.fork(), state(past))
