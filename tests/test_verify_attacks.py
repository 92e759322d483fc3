"""Attacks on a registry, by strangers, by contributors, by one maintainer too few, and by a runner that holds the log's
key: each is found by name, in the step that is for it."""

from __future__ import annotations

import pytest

from runner.edges.memory import MemoryRepository
from runner.formats import sshsig
from runner.model import LogEntry, sha256
from runner.model import entry as e
from runner.model.run import run_id
from runner.reconcile import reconcile
from runner.registry.keyfiles import signer_line
from runner.schedules import instant
from runner.stages import carry_out, publish_finished
from runner.state import read_state
from runner.verify import Report, verify
from tests import make
from tests.worlds import Registry, job_file, runner

JOB = "registry/jobs/alice/who.yaml"
FOLDER = "reports/jobs/alice/who/runs/"
SIGNERS = "registry/keys/allowed_signers"


@pytest.fixture(scope="module")
def published() -> Registry:
    """A registry with two published runs."""
    registry = Registry()
    registry.submit(job_file())
    registry.submit(job_file("more"))
    registry.act()
    return registry


@pytest.fixture(scope="module")
def claimed() -> Registry:
    """A registry with a start and no end."""
    registry = Registry()
    registry.submit(job_file())
    registry.act(stop=True)
    return registry


def codes(report: Report, step: int) -> set[str]:
    """What a step found."""
    return {found.code for found in report.steps[step - 1].findings}


def start(registry: Registry, raw: bytes, **facts: object) -> e.Start:
    """The start that an honest runner would log for a job."""
    said = {
        "job": JOB,
        "sha256": sha256(raw),
        "revision": 1,
        "run": run_id(raw, None),
        "runner": "rita",
        "at": instant(registry.now),
        "lease": 3900,
    }
    return e.Start.model_validate(said | facts)


# The log's order


def test_a_start_without_an_end_is_listed_and_an_honest_end_is_fine(claimed: Registry) -> None:
    report = verify(claimed.clone())
    assert report.ok
    assert any("open" in listed for listed in report.steps[6].listed)
    twin = claimed.fork()
    begun = twin.checkpoint().size - 1
    twin.remove(JOB)
    twin.log(
        e.Cancelled(run=run_id(job_file(), None), start=begun, at=instant(twin.now)), e.Retire(job=JOB, revision=1)
    )
    assert not verify(twin.clone()).steps[6].findings


def entries(registry: Registry, what: str) -> tuple[LogEntry, ...]:
    """Entries that no honest runner logs after an open start."""
    raw, begun, now = job_file(), registry.checkpoint().size - 1, instant(registry.now)
    run = run_id(raw, None)
    over = e.Cancelled(run=run, start=begun, at=now)
    return {
        "end-twice": (over, e.RunEnd(run=run, start=begun, cid=make.CID, manifest=sha256(b""))),
        "end-without-start": (e.Cancelled(run=run, start=begun - 1, at=now),),
        "end-too-early": (e.Abandoned(run=run, start=begun, at=now),),
        "start-twice": (start(registry, raw, generation=2),),
        "generation-wrong": (e.Abandoned(run=run, start=begun, at="2026-11-22T05:00:00Z"), start(registry, raw)),
        "run-repeated": (over, start(registry, raw, generation=2)),
        "genesis-misplaced": (e.Genesis(serial=1, trust=sha256(b""), threshold=1),),
    }[what]


@pytest.mark.parametrize(
    "code",
    [
        "end-twice",
        "end-without-start",
        "end-too-early",
        "start-twice",
        "generation-wrong",
        "run-repeated",
        "genesis-misplaced",
    ],
)
def test_entries_out_of_order_are_found(claimed: Registry, code: str) -> None:
    twin = claimed.fork()
    twin.log(*entries(twin, code))
    assert code in codes(verify(twin.clone()), 7)


