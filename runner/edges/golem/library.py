"""yapapi, imported late, quietly, and with words for a person where it is missing.

It imports `pkg_resources`, which setuptools 82 removed; the extra `golem` pins an older one. Importing it takes more
than a second, so nothing does before a daemon is spoken to.
"""

from __future__ import annotations

import functools
import warnings
from importlib import import_module, metadata
from typing import Any, NamedTuple

from runner.errors import Environment

HINT = "pip install 'beacon-runner[golem]', which brings yapapi 0.13.1 and a setuptools below 81"


class Library(NamedTuple):
    """The modules that are used. `payment`, `market` and `activity` are those of ya-aioclient, below yapapi's own."""

    config: Any
    rest: Any
    market: Any
    activity: Any
    payment: Any
    aiohttp: Any
    version: str


@functools.cache
def load() -> Library:
    """Import it. Raises `Environment` with the code `golem-library`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pkg_resources' farewell, and certifi's
        try:
            names = ("yapapi.config", "yapapi.rest", "ya_market", "ya_activity", "ya_payment", "aiohttp")
            modules: list[Any] = [import_module(name) for name in names]
            return Library._make([*modules, metadata.version("yapapi")])
        except ImportError as error:
            why = f"there is no module {error.name}" if error.name else str(error)
            raise Environment("golem-library", f"yapapi cannot be imported: {why}", HINT) from None
