"""Codes of `beacon ci`: what a forge, or an artifact of a workflow, says."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "artifact-malformed": Note(
        "An artifact is not what beacon writes",
        "The workflow of a pull request can be changed by it, so what it leaves is read strictly, or not at all.",
        "run the workflow again on the newest base; if it stays so, look at what the pull request does to workflows",
    ),
    "forge-answer": Note(
        "The forge's answer is not as documented",
        "Beacon reads a few fields of GitHub's REST API, version 2022-11-28, and one of them was not there.",
        "look whether GITHUB_API_URL leads to a forge with that API",
    ),
    "forge-refused": Note(
        "The forge did not do what was asked",
        "The message holds the status and the forge's own words.",
        "the job needs `pull-requests: write`, and its token in GITHUB_TOKEN",
    ),
    "repository-name": Note(
        "Not the name of a repository",
        "Paths of the forge's API are made of it, so it has to be OWNER/NAME.",
        "set GITHUB_REPOSITORY, as GitHub Actions does",
    ),
    "token-missing": Note(
        "There is no token for the forge",
        "Comments are written in somebody's name, and the token says in whose.",
        "in a workflow: `env: GITHUB_TOKEN: ${{ github.token }}` on that one step",
    ),
}
