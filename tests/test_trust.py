"""The trust list holds exactly when its own maintainers, and those before them, signed it over files without a mistake;
and ssh-keygen and git read the same key files."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.edges.memory import MemoryRepository
from runner.errors import Invalid
from runner.explain import trust as explained
from runner.formats import note, sshsig
from runner.history import History, fold
from runner.model import LogEntry, sha256
from runner.model import entry as e
from runner.ports import Snapshot
from runner.registry import keyfiles
from runner.registry.initialise import registry_files, sign_trust
from runner.registry.keyfiles import CONTRIBUTORS, LOG, REVOKED, ROOT, RUNNERS, signer_line
from runner.registry.trust import TRUST, Trust, accepts, covered, read_trust, trust_list
from tests import make
from tests.make import ORIGIN

SMALL_ORDER = b"\x01" + bytes(31)


def fresh(**changes: object) -> dict[str, bytes]:
    """A registry of anna and ben (both must sign), with alice as contributor and one runner."""
    arguments = {
        "origin": ORIGIN,
        "branch": "main",
        "maintainers": {name: make.key(name).public for name in ("anna", "ben")},
        "threshold": 2,
        "contributors": {"alice": make.key("alice").public},
        "runners": {"runner-1": (make.key("git").public, make.key("receipt").public)},
        "log_public": make.key("log").public,
    }
    return dict(registry_files(**(arguments | changes)))  # type: ignore[arg-type]  # names are tested by use


def signed(files: Mapping[str, bytes], *names: str, serial: int = 1) -> dict[str, bytes]:
    """The files with a trust list that fits them, signed by the keys of these names."""
    kept = {path: raw for path, raw in files.items() if not path.startswith("registry/trust")}
    raw = trust_list(snapshot(kept).read_all(covered(snapshot(kept))), ORIGIN, serial)
    signatures = {f"registry/trust.sigs/{name}.sig": sign_trust(raw, ORIGIN, make.key(name)) for name in names}
    return {**kept, TRUST: raw, **signatures}


def snapshot(files: Mapping[str, bytes]) -> Snapshot:
    repository = MemoryRepository()
    return repository.snapshot(repository.commit(None, files, "a registry"))


def read(files: Mapping[str, bytes]) -> Trust:
    return read_trust(snapshot(files))


def problems(files: Mapping[str, bytes]) -> list[tuple[str, int, int, str]]:
    """Every mistake in the key files, by place and code."""
    found = keyfiles.parse(files, ORIGIN)[1]
    assert all(problem.message and problem.help for problem in found)
    return [(problem.path, problem.line, problem.column, problem.code) for problem in found]


def codes(files: Mapping[str, bytes]) -> list[str]:
    with pytest.raises(Invalid) as caught:
        read(files)
    return [problem.code for problem in caught.value.problems]


def appended(path: str, text: str) -> dict[str, bytes]:
    files = fresh()
    return files | {path: files[path] + text.encode()}


# Reading


def test_a_fresh_registry_is_trusted_once_its_maintainers_have_signed() -> None:
    files = signed(fresh(), "anna", "ben")
    trust = read(files)
    assert trust.digest == sha256(files[TRUST])
    assert (trust.serial, trust.origin, trust.threshold, trust.revoked) == (1, ORIGIN, 2, {})
    assert trust.contributors == {"alice": {make.key("alice").public}}
    assert [key.principal for key in trust.of("maintainer")] == ["anna", "ben"]
    assert [key.public for key in trust.of("runner-git")] == [make.key("git").public]
    assert [key.public for key in trust.of("runner-receipt")] == [make.key("receipt").public]
    assert note.parse_vkey(trust.log_vkey).public == make.key("log").public


def test_a_contributor_may_have_several_keys() -> None:
    files = fresh()
    files[CONTRIBUTORS] += signer_line("alice", f"jobspec.v1@{ORIGIN}", make.key("desktop").public).encode()
    assert read(signed(files, "anna", "ben")).contributors["alice"] == {
        make.key("alice").public,
        make.key("desktop").public,
    }


@pytest.mark.parametrize("names", [(), ("anna",), ("anna", "mallory"), ("alice", "git")])
def test_too_few_maintainers(names: tuple[str, ...]) -> None:
    assert codes(signed(fresh(), *names)) == ["trust-threshold"]


def test_two_keys_of_one_maintainer_are_one_maintainer() -> None:
    files = fresh()
    files[ROOT] += signer_line("anna", f"trust.v1@{ORIGIN}", make.key("anna-2").public).encode()
    assert codes(signed(files, "anna", "anna-2")) == ["trust-threshold"]
    assert read(signed(files, "anna-2", "ben")).threshold == 2


def test_every_covered_file_is_held_to_its_digest() -> None:
    files = signed(fresh(), "anna", "ben")
    for path in covered(snapshot(files)):
        assert "trust-stale" in codes(files | {path: files[path] + b"# more\n"})
    assert "trust-stale" in codes(files | {"registry/keys/witnesses": b"quorum none\n"})
    assert "trust-stale" in codes(files | {"registry/providers.yaml": b"{}\n"})
    read(signed(files | {"registry/providers.yaml": b"{}\n"}, "anna", "ben"))


@pytest.mark.parametrize("path", [ROOT, CONTRIBUTORS, RUNNERS, REVOKED, LOG, "registry/policy.yaml"])
def test_no_file_may_be_missing(path: str) -> None:
    files = fresh()
    del files[path]
    assert "trust-file-missing" in codes(signed(files, "anna", "ben"))


def test_mistakes_of_every_kind_come_at_once() -> None:
    files = signed(fresh(), "anna") | {"registry/trust.sigs/ben.sig": b"no signature\n"}
    files[CONTRIBUTORS] += b"Bob ssh-ed25519 AAAA\n"
    files["registry/policy.yaml"] += b"colour: blue\n"
    found = codes(files)
    assert {"trust-stale", "principal-malformed", "key-namespace", "key-malformed", "signature-malformed"} <= {*found}
    assert len(found) == 7


def test_an_empty_tree_says_what_is_missing() -> None:
    assert set(codes({"README.md": b""})) == {"trust-missing", "trust-file-missing"}


def test_a_list_that_is_not_canonical_or_of_another_origin_is_refused() -> None:
    files = signed(fresh(), "anna", "ben")
    assert "not-canonical" in codes(files | {TRUST: files[TRUST] + b"\n"})
    assert "document-malformed" in codes(files | {TRUST: b"{}"})
    other = trust_list({path: files[path] for path in covered(snapshot(files))}, "example.com/other", 1)
    assert "trust-origin" in codes(files | {TRUST: other})


def test_a_signature_for_something_else_is_refused() -> None:
    files = signed(fresh(), "anna")
    wrong = sshsig.sign(make.key("ben"), files[TRUST], f"jobspec.v1@{ORIGIN}")
    assert codes(files | {"registry/trust.sigs/ben.sig": wrong}) == ["signature-namespace"]
    stale = sign_trust(files[TRUST] + b" ", ORIGIN, make.key("ben"))
    assert codes(files | {"registry/trust.sigs/ben.sig": stale}) == ["signature-wrong"]


# Key files


BOB = sshsig.public_line(make.key("bob").public)
SPACE = f'namespaces="jobspec.v1@{ORIGIN}"'


@pytest.mark.parametrize(
    ("text", "column", "code"),
    [
        (f"bob {BOB}\n", 5, "key-namespace"),
        (f'bob namespaces="git" {BOB}\n', 5, "key-namespace"),
        (f'bob namespaces="*" {BOB}\n', 5, "key-namespace"),
        (f"bob {SPACE},valid-before=20300101 {BOB}\n", 5, "key-option"),
        (f"bob cert-authority {BOB}\n", 5, "key-option"),
        (f"Bob {SPACE} {BOB}\n", 1, "principal-malformed"),
        (f"bob@example.org {SPACE} {BOB}\n", 1, "principal-malformed"),
        (f"* {SPACE} {BOB}\n", 1, "principal-malformed"),
        (f"bob,eve {SPACE} {BOB}\n", 1, "principal-malformed"),
        (f"bob {SPACE} {BOB[:-1]}\n", 6 + len(SPACE), "key-malformed"),
        (f"bob {SPACE} ssh-rsa AAAAB3NzaC1yc2E=\n", 6 + len(SPACE), "key-type-unsupported"),
        (f"bob {SPACE} {sshsig.public_line(SMALL_ORDER)}\n", 6 + len(SPACE), "key-small-order"),
        (f"bob {SPACE} {BOB}\r\n", 6 + len(SPACE) + len(BOB), "key-line-malformed"),
        (f"bob\t{SPACE} {BOB}\n", 4, "key-line-malformed"),
        (f"bob {SPACE} {BOB} \u202eelif\n", 7 + len(SPACE) + len(BOB), "key-line-malformed"),
        (f"bob {SPACE} {sshsig.public_line(make.key('alice').public)}\n", 1, "key-duplicate"),
        (f"bob {SPACE} {sshsig.public_line(make.key('anna').public)}\n", 1, "key-shared"),
    ],
)
def test_a_mistake_in_a_contributors_line(text: str, column: int, code: str) -> None:
    assert (CONTRIBUTORS, 3, column, code) in problems(appended(CONTRIBUTORS, text))


def test_a_comment_may_follow_a_key() -> None:
    assert problems(appended(CONTRIBUTORS, f"\n# Bob's laptop\nbob {SPACE} {BOB} Bob’s laptop, 2026\n")) == []


@pytest.mark.parametrize(
    "first", ["", "# threshold: 0", "# threshold: 17", "#threshold: 2", "# threshold: 2 ", "# threshold: ٢"]
)
def test_a_threshold_must_be_written_plainly(first: str) -> None:
    files = fresh()
    files[ROOT] = first.encode() + b"\n" + files[ROOT].partition(b"\n")[2]
    assert problems(files) == [(ROOT, 1, 1, "threshold-malformed")]


def test_a_threshold_must_be_within_reach() -> None:
    assert problems(fresh(threshold=3)) == [(ROOT, 1, 1, "threshold-unreachable")]


@pytest.mark.parametrize("taken", ["anna", "alice", "git", "receipt"])
def test_the_logs_key_is_nobody_elses(taken: str) -> None:
    assert problems(fresh(log_public=make.key(taken).public)) == [(LOG, 1, 1, "key-shared")]


def test_the_logs_key_has_the_origins_name() -> None:
    text = note.vkey("example.com/other", make.key("log").public) + "\n"
    assert problems(fresh() | {LOG: text.encode()}) == [(LOG, 1, 1, "vkey-name")]
    assert problems(fresh() | {LOG: b"what?\n"}) == [(LOG, 1, 1, "vkey-malformed")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{BOB} suspectFrom=12 stolen laptop\n", []),
        (f"{BOB}\n", [(REVOKED, 3, len(BOB) + 1, "revoked-index")]),
        (f"{BOB} suspectFrom=012\n", [(REVOKED, 3, len(BOB) + 2, "revoked-index")]),
        (f"{BOB} suspectFrom=1e3\n", [(REVOKED, 3, len(BOB) + 2, "revoked-index")]),
        (f"{sshsig.public_line(make.key('alice').public)} suspectFrom=1\n", [(REVOKED, 3, 1, "revoked-listed")]),
    ],
)
def test_revoked_keys(text: str, expected: list[tuple[str, int, int, str]]) -> None:
    files = appended(REVOKED, text)
    assert problems(files) == expected
    assert keyfiles.parse(files, ORIGIN)[0].revoked == ({} if expected else {make.key("bob").public: 12})


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.sampled_from([ROOT, CONTRIBUTORS, RUNNERS, REVOKED, LOG]), st.binary(max_size=120))
def test_any_bytes_are_either_read_or_a_problem(path: str, raw: bytes) -> None:
    found, mistakes = keyfiles.parse(fresh() | {path: raw}, ORIGIN)
    assert mistakes or (path in (CONTRIBUTORS, RUNNERS, REVOKED) and len(found.keys) <= 5)


# A list after a list


def logged(trust: Trust, *more: LogEntry) -> History:
    """The log after a trust list was taken up."""
    entries: list[LogEntry] = [e.Genesis(serial=trust.serial, trust=trust.digest, threshold=trust.threshold)]
    for key in trust.keys:
        entries.append(e.KeyAdd(role=key.role, principal=key.principal, key=sshsig.public_line(key.public)))
    return fold(entry.canonical() for entry in [*entries, *more])


def refused(previous: History, files: Mapping[str, bytes]) -> list[str]:
    with pytest.raises(Invalid) as caught:
        accepts(previous, snapshot(files))
    return [problem.code for problem in caught.value.problems]


def test_the_first_list_and_the_same_list_are_accepted() -> None:
    files = signed(fresh(), "anna", "ben")
    trust = accepts(History(), snapshot(files))
    assert accepts(logged(trust), snapshot(files)) == trust


def test_new_maintainers_need_the_old_ones() -> None:
    history = logged(read(signed(fresh(), "anna", "ben")))
    new = fresh(maintainers={name: make.key(name).public for name in ("carl", "dora")})
    assert refused(history, signed(new, "carl", "dora", serial=2)) == ["trust-threshold-previous"]
    assert refused(history, signed(new, "carl", "dora", "anna", serial=2)) == ["trust-threshold-previous"]
    trust = accepts(history, snapshot(signed(new, "carl", "dora", "anna", "ben", serial=2)))
    assert [key.principal for key in trust.of("maintainer")] == ["carl", "dora"]


def test_a_lower_threshold_needs_the_old_threshold() -> None:
    history = logged(read(signed(fresh(), "anna", "ben")))
    assert refused(history, signed(fresh(threshold=1), "anna", serial=2)) == ["trust-threshold-previous"]
    assert accepts(history, snapshot(signed(fresh(threshold=1), "anna", "ben", serial=2))).threshold == 1


def test_a_maintainer_changes_keys_by_signing_with_both() -> None:
    history = logged(read(signed(fresh(maintainers={"anna": make.key("anna").public}, threshold=1), "anna")))
    new = fresh(maintainers={"anna": make.key("anna-new").public}, threshold=1)
    assert refused(history, signed(new, "anna-new", serial=2)) == ["trust-threshold-previous"]
    assert accepts(history, snapshot(signed(new, "anna-new", "anna", serial=2))).serial == 2


@pytest.mark.parametrize("serial", [1, 2])
def test_an_older_list_is_refused(serial: int) -> None:
    history = logged(read(signed(fresh(), "anna", "ben", serial=2)))
    new = fresh(contributors={"bob": make.key("bob").public})
    assert refused(history, signed(new, "anna", "ben", serial=serial)) == ["trust-serial"]


def test_a_key_that_left_does_not_return_and_none_changes_its_role() -> None:
    bob = make.key("bob").public
    trust = read(signed(fresh(contributors={"alice": make.key("alice").public, "bob": bob}), "anna", "ben"))
    history = logged(trust, e.KeyRevoke(key=sshsig.public_line(bob), suspect_from=3))
    again = fresh(contributors={"bob": bob})
    assert refused(history, signed(again, "anna", "ben", serial=2)) == ["key-returned"]
    moved = fresh(contributors={}, runners={"runner-1": (make.key("alice").public, make.key("receipt").public)})
    assert refused(history, signed(moved, "anna", "ben", serial=2)) == ["key-returned"]


# Other people's tools


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine")
    return found


def test_ssh_keygen_takes_the_files_as_they_are(tmp_path: Path) -> None:
    program = tool("ssh-keygen")
    files = signed(appended(CONTRIBUTORS, f"# Bob\n\nbob {SPACE} {BOB} Bob’s laptop\n"), "anna", "ben")
    read(files)
    for path, raw in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(raw)

    def verifies(who: str, space: str, message: bytes, keys: str) -> bool:
        signature = tmp_path / "signature"
        signature.write_bytes(sshsig.sign(make.key(who), message, space))
        command = [program, "-Y", "verify", "-f", keys, "-I", who, "-n", space, "-s", str(signature), "-r", REVOKED]
        return subprocess.run(command, input=message, cwd=tmp_path, capture_output=True, check=False).returncode == 0

    assert verifies("anna", f"trust.v1@{ORIGIN}", files[TRUST], ROOT)
    assert verifies("bob", f"jobspec.v1@{ORIGIN}", b"a job", CONTRIBUTORS)
    assert not verifies("bob", f"trust.v1@{ORIGIN}", files[TRUST], CONTRIBUTORS)
    assert not verifies("bob", f"jobspec.v1@{ORIGIN}", b"a job", ROOT)
    (tmp_path / REVOKED).write_bytes(files[REVOKED] + f"{BOB} suspectFrom=12 stolen\n".encode())
    assert verifies("anna", f"trust.v1@{ORIGIN}", files[TRUST], ROOT)
    assert not verifies("bob", f"jobspec.v1@{ORIGIN}", b"a job", CONTRIBUTORS)


def test_git_takes_the_runners_file_as_it_is(tmp_path: Path) -> None:
    program = tool("git")
    tool("ssh-keygen")

    def git(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([program, *arguments], input=stdin, cwd=tmp_path, capture_output=True, check=False)

    git("init", "-q")
    (tmp_path / "runners").write_bytes(fresh()[RUNNERS])
    (tmp_path / "revoked").write_bytes(fresh()[REVOKED])
    git("config", "gpg.format", "ssh")
    git("config", "gpg.ssh.allowedSignersFile", str(tmp_path / "runners"))
    git("config", "gpg.ssh.revocationFile", str(tmp_path / "revoked"))
    tree = git("mktree").stdout.decode().strip()
    # Not at time 0: for such a commit git 2.39 writes its -r where ssh-keygen does not see it, and revokes nothing.
    person = "R <r@example.org> 1763780400 +0000"
    payload = f"tree {tree}\nauthor {person}\ncommitter {person}\n\nA commit\n".encode()

    def verifies(who: str) -> bool:
        raw = sshsig.sign_commit(make.key(who), payload)
        commit = git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw).stdout.decode().strip()
        return git("verify-commit", commit).returncode == 0

    assert verifies("git")
    assert not verifies("receipt")
    assert not verifies("alice")
    line = f"{sshsig.public_line(make.key('git').public)} suspectFrom=3\n"
    (tmp_path / "revoked").write_bytes(fresh()[REVOKED] + line.encode())
    assert not verifies("git")


# What `beacon explain` says


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (CONTRIBUTORS, "key-duplicate"),
        (CONTRIBUTORS, "key-line-malformed"),
        (CONTRIBUTORS, "key-namespace"),
        (CONTRIBUTORS, "key-option"),
        (CONTRIBUTORS, "principal-malformed"),
        (REVOKED, "revoked-index"),
    ],
)
def test_examples_of_lines_are_true(path: str, code: str) -> None:
    def found(example: str) -> set[str]:
        text = example.replace("<TAB>", "\t").replace("<CR>", "\r") + "\n"
        files = fresh(contributors={}) | {path: text.encode()}
        return {problem.code for problem in keyfiles.parse(files, ORIGIN)[1]}

    assert found(explained.ENTRIES[code].bad) == {code}
    assert found(explained.ENTRIES[code].good) == set()
