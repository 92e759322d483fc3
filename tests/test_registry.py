"""The registry lets a job run only if its exact bytes are signed by its owner and nothing is wrong with it; whatever
is wrong has one clear code in its place."""

from __future__ import annotations

import time
from typing import Any

import pytest

from runner import registry
from runner.errors import Invalid, Problem
from runner.formats import sshsig
from runner.model import sha256
from tests.make import ORIGIN, key
from tests.registries import CID, JOB, NAMESPACE, POLICY, Files, Keys, data, dump, files, merged, signed

SOURCE = "registry/benchmarks/echo/benchmark.py"


def judged(jobs: dict[str, bytes], policy: Any = POLICY, keys: Keys = Keys(), **modes: str) -> registry.Registry:  # noqa: B008 - frozen
    return registry.load(
        Files(files(jobs, policy), {path.replace("__", "/"): mode for path, mode in modes.items()}), keys
    )


def found(problems: tuple[Problem, ...]) -> set[tuple[str, str]]:
    return {(problem.path, problem.code) for problem in problems}


def of_job(*, policy: Any = POLICY, **changes: Any) -> tuple[Problem, ...]:
    """The problems of alice's signed job with these changes."""
    return judged(signed({JOB: dump(data(**changes))}), policy).problems


def test_a_number_without_quotes_hides_no_rule_that_is_broken() -> None:
    changes = {"metadata": {"owner": "zoe"}, "spec": {"compare": {"alpha": "0.01"}, "regions": [{"name": "APCA"}]}}
    raw = dump(data(**changes))
    codes = {code for _, code in found(judged(signed({JOB: raw})).problems)}
    assert codes >= {"owner-mismatch", "region-unknown"}
    bare = raw.replace(b'"0.01"', b"0.01")
    assert {code for _, code in found(judged(signed({JOB: bare})).problems)} == codes | {"yaml-float"}
    assert judged(signed({JOB: bare})).jobs == {}


def test_a_signed_job_of_its_owner_may_run() -> None:
    raw = dump(data())
    result = judged(signed({JOB: raw}))
    assert result.problems == ()
    job = result.jobs[JOB]
    assert (job.path, job.raw, job.sha256, job.key) == (JOB, raw, sha256(raw), key("alice").public)
    assert job.spec.path() == JOB
    assert sshsig.verify(job.signature, raw, registry.namespace(result.policy)) == job.key
    assert result.suspended == frozenset()


def test_a_job_in_a_suite_may_run() -> None:
    path = "registry/jobs/alice/nightly/who.yaml"
    result = judged(signed({path: dump(data(metadata={"suite": "nightly"}))}))
    assert (list(result.jobs), result.problems) == ([path], ())


# Signatures


def signature_problem(jobs: dict[str, bytes], keys: Keys | None = None) -> Problem:
    result = judged(jobs, keys=keys or Keys())
    [problem] = result.problems
    assert result.jobs == {}
    assert problem.path == JOB
    assert problem.help
    return problem


def test_an_unsigned_job_is_read_for_its_author_but_may_not_run() -> None:
    assert signature_problem({JOB: dump(data())}).code == "signature-missing"
    result = judged({JOB: dump(data(spec={"retries": 50}))})
    assert found(result.problems) == {(JOB, "signature-missing"), (JOB, "value-range")}


def test_one_changed_byte_breaks_the_signature() -> None:
    jobs = signed({JOB: dump(data())})
    assert signature_problem(jobs | {JOB: jobs[JOB] + b"\n"}).code == "signature-wrong"


def test_a_signature_of_another_file_does_not_hold() -> None:
    other = signed({JOB: dump(data(metadata={"title": "Another"}))})
    assert signature_problem({JOB: dump(data()), f"{JOB}.sig": other[f"{JOB}.sig"]}).code == "signature-wrong"


def test_a_signed_file_at_another_path_says_that_it_does_not_belong_there() -> None:
    raw = dump(data())
    result = judged(signed({"registry/jobs/alice/nightly/what.yaml": raw}))
    assert [problem.code for problem in result.problems] == ["suite-mismatch", "name-mismatch"]
    assert result.jobs == {}
    stolen = judged(signed({"registry/jobs/bob/who.yaml": raw}))
    assert [problem.code for problem in stolen.problems] == ["signer-not-owner", "owner-mismatch"]


@pytest.mark.parametrize("namespace", ["git", "jobspec.v1@example.org/another/log", f"trust.v1@{ORIGIN}"])
def test_a_signature_for_another_purpose_or_repository_does_not_hold(namespace: str) -> None:
    assert signature_problem(signed({JOB: dump(data())}, namespace=namespace)).code == "signature-namespace"


