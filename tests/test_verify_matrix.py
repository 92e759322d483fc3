"""One flipped byte in any kind of file that is published: told where it stands in the work tree only, found where a
person committed it, and found by the step that answers for the file where a runner committed it with its own key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from runner.edges.git_snapshot import TreeSnapshot
from runner.model import sha256
from runner.ports import Blob
from runner.verify import Anchor, verify
from tests.worlds import Registry, job_file, runner

RUN = "reports/jobs/alice/who/runs/"

KINDS: Mapping[str, tuple[str, int]] = {
    "job": ("registry/jobs/alice/who.yaml", 3),
    "signature of a job": ("registry/jobs/alice/who.yaml.sig", 3),
    "policy": ("registry/policy.yaml", 3),
    "trust list": ("registry/trust.json", 3),
    "signature of the trust list": ("registry/trust.sigs/mia.sig", 3),
    "maintainers": ("registry/keys/root", 3),
    "contributors": ("registry/keys/allowed_signers", 3),
    "runners": ("registry/keys/runners", 3),
    "revoked keys": ("registry/keys/revoked", 3),
    "log key": ("registry/keys/log.vkey", 8),
    "job in the bundle": ("bundle/job.yaml", 3),
    "its signature": ("bundle/job.yaml.sig", 3),
    "context": ("bundle/context.json", 4),
    "receipt": ("bundle/receipts/echo.EU.1.1.sigstore.json", 4),
    "transcript": ("bundle/transcripts/echo.EU.1.1.json", 5),
    "output": ("bundle/outputs/echo/who/EU/1-1.txt", 5),
    "diff": ("bundle/diff.json", 9),
    "page": ("README.md", 9),
    "picture": ("echo.noise.svg", 9),
    "manifest": ("manifest.json", 6),
    "proof": ("proof.tlog", 7),
    "checkpoint": ("reports/log/checkpoint", 8),
    "hash tile": ("reports/log/tile/0/000.p/8", 8),
    "entry bundle": ("reports/log/tile/entries/000.p/8", 8),
    "history": ("reports/jobs/alice/who/README.md", 9),
    "trend": ("reports/jobs/alice/who/trend.svg", 9),
    "index": ("reports/README.md", 9),
    "badge": ("reports/badges/alice.who.svg", 9),
    "badge's data": ("reports/badges/alice.who.json", 9),
}


@pytest.fixture(scope="module")
def published() -> Registry:
    """A registry with one published run."""
    registry = Registry()
    registry.submit(job_file())
    registry.act()
    return registry


@pytest.fixture(scope="module")
def anchor(published: Registry) -> Anchor:
    return Anchor(published.genesis(), published.read("registry/keys/log.vkey").decode().strip())


def place(registry: Registry, name: str) -> str:
    """The full path of a kind of file."""
    if name.startswith(("registry/", "reports/")):
        return name
    return next(path for path in registry.files(RUN.rstrip("/")) if path.split("/", 6)[6] == name)


def flips(raw: bytes) -> Sequence[bytes]:
    """The bytes with one bit turned: in the first, a middle and the last one."""
    found = []
    for at in (0, len(raw) // 2, len(raw) - 1):
        changed = bytearray(raw)
        changed[at] ^= 1
        found.append(bytes(changed))
    return found


def test_nothing_is_found_without_a_flip(published: Registry, anchor: Anchor) -> None:
    report = verify(published.clone(), anchor)
    assert report.findings == ()
    assert [step.outcome for step in report.steps] == ["ok"] * 9


def test_every_published_file_is_of_a_kind_that_is_flipped(published: Registry) -> None:
    kinds = {place(published, name) for name, _ in KINDS.values()}
    others = [path for path in (*published.files("registry"), *published.files("reports")) if path not in kinds]
    alike = ("registry/benchmarks/", "registry/README.md", "registry/trust.sigs/max.sig", ".svg", "EU", "US", "APAC")
    assert [path for path in others if not any(part in path for part in alike)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_flip_that_a_person_commits_is_found(published: Registry, anchor: Anchor, kind: str) -> None:
    path = place(published, KINDS[kind][0])
    for changed in flips(published.read(path)):
        twin = published.fork()
        twin.commit({path: changed})
        report = verify(twin.clone(), anchor)
        assert not report.ok
        if path.startswith("reports/"):
            assert "commit-unsigned" in {found.code for found in report.steps[0].findings}


@pytest.mark.parametrize("kind", KINDS)
def test_a_flip_that_a_runner_signs_is_found_by_the_step_that_answers(
    published: Registry, anchor: Anchor, kind: str
) -> None:
    name, number = KINDS[kind]
    path = place(published, name)
    for changed in flips(published.read(path)):
        twin = published.fork()
        twin.commit({path: changed}, runner("rita").keys.git)
        report = verify(twin.clone(), anchor)
        assert report.steps[number - 1].outcome == "finding", report


class Edited:
    """A work tree that has one file changed."""

    def __init__(self, below: TreeSnapshot, path: str, content: bytes | None) -> None:
        self.commit: str | None = None
        self._below = below
        self._path = path
        self._content = content

    def files(self, prefix: str) -> Mapping[str, Blob]:
        return self._below.files(prefix)

    def read(self, path: str) -> bytes | None:
        return self._content if path == self._path else self._below.read(path)

    def read_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        return {path: raw for path in paths if (raw := self.read(path)) is not None}

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        return {path: sha256(raw) for path, raw in self.read_all(paths).items()}

    def exists(self, path: str) -> bool:
        return self.read(path) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_flip_on_disk_only_is_told_and_changes_nothing(published: Registry, anchor: Anchor, kind: str) -> None:
    path = place(published, KINDS[kind][0])
    clone = published.clone()
    for changed in (*flips(published.read(path))[:1], None):
        report = verify(clone, anchor, work_tree=Edited(clone.snapshot(clone.head()), path, changed))
        assert report.work_tree == (f"work tree differs: {path}",)
        assert report.ok


@pytest.mark.parametrize(
    "content", [None, b"", b"\xff\xfe{", b"[" * 3000, b"{}\n"], ids=["gone", "empty", "binary", "deep", "object"]
)
def test_rubbish_in_place_of_any_file_is_found_and_breaks_nothing(
    published: Registry, anchor: Anchor, content: bytes | None
) -> None:
    covered = {f"registry/{name}" for name in ("policy.yaml", "trust.json")}
    covered |= {*published.files("registry/keys"), *published.files("registry/jobs"), *published.files("reports")}
    for path in sorted(covered):
        twin = published.fork()
        twin.commit({path: content}, runner("rita").keys.git)
        assert {found.step for found in verify(twin.clone(), anchor).findings} - {1, 2}, path
