"""Reports as HTML: the same words as the Markdown, links that lead somewhere, and nothing that acts or asks outside."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.model import sha256
from runner.ports import Blob
from runner.rendering.htmlpage import POLICY, Links, document, file_page, page_of
from runner.rendering.neutral import fence, inline, visible
from runner.rendering.site import site
from runner.rendering.template import template
from tests.hostile import ATTACKS
from tests.ticks import state
from tests.worlds import Registry, job_file

ALLOWED = set(
    re.findall(
        r"\w+",
        "html head meta title link body nav main a h1 h2 h3 h4 h5 h6 p ul ol li strong em br code pre span div table "
        "thead tbody tr th td details summary img blockquote hr",
    )
)
ATTRIBUTES = set(
    re.findall(
        r"[\w-]+", "lang charset http-equiv content name rel href aria-label id class tabindex src alt style start"
    )
)
NOTHING = Links(target=lambda _: None, picture=lambda _: None)


class Seen(HTMLParser):
    """What a browser finds: elements with attributes, and the text."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, Mapping[str, str | None]]] = []
        self.text = ""
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.elements.append(("comment", {"data": data}))

    def unknown_decl(self, data: str) -> None:
        self.elements.append(("declaration", {"data": data}))

    def handle_pi(self, data: str) -> None:
        self.elements.append(("instruction", {"data": data}))

    def addresses(self) -> Iterator[str]:
        """Whatever an element points to."""
        for _, attributes in self.elements:
            yield from (str(attributes[name]) for name in ("href", "src") if name in attributes)


def demand_harmless(page: bytes) -> Seen:
    """Fail unless the page is made of known elements and attributes alone, and points to nothing outside."""
    seen = Seen(page)
    assert {tag for tag, _ in seen.elements} <= ALLOWED
    assert {name for _, attributes in seen.elements for name in attributes} <= ATTRIBUTES
    for address in seen.addresses():
        assert address.startswith("data:image/svg+xml;base64,") or not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//", address)
    assert [attributes["content"] for tag, attributes in seen.elements if "http-equiv" in attributes] == [POLICY]
    return seen


class Folder:
    """A snapshot of some files."""

    commit: str | None = None

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def files(self, prefix: str) -> Mapping[str, Blob]:
        return {path: Blob(path, "100644") for path in self._files if path.startswith(f"{prefix}/")}

    def read(self, path: str) -> bytes | None:
        return self._files.get(path)

    def read_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        return {path: self._files[path] for path in paths if path in self._files}

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        return {path: sha256(raw) for path, raw in self.read_all(paths).items()}

    def exists(self, path: str) -> bool:
        return path in self._files


@pytest.fixture(scope="module")
def published() -> Registry:
    """A registry with a run, scheduled ones, and a cancelled one."""
    registry = Registry()
    registry.submit(job_file())
    registry.submit(job_file("daily", schedule="0 3 * * *"))
    registry.act()
    registry.wait(days=1)
    gone = registry.submit(job_file("gone"))
    registry.act(stop=True)
    registry.remove(gone)
    registry.act()
    return registry


@pytest.fixture(scope="module")
def pages(published: Registry) -> Mapping[str, bytes]:
    """Its site."""
    return dict(site(state(published).snapshot))


def test_each_markdown_page_has_its_twin(published: Registry, pages: Mapping[str, bytes]) -> None:
    markdown = [path for path in published.files("reports") if path.endswith(".md")]
    twins = {path.removeprefix("reports/").replace("README.md", "index.html") for path in markdown}
    assert len(twins) > 5
    assert twins <= pages.keys()
    assert {path for path in pages if path.endswith("index.html")} == twins


def test_the_words_are_the_same(published: Registry, pages: Mapping[str, bytes]) -> None:
    def words(text: str) -> list[str]:
        return re.findall(r"[A-Za-z0-9]{2,}", text)

    for path in ("README.md", "jobs/alice/who/README.md"):
        markdown = published.read(f"reports/{path}").decode()
        page = Seen(pages[path.replace("README.md", "index.html")])
        plain = re.sub(r"\]\([^)]*\)|\n```\w*|!\[[^\]]*", "", markdown)
        body = page.text[page.text.index("All jobs") :] if "jobs/" in path else page.text
        assert not set(words(plain)) - set(words(body)), path