def test_signers_that_are_unknown_or_not_the_owner_are_told_apart() -> None:
    jobs = {JOB: dump(data())}
    assert signature_problem(signed(jobs, "mallory")).code == "signer-unknown"
    problem = signature_problem(signed(jobs, "bob"))
    assert problem.code == "signer-not-owner"
    assert problem.message == "signed by bob; the folder is alice's"


def test_a_revoked_key_signs_nothing_more() -> None:
    revoked = Keys(revoked={key("alice").public: 7})
    assert signature_problem(signed({JOB: dump(data())}), revoked).code == "key-revoked"


def test_a_file_that_is_no_signature_is_told_so() -> None:
    assert signature_problem({JOB: dump(data()), f"{JOB}.sig": b"-----BEGIN"}).code == "signature-malformed"


# Paths and modes


@pytest.mark.parametrize("mode", ["120000", "100755", "160000"])
@pytest.mark.parametrize("path", [JOB, SOURCE, f"{JOB}.sig"])
def test_links_executables_and_submodules_are_refused_anywhere(mode: str, path: str) -> None:
    result = registry.load(Files(files(signed({JOB: dump(data())})), {path: mode}), Keys())
    assert (path, "file-mode") in found(result.problems)
    assert result.jobs == {}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("registry/jobs/Alice/who.yaml", "path-invalid"),
        ("registry/jobs/alice/Who.yaml", "path-invalid"),
        ("registry/jobs/\u0430lice/who.yaml", "path-invalid"),
        ("registry/jobs/alice/../bob/who.yaml", "path-invalid"),
        ("registry/jobs/alice/./who.yaml", "path-invalid"),
        ("registry/jobs/alice//who.yaml", "path-invalid"),
        ("registry/jobs/alice/-who.yaml", "path-invalid"),
        ("registry/jobs/alice/who.yaml\n.yaml", "path-invalid"),
        ("registry/jobs/who.yaml", "path-invalid"),
        ("registry/jobs/alice/a/b/who.yaml", "path-invalid"),
        (f"registry/jobs/alice/{'w' * 64}.yaml", "path-invalid"),
        ("registry/jobs/alice/runs.yaml", "path-reserved"),
        ("registry/jobs/alice/runs/who.yaml", "path-reserved"),
        ("registry/jobs/runs/who.yaml", "path-reserved"),
        ("registry/jobs/alice/who.yml", "file-unknown"),
        ("registry/jobs/alice/notes.txt", "file-unknown"),
        ("registry/keys/id_ed25519", "file-unknown"),
        ("registry/Policy.yaml", "file-unknown"),
        ("registry/benchmarks/Echo/benchmark.py", "path-invalid"),
        ("registry/benchmarks/echo/.git/config", "path-invalid"),
        ("registry/benchmarks/echo/../who.py", "path-invalid"),
        ("registry/jobs/alice/what.yaml.sig", "signature-orphan"),
    ],
)
def test_files_stand_where_they_belong(path: str, code: str) -> None:
    result = judged({**signed({JOB: dump(data())}), path: dump(data())})
    assert found(result.problems) == {(path, code)}
    assert list(result.jobs) == [JOB]


def test_a_look_alike_letter_is_named() -> None:
    [problem] = judged({"registry/jobs/\u0430lice/who.yaml": b""}).problems
    assert "U+0430 is CYRILLIC SMALL LETTER A" in problem.message


def test_a_suite_and_a_job_of_one_owner_may_not_share_a_name() -> None:
    suite, single = "registry/jobs/alice/nightly/who.yaml", "registry/jobs/alice/nightly.yaml"
    raw = {suite: dump(data(metadata={"suite": "nightly"})), single: dump(data(metadata={"name": "nightly"}))}
    result = judged(signed(raw))
    assert found(result.problems) == {(suite, "path-conflict"), (single, "path-conflict")}
    assert result.jobs == {}
    bob = signed({"registry/jobs/bob/nightly.yaml": dump(data(metadata={"owner": "bob", "name": "nightly"}))}, "bob")
    assert judged(signed({suite: raw[suite]}) | bob).problems == ()


