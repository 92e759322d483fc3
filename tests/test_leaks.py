"""Secrets are found wherever they stand, by line, and are never repeated in what is said about them."""

from __future__ import annotations

import base64
import json

import pytest

from runner.registry.leaks import Leak, leaks
from tests import make

SEED = bytes(range(7, 39))
PASSWORD = 'correct "horse"\n\\ battery é'
ARMOR = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        (ARMOR, "private key"),
        (ARMOR.replace(b"OPENSSH ", b""), "private key"),
        (ARMOR.replace(b"OPENSSH", b"RSA"), "private key"),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----", "private key"),
        (b"AKIA" + b"ABCDEFGH23456723", "AWS access key"),
        (b"ghp_" + b"a1B2" * 9, "GitHub token"),
        (b"github_pat_" + b"a1B2_" * 12, "GitHub token, fine-grained"),
        (b"glpat-" + b"a1B2-" * 4, "GitLab token"),
        (b"sk-" + b"a1B2" * 12, "API key (sk-…)"),
        (b"sk-proj-" + b"a1_B" * 12, "API key (sk-…)"),
        (b"AIza" + b"a1-B2" * 7, "Google API key"),
        (b"xoxb-" + b"1234567890-", "Slack token"),
        (b"hf_" + b"aB1" * 11, "Hugging Face token"),
    ],
)
def test_shapes(secret: bytes, kind: str) -> None:
    assert leaks({"a.txt": b"one\ntwo " + secret + b" end", "b.txt": b"fine"}) == [Leak("a.txt", 2, kind)]


@pytest.mark.parametrize(
    "text",
    [
        b"The task-oriented desk-" + b"x" * 40,
        b"-----BEGIN PUBLIC KEY-----",
        b"-----BEGIN SSH SIGNATURE-----",
        b"sk-short AKIA ghp_ hf_ AIza",
        b"MAKIA" + b"A" * 16,
        b"AKIAIOSFODNN7EXAMPLE in Amazon's own manual",
        b"an sk-learn-compatible-estimator-of-some-kind",
    ],
)
def test_ordinary_text_is_no_secret(text: bytes) -> None:
    assert leaks({"a.txt": text}) == []


@pytest.mark.parametrize(
    "written",
    [
        SEED,
        SEED.hex().encode(),
        SEED.hex().upper().encode(),
        base64.b64encode(SEED),
        PASSWORD.encode(),
        json.dumps({"output": PASSWORD}).encode(),
        json.dumps({"output": PASSWORD}, ensure_ascii=False).encode(),
    ],
)
def test_known_secrets_however_written(written: bytes) -> None:
    found = leaks({"transcripts/a.json": b"\n\n" + written}, [SEED, PASSWORD.encode()])
    assert found == [Leak("transcripts/a.json", 3, "known secret")]
    assert PASSWORD not in repr(found)
    assert SEED.hex() not in repr(found)


def test_the_first_place_of_each_kind() -> None:
    content = b"\n".join([b"hf_" + b"aB1" * 11, ARMOR, ARMOR, SEED])
    assert leaks({"a": content, "b": ARMOR}, [SEED]) == [
        Leak("a", 10, "known secret"),
        Leak("a", 2, "private key"),
        Leak("a", 1, "Hugging Face token"),
        Leak("b", 1, "private key"),
    ]


def test_inside_a_receipts_payload() -> None:
    files = make.bundle(lambda cell: "fine").files
    assert leaks(files, [SEED]) == []
    run, spec = make.run_of(make.job_bytes(), make.job()), make.job()
    results = [result._replace(reason="token " + SEED.hex()) for result in make.results(run, spec, lambda cell: "fine")]
    sealed = make.files_of(make.job_bytes(), run, spec, results)
    assert {(leak.line, leak.kind) for leak in leaks(sealed, [SEED])} == {(0, "known secret")}
    assert len(leaks(sealed, [SEED])) == len(results)


def test_a_megabyte_of_anything_is_searched_quickly() -> None:
    hostile = [b"sk-" * 350_000, b"sk-a-" * 200_000, b"-----BEGIN " * 95_000, b"ghp_" * 250_000, b"xoxb-" * 200_000]
    assert [len(leaks({"a.txt": content}, [SEED])) for content in hostile] == [0, 0, 0, 0, 1]