def test_a_fourth_generation_cannot_be_written() -> None:
    registry = Registry()
    registry.submit(job_file())
    for _ in range(4):
        registry.act(stop=True)
        registry.wait(hours=2)
    assert verify(registry.clone()).ok
    twin = registry.fork()
    twin.log(start(twin, job_file(), generation=3))
    assert codes(verify(twin.clone()), 7) == {"run-repeated", "generation-wrong"}


def test_a_fork_inside_the_history_is_found(claimed: Registry) -> None:
    twin, other = claimed.fork(), claimed.fork()
    raw, begun = job_file(), twin.checkpoint().size - 1
    for registry, at in ((twin, "2026-11-22T05:00:00Z"), (other, "2026-11-22T05:00:01Z")):
        registry.log(e.Abandoned(run=run_id(raw, None), start=begun, at=at))
    twin.remote.objects |= other.remote.objects
    heads = [str(twin.remote.branch), str(other.remote.branch)]
    twin.remote.branch = MemoryRepository(twin.remote, runner("rita").keys.git).make(heads, {}, "merge\n")
    assert "log-forked" in codes(verify(twin.clone()), 2)


def test_a_log_that_is_set_back_by_a_new_commit_is_found(published: Registry) -> None:
    twin = published.fork()
    history = twin.clone().history()
    old = twin.people.snapshot(history[-2].oid)
    before, now = old.files("reports"), twin.files("reports")
    changes = dict.fromkeys(now) | dict(old.read_all(list(before)))
    twin.commit(changes, runner("rita").keys.git)
    report = verify(twin.clone())
    assert {"log-shrunk", "log-not-grown"} <= codes(report, 2)


def test_a_run_that_is_cancelled_although_its_job_stands_is_listed(claimed: Registry) -> None:
    twin = claimed.fork()
    begun = twin.checkpoint().size - 1
    twin.log(e.Cancelled(run=run_id(job_file(), None), start=begun, at=instant(twin.now)))
    assert f"log entry {begun + 1}: {JOB} was cancelled while it stood" in verify(twin.clone()).steps[6].listed


def test_what_a_crashed_runner_claimed_may_be_completed_by_another(published: Registry) -> None:
    twin = published.fork()
    path, rolf = "registry/keys/runners", runner("rolf").keys
    both = signer_line("rolf", "git", rolf.git.public)
    both += signer_line("rolf", f"receipt.v1@{make.ORIGIN}", rolf.receipt.public)
    twin.entrust({path: twin.read(path) + both.encode()})
    twin.act()
    twin.submit(job_file("crashed"))
    world = twin.world("rita")

    class Crashed:
        """Rita's repository, whose machine dies when she would complete her intent."""

        def __getattr__(self, name: str) -> object:
            if name == "commit":
                raise KeyboardInterrupt
            return getattr(world.desk.repository, name)

    with pytest.raises(KeyboardInterrupt):
        reconcile(world._replace(desk=world.desk._replace(repository=Crashed())))
    twin.act("rolf")
    report = verify(twin.clone())
    assert report.findings == ()
    assert report.steps[2].listed == ("log entry 13: taken by rita in a commit that rolf completed",)


# Trust and keys


def test_a_trust_entry_without_the_threshold_counts_for_nothing(published: Registry) -> None:
    twin = published.fork()
    mallory = make.key("mallory")
    line = sshsig.public_line(mallory.public)
    changes = twin.add_line(SIGNERS, "mallory", f"jobspec.v1@{make.ORIGIN}", mallory)
    twin.entrust(changes, signers=["mia"])
    digest = sha256(twin.read("registry/trust.json"))
    twin.log(e.Trust(serial=2, trust=digest, threshold=2), e.KeyAdd(role="contributor", principal="mallory", key=line))
    report = verify(twin.clone())
    assert {"trust-threshold", "trust-threshold-previous", "key-untrusted"} <= codes(report, 3)


