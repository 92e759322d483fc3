"""The entries with which a tick begins: who is trusted, which keys come and go; nobody gets in by their own word."""

from __future__ import annotations

import pytest

from runner.errors import Environment, Invalid
from runner.formats.sshsig import public_line
from runner.publish import CHECKPOINT
from runner.registry.keyfiles import signer_line
from tests import make
from tests.ticks import (
    entries,
    fresh,
    types,
)
from tests.worlds import Registry, job_file


@pytest.fixture
def registry() -> Registry:
    """A registry with one job that nobody has run."""
    return fresh()


def test_a_key_enters_in_one_tick_and_its_job_in_the_next(registry: Registry) -> None:
    registry.act()
    path = "registry/keys/allowed_signers"
    registry.entrust(registry.add_line(path, "alice", f"jobspec.v1@{make.ORIGIN}", make.key("alice's new")))
    registry.submit(job_file("fresh"), make.key("alice's new"))
    size = len(entries(registry))
    outcome = registry.act()
    assert types(registry, size) == ["trust", "key-add"]
    assert outcome.work_remains
    assert [idle.code for idle in outcome.plan.idle if "fresh" in idle.path] == ["key-not-logged"]
    assert len(registry.act().published) == 1


def test_a_job_signed_with_a_revoked_key_does_not_run(registry: Registry) -> None:
    registry.act()
    keys = "registry/keys/allowed_signers"
    alone = b"\n".join(line for line in registry.read(keys).split(b"\n") if b"alice " not in line)
    gone = make.key("alice").public
    listed = registry.read("registry/keys/revoked") + f"{public_line(gone)} suspectFrom=8 lost\n".encode()
    registry.entrust({keys: alone, "registry/keys/revoked": listed})
    registry.submit(job_file("late"))
    size = len(entries(registry))
    outcome = registry.act()
    assert types(registry, size) == ["trust", "key-revoke"]
    late = next(idle for idle in outcome.plan.idle if "late" in idle.path)
    assert late.code == "invalid"
    assert late.why.startswith("key-revoked: ")


def test_a_trust_list_without_its_threshold_stops_the_tick(registry: Registry) -> None:
    registry.act()
    mallory = registry.add_line(
        "registry/keys/allowed_signers", "mallory", f"jobspec.v1@{make.ORIGIN}", make.key("mallory")
    )
    for signers in (["mia"], []):
        twin = registry.fork()
        twin.entrust(mallory, signers)
        head = twin.remote.branch
        with pytest.raises(Invalid) as caught:
            twin.act()
        assert {problem.code for problem in caught.value.problems} == {"trust-threshold"}
        assert (twin.remote.branch, twin.remote.intent) == (head, None)
    registry.entrust(mallory)
    registry.act()
    assert types(registry)[-2:] == ["trust", "key-add"]


def test_maintainers_are_not_replaced_by_their_own_word(registry: Registry) -> None:
    registry.act()
    root = registry.read("registry/keys/root").decode().split("\n")
    usurped = [root[0], *(line for line in root[1:] if line.startswith("#"))]
    lines = "\n".join(usurped) + "\n"
    for name in ("eve", "eva"):
        lines += signer_line(name, f"trust.v1@{make.ORIGIN}", make.key(name).public)
    head_before = len(entries(registry))
    registry.entrust({"registry/keys/root": lines.encode()}, ["eve", "eva"])
    with pytest.raises(Invalid) as caught:
        registry.act()
    assert {problem.code for problem in caught.value.problems} == {"trust-threshold-previous"}
    registry.entrust({"registry/keys/root": lines.encode()}, ["eve", "eva", "mia", "max"])
    registry.act()
    assert types(registry, head_before) == ["trust", "key-add", "key-add", "key-revoke", "key-revoke"]


def test_a_runner_with_other_keys_does_nothing(registry: Registry) -> None:
    with pytest.raises(Environment) as caught:
        registry.act("mallory")
    assert caught.value.code == "runner-unknown"
    assert CHECKPOINT not in registry.files("reports")
