"""A registry's reports as a static site: `beacon report --html`. Pure.

Every Markdown page below `reports/` becomes a page (`htmlpage.py`), at the same place: `README.md` is
`index.html`. Every other file that a page links to becomes a page too, on which it is text: nothing that a model wrote
is ever served as a file of its own. The same commit gives the same bytes; all links are relative.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote

from runner.model import sha256
from runner.ports import Snapshot
from runner.rendering.htmlpage import STYLE, Links, document, file_page, page_of
from runner.rendering.template import template

ROOT = "reports"
_INDEX = f"{ROOT}/README.md"


def site(snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    """The site's files, path and bytes, one after another: a large registry's need not be in memory at once."""
    files = snapshot.files(ROOT)
    linked: dict[str, None] = {}
    yield STYLE, style()
    for path in sorted(path for path in files if path.endswith(".md")):
        here = _place(path)

        def target(address: str, path: str = path, here: str = here) -> str | None:
            wanted, _, part = address.partition("#")
            found = _resolved(path, wanted) if wanted else path
            if found not in files:
                return None
            if not found.endswith(".md"):
                linked.setdefault(found)
            place = "" if found == path else posixpath.relpath(_place(found), posixpath.dirname(here) or ".")
            return f"{place}#{part}" if part else place or posixpath.basename(here)

        def picture(address: str, path: str = path) -> bytes | None:
            found = _resolved(path, address)
            return snapshot.read(found) if found in files and found.endswith(".svg") else None

        text = (snapshot.read(path) or b"").decode("utf-8", "replace")
        yield here, document(page_of(text, Links(target, picture)), _from(here, STYLE), _home(here))
    for path in sorted(linked):
        here, raw = _place(path), snapshot.read(path) or b""
        yield here, document(file_page(path, raw, sha256(raw)), _from(here, STYLE), _home(here))


def style() -> bytes:
    """The one style sheet."""
    return template("style.css").render().encode()


def _place(path: str) -> str:
    """Where a file's page stands in the site."""
    below = path.removeprefix(f"{ROOT}/")
    folder, name = posixpath.split(below)
    if name == "README.md":
        return posixpath.join(folder, "index.html")
    return f"{below.removesuffix('.md')}.html"


def _resolved(page: str, address: str) -> str:
    """The path in the repository that a page's relative address means."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(address)))


def _from(here: str, other: str) -> str:
    return posixpath.relpath(other, posixpath.dirname(here) or ".")


def _home(here: str) -> str | None:
    return None if here == _place(_INDEX) else _from(here, _place(_INDEX))