def test_new_maintainers_need_the_old_ones(published: Registry) -> None:
    twin = published.fork()
    eve = make.key("eve")
    root = f'# threshold: 1\neve namespaces="trust.v1@{make.ORIGIN}" {sshsig.public_line(eve.public)}\n'.encode()
    twin.entrust({"registry/keys/root": root}, signers=["eve"])
    assert codes(verify(twin.clone()), 3) == {"trust-threshold-previous"}


def test_a_key_entry_without_a_trust_list_is_found(published: Registry) -> None:
    twin = published.fork()
    line = sshsig.public_line(make.key("mallory").public)
    twin.log(e.KeyAdd(role="runner-receipt", principal="rita", key=line))
    assert codes(verify(twin.clone()), 3) == {"key-untrusted"}


def test_a_revocation_that_the_maintainers_did_not_ask_for_is_found(published: Registry) -> None:
    twin = published.fork()
    line = sshsig.public_line(make.key("alice").public)
    twin.log(e.KeyRevoke(key=line, suspect_from=0))
    assert codes(verify(twin.clone()), 3) == {"key-untrusted"}


def test_what_a_key_signed_before_it_was_suspect_stays(published: Registry) -> None:
    for suspect, expected in ((published.checkpoint().size, set()), (1, {"job-key"})):
        twin = published.fork()
        twin.entrust(twin.revoke_line(SIGNERS, "alice ", suspect))
        twin.act()
        assert codes(verify(twin.clone()), 3) == expected


def test_a_start_after_its_key_was_revoked_is_found(published: Registry) -> None:
    twin = published.fork()
    twin.entrust(twin.revoke_line(SIGNERS, "alice ", twin.checkpoint().size))
    twin.act()
    raw = job_file("late")
    path = twin.submit(raw)
    twin.log(start(twin, raw, job=path))
    report = verify(twin.clone())
    assert codes(report, 3) == {"job-key"}
    assert any(found.where == f"log entry {twin.checkpoint().size - 1}" for found in report.findings)


def test_a_receipt_key_that_was_suspect_when_the_run_ended_is_found(published: Registry) -> None:
    twin = published.fork()
    path, following = "registry/keys/runners", make.key("rita's next")
    changes = twin.revoke_line(path, 'rita namespaces="receipt', 7)
    namespace = f"receipt.v1@{make.ORIGIN}"
    changes[path] += signer_line("rita", namespace, following.public).encode()
    twin.entrust(changes)
    line, lost = sshsig.public_line(following.public), sshsig.public_line(runner("rita").keys.receipt.public)
    twin.log(
        e.Trust(serial=2, trust=sha256(twin.read("registry/trust.json")), threshold=2),
        e.KeyAdd(role="runner-receipt", principal="rita", key=line),
        e.KeyRevoke(key=lost, suspect_from=7),
    )
    report = verify(twin.clone())
    assert codes(report, 4) == {"receipt-key"}
    assert not report.steps[2].findings


def listed(registry: Registry, **facts: object) -> e.Trust:
    """The entry of the trust list that stands."""
    digest = sha256(registry.read("registry/trust.json"))
    return e.Trust.model_validate({"serial": 2, "trust": digest, "threshold": 2} | facts)


def test_a_trust_list_is_logged_with_just_its_keys(published: Registry) -> None:
    bob, suspect = make.key("bob"), 3
    twin = published.fork()
    changes = twin.revoke_line(SIGNERS, "alice ", suspect)
    changes[SIGNERS] += signer_line("bob", f"jobspec.v1@{make.ORIGIN}", bob.public).encode()
    twin.entrust(changes)
    add = e.KeyAdd(role="contributor", principal="bob", key=sshsig.public_line(bob.public))
    alice = sshsig.public_line(make.key("alice").public)
    gone = e.KeyRevoke(key=alice, suspect_from=suspect)
    for entries, expected in (
        ((listed(twin), add, gone), {"job-key"}),  # alice's runs began after she was suspect
        ((listed(twin), add), {"key-entries-incomplete", "job-key"}),
        ((listed(twin), gone), {"key-entries-incomplete", "job-key"}),
        ((listed(twin), add, e.KeyRevoke(key=alice, suspect_from=9)), {"key-suspect-from"}),
        ((listed(twin), add, add, gone), {"key-returned"}),
        ((listed(twin, threshold=1), add, gone), {"trust-differs", "key-untrusted"}),
        ((add, gone, listed(twin)), {"key-untrusted"}),
    ):
        fork = twin.fork()
        fork.log(*entries)
        assert expected <= codes(verify(fork.clone()), 3), expected


