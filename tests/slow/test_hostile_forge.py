"""Hostile text in a forge that sanitises and in a real browser, and an accessibility linter's view of every page.

The programs are those of others: remark with GFM and GitHub's own sanitiser schema, headless Chromium, axe-core.
Skipped, with the reason, where Node, the packages or Chromium are missing. `BEACON_SHOTS=folder` keeps screenshots at
360 and 1280 pixels, light and dark, to be looked at."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.rendering.jobpages import JobSummary, badge_files, ended_page, history_page, index_page
from tests.hostile import ATTACKS
from tests.sinks import is_inert, shape, sinks
from tests.test_hostile import commonmark
from tests.test_render import FOLDER, page_of, start, summary, with_a_retry, with_a_swapped_model

pytestmark = pytest.mark.slow

PAGES = Path(__file__).parent.parent / "interop/pages"
CHROMIUM = os.environ.get("BEACON_CHROMIUM", "/usr/bin/chromium")


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs installed as locked."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no `node` and `npm` on PATH")
    folder = tmp_path_factory.mktemp("forge")
    for path in PAGES.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=0"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not install remark, axe-core and playwright-core within two minutes")
    if done.returncode:
        pytest.skip(f"npm cannot install them: {done.stderr.strip().splitlines()[0]}")
    return folder


def node(forge: Path, *arguments: str) -> Any:
    """What one of the scripts prints."""
    command = ["node", *arguments]
    done = subprocess.run(command, cwd=forge, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def browse(forge: Path, folder: Path, pages: Mapping[str, str], *how: str) -> list[dict[str, Any]]:
    """What a browser did with each of these files of a folder."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: set BEACON_CHROMIUM")
    for name, content in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode(errors="replace"))
    (folder / "pages.json").write_text(json.dumps([name for name in pages if name.endswith(".html")]))
    found: list[dict[str, Any]] = node(forge, "browse.mjs", str(folder), *how)
    return found


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((PAGES / "package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]
    assert all("resolved" not in package and package.get("integrity") for package in packages)


def test_a_forge_that_sanitises_shows_the_words_in_code_only(forge: Path, tmp_path: Path) -> None:
    plain = sinks("*harmless*").pages
    pages = [(text, name, page) for text in ATTACKS for name, page in sinks(text).pages.items()]
    asked = [page.encode(errors="replace").decode() for _, _, page in pages]
    (tmp_path / "pages.json").write_text(json.dumps([*plain.values(), *asked, *(f"{text}\n" for text in CONTROL)]))
    shown = node(forge, "render.mjs", str(tmp_path / "pages.json"))
    harmless = {name: shape(html) for name, html in zip(plain, shown, strict=False)}
    of_pages = shown[len(plain) : len(plain) + len(pages)]
    changed = [
        (name, text)
        for (text, name, _), html in zip(pages, of_pages, strict=True)
        if not is_inert(html, harmless[name], text)
    ]
    assert changed == []
    assert all("<a " in html or "<img" in html for html in shown[len(plain) + len(pages) :])


CONTROL = ("WWW.EVIL.EXAMPLE", "https://evil.example", "![x](https://evil.example/a.png)")


def document(*parts: str) -> str:
    return f"<!doctype html><html lang=en><title>Pages</title><body>{''.join(parts)}</body></html>"


def test_nothing_leaves_the_page_and_nothing_runs(forge: Path, tmp_path: Path) -> None:
    """Without any sanitiser, and with pictures inside the page, where their scripts would run."""
    pages: dict[str, str] = {}
    own = sinks("x").pictures.keys()
    for number, text in enumerate(ATTACKS):
        found = sinks(text)
        html = [commonmark(page) for page in found.pages.values()]
        pages[f"{number}.html"] = document(*html, *found.pictures.values())
    for seen in browse(forge, tmp_path, pages):
        assert (seen["dialogs"], seen["scripts"], seen["moved"]) == (0, 0, 0), seen
        foreign = [url for url in seen["requests"] if url.rpartition("/")[2] not in own]
        assert all(url.startswith("http://pages.test/") for url in seen["requests"]), seen
        assert foreign == [], seen


def test_the_browser_would_have_told(forge: Path, tmp_path: Path) -> None:
    """The same texts pasted plainly ask for pages elsewhere, and run."""
    pages = {f"{number}.html": document(text) for number, text in enumerate(ATTACKS)}
    found = browse(forge, tmp_path, pages)
    assert sum(bool(seen["scripts"] or seen["dialogs"]) for seen in found) >= 20
    assert sum(bool(seen["requests"]) for seen in found) >= 10


def test_an_accessibility_linter_finds_nothing(forge: Path, tmp_path: Path) -> None:
    """axe-core, at the width of a phone and of a desk, in light and in dark, with GitHub's style sheet,
    and links underlined, which GitHub does beside it."""
    runs = [
        summary(20, lambda _: "I am SmolLM."),
        summary(22),
        summary(21, lambda c: None if c.region == "US" else "x"),
    ]
    job = JobSummary(FOLDER, tuple(run.look for run in runs), runs[1])
    files: dict[str, bytes] = {"index/README.md": index_page([job])}
    files |= {f"index/{path.removeprefix('reports/')}": raw for path, raw in badge_files(job).items()}
    files |= {f"a/b/c/{name}": raw for name, raw in history_page(FOLDER, runs).items()}
    files |= {path.removeprefix("reports/"): raw for path, raw in badge_files(job).items()}
    files |= {f"run/{name}": raw for name, raw in page_of(with_a_retry())[1].items()}
    files |= {f"swapped/{name}": raw for name, raw in page_of(with_a_swapped_model())[1].items()}
    files["ended/README.md"] = ended_page(start(), "abandoned", "2026-11-22T04:00:00Z")
    pages = {
        "github.css": (forge / "node_modules/github-markdown-css/github-markdown.css").read_text()
        + "body{margin:0;background:#fff}.markdown-body{padding:16px;max-width:980px;margin:auto}"
        "@media (prefers-color-scheme:dark){body{background:#0d1117}}.markdown-body a{text-decoration:underline}"
    }
    for path, raw in files.items():
        if path.endswith(".md"):
            style = f"<link rel=stylesheet href={'../' * path.count('/')}github.css>"
            head = f"<meta name=viewport content='width=device-width'><title>Beacon</title>{style}"
            body = f"<main class=markdown-body>{commonmark(raw.decode())}</main>"
            pages[path.replace(".md", ".html")] = f"<!doctype html><html lang=en><head>{head}</head><body>{body}</body>"
        else:
            pages[path] = raw.decode()
    found = browse(forge, tmp_path, pages, "axe")
    if shots := os.environ.get("BEACON_SHOTS"):
        Path(shots).mkdir(parents=True, exist_ok=True)
        for path in tmp_path.glob("*.png"):
            shutil.copy(path, shots)
    assert len(found) == 4 * 5
    wrong = {(seen["path"], one["id"], node) for seen in found for one in seen["violations"] for node in one["nodes"]}
    assert wrong == set()
    assert [seen for seen in found if seen["requests"]] == []
    assert [seen["path"] for seen in found if seen["wide"] > 0] == []
