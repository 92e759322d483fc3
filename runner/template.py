"""Filling a template: the last step of every Markdown page.

Promises: only neutralised text reaches a page, because a template prints `Safe` values and whole numbers and nothing
else; and no page is larger than `LARGEST`. What a page says is up to `runner/render.py` and its like.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from runner.neutral import Safe

if TYPE_CHECKING:
    from jinja2 import Environment

LARGEST = 200_000
"""Bytes of a page: what a forge still shows."""


def fill(template: str, **values: Any) -> bytes:
    """The page that a file of `runner/templates/` makes of these values."""
    page = environment().get_template(template).render(values).encode()
    assert len(page) <= LARGEST, f"{template} has {len(page)} bytes"
    return page


@cache
def environment() -> Environment:
    """Jinja2, imported when the first page is rendered: it takes longer than `beacon --help` may."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("runner", "templates"),
        autoescape=False,  # noqa: S701 - pages are Markdown: what reaches them is `Safe`, not HTML-escaped
        undefined=StrictUndefined,
        finalize=_only_safe,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _only_safe(value: object) -> object:
    """Whatever a template prints passes here. Raises `TypeError` for text that was not neutralised."""
    if isinstance(value, Safe) or type(value) is int:
        return value
    raise TypeError(f"a template may only print Safe text and whole numbers, not {type(value).__name__}: {value!r}")