# The document


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"a: 1\na: 2\n", "yaml-duplicate-key"),
        (b"a: &x 1\nb: *x\n", "yaml-alias"),
        (b"a:\tb\n", "yaml-tab"),
        (b"a: b\r\n", "yaml-cr"),
        (b"a: " + b"x" * 10_000_000 + b"\n", "yaml-size"),
        (b"[" * 1_000 + b"\n", "yaml-depth"),
        (b"\xff\n", "yaml-utf8"),
        (b"[]\n", "value-type"),
    ],
)
def test_hostile_files_are_problems_even_when_signed(raw: bytes, code: str) -> None:
    result = judged(signed({JOB: raw}))
    assert (JOB, code) in found(result.problems)
    assert result.jobs == {}


def test_a_problem_stands_where_its_value_does() -> None:
    raw = dump(data(spec={"regions": [{"name": "EU"}, {"name": "US"}, {"name": "APCA"}]}))
    [problem] = judged(signed({JOB: raw})).problems
    line = raw.decode().split("\n").index('  - "name": "APCA"') + 1
    assert problem == Problem(
        JOB, line, 13, "region-unknown", '"APCA" is not a region', 'did you mean "APAC"?', '  - "name": "APCA"', 6
    )


PROMPTS = [{"id": f"p{number}", "text": "Who?"} for number in range(60)]
CONTAINER: dict[str, Any] = {"kind": "container", "name": "a", "image": {}, "command": ["run"]}
SERVICE = {"kind": "service", "name": "b", "provider": "unheard-of", "model": "m"}
DIGEST = "@sha256:" + "0" * 64


def image(**forms: Any) -> dict[str, Any]:
    return {"targets": [CONTAINER | {"image": forms}]}


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        ({"regions": [{"name": "EU", "countries": ["SG"]}, {"name": "US"}, {"name": "APAC"}]}, "country-unknown", "SG"),
        ({"regions": [{"name": "EU"}, {"name": "US"}]}, "regions-too-few", "2 regions are"),
        ({"regions": [{"name": "EU"}, {"name": "US"}, {"name": "EU"}]}, "id-duplicate", "first as number 1"),
        ({"prompts": PROMPTS[:2] + PROMPTS[:1]}, "id-duplicate", "p0"),
        ({"targets": [SERVICE | {"provider": "openrouter"}] * 2}, "id-duplicate", '"b"'),
        ({"targets": [SERVICE]}, "service-refused", "unheard-of"),
        (image(), "image-empty", "no form"),
        (image(oci="docker.io/acme/who:latest"), "image-digest-missing", "digest"),
        (image(oci="docker.io/acme-evil/who" + DIGEST), "image-refused", "acme-evil"),
        (image(oci="docker.io/acmewho" + DIGEST), "image-refused", "acmewho"),
        (image(source={"benchmark": "ehco", "cid": CID}), "benchmark-missing", "ehco"),
        (image(source={"benchmark": "echo", "cid": CID[:-1] + "a"}), "benchmark-cid", "another CID"),
        ({"sampling": {"providers": 9}}, "cap-exceeded", "9 providers; the policy allows 8"),
        ({"prompts": PROMPTS}, "cap-exceeded", "60 prompts"),
        ({"prompts": PROMPTS[:50], "sampling": {"providers": 8, "replicas": 16}}, "cap-exceeded", "19200 answers"),
        ({"limits": {"outputKiB": 1024}}, "cap-exceeded", "outputKiB"),
        ({"limits": {"cpus": 5}}, "cap-exceeded", "cpus"),
        ({"budget": {"total": "10.01", "perRegion": "1"}}, "budget-exceeded", "allows 10 for one run"),
        ({"budget": {"total": "1", "perRegion": "1.000000000000000001"}}, "budget-order", "perRegion"),
        ({"limits": {"runSeconds": 600, "totalSeconds": 599}}, "limits-order", "599"),
        ({"compare": {"alpha": "0"}}, "alpha-range", "alpha is 0"),
        ({"compare": {"alpha": "0.21"}}, "alpha-range", "0.2"),
        ({"schedule": "0 3 * * 1 *"}, "schedule-invalid", "6 fields"),
        ({"schedule": "61 3 * * 1"}, "schedule-invalid", "minute"),
        ({"schedule": "0 0 30 2 *"}, "schedule-invalid", "day"),
        ({"schedule": "0 0 L/2 * *"}, "", ""),
        ({"schedule": "0 0 L-2 * *"}, "schedule-invalid", ""),
        ({"schedule": "0,1 3 * * 1"}, "schedule-too-often", "every 60 s"),
        ({"schedule": "*/30 * * * *"}, "schedule-too-often", "every 1800 s"),
        ({"schedule": "0 * * * *"}, "", ""),
        (image(oci="docker.io/acme/who" + DIGEST), "", ""),
        ({"budget": {"total": "10", "perRegion": "10"}}, "", ""),
    ],
)
def test_what_needs_more_than_one_field_or_the_policy(spec: dict[str, Any], code: str, message: str) -> None:
    problems = of_job(spec=spec)
    assert {problem.code for problem in problems} == ({code} if code else set())
    assert all(problem.line for problem in problems)
    assert not code or any(message in problem.message for problem in problems)


