"""Verbs that change files of a registry on disk, for a pull request: suspend, resume, rerun. They commit nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from runner.commands.console import JsonFlag, line, note, put_json
from runner.commands.operate import RepoOption
from runner.commands.places import checkout
from runner.commands.start import warn_unlisted
from runner.edges.folder import FolderSnapshot
from runner.edges.keys import load_signer
from runner.errors import Usage
from runner.formats.sshsig import sign
from runner.registry import SUSPENDED, load_policy
from runner.registry.edits import job_called, listed, raised
from runner.registry.edits import resume as without
from runner.registry.edits import suspend as with_them
from runner.registry.tree import judge_tree
from runner.state import demand_registry

Jobs = Annotated[list[str], typer.Argument(metavar="JOB", help="Jobs, by path or by OWNER/NAME.")]


def suspend(jobs: Jobs, repo: RepoOption = Path(), as_json: JsonFlag = False) -> None:
    """List jobs in registry/suspended: once that is merged, nothing of theirs is started. What runs goes on."""
    root, found = _registry(repo)
    paths = [job_called(found, which) for which in jobs]
    _change(root, paths, with_them, as_json, "suspend")


def resume(jobs: Jobs, repo: RepoOption = Path(), as_json: JsonFlag = False) -> None:
    """Take jobs off registry/suspended: once that is merged, they are run again."""
    root, found = _registry(repo)
    known = {*found, *listed(_read(root / SUSPENDED))}  # a job that was removed may still be on the list
    paths = [job_called(known, which) for which in jobs]
    _change(root, paths, without, as_json, "resume")


def rerun(
    job: Annotated[str, typer.Argument(metavar="JOB", help="A job, by path or by OWNER/NAME.")],
    key: Annotated[Path, typer.Option("--key", "-k", help="Private key, OpenSSH format, Ed25519.")],
    repo: RepoOption = Path(),
    as_json: JsonFlag = False,
) -> None:
    """Ask for a job once more: raise its metadata.revision by one, change nothing else, and sign it anew."""
    root, found = _registry(repo)
    path, signer = job_called(found, job), load_signer(key)
    raw, revision = raised(_read(root / path), path)
    namespace = f"jobspec.v1@{load_policy(FolderSnapshot(root)).log.origin}"
    signature = sign(signer, raw, namespace)
    (root / path).write_bytes(raw)
    (root / f"{path}.sig").write_bytes(signature)
    if as_json:
        put_json({"job": path, "revision": revision, "signature": f"{path}.sig"}, "rerun")
    else:
        line(f"{path}: revision {revision}, signed")
        note("commit both files; once they are merged, the job is run again")
    warn_unlisted(root, path, signer.public)


def _registry(repo: Path) -> tuple[Path, tuple[str, ...]]:
    """The top of the work tree, and the paths of its jobs."""
    root = checkout(repo)
    snapshot = FolderSnapshot(root)
    demand_registry(snapshot, str(root))
    return root, tuple(judge_tree(snapshot.files("registry")).jobs)


def _change(
    root: Path, paths: list[str], edit: Callable[[bytes, Iterable[str]], bytes], as_json: bool, schema: str
) -> None:
    file = root / SUSPENDED
    before = _read(file)
    after = edit(before, paths)
    if after != before:
        file.write_bytes(after)
    if as_json:
        put_json({"jobs": paths, "changed": after != before, "suspended": sorted(listed(after))}, schema)
        return
    for path in sorted(listed(after)):
        line(path)
    count = len(listed(after))
    names = f"names {count or 'no'} job{'' if count == 1 else 's'}; commit it"
    note(f"{SUSPENDED} {names if after != before else 'says so already'}")


def _read(file: Path) -> bytes:
    """A file of the work tree; nothing for `registry/suspended` where there is none. No link is followed out of it."""
    if file.is_symlink():
        raise Usage("file-unreadable", f"{file} is a symbolic link", "put a file in its place")
    try:
        return file.read_bytes() if file.exists() or file.name != "suspended" else b""
    except OSError as error:
        raise Usage("file-unreadable", f"{file}: {error.strerror}") from None