def test_a_trust_list_with_an_old_serial_is_found(published: Registry) -> None:
    twin = published.fork()
    policy = twin.read("registry/policy.yaml") + b"# changed\n"
    twin.entrust({"registry/policy.yaml": policy})
    raw = twin.read("registry/trust.json").replace(b'"serial":2', b'"serial":1')
    twin.commit({"registry/trust.json": raw, **twin.trust_signatures(raw, ("mia", "max"))})
    assert codes(verify(twin.clone()), 3) == {"trust-serial"}


# Jobs


def test_an_old_job_file_that_comes_back_is_found(published: Registry) -> None:
    old = {path: published.read(path) for path in (JOB, f"{JOB}.sig")}
    twin = published.fork()
    twin.submit(job_file(revision=2))
    twin.act()
    assert verify(twin.clone()).ok
    twin.commit(old)
    report = verify(twin.clone())
    assert [(found.code, found.where) for found in report.findings] == [("revision-replayed", JOB)]
    twin.log(start(twin, old[JOB], run=sha256(b"another run")))
    report = verify(twin.clone())
    assert codes(report, 3) == {"revision-replayed", "run-misnamed"}


def test_a_retired_job_that_comes_back_is_found(published: Registry) -> None:
    old = {path: published.read(path) for path in (JOB, f"{JOB}.sig")}
    twin = published.fork()
    twin.remove(JOB)
    twin.act()
    assert verify(twin.clone()).ok
    twin.commit(old)
    assert codes(verify(twin.clone()), 3) == {"revision-replayed"}


def test_a_retirement_of_a_job_that_stands_is_found(published: Registry) -> None:
    twin = published.fork()
    twin.log(e.Retire(job=JOB, revision=1))
    assert "retire-wrong" in codes(verify(twin.clone()), 3)


@pytest.mark.parametrize(
    ("signer", "expected"), [("alice", set()), ("mallory", {"job-key"}), ("rita git", {"job-key"})]
)
def test_a_start_of_a_job_that_its_owner_did_not_sign_is_found(
    published: Registry, signer: str, expected: set[str]
) -> None:
    twin = published.fork()
    raw = job_file("foreign")
    path = twin.submit(raw, make.key(signer))
    twin.log(start(twin, raw, job=path))
    assert codes(verify(twin.clone()), 3) == expected


def test_a_signature_for_another_registry_is_found(published: Registry) -> None:
    twin = published.fork()
    twin.commit({f"{JOB}.sig": sshsig.sign(make.key("alice"), job_file(), "jobspec.v1@example.org/other")})
    assert codes(verify(twin.clone()), 3) == {"signature-namespace"}
    twin.commit({f"{JOB}.sig": None})
    assert codes(verify(twin.clone()), 3) == {"job-missing"}


def test_a_start_of_bytes_that_nobody_submitted_is_found(published: Registry) -> None:
    twin = published.fork()
    twin.log(start(twin, job_file("ghost"), job="registry/jobs/alice/ghost.yaml"))
    assert codes(verify(twin.clone()), 3) == {"job-missing"}


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"lease": 60}, "lease-short"),
        ({"due": "2026-11-22T03:00:00Z"}, "due-wrong"),
        ({"revision": 2}, "job-differs"),
        ({"runner": "rolf"}, "start-runner"),
    ],
)
def test_a_start_that_does_not_fit_its_job_is_found(published: Registry, facts: dict[str, object], code: str) -> None:
    twin = published.fork()
    raw = job_file("new")
    path = twin.submit(raw)
    twin.log(start(twin, raw, job=path, **facts))
    assert code in codes(verify(twin.clone()), 3)