def test_the_right_cid_is_told() -> None:
    [problem] = of_job(spec=image(source={"benchmark": "echo", "cid": CID[:-1] + "a"}))
    assert CID in problem.help


def test_sources_run_only_where_the_policy_says_so() -> None:
    [problem] = of_job(policy=merged(POLICY, {"images": {"sources": False}}))
    assert problem.code == "image-source-refused"


def test_money_needs_leave() -> None:
    without = {name: value for name, value in POLICY.items() if name != "budgets"}
    [problem] = of_job(policy=without, spec={"budget": {"total": "0.01", "perRegion": "0.01"}})
    assert problem.code == "budget-exceeded"
    assert of_job(policy=without) == ()
    [problem] = of_job(
        policy=merged(POLICY, {"budgets": {"month": {"GLM": "3"}}}), spec={"budget": {"total": "4", "perRegion": "1"}}
    )
    assert problem.message == "4 GLM for one run; the policy allows 3 for everybody in a month"


SECRETS = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "a1" * 18,
    "github_pat_" + "a1" * 20,
    "-----BEGIN OPENSSH PRIVATE " + "KEY-----",
    "-----BEGIN RSA PRIVATE " + "KEY-----",
    "sk-proj-" + "a1b2" * 6,
    "glpat-" + "a1" * 10,
    "xoxb-" + "123456789012-abc",
    "AIza" + "a" * 35,
    "hf_" + "a" * 34,
    ".".join(["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0In0", "c2ln"]),
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("place", ["prompt", "command", "parameter", "label"])
def test_secrets_are_found_wherever_they_stand_and_never_repeated(secret: str, place: str) -> None:
    changes = {
        "prompt": {"spec": {"prompts": [{"id": "p", "text": f"Use {secret} now"}]}},
        "command": {"spec": {"targets": [CONTAINER | {"image": {"gvmi": "a" * 56}, "command": ["run", secret]}]}},
        "parameter": {"spec": {"targets": [SERVICE | {"provider": "openrouter", "parameters": {"key": secret}}]}},
        "label": {"metadata": {"labels": {"key": secret[:63]}}},
    }[place]
    problems = of_job(**changes)
    assert {problem.code for problem in problems} == {"secret-found"}
    assert not any(secret in str(problem) for problem in problems)


def test_a_secret_is_told_however_wrong_the_form_is() -> None:
    prompts = [{"id": "p", "text": f"Use {SECRETS[0]} now"}]
    problems = of_job(metadata={"owner": "somebody-else"}, spec={"prompts": prompts, "region": [], "minRegions": "3"})
    assert [problem.code for problem in problems] == ["field-unknown", "value-type", "secret-found"]


@pytest.mark.parametrize("secret", [one for one in SECRETS if " " not in one])
@pytest.mark.parametrize(
    ("place", "codes"),
    [
        ('"minRegions": SECRET', {"value-type", "secret-found"}),
        ('"minRegions": "SECRET"', {"value-type", "secret-found"}),
        ('"SECRET": "x"', {"field-unknown", "secret-found"}),
        ('"minRegions": !SECRET "x"', {"yaml-tag", "secret-found"}),
        ('"minRegions": ["SECRET"', {"yaml-syntax", "secret-found"}),
        ('"minRegions": 2  # SECRET', {"secret-found"}),
    ],
)
def test_no_mistake_on_a_secrets_line_repeats_it(place: str, codes: set[str], secret: str) -> None:
    raw = dump(data()).replace(b'  "prompts"', f"""  {place.replace("SECRET", secret)}\n  "prompts\"""".encode())
    problems = judged(signed({JOB: raw})).problems
    assert {problem.code for problem in problems} == codes
    assert [problem.line for problem in problems if problem.code == "secret-found"] == [19]
    assert not any(secret[:16] in str(problem) for problem in problems)


