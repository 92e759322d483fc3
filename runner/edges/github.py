"""The one comment of a pull request, by GitHub's REST API (version 2022-11-28): found again, and updated in place.

Which pull request it is, only the API says: by the commit at its head, among those that are open. `GET
/commits/SHA/pulls` knows nothing of commits of forks, so the open pull requests are gone through, latest change first.
A comment is ours if it begins with our marker *and* is by the account that writes for us: anybody can write a marker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from runner.edges.ipfs.http import Web
from runner.errors import Environment, Usage
from runner.ports import PinFailed
from runner.rendering.proposalpage import PullRequest

_PAGE = 100
_PULLS, _COMMENTS = 10, 50
"""Pages that are read: 1,000 open pull requests, 5,000 comments."""
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_SHA = re.compile(r"[0-9a-f]{40}")

Done: TypeAlias = Literal["created", "updated", "unchanged", "needless"]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Repository(_Said):
    full_name: str


class _Side(_Said):
    sha: Annotated[str, Field(pattern=_SHA.pattern)]
    ref: str
    repo: _Repository | None = None


class _Pull(_Said):
    number: Annotated[int, Field(gt=0, lt=2**53)]
    head: _Side
    base: _Side


class _Account(_Said):
    login: str


class _Comment(_Said):
    id: Annotated[int, Field(gt=0, lt=2**63)]
    body: str | None = None
    user: _Account | None = None


_PULL_LIST, _COMMENT_LIST = TypeAdapter(list[_Pull]), TypeAdapter(list[_Comment])


class GitHub:
    """A repository on GitHub, or on a server of that API. Every method raises `Environment` where it does not answer as
    documented."""

    def __init__(self, web: Web, repository: str) -> None:
        """`repository` is OWNER/NAME. Raises `Usage` for anything else."""
        if not _REPOSITORY.fullmatch(repository):
            raise Usage("repository-name", f"{repository[:100]!r} is not OWNER/NAME", "GITHUB_REPOSITORY holds it")
        self._web = web
        self._name = repository

    def pulls(self, head: str) -> list[PullRequest]:
        """The open pull requests to this repository whose head is this commit now. Raises `Usage` for what is no id."""
        if not _SHA.fullmatch(head):
            raise Usage("revision-unknown", f"{head[:100]!r} is not the id of a commit: 40 hex digits")
        query = (("state", "open"), ("sort", "updated"), ("direction", "desc"))
        return [
            PullRequest(pull.number, pull.base.ref, pull.head.sha)
            for page in self._pages("pulls", query, _PULL_LIST, _PULLS)
            for pull in page
            if pull.head.sha == head and pull.base.repo and pull.base.repo.full_name == self._name
        ]

    def put_comment(self, number: int, marker: str, author: str, body: str, worth: bool = True) -> Done:
        """Leave exactly this comment: the first one of ours gets the new text; else, if `worth` it, one is written."""
        pages = self._pages(f"issues/{number}/comments", (), _COMMENT_LIST, _COMMENTS)
        ours = (
            one
            for page in pages
            for one in page
            if one.user and one.user.login == author and (one.body or "").startswith(marker)
        )
        found = next(ours, None)
        if found is None and not worth:
            return "needless"
        if found is None:
            self._call("POST", f"issues/{number}/comments", document={"body": body})
            return "created"
        if (found.body or "").replace("\r\n", "\n").rstrip() == body.rstrip():
            return "unchanged"
        self._call("PATCH", f"issues/comments/{found.id}", document={"body": body})
        return "updated"

    def _pages(
        self, path: str, query: tuple[tuple[str, str], ...], form: TypeAdapter[list[Any]], most: int
    ) -> Iterator[list[Any]]:
        for number in range(1, most + 1):
            answer = self._call("GET", path, (*query, ("per_page", str(_PAGE)), ("page", str(number))))
            try:
                page = form.validate_python(answer)
            except ValidationError:
                raise Environment("forge-answer", f"GitHub's answer to {path} is not as documented") from None
            yield page
            if len(page) < _PAGE:
                return

    def _call(self, method: str, path: str, query: tuple[tuple[str, str], ...] = (), document: Any = None) -> Any:
        try:
            called = self._web.call(method, f"repos/{self._name}/{path}", query, document=document, headers=_HEADERS)
            return called.json()
        except PinFailed as error:
            raise Environment(
                "forge-refused",
                f"GitHub did not do {method} {path}: {error.why}",
                "the job needs `pull-requests: write`, and its token in GITHUB_TOKEN",
            ) from None
