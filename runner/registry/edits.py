"""Small changes of a registry's files that leave every other byte alone: suspended jobs, and a job's revision. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from runner.diagnostics import did_you_mean
from runner.errors import Invalid, Usage
from runner.formats import strictyaml

_REVISION = ("metadata", "revision")
MOST_REVISIONS = 2**31 - 1


def job_called(jobs: Collection[str], which: str) -> str:
    """The path of the job that is meant: by its path, `OWNER/[SUITE/]NAME`, or the end of that. Raises `Usage`."""
    names = {path: path.removeprefix("registry/jobs/").removesuffix(".yaml") for path in jobs}
    exact = [path for path, name in names.items() if which in (path, name)]
    found = exact or [path for path, name in names.items() if name.endswith(f"/{which}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise Usage("job-unknown", f"{len(found)} jobs are called {which!r}: {', '.join(sorted(found)[:5])}")
    meant = did_you_mean(which, {*names, *names.values(), *(name.rpartition("/")[2] for name in names.values())})
    raise Usage("job-unknown", f"no job is called {which!r}{meant}", "`beacon status` lists all jobs")


def listed(raw: bytes) -> frozenset[str]:
    """The paths in `registry/suspended`, whether there are such jobs or not."""
    paths = (line.strip() for line in raw.decode(errors="replace").split("\n"))
    return frozenset(path for path in paths if path and not path.startswith("#"))


def suspend(raw: bytes, jobs: Iterable[str]) -> bytes:
    """`registry/suspended` with these paths too, at its end."""
    there = listed(raw)
    news = [job for job in dict.fromkeys(jobs) if job not in there]
    if not news:
        return raw
    before = raw if not raw or raw.endswith(b"\n") else raw + b"\n"
    return before + "".join(f"{job}\n" for job in news).encode()


def resume(raw: bytes, jobs: Iterable[str]) -> bytes:
    """`registry/suspended` without the lines of these paths."""
    gone = {job.encode() for job in jobs}
    return b"".join(line for line in raw.splitlines(keepends=True) if line.strip() not in gone)


def raised(raw: bytes, path: str) -> tuple[bytes, int]:
    """A JobSpec with its revision raised by one, and the new revision. Raises `Invalid` where the file is no strict
    YAML, or holds no revision that stands where the parser says."""
    parsed = strictyaml.load(raw, path)
    metadata = parsed.data.get("metadata") if isinstance(parsed.data, dict) else None
    found = metadata.get("revision") if isinstance(metadata, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found < MOST_REVISIONS:
        where = _REVISION if _REVISION in parsed.marks else ("metadata",) if ("metadata",) in parsed.marks else ()
        message = f"metadata.revision has to be an integer from 1 to {MOST_REVISIONS - 1} to be raised"
        raise Invalid([parsed.problem(where, "revision-fixed", message, "write `revision: 1` below `metadata:`")])
    mark = parsed.marks[_REVISION]
    lines = raw.decode().split("\n")
    line = lines[mark.line - 1]
    begin, end = mark.column - 1, mark.column - 1 + len(str(found))
    if line[begin:end] != str(found):
        message = f"the revision {found} is not found at its place"
        raise Invalid([parsed.problem(_REVISION, "revision-fixed", message, "write it as a plain integer")])
    lines[mark.line - 1] = f"{line[:begin]}{found + 1}{line[end:]}"
    changed = "\n".join(lines).encode()
    assert strictyaml.load(changed, path).data["metadata"]["revision"] == found + 1, "only the revision changed"
    return changed, found + 1