def test_secrets_in_plain_sight_and_in_disguise_are_told_together() -> None:
    plain, escaped = "ghp_" + "a1" * 18, "AKIA" + "IOSFODNN7EXAMPLE"
    fields = f'  # {plain}\n  "minRegions": "\\x41{escaped[1:]}"\n  "prompts"'
    problems = judged(signed({JOB: dump(data()).replace(b'  "prompts"', fields.encode())})).problems
    assert [(one.code, one.line) for one in problems] == [
        ("value-type", 20),
        ("secret-found", 19),
        ("secret-found", 20),
    ]
    assert (problems[1].column, problems[1].width) == (5, len(plain))
    assert not any(secret[:16] in str(problem) for problem in problems for secret in (plain, escaped))


def test_a_private_keys_lines_are_not_shown_where_it_is_badly_pasted() -> None:
    body = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW"
    pem = f"{SECRETS[3]}\n{body}\n{body}=\n"
    problems = judged(signed({JOB: dump(data()) + pem.encode()})).problems
    assert {problem.code for problem in problems} == {"yaml-syntax", "secret-found"}
    assert not any(body[:16] in str(problem) for problem in problems)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to jane.doe@gmail.com today", "e-mail"),
        ("Call +49 151 1234 5678 now", "telephone"),
        ("Pay with 4111 1111 1111 1111", "card"),
        ("Pay with 4111111111111111.", "card"),
        ("Pay with 3782-822463-10005", "card"),
        ("Pay to DE89 3704 0044 0532 0130 00 TODAY", "IBAN"),
    ],
)
def test_personal_data_is_found(text: str, kind: str) -> None:
    [problem] = of_job(spec={"prompts": [{"id": "p", "text": text}]})
    assert problem.code == "personal-data"
    assert kind in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "Write to alice@example.org or bob@mail.example.com",
        "What is 4111 1111 1111 1112 + 12345678?",
        "A task-force-of-people-with-a-long-name asks",
        "DE89 3704 0044 0532 0130 01 has a wrong check digit",
        "2 + 2 = 4, at 03:00 on 2026-11-22, version 1.2.3, 00000000000000000000",
    ],
)
def test_what_only_looks_a_little_like_it_is_not(text: str) -> None:
    assert of_job(spec={"prompts": [{"id": "p", "text": text}]}) == ()


def test_the_policy_refuses_texts_in_either_case() -> None:
    [problem] = of_job(spec={"prompts": [{"id": "p", "text": "This is CONFIDENTIAL"}]})
    assert (problem.code, "confidential" in problem.message) == ("text-refused", True)


# The rest of the registry


def test_the_policy_is_needed_and_strict() -> None:
    with pytest.raises(Invalid) as missing:
        registry.load(Files({JOB: dump(data())}), Keys())
    assert missing.value.code == "policy-missing"
    for mode in ("120000", "100755"):
        with pytest.raises(Invalid) as linked:
            registry.load(Files(files({}), {"registry/policy.yaml": mode}), Keys())
        assert linked.value.code == "file-mode"
    with pytest.raises(Invalid) as wrong:
        judged({}, merged(POLICY, {"caps": {"provders": 3}, "log": {"origin": "https://x"}}))
    assert [problem.code for problem in wrong.value.problems] == ["value-pattern", "field-unknown"]


def test_suspended_jobs_are_listed_and_misspelt_ones_found() -> None:
    jobs = signed({JOB: dump(data())})
    suspended = f"# broken since Monday\n{JOB}\n\nregistry/jobs/alice/wo.yaml\n".encode()
    result = judged({**jobs, "registry/suspended": suspended})
    assert result.suspended == {JOB, "registry/jobs/alice/wo.yaml"}
    [problem] = result.problems
    assert (problem.location(), problem.code, problem.severity) == (
        "registry/suspended:4:1",
        "suspended-unknown",
        "warning",
    )
    assert problem.help == f'did you mean "{JOB}"?'


def test_ten_thousand_jobs_cost_seconds_not_minutes() -> None:
    """The figure to reach, 6 s for 10,000, is measured in tests/bench; this holds the order of magnitude."""
    jobs = {}
    for number in range(300):
        raw = dump(data(metadata={"name": f"job-{number}"}, spec={"schedule": f"{number % 60} {number % 24} * * 1"}))
        jobs[f"registry/jobs/alice/job-{number}.yaml"] = raw
    snapshot = Files(files(signed(jobs)))
    start = time.process_time()
    result = registry.load(snapshot, Keys())
    assert len(result.jobs) == 300
    assert time.process_time() - start < 300 * 0.005


def test_namespaces_name_the_log() -> None:
    assert registry.namespace(judged({}).policy) == NAMESPACE
