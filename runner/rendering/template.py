"""Filling a template: the last step of every page.

Promises: only neutralised text reaches a Markdown page, because its template prints `Safe` values and whole numbers and
nothing else; and none is larger than `LARGEST`. What a page says is up to `render.py` and its like. HTML pages
have the shell in common: there, everything but the body is escaped (`htmlpage.py`).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from runner.rendering.neutral import Safe

if TYPE_CHECKING:
    from jinja2 import Environment, Template

LARGEST = 200_000
"""Bytes of a page: what a forge still shows."""


def fill(template: str, **values: Any) -> bytes:
    """The page that a file of `runner/rendering/templates/` makes of these values."""
    page = environment().get_template(template).render(values).encode()
    assert len(page) <= LARGEST, f"{template} has {len(page)} bytes"
    return page


@cache
def environment() -> Environment:
    """Jinja2, imported when the first page is rendered: it takes longer than `beacon --help` may."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("runner.rendering", "templates"),
        autoescape=False,  # noqa: S701 - pages are Markdown: what reaches them is `Safe`, not HTML-escaped
        undefined=StrictUndefined,
        finalize=_only_safe,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def template(name: str) -> Template:
    """A file of `runner/rendering/templates/` for HTML: strings are escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    jinja = Environment(
        loader=PackageLoader("runner.rendering", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return jinja.get_template(name)


def _only_safe(value: object) -> object:
    """Whatever a template prints passes here. Raises `TypeError` for text that was not neutralised."""
    if isinstance(value, Safe) or type(value) is int:
        return value
    raise TypeError(f"a template may only print Safe text and whole numbers, not {type(value).__name__}: {value!r}")
