"""Pull requests of a fork, on a scratch remote: what GitHub makes of them, and the machines that work on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.commands.places import git
from tests.actions import REGISTRY, Hosted
from tests.forge import Forge
from tests.scratch import Scratch


def commit(place: Scratch, message: str) -> None:
    """Commit everything, as people do, and push nothing."""
    git(place.clone, "add", "--all")
    who = ("-c", "user.name=Eve", "-c", "user.email=eve@example.org", "-c", "commit.gpgsign=false")
    git(place.clone, *who, "commit", "--quiet", "--message", message)


def propose(place: Scratch, number: int = 12) -> tuple[str, str]:
    """What is committed in the clone becomes a pull request: its head, and the merge that GitHub tries."""
    head = git(place.clone, "rev-parse", "HEAD")
    git(place.clone, "fetch", "--quiet", "origin")
    base = git(place.clone, "rev-parse", "origin/main")
    tree = git(place.clone, "merge-tree", "--write-tree", base, head).split("\n")[0]
    who = ("-c", "user.name=GitHub", "-c", "user.email=noreply@example.org")
    merge = git(place.clone, *who, "commit-tree", tree, "-p", base, "-p", head, "-m", f"Merge {head} into {base}")
    for end, oid in (("head", head), ("merge", merge)):
        git(place.clone, "push", "--quiet", "origin", f"+{oid}:refs/pull/{number}/{end}")
    return head, merge


def pull_request(place: Scratch, folder: Path, head: str, merge: str, words: str = "A job") -> Hosted:
    """The machines that judge it. `words` are its title, its branch and its author's name."""
    event: dict[str, Any] = {
        "action": "opened",
        "number": 12,
        "repository": {"full_name": REGISTRY, "private": False},
        "pull_request": {
            "number": 12,
            "title": words,
            "user": {"login": words},
            "base": {"sha": git(place.remote, "rev-parse", "main"), "ref": "main"},
            "head": {"sha": head, "ref": words, "repo": {"full_name": "mallory/fork"}},
        },
    }
    return Hosted(folder, place.remote, "pull_request", event, "refs/pull/12/merge", merge)


def completed(folder: Path, remote: Path, api: Forge, head: str, words: str = "A job") -> Hosted:
    """The machines that work when its workflow is over; its artifacts are in the folder's store."""
    run = {"event": "pull_request", "conclusion": "failure", "id": 7001, "head_sha": head, "head_branch": words}
    event = {"workflow_run": run, "repository": {"full_name": REGISTRY, "private": False}}
    api.token = "the-job-s-own-token"
    return Hosted(folder, remote, "workflow_run", event, sha="5" * 40, api=api.url)
