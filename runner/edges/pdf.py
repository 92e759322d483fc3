"""A run's page on paper, by WeasyPrint (extra `pdf`). It is given the whole document, and fetches nothing.

The same page gives the same bytes on one machine: the only time in the file is the one it is given. Fonts are the
machine's, so another machine's file differs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from runner.edges.extras import install
from runner.errors import Environment


def pdf(document: str, style: str, seconds: int) -> bytes:
    """A document of HTML as PDF. `seconds` since 1970 is when the file says it was made. Raises `Environment` where
    WeasyPrint, or a library that it needs, is not installed."""
    try:
        weasyprint: Any = import_module("weasyprint")
        fetcher: Any = import_module("weasyprint.urls").URLFetcher
    except (ImportError, OSError) as error:
        pango = "and Pango (Debian, Ubuntu: apt install libpango-1.0-0 libharfbuzz-subset0)"
        hint = f"{install('weasyprint')}, {pango}"
        raise Environment("pdf-missing", f"WeasyPrint cannot be loaded: {error}", hint) from None

    class Nothing(fetcher):  # type: ignore[misc] # the class of a package that may be absent
        """Pictures stand in the document as data; everything else is refused."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            """The data of a `data:` address."""
            if not url.startswith("data:image/svg+xml;base64,"):
                raise ValueError("a report fetches nothing")
            return super().fetch(url, headers)

    with _at(seconds):
        made = weasyprint.HTML(string=document, url_fetcher=Nothing()).write_pdf(
            stylesheets=[weasyprint.CSS(string=style)]
        )
    assert isinstance(made, bytes)
    return made


@contextmanager
def _at(seconds: int) -> Iterator[None]:
    """WeasyPrint takes the time of a file from the environment."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = str(seconds)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before