def test_a_key_and_its_first_job_do_not_enter_together(published: Registry) -> None:
    twin = published.fork()
    bob = make.key("bob")
    raw = job_file("bobs").replace(b"owner: alice", b"owner: bob")
    twin.entrust(twin.add_line(SIGNERS, "bob", f"jobspec.v1@{make.ORIGIN}", bob))
    path = twin.submit(raw, bob)
    listed = (
        e.Trust(serial=2, trust=sha256(twin.read("registry/trust.json")), threshold=2),
        e.KeyAdd(role="contributor", principal="bob", key=sshsig.public_line(bob.public)),
    )
    apart = twin.fork()
    twin.log(*listed, start(twin, raw, job=path))
    assert codes(verify(twin.clone()), 3) == {"job-key-new"}
    apart.log(*listed)
    apart.log(start(apart, raw, job=path))
    assert verify(apart.clone()).ok


# Runs


def test_a_receipt_of_another_run_is_found(published: Registry) -> None:
    twin = published.fork()
    paths = [path for path in twin.files("reports") if path.endswith("receipts/echo.EU.1.1.sigstore.json")]
    target = next(path for path in paths if "/who/" in path)
    source = next(path for path in paths if "/more/" in path)
    twin.commit({target: twin.read(source)}, runner("rita").keys.git)
    report = verify(twin.clone())
    assert "receipt-misplaced" in codes(report, 4)
    assert {"cid-wrong", "file-changed"} <= codes(report, 6)


def test_a_proof_of_another_entry_is_found(published: Registry) -> None:
    twin = published.fork()
    paths = [path for path in twin.files("reports") if path.endswith("proof.tlog")]
    twin.commit({paths[0]: twin.read(paths[1])}, runner("rita").keys.git)
    assert codes(verify(twin.clone()), 7) == {"inclusion-wrong"}
    twin.commit({paths[0]: None}, runner("rita").keys.git)
    assert codes(verify(twin.clone()), 7) == {"proof-missing"}


def test_a_run_that_is_deleted_is_found(published: Registry) -> None:
    twin = published.fork()
    gone = [path for path in twin.files("reports") if path.startswith(FOLDER)]
    twin.commit(dict.fromkeys(gone), runner("rita").keys.git)
    report = verify(twin.clone())
    assert codes(report, 6) == {"manifest-wrong", "cid-wrong"}
    assert report.steps[8].counts["runs rendered again"] == 1


def test_reports_that_are_deleted_are_found(published: Registry) -> None:
    seen = verify(published.clone()).checkpoint
    twin = published.fork()
    twin.commit(dict.fromkeys(twin.files("reports")), runner("rita").keys.git)
    report = verify(twin.clone(), last_seen=seen)
    assert codes(report, 2) == {"log-shrunk"}
    assert codes(report, 8) == {"rollback"}


def test_receipts_by_the_key_of_another_role_are_found() -> None:
    registry = Registry()
    registry.submit(job_file())
    world = registry.world()
    keys = world.desk.keys
    begun = registry.act(stop=True)
    assert begun.remaining
    swapped = world._replace(desk=world.desk._replace(keys=keys._replace(receipt=keys.git)))
    world.desk.repository.refresh()
    state = read_state(world.desk.repository, world.desk.repository.head())
    done = carry_out(swapped, state, next(iter(state.history.open.values())))
    assert done is not None
    publish_finished(world, state, [done], "rita")
    assert codes(verify(registry.clone()), 4) == {"receipt-key-unknown"}
