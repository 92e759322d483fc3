"""Where files may stand below `registry/`, and what they are. Judged on names and modes alone; nothing is read.

Every file is a plain one (git's mode 100644): a link would let one path speak for another, a submodule for another
repository. Every part of a job's path is an id, so no two paths differ only in case, in look-alike letters or in `..`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from runner.errors import Problem
from runner.ports import Blob

JOBS = "registry/jobs/"
RESERVED = "runs"

_ID = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_JOB = re.compile(rf"registry/jobs/(?P<owner>{_ID})/(?:(?P<suite>{_ID})/)?(?P<name>{_ID})\.yaml(?P<signature>\.sig)?")
_FILE = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}"
_BENCHMARK = re.compile(rf"registry/benchmarks/(?P<name>{_ID})/(?:{_FILE}/){{0,8}}{_FILE}")
_OTHERS = re.compile(
    r"registry/(?:README\.md|policy\.yaml|providers\.yaml|suspended|trust\.json"
    rf"|keys/(?:root|allowed_signers|runners|revoked|log\.vkey|witnesses)|trust\.sigs/{_ID}\.sig)"
)
_MODES = {"100755": "an executable", "120000": "a symbolic link", "160000": "a submodule"}


class Tree(NamedTuple):
    """The files below `registry/`, sorted by what they are. What has a problem with its name or mode is in none."""

    jobs: Sequence[str]
    signatures: Sequence[str]
    benchmarks: Mapping[str, Sequence[str]]
    problems: tuple[Problem, ...]


def judge_tree(files: Mapping[str, Blob]) -> Tree:
    """Sort the files of `registry/` (full paths)."""
    problems: list[Problem] = []
    jobs: dict[str, re.Match[str]] = {}
    signatures: dict[str, str] = {}
    benchmarks: dict[str, list[str]] = {}
    for path, blob in files.items():
        if blob.mode != "100644":
            problems.append(_mode(path, blob.mode))
        elif match := _JOB.fullmatch(path):
            if RESERVED in match.group("owner", "suite", "name"):
                message = f'"{RESERVED}" is the name of the folder of runs in reports/'
                problems.append(Problem(path, 0, 0, "path-reserved", message, "choose another name"))
            elif match["signature"]:
                signatures[path] = path.removesuffix(".sig")
            else:
                jobs[path] = match
        elif match := _BENCHMARK.fullmatch(path):
            benchmarks.setdefault(match["name"], []).append(path)
        elif not _OTHERS.fullmatch(path):
            problems.append(_misplaced(path))
    problems += _orphans(signatures, files)
    problems += _conflicts(jobs)
    return Tree(list(jobs), list(signatures), benchmarks, tuple(problems))


def _mode(path: str, mode: str) -> Problem:
    message = f"{_MODES.get(mode, 'a file')} of mode {mode}; only plain files (100644) are read"
    hint = f"git update-index --chmod=-x {path}" if mode == "100755" else "commit the file's own bytes"
    return Problem(path, 0, 0, "file-mode", message, hint)


def _misplaced(path: str) -> Problem:
    """A path that fits nowhere: a wrong name at a right place, or a file that nobody reads."""
    below_jobs = path.startswith(JOBS) and path.endswith((".yaml", ".yaml.sig"))
    if below_jobs or path.startswith("registry/benchmarks/"):
        wanted = "registry/jobs/OWNER/[SUITE/]NAME.yaml" if below_jobs else "registry/benchmarks/NAME/FILE"
        hint = f"{wanted}; names of OWNER, SUITE, NAME have a to z, 0 to 9 and inner hyphens"
        return Problem(path, 0, 0, "path-invalid", f"no file may have this path{_odd(path)}", hint)
    hint = (
        "a job's file ends in .yaml"
        if path.endswith(".yml")
        else "remove it; registry/README.md says what belongs here"
    )
    return Problem(path, 0, 0, "file-unknown", "nothing reads a file of this name", hint)


def _odd(path: str) -> str:
    """Names the first character that only looks like a Latin one."""
    for character in path:
        if not character.isascii():
            return f": U+{ord(character):04X} is {unicodedata.name(character, 'unnamed')}"
    return ""


def _orphans(signatures: Mapping[str, str], files: Mapping[str, object]) -> Iterator[Problem]:
    """Signatures of nothing. A job that is there but no plain file is told once."""
    for path, job in signatures.items():
        if job not in files:
            message = f"there is no job {job.rpartition('/')[2]} beside this signature"
            yield Problem(path, 0, 0, "signature-orphan", message, "remove it, or add the job")


def _conflicts(jobs: Mapping[str, re.Match[str]]) -> Iterator[Problem]:
    """A suite and a job of one name would share a folder of `reports/`."""
    suites = {(match["owner"], match["suite"]) for match in jobs.values()}
    singles = {(match["owner"], match["name"]) for match in jobs.values() if match["suite"] is None}
    for path, match in jobs.items():
        name = match["suite"] or match["name"]
        if (match["owner"], name) in suites and (match["owner"], name) in singles:
            message = f'{match["owner"]} has a suite and a job of the name "{name}"'
            yield Problem(path, 0, 0, "path-conflict", message, "rename one of them")