def test_pages_are_harmless_and_their_links_lead_somewhere(pages: Mapping[str, bytes]) -> None:
    for path, raw in pages.items():
        if not path.endswith(".html"):
            continue
        seen = demand_harmless(raw)
        ids = {attributes["id"] for _, attributes in seen.elements if "id" in attributes}
        for address in seen.addresses():
            place, _, part = address.partition("#")
            assert (
                address.startswith("data:")
                or not place
                or posixpath.normpath(posixpath.join(posixpath.dirname(path), place)) in pages
            ), (path, address)
            assert place or not part or part in ids, (path, address)


def test_the_site_holds_pages_and_one_style_sheet_alone(pages: Mapping[str, bytes]) -> None:
    assert {path for path in pages if not path.endswith(".html")} == {"style.css"}
    assert b"url(" not in pages["style.css"]
    assert b"@import" not in pages["style.css"]
    assert b"prefers-color-scheme: dark" in pages["style.css"]


def test_pictures_stand_in_the_page_with_their_words(pages: Mapping[str, bytes]) -> None:
    page = next(raw for path, raw in pages.items() if path.startswith("jobs/alice/who/runs/") and path.count("/") == 5)
    pictures = [attributes for tag, attributes in Seen(page).elements if tag == "img"]
    assert pictures
    assert all(str(picture["alt"]).endswith("SIMULATED.") for picture in pictures)


def test_the_same_commit_gives_the_same_bytes(published: Registry, pages: Mapping[str, bytes]) -> None:
    template.cache_clear()
    assert dict(site(state(published).snapshot)) == pages


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_somebody_else_wrote_acts_nowhere(attack: str) -> None:
    """Not neutralised at all: a stranger's clone may hold any page and any file."""
    links = "[file](x.txt) ![p](p.svg) [out](../secret.txt) [abs](/etc/passwd)"
    table, fold = f"| a |\n|---|\n| {attack} |", f"<details>\n<summary>{attack}</summary>"
    hostile = f"# Title\n\n{links}\n\n{attack}\n\n- {attack}\n\n{table}\n\n{fold}\n"
    files = {
        "reports/README.md": hostile.encode(errors="replace"),
        "reports/x.txt": attack.encode(errors="replace"),
        "reports/p.svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "secret.txt": b"secret",
    }
    made = dict(site(Folder(files)))
    assert made.keys() == {"style.css", "index.html", "x.txt.html"}
    for path in ("index.html", "x.txt.html"):
        demand_harmless(made[path])
    assert visible(attack.encode(errors="replace").decode()) in Seen(made["x.txt.html"]).text


@pytest.mark.parametrize("attack", ATTACKS)
def test_neutralised_text_stays_as_it_is_shown(attack: str) -> None:
    page = document(page_of(f"# T\n\n{inline(attack, 500)}\n\n{fence(attack)}\n", NOTHING), "s.css", None)
    seen = demand_harmless(page)
    for line in visible(attack).split("\n"):
        assert line[:60] in seen.text


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300), st.binary(max_size=200))
def test_no_text_and_no_file_makes_a_page_that_acts(text: str, raw: bytes) -> None:
    demand_harmless(document(page_of(text, NOTHING), "s.css", None))
    demand_harmless(document(file_page(text, raw, "0" * 64), "s.css", "index.html"))


def test_headings_have_addresses_of_their_own() -> None:
    body = page_of("# A & B\n\n## Again\n\n## Again\n\n### `code` x\n", NOTHING).body
    assert re.findall(r'id="([^"]*)"', body) == ["a--b", "again", "again-1", "code-x"]


def test_a_file_that_is_no_text_says_so() -> None:
    page = file_page("reports/x", b"\xff\x00a", "f" * 64)
    assert "no UTF-8" in page.body
    assert "�⟦U+0000⟧a" in page.body


def test_a_page_that_is_neutral_already_is_not_marked_twice() -> None:
    assert visible("\u202e⟦") in page_of(visible("\u202e⟦"), NOTHING).body
