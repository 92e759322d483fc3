"""Every Markdown page and every picture that shows a stranger's text, made of one text; and what a reader gets of it.

`shape` is all of a rendered page but the words inside code: two pages of one shape differ in nothing that can act.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import NamedTuple

from runner.model.report import Described
from runner.plan import Idle, Plan
from runner.rendering import answerpage
from runner.rendering.badges import FOLDER as BADGES
from runner.rendering.jobpages import JobSummary, badge_files, ended_page, history_page, index_page, summarise
from runner.rendering.neutral import fence, inline
from runner.rendering.planview import as_markdown
from runner.rendering.render import run_page
from tests import make
from tests.test_render import FOLDER, judged, start, written_by

SHORT = 300
"""Bytes up to which no part of a page is cut, so that one shape is asked of all texts."""

_VOLATILE = re.compile(
    r"[0-9,]+ bytes?(, cut here; the link has all of it)?"
    r"|(?<=provider 2 of EU \()(its id is no plain word|[A-Za-z0-9./+:-]{1,16}…?)(?=\))"
)


class Sinks(NamedTuple):
    """Markdown and SVG, by name."""

    pages: dict[str, str]
    pictures: dict[str, str]


def sinks(text: str) -> Sinks:
    """All of them for one text."""
    bundle, diff = written_by(text)
    run = summarise(f"{FOLDER}/runs/{bundle.run.short}", bundle.run, diff, "2026-11-22T03:00:00Z")
    job = JobSummary(FOLDER, (run.look,), run)
    history = history_page(FOLDER, [run])
    files = run_page(bundle, diff, make.CID)
    plan = Plan((), (), (), (), (), (Idle(text, "invalid", text),))
    pages = {
        "run": files["README.md"].decode(),
        "history": history["README.md"].decode(),
        "index": index_page([job]).decode(),
        "cancelled": ended_page(start(), "cancelled", "2026-11-22T04:00:00Z", bundle.receipts).decode(),
        "plan": as_markdown(plan),
        "parts": f"# {inline(text)}\n\n- {inline(text, 300)}\n\n{fence(text)}\n",
        "fields": fields(text),
    }
    drawn = files | history | {path.removeprefix(f"{BADGES}/"): raw for path, raw in badge_files(job).items()}
    return Sinks(pages, {name: raw.decode() for name, raw in drawn.items() if name.endswith(".svg")})


def fields(text: str) -> str:
    """Two JSON answers that have the text as a key and as a value, and a literal that the job leaves out, in tables."""
    one, other = ({text: n, "list": [f"{text}{n}", f"{n}{text}"]} for n in (1, 2))
    found = answerpage.fields(json.dumps(one).encode(), json.dumps(other).encode(), ())
    assert found is not None
    target = judged().targets[0]
    regions = tuple(region.model_copy(update={"described": _ignoring(region.described)}) for region in target.regions)
    counted = target.model_copy(update={"described": _ignoring(target.described), "regions": regions})
    numbers = answerpage.numbers(counted, (text, text[:40]))
    rows = [*found.rows, *numbers.kinds]
    return "| a | b | c | d |\n|---|---|---|---|\n" + "".join(f"|{'|'.join(row)}|\n" for row in rows)


def _ignoring(described: Described | None) -> Described:
    """The same answers of a job that leaves out two literals."""
    assert described is not None
    return described.model_copy(update={"ignored": (1, 0)})


class _Reader(HTMLParser):
    """Tags, their attributes, and text outside code. Never gives up, as browsers do not."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[tuple[str, ...]] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag in ("code", "pre")
        self.parts.append(("<", tag, *(f"{name}={_VOLATILE.sub('…', value or '')}" for name, value in sorted(attrs))))

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "pre")
        self.parts.append((">", tag))

    def handle_data(self, data: str) -> None:
        if not self._code and data.strip():
            self.parts.append(("text", _VOLATILE.sub("…", " ".join(data.split()))))

    def handle_comment(self, data: str) -> None:
        self.parts.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        self.parts.append(("declaration", decl))

    def handle_pi(self, data: str) -> None:
        self.parts.append(("instruction", data))

    def unknown_decl(self, data: str) -> None:
        self.parts.append(("declaration", data))


def shape(html: str) -> list[tuple[str, ...]]:
    """Everything that an HTML parser sees in a page but the words inside code."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.parts


def is_inert(html: str, harmless: list[tuple[str, ...]], text: str) -> bool:
    """Whether a rendered page is a harmless one with other words in code. Of a long text parts are cut, with remarks
    of ours: there, no kind of tag, link or attribute may be new."""
    found = shape(html)
    if len(text.encode(errors="replace")) <= SHORT:
        return found == harmless
    return {part for part in found if part[0] != "text"} <= {part for part in harmless if part[0] != "text"}
